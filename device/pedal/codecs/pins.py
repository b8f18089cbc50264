"""Converters without a control bus: pins set once, by a wire or by a GPIO. Not tried on hardware."""

from pedal.codecs.base import Codec, dbu, sleep_ms


class _Pinned(Codec):
    """straps: {pin: level} that wiring has to give."""

    straps = {}
    control = None  # the pin that is high when there is sound

    def __init__(self, pin=None, sleep=sleep_ms):
        """pin: a machine.Pin set as an output, on the pin `control` names; None if that is wired high."""
        self._pin, self._sleep = pin, sleep

    def start(self, rate_hz, *, bits=24, instrument=False):
        """There is no gain to set: instrument changes nothing."""
        self.check(rate_hz, bits)
        self._begin()

    def _begin(self):
        self.mute(False)

    def volume(self, db):
        if db:
            raise ValueError(f"{self.name}: {db} dB; expected 0: it has no volume")

    def mute(self, on=True):
        if self._pin:
            self._pin(0 if on else 1)

    def close(self):
        self.mute()


class Pcm1808Pcm5102(_Pinned):
    """ADC PCM1808, 0.6 of its 5 V peak to peak at full scale, and DAC PCM5102A, 2.1 V RMS (data sheets).

    The PCM1808 needs a master clock in step with its frames; the PCM5102A makes its own.
    """

    name = "PCM1808 and PCM5102"
    rates = (8000, 16000, 32000, 44100, 48000, 88200, 96000)
    control = "PCM5102 XSMT"
    straps = {
        "PCM1808 MD0": 0,  # MD1, MD0 low: slave
        "PCM1808 MD1": 0,
        "PCM1808 FMT": 0,  # I2S
        "PCM5102 FMT": 0,
        "PCM5102 SCK": 0,  # own clock, from BCK
        "PCM5102 FLT": 0,
        "PCM5102 DEMP": 0,
    }
    line_in_dbu = dbu(1.5 * 0.5**0.5)
    line_out_dbu = dbu(2.1)


class Pcm1861Pcm5102(_Pinned):
    """ADC PCM1861, which makes its clock from BCK if its SCK stands still, 2.1 V RMS at full scale (nominal), and
    DAC PCM5102A, 2.1 V RMS. For ports that give no master clock: ESP32, Pyboard D.

    The PCM1861's pins MD0 to MD6 choose slave, I2S and gain; its data sheet has the table.
    """

    name = "PCM1861 and PCM5102"
    rates = (8000, 16000, 32000, 44100, 48000, 88200, 96000)
    mclk = None
    control = "PCM5102 XSMT"
    straps = {"PCM1861 SCKI": 0, "PCM5102 FMT": 0, "PCM5102 SCK": 0, "PCM5102 FLT": 0}
    straps["PCM5102 DEMP"] = 0
    line_in_dbu = line_out_dbu = dbu(2.1)


class Ak4556(_Pinned):
    """0.7 of the analogue supply peak to peak at full scale in and out (data sheet: 2.1 V at 3.0 V), here
    of 3.3 V. Pins CKS0 to CKS3 choose slave mode and I2S; its data sheet has the table."""

    name = "AK4556"
    rates = (32000, 44100, 48000, 88200, 96000)
    control = "AK4556 PDN"
    line_in_dbu = line_out_dbu = dbu(0.35 * 3.3 * 0.5**0.5)

    def _begin(self):
        """A reset, needed once after power-up: at least 150 ns low; then its offset filter settles."""
        if not self._pin:
            raise ValueError("AK4556: no pin; expected one on PDN, which resets it after power-up")
        self._pin(0)
        self._sleep(1)
        self._pin(1)
        self._sleep(100)
