"""One LED and what it shows: a list of sources, the first that has something to say wins."""

from pedal.const import const
from pedal.controls.control import FULL, WRAP, Control, frames, pin
from pedal.controls.events import report

NOTHING = const(-1)  # what a source's level(now) is while it leaves the LED to the next one


class LED(Control):
    """LED(25, Hold(clips), Tempo(beat_frames), Lit(effect_is_on)): sources, most important first.

    The pin is a number, or anything with duty_u16(level) or value(0 or 1). A source has
    level(now) -> 0 (dark) to 65535, or -1 for nothing to show, and attach(rate_hz) if it wants.
    """

    def __init__(self, pin_out, *sources, active_low=False, pwm_hz=None):
        """pwm_hz: dim by machine.PWM of that frequency; without it, above half is lit."""
        Control.__init__(self)
        out = pin(pin_out, out=True) if not hasattr(pin_out, "duty_u16") else pin_out
        if pwm_hz:
            from machine import PWM

            out = PWM(out, freq=pwm_hz, duty_u16=0)
        self._dims = hasattr(out, "duty_u16")
        self._out = out.duty_u16 if self._dims else out.value
        self._active_low = active_low
        self.sources = list(sources)

    def show(self, *sources):
        """Show these instead."""
        if hasattr(self, "_rate_hz"):
            for source in sources:
                _attach(source, self._rate_hz)
        self.sources[:] = sources

    def attach(self, rate_hz):
        self._rate_hz = rate_hz
        for source in self.sources:
            _attach(source, rate_hz)
        Control.attach(self, rate_hz)

    def _steps(self, rate_hz):
        out, dims, sources = self._out, self._dims, self.sources
        dark = FULL if self._active_low else 0
        shown = -1
        while True:
            now = yield
            level = 0
            for source in sources:
                try:
                    level = source.level(now)
                except Exception as error:  # noqa: BLE001 - it asks the user's functions
                    report(error)
                    sources.remove(source)  # it would raise at every poll
                    break
                if level >= 0:
                    break
                level = 0
            if not dims:
                level = FULL if level > FULL // 2 else 0
            if level != shown:
                shown = level
                level ^= dark
                out(level if dims else level and 1)


def _attach(source, rate_hz):
    if hasattr(source, "attach"):
        source.attach(rate_hz)


class Lit:
    """Lit while function() is true, such as an effect that is not bypassed."""

    def __init__(self, function, level=FULL):
        """level: how bright, 1..65535."""
        self._function, self._level = function, level

    def level(self, now):
        return self._level if self._function() else NOTHING


class Blink:
    """Blinks while function() is true, such as an engine that is overloaded."""

    def __init__(self, function, ms=125):
        """ms: lit for that long, then dark for as long; 1..10,000."""
        self._function, self._ms = function, ms

    def attach(self, rate_hz):
        self._half = max(frames("ms", self._ms, rate_hz), 1)
        self._since = NOTHING

    def level(self, now):
        if not self._function():
            self._since = NOTHING
            return NOTHING
        if self._since < 0:
            self._since = now
        gone = (now - self._since) & WRAP
        return 0 if gone // self._half & 1 else FULL


class Hold:
    """Lit for a while after function() has changed, a count from 0 on, such as of late blocks."""

    def __init__(self, function, ms=1000):
        """ms: 1..10,000."""
        self._function, self._ms = function, ms

    def attach(self, rate_hz):
        self._frames = frames("ms", self._ms, rate_hz)
        self._count = self._since = NOTHING  # what it counts may not be there yet

    def level(self, now):
        count = self._function()
        if count != self._count:
            if self._count >= 0:
                self._since = now
            self._count = count
        if self._since >= 0:
            if (now - self._since) & WRAP < self._frames:
                return FULL
            self._since = NOTHING
        return NOTHING


class Tempo:
    """A flash at each beat; nothing while there is no tempo."""

    def __init__(self, beat_frames, ms=60):
        """beat_frames: a function -> frames a beat, 0 without a tempo; ms: of a flash, 1..10,000."""
        self._beat, self._ms = beat_frames, ms

    def attach(self, rate_hz):
        self._flash = frames("ms", self._ms, rate_hz)
        self._start = NOTHING

    def sync(self):
        """A beat is now: at a tap, or where a MIDI clock starts."""
        self._start = NOTHING

    def level(self, now):
        beat = self._beat()
        if beat <= 0:
            self._start = NOTHING
            return NOTHING
        if self._start < 0:
            self._start = now
        gone = (now - self._start) & WRAP
        if gone >= beat:
            gone %= beat
            self._start = (now - gone) & WRAP
        return FULL if gone < self._flash else 0
