"""How loud it is, at this place in the rig."""

import math

from pedal.effects.effect import Effect, parameters


@parameters
class Meter(Effect):
    """Changes nothing. Reads in dB relative to full scale, -200 for silence; reading may allocate.

    rms_ms: time constant of rms_db's mean of squares. fall_db_s: how fast peak_db falls, dB a second.
    """

    KERNEL = "meter"
    PARAMS = (
        ("rms_ms", 300.0, 10.0, 3000.0, "exp"),
        ("fall_db_s", 20.0, 1.0, 200.0, "exp"),
    )

    def _db(self, at, factor):
        return factor * math.log10(
            max(self.state[1 + len(self.PARAMS) + at], 10 ** (-200 / factor))
        )

    @property
    def peak_db(self):
        """The last peak, falling. A full-scale sine has 0."""
        return self._db(0, 20)

    @property
    def rms_db(self):
        """A full-scale sine has -3."""
        return self._db(1, 10)

    @property
    def highest_db(self):
        """The highest peak since clear()."""
        return self._db(2, 20)

    @property
    def clips(self):
        """Frames at or over full scale since clear(), up to 2^24."""
        return int(self.state[4 + len(self.PARAMS)])

    def clear(self):
        """Forget the highest peak and the clips."""
        at = 3 + len(self.PARAMS)
        self.state[at] = self.state[at + 1] = 0.0
