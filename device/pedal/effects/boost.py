"""A clean boost that can lift or cut the treble."""

from pedal.effects.effect import Effect, parameters


@parameters
class Boost(Effect):
    """More level, nothing else; with treble_db a first-order shelf above frequency_hz, as before an old amp.

    y = g (x + (t - 1) h), h = x through a high-pass of frequency_hz, g and t the two gains.
    """

    KERNEL = "boost"
    PARAMS = (
        ("gain_db", 6.0, -24.0, 30.0),
        ("treble_db", 0.0, -12.0, 18.0),
        ("frequency_hz", 1500.0, 200.0, 8000.0, "exp"),
    )
