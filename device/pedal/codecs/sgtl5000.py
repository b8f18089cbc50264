"""SGTL5000, as on the Teensy Audio Adaptor. Not tried on hardware.

For supplies of 3.3 V and a digital core supplied from outside with 1.8 V, as that board has it.
"""

from pedal.codecs.base import I2cCodec, dbu

_DIG_POWER, _CLOCK, _I2S, _ROUTE, _ADC_DAC, _DAC_VOLUME = 0x02, 0x04, 0x06, 0x0A, 0x0E, 0x10
_ADC_GAIN, _HP_VOLUME, _ANALOGUE, _LINREG, _REFERENCE = 0x20, 0x22, 0x24, 0x26, 0x28
_LINE_OUT, _LINE_VOLUME, _ANA_POWER, _SHORT = 0x2C, 0x2E, 0x30, 0x3C
_RATE = {32000: 0, 44100: 1, 48000: 2, 96000: 3}
_WIDTH = {32: 0, 24: 1, 16: 3}
_LINE_MUTE, _HP_MUTE, _ADC_MUTE = 0x100, 0x10, 0x01
_LINE_INPUT = 0x26  # line in to the ADC, DAC to the headphones, changes at zero crossings


class Sgtl5000(I2cCodec):
    """Line in 1.0 V RMS at full scale (data sheet: at most 2.83 V peak to peak), line out 2.83 V peak to peak
    at level 15 (nominal: as PJRC lists it for its board).

    It answers on I2C only while its master clock runs, 256 times the rate.
    """

    name = "SGTL5000"
    addresses = (0x0A, 0x2A)  # pin CTRL_ADR0_CS low, high
    rates = (32000, 44100, 48000, 96000)
    instrument_db = 6
    line_in_dbu = line_out_dbu = dbu(1.0)

    def encode(self, register, value):
        return bytes((register >> 8, register & 0xFF, value >> 8, value & 0xFF))

    def start(self, rate_hz, *, bits=24, instrument=False, headphones=True):
        self.check(rate_hz, bits)
        self._in_db = self.instrument_db if instrument else 0
        gain = self.steps(self._in_db, 0, 22.5, 1.5)
        self._unmuted = _LINE_INPUT | (0 if headphones else _HP_MUTE)
        self.write_all(
            (
                (_ANA_POWER, 0x4060),  # the regulators for starting up are not needed
                (_LINREG, 0x0060),  # charge pump from VDDIO, as all supplies are above 3.1 V
                (_REFERENCE, 0x01F1),  # analogue ground 1.575 V, rising slowly
                (_LINE_OUT, 0x0322),  # output ground 1.65 V, 0.36 mA
                (_SHORT, 0x1106),  # stop at 75 mA
                (_ANALOGUE, _LINE_INPUT | _LINE_MUTE | _HP_MUTE | _ADC_MUTE),
                (_ANA_POWER, 0x40FF),
                (_DIG_POWER, 0x0063),
            )
        )
        self._sleep(400)  # until the ground has risen
        self.write_all(
            (
                (_LINE_VOLUME, 0x0F0F),
                (_CLOCK, _RATE[rate_hz] << 2),
                (_I2S, _WIDTH[bits] << 4),
                (_ROUTE, 0x0010),  # ADC to I2S, I2S to DAC
                (_ADC_GAIN, gain << 4 | gain),
                (_HP_VOLUME, 0x1818),  # 0 dB
            )
        )
        self.volume(0)
        self.write(_ADC_DAC, 0)
        self.mute(False)

    def volume(self, db):
        """Of line out and headphones, in the DAC: -90 to 0 dB."""
        step = 0xF0 - self.steps(db, -90, 0, 0.5)
        self.write(_DAC_VOLUME, step << 8 | step)
        self._out_db = db

    def mute(self, on=True):
        both = _LINE_MUTE | _HP_MUTE
        self.write(_ANALOGUE, self._unmuted | (both if on else 0))

    def close(self):
        self.write(_ANALOGUE, _LINE_INPUT | _LINE_MUTE | _HP_MUTE | _ADC_MUTE)
        self.write(_DIG_POWER, 0)
        self.write(_ANA_POWER, 0x4060)
