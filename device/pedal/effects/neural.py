"""A trained net from a .upm file."""

from array import array
from struct import unpack_from

import pedal_fx
import pedal_nn

from pedal import store
from pedal.effects.effect import put

try:
    import pedal.board as board
except ImportError:
    board = None

_RATE, _COUNT, _TABLE, _KNOB = 16, 34, 36, 64  # bytes: models/SPEC.md
_NAN = float("nan")
_NORMAL_DB = -18.0  # loudness of a normalised model, as plug-ins have it

_SILENCE = 64  # frames a call while prewarming
_PAIR = (44100, 48000)  # Hz, the rates that pedal_fx.resample() knows
_TICKS_HZ = 7056000  # its ticks, a whole number to a frame at both
_DELAY = 3200  # ticks of one resampler


class _Resampled:
    """process(buf) with the net at its own rate: in, through, out, as many frames as came in.

    After A frames the net has had ceil(A * net / rig) frames, whatever the blocks: always enough for
    A frames out, so nothing waits and the delay is the filters' alone.
    """

    def __init__(self, run, rig_hz, net_hz):
        self._run = run
        self._rates = (rig_hz, net_hz)
        frame = _TICKS_HZ // rig_hz
        self.latency = -(-2 * _DELAY // frame)  # frames of the rig, made whole by ticks at the end
        extra = self.latency * frame - 2 * _DELAY
        self._down, self._up = _resampler(rig_hz, net_hz, 0), _resampler(net_hz, rig_hz, extra)
        self._frames = 0

    def fit(self, frames):
        """Make the memory for blocks of so many frames."""
        rig_hz, net_hz = self._rates
        self._least = frames * net_hz // rig_hz
        self._mid = memoryview(array("f", bytes(4 * (self._least + 1))))
        self._parts = (self._mid[: self._least], self._mid)
        self._frames = frames

    def process(self, buf, _=None):
        if len(buf) != self._frames:
            self.fit(len(buf))
        part = self._parts[pedal_fx.resample(self._down, buf, self._mid) - self._least]
        self._run(part, part)
        pedal_fx.resample(self._up, part, buf)

    def reset(self):
        pedal_fx.resample_reset(self._down)
        pedal_fx.resample_reset(self._up)


def _resampler(from_hz, to_hz, extra):
    state = store.aligned(pedal_fx.resample_size(from_hz, to_hz))
    pedal_fx.resample_init(state, from_hz, to_hz, extra)
    return state


class _Net:
    """One model in memory, and its call. blob: the file's bytes, 16-aligned; path: for errors."""

    def __init__(self, path, blob):
        self.path, self.blob = path, blob
        self.halves = None  # where two cores play it
        self._last = b""  # knobs
        self.renew()
        # Of a file found sound just now; pedal_nn.info() would check all of it once more.
        self.rate_hz, self.prewarm = unpack_from("<II", self.blob, _RATE)

    def renew(self):
        """A model in memory that no other has."""
        try:
            self.arena = store.aligned(pedal_nn.arena_size(self.blob))
            self.model = pedal_nn.Model(self.blob, self.arena)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}")  # noqa: B904 - MicroPython has no chaining
        self.run = self.model.process
        self._rested = self._with = None  # the arena after reset(), and the knobs it was for

    def cut(self, cut, frames):
        """Make the memory for two cores and blocks of so many frames; False where there is nothing to cut."""
        from pedal import second_core

        if not self.halves or self.halves.frames != frames:
            if self.halves:
                self.halves.leave()
            try:
                self.halves = second_core.Halves(self, cut, frames)
            except ValueError:
                self.halves = None
        return self.halves is not None

    def restart(self):
        """reset() with the knobs it last had."""
        self.reset(self._last)

    def reset(self, knobs):
        """The state after `prewarm` frames of silence; kept, as running them while it plays takes too long."""
        if self.halves:
            self.halves.clear()
        given = self._last = bytes(knobs)
        if self._rested and self._with == given:
            self.arena[:] = self._rested
            return
        self._run_in(knobs)
        if self.prewarm:
            self._rested, self._with = bytes(self.arena), given

    def _run_in(self, knobs):
        self.model.reset()
        if len(knobs):
            self.model.knobs(knobs)
        out = array("f", [0.0] * _SILENCE)
        silence = memoryview(array("f", [0.0] * _SILENCE))
        left = self.prewarm
        while left > 0:
            n = min(left, _SILENCE)
            self.run(silence[:n], memoryview(out)[:n])
            left -= n


