"""Models with knobs: their ranges into the weights, and how well they do at each setting."""

from dataclasses import replace

import numpy as np

from . import audio
from . import layers as L
from .convert.recurrent import scale_inputs
from .errors import UpedalError

_SETTLE_S = 0.25  # of silence with the knobs at their setting, before what counts


def fold(layers, knobs):
    """Layers that read knobs from 0 to 1 in slot 0 -> layers that read them in their units.

    knobs: list of captures.Knob. A knob u stands for (u - low) / (high - low): weights are divided by the range,
    and low goes into biases, so the pedal computes nothing more. A convolution of several taps that reads slot 0
    is exact once its history holds the knobs, which is what prewarming does.
    """
    scale = np.array([1.0] + [1.0 / (k.high - k.low) for k in knobs])
    offset = np.array([0.0] + [-k.low / (k.high - k.low) for k in knobs])
    made, fresh = [], True  # fresh: slot 0 still holds the input
    for layer in layers:
        if fresh and layer.src == 0 and isinstance(layer, (L.Conv1d, L.Gru, L.Lstm)):
            layer = scale_inputs(layer, scale, offset)
        if fresh and getattr(layer, "side", None) == 0:
            layer = _scale_side(layer, scale, offset)
        fresh = fresh and layer.dst != 0
        made.append(layer)
    return made


def _scale_side(layer, scale, offset):
    side = np.asarray(layer.side_weight, np.float64)
    bias = np.asarray(layer.bias, np.float64) + side @ offset
    return replace(
        layer, side_weight=(side * scale).astype(np.float32), bias=bias.astype(np.float32)
    )


def evaluate(model, captures):
    """[{"name", "knobs": [value in its unit], "esr", "held_out"}] of each capture.

    model: a net of nets.py (knobs from 0 to 1, as trained), a layers.Model, or the bytes of a .upm. Held-out
    captures are judged over their whole length, the others over their last tenth, which is not trained on.
    """
    play = _player(model, captures)
    found = []
    for c in captures.items:
        y = play(c)
        part = slice(None) if c.held_out else audio.split(len(c.dry), captures.rate_hz)[2]
        esr = audio.esr(c.wet[part], y[part])
        found.append({"name": c.name, "knobs": list(c.knobs), "esr": esr, "held_out": c.held_out})
    return found


def mean_esr(settings, held_out=True):
    """Mean ESR of evaluate()'s settings, of those held out or of the others; None where there are none."""
    esrs = [s["esr"] for s in settings if s["held_out"] == held_out]
    return float(np.mean(esrs)) if esrs else None


def _player(model, captures):
    """A function: Capture -> output, float32 [n]."""
    if hasattr(model, "export"):
        return lambda c: render(model, c.dry, captures.scaled(c), captures.rate_hz)
    from . import native, upm

    blob = model if isinstance(model, (bytes, bytearray)) else upm.dumps(model)
    inputs = native.pedal_nn.info(blob)[2]
    if inputs != 1 + len(captures.knobs):
        raise UpedalError(f"model: {inputs - 1} knobs; the captures have {len(captures.knobs)}")
    return lambda c: native.render(blob, c.dry, knobs=c.knobs or None)


def render(net, dry, scaled=(), rate_hz=48000):
    """A net's output for dry, float32 [n], its knobs held at `scaled` (0..1 each), after a moment of silence."""
    from .train_data import render as run

    settle = int(_SETTLE_S * rate_hz) if net.recurrent else net.receptive_field - 1
    padded = np.concatenate([np.zeros(settle, np.float32), np.asarray(dry, np.float32)])
    return run(net, padded, [float(v) for v in scaled])[settle:]
