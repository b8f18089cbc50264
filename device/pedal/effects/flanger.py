"""Flanger: a comb that wanders, like a jet."""

from pedal.effects.effect import Effect, parameters
from pedal.effects.lines import line_words


@parameters
class Flanger(Effect):
    """The signal and a copy delayed by delay_ms (1 + depth sin(2 pi speed_hz t)); notches at odd halves of 1 / delay.

    feedback, either sign, goes from the delay's end to its start and makes the comb ring. through_zero "on" delays
    the signal by 5 ms and the copy by 5 ms + delay_ms depth sin(...), so that they meet twice a turn, as
    two tape machines do. mix 0.5 is deepest. 57 instructions a sample on a Cortex-M7.
    """

    KERNEL = "flanger"
    PARAMS = (
        ("speed_hz", 0.25, 0.01, 10.0, "exp"),
        ("delay_ms", 1.8, 0.1, 5.0, "exp"),
        ("depth", 0.85, 0.0, 1.0),
        ("feedback", 0.5, -0.95, 0.95),
        ("through_zero", "off", ("off", "on")),
        ("mix", 0.5, 0.0, 1.0),
    )

    def extra_words(self, rate_hz):
        return line_words(rate_hz, 10)
