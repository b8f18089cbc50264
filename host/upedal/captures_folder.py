"""A folder of recordings whose names carry the knobs' values: target_gain0.50.flac, drive2_master6.wav,
B10_M0_T10/target_1.wav, with one dry file for all, or a dry one of the same number or values for each.

Names are cut at _, blanks and folders. A part of letters and a number is a value (letters, then -6 or 0.5), dry,
input, di, in, direct and clean mean the dry side, wet, target, output, out, amp and processed the wet one; other parts
of a file's name, such as 1, tell takes apart. Folders' words are skipped.
"""

import re
from dataclasses import dataclass

from . import audio
from .captures_read import Row, Told, number
from .errors import UpedalError

_DRY = ("dry", "input", "di", "in", "direct", "clean")
_WET = ("wet", "target", "output", "out", "amp", "processed")
_VALUE = r"([A-Za-z]+)=?(-?\d+(?:\.\d+)?)"


@dataclass
class _File:
    path: object
    role: str  # "dry", "wet" or "" for what the name does not say
    values: dict
    take: tuple


def rows_of_folder(path, names=()):
    """Told of a folder. names: the values that are knobs; without any, all that are not the same everywhere."""
    paths = sorted(p for p in path.rglob("*") if p.suffix.lower() in audio.TYPES and p.is_file())
    files = [_file(p, path) for p in paths]
    dries = [f for f in files if f.role == "dry"]
    if not dries:
        bare = [f for f in files if not f.role and not f.values]
        dries = bare if len(bare) == 1 else []
    if not dries:
        raise UpedalError(
            f"{path}: {len(files)} recordings, none dry by its name; expected one such as dry.wav"
        )
    wets = [f for f in files if f not in dries]
    for f in wets:
        if not f.role and not f.values:
            raise UpedalError(
                f"{f.path}: neither dry nor wet by its name, and no knob's value; expected drive5.wav or so"
            )
    if not wets:
        raise UpedalError(f"{path}: no wet recordings; expected names such as wet_drive5.wav")
    told = Told([])
    keys = _keys(wets, names, told, path)
    for f in wets:
        dry = _dry_of(f, dries)
        short = f.path.relative_to(path).with_suffix("").as_posix()
        told.rows.append(
            Row(str(f.path), dry.path, f.path, {k: _value(f, k) for k in keys}, short)
        )
    return told


def _file(p, root):
    *folders, stem = p.relative_to(root).with_suffix("").parts
    role, values, take = "", {}, []
    for depth, text in enumerate([*folders, stem]):
        for part in re.split(r"[_\s,]+", text):
            word = re.fullmatch(r"([A-Za-z]+)(\d*)", part)
            side = word and next(
                (s for s, ws in (("dry", _DRY), ("wet", _WET)) if word[1].lower() in ws), ""
            )
            if side:
                role = side
                take += [word[2]] if word[2] else []
            elif re.fullmatch(f"(?:{_VALUE})+", part):
                values |= {
                    name: number(value, f"{p}: {name}") for name, value in re.findall(_VALUE, part)
                }
            elif depth == len(folders) and part:
                take.append(part)
    return _File(p, role, values, tuple(take))


def _keys(wets, names, told, path):
    """The values that are knobs, in the order of the first file's name."""
    seen = list(dict.fromkeys(name for f in wets for name in f.values))
    if names:
        for name in seen:
            if name not in names:
                told.notes.append(f"{name} is left out: it was not named as a knob")
        return [name for name in seen if name in names]
    moving = [name for name in seen if len({f.values.get(name) for f in wets}) > 1]
    for name in seen:
        if name not in moving and len(wets) > 1:
            told.notes.append(f"{name} is left out: it is {wets[0].values[name]:g} everywhere")
    if not moving:
        raise UpedalError(
            f"{path}: no value in the names that moves; expected such as drive2.wav and drive5.wav"
        )
    return moving


def _value(f, key):
    if key not in f.values:
        raise UpedalError(
            f"{f.path}: no value for {key} in its name; expected such as {key}5, as the others have"
        )
    return f.values[key]


def _dry_of(wet, dries):
    """The dry file of a wet one: of its take and values; the only one there is."""
    fit = [d for d in dries if d.take == wet.take and d.values.items() <= wet.values.items()]
    fit = fit or (dries if len(dries) == 1 else [])
    if len(fit) > 1:
        near = [d for d in fit if d.path.parent == wet.path.parent]
        fit = near or fit
        most = max(len(d.values) for d in fit)
        fit = [d for d in fit if len(d.values) == most]
    if len(fit) != 1:
        names = ", ".join(d.path.name for d in (fit or dries)[:6])
        what = "more than one dry recording fits" if fit else "no dry recording fits"
        raise UpedalError(
            f"{wet.path}: {what} ({names}); expected one for all, or one of the same number or values"
        )
    return fit[0]
