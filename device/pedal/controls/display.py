"""A display of 128 x 64 dots, SSD1306 or SH1106 on I2C, that never keeps the audio waiting."""

import sys
from struct import pack_into

from pedal.const import const
from pedal.controls.control import WRAP, Control, frames
from pedal.controls.events import report

if sys.implementation.name == "cpython":  # its struct wants bytes

    def pack_into(form, to, at, view):
        to[at : at + len(view)] = view


WIDTH = const(128)
HEIGHT = const(64)
_LOOKS = const(4)  # pieces compared in a poll; a look costs a tenth of what sending costs
_AGAIN_MS = const(2000)  # after the display did not answer
_ABSENT = const(-1)

# Commands to switch each controller on: clock, 64 lines, no offset, charge pump, both axes turned
# so that the connector is on top, contrast, blank; each has pages of 8 lines, written one at a time.
_SSD1306 = bytes.fromhex("00AED580A83FD300408D142002A1C8DA1281CFD9F1DB40A4A6AF")
_SH1106 = bytes.fromhex("00AED580A83FD30040AD8BA1C8DA128180D922DB35A4A6AF")
# name: (commands, first visible column)
_DRIVERS = {"ssd1306": (_SSD1306, 0), "sh1106": (_SH1106, 2)}


class Display(Control):
    """Display(I2C(0, freq=400_000), page): shows a page; show(page) another.

    A poll draws one part of the page (see pages.py), or sends `piece` bytes of what changed: 32
    take 0.9 ms at 400 kHz; a whole page takes 32 polls. A display that does not answer is
    reported once and tried again every two seconds.
    """

    def __init__(self, i2c, page=None, *, driver="ssd1306", address=0x3C, piece=32, refresh_ms=50):
        """i2c: anything with writeto(address, buffer); piece: 8, 16, 32, 64 or 128 bytes;
        refresh_ms: between two looks at the page. ValueError where the firmware has no framebuf."""
        Control.__init__(self)
        if driver not in _DRIVERS:
            raise ValueError(f"driver={driver!r}; expected {' or '.join(sorted(_DRIVERS))}")
        if piece not in (8, 16, 32, 64, 128):
            raise ValueError(f"piece={piece!r}; expected 8, 16, 32, 64 or 128 bytes")
        from pedal.controls.canvas import Canvas

        self.canvas = Canvas(WIDTH, HEIGHT)
        self.faults = 0  # times it did not answer
        self._write, self._address = i2c.writeto, address
        self._driver, self._piece, self._refresh_ms = _DRIVERS[driver], piece, refresh_ms
        self._shown = [page, True]  # page, and whether to draw all of it

    def show(self, page):
        """Show another page."""
        self._shown[0] = page
        self._shown[1] = True

    def _steps(self, rate_hz):
        refresh = frames("refresh_ms", self._refresh_ms, rate_hz)
        again = frames("", _AGAIN_MS, rate_hz)
        write, address, piece, shown = self._write, self._address, self._piece, self._shown
        start_up, column = self._driver
        views, sent, packets = self._pieces()
        last = len(views)
        place = bytearray(4)  # 0: commands follow; page, low and high four bits of the column
        form = f"{piece}s"
        since = tried = parts = 0
        at = _ABSENT  # the piece to look at next
        while True:
            now = yield
            try:
                if at >= last:
                    if shown[1] or (not parts and (now - since) & WRAP >= refresh):
                        since = now
                        page, everything = shown
                        parts = self._look(shown)
                        if everything and not parts:
                            at = 0
                    elif parts:
                        parts = self._draw(page, parts - 1)
                        if not parts:
                            at = 0
                elif at >= 0:
                    for _ in range(_LOOKS):
                        if at == last:
                            break
                        view = views[at]
                        if view != sent[at]:
                            packet = packets[at]
                            pack_into(form, packet, 1, view)  # a slice would be made of heap
                            x = at * piece
                            place[1] = 0xB0 | x // WIDTH
                            x = x % WIDTH + column
                            place[2] = x & 15
                            place[3] = 0x10 | x >> 4
                            write(address, place)
                            write(address, packet)
                            at += 1
                            break
                        at += 1
                elif not tried or (now - since) & WRAP >= again:
                    since, tried = now, 1
                    write(address, start_up)
                    at = 0
                    _forget(views, sent)
            except OSError as error:
                if at != _ABSENT or not self.faults:
                    report(error)
                self.faults += 1
                at = _ABSENT

    def _pieces(self):
        """Of each piece: what it is to show, what it was sent, and that with the byte before it."""
        piece = self._piece
        views, sent, packets = [], [], []
        frame = memoryview(self.canvas.frame)
        for start in range(0, len(frame), piece):
            packet = bytearray(1 + piece)
            packet[0] = 0x40  # data follow
            views.append(frame[start : start + piece])
            packets.append(packet)
            sent.append(memoryview(packet)[1:])
        return views, sent, packets

    def _look(self, shown):
        """Ask the page; -> parts to draw."""
        page, everything = shown
        shown[1] = False
        if everything:
            self.canvas.clear()
        try:
            return page.look(everything) if page else 0
        except Exception as error:  # noqa: BLE001 - it asks the user's functions
            return self._leave(error)

    def _draw(self, page, part):
        """Draw a part; -> parts left."""
        try:
            page.draw(self.canvas, part)
            return part
        except Exception as error:  # noqa: BLE001 - a page may be the user's own
            return self._leave(error)

    def _leave(self, error):
        report(error)
        self._shown[0] = None
        return 0


def _forget(views, sent):
    """Make every piece differ from what was sent: at power-on the display shows noise."""
    for view, old in zip(views, sent):
        old[0] = view[0] ^ 0xFF
