"""Level."""

from pedal.effects.effect import Effect, parameters


@parameters
class Gain(Effect):
    """y = 10^(db / 20) x. -150 dB, or -inf, is silence. A new level glides in."""

    KERNEL = "gain"
    PARAMS = (("db", 0.0, -150.0, 150.0),)
