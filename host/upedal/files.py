"""Writing files: whole or not at all, and only where a file belongs."""

import os
from contextlib import contextmanager
from pathlib import Path

from .errors import UpedalError


@contextmanager
def replacing(path):
    """Gives the path of a file beside `path`, of the same ending, which takes its place if nothing was raised.

    Makes no folder. Raises UpedalError where something else than a file stands at `path`.
    """
    path = Path(path)
    if path.is_dir():
        raise UpedalError(f"{path}: is a folder; expected a file to write")
    if path.exists() and not path.is_file():
        raise UpedalError(f"{path}: not a file; expected a file to write")
    beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_atomic(path, content):
    """Writes bytes to `path`, whose folder is made; what was there stays where that fails."""
    make_folder(Path(path).parent)
    with replacing(path) as beside:
        beside.write_bytes(content)


def make_folder(folder):
    """Makes the folder; UpedalError where a file stands in its place or above it."""
    folder = Path(folder)
    for each in (folder, *folder.parents):
        if each.exists() and not each.is_dir():
            raise UpedalError(f"{each}: is a file; expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
