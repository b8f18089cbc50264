"""Pitch that goes up and down."""

from pedal.effects.effect import Effect, parameters
from pedal.effects.lines import line_words


@parameters
class Vibrato(Effect):
    """y = x(t - depth_ms (1 + sin(2 pi speed_hz t))): the pitch deviates by a factor of 1 -+ d.

    d = 2 pi speed_hz depth_ms / 1000, or 1200 log2(1 + d) cents: 27 at first. Above d = 0.5 it falls short. The mean
    delay is depth_ms and two frames. 42 instructions a sample on a Cortex-M7.
    """

    KERNEL = "vibrato"
    PARAMS = (
        ("speed_hz", 5.0, 0.1, 12.0, "exp"),
        ("depth_ms", 0.5, 0.0, 5.0),
    )

    def extra_words(self, rate_hz):
        return line_words(rate_hz, 10)
