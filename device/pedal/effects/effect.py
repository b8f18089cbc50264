"""What effects share: parameters with ranges, a native kernel, and its state."""

from array import array
from struct import pack_into

import pedal_fx

# Values are multiples of 1 / 16384, large ones of 1 / 64: so that all targets parse a number to the same bits.
_GRID, _COARSE = 16384, 64
_NONE = array("f")


def parameters(effect):
    """Class decorator: a property for each of PARAMS, which checks its range."""
    for at, spec in enumerate(effect.PARAMS):
        setattr(effect, spec[0], _property(at + 1, spec))
    return effect


def _property(at, spec):
    def get(self):
        value = self.state[at]
        return spec[2][round(value)] if isinstance(spec[2], tuple) else value

    def put(self, value):
        pack_into("f", self.state, 4 * at, checked(type(self).__name__, spec, value))

    return property(get, put)


def checked(owner, spec, value):
    """The number that a state holds for `value` of the parameter `spec`; ValueError where out of range."""
    name, low = spec[0], spec[2]
    if isinstance(low, tuple):
        if value in low:
            return low.index(value)
        raise ValueError(f"{owner}: {name}={value!r}; expected one of {low}")
    high = spec[3]
    try:
        if value == float("-inf") and name.endswith("db"):
            return low
        if low <= value <= high:
            grid = _GRID if -128 < value < 128 else _COARSE
            return round(value * grid) / grid
    except TypeError:
        pass
    raise ValueError(f"{owner}: {name}={value!r}; expected {low} to {high}")


def find(effect, name):
    """(word in the state, spec) of a parameter; ValueError that lists what there is."""
    specs = getattr(effect, "PARAMS", ())
    for at, spec in enumerate(specs):
        if spec[0] == name:
            return at + 1, spec
    known = ", ".join(spec[0] for spec in specs) or "no parameters"
    raise ValueError(f"{type(effect).__name__} has no parameter {name!r}; expected {known}")


def put(effect, name, value):
    """Set a parameter of any effect by name, with its range checked."""
    at, spec = find(effect, name)
    pack_into("f", effect.state, 4 * at, checked(type(effect).__name__, spec, value))


def values(effect):
    """{parameter: value} of any effect, to the grid's four digits."""
    found = {}
    for at, spec in enumerate(getattr(effect, "PARAMS", ())):
        found[spec[0]] = shown(spec, effect.state[at + 1])
    return found


def shown(spec, value):
    """What a state's number means for the parameter `spec`: a choice, or the number to the grid's four digits."""
    return spec[2][round(value)] if isinstance(spec[2], tuple) else round(value, 4)


class Effect:
    """Base of effects that are one kernel.

    KERNEL: its name in pedal_fx. PARAMS: of each parameter (name, default, low, high), or with "exp" behind
    where a knob should move it in equal ratios, or (name, default, (choice, ...)). They lie in `state` from
    word 1 on; word 0 is the rate. The rest is what the kernel remembers; zeros are silence.

    extra_words(rate_hz), where a class has it: words of delay lines and the like behind the kernel's own.
    """

    atomic = True
    KERNEL = ""
    PARAMS = ()

    def __init__(self, **values):
        self._kernel, size = pedal_fx.kernel(self.KERNEL)
        self.words = size // 4
        self.state = array("f", bytes(size))
        for spec in self.PARAMS:
            setattr(self, spec[0], values.pop(spec[0], spec[1]))
        for name in values:
            known = ", ".join(spec[0] for spec in self.PARAMS)
            raise TypeError(f"{type(self).__name__} has no {name}; expected {known or 'none'}")

    def extra_words(self, rate_hz):
        return 0

    def attach(self, rate_hz):
        """Join a rig of this rate: make the memory. Once more with the same rate changes nothing."""
        words = self.words + self.extra_words(rate_hz)
        if len(self.state) != words:
            kept = self.state
            self.state = _NONE  # so that no more than the new one must fit
            self.state = array("f", bytes(4 * words))
            for at in range(1 + len(self.PARAMS)):
                self.state[at] = kept[at]
        self.state[0] = rate_hz

    def process(self, buf):
        self._kernel(buf, self.state)

    def native(self, buf):
        return self._kernel, buf, self.state

    def reset(self):
        """Forget the past; parameters stay."""
        pedal_fx.clear(self.state, 1 + len(self.PARAMS))