class Neural:
    """A trained net. Its knobs are parameters, with the names and ranges in the file (PARAMS).

    rate_hz, prewarm: of the model, Hz and frames; latency: frames of the rig that resampling or a second core adds.
    """

    atomic = True

    def __init__(
        self,
        path,
        *,
        knobs=None,
        resample=False,
        level=None,
        size=None,
        fallback=None,
        cores=1,
        cut=None,
        **values,
    ):
        """path: a .upm, looked for as store.find() says; knobs: one value for each of the model's,
        in the file's units, or None for the file's defaults; or each by its name; resample: where the rig runs at 44100
        and the model at 48000 Hz, or the reverse, convert there and back (55 kB of memory); level:
        "calibrated" plays the model at the level of its capture, where file and board tell dBu at
        full scale, "normalized" at -18 dB, "raw" as it is; None is calibrated where both tell, else
        raw; size: "lite" plays the smaller model that some files hold besides, "full" or None the
        other; fallback: a smaller .upm, or "lite" for the one in this file, which takes over when the
        board cannot keep up; cores: 2 plays the layers from `cut` on on a second core, a block later (a board or a
        simulator that has none does both in turn, and sounds the same), where None cuts at about half of the work."""
        self.path, self.level = path, level
        self._cores, self._cut = cores, cut
        self.resample = resample
        self.latency = 0
        self._resampled = None
        blob = store.load(path)
        self._net = self._first = _sized(path, blob, size)
        self.rate_hz, self.prewarm = self._net.rate_hz, self._net.prewarm
        self._make_knobs(knobs)
        for name in values:
            put(self, name, values[name])
        self._second = None
        if fallback:
            if size == fallback:
                raise ValueError(f"{path}: size and fallback are both {size!r}; expected another")
            lite = fallback == "lite"
            self._second = (
                _sized(path, blob, "lite") if lite else _Net(fallback, store.load(fallback))
            )
            if (self._second.rate_hz, _knobs(self._second.blob)) != (self.rate_hz, self.PARAMS):
                raise ValueError(f"{fallback}: rate or knobs differ from those of {path}")
        self._check_cores()
        self._gains = _level(path, self._net.blob, level)
        self._buf = None  # what _made is for
        self.reset()

    def _make_knobs(self, values):
        self.PARAMS = _knobs(self._net.blob)
        defaults = [spec[1] for spec in self.PARAMS]
        values = defaults if values is None else values
        if len(values) != len(defaults):
            raise ValueError(f"{self.path}: {len(values)} knobs; expected {len(defaults)}")
        self.state = array("f", [0.0] + list(values) + [0.0])
        self._now = array("f", values)

    def _check_cores(self):
        if self._cores not in (1, 2) or (self._cut is not None and self._cores != 2):
            text = "cores={!r}, cut={!r}; expected 1 or 2, and a cut for 2 only"
            raise ValueError(text.format(self._cores, self._cut))
        if self._cores == 2 and self.resample:
            raise ValueError("cores=2 and resample; expected one of them")
        if self._cores == 2 and not self._net.cut(self._cut or 0, 1):
            text = "{}: cut={!r}; expected a layer's number, with layers before and behind it"
            raise ValueError(text.format(self.path, self._cut))

    @property
    def knobs(self):
        return tuple(self.state[1:-1])

    @knobs.setter
    def knobs(self, values):
        if len(values) != len(self._now):
            raise ValueError(f"{self.path}: {len(values)} knobs; expected {len(self._now)}")
        for at, value in enumerate(values):
            self.state[1 + at] = value

    def attach(self, rate_hz):
        self._resampled = self._buf = None
        self.latency = 0
        self.state[0] = rate_hz
        for gain in self._gains:
            gain.attach(rate_hz)
        if rate_hz == self.rate_hz:
            return
        pair = rate_hz in _PAIR and self.rate_hz in _PAIR
        if not (pair and self.resample):
            text = "{}: the model is for {} Hz, the rig runs at {} Hz; {}"
            raise ValueError(text.format(self.path, self.rate_hz, rate_hz, _advice(pair, rate_hz)))
        self._resampled = _Resampled(self._net.run, rate_hz, self.rate_hz)
        self.latency = self._resampled.latency

    def process(self, buf):
        if self._buf is not buf:
            self._buf, self._made = buf, self.natives(buf)
        for call in self._made:
            call[0](call[1], call[2])

    def natives(self, buf):
        """What one block takes: knobs, level, the net, level."""
        found = []
        if len(self._now):
            self.state[-1] = len(buf)
            found = [(pedal_fx.kernel("knobs")[0], self._now, self.state)]
            found += [(_set_knobs, self._net, self._now)]
        if self._resampled:
            self._resampled.fit(len(buf))
            middle = (self._resampled.process, buf, None)
        elif self._cores == 2:
            middle = self._on_two(buf)
        else:
            middle = (self._net.run, buf, buf)
        if self._gains:
            before, after = self._gains
            return found + [before.native(buf), middle, after.native(buf)]
        return found + [middle]

    def _on_two(self, buf):
        """The call of the net that plays; memory for the other is made, too: there is no time when it is wanted."""
        for net, cut in ((self._first, self._cut), (self._second, None)):
            if net and net.cut(cut or 0, len(buf)) and net is not self._net:
                net.halves.leave()
        halves = self._net.halves
        if not halves:  # a fallback of one layer
            self.latency = 0
            return (self._net.run, buf, buf)
        halves.join()
        self.latency = len(buf)
        return (halves.run, buf, None)

    def release(self):
        """Out of the rig: the second core is free for others. natives() takes it again."""
        self._buf = None
        for net in (self._first, self._second):
            if net and net.halves:
                net.halves.leave()

    def lighter(self, on):
        """Let the fallback play, or the model itself again; False where there is none."""
        if not self._second:
            return False
        net = self._second if on else self._first
        if net is not self._net:
            self._net, self._buf = net, None
            if self._resampled:
                self.attach(int(self.state[0]))
            self.reset()
        return True

    def reset(self):
        """Forget the past: the state after `prewarm` frames of silence."""
        if self._resampled:
            self._resampled.reset()
        for gain in self._gains:
            gain.reset()
        self._now[:] = self.state[1:-1]
        self._net.reset(self._now)


