"""Edits a rig's own text: what was changed while it played goes back into the script or the table.

Effects are numbered as the pedal does: parts before what holds them, a Chain only its parts. An edit touches
the bytes of the value it changes and nothing else.
"""

import ast
import json
import os
import re
import tempfile
from itertools import takewhile
from pathlib import Path

from .errors import UpedalError

_PARTS = ("branch_a", "branch_b", "wet", "effects")


def save(path, edits):
    """Apply edits, one after the other, to the rig at `path`; the file is replaced as a whole or not at all.

    An edit is ("set", number, parameter, value), ("replace", number, table), ("remove", number),
    ("insert", at, table), ("off", name, bool), ("scene", name, scene) or ("tempo", bpm); tables are as
    device/pedal/table.py reads them, `number` counts effects, `at` what stands in the Rig's own line.
    Raises UpedalError with the line that would have to change by hand.
    """
    path = Path(path).resolve()
    text = path.read_bytes().decode()  # line ends stay what they are
    edit = _edit_table if path.suffix == ".json" else _edit_script
    for step in edits:
        text = edit(path, text, step)
    if edit is _edit_script:
        _parse(path, text)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        os.chmod(name, path.stat().st_mode & 0o777)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# ---- scripts ----


def _edit_script(path, text, step):
    tree = _parse(path, text)
    rig = _rig_call(path, tree)
    kind = step[0]
    if kind == "set":
        call = _leaf(path, tree, rig, step[1])
        return _with_keyword(text, call, step[2], repr(step[3]))
    if kind == "replace":
        call = _leaf(path, tree, rig, step[1])
        return _imported(_splice(text, call, source(step[2])), step[2])
    if kind == "remove":
        return _without(path, text, rig, _leaf(path, tree, rig, step[1], direct=True))
    if kind == "insert":
        return _imported(_inserted(text, rig, step[1], source(step[2])), step[2])
    if kind == "tempo":
        return _with_keyword(text, rig, "tempo_bpm", repr(step[1]))
    if kind == "off":
        return _with_line(text, tree, f"rig.bypass({step[1]!r})", step[2])
    return _with_scene(text, tree, step[1], step[2])


def _imported(text, table):
    """The script with the classes of a table in its `from pedal import ...`, or in one of its own."""
    tree = ast.parse(text)
    known = {name for line in tree.body for name in _given(line)}
    for name in sorted(_types(table) - known):
        lines = [line for line in ast.parse(text).body if isinstance(line, ast.ImportFrom)]
        places = [line for line in lines if line.module == "pedal" and line.names[0].name != "*"]
        if places:
            end = _span(text, places[0].names[-1])[1]
            text = f"{text[:end]}, {name}{text[end:]}"
        elif not any(line.module == "pedal" for line in lines):
            start = _span(text, tree.body[0])[0] if not lines else _span(text, lines[0])[0]
            text = f"{text[:start]}from pedal import {name}\n{text[start:]}"
    return text


def _given(line):
    """The names that a line of the script defines or imports."""
    if isinstance(line, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name for alias in line.names]
    return [getattr(line, "name", "")]


def _types(table):
    if isinstance(table, list):
        return set().union(*map(_types, table))
    if isinstance(table, dict):
        inner = set().union(*map(_types, table.values()))
        return inner | {table["type"]} if "type" in table else inner
    return set()


def _parse(path, text):
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 1)
        raise UpedalError(f"{path}, line {line}: {error}; change it by hand") from None


def _rig_call(path, tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if names == ["rig"] and _name(node.value) == "Rig":
                return node.value
    raise UpedalError(f"{path}: no line `rig = Rig(...)`; expected one to save changes in")


def _name(call):
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _leaves(tree, nodes):
    """(call, node where it stands in its list) of each effect, in the pedal's order."""
    for node in nodes:
        call = _resolve(tree, node)
        if isinstance(call, (ast.List, ast.Tuple)):
            yield from _leaves(tree, call.elts)
        elif isinstance(call, ast.Call):
            inner = call.args + [k.value for k in call.keywords if k.arg in _PARTS]
            if _name(call) in ("Split", "Blend", "Chain"):
                yield from _leaves(tree, inner)
            if _name(call) != "Chain":
                yield call, node
        elif not (isinstance(call, ast.Constant) and call.value is None):
            yield None, node  # who knows how many


def _resolve(tree, node):
    """The call that a name was last given at the top of the script."""
    if not isinstance(node, ast.Name):
        return node
    found = node
    for line in tree.body:
        if isinstance(line, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == node.id for target in line.targets
        ):
            found = line.value
    return found


def _leaf(path, tree, rig, number, direct=False):
    leaves = list(takewhile(lambda leaf: leaf[0], _leaves(tree, rig.args)))
    if not 0 <= number < len(leaves):
        raise UpedalError(
            f"{path}, line {rig.lineno}: effect {number + 1} is not written out there ({len(leaves)} are); "
            "change it by hand"
        )
    call, node = leaves[number]
    if direct and node not in rig.args:
        raise UpedalError(
            f"{path}, line {node.lineno}: {_name(call)} stands inside another; remove it by hand"
        )
    return node if direct else call


def _at(text, line, column):
    """Index into the text of a place as ast tells it: line from 1, column in UTF-8 bytes."""
    lines = _lines(text)
    before = lines[line - 1].encode()[:column].decode()
    return sum(len(part) for part in lines[: line - 1]) + len(before)


def _lines(text):
    """As ast counts them: str.splitlines() knows more ends than Python."""
    return re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)


