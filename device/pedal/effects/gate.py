"""Silence between the notes."""

from pedal.effects.effect import Effect, parameters


@parameters
class Gate(Effect):
    """Noise gate. It opens when the peak of the last 12 to 16 ms reaches threshold_db, and closes when that
    has been more than hysteresis_db lower for hold_ms.

    The gain rises to 1 in a straight line over attack_ms, and falls to range_db in release_ms by the same
    number of dB each millisecond. The decision is taken every 16 frames.
    """

    KERNEL = "gate"
    PARAMS = (
        ("threshold_db", -55.0, -90.0, 0.0),
        ("hysteresis_db", 6.0, 0.0, 24.0),
        ("attack_ms", 1.0, 0.3, 50.0, "exp"),
        ("hold_ms", 30.0, 0.0, 1000.0),
        ("release_ms", 120.0, 5.0, 2000.0, "exp"),
        ("range_db", -70.0, -90.0, 0.0),
    )
