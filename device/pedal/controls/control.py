"""What all controls have: routes, poll(), timing in frames; and soft take-over for knobs."""

from pedal.const import const
from pedal.controls.events import Event, report

WRAP = const(0x3FFFFFFF)  # frames wrap where small ints of a 32-bit MicroPython do
FULL = const(65535)  # the highest position
_NEAR = const(655)  # 1 % of the way: a knob so near to a parameter has met it
_LONGEST_MS = const(10000)


def frames(name, ms, rate_hz):
    """Milliseconds as frames, rounded up. ValueError, naming the option, outside 0..10,000 ms."""
    if not 0 <= ms <= _LONGEST_MS:
        raise ValueError(f"{name}={ms!r}; expected 0 to {_LONGEST_MS} ms")
    return -(-int(ms * rate_hz) // 1000)


def pin(given, out=False, pull_up=True):
    """A machine.Pin from its number or name; an object with value() is taken as it is."""
    if hasattr(given, "value"):
        return given
    from machine import Pin

    if out:
        return Pin(given, Pin.OUT, value=0)
    return Pin(given, Pin.IN, Pin.PULL_UP) if pull_up else Pin(given, Pin.IN)


def put(route, position):
    """Move a route to `position`; what it raises is reported and goes no further."""
    try:
        route.put(position)
    except Exception as error:  # noqa: BLE001 - an effect may raise anything
        report(error)


def put_all(routes, position):
    """Move every route to `position`."""
    for route in routes:
        put(route, position)


class Control:
    """Something polled between blocks.

    A subclass has _steps(rate_hz), a generator that gets `now` from each yield and never ends. Its
    locals are the control's state, since looking something up in self costs a hundred
    instructions and more.
    """

    def __init__(self):
        self.routes = []  # what it moves: each has put(position) and get(), positions 0..65535

    def attach(self, rate_hz):
        """Called once before poll(); rate_hz: frames a second."""
        steps = self._steps(rate_hz)
        next(steps)
        self.poll = steps.send

    def poll(self, now):
        """Look at the hardware, between two blocks. now: frames played, wrapping at 2**30."""
        raise RuntimeError(f"{type(self).__name__}: attach(rate_hz) comes before poll()")

    def takeover(self):
        """Called after something else moved the parameters: a preset, a scene."""


class Knob(Control):
    """A control with a position of its own, which a preset can't move: it takes over softly.

    position: 0..65535, -1 before the first reading. waiting: whether a route waits for the knob.
    moved(position): an event.
    """

    def __init__(self):
        Control.__init__(self)
        self.position = -1
        self.waiting = False
        self.moved = Event(value=True)
        self._targets = []  # of each route the position it waits at, -1 where it follows

    def takeover(self):
        """Leave each parameter where it is until the knob crosses it or comes within 1 %."""
        position = self.position
        self._targets[:] = [route.get() for route in self.routes]
        for at, target in enumerate(self._targets):
            if position >= 0 and abs(position - target) <= _NEAR:
                self._targets[at] = -1
        self.waiting = any(target >= 0 for target in self._targets)

    def _place(self, position):
        """The knob has come to `position`: move what follows it."""
        before = self.position
        self.position = position
        if self.waiting:
            self._meet(before if before >= 0 else position, position)
        else:
            put_all(self.routes, position)
        if self.moved.functions:
            self.moved.fire(position)

    def _meet(self, before, position):
        """Release the routes that the knob meets on its way, and move those that follow it.

        Short functions: MicroPython takes heap at each call of one with more than 11 words of variables.
        """
        self.waiting = False
        at = len(self.routes)
        while at:
            at -= 1
            self._meet_one(at, before, position)

    def _meet_one(self, at, before, position):
        target = self._targets[at] if at < len(self._targets) else -1
        if target >= 0:
            far = position - target
            if (before < target) == (position < target) and not -_NEAR <= far <= _NEAR:
                self.waiting = True
                return
            self._targets[at] = -1
        put(self.routes[at], position)
