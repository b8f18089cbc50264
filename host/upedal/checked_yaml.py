"""YAML files with a fixed set of keys: read strictly, errors with file, line, key and what was expected.

A schema is a dict of key -> check. A check is a function value -> value that raises ValueError with
what it expected, or again a schema, or items(check), optional(check), spare(check) or short(schema).
All keys but spare ones are required.
"""

from upedal.errors import UpedalError


def text(value):
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value


def whole(low, high):
    """A whole number low..high."""

    def check(value):
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"a whole number {low} to {high}")
        return value

    return check


def number(low, high):
    """A number low..high."""

    def check(value):
        if type(value) not in (int, float) or not low <= value <= high:
            raise ValueError(f"a number {low} to {high}")
        return float(value)

    return check


def choice(*allowed):
    """One of these texts."""

    def check(value):
        if value not in allowed:
            near = nearest(str(value), allowed)
            raise ValueError(f"one of {', '.join(allowed)}{near}")
        return value

    return check


class optional:
    """null, or what the inner check takes."""

    def __init__(self, inner):
        self.inner = inner


class spare(optional):
    """As optional, and the key may be left out: it is null then."""


class items:
    """A list of what the inner check takes."""

    def __init__(self, inner):
        self.inner = inner


class short:
    """A mapping of this schema; a text alone stands for its first key."""

    def __init__(self, inner):
        self.inner = inner


def read_mapping(path, schema):
    """The file's mapping as a dict, checked against the schema."""
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            node = yaml.compose(file, Loader=yaml.SafeLoader)
    except OSError as error:
        raise UpedalError(f"{path}: {error.strerror}; expected a YAML file") from None
    except UnicodeDecodeError as error:
        raise UpedalError(f"{path}: byte {error.start} is not UTF-8; expected text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = getattr(error, "problem", None) or error
        raise UpedalError(f"{path}:{line}: {what}; expected YAML") from None
    if node is None:
        raise UpedalError(f"{path}: empty; expected the keys {', '.join(schema)}")
    return _mapping(path, node, schema, "")


def nearest(found, allowed):
    """Words to put behind what was found: which of the allowed texts may have been meant; "" if none is near."""
    import difflib

    near = difflib.get_close_matches(found, allowed, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _refuse(path, node, key, found, expected):
    where = f"{path}:{node.start_mark.line + 1}"
    raise UpedalError(f"{where}: {key or 'file'}: found {found}; expected {expected}")


def _plain(node):
    """The node's value, or a word for what it is if it is a list or a mapping."""
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError):  # such as 2026-99-99, which only looks like a date
        return node.value
    finally:
        loader.dispose()


def _alone(node, key):
    """The mapping {key: node}."""
    import yaml

    name = yaml.ScalarNode("tag:yaml.org,2002:str", key, node.start_mark)
    return yaml.MappingNode("tag:yaml.org,2002:map", [(name, node)], node.start_mark)


def _mapping(path, node, schema, prefix):
    import yaml

    if not isinstance(node, yaml.MappingNode):
        _refuse(path, node, prefix[:-1], repr(_plain(node)), f"keys {', '.join(schema)}")
    result, lines = {}, {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in lines:
            found = f"it again (first in line {lines[key]})"
            _refuse(path, key_node, prefix + key, found, "each key once")
        if key not in schema:
            expected = f"one of {', '.join(schema)}{nearest(key, schema)}"
            _refuse(path, key_node, prefix + key, "an unknown key", expected)
        lines[key] = key_node.start_mark.line + 1
        result[key] = _value(path, value_node, schema[key], prefix + key)
    for key, check in schema.items():
        if isinstance(check, spare):
            result.setdefault(key, None)
    missing = [key for key in schema if key not in result]
    if missing:
        _refuse(path, node, prefix[:-1], f"no {', '.join(missing)}", f"all of {', '.join(schema)}")
    return {key: result[key] for key in schema}


def _value(path, node, check, key):
    import yaml

    if isinstance(check, optional):
        if isinstance(node, yaml.ScalarNode) and _plain(node) is None:
            return None
        return _value(path, node, check.inner, key)
    if isinstance(check, short):
        check = check.inner
        if isinstance(node, yaml.ScalarNode):
            return _mapping(path, _alone(node, next(iter(check))), check, key + ".")
    if isinstance(check, dict):
        return _mapping(path, node, check, key + ".")
    if isinstance(check, items):
        if not isinstance(node, yaml.SequenceNode):
            _refuse(path, node, key, repr(_plain(node)), "a list")
        return [
            _value(path, item, check.inner, f"{key}[{at}]") for at, item in enumerate(node.value)
        ]
    value = _plain(node)
    try:
        if not isinstance(node, yaml.ScalarNode):
            check(None)  # raises with what it wants
        return check(value)
    except ValueError as error:
        _refuse(path, node, key, repr(value), error)
