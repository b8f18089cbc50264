"""WAV files as source and sink: PCM of 16, 24, 32 bits and 32-bit float.

A sample's kind is one number here and in pedal_fx: 16, 24, 32 (PCM) or -32 (float).
"""

import sys
from struct import pack, unpack

import pedal_fx

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN_SIZE = 0xFFFFFFFF  # what a program writes that could not go back to the header

if sys.implementation.name == "micropython":  # a length argument, where CPython needs a slice

    def _read_part(file, raw, size):
        return file.readinto(raw, size)

    def _write_part(file, raw, size):
        return file.write(raw, size)

else:

    def _read_part(file, raw, size):
        return file.readinto(memoryview(raw)[:size])

    def _write_part(file, raw, size):
        return file.write(memoryview(raw)[:size])


class WavReader:
    """One channel of a file, as floats of full scale 1.0.

    rate_hz; channels; bits (16, 24, 32, or -32 for float); frames in the whole file.
    """

    def __init__(self, path, *, channel=0):
        """channel: which one of an interleaved file, from 0."""
        self._path = path
        self._file = open(path, "rb")  # noqa: SIM115 - closed by close()
        try:
            self._open(channel)
        except ValueError:
            self._file.close()
            raise

    def _open(self, channel):
        end = self._file.seek(0, 2)
        form, start, size = self._chunks(end)
        self.channels, self.rate_hz, self.bits = self._format(form)
        if not 0 <= channel < self.channels:
            self._refuse(f"channel {channel}", f"0 to {self.channels - 1}")
        self._channel = channel
        self._frame = self.channels * abs(self.bits) // 8  # bytes
        self.frames = size // self._frame
        self._left = self.frames
        self._raw = None
        self._block = 0
        self._file.seek(start)

    def _refuse(self, found, expected):
        raise ValueError(f"{self._path}: {found}; expected {expected}")

    def _chunks(self, end):
        """The fmt chunk's bytes, and where the data starts and its size."""
        file = self._file
        file.seek(0)
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            self._refuse(f"starts with {head}", "RIFF....WAVE")
        form = start = size = None
        at = 12
        while at + 8 <= end and (form is None or start is None):
            file.seek(at)
            name, length = unpack("<4sI", file.read(8))
            at += 8
            if name == b"data":
                start = at
                size = length = end - at if length == _UNKNOWN_SIZE else length
            if name in (b"data", b"fmt ") and length > end - at:
                held = f"{name} chunk of {length} bytes, of which the file holds {end - at}"
                self._refuse(held, "a whole file")
            if name == b"fmt ":
                form = file.read(min(length, 40))
            at += length + (length & 1)
        if form is None or start is None:
            self._refuse("no {} chunk".format("fmt" if form is None else "data"), "one")
        return form, start, size

    def _format(self, form):
        if len(form) < 16:
            self._refuse(f"fmt chunk of {len(form)} bytes", "at least 16")
        tag, channels, rate_hz, _, align, bits = unpack("<HHIIHH", form[:16])
        if tag == _EXTENSIBLE:
            if len(form) < 40:
                self._refuse(f"extensible fmt chunk of {len(form)} bytes", "40")
            tag = unpack("<H", form[24:26])[0]
        pcm = tag == _PCM and bits in (16, 24, 32)
        if not pcm and not (tag == _FLOAT and bits == 32):
            kinds = "format 1 (PCM) with 16, 24 or 32 bits, or 3 (float) with 32"
            self._refuse(f"format {tag} with {bits} bits", kinds)
        if not 1 <= channels <= 16 or align * 8 != channels * bits:
            found = f"{channels} channels in frames of {align} bytes"
            self._refuse(found, f"1 to 16 channels of {bits // 8} bytes each")
        if not 1 <= rate_hz <= 768000:
            self._refuse(f"{rate_hz} Hz", "1 to 768000")
        return channels, rate_hz, bits if pcm else -32

    def prepare(self, block):
        """Make the buffer for blocks of `block` frames."""
        self._block = block
        self._raw = bytearray(block * self._frame)

    def readinto(self, buf):
        """Fill buf, zeros behind the end. Frames read, 0 at the end of the file."""
        block = len(buf)
        if block != self._block:
            self.prepare(block)
        raw = self._raw
        n = self._left
        if n >= block:
            n = block
            got = self._file.readinto(raw)
        elif n:
            got = _read_part(self._file, raw, n * self._frame)
        else:
            return 0
        if got != n * self._frame:
            self._refuse(f"ended {self._left} frames early", "a whole file")
        self._left -= n
        pedal_fx.unpack(raw, buf, self.bits, self.channels, self._channel)
        for at in range(n, block):
            buf[at] = 0.0
        return n

    def close(self):
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class WavWriter:
    """Blocks of floats to a file; PCM saturates at full scale. close() completes the header."""

    def __init__(self, path, rate_hz, *, bits=-32, channels=1):
        """bits: 16, 24, 32 or -32 (float); each channel gets the same signal."""
        if bits not in (16, 24, 32, -32) or not 1 <= channels <= 16:
            text = "{}: {} bits, {} channels; expected 16, 24, 32 or -32, and 1 to 16"
            raise ValueError(text.format(path, bits, channels))
        self.rate_hz, self.bits, self.channels = rate_hz, bits, channels
        self.frames = 0
        self._frame = channels * abs(bits) // 8
        self._raw = None
        self._block = 0
        self._file = open(path, "wb")  # noqa: SIM115 - closed by close()
        self._file.write(self._header())

    def _header(self):
        bits, size = abs(self.bits), self.frames * self._frame
        tag, more = (_PCM, b"") if self.bits > 0 else (_FLOAT, b"\0\0")
        rate = self.rate_hz
        form = pack("<HHIIHH", tag, self.channels, rate, rate * self._frame, self._frame, bits)
        form += more
        head = pack("<4s4sI", b"WAVE", b"fmt ", len(form)) + form
        if tag == _FLOAT:
            head += pack("<4sII", b"fact", 4, self.frames)
        head += pack("<4sI", b"data", size)
        return pack("<4sI", b"RIFF", len(head) + size + (size & 1)) + head

    def prepare(self, block):
        """Make the buffer for blocks of `block` frames."""
        self._block = block
        self._raw = bytearray(block * self._frame)

    def write(self, buf, frames):
        """The first `frames` of buf."""
        block = len(buf)
        if block != self._block:
            self.prepare(block)
        pedal_fx.pack(buf, self._raw, self.bits, self.channels)
        self._put(block, frames)

    def write2(self, left, right, frames):
        """As write(), each channel its own block; the left alone where the file has not two."""
        if self.channels != 2:
            self.write(left, frames)
            return
        block = len(left)
        if block != self._block:
            self.prepare(block)
        pedal_fx.pack2(left, right, self._raw, self.bits)
        self._put(block, frames)

    def _put(self, block, frames):
        raw = self._raw
        if frames == block:
            self._file.write(raw)
        else:
            _write_part(self._file, raw, frames * self._frame)
        self.frames += frames

    def close(self):
        if self._file:
            if self.frames * self._frame & 1:
                self._file.write(b"\0")
            self._file.seek(0)
            self._file.write(self._header())
            self._file.close()
            self._file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
