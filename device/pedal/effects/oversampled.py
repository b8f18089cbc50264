"""What effects that clip share: the rate they do it at."""

from pedal.effects.effect import Effect

OVERSAMPLE = ("oversample", 4, (1, 2, 4, 8))


class Oversampled(Effect):
    """The curve runs at `oversample` times the rig's rate, through half-band filters that pass 0.417 of the
    rig's rate (20 kHz at 48). It also averages over each step (Parker and others, 2016), which leaves about
    as few aliases as four times the rate without would.
    """

    @property
    def latency(self):
        """Whole frames by which low notes come later; the filters' delay is 0.5, 2.4, 3.1 or 3.3."""
        return {1: 0, 2: 2, 4: 3, 8: 3}[self.oversample]
