"""Model files in memory, where the kernels want them: at addresses that 16 divides."""

import os

try:
    from uctypes import addressof
except ImportError:
    import ctypes

    def addressof(buf):
        return ctypes.addressof(ctypes.c_char.from_buffer(buf))


_ALIGN = 16

# Folders searched for a model that is not where its path says; play.py adds the rig's own.
folders = ["/models", "/rom/models"]


def aligned(size):
    """`size` zero bytes at a 16-byte boundary."""
    buf = bytearray(size)
    if not size or addressof(buf) % _ALIGN == 0:
        return buf
    buf = bytearray(size + _ALIGN)
    start = -addressof(buf) % _ALIGN
    return memoryview(buf)[start : start + size]


def find(path):
    """Where a model lies: in `folders` under its whole or its bare name, or at the path itself."""
    bare = path[path.rfind("/") + 1 :]
    tried = []
    for folder in folders:
        tried.append(folder + "/" + path)
        if bare != path:
            tried.append(folder + "/" + bare)
    tried.append(path)
    for place in tried[-1:] if path.startswith("/") else tried:
        try:
            os.stat(place)
            return place
        except OSError:
            pass
    raise ValueError("{}: no such model; looked in {}".format(path, ", ".join(folders + ["."])))


def load(path):
    """The file's bytes, 16-aligned."""
    place = find(path)
    got = 0
    with open(place, "rb") as file:
        size = file.seek(0, 2)  # cheaper than looking for its name once more
        file.seek(0)
        buf = aligned(size)
        view = memoryview(buf)
        while got < size:
            n = file.readinto(view[got:])
            if not n:
                raise ValueError(f"{place}: ended at byte {got} of {size}")
            got += n
    return buf
