"""Settings that survive power loss: a small dict in two files written in turn; the newest whole one
counts.

PATH.a and PATH.b each hold, little-endian: "UPK1", sequence u32, length u32, CRC-32 u32 of the text
and of these two numbers; then `length` bytes of JSON; then zeros up to a multiple of 512.

A save overwrites the older file in place and touches nothing else, so that power loss at any byte
leaves the newer one as it was, on LittleFS and on FAT: there the file keeps its clusters, and only
its own 512-byte sectors and the one of its directory entry are written. (A FAT on flash whose driver
erases more than a sector to write one, as the internal flash of a Pyboard, can lose neighbours of
the sector at a cut; no file on it is safe from that.)

What a save wears, for N = 16 bytes + text, rounded up to 512: FAT writes N + 512 bytes. LittleFS
programs N bytes and a unit (of 256 or 512) of its directory, and erases a 4-kB block for each begun
4 kB of N, and one more about every 8th save; these move over the whole flash. Unchanged settings are
not written.
"""

import json
import os
import struct
from binascii import crc32

_HEAD = 16
_STEP = 512  # bytes written in one step: a sector of FAT
_DEPTH = 8  # lists and dicts within each other
_HALF = 0x80000000


class Keep:
    """Settings by name, as in a dict: None, bool, int, finite float, str, and lists and dicts of these.

    loaded_from: the file they came from, None where there was none that counts; note: why not, or
    what was wrong with a file, as text; "" where all was well.
    """

    def __init__(self, path, default=None, *, limit_bytes=16384):
        """default: what holds for names that the files lack; limit_bytes: of text, at most."""
        self.loaded_from = None
        self.note = ""
        self.limit_bytes = limit_bytes
        self._slots = (path + ".a", path + ".b")
        self._newest = 1  # so that the first save goes to .a
        self._sequence = 0
        self._saved = None  # (length, CRC) of the text as it lies in the newest file
        self._edition = 0  # counts changes, for a saver that is under way
        self._saver = None
        self._values = {}
        for key in default or {}:
            self._values[key] = json.loads(_encode(key, default[key]))  # a copy
        self._load()

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, value):
        """A value changed in place instead, as by append(), may be saved half by a saver() under way."""
        _check(key, value)
        self._values[key] = value
        self._edition += 1

    def __delitem__(self, key):
        del self._values[key]
        self._edition += 1

    def __contains__(self, key):
        return key in self._values

    def get(self, key, default=None):
        return self._values.get(key, default)

    def keys(self):
        """The names, in order."""
        return sorted(self._values)

    def save(self):
        """Write the settings if they have changed. -> bytes written

        ValueError: too long, or a value that JSON does not hold; OSError: the file system's. After
        either, the last save stands.
        """
        wrote = 0
        for step in self.saver():
            wrote += step
        return wrote

    def saver(self):
        """save() in steps: a generator of the bytes each step wrote, 0 to 512.

        A step turns one name's value into text or writes one piece, so audio can go on between two
        (give each preset its own name: 8 numbers, 4 switches and a title take 140,000 instructions of
        a Cortex-M7, most of them for the numbers). The file system's own work, such as erasing a block, is part
        of the step in which it happens, the closing of the file of the last; on a board whose flash
        halts the processor meanwhile, as RP2's does, save where the sound is muted. A new saver ends
        an older one that is under way; what that one would have saved is not.
        """
        if self._saver is not None:
            self._saver.close()
        self._saver = self._steps()
        return self._saver

    def _steps(self):
        record, edition = None, -1
        while edition != self._edition:  # a value was set between two steps: begin again
            edition = self._edition
            record, crc, mark = bytearray(_HEAD), 0, "{"
            for key in self.keys():
                part = (mark + json.dumps(key) + ":" + _encode(key, self._values[key])).encode()
                crc = crc32(part, crc)
                record.extend(part)
                mark = ","
                self._check_room(len(record) + 1 - _HEAD)
                yield 0
                if edition != self._edition:
                    break
        end = b"}" if mark == "," else b"{}"
        record.extend(end)
        saved = (len(record) - _HEAD, crc32(end, crc))
        if saved != self._saved:
            yield from self._write(record, saved)

    def _write(self, record, saved):
        slot = 1 - self._newest
        sequence = (self._sequence + 1) & 0xFFFFFFFF
        tail = struct.pack("<II", sequence, saved[0])
        struct.pack_into("<4sIII", record, 0, b"UPK1", sequence, saved[0], crc32(tail, saved[1]))
        size, in_place = self._room(self._slots[slot], len(record))
        record.extend(bytes(size - len(record)))
        view = memoryview(record)
        file = open(self._slots[slot], "r+b" if in_place else "wb")  # noqa: SIM115
        try:
            for at in range(0, size, _STEP):
                if at:
                    yield _STEP
                file.write(view[at : at + _STEP])
        finally:
            file.close()
        getattr(os, "sync", int)()
        self._newest, self._sequence, self._saved = slot, sequence, saved
        yield _STEP

    def _room(self, path, need):
        """The bytes to write, and whether over the file that is there, of which all is written."""
        size = _steps(need)
        try:
            there = os.stat(path)[6]
        except OSError:
            there = 0
        if not 0 < there <= _steps(_HEAD + self.limit_bytes):
            return size, False
        return max(size, _steps(there)), True

    def _check_room(self, length):
        if length > self.limit_bytes:
            text = "{}: more than {} bytes of settings; expected {} at most"
            raise ValueError(text.format(self._slots[0][:-2], length - 1, self.limit_bytes))

    def _load(self):
        """Take the newest file that is whole. Whatever lies there, this ends without an error."""
        found = []
        for slot in (0, 1):
            head = self._attempt(self._head, slot)
            if head:
                found.append((slot, head))
        if len(found) == 2 and ((found[1][1][0] - found[0][1][0]) & 0xFFFFFFFF) < _HALF:
            found.reverse()
        for slot, head in found:
            values = self._attempt(self._body, slot, head)
            if values is not None:
                self._values.update(values)
                self.loaded_from = self._slots[slot]
                self._newest, self._sequence = slot, head[0]
                return

    def _attempt(self, read, slot, *more):
        path = self._slots[slot]
        try:
            with open(path, "rb") as file:
                return read(file, *more)
        except Exception as error:  # noqa: BLE001 - a pedal with damaged settings must still start
            if not (getattr(error, "errno", 0) == 2):  # ENOENT: none saved yet
                text = "{}: {}: {}"
                more = text.format(path, type(error).__name__, error)
                self.note = self.note + "; " + more if self.note else more

    def _head(self, file):
        """(sequence, length, CRC-32)"""
        head = file.read(_HEAD)
        if len(head) < _HEAD or head[:4] != b"UPK1":
            raise ValueError(f"begins with {head[:4]!r}; expected b'UPK1'")
        head = struct.unpack("<4sIII", head)[1:]
        if head[1] > self.limit_bytes:
            text = "{} bytes of settings; expected {} at most"
            raise ValueError(text.format(head[1], self.limit_bytes))
        return head

    def _body(self, file, head):
        """The dict, whose text is noted as saved."""
        sequence, length, expected = head
        file.read(_HEAD)
        text = file.read(length)
        if len(text) != length:
            raise ValueError(f"ends after {len(text)} bytes of settings; expected {length}")
        crc = crc32(text)
        found = crc32(struct.pack("<II", sequence, length), crc)
        if found != expected:
            raise ValueError(f"CRC-32 0x{found:08x}; expected 0x{expected:08x}")
        values = json.loads(str(text, "utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"holds a {type(values).__name__}; expected a dict")
        for key in values:
            _check(key, values[key])
        self._saved = (length, crc)
        return values


def _steps(size):
    """`size` rounded up to whole steps."""
    return (size + _STEP - 1) // _STEP * _STEP


def _encode(key, value):
    _check(key, value)
    return json.dumps(value)


def _check(key, value, depth=0):
    """Refuse what JSON does not give back as it was."""
    if not isinstance(key, str):
        raise ValueError(f"settings by the name {key!r}; expected a str")
    if depth > _DEPTH:
        raise ValueError(f"{key}: nested deeper than {_DEPTH}")
    if isinstance(value, dict):
        for name in value:
            _check(name, value[name], depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(key, item, depth + 1)
    elif isinstance(value, float):
        if not -1e38 < value < 1e38:
            raise ValueError(f"{key}: {value}; expected a finite number")
    elif value is not None and not isinstance(value, (bool, int, str)):
        text = "{}: a {}; expected None, bool, int, float, str, list or dict"
        raise ValueError(text.format(key, type(value).__name__))
