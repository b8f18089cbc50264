"""What files say of a model beside its weights: names, levels, date. In and out, in NAM's and in AIDA-X' terms."""

import re
from datetime import date

from .checked import text_meta

LEVELS = {
    "loudness": "loudness_db",
    "input_level_dbu": "input_dbu",
    "output_level_dbu": "output_dbu",
}
# Of AIDA-X' metadata, and of the same object in a GuitarML file, whose players do not look at it.
FLAT = {
    "name": "name", "author": "author", "license": "licence", "based": "gear", "style": "tone_type",
    "source": "gear_type", "esr": "validation_esr", "gain": "gain", "date": "made_on",
}  # fmt: skip
_OTHERS = "upedal"  # a .nam's object of what NAM has no key for
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_OTHERS = 32


# ---- levels --------------------------------------------------------------------------------------


def levels(model):
    """{NAM's key: dB} of the levels that are known."""
    found = {key: getattr(model, ours) for key, ours in LEVELS.items()}
    return {key: value for key, value in found.items() if value is not None}


def read_levels(obj, model, name, warn, texts=False):
    """Sets the model's levels from an object's numbers; texts: they may be numbers in quotes."""
    for key, ours in LEVELS.items():
        setattr(model, ours, _level(obj, key, name, warn, texts))


def _level(obj, key, name, warn, texts):
    value = obj.get(key)
    if texts and isinstance(value, str):
        value = as_number(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1000:
        warn(f"{name}: metadata {key!r} is no level in dB; it is left out")
        return None
    return float(value)


def as_number(text):
    """A finite float of a text, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


# ---- a flat object of texts ----------------------------------------------------------------------


def flat(model):
    """{key: text}, levels included."""
    found = {theirs: model.meta[ours] for theirs, ours in FLAT.items() if ours in model.meta}
    return found | {key: f"{value:g}" for key, value in levels(model).items()}


def read_flat(obj, model, name, warn):
    """Adds what flat() wrote to a model's meta and levels."""
    if isinstance(obj, dict):
        model.meta |= text_meta(obj, FLAT)
        read_levels(obj, model, name, warn, texts=True)


# ---- NAM's date, and what NAM has no key for ------------------------------------------------------


def nam_date(meta):
    """{"date": NAM's object} of meta's made_on, or {}."""
    try:
        day = date.fromisoformat(meta.get("made_on", ""))
    except ValueError:
        return {}
    return {
        "date": {
            "year": day.year,
            "month": day.month,
            "day": day.day,
            "hour": 0,
            "minute": 0,
            "second": 0,
        }
    }


def read_nam_date(obj):
    """{"made_on": text} of NAM's metadata, or {}."""
    found = obj.get("date")
    parts = (
        [found.get(key) for key in ("year", "month", "day")] if isinstance(found, dict) else [None]
    )
    try:
        return {"made_on": date(*parts).isoformat()}
    except (TypeError, ValueError, OverflowError):
        return {}


def others(meta, known):
    """{_OTHERS: {key: text}} of meta's keys that are not among `known`, or {}."""
    found = {k: v for k, v in sorted(meta.items()) if k not in known and _KEY.fullmatch(k)}
    return {_OTHERS: found} if found else {}


def read_others(obj, known):
    """{key: text} of what others() wrote; never a key that the format has a place for."""
    found = obj.get(_OTHERS)
    keys = (
        [k for k in found if _KEY.fullmatch(k) and k not in known]
        if isinstance(found, dict)
        else []
    )
    return text_meta(found, {k: k for k in keys[:_MOST_OTHERS]})
