"""Chorus: as if several played."""

from pedal.effects.effect import Effect, parameters
from pedal.effects.lines import line_words


@parameters
class Chorus(Effect):
    """(1 - mix) x + mix / sqrt(voices) of the sum of voices, each a delay of delay_ms + depth_ms sin(...).

    The voices' sines of speed_hz stand half a turn apart, the third and fourth between them; a voice is out of
    tune by at most 2 pi speed_hz depth_ms / 1000 (1 % is 17 cents). A new delay slides in with a time constant of
    64 ms. 8 kB at 48 kHz; 80 instructions a sample on a Cortex-M7, 50 for one voice.
    """

    KERNEL = "chorus"
    PARAMS = (
        ("speed_hz", 0.8, 0.02, 10.0, "exp"),
        ("delay_ms", 12.0, 1.0, 30.0, "exp"),
        ("depth_ms", 1.8, 0.0, 10.0),
        ("voices", 2, (1, 2, 3, 4)),
        ("mix", 0.5, 0.0, 1.0),
    )

    def extra_words(self, rate_hz):
        return line_words(rate_hz, 40)
