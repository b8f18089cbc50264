"""A trained net from a .upm file."""

from array import array

import pedal_nn

from pedal import store

_SILENCE = 64  # frames a call while prewarming


class Neural:
    atomic = True

    def __init__(self, path, *, knobs=None):
        """path: a .upm, looked for as store.find() says; knobs: one value for each of the model's,
        in the file's units, or None for the file's defaults."""
        self.path = path
        self._blob = store.load(path)
        try:
            self._arena = store.aligned(pedal_nn.arena_size(self._blob))
            self._model = pedal_nn.Model(self._blob, self._arena)
        except ValueError as error:
            raise ValueError(f"{path}: {error}")
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
        if rate_hz != self.rate_hz:
            text = "{}: the model is for {} Hz, the rig runs at {} Hz"
            raise ValueError(text.format(self.path, self.rate_hz, rate_hz))

    def process(self, buf):
        self._run(buf, buf)

    def native(self, buf):
        return self._run, buf, buf

    def reset(self):
        """Forget the past: the state after `prewarm` frames of silence."""
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
