"""Ends a deployment: files that lie ready as PATH.new take their places, the index last.

`/upedal.new` is there once every new file is whole and verified; until it is gone, running this
again, after a power cut at any point, comes to the same end. Without it there is nothing to do.

On LittleFS a file takes its place by one rename. On FAT a rename is several changes, and a cut
between them can leave two names to one file, or none; so there ("copy" in the index) files are
copied, and those that lie ready go only when every copy is whole.
"""

import json
import os


def _move(path, to):
    try:
        os.stat(path)
    except OSError:
        return  # done before the cut
    os.rename(path, to)


def _copy(path, to):
    part = bytearray(512)
    try:
        source = open(path, "rb")
    except OSError:
        return  # copied and gone before the cut
    with source, open(to, "wb") as target:
        n = source.readinto(part)
        while n:
            target.write(memoryview(part)[:n])
            n = source.readinto(part)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def _settle():
    try:
        with open("/upedal.new") as file:
            index = json.load(file)
    except (OSError, ValueError):  # none, or one that FAT has in part: the old rig stands
        return
    put = _copy if index.get("copy") else _move
    sent = index.get("sent", index["files"])
    for path in sent:
        put(path + ".new", path)
    for path in index["gone"]:
        _remove(path)
    put("/upedal.new", "/upedal.json")
    if put is _copy:
        for path in sent:
            _remove(path + ".new")
        _remove("/upedal.tmp")
        _remove("/upedal.new")


_settle()
DONE = True
