"""A ceiling that nothing passes."""

import math

from pedal.effects.effect import Effect, parameters


@parameters
class Limiter(Effect):
    """Look-ahead limiter: no frame comes out above ceiling_db, and what stays below comes out as it went in.

    The gain is down before a peak gets there, by a straight line of 64 frames, and comes back through one
    pole of release_ms. The signal is 80 frames late (1.7 ms at 48 kHz). Peaks between frames are not seen.
    """

    KERNEL = "limiter"
    latency = 80  # frames
    PARAMS = (
        ("ceiling_db", -1.0, -24.0, 0.0),
        ("release_ms", 80.0, 5.0, 2000.0, "exp"),
    )

    @property
    def reduction_db(self):
        """By how many dB the loudest of what waits is lowered; 0 or more. Right once a block has been played."""
        gain = self.state[1 + len(self.PARAMS)]
        return -20.0 * math.log10(gain) if gain > 0.0 else 0.0
