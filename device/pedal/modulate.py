"""What moves parameters by itself, and the way from a position to a parameter."""

from array import array
from math import log
from struct import pack_into

import pedal_fx

from pedal.effects.effect import Effect, checked, find, parameters

_TOP = 65535  # positions are 0.._TOP, as converters give them


class Route:
    """From a position, 0..65535, to one parameter of an effect."""

    def __init__(self, effect, name, *, low=None, high=None, curve=None):
        """low, high: where the ends of the way are, in the parameter's units, either way round; without them
        its whole range. curve: "lin", or "exp" for equal ratios; without it the parameter's own."""
        self.name, self.how = name, (low, high, curve)
        self.words = array("f", [0.0] * 4)
        self._put = pedal_fx.put
        self.aim(effect)

    def aim(self, effect):
        """Go to the parameter of this name of another effect; ValueError where there is no such way."""
        name, (low, high, curve) = self.name, self.how
        at, spec = find(effect, name)
        steps = isinstance(spec[2], tuple)
        if steps:
            first, last, own = 0, len(spec[2]) - 1, "lin"
        else:
            first, last, own = spec[2], spec[3], spec[4] if len(spec) > 4 else "lin"
        owner = type(effect).__name__
        low = first if low is None else checked(owner, spec, low)
        high = last if high is None else checked(owner, spec, high)
        curve = curve or own
        if curve not in ("lin", "exp"):
            raise ValueError(f"{owner}: curve {curve!r} for {name}; expected 'lin' or 'exp'")
        if curve == "exp" and (low <= 0 or high <= 0):
            raise ValueError(
                f"{owner}: {name} from {low} to {high} by equal ratios; expected both above 0"
            )
        self.effect = effect
        for word, value in enumerate((at, low, high, -1 if steps else curve == "exp")):
            self.words[word] = value

    def put(self, position):
        """Move the parameter; allocates nothing."""
        self._put(self.effect.state, self.words, position)

    def get(self):
        """The position, 0..65535, at which the parameter now stands; the nearest end where it is outside."""
        at, low, high, curve = self.words
        value = self.effect.state[int(at)]
        if low == high:
            return 0
        if curve > 0:
            share = log(value / low) / log(high / low) if value > 0 else 0.0
        else:
            share = (value - low) / (high - low)
        return min(_TOP, max(0, round(share * _TOP)))


class _Mover(Effect):
    """An effect whose kernel writes a parameter of another: words from ROUTE on say which."""

    ROUTE = 0
    target = None

    def aim(self, effect, name, **how):
        self._route = Route(effect, name, **how)
        self.follow(effect)

    def follow(self, effect):
        """Move the parameter of this name of another effect; ValueError where it has none."""
        self._route.aim(effect)
        for at, word in enumerate(self._route.words):
            self.state[self.ROUTE + at] = word
        self.target = effect

    def reset(self):
        pedal_fx.clear(self.state, self.ROUTE + 4)


@parameters
class LFO(_Mover):
    """A low-frequency oscillator. offset: turns at the start; division: speed from the rig's clock instead."""

    KERNEL = "lfo"
    ROUTE = 5
    PARAMS = (
        ("speed_hz", 1.0, 0.01, 20.0, "exp"),
        ("shape", "sine", ("sine", "triangle", "square", "rising", "falling", "random")),
        ("offset", 0.0, 0.0, 1.0),
    )

    def __init__(self, *, division=None, **values):
        super().__init__(**values)
        self.division = division
        if division is not None:
            beats(division)

    def set_clock(self, frames):
        if self.division is not None:
            speed_hz = self.state[0] / (frames * beats(self.division))
            self.speed_hz = min(20.0, max(0.01, speed_hz))

    def natives(self, buf):
        pack_into("f", self.state, 16, len(buf))
        return [(self._kernel, self.target.state, self.state)]


@parameters
class Envelope(_Mover):
    """The level of the rig's input: floor_db and below are position 0, top_db and above 1."""

    KERNEL = "follow"
    ROUTE = 5
    PARAMS = (
        ("attack_ms", 5.0, 0.0, 1000.0),
        ("release_ms", 120.0, 0.0, 10000.0),
        ("floor_db", -50.0, -100.0, 0.0),
        ("top_db", -15.0, -100.0, 0.0),
    )

    def natives(self, buf):
        send = pedal_fx.kernel("send")[0]
        return [(self._kernel, buf, self.state), (send, self.target.state, self.state)]


_BEATS = {"1/1": 4.0, "1/2": 2.0, "1/4": 1.0, "1/8": 0.5, "1/16": 0.25, "1/32": 0.125}


def beats(division):
    """Beats (quarter notes) of a note division such as "1/8", "1/8." (dotted) or "1/8t" (triplet)."""
    base, factor = division, 1.0
    if division[-1:] == ".":
        base, factor = division[:-1], 1.5
    elif division[-1:] == "t":
        base, factor = division[:-1], 2 / 3
    if base not in _BEATS:
        raise ValueError(
            f"division {division!r}; expected 1/1 to 1/32, with . or t behind where wanted"
        )
    return _BEATS[base] * factor
