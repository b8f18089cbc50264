"""A rig: effects in the order the signal meets them, what moves them, and the rate and block they run at."""

from struct import pack_into

from pedal.clock import Clock
from pedal.effects.effect import checked, find, shown
from pedal.heap import fill
from pedal.parts import holder, latency, leaves_of, named, places, stereo

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
        reserve=5,
    ):
        """block: frames at a time, 1..4096; rate_hz: frames a second. Default: the board's. controls: pots,
        switches and the like, read between blocks; limit: load above which the rig gets lighter, 0..1;
        watchdog_ms: the board starts anew when no block was played for so long; it cannot be taken back;
        reserve: blocks that the output holds ahead, 2..32, where audio is by I2S: so long may a recall of a
        scene take, and so much later is the sound."""
        self.block = getattr(board, "BLOCK", _BLOCK) if block is None else block
        self.rate_hz = rate_hz or getattr(board, "RATE_HZ", _RATE_HZ)
        if not 1 <= self.block <= 4096:
            raise ValueError(f"block of {self.block} frames; expected 1 to 4096")
        if not 2 <= reserve <= 32:
            raise ValueError(f"reserve of {reserve} blocks; expected 2 to 32")
        self.limit, self.watchdog_ms, self.reserve = limit, watchdog_ms, reserve
        self.engine = None  # the one that plays it
        self.error = None  # why this is not the rig that was asked for
        self.modulators = []
        self.scenes = {}
        self.scene = None  # the one last recalled
        self.changed = False  # a scene was stored, and waits to be saved
        self.controls = []
        self.clock = Clock(self.rate_hz, tempo_bpm)
        self.clock.changed.append(self._tempo_changed)
        self._off = []  # leaves that are bypassed
        self.effects, self.leaves = effects, []
        self._arrange()
        for control in controls:
            self.add_control(control)

    def _arrange(self):
        """Take up what effects there are; ValueError, and nothing changed, where that is no rig."""
        leaves = []
        for at, effect in enumerate(self.effects):
            leaves_of(effect, leaves, at + 1)
        for effect in leaves:
            if effect not in self.leaves:
                if hasattr(effect, "attach"):
                    effect.attach(self.rate_hz)
        stereo(self.effects, self.engine.block if self.engine else self.block)
        self._off = [effect for effect in self._off if effect in leaves]
        for effect in leaves:
            if effect not in self.leaves and getattr(effect, "starts_off", False):
                self._off.append(effect)
        self.leaves, self.names = leaves, named(leaves)
        self._places = places(self.names)
        self._tempo_changed(self.clock.frames)

    def reset(self):
        for effect in self.effects:
            effect.reset()
        for mover in self.modulators:
            mover.reset()

    @property
    def latency(self):
        """Frames that the effects delay the sound, beyond what audio in and out take: known once an engine has the rig."""
        return latency(self.effects, self._off)

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
        elif target in self._places:
            effect, word, spec = self._places[target]
            value = checked(type(effect).__name__, spec, value)
            if spec[0] == "send" and getattr(effect, "kept_send", None) is not None:
                effect.kept_send = value  # it is off, and stays so
            else:
                pack_into("f", effect.state, word, value)
        elif "." in target:
            name, _, parameter = target.partition(".")
            find(self[name], parameter)  # which says what there is
        elif value in (True, False):
            self.bypass(target, not value)
        else:
            raise ValueError(f"{target}={value!r}; expected True or False")

    # ---- bypass ----

    def bypass(self, name, off=True):
        """Take an effect out of the signal, or back in, with a short fade."""
        effect = self[name]
        if bool(off) == (effect in self._off):
            return
        if off:
            self._off.append(effect)
        else:
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
        from pedal.modulate import Route  # only here: an import takes a million instructions

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
        if not hasattr(mover, "aim"):
            raise ValueError(f"modulate() got {mover!r}; expected an LFO or an Envelope")
        mover.attach(self.rate_hz)
        mover.aim(self[name], parameter, low=low, high=high, curve=curve)
        if mover not in self.modulators:
            self.modulators.append(mover)
        self._tempo_changed(self.clock.frames)
        if self.engine:
            self.engine.refresh()
        return mover

    def tap(self):
        """A tap of the tempo, now."""
        if self.engine:
            self.clock.tap(self.engine.frame)

    def _tempo_changed(self, frames):
        for part in self.leaves + self.modulators:
            if hasattr(part, "set_clock"):
                part.set_clock(frames)

    # ---- scenes ----

    def capture(self):
        """All values and switches as they stand: {"values": {"delay.mix": 0.3}, "off": ["delay"]}."""
        found = {}
        for target, (effect, word, spec) in self._places.items():
            value = getattr(effect, "kept_send", None) if spec[0] == "send" else None
            found[target] = shown(spec, effect.state[word >> 2] if value is None else value)
        return {"values": found, "off": [self.name_of(effect) for effect in self._off]}

    def store_scene(self, name):
        if not (isinstance(name, str) and name):
            raise ValueError(f"scene {name!r}; expected a name")
        self.scenes[name] = self.capture()
        self.changed = True

    def recall(self, name):
        """Go to a scene. What it does not name stays as it is; "off", where it is there, lists all that is off.

        Where a part of it is wrong or gone, the rest is done before that raises.
        """
        if name not in self.scenes:
            raise KeyError(
                f"no scene {name!r}; expected {', '.join(sorted(self.scenes)) or 'none'}"
            )
        scene, wrong = self.scenes[name], None
        for target, value in scene.get("values", {}).items():
            wrong = _attempt(self.set, target, value) or wrong
        if "off" in scene:
            for effect in scene["off"]:
                wrong = _attempt(self.__getitem__, effect) or wrong
            for known, effect in self.names:
                self.bypass(effect, known in scene["off"])
        if "tempo" in scene:
            wrong = _attempt(self.set, "tempo", scene["tempo"]) or wrong
        self.scene = name
        for control in self.controls:
            if hasattr(control, "takeover"):
                control.takeover()
        fill()
        if wrong:
            raise wrong

    def next_scene(self, step=1):
        """The next of the scenes in the order of their names, round and round."""
        order = sorted(self.scenes)
        if order:
            at = order.index(self.scene) + step if self.scene in order else 0
            self.recall(order[at % len(order)])

    # ---- changes while it plays: the rig has changed at once, what is heard after a fade ----

    def insert(self, at, effect):
        """Put an effect before number `at` (from 0) of the rig, or at the end."""
        effects = list(self.effects)
        effects.insert(at, effect)
        self._change(self, effects)

    def remove(self, name):
        """Take an effect out, wherever it stands, and what moved it."""
        old = self[name]
        place = holder(self, old)
        self._change(place, [other for other in place.effects if other is not old])
        self._aim(old, None)

    def replace(self, name, effect):
        """Another in its place, such as rig.replace("neural", Neural("lead.upm")).

        What moved the old one's parameters moves the new one's of the same names. It is off if the old one was,
        and has its `name`, where it was given one.
        """
        old, off = self[name], self.bypassed(name)
        if hasattr(old, "name") and not hasattr(effect, "name"):
            effect.name = old.name
        place = holder(self, old)
        self._change(place, [effect if other is old else other for other in place.effects])
        self._aim(old, effect)
        if off and effect in self.leaves:
            self.bypass(effect)

    def _change(self, place, effects):
        """The new line takes over while the output is faded out; its memory is made before."""
        before, place.effects = place.effects, tuple(effects)
        try:
            self._arrange()
        except Exception:
            place.effects = before
            raise
        if self.engine:
            self.engine.change(_nothing)

    def _aim(self, old, new):
        """What moved a parameter of `old` moves that of `new`; what moves one that is gone goes, too."""
        for mover in self.modulators[:]:
            if mover.target not in self.leaves:
                if _attempt(mover.follow, new if mover.target is old else None):
                    self.modulators.remove(mover)
        for control in self.controls:
            for route in list(getattr(control, "routes", ())):
                if route.effect not in self.leaves:
                    if _attempt(route.aim, new if route.effect is old else None):
                        control.routes.remove(route)
                    if hasattr(control, "takeover"):
                        control.takeover()
        if self.engine:
            self.engine.refresh()


def _nothing():
    pass


def _attempt(function, *args):
    """Call it; the error, where it raised one."""
    try:
        function(*args)
    except (KeyError, ValueError, TypeError) as error:
        return error
