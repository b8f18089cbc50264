"""When a model's sample rate is not the one wanted: what can be done, and doing it."""

import copy

import numpy as np

from . import layers as L
from .errors import UpedalError

PEDAL_PAIR = (44100, 48000)  # Hz, between which the pedal converts: Neural(..., resample=True)
LOWEST_HZ, HIGHEST_HZ = 8000, 384000
_LONGEST = 65535  # frames of a dilation: 16 bits in the file
_TIED = {
    L.Gru: "a GRU",
    L.Lstm: "an LSTM",
    L.Emphasis: "an emphasis filter",
    L.Deemphasis: "a de-emphasis filter",
}


def advice(model, rate_hz):
    """What can be done to use `model` at rate_hz: texts, the best first; none where the rates agree."""
    if model.rate_hz == rate_hz:
        return []
    why_not = _obstacle(model, rate_hz)
    ways = (
        [] if why_not else [f"`upedal convert --rate-hz {rate_hz}` scales its dilations, exactly"]
    )
    if model.rate_hz in PEDAL_PAIR and rate_hz in PEDAL_PAIR:
        ways.append(f"on the pedal, Neural(..., resample=True) in a rig at {rate_hz} Hz")
    ways.append(
        f"`upedal render --resample`, which converts a recording to {model.rate_hz} Hz and back"
    )
    if why_not:
        ways.append(
            f"not possible: the same net at {rate_hz} Hz, as {why_not}; train it at that rate"
        )
    return ways


def _obstacle(model, rate_hz):
    """Why the dilations cannot be scaled to rate_hz; None where they can."""
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        return f"{rate_hz} Hz is not {LOWEST_HZ} to {HIGHEST_HZ} Hz"
    for layer in model.layers:
        if type(layer) in _TIED:
            return f"{_TIED[type(layer)]} remembers by frames of {model.rate_hz} Hz"
    factor, rest = divmod(rate_hz, model.rate_hz)
    if rest:
        return f"{rate_hz} Hz is not a multiple of {model.rate_hz} Hz"
    longest = max((x.dilation for x in model.layers if _looks_back(x)), default=0) * factor
    if longest > _LONGEST:
        return f"a dilation would be {longest} frames, more than {_LONGEST}"
    return None


def _looks_back(layer):
    return isinstance(layer, L.Conv1d) and layer.weight.shape[2] > 1


def scale(model, rate_hz):
    """The same net for rate_hz, a multiple of the model's rate: -> a new L.Model.

    Every dilation times the ratio: each of its frames then meets those that lay as long before it
    as in the original. The linear response is the same up to the original's half rate, and repeats
    above. UpedalError for nets with other memory than convolutions.
    """
    why_not = _obstacle(model, rate_hz)
    if why_not:
        raise UpedalError(f"the model is for {model.rate_hz} Hz, wanted {rate_hz} Hz: {why_not}")
    factor = rate_hz // model.rate_hz
    scaled = copy.copy(model)
    scaled.layers = [copy.copy(layer) for layer in model.layers]
    for layer in filter(_looks_back, scaled.layers):
        layer.dilation *= factor
    scaled.rate_hz = rate_hz
    scaled.prewarm = model.prewarm * factor
    scaled.latency = model.latency * factor
    scaled.meta = dict(model.meta)
    _check(scaled)
    return scaled


def _check(model):
    """The limits of the format and of the reader: history, memory, prewarm."""
    from . import native, upm

    native.Net(upm.dumps(model), prewarm=0)


def resample(x, from_hz, to_hz):
    """x [n] at from_hz -> [round(n to / from)] float32 at to_hz, no delay: soxr, its best quality."""
    x = np.ascontiguousarray(x, np.float32)
    for rate_hz in (from_hz, to_hz):
        if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise UpedalError(f"{rate_hz} Hz; expected {LOWEST_HZ} to {HIGHEST_HZ} Hz")
    if from_hz == to_hz or not len(x):
        return x
    import soxr

    if not np.isfinite(x).all():
        raise UpedalError("a sample is not finite, which would spread; expected finite ones")
    return soxr.resample(x, from_hz, to_hz, quality="VHQ")
