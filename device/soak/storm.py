"""What `upedal soak` runs on an emulated board: a rig that plays, and all that may happen to it meanwhile.

Nothing here is deployed. Instructions are counted by the board's timer; waiting for the wire costs none, so
what passes between two blocks is work.
"""

import gc
import io
import json
import time
from array import array

import audio
from pedal.boot import _Saver
from pedal.controls import Footswitch, MidiIn, Pot
from pedal.engine import Engine
from pedal.heap import tidy
from pedal.io.emulated import Emulated, _words
from pedal.keep import Keep
from pedal.log import Log
from pedal.modulate import Route
from pedal.play import load_rig

_WRAP = 0x3FFFFFFF
_POT_ROUTES = 5
_BINS, _BIN = 128, 14  # of 2^14 instructions: how many blocks cost so much

# What happens, and on average at every how many polls, of which there are 100 a second.
_CHANCES = (
    ("gc.collect", 200),
    ("file of 4 kB", 200),
    ("log", 40),
    ("scene", 70),
    ("scene stored", 500),
    ("bypass", 25),
    ("tempo", 60),
)


class _Draw:
    """Numbers of 16 bits, the same for the same seed; a generator, since calling one costs least."""

    def __init__(self, seed):
        def steps():
            x = seed
            while True:
                x = (x * 61 + 12345) & 0xFFFFFF
                yield x >> 8

        self.next = steps().__next__


class _Line:
    """A pin or a converter: wanders while on[0] is 1, else rests."""

    def __init__(self, draw, on, rest, hold=1, mask=0xFFFF):
        def steps():
            while True:
                level = draw() & mask if on[0] else rest
                for _ in range(hold):
                    yield level

        self.read_u16 = self.value = steps().__next__


class _Cable:
    """A MIDI port with 40 bytes waiting at every poll: controllers, clock, and what no sender would send."""

    def __init__(self, draw, on):
        data = bytearray()
        while len(data) < 4000:
            kind = draw() & 3
            if kind == 0:
                data.append(draw() & 0xFF)
            else:
                data += bytes((0xB0, (1, 11, draw() & 0x7F)[kind - 1], draw() & 0x7F))
            if draw() & 7 == 0:
                data.append(0xF8)
        self._data, self._on = io.BytesIO(data[:4000]), on

    def any(self):
        return 40 if self._on[0] else 0

    def readinto(self, buf):
        n = self._data.readinto(buf)
        if not n:
            self._data.seek(0)
            n = self._data.readinto(buf)
        return n


