"""Says which note sounds."""

from math import log

from pedal.effects.effect import Effect, parameters

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FREQUENCY, _CONFIDENCE = 3, 4  # words of the state
_SURE = 0.7
_EXTRA_WORDS = 1024 + 832 + 384 + 216  # UP_TUNER_EXTRA


@parameters
class Tuner(Effect):
    """A tuner for one string at a time, 30..1200 Hz, new figures about 11 times a second, to 1 cent.

    The period is where the normalised square difference function has its first high peak (McLeod and Wyvill, "A
    smarter way to find pitch", ICMC 2005), of the signal low-passed at 350 Hz and taken at 6 kHz; the peaks at
    its multiples up to 68 ms away make it exact. The work is spread evenly, over 90 ms. Above 900 Hz the
    fundamental has to be there; of an inharmonic string it counts most.
    About 60 instructions a sample on a Cortex-M7, the busiest block 132; 10 kB.
    mute: whether nothing is heard meanwhile. a4_hz: what note and cents count from.
    """

    KERNEL = "tuner"
    PARAMS = (
        ("mute", "on", ("off", "on")),
        ("a4_hz", 440.0, 400.0, 480.0),
    )

    def extra_words(self, rate_hz):
        return _EXTRA_WORDS

    @property
    def confidence(self):
        """How alike one period is to the next: 0 (no note) to 1."""
        return self.state[_CONFIDENCE]

    @property
    def frequency_hz(self):
        """0.0 where no note sounds."""
        return self.state[_FREQUENCY] if self.confidence > _SURE else 0.0

    def _pitch(self):
        """(MIDI number of the nearest note, cents from it), or None."""
        hz = self.frequency_hz
        if not 20.0 < hz < 5000.0:
            return None
        pitch = 69.0 + 12.0 * log(hz / self.a4_hz) / log(2.0)
        number = int(pitch + 0.5)
        return number, 100.0 * (pitch - number)

    @property
    def note(self):
        """The nearest note, such as "E2" (A4 is a4_hz); "" where none sounds."""
        found = self._pitch()
        return f"{_NAMES[found[0] % 12]}{found[0] // 12 - 1}" if found else ""

    @property
    def cents(self):
        """From that note, -50..50; 0.0 where none sounds."""
        found = self._pitch()
        return found[1] if found else 0.0
