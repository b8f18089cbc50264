"""A potentiometer: filtered, still when it is still, and at both ends exactly at the end."""

from pedal.const import const
from pedal.controls.control import FULL, Knob
from pedal.controls.events import report

_MARGIN = const(800)  # counts at each end that count as the end; pots and ADCs rarely reach it
_FAR = const(2048)  # counts; a knob that far from the smoothed reading is being turned
_BITS = const(14)  # of the fraction that stretches a span of counts over 0..65535

# Places in Pot._ends
_LOW = const(0)  # counts
_SPAN = const(1)
_STRETCH = const(2)  # 65535 / span - 1, times 2**14
_REVERSE = const(3)


class Pot(Knob):
    """Pot(26): a knob on the ADC pin 26; anything with read_u16() -> 0..65535 will do.

    Each reading goes through a median of three, which drops spikes, and a one-pole low-pass of
    1/4, which a turned knob skips. The position follows with a play of `noise` counts, so that
    noise of up to ±noise counts never moves it; one route.put() follows each move.
    """

    def __init__(self, adc, *, noise=200, reverse=False):
        """noise: counts of 65536, 0..600; reverse: full left is full."""
        Knob.__init__(self)
        if not 0 <= noise <= 600:
            raise ValueError(f"noise={noise!r}; expected 0 to 600 counts")
        if not hasattr(adc, "read_u16"):
            from machine import ADC

            adc = ADC(adc)
        self.noise = noise
        self._read = adc.read_u16
        self._ends = [0, 0, 0, False]
        self._set_ends(_MARGIN, FULL - _MARGIN, reverse)

    def _set_ends(self, low, high, reverse):
        """Counts that are position 0 and 65535, or the other way round."""
        span = high - low
        self._ends[:] = [low, span, ((FULL - span) << _BITS) // span, bool(reverse)]

    def _position(self, counts):
        ends = self._ends
        x = counts - ends[_LOW]
        span = ends[_SPAN]
        if x <= 0:
            x = 0
        elif x >= span:
            x = FULL
        else:
            x += x * ends[_STRETCH] >> _BITS  # below 2**30, since x < span
        return FULL - x if ends[_REVERSE] else x

    def _steps(self, rate_hz):
        read, noise = self._read, self.noise
        # A move is at least a third of the noise, so that it does not creep for long after a turn.
        reach = noise + noise // 3 + 1
        # From there, the first median comes with the second reading.
        oldest = older = smooth = held = -2 * FULL
        failed = False
        while True:
            yield
            try:
                newest = read()
            except Exception as error:  # noqa: BLE001 - an ADC on a bus fails as it likes
                if not failed:
                    report(error)
                failed = True
                continue
            failed = False
            if oldest < older:
                median = oldest if newest < oldest else older if newest > older else newest
            else:
                median = older if newest < older else oldest if newest > oldest else newest
            oldest = older
            older = newest
            away = median - smooth
            if -_FAR < away < _FAR:
                smooth += away >> 2
            else:
                smooth = median
            away = smooth - held
            if -reach < away < reach:
                continue
            held = smooth - noise if away > 0 else smooth + noise
            position = self._position(held)
            if position != self.position:
                self._place(position)
