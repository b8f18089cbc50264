"""Wah: a peak that a pedal, or how hard one plays, moves."""

from pedal.effects.effect import Effect, parameters


@parameters
class Wah(Effect):
    """A band-pass, +10 dB at its peak, which lies at low_hz (high_hz / low_hz)^p.

    mode "manual": p is position, 0 heel to 1 toe. "up": p = 10^(sensitivity_db / 20) e, at most 1, where e is
    the signal's peak, full scale 1, followed in attack_ms and release_ms (time constants); "down": 1 less that. 19
    instructions a sample on a Cortex-M7, 43 where it follows.
    """

    KERNEL = "wah"
    PARAMS = (
        ("mode", "manual", ("manual", "up", "down")),
        ("position", 0.5, 0.0, 1.0),
        ("low_hz", 350.0, 100.0, 2000.0, "exp"),
        ("high_hz", 2200.0, 500.0, 8000.0, "exp"),
        ("q", 4.0, 0.7, 15.0, "exp"),
        ("sensitivity_db", 9.0, -12.0, 36.0),
        ("attack_ms", 8.0, 1.0, 200.0, "exp"),
        ("release_ms", 150.0, 10.0, 2000.0, "exp"),
        ("mix", 1.0, 0.0, 1.0),
    )
