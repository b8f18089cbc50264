"""Sizes and times of io/i2s_pair, from how a port's machine.I2S moves samples.

Interrupts move pieces of 128 bytes: 16 frames of the input, which is always 32 bits wide and stereo,
and as many or 32 of the output. The ESP32's pieces are DMA buffers of 256 frames. Not tried on hardware.
"""

_PIECE = 128  # bytes
_ESP = 256  # frames

PORTS = ("mimxrt", "pyboard", "esp32", "rp2")  # sys.platform of those that have machine.I2S


class Plan:
    """ahead, latency, latency_spread, frames_in, frames_out in frames; *_us in microseconds.

    ring_us: input older than this is lost. spare_us: how late a block may be sent. early_us: how
    early one can be read, as a negative number: blocks shorter than a piece come several at once.
    limit_us: see io/i2s_modes. part: of a block's length beyond block_us, in us / rate_hz.
    per: blocks that fill a DMA buffer, drop: how many to throw away when aligning (ESP32).
    """

    def __init__(self, platform, rate_hz, block, width, channels, irq, ahead, ring):
        self._esp = platform == "esp32"
        self._block, self._irq = block, irq
        piece_in = _ESP if self._esp else _PIECE // 8
        self._hardware = _ESP if self._esp else _PIECE // (2 * width // 8)
        if irq and not self._esp and block < 2 * self._hardware:
            # An interrupt starts no second block: shorter ones would never catch up.
            _refuse("blocks of {} frames with irq", block, "at least {}", 2 * self._hardware)
        fed = self._hardware * (2 if irq else 1)
        if channels == 1 and not self._esp:
            fed += self._hardware  # a port waits for the bytes of two mono pieces, then takes one
        left = piece_in - _gcd(block, piece_in)
        least = block + left + fed
        self.ahead = least + block if ahead is None else ahead
        if self.ahead < least:
            _refuse(f"blocks of {block} frames, ahead of {{}}", self.ahead, "at least {}", least)
        self.frames_out = self.ahead + 2 * block
        self.frames_in = ring * block + piece_in
        self.per, self.drop = 1, 0
        if self._esp:
            self._buffers()
        self._times(rate_hz, least, left, piece_in, ring)
        self._latency(left, piece_in)

    def _buffers(self):
        """The output's DMA buffers are free again, and in order, when all have been played once."""
        block = self._block
        if block % _ESP and _ESP % block:
            _refuse("blocks of {} frames", block, "a part or a multiple of {}", _ESP)
        if self.ahead % min(block, _ESP):
            _refuse("ahead of {} frames", self.ahead, "a multiple of {}", min(block, _ESP))
        # Whole buffers, and the one in use holds nothing.
        self.frames_out = (-(-self.frames_out // _ESP) + 1) * _ESP
        self.frames_in = (-(-self.frames_in // _ESP) + 1) * _ESP
        self.per = max(1, _ESP // block)
        self.drop = (self.frames_out + _ESP) // block + 1

    def _times(self, rate_hz, least, left, piece_in, ring):
        block, irq = self._block, self._irq
        self.spare_us = (self.ahead - least) * 1000000 // rate_hz
        self.ring_us = (ring + (1 if irq else 0)) * block * 1000000 // rate_hz
        self.early_us = -left * 1000000 // rate_hz
        self.block_us = block * 1000000 // rate_hz
        self.part = block * 1000000 % rate_hz
        piece_us = piece_in * 1000000 // rate_hz
        self.limit_us = self.block_us >> 4
        if irq:
            self.limit_us = piece_us // 2 if self._esp else piece_us * 3 // 2

    def _latency(self, left, piece_in):
        """A read that had to wait leaves `left` frames in the ring, or up to that where blocks and
        pieces do not fit; a piece that is fed waits for the one that plays."""
        fits = self._block % piece_in == 0 or piece_in % self._block == 0
        self.latency = self.ahead + (left if fits else 0) + (0 if self._esp else self._hardware)
        self.latency_spread = self._hardware + (0 if fits else left)


def _gcd(a, b):
    while b:
        a, b = b, a % b
    return a


def _refuse(found, number, expected, limit):
    raise ValueError(found.format(number) + "; expected " + expected.format(limit))


def check(platform, rx, tx, bits, stereo, channel):
    if platform not in PORTS:
        text = "machine.I2S on {!r}; expected one of {}"
        raise ValueError(text.format(platform, ", ".join(PORTS)))
    if bits not in (16, 24, 32):
        raise ValueError(f"{bits} bits; expected 16, 24 or 32")
    if platform == "pyboard" and bits == 16:
        # Its input is always 32 bits wide, and one PLL, set by width, feeds both directions.
        raise ValueError("16 bits on this board; expected 24 or 32")
    if not 0 <= channel <= (1 if stereo else 0):
        text = "channel {} of {}; expected {}"
        name = "a stereo input" if stereo else "a mono input"
        raise ValueError(text.format(channel, name, "0 or 1" if stereo else "0"))
    if rx["id"] == tx["id"]:
        raise ValueError("rx and tx both have id {}; expected two".format(rx["id"]))
