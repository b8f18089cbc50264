"""The recordings of a sweep: which files a capture reads, and what they are."""

import functools
import hashlib
import os

from ..errors import UpedalError


def read(path, at, capture):
    """(inputs, {file: SHA-256}, wet files that are trained on) of one of `captures`, paths from the file's folder."""
    where, base = f"{path}: captures[{at}]", path.parent.resolve()
    whole, pair = bool(capture["captures"]), bool(capture["dry"] and capture["wet"])
    if whole == pair or whole and (capture["dry"] or capture["wet"]):
        raise UpedalError(
            f"{where}: expected dry and wet, or captures: a CSV or folder of settings; found neither or both"
        )
    if whole:
        inputs = {"captures": _from(base, capture["captures"])}
        files, wets = _files(where, base, capture)
    else:
        for key in ("knobs", "held_out"):
            if capture[key]:
                raise UpedalError(
                    f"{where}: {key} with one dry and wet; expected captures: a CSV or folder of settings"
                )
        inputs = {key: _from(base, capture[key]) for key in ("dry", "wet")}
        files, wets = list(inputs.values()), [inputs["wet"]]
    if capture["test"]:
        inputs["test"] = [_from(base, capture["test"][key]) for key in ("dry", "wet")]
        files += inputs["test"]
    return inputs, {name: _sum(base / name) for name in dict.fromkeys(files)}, wets


def _files(where, base, capture):
    """(all files, wet files) of a CSV or folder of captures."""
    from .. import captures_read
    from ..captures_csv import rows_of_csv
    from ..captures_folder import rows_of_folder

    whole = base / capture["captures"]
    try:
        given = [captures_read.knob_spec(text) for text in capture["knobs"] or ()]
        told = (
            rows_of_folder(whole, [name for name, *_ in given])
            if whole.is_dir()
            else rows_of_csv(whole)
        )
        captures_read.knobs_of(told, given, whole)
    except UpedalError as e:
        raise UpedalError(f"{where}: {e}") from None
    wets = [_from(base, row.wet) for row in told.rows]
    own = [] if whole.is_dir() else [_from(base, whole)]
    return [*own, *(_from(base, row.dry) for row in told.rows), *wets], wets


def _from(base, path):
    """The way from the folder of jobs.yaml, which a node of a cluster has too."""
    return os.path.relpath(base / path, base)


def _sum(path):
    """SHA-256 of a file."""
    try:
        now = path.stat()
        return _read(path, now.st_size, now.st_mtime_ns)
    except OSError as e:
        raise UpedalError(f"{path}: {e.strerror}; expected a recording") from None


@functools.cache
def _read(path, size, changed):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    return total.hexdigest()
