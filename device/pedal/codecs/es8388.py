"""ES8388, as on many ESP32 audio boards. Not tried on hardware."""

from pedal.codecs.base import I2cCodec, dbu

_DAC_WIDTH = {16: 0x18, 24: 0x00, 32: 0x20}
_ADC_WIDTH = {16: 0x0C, 24: 0x00, 32: 0x10}
_CONTROL1, _CONTROL2, _CHIP_POWER, _ADC_POWER, _DAC_POWER, _MASTER = 0, 1, 2, 3, 4, 8
_PGA, _ADC_INPUT, _ADC_MONO, _ADC_FORMAT, _ADC_RATIO, _ADC_LEFT, _ADC_RIGHT = (
    0x09,
    0x0A,
    0x0B,
    0x0C,
    0x0D,
    0x10,
    0x11,
)
_DAC_FORMAT, _DAC_RATIO, _DAC_MUTE, _DAC_LEFT, _DAC_RIGHT = 0x17, 0x18, 0x19, 0x1A, 0x1B
_MIX_LEFT, _MIX_RIGHT, _CLOCKS = 0x27, 0x2A, 0x2B
_OUTPUTS = (0x2E, 0x2F, 0x30, 0x31)  # left 1, right 1, left 2, right 2
_256_FS = 0x02


class Es8388(I2cCodec):
    """Nominal: 1.0 V RMS at full scale in and out with 3.3 V supplies; its data sheet gives a ratio to the
    supply only. Inputs LIN1 and RIN1, both pairs of outputs."""

    name = "ES8388"
    addresses = (0x10, 0x11)  # pin CE low, high
    instrument_db = 6
    line_in_dbu = line_out_dbu = dbu(1.0)

    def start(self, rate_hz, *, bits=24, instrument=False):
        self.check(rate_hz, bits)
        self._in_db = self.instrument_db if instrument else 0
        gain = self.steps(self._in_db, 0, 24, 3)
        self.write_all(
            (
                (_DAC_MUTE, 0x04),
                (_CHIP_POWER, 0xF3),  # state machines held while clocks are set
                (_MASTER, 0x00),  # slave
                (_CLOCKS, 0x80),  # one LRCK for both directions
                (_CONTROL1, 0x16),  # one rate for both, reference on
                (_CONTROL2, 0x50),  # analogue part and bias on
                (_DAC_POWER, 0xC0),
                (_DAC_FORMAT, _DAC_WIDTH[bits]),
                (_DAC_RATIO, _256_FS),
                (_DAC_LEFT, 0x00),  # 0 dB
                (_DAC_RIGHT, 0x00),
                (_MIX_LEFT, 0x90),  # the DAC, not the input
                (_MIX_RIGHT, 0x90),
                (_ADC_POWER, 0xFF),
                (_PGA, gain << 4 | gain),
                (_ADC_INPUT, 0x00),
                (_ADC_MONO, 0x02),  # stereo
                (_ADC_FORMAT, _ADC_WIDTH[bits]),
                (_ADC_RATIO, _256_FS),
                (_ADC_LEFT, 0x00),
                (_ADC_RIGHT, 0x00),
            )
        )
        self.volume(0)
        self.write_all(((_DAC_POWER, 0x3C), (_ADC_POWER, 0x08), (_CHIP_POWER, 0xF0)))
        self.write(_CHIP_POWER, 0x00)  # both state machines start together
        self._sleep(50)
        self.mute(False)

    def volume(self, db):
        """Of all outputs, -45 to 4.5 dB."""
        step = self.steps(db, -45, 4.5, 1.5)
        for output in _OUTPUTS:
            self.write(output, step)
        self._out_db = db

    def mute(self, on=True):
        self.write(_DAC_MUTE, 0x04 if on else 0x00)

    def close(self):
        self.mute()
        self.write_all(((_DAC_POWER, 0xC0), (_ADC_POWER, 0xFF), (_CHIP_POWER, 0xFF)))
