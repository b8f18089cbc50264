"""A fuzz, with a starved bias and an octave."""

from pedal.effects.effect import parameters
from pedal.effects.oversampled import OVERSAMPLE, Oversampled


@parameters
class Fuzz(Oversampled):
    """Very much gain into a lopsided clipper: a buzzing square, wider on one side, that sustains.

    bias: starves the transistor, so that what is softer than about 0.1 bias^2 of full scale does not get
    through; notes sputter and end. octave: 0..1, how much of the wave's lower half is turned up, which
    doubles the pitch of single notes. tone_hz: first-order low-pass. oversample: as Oversampled says.
    """

    KERNEL = "fuzz"
    PARAMS = (
        ("sustain_db", 46.0, 12.0, 70.0),
        ("bias", 0.15, 0.0, 1.0),
        ("octave", 0.0, 0.0, 1.0),
        ("tone_hz", 3000.0, 400.0, 16000.0, "exp"),
        ("level_db", 0.0, -40.0, 20.0),
        OVERSAMPLE,
    )