def _set_knobs(net, values):
    net.model.knobs(values)  # of the model it has now: a hanging second core costs it one


def _sections(blob):
    """{tag: bytes} of a checked file (models/SPEC.md)."""
    count, table = unpack_from("<H", blob, _COUNT)[0], unpack_from("<I", blob, _TABLE)[0]
    found = {}
    for at in range(count):
        tag, _, start, size = unpack_from("<4sIII", blob, table + 16 * at)
        found[bytes(tag)] = memoryview(blob)[start : start + size]
    return found


def _sized(path, blob, size):
    """The net of a file, or for "lite" the smaller one in its section LITE, used where it lies and checked in turn."""
    if size in (None, "full"):
        return _Net(path, blob)
    if size != "lite":
        raise ValueError(f"{path}: size={size!r}; expected 'full' or 'lite'")
    try:
        pedal_nn.arena_size(blob)  # checks the file, its section table too
    except ValueError as error:
        raise ValueError(f"{path}: {error}")  # noqa: B904 - MicroPython has no chaining
    inner = _sections(blob).get(b"LITE")
    if inner is None:
        raise ValueError(
            f"{path}: holds no smaller model; expected a section LITE for size or fallback 'lite'"
        )
    net = _Net(f"{path}, section LITE", inner)
    if b"LITE" in _sections(inner):
        raise ValueError(f"{path}, section LITE: holds another; expected one at most")
    return net


def _knobs(blob):
    """(name, default, low, high) of each knob, names in small letters with _ for what is no letter."""
    data = _sections(blob).get(b"KNOB", b"")
    found = []
    for at in range(0, len(data), _KNOB):
        title = bytes(data[at : at + 24]).split(b"\0")[0].decode().lower()
        name = "".join(c if c.isalpha() or c.isdigit() else "_" for c in title)
        low, high, default = unpack_from("<fff", data, at + 32)
        found.append((name or f"knob{len(found) + 1}", default, low, high))
    return tuple(found)


def _level(path, blob, level):
    """The gains before and after the net, or none."""
    if level not in (None, "calibrated", "normalized", "raw"):
        raise ValueError(f"level={level!r}; expected 'calibrated', 'normalized' or 'raw'")
    data = _sections(blob).get(b"LEVL")
    loudness, into, out = unpack_from("<fff", data, 8) if data else (_NAN, _NAN, _NAN)
    if level == "normalized":
        if loudness != loudness:
            raise ValueError(f"{path}: tells no loudness; expected one for level='normalized'")
        return _gains(0.0, _NORMAL_DB - loudness)
    board_in, board_out = (
        getattr(board, "FULL_SCALE_IN_DBU", None),
        getattr(board, "FULL_SCALE_OUT_DBU", None),
    )
    known = into == into and out == out and board_in is not None and board_out is not None
    if level == "calibrated" and not known:
        text = "{}: level='calibrated' needs dBu at full scale; the file has {} in, {} out, the board {} and {}"
        raise ValueError(text.format(path, into, out, board_in, board_out))
    if level == "raw" or not known:
        return ()
    return _gains(board_in - into, out - board_out)


def _gains(before_db, after_db):
    from pedal.effects.gain import Gain  # only here: an import takes a million instructions

    return Gain(db=before_db), Gain(db=after_db)


def _advice(pair, rate_hz):
    if pair:
        return "Neural(..., resample=True) converts on the pedal"
    text = "the pedal converts only between 44100 and 48000 Hz; on the host, "
    return text + f"`upedal convert --rate-hz {rate_hz}` makes the net over where that is exact"
