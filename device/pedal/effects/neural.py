"""A trained net from a .upm file."""

from array import array

import pedal_fx
import pedal_nn

from pedal import store

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


class Neural:
    atomic = True

    def __init__(self, path, *, knobs=None, resample=False):
        """path: a .upm, looked for as store.find() says; knobs: one value for each of the model's,
        in the file's units, or None for the file's defaults; resample: where the rig runs at 44100
        and the model at 48000 Hz, or the reverse, convert there and back (55 kB of memory)."""
        self.path = path
        self.resample = resample
        self.latency = 0  # frames of the rig that resampling adds
        self._resampled = None
        self._blob = store.load(path)
        try:
            self._arena = store.aligned(pedal_nn.arena_size(self._blob))
            self._model = pedal_nn.Model(self._blob, self._arena)
        except ValueError as error:
            raise ValueError(f"{path}: {error}")  # noqa: B904 - MicroPython has no chaining
        about = pedal_nn.info(self._blob)
        self.rate_hz = about[0]
        self.prewarm = about[1]  # frames
        self._run = self._model.process
        self._knobs = None
        if knobs is not None:
            self.knobs = knobs
        self.reset()

    @property
    def knobs(self):
        return self._knobs

    @knobs.setter
    def knobs(self, values):
        values = array("f", values)
        self._model.knobs(values)
        self._knobs = values

    def attach(self, rate_hz):
        self._resampled = None
        self.latency = 0
        if rate_hz == self.rate_hz:
            return
        pair = rate_hz in _PAIR and self.rate_hz in _PAIR
        if not (pair and self.resample):
            text = "{}: the model is for {} Hz, the rig runs at {} Hz; {}"
            raise ValueError(text.format(self.path, self.rate_hz, rate_hz, _advice(pair, rate_hz)))
        self._resampled = _Resampled(self._run, rate_hz, self.rate_hz)
        self.latency = self._resampled.latency

    def process(self, buf):
        if self._resampled:
            self._resampled.process(buf)
        else:
            self._run(buf, buf)

    def native(self, buf):
        if self._resampled:
            self._resampled.fit(len(buf))
            return self._resampled.process, buf, None
        return self._run, buf, buf

    def reset(self):
        """Forget the past: the state after `prewarm` frames of silence."""
        if self._resampled:
            self._resampled.reset()
        self._model.reset()
        if self._knobs:
            self._model.knobs(self._knobs)
        out = array("f", [0.0] * _SILENCE)
        silence = memoryview(array("f", [0.0] * _SILENCE))
        left = self.prewarm
        while left > 0:
            n = min(left, _SILENCE)
            self._run(silence[:n], memoryview(out)[:n])
            left -= n


def _advice(pair, rate_hz):
    if pair:
        return "Neural(..., resample=True) converts on the pedal"
    text = "the pedal converts only between 44100 and 48000 Hz; on the host, "
    return text + f"`upedal convert --rate-hz {rate_hz}` makes the net over where that is exact"
