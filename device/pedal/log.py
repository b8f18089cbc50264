"""What went wrong, on the pedal itself: a line an event, in two files written in turn.

A line is "COUNT TIME TEXT *CRC": the events are counted over power-ons, TIME is in frames or "-", and
CRC, the last 16 bits of the CRC-32 of what stands before " *", as four hexadecimal digits, tells a
line that power loss has torn. Where PATH.0 is full, PATH.1 is begun anew, and so on by turns: no
file is ever renamed, which on FAT could tie two names to one file at a power cut.
"""

import io
import sys
from binascii import crc32

_WRAP = 0x3FFFFFFF
_TEXT = 120  # characters of an event
_PENDING = 8  # events in memory
_AT_ONCE = 3  # lines a write: less than 512 bytes
_RAREST = 1024  # intervals


class Log:
    """note() keeps an event in memory; write(), called between blocks, brings it to the file.

    lost: events that came faster than they could be written; error: the text of the last failure to
    write, "" where there was none. Nothing here raises over what files hold or file systems refuse.
    """

    def __init__(self, path, limit_bytes=8192, *, interval=48000):
        """limit_bytes: of each file; interval: least time from write to write, in frames."""
        self.lost = 0
        self.error = ""
        self._paths = (path + ".0", path + ".1")
        self._limit = limit_bytes
        self._interval = self._wait = interval
        self._last = None  # time of the last write
        self._pending = []  # [time, text, how often]
        self._noted = None  # the text of the last of them as it was given
        data = self._data()
        last = [_last_count(data[0]), _last_count(data[1])]
        self._at = 1 if last[1] > last[0] else 0
        self._count = max(last)
        data = data[self._at]
        self._size = len(data)
        self._torn = not data.endswith(b"\n") and self._size > 0

    def note(self, what, now=None):
        """Keep an event. what: text, or an exception; now: time in frames.

        The same event again is counted, not kept twice. Of more than 8 that wait, the rest is lost,
        and counted.
        """
        if isinstance(what, str) and what == self._noted:  # the fast way, for each block's xrun
            self._pending[-1][2] += 1
            return
        text = _describe(what) if isinstance(what, BaseException) else str(what)
        text = _plain(text)
        self._noted = None
        if self._pending and self._pending[-1][1] == text:
            self._pending[-1][2] += 1
        elif len(self._pending) < _PENDING:
            self._pending.append([now, text, 1])
            self._noted = what if isinstance(what, str) else None
        else:
            self.lost += 1

    def write(self, now=None):
        """Write up to 3 events, if any wait and it is time. -> bytes written

        now: time in frames; None: it is time. While events come without end, the interval doubles
        from write to write, up to 1024-fold, so that a lasting fault does not wear out the flash.
        """
        if not self._pending or not self._due(now):
            return 0
        lines = b"\n" if self._torn else b""
        events = self._pending[:_AT_ONCE]
        del self._pending[:_AT_ONCE]
        self._noted = None
        for time, text, times in events:
            self._count = (self._count + 1) & _WRAP
            lines += _line(self._count, time, text, times)
        try:
            self._append(lines)
        except OSError as error:
            self.error = f"{self._paths[self._at]}: {error}"
            self.lost += len(events)
            return 0
        if self.lost:
            self._pending.append([now, f"{self.lost} events lost", 1])
            self.lost = 0
        return len(lines)

    def read(self):
        """The whole lines that lie on the pedal, oldest first, without their CRC."""
        data = self._data()
        return _lines(data[1 - self._at]) + _lines(data[self._at])

    def _due(self, now):
        if now is None:
            return True
        if self._last is not None:
            since = (now - self._last) & _WRAP
            if since < self._wait:
                return False
            if since >= 2 * self._wait:
                self._wait = self._interval
            else:
                self._wait = min(2 * self._wait, _RAREST * self._interval)
        self._last = now
        return True

    def _append(self, lines):
        mode = "ab"
        if self._size and self._size + len(lines) > self._limit:
            self._at, self._size, mode = 1 - self._at, 0, "wb"
        self._torn = True  # until the file is closed
        with open(self._paths[self._at], mode) as file:
            file.write(lines)
        self._size += len(lines)
        self._torn = False

    def _data(self):
        """What the files hold, as far as they may."""
        found = []
        for path in self._paths:
            try:
                with open(path, "rb") as file:
                    found.append(file.read(self._limit + 1))
            except OSError:
                found.append(b"")
        return found


def _line(count, time, text, times):
    time = "-" if time is None else time
    often = f" ({times} times)" if times > 1 else ""
    body = f"{count} {time} {text}{often}".encode()
    return body + b" *%04x\n" % (crc32(body) & 0xFFFF)


def _lines(data):
    """Those of the lines whose CRC is right, as text."""
    found = []
    for line in data.split(b"\n"):
        body = line[:-6]
        if line[-6:] == b" *%04x" % (crc32(body) & 0xFFFF):
            found.append(str(body, "utf-8"))
    return found


def _last_count(data):
    """The number of the last whole line; 0 where there is none."""
    lines = _lines(data)
    try:
        return int(lines[-1].split(" ")[0]) & _WRAP if lines else 0
    except ValueError:
        return 0


def _plain(text):
    """One line of ASCII, of 120 characters at most."""
    return "".join([char if " " <= char <= "~" else "?" for char in text[:_TEXT]])


def _describe(error):
    """Kind and text of an exception, and where it was raised."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a user's exception may fail to say what it is
        text = type(error).__name__
    place = ""
    for line in _traceback(error):
        if line.startswith("  File "):
            place = line[7:].split("\n")[0].replace('"', "")
    return f"{place}: {text}" if place else text


def _traceback(error):
    if hasattr(sys, "print_exception"):
        to = io.StringIO()
        sys.print_exception(error, to)
        return to.getvalue().split("\n")
    import traceback

    return traceback.format_tb(error.__traceback__)
