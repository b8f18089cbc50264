"""Clipping by four curves."""

from pedal.effects.effect import parameters
from pedal.effects.oversampled import OVERSAMPLE, Oversampled


@parameters
class Distortion(Oversampled):
    """Gain, a curve, a first-order low-pass of tone_hz, gain.

    The curve is entered at x = 4 in, full scale = 1, and left at a quarter: it bends at 0.25 of full scale.
    mode "soft": x / sqrt(1 + x^2). "hard": x cut off at -1 and 1. "asymmetric": soft, the lower half ends at
    -0.4. "fold": sin(pi x / 16), which comes back down where it is driven beyond 8, metallic.
    drive: 0..1 is 0..40 dB more in front of the curve. oversample: as Oversampled says.
    """

    KERNEL = "distortion"
    PARAMS = (
        ("drive", 0.6, 0.0, 1.0),
        ("pre_gain_db", 0.0, -24.0, 30.0),
        ("post_gain_db", -6.0, -60.0, 24.0),
        ("mode", "soft", ("soft", "hard", "asymmetric", "fold")),
        ("tone_hz", 4000.0, 500.0, 20000.0, "exp"),
        OVERSAMPLE,
    )
