"""WM8731: line in, line out and headphones. Not tried on hardware."""

from pedal.codecs.base import I2cCodec, dbu

_LINE_IN, _HEADPHONE, _ANALOGUE, _DIGITAL = 0, 2, 4, 5
_POWER, _FORMAT, _SAMPLING, _ACTIVE, _RESET = 6, 7, 8, 9, 15
_BOTH = 0x100  # the right channel follows the left one
_I2S = 2
_WIDTH = {16: 0x00, 24: 0x08, 32: 0x0C}
_RATE = {44100: 0x20, 48000: 0x00}  # SR[3:0] << 2, for 256 clocks a frame
_DAC_MUTE = 0x08
_IDLE_PARTS = 0x62  # powered down: microphone, oscillator, clock output
_OUT_DOWN = 0x10
_ALL_DOWN = 0xFF


class Wm8731(I2cCodec):
    """1.0 V RMS at full scale in and out with 3.3 V supplies (data sheet); the line output has no
    volume of its own, so volume() is the headphones'.
    """

    name = "WM8731"
    addresses = (0x1A, 0x1B)  # pin CSB low, high
    rates = (44100, 48000)
    instrument_db = 6
    line_in_dbu = line_out_dbu = dbu(1.0)

    def encode(self, register, value):
        return bytes((register << 1 | value >> 8, value & 0xFF))  # 7 bits and 9 bits

    def start(self, rate_hz, *, bits=24, instrument=False):
        self.check(rate_hz, bits)
        self._in_db = self.instrument_db if instrument else 0
        gain = self.steps(self._in_db, -34.5, 12, 1.5)
        self.write_all(
            (
                (_RESET, 0),
                (_POWER, _IDLE_PARTS | _OUT_DOWN),
                (_LINE_IN, _BOTH | gain),
                (_ANALOGUE, 0x12),  # converter on the outputs, line in, microphone muted
                (_DIGITAL, _DAC_MUTE),
                (_FORMAT, _I2S | _WIDTH[bits]),
                (_SAMPLING, _RATE[rate_hz]),
            )
        )
        self.volume(0)
        self.write(_ACTIVE, 1)
        self._sleep(100)  # the reference voltage's capacitor charges
        self.write(_POWER, _IDLE_PARTS)
        self.mute(False)

    def volume(self, db):
        """Of the headphones, -73 to 6 dB."""
        self.write(_HEADPHONE, _BOTH | 0x30 + self.steps(db, -73, 6, 1))

    def mute(self, on=True):
        self.write(_DIGITAL, _DAC_MUTE if on else 0)

    def close(self):
        self.mute()
        self.write(_POWER, _IDLE_PARTS | _OUT_DOWN)
        self.write(_ACTIVE, 0)
        self.write(_POWER, _ALL_DOWN)
