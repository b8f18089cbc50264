"""A footswitch: debounced; press, release, long press, double press; momentary or latching."""

from pedal.const import const
from pedal.controls.control import FULL, WRAP, Control, frames, pin, put_all
from pedal.controls.events import Event

# Places in Footswitch._marks
_STATE = const(0)
_PRESSED_AT = const(1)  # frames
_MAY_BE_LONG = const(2)
_MAY_BE_SINGLE = const(3)
_DOWN = const(4)


class Footswitch(Control):
    """Footswitch(15): a switch from pin 15 to ground; anything with value() will do as the pin.

    A change counts once it has been seen for debounce_ms without a break. Events, all fired
    between blocks:

    pressed         every press, at once: it never waits to see whether a second one follows
    released        every release
    long_pressed    once a press has lasted long_ms
    double_pressed  a press that begins within double_ms of the last one's beginning (after
                    `pressed` of the same press); it counts neither as the first of another
                    double nor as long
    single_pressed  a press that was neither long nor part of a double: fired when that is sure,
                    double_ms after it began or at its release, whichever is later
    changed(state)  whenever `state` changes

    state: momentary, whether it is down; latching, toggled by each press. Routes go to 65535
    where it is on, 0 where it is off.
    """

    def __init__(
        self,
        pin_in,
        *,
        latching=False,
        active_low=True,
        pull_up=True,
        debounce_ms=5,
        long_ms=800,
        double_ms=300,
    ):
        """active_low: a pressed switch reads 0. Times: 0..10,000 ms."""
        Control.__init__(self)
        self._value = pin(pin_in, pull_up=pull_up).value
        self._latching = latching
        self._down = 0 if active_low else 1
        self._times_ms = debounce_ms, long_ms, double_ms
        self._marks = [False, 0, False, False, False]
        self.pressed, self.released = Event(), Event()
        self.long_pressed, self.double_pressed = Event(), Event()
        self.single_pressed = Event()
        self.changed = Event(value=True)

    @property
    def state(self):
        return self._marks[_STATE]

    @state.setter
    def state(self, on):
        """Set it without an event or a route: what it stands for has changed elsewhere."""
        self._marks[_STATE] = bool(on)

    def takeover(self):
        """A latching switch takes on the state of what it moves, so that a press toggles that."""
        if self._latching and self.routes:
            self._marks[_STATE] = self.routes[0].get() > FULL // 2

    def attach(self, rate_hz):
        names = "debounce_ms", "long_ms", "double_ms"
        times = [frames(name, ms, rate_hz) for name, ms in zip(names, self._times_ms)]
        self._debounce, self._long, self._double = times
        Control.attach(self, rate_hz)

    def _steps(self, rate_hz):
        value, marks, debounce, down = self._value, self._marks, self._debounce, self._down
        bouncing = False
        since = 0
        settled = value()  # one held down at power-up has not been pressed
        while True:
            now = yield
            level = value()
            if level != settled:
                if not bouncing:
                    bouncing = True
                    since = now
                elif (now - since) & WRAP >= debounce:
                    bouncing = False
                    settled = level
                    if level == down:
                        self._press(since)
                    else:
                        self._release()
            elif bouncing:
                bouncing = False
            if marks[_MAY_BE_LONG] or marks[_MAY_BE_SINGLE]:
                self._wait(now)

    def _press(self, now):
        marks = self._marks
        second = marks[_MAY_BE_SINGLE] and (now - marks[_PRESSED_AT]) & WRAP < self._double
        if marks[_MAY_BE_SINGLE] and not second:
            self.single_pressed.fire()
        marks[_PRESSED_AT] = now
        marks[_DOWN] = True
        marks[_MAY_BE_LONG] = marks[_MAY_BE_SINGLE] = not second
        self.pressed.fire()
        self._change(not marks[_STATE] if self._latching else True)
        if second:
            self.double_pressed.fire()

    def _release(self):
        marks = self._marks
        marks[_DOWN] = marks[_MAY_BE_LONG] = False
        self.released.fire()
        if not self._latching:
            self._change(False)

    def _change(self, on):
        self._marks[_STATE] = on
        put_all(self.routes, FULL if on else 0)
        self.changed.fire(on)

    def _wait(self, now):
        """Fire what only time decides."""
        marks = self._marks
        held = (now - marks[_PRESSED_AT]) & WRAP
        if marks[_DOWN]:
            if held >= self._long and marks[_MAY_BE_LONG]:
                marks[_MAY_BE_LONG] = marks[_MAY_BE_SINGLE] = False
                self.long_pressed.fire()
        elif held >= self._double:
            marks[_MAY_BE_SINGLE] = False
            self.single_pressed.fire()
