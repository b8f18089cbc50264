"""Phaser: notches that wander."""

from pedal.effects.effect import Effect, parameters


@parameters
class Phaser(Effect):
    """The signal and a copy through `stages` first-order all-passes, 90 degrees each at frequency_hz.

    They cancel at (rate / pi) atan(tan(pi frequency_hz / rate) tan((2 k - 1) pi / (2 stages))): half as many
    notches as stages. A sine of speed_hz moves frequency_hz by 2 depth octaves up and down. feedback, either
    sign, makes peaks between the notches. mix 0.5 is deepest, 1 a vibrato of phase alone. 53
    instructions a sample on a Cortex-M7 for 6 stages, 4 for each more.
    """

    KERNEL = "phaser"
    PARAMS = (
        ("speed_hz", 0.4, 0.01, 10.0, "exp"),
        ("frequency_hz", 700.0, 50.0, 8000.0, "exp"),
        ("depth", 0.6, 0.0, 1.0),
        ("feedback", 0.3, -0.95, 0.95),
        ("stages", 6, (2, 4, 6, 8, 10, 12)),
        ("mix", 0.5, 0.0, 1.0),
    )
