"""A set of captures from files: a CSV (captures_csv.py), or a folder whose names carry the values (captures_folder.py)."""

import math
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from .captures import LARGEST, Capture, Captures, Knob
from .captures_once import check_once
from .captures_step import together
from .errors import UpedalError


@dataclass
class Row:
    """One capture as it is told of. where: for errors; values: {knob: number}; channel: as of checks.load."""

    where: str
    dry: Path
    wet: Path
    values: dict
    name: str = ""
    held_out: bool = False
    channel: str | None = None


@dataclass
class Told:
    """Rows, and what is said of the knobs. units: {knob: text}; ranges: {knob: (low, high, default or None)}."""

    rows: list
    units: dict = field(default_factory=dict)
    ranges: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)


def load(path, *, knobs=(), held_out=(), force=False):
    """Captures of a CSV file or a folder, each pair checked and aligned on its own.

    knobs: texts "name=low..high:default unit" (all but the name may be missing); in a folder only the named ones
    count, where any is named. Without a range a knob goes from its lowest to its highest captured value.
    held_out: captures to judge by: patterns of names ("drive5*") or settings ("drive=5"). force: as checks.load.
    """
    path, given = Path(path), [knob_spec(text) for text in knobs]
    names = [name for name, *_ in given]
    if path.is_dir():
        from .captures_folder import rows_of_folder

        told = rows_of_folder(path, names)
    elif path.is_file():
        from .captures_csv import rows_of_csv

        told = rows_of_csv(path)
    else:
        raise UpedalError(
            f"{path}: no such file or folder; expected a CSV of captures, or a folder of recordings"
        )
    _hold_out(told.rows, held_out, path)
    check_once(told.rows)
    found = knobs_of(told, given, path)
    pairs = [_pair(row, force) for row in told.rows]
    rate = _one_rate(told.rows, pairs)
    items = [
        Capture(
            pair.dry, pair.wet, tuple(row.values[k.name] for k in found), row.name, row.held_out,
            files=(str(row.dry), str(row.wet)), pair=pair,
        )
        for row, pair in zip(told.rows, pairs)
    ]  # fmt: skip
    return Captures(items, rate, found, notes=told.notes + together(items))


def knob_spec(text):
    """("name", unit or None, (low, high, default or None) or None) of "name=low..high:default unit"."""
    name, equals, rest = text.partition("=")
    if not name.strip() or (equals and not rest.strip()):
        raise UpedalError(
            f"knob {text!r}: expected name=low..high:default unit, such as drive=0..10:5"
        )
    if not equals:
        return name.strip(), None, None
    numbers, _, unit = rest.strip().partition(" ")
    return name.strip(), unit.strip() or None, range_of(numbers, f"knob {text!r}")


def range_of(text, where):
    """(low, high, default or None) of "low..high:default"."""
    span, colon, default = text.strip().partition(":")
    low, dots, high = span.partition("..")
    if not dots:
        raise UpedalError(
            f"{where}: {text!r}; expected low..high or low..high:default, such as 0..10:5"
        )
    return number(low, where), number(high, where), number(default, where) if colon else None


def number(text, where):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UpedalError(f"{where}: {text.strip()!r}; expected a number")
    if abs(value) > LARGEST:
        raise UpedalError(f"{where}: {text.strip()}; expected a number up to {LARGEST:,.0f}")
    return value


def _hold_out(rows, patterns, path):
    """Marks the rows that a pattern of a name or setting meets."""
    for pattern in patterns:
        name, equals, value = (part.strip() for part in pattern.partition("="))
        if equals:
            value = number(value, f"held-out {pattern!r}")
            hit = [
                r
                for r in rows
                if name in r.values and math.isclose(r.values[name], value, abs_tol=1e-9)
            ]
        else:
            hit = [r for r in rows if fnmatch(r.name, pattern)]
        if not hit:
            there = (
                _settings(rows, name) if equals else f"a pattern of {_some(r.name for r in rows)}"
            )
            raise UpedalError(f"{path}: no capture {pattern!r} to hold out; expected {there}")
        for row in hit:
            row.held_out = True


def _settings(rows, name):
    """What could be held out by a knob's value: for errors."""
    values = sorted({r.values[name] for r in rows if name in r.values})
    if values:
        return f"{name} of {_some(f'{v:g}' for v in values)}"
    return f"a knob of {_some(rows[0].values) or 'none: there are none'}"


def _some(texts):
    texts = list(texts)
    return ", ".join(texts[:12]) + (", …" if len(texts) > 12 else "")


def knobs_of(told, given, path):
    """[Knob] in the order of the values, with what was said and else what was captured."""
    said = {name: (unit, span) for name, unit, span in given}
    names = list(told.rows[0].values)
    for name in said:
        if name not in names:
            raise UpedalError(
                f"{path}: no knob {name!r}; expected {', '.join(names) or 'none: no column is one'}"
            )
    found = []
    for name in names:
        unit, span = said.get(name, (None, None))
        unit = unit or told.units.get(name, "")
        taught = sorted({r.values[name] for r in told.rows if not r.held_out})
        every = [r.values[name] for r in told.rows]
        if len(taught) == 1:
            raise UpedalError(
                f"{path}: knob {name}: {taught[0]:g} in every capture to train on; what never moves cannot be learnt:"
                " leave it out"
            )
        low, high, default = span or told.ranges.get(name) or (min(every), max(every), None)
        if default is None and taught:
            default = min(taught, key=lambda v, mid=(low + high) / 2: abs(v - mid))
        if taught and (low < taught[0] or high > taught[-1]):
            told.notes.append(
                f"{name} goes from {low:g} to {high:g}, but what is trained on only from {taught[0]:g} to {taught[-1]:g}:"
                " beyond, the model guesses"
            )
        found.append(Knob(name, unit, low, high, low if default is None else default))
    return found


def _pair(row, force):
    """The checked and aligned Pair of a row."""
    from . import checks

    try:
        return checks.load(row.dry, row.wet, force=force, channel=row.channel)
    except UpedalError as e:
        raise UpedalError(f"{row.where}: {e}") from None


def _one_rate(rows, pairs):
    for row, pair in zip(rows, pairs):
        if pair.rate_hz != pairs[0].rate_hz:
            raise UpedalError(
                f"{row.where}: {pair.rate_hz} Hz, {rows[0].where} has {pairs[0].rate_hz} Hz; expected one rate"
            )
    return pairs[0].rate_hz
