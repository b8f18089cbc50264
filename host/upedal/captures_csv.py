"""A CSV file of captures.

A header with the columns dry and wet (files, relative to the CSV), then one column a knob, "drive" or, with a unit,
"tone [dB]". More columns: name, held_out (yes or no: judged, not trained on), channel (of stereo files: 1, 2, left or
right, or "1,2" for dry's and wet's). A second line without dry and wet may give ranges, "low..high:default". Comma,
semicolon or tab between cells.
"""

import csv
import difflib
import io
import re
from pathlib import Path

from .captures_read import Row, Told, number, range_of
from .errors import UpedalError

_OWN = ("dry", "wet", "name", "held_out", "channel")
_YES, _NO = ("1", "yes", "true", "x", "y"), ("", "0", "no", "false", "n")
_CHANNELS = {"left": "1", "right": "2", "l": "1", "r": "2"}


def rows_of_csv(path):
    """Told of a CSV file."""
    lines, header = _table(path)
    told = Told([])
    columns = []
    for title in header:
        name, unit = re.fullmatch(r"\s*([^\[]*?)\s*(?:\[\s*(.*?)\s*\]\s*)?", title).groups()
        name = name.lower().replace(" ", "_") if name.lower().replace(" ", "_") in _OWN else name
        columns.append(name)
        if unit:
            told.units[name] = unit
    _check_columns(columns, path)
    for at, cells in lines:
        where = f"{path}: row {at}"
        if len(cells) != len(columns):
            raise UpedalError(
                f"{where}: {len(cells)} cells; expected {len(columns)}, as the header has"
            )
        row = dict(zip(columns, cells))
        if row["dry"] == row["wet"] == "" and not told.rows and not told.ranges:
            told.ranges = {
                k: range_of(v, f"{where}, column {k}")
                for k, v in row.items()
                if k not in _OWN and v
            }
            continue
        told.rows.append(_row(row, path, where))
    if not told.rows:
        raise UpedalError(f"{path}: no captures below the header; expected one a line")
    return told


def _table(path):
    """([(line number, cells)], header) with blank lines left out, cells stripped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise UpedalError(
            f"{path}: not a readable CSV ({e}); expected UTF-8 text with a header"
        ) from None
    first = text.lstrip().split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text), delimiter=mark)
        lines = [(reader.line_num, [c.strip() for c in cells]) for cells in reader]
    except csv.Error as e:
        raise UpedalError(f"{path}: not CSV ({e})") from None
    if mark == ";":  # where decimals have a comma
        lines = [(at, [re.sub(r"(\d),(\d)", r"\1.\2", c) for c in cells]) for at, cells in lines]
    lines = [(at, cells) for at, cells in lines if any(cells)]
    if not lines:
        raise UpedalError(f"{path}: empty; expected a header dry,wet,KNOB… and one capture a line")
    return lines[1:], lines[0][1]


def _check_columns(columns, path):
    for own in ("dry", "wet"):
        if own not in columns:
            near = difflib.get_close_matches(own, columns, 1)
            hint = f" ({near[0]!r}: did you mean {own}?)" if near else ""
            raise UpedalError(
                f"{path}: no column {own!r}{hint}, only {columns}; expected dry, wet and one a knob"
            )
    for name in columns:
        if not name or columns.count(name) > 1:
            raise UpedalError(
                f"{path}: column {name!r} {columns.count(name)} times; expected names, each once"
            )
        meant = _meant(name)
        if meant and meant not in columns:
            raise UpedalError(
                f"{path}: column {name!r} is no knob by its name: did you mean {meant}? Rename it if not"
            )


def _meant(name):
    """Which of the columns that are no knobs a name is a misspelling of, or None."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    near = difflib.get_close_matches(plain, ("heldout", "channel"), 1, 0.85)
    if name in _OWN or not near or re.search(r"\d", name):
        return None
    return {"heldout": "held_out"}.get(near[0], near[0])


def _row(row, path, where):
    for own in ("dry", "wet"):
        if not row[own]:
            raise UpedalError(f"{where}, column {own}: empty; expected a recording")
        if not (path.parent / row[own]).is_file():
            raise UpedalError(f"{where}, column {own}: {path.parent / row[own]}: no such file")
    held, channel = row.get("held_out", "").lower(), row.get("channel", "").lower()
    if held not in _YES + _NO:
        raise UpedalError(f"{where}, column held_out: {held!r}; expected yes or no")
    return Row(
        where,
        path.parent / row["dry"],
        path.parent / row["wet"],
        {k: number(v, f"{where}, column {k}") for k, v in row.items() if k not in _OWN},
        row.get("name") or Path(row["wet"]).stem,
        held in _YES,
        _CHANNELS.get(channel, channel) or None,
    )
