"""NeuralSeed's C++ headers (and those of its descendants): GRU models as assignments, read only.

    Model.rec_weight_ih_l0 = {{...}, ...};  [I][3H]      columns: update, reset, new
    Model.rec_weight_hh_l0                  [H][3H]
    Model.lin_weight [1][H]   Model.lin_bias [1]   Model.rec_bias [2][3H]: input side, recurrent side

A collection holds several, Model1, Model2, ...: `size` picks one by name, else the first is read.
"""

import re

from .. import layers as L
from ..errors import UpedalError
from . import recurrent
from .checked import array

MOST_BYTES = 4 << 20
MOST_STATEMENTS = 10_000
_RATE_HZ = 48000  # the Daisy's
_FIELDS = ("rec_weight_ih_l0", "rec_weight_hh_l0", "lin_weight", "lin_bias", "rec_bias", "levelAdjust")
_ASSIGNMENT = re.compile(r"\b([A-Za-z_]\w{0,99})\.(" + "|".join(_FIELDS) + r")\s*=")
_COMMENT = re.compile(r"/[*/]")
_TOKEN = re.compile(r"[{}]|[^{},\s]+")
_COMMENTED = re.compile(r"^ *(skip|unit_type) *: *(\w+) *$", re.MULTILINE)


def detect(data, name):
    return b"rec_weight_ih_l0" in data or name.lower().endswith((".h", ".hpp"))


def read(data, name, *, size=None, warn=print):
    if len(data) > MOST_BYTES:
        raise UpedalError(f"{name}: {len(data)} bytes; expected a header of at most {MOST_BYTES}")
    text, comments = _split_comments(data.decode("utf-8", errors="replace"))
    models = {}
    for statement in text.split(";", MOST_STATEMENTS)[:-1]:
        match = _ASSIGNMENT.search(statement)
        if match:
            models.setdefault(match.group(1), {})[match.group(2)] = statement[match.end() :]
    models = {title: fields for title, fields in models.items() if "rec_weight_ih_l0" in fields}
    if not models:
        raise UpedalError(f"{name}: no 'rec_weight_ih_l0 = {{...}};'; expected a header as NeuralSeed's")
    title = size if isinstance(size, str) and size in models else next(iter(models))
    if len(models) > 1:
        warn(f"{name}: holds {', '.join(models)}; {title} is read")
    notes = dict(_COMMENTED.findall(comments)) if len(models) == 1 else {}
    model = _model(models[title], notes, f"{name}: {title}", warn)
    model.rate_hz = recurrent.rate_of(name, _RATE_HZ, warn)
    model.meta = recurrent.title(name) | model.meta
    if len(models) > 1:
        model.meta["name"] += f" {title}"
    return model


def write(model, name, *, warn=print):
    raise UpedalError(f"{name}: NeuralSeed's headers are read only; expected .upm, JSON or C as target")


def _split_comments(text):
    """(the text without comments, the comments), in time linear in its length."""
    code, comments, at = [], [], 0
    while match := _COMMENT.search(text, at):
        block = match.group() == "/*"
        end = text.find("*/" if block else "\n", match.end())
        end = len(text) if end < 0 else end
        code.append(text[at : match.start()] + " ")
        comments.append(text[match.end() : end])
        at = end + 2 if block else end
    return "".join(code) + text[at:], "\n".join(comments)


def _nested(text, where):
    """Lists of lists of texts, from braces."""
    top = []
    stack = [top]
    for token in (match.group() for match in _TOKEN.finditer(text)):
        if token == "{" and len(stack) < 4:
            stack[-1].append([])
            stack.append(stack[-1][-1])
        elif token == "}" and len(stack) > 1:
            stack.pop()
        elif token in "{}":
            raise UpedalError(f"{where}: braces do not match")
        else:
            stack[-1].append(token.rstrip("fF"))
    if len(stack) > 1 or len(top) != 1:
        raise UpedalError(f"{where}: expected one list in braces")
    return top[0]


def _take(fields, key, shape, where):
    if key not in fields:
        raise UpedalError(f"{where}: no {key!r}; expected {' x '.join(map(str, shape))} numbers")
    return recurrent.matrix(_nested(fields[key], f"{where}.{key}"), shape, f"{where}.{key}")


def _model(fields, notes, where, warn):
    if notes.get("unit_type", "GRU") != "GRU":
        raise UpedalError(f"{where}: unit_type {notes['unit_type']}; expected GRU")
    inputs = _count(fields, "rec_weight_ih_l0", recurrent.MOST_INPUTS, where)
    hidden = _count(fields, "rec_weight_hh_l0", recurrent.WIDEST, where)
    w_ih = _take(fields, "rec_weight_ih_l0", (inputs, 3 * hidden), where)
    w_hh = _take(fields, "rec_weight_hh_l0", (hidden, 3 * hidden), where)
    bias = _take(fields, "rec_bias", (2, 3 * hidden), where)
    weight, lin_bias = _take(fields, "lin_weight", (1, hidden), where), _take(fields, "lin_bias", (1,), where)
    torch = [recurrent.swap_gates(a) for a in (w_ih.T, w_hh.T, bias[0], bias[1])]
    layers = recurrent.chain([L.Gru(*torch), L.Dense(weight, lin_bias)])
    if notes.get("skip") != "0":
        layers.append(L.Add(2, 0, 2))
    model = L.Model(layers, _RATE_HZ, knobs=recurrent.knobs(inputs - 1))
    if "levelAdjust" in fields:
        level = float(array([fields["levelAdjust"].strip().rstrip("fF")], (1,), f"{where}.levelAdjust")[0])
        warn(f"{where}: levelAdjust {level:g}, a gain behind the net in its player, is not applied")
        model.meta["level_adjust"] = f"{level:g}"
    return model


def _count(fields, key, most, where):
    rows = len(_nested(fields.get(key, "{}"), f"{where}.{key}"))
    if not 1 <= rows <= most:
        raise UpedalError(f"{where}.{key}: {rows} rows; expected 1 to {most}")
    return rows
