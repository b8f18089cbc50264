"""An expression pedal: a pot between two ends that are learned, not known."""

from pedal.const import const
from pedal.controls.control import FULL
from pedal.controls.pot import Pot

_LOOKS = const(16)  # readings whose mean an end is
_LEAST = const(6554)  # counts from heel to toe: a tenth of the ADC's range


class Expression(Pot):
    """Expression(27, calibration={"heel": 2100, "toe": 58000, "dead_percent": 2})

    To calibrate: hold the heel down and call learn("heel"), hold the toe down and call
    learn("toe"), and keep `calibration`, a dict fit for JSON. A pedal of reversed polarity, with
    more at the heel than at the toe, needs nothing else.
    """

    def __init__(self, adc, *, calibration=None, noise=200):
        """calibration: counts at both ends, and the dead zone at each in percent of the way, 0..20."""
        Pot.__init__(self, adc, noise=noise)
        self.calibration = {"heel": 0, "toe": FULL, "dead_percent": 2}
        self._learned = {}
        self.calibrate(calibration or {})

    def calibrate(self, values):
        """Take over some or all of calibration's values. ValueError leaves it as it was."""
        new = dict(self.calibration)
        new.update(values)
        if len(new) != 3:
            raise ValueError(f"calibration has {sorted(new)}; expected heel, toe, dead_percent")
        heel, toe, dead = new["heel"], new["toe"], new["dead_percent"]
        _between("heel", heel, FULL)
        _between("toe", toe, FULL)
        _between("dead_percent", dead, 20)
        if abs(toe - heel) < _LEAST:
            text = "heel at {} and toe at {} counts; expected {} or more apart: is it plugged in?"
            raise ValueError(text.format(heel, toe, _LEAST))
        low, high = min(heel, toe), max(heel, toe)
        inside = max(int((high - low) * dead) // 100, self.noise * 2)
        self._set_ends(low + inside, high - inside, heel > toe)
        self.calibration = new

    def learn(self, end):
        """Take the present reading as the end "heel" or "toe"; -> counts.

        The calibration changes once both are known. ValueError where they are too close.
        """
        if end not in ("heel", "toe"):
            raise ValueError(f"learn({end!r}); expected 'heel' or 'toe'")
        total = 0
        for _ in range(_LOOKS):
            total += self._read()
        self._learned[end] = total // _LOOKS
        if len(self._learned) == 2:
            learned, self._learned = self._learned, {}
            self.calibrate(learned)
            return learned[end]
        return self._learned[end]


def _between(name, value, most):
    if not 0 <= value <= most:
        raise ValueError(f"{name} is {value!r}; expected 0 to {most}")
