"""What the values of a result.json must look like for a report to be made of them."""

from ..errors import UpedalError

_NAMES = {dict: "an object", list: "a list", str: "a text", float: "a number"}
_KNOBS = (list, dict)
_LINE = {"x": [float], "y": [float]}
# A dict: an object with these keys; [shape]: a list of such; a tuple: one of these types.
_SHAPE = {
    "checks": [{"outcome": str, "picture": {"lines": [_LINE], "marks": [{}]}}],
    "settings": [{"knobs": _KNOBS}],
    "boards": [{}],
    "history": [{"epoch": float}],
    "data": [{"knobs": _KNOBS}],
    "notes": list,
    "knobs": _KNOBS,
    "recipe": (dict, str),
    "command": (str, list),
    "quantised": {},
    "second_test": {},
    "alignment": {},
    "environment": {},
    "meta": {},
}  # fmt: skip
_ANY = {*_SHAPE, "error", "test_esr", "val_esr", "esr_net"} - {
    "command",
    "data",
    "knobs",
    "notes",
    "meta",
}


def known(result):
    """Whether the dict has any key that training writes and package.json and its like do not."""
    return any(key in result for key in _ANY)


def check(path, result):
    """UpedalError that names the file and the key where a value has another shape; missing and null are well."""
    _fit(path, result, _SHAPE, "")


def _fit(path, value, shape, where):
    if value is None:
        return
    wanted = (
        shape if isinstance(shape, tuple) else (shape if isinstance(shape, type) else type(shape),)
    )
    given = float if isinstance(value, int) and not isinstance(value, bool) else type(value)
    if given not in wanted:
        said = " or ".join(_NAMES[each] for each in wanted)
        raise UpedalError(f"{path}: {where} is {str(value)[:40]!r}; expected {said}")
    if isinstance(shape, list):
        for k, each in enumerate(value):
            _fit(path, each, shape[0], f"{where}[{k}]")
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            _fit(path, value.get(key), inner, f"{where}.{key}".lstrip("."))
