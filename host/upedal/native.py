"""The C core on the desktop: importing this module makes `pedal_nn` and `pedal_fx` importable, as
they are on a pedal, and offers them with numpy in, numpy out."""

import sys

import numpy as np

from .errors import UpedalError

try:
    from . import (
        _native_v3 as _native,  # AVX2 and FMA: fast, and bit-identical to a Cortex-M with FPU
    )
except ImportError:
    try:
        from . import _native
    except ImportError as e:
        raise UpedalError(f"the C extension is not built ({e}); run: pip install -e .") from None

pedal_nn = sys.modules["pedal_nn"] = _native.pedal_nn
pedal_fx = sys.modules["pedal_fx"] = _native.pedal_fx
EXACT = _native.exact  # fused multiply-add: the same bits as a Cortex-M with FPU


class Net:
    """A running model. blob: bytes of a .upm; knobs: one value a knob, or None for the defaults."""

    def __init__(self, blob, *, knobs=None, prewarm=None):
        self._blob = bytes(blob)
        try:
            self._arena = bytearray(pedal_nn.arena_size(self._blob))
            self._model = pedal_nn.Model(self._blob, self._arena)
            self.rate_hz, self.prewarm_frames, self.inputs = pedal_nn.info(self._blob)[:3]
            if knobs is not None:
                self._model.knobs(np.asarray(knobs, np.float32))
        except ValueError as e:
            raise UpedalError(str(e)) from None
        silence = np.zeros(self.prewarm_frames if prewarm is None else prewarm, np.float32)
        self._model.process(silence, silence)

    @property
    def arena_bytes(self):
        return len(self._arena)

    def process(self, x):
        """x [n] float32, full scale 1.0 -> output [n] float32; the state goes on from call to call."""
        x = np.ascontiguousarray(x, np.float32)
        y = np.empty_like(x)
        self._model.process(x, y)
        return y


def render(blob, x, *, knobs=None, prewarm=None, block=None):
    """One signal through a fresh model; block: frames a call (any value gives the same bits)."""
    net = Net(blob, knobs=knobs, prewarm=prewarm)
    if not block:
        return net.process(x)
    parts = [net.process(x[at : at + block]) for at in range(0, len(x), block)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
