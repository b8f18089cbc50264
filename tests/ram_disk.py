"""For unix MicroPython: a disk in RAM that notes every change, and what power cuts leave of it.

    micropython ram_disk.py keep KIND     settings saved, cut off in every change: a line of JSON,
                                          [old, new, default, bytes that a save of 2,560 writes]
    micropython ram_disk.py every KIND    the same at every byte of each change (minutes)
    micropython ram_disk.py ruin KIND     the same where a cut leaves only 0xff of what is written
    micropython ram_disk.py serve KIND    runs the programs sent to its input with the disk as /
    micropython ram_disk.py boot KIND     runs /main.py of each image named at its input

KIND is fat, lfs1 or lfs2. sys.path and the posix file system, as /host, stay there throughout.
"""

import json
import os
import sys

import vfs

SIZES = {"fat": (512, 2048), "lfs1": (4096, 256), "lfs2": (4096, 256)}  # block, blocks
OPTIONS = {"readsize": 256, "progsize": 256, "lookahead": 256}


class Disk:
    """A block device; `changes` holds (address, bytes) of each write and erase since it was emptied."""

    def __init__(self, block, blocks, image=None):
        self.block, self.blocks = block, blocks
        self.image = image or bytearray(block * blocks)
        self.changes = []

    def readblocks(self, number, to, offset=0):
        at = number * self.block + offset
        to[:] = memoryview(self.image)[at : at + len(to)]

    def writeblocks(self, number, data, offset=0):
        self.change(number * self.block + offset, bytes(data))

    def change(self, at, data):
        self.image[at : at + len(data)] = data
        self.changes.append((at, data))

    def ioctl(self, what, number):
        if what == 4:
            return self.blocks
        if what == 5:
            return self.block
        if what == 6 and self.block == 4096:
            self.change(number * self.block, b"\xff" * self.block)
        return 0


def empty(kind, blocks=None):
    """A formatted disk."""
    disk = Disk(SIZES[kind][0], blocks or SIZES[kind][1])
    if kind == "fat":
        vfs.VfsFat.mkfs(disk)
    else:
        (vfs.VfsLfs1 if kind == "lfs1" else vfs.VfsLfs2).mkfs(disk, **OPTIONS)
    disk.changes = []
    return disk


def mount(kind, disk, at):
    if kind == "fat":
        vfs.mount(vfs.VfsFat(disk), at)
    else:
        kind = vfs.VfsLfs1 if kind == "lfs1" else vfs.VfsLfs2
        vfs.mount(kind(disk, **OPTIONS), at)


