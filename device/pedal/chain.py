"""Rigs that are not one line: chains, two branches, and a mix of dry and wet. All are effects."""

from array import array

import pedal_fx

from pedal.effects.effect import Effect, parameters


class Chain:
    """Effects in a row, as one."""

    def __init__(self, *effects):
        self.effects = effects

    def items(self, buf, expand):
        """What the engine does for it: expand(effect, buf) for each part, and calls between them."""
        found = []
        for effect in self.effects:
            found += expand(effect, buf)
        return found

    def attach(self, rate_hz):
        pass  # the rig attaches each effect

    def process(self, buf):
        for effect in self.effects:
            effect.process(buf)

    def reset(self):
        for effect in self.effects:
            effect.reset()


def as_chain(effect):
    return effect if isinstance(effect, Chain) else Chain(*_listed(effect))


def _listed(effect):
    if effect is None:
        return ()
    return effect if isinstance(effect, (list, tuple)) else (effect,)


class _Beside(Effect):
    """A chain played beside something else, which lies behind the kernel's state."""

    atomic = False

    def __init__(self, block, **values):
        super().__init__(**values)
        self._block = block

    def extra_words(self, rate_hz):
        return self._block

    def fit(self, block):
        """Make room for blocks of so many frames."""
        self._block = block
        self.attach(self.state[0])


@parameters
class Split(_Beside):
    """Two branches of the same signal, mixed: y = a A(x) + b B(x).

    A branch is an effect, a list of effects, a Chain, or None for the signal itself. a, b: -2..2; a negative
    one inverts. Branches of unequal latency comb.
    """

    KERNEL = "join"
    PARAMS = (("a", 0.5, -2.0, 2.0), ("b", 0.5, -2.0, 2.0))

    def __init__(self, branch_a, branch_b, **values):
        super().__init__(64, **values)
        self.branches = (as_chain(branch_a), as_chain(branch_b))
        self.effects = self.branches
        self._fork = pedal_fx.kernel("fork")[0]

    def items(self, buf, expand):
        self.fit(len(buf))
        other = memoryview(self.state)[self.words :]
        found = [(self._fork, buf, self.state)]
        found += expand(self.branches[0], buf)
        found += expand(self.branches[1], other)
        return found + [(self._kernel, buf, self.state)]

    def process(self, buf):
        if len(buf) != self._block:
            self.fit(len(buf))
        self._fork(buf, self.state)
        self.branches[0].process(buf)
        self.branches[1].process(memoryview(self.state)[self.words :])
        self._kernel(buf, self.state)

    def reset(self):
        super().reset()
        for branch in self.branches:
            branch.reset()


@parameters
class Blend(_Beside):
    """Dry and wet of an effect or a chain: y = (1 - mix) x + mix W(x). fade_ms: of a change from 0 to 1."""

    KERNEL = "blend"
    PARAMS = (("mix", 0.5, 0.0, 1.0), ("fade_ms", 10.0, 0.0, 10000.0))

    def __init__(self, wet, **values):
        super().__init__(64, **values)
        self.wet = as_chain(wet)
        self.effects = (self.wet,)
        self._keep = pedal_fx.kernel("keep")[0]

    def items(self, buf, expand):
        self.fit(len(buf))
        found = [(self._keep, buf, self.state)]
        return found + expand(self.wet, buf) + [(self._kernel, buf, self.state)]

    def process(self, buf):
        if len(buf) != self._block:
            self.fit(len(buf))
        self._keep(buf, self.state)
        self.wet.process(buf)
        self._kernel(buf, self.state)

    def reset(self):
        super().reset()
        self.wet.reset()


class Fade:
    """Between an effect and its bypass, or between sound and silence; of one channel or two."""

    def __init__(self, block, rate_hz, fade_ms):
        self._blend, size = pedal_fx.kernel("blend")
        self._keep = pedal_fx.kernel("keep")[0]
        self._states = [array("f", bytes(size + 4 * block))]
        self._states[0][:3] = array("f", [rate_hz, 1.0, fade_ms])

    def to(self, wet):
        """Go to 1 (the effect, sound) or 0 (bypass, silence)."""
        now = self._states[0][3]
        for state in self._states:
            state[1], state[3] = wet, now

    def at(self, wet):
        """Be there."""
        for state in self._states:
            state[1] = state[3] = wet
            state[4] = 1.0  # not zero: the kernel goes on from where it is

    def before(self, buf, right=None):
        """What holds the block back. right: the second channel, whose bypass is the same block."""
        return [(self._keep, buf, state) for state in self._of(right)]

    def after(self, buf, right=None):
        found = [(self._blend, buf, self._states[0])]
        if right is not None:
            found.append((self._blend, right, self._of(right)[1]))
        return found

    def _of(self, right):
        if right is not None and len(self._states) < 2:
            self._states.append(array("f", self._states[0]))
        return self._states if right is not None else self._states[:1]