class Storm:
    """A control at whose polls something may happen: see _CHANCES. on[0]: 1 while it blows.

    worst: {what: [how often, most instructions]}.
    """

    def __init__(self, rig, log, seed, without):
        self.on = [0]
        self.worst = {name: [0, 0] for name, _ in _CHANCES}
        self.log = log
        self._rig, self._draw = rig, _Draw(seed).next
        self._piece = bytes(range(256)) * 16
        self._names = [name for name, _ in rig.names]
        self._do = (
            gc.collect,
            self._file,
            self._note,
            self._scene,
            self._store,
            self._bypass,
            self._tempo,
        )
        self._chances = [
            (65536 // chance, self._do[at], self.worst[name])
            for at, (name, chance) in enumerate(_CHANCES)
            if name not in without
        ]
        self._off = None
        self._add_controls(Pot, Footswitch, MidiIn)

    def _add_controls(self, Pot, Footswitch, MidiIn):
        rig, draw, on = self._rig, self._draw, self.on
        routes = [
            Route(effect, spec[0])
            for _, effect in rig.names
            for spec in getattr(effect, "PARAMS", ())
        ]
        for at in range(0, len(routes), _POT_ROUTES):
            pot = Pot(_Line(draw, on, 32768))
            pot.routes += routes[at : at + _POT_ROUTES]
            rig.add_control(pot)
        self.parameters = len(routes)
        midi = MidiIn(_Cable(draw, on))
        for number, route in ((1, routes[0]), (11, routes[-1])):
            controller = midi.cc(number)
            controller.routes.append(route)
        rig.on(midi.clock.tempo, rig.clock.set)
        rig.add_control(midi)
        switch = Footswitch(_Line(draw, on, 1, 6, 1))
        rig.on(switch.pressed, rig.tap)
        rig.add_control(switch)
        rig.add_control(self)

    def poll(self, now):
        if self.on[0]:
            for below, function, worst in self._chances:
                if self._draw() < below:
                    start = time.ticks_cpu()
                    function()
                    spent = insns((time.ticks_cpu() - start) & _WRAP)
                    worst[0] += 1
                    worst[1] = max(worst[1], spent)

    def _file(self):
        with open("/storm.bin", "wb") as file:
            file.write(self._piece)

    def _note(self):
        self.log.note(f"storm {self._draw()}")

    def _scene(self):
        self._rig.recall("storm" if self._draw() & 1 else "start")

    def _store(self):
        self._rig.store_scene("storm")

    def _bypass(self):
        """One effect out, then in again: so the pedal has its full load most of the time."""
        if self._off:
            self._rig.bypass(self._off, False)
            self._off = None
        else:
            self._off = self._names[self._draw() % len(self._names)]
            self._rig.bypass(self._off)

    def _tempo(self):
        self._rig.clock.tempo_bpm = 60 + (self._draw() & 127)


def insns(ticks):
    """Instructions in ticks of 40 ns, at 64 ns an instruction."""
    return ticks * 5 >> 3


class _Player:
    """Plays blocks and counts what they cost."""

    def __init__(self, step):
        self._step = step
        self.bins = [0] * _BINS
        self.blocks = 0
        self.allocated = 0  # bytes, by the last play()

    def play(self, blocks, watch=False):
        """-> [mean, worst] instructions a block. Allocates nothing while it plays; watch: see whether that is so."""
        step, clock, bins = self._step, time.ticks_cpu, self.bins
        low = high = worst = 0
        free = gc.mem_free() if watch else 0
        last = clock()
        for _ in range(blocks):
            step()
            now = clock()
            spent = (now - last) & _WRAP
            last = now
            if spent > worst:
                worst = spent
            low += spent
            if low > 0xFFFFFFF:
                low -= 0x10000000
                high += 1
            at = (spent * 5) >> (3 + _BIN)
            bins[at if at < _BINS else _BINS - 1] += 1
        self.allocated = free - gc.mem_free() if watch else 0
        self.blocks += blocks
        return [insns((high << 28) + low) / blocks, insns(worst)]


def say(**what):
    print(json.dumps(what))


class Soak:
    """plan: {"seconds", "round_s", "part_s", "rate_hz", "instructions", "ring", "ahead", "seed", "storms", "without"}.

    storms: whether they blow; without: names of _CHANCES that do not happen.
    """

    def __init__(self, plan):
        self._plan = plan
        rig = self.rig = load_rig("/rig.py")
        self._blocks_s = rig.rate_hz / rig.block
        source = Emulated(
            audio,
            rig.rate_hz,
            instructions=plan["instructions"],
            ring=plan["ring"],
            ahead=plan["ahead"],
            path="/none",
        )
        self._sound, self._silence = _words("/in.wav"), array("i", [0])
        audio.source(self._sound)
        self._source = source
        rig.store_scene("start")
        rig.store_scene("storm")
        self.log = Log("/log", interval=rig.rate_hz)
        self.storm = Storm(rig, self.log, plan["seed"], plan["without"])
        rig.add_control(_Saver(rig, Keep("/settings"), self.log))
        self.engine = Engine(rig, source, source, log=self.log, clock_us=audio.us)
        self.player = _Player(self.engine.step)

    def run(self):
        plan = self._plan
        gc.collect()
        used = gc.mem_alloc()
        self._play(0.1)  # the first blocks align both directions
        self._lost = [0] * 6
        self._mark()
        say(
            heap=used,
            effects=[name for name, _ in self.rig.names],
            parameters=self.storm.parameters,
            controls=len(self.rig.controls),
            ahead=self._source.ahead,
            latency=self._source.latency,
        )
        rounds = max(1, round(plan["seconds"] / plan["round_s"]))
        for number in range(rounds):
            say(round=number, **self._round())
        say(worst=self.storm.worst, bins=self.player.bins, hash=audio.stats()[4])

    def _play(self, seconds, watch=False):
        return self.player.play(max(1, round(seconds * self._blocks_s)), watch)

    def _round(self):
        """Quiet, storm, calm, silence. -> what each cost, and what was lost so far"""
        plan, part = self._plan, self._plan["part_s"]
        self._calm()
        self._count()
        tidy()
        free = gc.mem_free()
        self._play(0.5, watch=True)  # looking at the heap takes longer than a small ring
        allocated = self.player.allocated
        self._play(0.1)
        self._mark()
        quiet = self._play(part)
        storm = self._blow(plan["round_s"] - 3 * part - 1.7) if plan["storms"] else None
        self._calm()
        audio.source(self._silence)
        first = self._play(part)
        last = self._play(part)
        audio.source(self._sound)
        self._count()
        engine, lost = self.engine, self._lost
        return {
            "quiet": quiet,
            "storm": storm,
            "silence": [first, last],
            "allocated": allocated,
            "free": free,
            "frames": [lost[0], lost[2]],
            "lost": lost[1],
            "starved": lost[3],
            "xruns": lost[4:],
            "faults": engine.faults,
            "reports": engine.reports[-3:],
            "late": engine.late,
            "drops": engine.overload.drops,
            "load": engine.load(),
        }

    def _totals(self):
        """Frames in, lost, out, starved; overruns, underruns by I2SPair."""
        return list(audio.stats()[:4]) + [self._source.overruns, self._source.underruns]

    def _mark(self):
        self._marked = self._totals()

    def _count(self):
        """Add what came and was lost since _mark()."""
        for at, now in enumerate(self._totals()):
            self._lost[at] += now - self._marked[at]

    def _calm(self):
        """As it was at the start, once fades have ended and files are written."""
        self.storm.on[0] = 0
        self._play(0.1)
        self.rig.recall("start")
        self.rig.clock.tempo_bpm = 120
        self._play(0.4)
        while self.log.write():
            self._play(0.02)

    def _blow(self, seconds):
        """-> [mean, worst] of the whole, as play() gives it"""
        self.storm.on[0] = 1
        done = mean = worst = 0
        while done < seconds:
            span = min(5.0, seconds - done)
            part = self._play(span)
            mean += part[0] * span
            worst = max(worst, part[1])
            done += span
            say(blocks=self.player.blocks, xruns=self.engine.xruns)
        return [mean / seconds, worst]
