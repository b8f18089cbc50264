"""PCM3060, as on some revisions of the Daisy Seed. Not tried on hardware."""

from pedal.codecs.base import I2cCodec, dbu

_RESET, _DAC_LEFT, _DAC_RIGHT, _DAC_FORMAT, _DAC_MUTE = 0x40, 0x41, 0x42, 0x43, 0x44
_ADC_LEFT, _ADC_RIGHT, _ADC_FORMAT = 0x46, 0x47, 0x48
_NO_RESET, _ADC_SAVE, _DAC_SAVE, _SINGLE = 0xC0, 0x20, 0x10, 0x01
_ADC_0_DB = 0xD7


class Pcm3060(I2cCodec):
    """Nominal, with a supply of 5 V: 0.6 of it peak to peak at full scale in (3 V), 0.8 of it out (4 V,
    single-ended). It finds the master clock's ratio itself and has no gain before its ADC, so
    instrument changes nothing.
    """

    name = "PCM3060"
    addresses = (0x46, 0x47)  # pin ADR low, high
    rates = (32000, 44100, 48000, 88200, 96000)
    line_in_dbu = dbu(1.5 * 0.5**0.5)
    line_out_dbu = dbu(2.0 * 0.5**0.5)

    def start(self, rate_hz, *, bits=24, instrument=False):
        self.check(rate_hz, bits)
        if bits == 16:
            raise ValueError(f"{self.name}: 16 bits; expected 24 or 32 (it ignores the last 8)")
        self.write_all(
            (
                (_RESET, _NO_RESET | _ADC_SAVE | _DAC_SAVE | _SINGLE),
                (_DAC_MUTE, 0x03),
                (_DAC_FORMAT, 0x00),  # slave, I2S
                (_ADC_FORMAT, 0x00),
                (_ADC_LEFT, _ADC_0_DB),
                (_ADC_RIGHT, _ADC_0_DB),
            )
        )
        self.volume(0)
        self.write(_RESET, _NO_RESET | _SINGLE)
        self.mute(False)

    def volume(self, db):
        """Of the output, -100 to 0 dB."""
        step = 0xFF - 200 + self.steps(db, -100, 0, 0.5)
        self.write_all(((_DAC_LEFT, step), (_DAC_RIGHT, step)))
        self._out_db = db

    def mute(self, on=True):
        self.write(_DAC_MUTE, 0x03 if on else 0x00)

    def close(self):
        self.mute()
        self.write(_RESET, _NO_RESET | _ADC_SAVE | _DAC_SAVE | _SINGLE)
