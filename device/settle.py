"""Ends a deployment: files that lie ready as PATH.new take their places, the index last.

`/upedal.new` is written once every new file is whole and verified; until it is gone, running this
again, after a power cut at any point, comes to the same end. Without it there is nothing to do.
"""

import json
import os


def _move(path, to):
    try:
        os.stat(path)
    except OSError:
        return  # done before the cut
    try:
        os.rename(path, to)
    except OSError:  # FAT does not rename over a file
        os.remove(to)
        os.rename(path, to)


def _settle():
    try:
        with open("/upedal.new") as file:
            index = json.load(file)
    except OSError:
        return
    for path in index["files"]:
        _move(path + ".new", path)
    for path in index["gone"]:
        try:
            os.remove(path)
        except OSError:
            pass
    _move("/upedal.new", "/upedal.json")


_settle()
