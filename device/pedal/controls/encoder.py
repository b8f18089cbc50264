"""A rotary encoder: quadrature by table, whole detents out, faster turns go further."""

from pedal.const import const
from pedal.controls.control import FULL, WRAP, Control, frames, pin, put
from pedal.controls.events import Event

_FAST_MS = const(30)  # a detent sooner than this after the last one is a fast turn

# Quarter steps from (before * 4 + now), where before and now are 2 * a + b. Both pins changing at once
# is a state that nobody saw: two quarters, in the direction of the last one.
_SKIPPED = const(2)
_TABLE = bytes((0, 255, 1, 2, 1, 0, 2, 255, 255, 2, 0, 1, 2, 1, 255, 0))

# Places in Encoder._seen
_COUNT = const(0)  # quarter steps
_LEVELS = const(1)  # 2 * a + b
_TURNS = const(2)  # direction of the last quarter step, 1 or -1


class Encoder(Control):
    """Encoder(2, 3): pins a and b, common to ground; anything with value() will do as a pin.

    turned(steps) gets the detents since the last poll, clockwise positive; clockwise is where a
    goes low before b. Each detent moves the routes by 65535 / range_detents. Its push switch, if
    it has one, is a Footswitch of its own.

    Pins that have irq() are followed by interrupts. Others are read at each poll, which follows
    one quarter step a poll surely, and two while it turns steadily.
    """

    def __init__(self, a, b, *, detent=4, range_detents=48, acceleration=1, reverse=False):
        """detent: quarter steps each, 1, 2 or 4; range_detents: from end to end, 1..4096;
        acceleration: what a detent counts for in a fast turn (less than 30 ms each), 1..32."""
        Control.__init__(self)
        if detent not in (1, 2, 4):
            raise ValueError(f"detent={detent!r}; expected 1, 2 or 4")
        if not 1 <= range_detents <= 4096:
            raise ValueError(f"range_detents={range_detents!r}; expected 1 to 4096")
        if not 1 <= acceleration <= 32:
            raise ValueError(f"acceleration={acceleration!r}; expected 1 to 32")
        self.turned = Event(value=True)
        self._detent, self._range, self._acceleration = detent, range_detents, acceleration
        a, b = pin(a), pin(b)
        if reverse:
            a, b = b, a
        self._seen = [0, 0, 1]
        self._look = _looker(a.value, b.value, self._seen)
        self._polled = not hasattr(a, "irq")
        if not self._polled:
            _interrupt(a, b, self._look)
        self._positions = []  # of the routes, filled at the first turn

    def takeover(self):
        """Go on from where the parameters are now."""
        self._positions[:] = []

    def _steps(self, rate_hz):
        look, seen, detent = self._look, self._seen, self._detent
        fast = frames("", _FAST_MS, rate_hz)
        acceleration = self._acceleration
        polled = self._polled
        done = seen[_COUNT]
        last = 0
        while True:
            now = yield
            if polled:
                look(None)
            quarters = seen[_COUNT] - done
            if quarters == 0:
                continue
            levels = seen[_LEVELS]
            if detent == 1 or levels == 3 or (detent == 2 and levels == 0):  # at rest
                steps = (quarters + detent // 2) // detent  # to the nearest, if one was missed
                done += quarters
            elif quarters >= detent:
                steps = quarters // detent
                done += steps * detent
            elif quarters <= -detent:
                steps = -(-quarters // detent)
                done += steps * detent
            else:
                continue
            if steps:
                gap = (now - last) & WRAP
                last = now
                if gap < fast * (steps if steps > 0 else -steps):
                    steps *= acceleration
                self._turn(steps)

    def _turn(self, steps):
        positions, routes = self._positions, self.routes
        while len(positions) < len(routes):
            positions.append(routes[len(positions)].get())
        for at in range(len(routes)):
            position = positions[at] + steps * FULL // self._range
            positions[at] = position = min(max(position, 0), FULL)
            put(routes[at], position)
        self.turned.fire(steps)


def _looker(a, b, seen):
    """A function that reads the pins and counts in `seen`; an interrupt may call it: it allocates nothing."""
    seen[_LEVELS] = 2 * a() + b()

    def look(_):
        levels = 2 * a() + b()
        before = seen[_LEVELS]
        if levels != before:
            quarter = _TABLE[before * 4 + levels]
            if quarter == _SKIPPED:
                seen[_COUNT] += 2 * seen[_TURNS]
            else:
                seen[_TURNS] = quarter = 1 if quarter == 1 else -1
                seen[_COUNT] += quarter
            seen[_LEVELS] = levels

    return look


def _interrupt(a, b, look):
    """Have both pins call `look` at each edge."""
    for each in (a, b):
        try:
            each.irq(handler=look, trigger=each.IRQ_RISING | each.IRQ_FALLING, hard=True)
        except (TypeError, ValueError):  # this port has no hard interrupts
            each.irq(handler=look, trigger=each.IRQ_RISING | each.IRQ_FALLING)
