"""A rig: effects in the order the signal meets them, what moves them, and the rate and block they run at."""

from pedal.chain import Chain
from pedal.clock import Clock
from pedal.effects.effect import put, values
from pedal.modulate import Route

try:
    import pedal.board as board  # written by `upedal deploy` from the board's profile
except ImportError:
    board = None

_RATE_HZ = 48000
_BLOCK = 64


class Rig:
    """Effects have names: their class in small letters, with a number from the second of a kind on, or what
    their attribute `name` says. rig["delay"] is the effect of that name."""

    def __init__(
        self,
        *effects,
        block=None,
        rate_hz=None,
        tempo_bpm=120.0,
        controls=(),
        limit=0.95,
        watchdog_ms=None,
    ):
        """block: frames at a time, 1..4096; rate_hz: frames a second. Default: the board's. controls: pots,
        switches and the like, read between blocks; limit: load above which the rig gets lighter, 0..1;
        watchdog_ms: the board starts anew when no block was played for so long; it cannot be taken back."""
        self.block = block or getattr(board, "BLOCK", _BLOCK)
        self.rate_hz = rate_hz or getattr(board, "RATE_HZ", _RATE_HZ)
        if not 1 <= self.block <= 4096:
            raise ValueError(f"block of {self.block} frames; expected 1 to 4096")
        self.limit, self.watchdog_ms = limit, watchdog_ms
        self.engine = None  # the one that plays it
        self.modulators = []
        self.scenes = {}
        self.scene = None  # the one last recalled
        self.changed = False  # a scene was stored, and waits to be saved
        self.controls = []
        self.clock = Clock(self.rate_hz, tempo_bpm)
        self.clock.changed.append(self._tempo_changed)
        self._off = []  # leaves that are bypassed
        self.effects = ()
        self._set_effects(effects)
        for control in controls:
            self.add_control(control)

    def _set_effects(self, effects):
        leaves = []
        for at, effect in enumerate(effects):
            _check(effect, at + 1, effects[:at])
            _leaves(effect, leaves)
        for effect in leaves:
            if hasattr(effect, "attach"):
                effect.attach(self.rate_hz)
        self.effects, self.leaves = tuple(effects), leaves
        self.names = _named(leaves)
        self._off = [effect for effect in self._off if effect in leaves]
        self._tempo_changed(self.clock.frames)

    def reset(self):
        for effect in self.effects:
            effect.reset()
        for mover in self.modulators:
            mover.reset()

    # ---- effects by name ----

    def __getitem__(self, name):
        """The effect of this name, or the one given."""
        if name in self.leaves:
            return name
        for known, effect in self.names:
            if known == name:
                return effect
        raise KeyError(
            f"no effect {name!r}; expected {', '.join(known for known, _ in self.names)}"
        )

    def name_of(self, effect):
        for known, other in self.names:
            if other is effect:
                return known

    def set(self, target, value):
        """set("delay.mix", 0.3): a parameter; set("delay", False): off; set("scene", "lead"); set("tempo", 96)."""
        if target == "scene":
            self.recall(value)
        elif target == "tempo":
            self.clock.tempo_bpm = value
        elif "." in target:
            name, parameter = target.split(".")
            put(self[name], parameter, value)
        else:
            self.bypass(target, not value)

    # ---- bypass ----

    def bypass(self, name, off=True):
        """Take an effect out of the signal, or back in, with a short fade."""
        effect = self[name]
        if off and effect not in self._off:
            self._off.append(effect)
        elif not off and effect in self._off:
            self._off.remove(effect)
        if self.engine:
            self.engine.switch(effect, not off)

    def bypassed(self, name):
        return self[name] in self._off

    def toggle(self, name):
        self.bypass(name, not self.bypassed(name))

    # ---- what moves parameters ----

    def bind(self, control, name, parameter, *, low=None, high=None, curve=None):
        """Let a control move a parameter between low and high; -> its Route."""
        route = Route(self[name], parameter, low=low, high=high, curve=curve)
        self.add_control(control)
        control.routes.append(route)
        return route

    def on(self, event, function):
        """Call function when the event of a control happens: rig.on(switch.pressed, rig.tap)."""
        event.add(function)

    def add_control(self, control):
        if control not in self.controls:
            if hasattr(control, "attach"):
                control.attach(self.rate_hz)
            self.controls.append(control)
            if self.engine:
                self.engine.refresh()
        return control

    def modulate(self, mover, name, parameter, *, low=None, high=None, curve=None):
        """Let an LFO or an Envelope move a parameter between low and high."""
        mover.attach(self.rate_hz)
        mover.aim(self[name], parameter, low=low, high=high, curve=curve)
        self.modulators.append(mover)
        self._tempo_changed(self.clock.frames)
        if self.engine:
            self.engine.refresh()
        return mover

    def tap(self):
        """A tap of the tempo, now."""
        self.clock.tap(self.engine.frame if self.engine else 0)

    def _tempo_changed(self, frames):
        for part in self.leaves + self.modulators:
            if hasattr(part, "set_clock"):
                part.set_clock(frames)

    # ---- scenes ----

    def capture(self):
        """All values and switches as they stand: {"values": {"delay.mix": 0.3}, "off": ["delay"]}."""
        found = {}
        for name, effect in self.names:
            for parameter, value in values(effect).items():
                found[f"{name}.{parameter}"] = value
        return {"values": found, "off": [self.name_of(effect) for effect in self._off]}

    def store_scene(self, name):
        self.scenes[name] = self.capture()
        self.changed = True

    def recall(self, name):
        """Go to a scene. What it does not name stays as it is; "off", where it is there, lists all that is off."""
        if name not in self.scenes:
            raise KeyError(
                f"no scene {name!r}; expected {', '.join(sorted(self.scenes)) or 'none'}"
            )
        scene = self.scenes[name]
        for target, value in scene.get("values", {}).items():
            self.set(target, value)
        if "off" in scene:
            off = [self[effect] for effect in scene["off"]]
            for effect in self.leaves:
                self.bypass(effect, effect in off)
        if "tempo" in scene:
            self.clock.tempo_bpm = scene["tempo"]
        self.scene = name
        for control in self.controls:
            if hasattr(control, "takeover"):
                control.takeover()

    def next_scene(self, step=1):
        """The next of the scenes in the order of their names, round and round."""
        order = sorted(self.scenes)
        if order:
            at = order.index(self.scene) + step if self.scene in order else 0
            self.recall(order[at % len(order)])

    # ---- changes while it plays ----

    def insert(self, at, effect):
        """Put an effect before number `at` (from 0) of the rig, or at the end."""
        effects = list(self.effects)
        effects.insert(at, effect)
        self._change(effects)

    def remove(self, name):
        effect = self[name]
        self._change([other for other in self.effects if other is not effect])

    def replace(self, name, effect):
        """Another in its place, such as rig.replace("neural", Neural("lead.upm"))."""
        old = self[name]
        self._change([effect if other is old else other for other in self.effects])

    def _change(self, effects):
        """The new line takes over while the output is faded out; its memory is made before."""
        leaves = []
        for at, effect in enumerate(effects):
            _check(effect, at + 1, effects[:at])
            _leaves(effect, leaves)
        for effect in leaves:
            if effect not in self.leaves and hasattr(effect, "attach"):
                effect.attach(self.rate_hz)
        if self.engine:
            self.engine.change(self._set_effects, effects)
        else:
            self._set_effects(effects)


def _check(effect, position, before):
    for method in ("process", "reset"):
        if not hasattr(effect, method):
            text = "effect {} is {}, which has no {}(); expected an effect such as Gain(db=6)"
            raise ValueError(text.format(position, repr(effect), method))
    for other in before:
        if other is effect:
            raise ValueError(f"effect {position} is in the rig twice; make a second one")


def _leaves(effect, found):
    """The effects themselves, in order: a Chain is only its parts, a Split its parts and itself."""
    for part in getattr(effect, "effects", ()):
        _leaves(part, found)
    if not isinstance(effect, Chain):
        if effect in found:
            raise ValueError(f"{type(effect).__name__} is in the rig twice; make a second one")
        found.append(effect)


def _named(leaves):
    names, taken = [], []
    for effect in leaves:
        base = name = getattr(effect, "name", None) or type(effect).__name__.lower()
        number = 2
        while name in taken:
            name = f"{base}{number}"
            number += 1
        taken.append(name)
        names.append((name, effect))
    return names
