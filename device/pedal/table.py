"""Rigs as tables, for those who do not write code: a dict, or the same as a JSON file.

    {"tempo_bpm": 96,
     "effects": [{"type": "Gate", "threshold_db": -60},
                 {"type": "Neural", "path": "amp.upm"},
                 {"type": "Delay", "name": "echo", "delay_ms": 380, "off": true}],
     "controls": [{"type": "Pot", "adc": 26, "moves": "gain.db", "low": -20, "high": 0},
                  {"type": "Footswitch", "pin_in": 4, "on": {"pressed": "toggle echo", "long_pressed": "tap"}}],
     "modulators": [{"type": "LFO", "speed_hz": 0.5, "moves": "wah.position"}],
     "scenes": {"clean": {"values": {"gain.db": -6}, "off": ["echo"]}}}

"type" names a class, the other keys are its arguments. Effects inside others (Split, Blend, Chain) are such
tables again, or lists of them. Actions: "toggle EFFECT", "scene NAME", "next", "previous", "tap".
"""

import pedal
from pedal.rig import Rig

_RIG = ("block", "rate_hz", "tempo_bpm", "limit", "watchdog_ms", "reserve")
_PARTS = ("effects", "controls", "modulators", "scenes")
_ROUTE = ("low", "high", "curve")


def make(table):
    """The Rig; ValueError that names the entry and what is wrong with it."""
    for key in table:
        if key not in _RIG + _PARTS:
            raise ValueError(f"rig: unknown key {key!r}; expected {', '.join(_RIG + _PARTS)}")
    entries = table.get("effects", [])
    effects = [effect(entry, f"effects[{at}]") for at, entry in enumerate(entries)]
    rig = _made(Rig, effects, {key: table[key] for key in _RIG if key in table}, "rig")
    for at, entry in enumerate(table.get("modulators", [])):
        _modulator(rig, dict(entry), f"modulators[{at}]")
    for at, entry in enumerate(table.get("controls", [])):
        _control(rig, dict(entry), f"controls[{at}]")
    for name, scene in table.get("scenes", {}).items():
        if not isinstance(scene, dict):
            raise ValueError(f"scenes: {name} is {scene!r}; expected a table with values and off")
        rig.scenes[name] = scene
    return rig


def _class(module, entry, where):
    name = entry.pop("type", None)
    try:
        kind = getattr(module, str(name))
    except AttributeError as error:
        raise ValueError(f"{where}: type {name!r}: {error}")  # noqa: B904
    if not isinstance(kind, type):
        raise ValueError(f"{where}: type {name!r} is no class")
    return kind


def _made(kind, inner, values, where):
    try:
        return kind(*inner, **values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}")  # noqa: B904


def effect(entry, where):
    """The effect that a table describes; `where` it stands is for the errors."""
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: {entry!r}; expected a table with a type")
    entry = dict(entry)
    kind = _class(pedal, entry, where)
    name = entry.pop("name", None)
    off = entry.pop("off", False)
    inner = entry.pop("effects", None)
    values = {key: _value(value, f"{where}.{key}") for key, value in entry.items()}
    made = _made(kind, _value(inner, where) or (), values, where)
    if name:
        made.name = name
    if off and kind is pedal.Chain:
        raise ValueError(f"{where}: a Chain cannot be off; its parts can")
    made.starts_off = bool(off)
    return made


def _value(value, where):
    if isinstance(value, dict):
        return effect(value, where)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [effect(entry, f"{where}[{at}]") for at, entry in enumerate(value)]
    return value


def _target(text, where):
    name, _, parameter = str(text).partition(".")
    if not parameter:
        raise ValueError(f"{where}: moves {text!r}; expected EFFECT.PARAMETER")
    return name, parameter


def _modulator(rig, entry, where):
    kind = _class(pedal, entry, where)
    name, parameter = _target(entry.pop("moves", None), where)
    how = {key: entry.pop(key) for key in _ROUTE if key in entry}
    rig.modulate(_made(kind, (), entry, where), name, parameter, **how)


def _control(rig, entry, where):
    import pedal.controls as controls

    kind = _class(controls, entry, where)
    moves, events = entry.pop("moves", None), entry.pop("on", {})
    how = {key: entry.pop(key) for key in _ROUTE if key in entry}
    control = rig.add_control(_made(kind, (), entry, where))
    if moves:
        rig.bind(control, *_target(moves, where), **how)
    for event, action in events.items():
        if not hasattr(control, event):
            raise ValueError(f"{where}: a {kind.__name__} has no event {event!r}")
        rig.on(getattr(control, event), _action(rig, action, where))


def _action(rig, text, where):
    verb, _, name = str(text).partition(" ")
    if verb == "toggle":
        rig[name]  # a wrong name is said now, not on stage
        return lambda *_: rig.toggle(name)
    if verb == "scene":
        return lambda *_: rig.recall(name)
    actions = {"next": rig.next_scene, "previous": lambda: rig.next_scene(-1), "tap": rig.tap}
    if verb not in actions:
        raise ValueError(
            f"{where}: action {text!r}; expected toggle EFFECT, scene NAME, next, previous or tap"
        )
    return lambda *_: actions[verb]()
