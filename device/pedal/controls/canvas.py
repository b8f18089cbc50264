"""Something to draw on: a framebuf, with text, large letters and numbers, without allocation."""

from struct import pack_into

try:
    import framebuf
except ImportError:
    framebuf = None

_DIGITS = tuple("0123456789")

# size: bits of a column that one byte shows, and of each such group the bytes side by side.
_SIZES = {
    2: (4, tuple(bytes([sum(3 << 2 * k for k in range(4) if n >> k & 1)] * 2) for n in range(16))),
    4: (2, tuple(bytes([byte] * 4) for byte in (0x00, 0x0F, 0xF0, 0xFF))),
}


class Canvas:
    """dots: the framebuf.FrameBuffer; frame: its bytes, columns of 8 dots, the lowest bit on top."""

    def __init__(self, width, height):
        if framebuf is None:
            raise ValueError(
                "this firmware has no framebuf, which a display needs; expected one built with "
                "MICROPY_PY_FRAMEBUF, as those of MicroPython's own download page are"
            )
        self.width, self.height = width, height
        self.frame = bytearray(width * height // 8)
        self.dots = framebuf.FrameBuffer(self.frame, width, height, framebuf.MONO_VLSB)
        self._line = bytearray(width)
        self._small = framebuf.FrameBuffer(self._line, width, 8, framebuf.MONO_VLSB)

    def clear(self):
        self.dots.fill(0)

    def text(self, text, x, row):
        """Letters of 8 x 8 dots on what lies there, which is cleared; row: of 8 dots, 0 on top."""
        self.dots.fill_rect(x, 8 * row, 8 * len(text), 8, 0)
        self.dots.text(text, x, 8 * row)

    def prepare(self, text):
        """Set the text whose letters large() draws: the first 16 of it."""
        self._small.fill(0)
        self._small.text(text, 0, 0)

    def large(self, letter, x, row, size):
        """Draw letter number `letter` of the prepared text, 16 (size 2) or 32 dots high (size 4).

        One at a time, since one of size 4 takes Python up to 65,000 instructions. ValueError where it would
        stand beyond the edge.
        """
        frame, line, width = self.frame, self._line, self.width
        if not 0 <= x <= width - 8 * size or not 0 <= row <= self.height // 8 - size:
            raise ValueError(f"a letter of size {size} at {x}, row {row} is beyond the edge")
        bits, groups = _SIZES[size]
        form = "2s" if size == 2 else "4s"
        mask = (1 << bits) - 1
        self.dots.fill_rect(x, 8 * row, 8 * size, 8 * size, 0)
        at = row * width + x
        for column in range(8 * letter, 8 * letter + 8):
            byte, down = line[column], at
            while byte:
                if byte & mask:
                    pack_into(form, frame, down, groups[byte & mask])
                byte >>= bits
                down += width
            at += size

    def number(self, value, x, row, digits):
        """A whole number at the right of a field of `digits` letters; 9s where it is too long."""
        dots, y = self.dots, 8 * row
        value = min(max(value, 0), 10**digits - 1)
        dots.fill_rect(x, y, 8 * digits, 8, 0)
        for at in range(digits - 1, -1, -1):
            dots.text(_DIGITS[value % 10], x + 8 * at, y)
            value //= 10
            if value == 0:
                break
