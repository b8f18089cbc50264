"""Other people's files are hostile until checked: JSON and its fields, bounded before they cost anything."""

import json
import re

import numpy as np

from ..errors import UpedalError

MOST_BYTES = 8 << 20  # the largest model files known are under 1 MB
DEEPEST = 32
MOST_LISTS = 200_000  # and objects: each costs 60 bytes and more, a number 30
MOST_STRINGS = 500_000
MOST_WEIGHTS = 2_000_000
# A string that is not closed takes all the rest: then the search is linear in the file's length.
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def parse_json(data, name):
    """The value of a JSON document (bytes). Raises UpedalError for what is too large, deep or no JSON."""
    if len(data) > MOST_BYTES:
        raise UpedalError(f"{name}: {len(data)} bytes; expected a model of at most {MOST_BYTES}")
    for what, count, most in (
        ("lists and objects", data.count(b"[") + data.count(b"{"), MOST_LISTS),
        ("texts", data.count(b'"') // 2, MOST_STRINGS),
    ):
        if count > most:
            raise UpedalError(f"{name}: {count} {what}; expected a model of at most {most}")
    depth = 0
    for match in _BRACKETS.finditer(data):
        first = match.group()[:1]
        depth += (first in b"[{") - (first in b"]}")
        if depth > DEEPEST:
            raise UpedalError(f"{name}: nested deeper than {DEEPEST}; expected a model")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as e:
        raise UpedalError(f"{name}: not JSON ({e})") from None


_MISSING = object()
_NAMES = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def field(obj, key, kind, where, default=_MISSING):
    """obj[key], which must be of `kind` (dict, list, str, bool, int, float), or the default where it is missing."""
    if not isinstance(obj, dict):
        raise UpedalError(f"{where}: found {_kind(obj)}; expected an object")
    value = obj.get(key, default)
    if value is _MISSING:
        raise UpedalError(f"{where}: no {key!r}; expected {_NAMES[kind]}")
    if value is default:
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 1e300 else np.inf
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UpedalError(f"{where}: {key!r} is {_kind(value)}; expected {_NAMES[kind]}")
    if kind is float and not np.isfinite(value):
        raise UpedalError(f"{where}: {key!r} is {value}; expected a finite number")
    return value


def whole(obj, key, low, high, where, default=_MISSING):
    """An int within low..high."""
    value = field(obj, key, int, where, default)
    if value is not default and not low <= value <= high:
        raise UpedalError(f"{where}: {key!r} is {_short(value)}; expected {low} to {high}")
    return value


def choice(obj, key, options, where, default=_MISSING):
    """A text that is one of the options."""
    value = field(obj, key, str, where, default)
    if value is not default and value not in options:
        raise UpedalError(f"{where}: {key!r} is {_short(value)}; expected one of {', '.join(options)}")
    return value


def array(value, shape, where):
    """A float32 array of exactly this shape (a tuple; None: any length there) of finite numbers.
    Nested lists or a flat list of the right count. Texts that are numbers count as numbers."""
    flat = []
    _flatten(value, flat, where)
    known = [n for n in shape if n is not None]
    count = int(np.prod(known, dtype=np.int64)) if known else 1
    if (None in shape and len(flat) % max(count, 1)) or (None not in shape and len(flat) != count):
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        raise UpedalError(f"{where}: {len(flat)} numbers; expected {wanted}")
    try:
        with np.errstate(over="ignore"):
            numbers = np.asarray(flat, np.float64).astype(np.float32)
    except (ValueError, TypeError, OverflowError):
        raise UpedalError(f"{where}: holds what is no number") from None
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise UpedalError(f"{where}: number {bad[0]} is {flat[bad[0]]}; expected finite float32 values")
    return numbers.reshape([-1 if n is None else n for n in shape])


def _flatten(value, flat, where):
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            if set(map(type, item)) <= {int, float}:  # the usual case, fast
                flat.extend(item)
            else:
                stack.extend(reversed(item))
        elif isinstance(item, str):
            try:
                flat.append(float(item))
            except ValueError:
                raise UpedalError(f"{where}: holds {_short(item)}; expected numbers") from None
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            flat.append(item)
        else:
            raise UpedalError(f"{where}: holds {_kind(item)}; expected numbers")
        if len(flat) > MOST_WEIGHTS:
            raise UpedalError(f"{where}: more than {MOST_WEIGHTS} numbers")


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value):
    for kind, name in _NAMES.items():
        if type(value) is kind:
            return f"{name} ({_short(value)})" if kind not in (dict, list) else name
    return "null" if value is None else type(value).__name__


def text_meta(obj, keys):
    """{our key: text} of those fields of obj that are there: keys maps their name to ours."""
    found = {}
    for theirs, ours in keys.items():
        value = obj.get(theirs) if isinstance(obj, dict) else None
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
            found[ours] = " ".join(str(value).split())[:200].encode("utf-8", "replace").decode()
    return found
