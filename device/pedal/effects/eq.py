"""Parametric equaliser."""

from pedal.effects.effect import Effect, parameters


@parameters
class EQ(Effect):
    """Low cut, low shelf, two peaks, high shelf and high cut, in series.

    The cuts fall by 12 dB an octave and are 3 dB down at their frequency. At a shelf's frequency half of its
    dB are reached; a Q above 0.7 makes it overshoot. State variable filters (Simper 2013) with the
    responses of the audio equaliser cookbook. 66 instructions a sample on a Cortex-M7.
    """

    KERNEL = "eq"
    PARAMS = (
        ("low_cut_hz", 20.0, 10.0, 2000.0, "exp"),
        ("low_hz", 120.0, 20.0, 2000.0, "exp"),
        ("low_db", 0.0, -24.0, 24.0),
        ("low_q", 0.7, 0.3, 4.0, "exp"),
        ("mid1_hz", 500.0, 40.0, 10000.0, "exp"),
        ("mid1_db", 0.0, -24.0, 24.0),
        ("mid1_q", 1.0, 0.2, 20.0, "exp"),
        ("mid2_hz", 1800.0, 40.0, 16000.0, "exp"),
        ("mid2_db", 0.0, -24.0, 24.0),
        ("mid2_q", 1.0, 0.2, 20.0, "exp"),
        ("high_hz", 4000.0, 500.0, 16000.0, "exp"),
        ("high_db", 0.0, -24.0, 24.0),
        ("high_q", 0.7, 0.3, 4.0, "exp"),
        ("high_cut_hz", 20000.0, 500.0, 20000.0, "exp"),
    )
