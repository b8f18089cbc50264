"""Soft clipping with a hump in the middle."""

from pedal.effects.effect import parameters
from pedal.effects.oversampled import OVERSAMPLE, Oversampled


@parameters
class Overdrive(Oversampled):
    """The green pedal's structure: treble and middle are amplified and clipped, bass passes at unity gain.

    u = x + (g - 1) h, h = x through a high-pass of 720 Hz, g = drive_db as a gain. u is clipped at 0.2 of
    full scale by u / sqrt(1 + u^2), with clipping="asymmetric" the lower half at 0.4 of that: even
    harmonics, warmer. Then a first-order low-pass, from 720 Hz at tone=0 to 8.7 kHz at tone=1.

    oversample: as Oversampled says. An asymmetric clipper costs a third more.
    """

    KERNEL = "overdrive"
    PARAMS = (
        ("drive_db", 20.0, 0.0, 46.0),
        ("tone", 0.5, 0.0, 1.0),
        ("level_db", 0.0, -40.0, 20.0),
        ("clipping", "symmetric", ("symmetric", "asymmetric")),
        OVERSAMPLE,
    )