def _span(text, node):
    return _at(text, node.lineno, node.col_offset), _at(text, node.end_lineno, node.end_col_offset)


def _splice(text, node, new):
    start, end = _span(text, node)
    return text[:start] + new + text[end:]


def _with_keyword(text, call, name, value):
    for keyword in call.keywords:
        if keyword.arg == name:
            return _splice(text, keyword.value, value)
    given = call.args + [keyword.value for keyword in call.keywords]
    if given:
        end = max(_span(text, node)[1] for node in given)
        return f"{text[:end]}, {name}={value}{text[end:]}"
    end = _span(text, call)[1] - 1  # the closing parenthesis
    return f"{text[:end]}{name}={value}{text[end:]}"


def source(table):
    """The call that makes what a table describes."""
    if isinstance(table, list):
        return "[" + ", ".join(source(part) for part in table) + "]"
    if not (isinstance(table, dict) and "type" in table):
        return repr(table)
    parts = [
        f"{key}={source(value)}" for key, value in table.items() if key not in ("type", "effects")
    ]
    inner = [source(part) for part in table.get("effects", ())]
    return f"{table['type']}({', '.join(inner + parts)})"


def _inserted(text, rig, at, source):
    if at < len(rig.args):
        start = _span(text, rig.args[at])[0]
        return f"{text[:start]}{source}, {text[start:]}"
    if rig.args:
        end = _span(text, rig.args[-1])[1]
        return f"{text[:end]}, {source}{text[end:]}"
    start = _span(text, rig.func)[1] + 1
    return f"{text[:start]}{source}{', ' if rig.keywords else ''}{text[start:]}"


def _without(path, text, rig, node):
    at = rig.args.index(node)
    after = rig.args[at + 1 :] or [keyword.value for keyword in rig.keywords[:1]]
    start, end = _span(text, node)
    if at + 1 < len(rig.args):
        end = _span(text, rig.args[at + 1])[0]
    elif at:
        start = _span(text, rig.args[at - 1])[1]
    elif after:
        end = text.index(",", end) + 1
    return (
        text[:start] + text[end:].lstrip(" ")
        if at + 1 < len(rig.args)
        else text[:start] + text[end:]
    )


def _with_line(text, tree, line, wanted):
    """With that statement, or without."""
    found = [node for node in tree.body if ast.unparse(node) == line]
    if wanted:
        return text if found else _appended(text, line)
    lines = _lines(text)
    for node in reversed(found):
        del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines)


def _appended(text, line):
    end = "\r\n" if "\r\n" in text else "\n"
    return text.rstrip("\r\n") + end + line + end


def _with_scene(text, tree, name, scene):
    line = f"rig.scenes[{name!r}] = {scene!r}"
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == f"rig.scenes[{name!r}]"
        ):
            return _splice(text, node, line)
    return _appended(text, line)


# ---- tables ----


def _edit_table(path, text, step):
    try:
        table = json.loads(text)
    except ValueError as error:
        raise UpedalError(f"{path}: {error}; expected a JSON table with effects") from None
    effects = table.setdefault("effects", [])
    kind = step[0]
    if kind in ("set", "replace", "remove"):
        leaves = list(_table_leaves(effects))
        if not 0 <= step[1] < len(leaves):
            raise UpedalError(
                f"{path}: effect {step[1] + 1} is not there; there are {len(leaves)}"
            )
        entry = leaves[step[1]]
        if kind == "set":
            entry[step[2]] = step[3]
        elif kind == "replace":
            kept = {key: entry[key] for key in ("name", "off") if key in entry}
            entry.clear()
            entry.update(step[2], **kept)
        elif any(other is entry for other in effects):
            table["effects"] = [other for other in effects if other is not entry]
        else:
            raise UpedalError(
                f"{path}: effect {step[1] + 1} stands inside another; remove it by hand"
            )
    elif kind == "insert":
        effects.insert(step[1], step[2])
    elif kind == "tempo":
        table["tempo_bpm"] = step[1]
    elif kind == "scene":
        table.setdefault("scenes", {})[step[1]] = step[2]
    else:
        _table_off(path, effects, step[1], step[2])
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _table_leaves(entries):
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict):
            for key in _PARTS:
                yield from _table_leaves(entry.get(key, []))
            if entry.get("type") != "Chain":
                yield entry


def _table_off(path, effects, name, off):
    taken = {}
    for entry in _table_leaves(effects):
        base = entry.get("name") or entry["type"].lower()
        taken[base] = taken.get(base, 0) + 1
        if name == (base if taken[base] == 1 else f"{base}{taken[base]}"):
            entry["off"] = True
            if not off:
                del entry["off"]
            return
    if off:
        raise UpedalError(f"{path}: no effect {name!r}")