def few(length):
    """How many bytes of a change arrive before the cut."""
    return sorted({0, 1, length // 3, length // 2, length - 1})


def every(kind):
    keep(kind, range)


def ruin(kind):
    keep(kind, lambda length: (0,), True)


def keep(kind, tears=few, ruined=False):
    """Saves of growing and shrinking settings; after each cut: the old ones or the new.

    ruined: all bytes of the change that the cut falls into read 0xff. LittleFS expects that; on FAT
    they may belong to other files too, and then it is only asked that a pedal starts.
    """
    from pedal.keep import Keep
    from pedal.log import Log

    disk = empty(kind, 256 if kind == "fat" else 32)
    mount(kind, disk, "/disk")
    values = Keep("/disk/settings")
    log = Log("/disk/log", 300)
    cuts = [0, 0, 0]  # ended in the old settings, in the new ones, in the default
    for number in range(12):
        before, disk.changes = bytearray(disk.image), []
        values["number"] = number
        values["text"] = "x" * (number * 617 % 2500)
        values.save()
        log.note(f"save {number}")
        log.write()
        done = []
        for at, data in disk.changes:
            for torn in tears(len(data)):
                image = bytearray(before)
                for place, whole in done:
                    image[place : place + len(whole)] = whole
                image[at : at + torn] = data[:torn]
                if ruined:
                    image[at : at + len(data)] = b"\xff" * len(data)
                found = look(kind, Disk(disk.block, disk.blocks, image), number, ruined)
                cuts[2 if found < 0 < number else found == number] += 1
            done.append((at, data))
    print(json.dumps(cuts + [wear(disk, values)]))


def wear(disk, values):
    """Bytes written by a save of 2,560 over one as long, erasing apart: the least of some."""
    wrote = []
    for value in range(6):
        values["text"] = str(value) * 2400
        disk.changes = []
        values.save()
        wrote.append(sum([len(data) for at, data in disk.changes if data != b"\xff" * 4096]))
    return min(wrote[2:])


def look(kind, disk, number, ruined):
    """Power on again after a cut in save `number`; the number of the settings that are there."""
    from pedal.keep import Keep
    from pedal.log import Log

    mount(kind, disk, "/cut")
    values, log = Keep("/cut/settings"), Log("/cut/log", 300)
    found = values.get("number", -1)
    if not ruined or kind != "fat":
        check(found, number, values, log)
    try:
        values["number"] = 1000
        values.save()
        assert Keep("/cut/settings")["number"] == 1000
        log.note("alive")
        assert not log.write() or log.read()[-1].endswith(" - alive"), log.read()
    except OSError:
        assert ruined and kind == "fat"  # where its table of clusters was, the disk is full
    vfs.umount("/cut")
    return found


def check(found, number, values, log):
    assert found in (number - 1, number), (found, number, values.note)
    assert len(values.get("text", "")) == (found * 617 % 2500 if found >= 0 else 0)
    counts = [int(line.split(" ")[0]) for line in log.read()]
    last = counts[-1] if counts else 0
    assert last in (number, number + 1), (counts, number)
    assert counts == list(range(last - len(counts) + 1, last + 1)), counts


def as_root(kind, disk):
    """The disk as /, and this machine's files as /host."""
    vfs.umount("/")
    mount(kind, disk, "/")
    vfs.mount(vfs.VfsPosix("/"), "/host")
    os.chdir("/")


def receive():
    """A program from the input: its length in a line, then its bytes; None at the end."""
    length = sys.stdin.buffer.readline()
    return sys.stdin.buffer.read(int(length)) if length else None


def serve(kind):
    """As a raw REPL: output, then \\x04 and the traceback, if any, and \\x04. save(path) ends a recording."""
    disk = empty(kind)
    as_root(kind, disk)
    names = {"__name__": "__main__", "save": lambda path: save(path, disk)}
    source = receive()
    while source is not None:
        error = b""
        try:
            exec(source, names)
        except Exception as caught:  # noqa: BLE001 - as a REPL
            error = repr(caught).encode()
        sys.stdout.buffer.write(b"\x04" + error + b"\x04")
        source = receive()


def save(path, disk):
    """The image to PATH.img, the changes noted since the last time to PATH.changes."""
    with open("/host" + path + ".img", "wb") as file:
        file.write(disk.image)
    with open("/host" + path + ".changes", "wb") as file:
        for at, data in disk.changes:
            file.write(at.to_bytes(4, "little") + len(data).to_bytes(4, "little") + data)
    disk.changes = []


class Boot:
    """Stands in for pedal.boot in main.py: what is on the disk when the rig would start."""

    def __init__(self):
        self.boot, self.found, self.start = self, None, self.look

    def look(self):
        import binascii
        import hashlib

        found = {}
        folders = [""]
        while folders:
            folder = folders.pop()
            for entry in os.ilistdir(folder or "/"):
                path = folder + "/" + entry[0]
                if path == "/host":
                    continue
                if entry[1] & 0x4000:
                    folders.append(path)
                    continue
                try:
                    with open(path, "rb") as file:
                        sha = hashlib.sha256(file.read()).digest()
                    found[path] = binascii.hexlify(sha).decode()
                except OSError:  # a directory entry of FAT that was torn: there is no such file
                    found[path] = None
        self.found = found


def boot(kind):
    """For each image: JSON of {path: hash} at the moment main.py starts the rig, or of the error."""
    power_on = Boot()
    sys.modules["pedal.boot"] = power_on
    sys.modules["pedal"] = power_on
    sys.path[:] = [""]
    disk = empty(kind)
    as_root(kind, disk)
    path = receive()
    while path is not None:
        with open("/host" + path.decode(), "rb") as file:
            file.readinto(disk.image)
        disk.changes = []
        vfs.umount("/")
        mount(kind, disk, "/")
        sys.modules.pop("settle", None)
        power_on.found = None
        try:
            with open("/main.py") as file:
                exec(file.read(), {"__name__": "__main__"})
            print(json.dumps(power_on.found))
        except Exception as error:  # noqa: BLE001 - it is the finding
            print(json.dumps(repr(error)))
        path = receive()


if __name__ == "__main__":
    {"keep": keep, "every": every, "ruin": ruin, "serve": serve, "boot": boot}[sys.argv[1]](
        sys.argv[2]
    )
