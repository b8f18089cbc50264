"""Files are written whole or not at all, and only where a file belongs."""

import os

import pytest
from upedal import files
from upedal.errors import UpedalError


def test_writes_and_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "new" / "a.txt"
    for content in (b"one", b"two"):
        files.write_atomic(path, content)
        assert path.read_bytes() == content and os.listdir(path.parent) == ["a.txt"]


def test_what_was_there_stays_where_writing_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as beside:
        assert beside.suffix == ".txt" and beside.parent == tmp_path
        beside.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["a.txt"]


def test_nothing_but_a_file_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(UpedalError, match=f"{name}: not a file; expected a file to write"):
            files.write_atomic(tmp_path / name, b"x")
    with pytest.raises(UpedalError, match="is a folder; expected a file"):
        files.write_atomic(tmp_path, b"x")
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_a_file_in_the_folders_place_is_named(tmp_path):
    (tmp_path / "dry.wav").write_bytes(b"x")
    for below in ("x.html", "more/x.html"):
        with pytest.raises(UpedalError, match=r"dry.wav: is a file; expected a folder"):
            files.write_atomic(tmp_path / "dry.wav" / below, b"x")
