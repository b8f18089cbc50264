"""Less difference between loud and soft."""

from pedal.effects.effect import Effect, parameters


@parameters
class Compressor(Effect):
    """Feed-forward compressor with a soft knee, after Giannoulis, Massberg and Reiss (2012).

    The level is the peak of the last 12 to 16 ms in dB. Of what is above threshold_db only 1 / ratio comes
    through; over knee_db around the threshold the curve bends. The reduction follows through one pole of
    attack_ms where it grows, of release_ms where it shrinks. makeup_db comes after; mix blends the dry signal
    in (parallel compression), without delay.
    """

    KERNEL = "compressor"
    PARAMS = (
        ("threshold_db", -24.0, -60.0, 0.0),
        ("ratio", 4.0, 1.0, 40.0, "exp"),
        ("knee_db", 6.0, 0.0, 24.0),
        ("attack_ms", 8.0, 0.1, 200.0, "exp"),
        ("release_ms", 150.0, 5.0, 3000.0, "exp"),
        ("makeup_db", 8.0, -12.0, 36.0),
        ("mix", 1.0, 0.0, 1.0),
    )

    @property
    def reduction_db(self):
        """By how many dB the signal is lower now, makeup aside; 0 or more."""
        return self.state[1 + len(self.PARAMS)]
