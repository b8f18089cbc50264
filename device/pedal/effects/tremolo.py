"""Level that goes up and down."""

from pedal.effects.effect import Effect, parameters


@parameters
class Tremolo(Effect):
    """y = x (1 - depth (1 - w) / 2), with w a sine of speed_hz that shape drives towards a square.

    At full shape w goes from one side to the other in a tenth of a turn and turns in without a corner.
    """

    KERNEL = "tremolo"
    PARAMS = (
        ("speed_hz", 5.0, 0.05, 20.0, "exp"),
        ("depth", 0.7, 0.0, 1.0),
        ("shape", 0.0, 0.0, 1.0),
    )
