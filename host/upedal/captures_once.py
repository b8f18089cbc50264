"""One recording, one setting: what is there twice is a slip of the hand, and teaches a net that the knobs do nothing."""

from pathlib import Path

from .errors import UpedalError


def check_once(rows):
    """UpedalError where a wet recording (the same file or the same bytes, of the same channel) is there at two
    settings, or both trained on and held out. rows: list of captures_read.Row; files that are not there are let by."""
    seen = {}
    alike = _alike([Path(row.wet) for row in rows])
    for row in rows:
        key = alike[Path(row.wet)], (row.channel or "").split(",")[-1]
        first = seen.setdefault(key, row)
        what = None
        if first.values != row.values:
            what = f"at {_setting(first)} and at {_setting(row)}; expected a recording for each setting"
        elif first.held_out != row.held_out:
            what = "both trained on and held out; expected one of the two"
        if what:
            named = str(row.wet)
            if Path(first.wet).resolve() != Path(row.wet).resolve():
                named += f", the same recording as {first.wet},"
            raise UpedalError(f"{first.where} and {row.where.rsplit(': ', 1)[-1]}: {named} {what}")


def _setting(row):
    return ", ".join(f"{name} {value:g}" for name, value in row.values.items()) or "no knob"


def _alike(paths):
    """{path: what is the same for files of the same bytes}; bytes are looked at only where sizes agree."""
    from .judge import sha256

    sizes = {}
    for path in {p.resolve() for p in paths}:
        if path.is_file():
            sizes.setdefault(path.stat().st_size, []).append(path)
    same = {p: sha256(p) for group in sizes.values() if len(group) > 1 for p in group}
    return {p: same.get(p.resolve(), p.resolve()) for p in paths}
