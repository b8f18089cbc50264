"""Recurrent nets as GuitarML, NeuralSeed and AIDA-X files hold them: GRU or LSTM layers and a linear one
behind, perhaps with the audio added to the output; and other models taken apart to that form.

A net's first input is the audio, the others are knobs, which these formats give no names and 0 to 1.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import layers as L
from ..errors import UpedalError
from . import checked

WIDEST = 256  # channels a layer of a .upm may have
MOST_INPUTS = 8
GATES = {"GRU": 3, "LSTM": 4}
DEFAULT_RATE_HZ = 44100


# ---- reading -------------------------------------------------------------------------------------


def matrix(value, shape, where):
    """checked.array, and where lists are nested, they must be nested as the shape says."""
    level, rest = value, shape
    while isinstance(level, list) and level and isinstance(level[0], list) and len(rest) > 1:
        if len(level) != rest[0]:
            wanted = " x ".join(map(str, shape))
            raise UpedalError(f"{where}: {len(level)} lists in a list; expected {wanted} numbers")
        level, rest = level[0], rest[1:]
    return checked.array(value, shape, where)


def cell(kind, w_ih, w_hh, b_ih, b_hh):
    """A layer in PyTorch's row order; kind "GRU" or "LSTM". w_ih [G*H][in], w_hh [G*H][H], b [G*H]."""
    if kind == "GRU":
        return L.Gru(w_ih, w_hh, b_ih, b_hh)
    return L.Lstm(w_ih, w_hh, (b_ih.astype(np.float64) + b_hh).astype(np.float32))


def swap_gates(a):
    """Exchanges the first two of a GRU's three blocks along the first axis: reset, update <-> update, reset."""
    hidden = len(a) // 3
    return np.concatenate([a[hidden : 2 * hidden], a[:hidden], a[2 * hidden :]])


def chain(parts, src=0, slots=(1, 2)):
    """Layers, each reading what the one before wrote, over two slots in turn; the layers, placed."""
    placed = []
    for k, layer in enumerate(parts):
        placed.append(replace(layer, src=src, dst=slots[k % 2]))
        src = slots[k % 2]
    return placed


def knobs(count):
    """Knobs of a file that does not name them."""
    return [(f"knob{k + 1}", "", 0.0, 1.0, 0.5) for k in range(count)]


_RATE = re.compile(r"(?<![0-9])(44[._]?1|48|88[._]?2|96) ?k(?:hz)?(?![a-z])", re.IGNORECASE)
_RATES = {"44": 44100, "48": 48000, "88": 88200, "96": 96000}


def rate_of(name, default, warn):
    """Sample rate in Hz of a file that holds none: from its name ("48k"), else the default."""
    found = _RATE.search(Path(name).stem)
    rate = _RATES[found.group(1)[:2]] if found else default
    warn(f"{name}: the format holds no sample rate; {rate} Hz {'from its name' if found else 'assumed'}")
    return rate


def title(name):
    """Meta of a file without any: its name."""
    return {"name": Path(name).stem[:200].encode("utf-8", "replace").decode()}


# ---- writing -------------------------------------------------------------------------------------


@dataclass
class Parts:
    """A model as out_gain * (body(in_gain * audio, knobs) + in_gain * audio where skip)."""

    body: list  # layers, each reading the one before
    skip: bool = False
    in_gain: float = 1.0
    out_gain: float = 1.0


def is_dense(layer):
    """A layer of one tap that only multiplies and adds."""
    return (
        isinstance(layer, L.Conv1d)
        and layer.weight.shape[2] == 1
        and (layer.activation.kind, layer.gate, layer.side) == ("linear", "none", None)
    )


def _gain(layer):
    """The factor by which a layer scales its first channel, doing nothing else; None where it does more."""
    if not is_dense(layer) or layer.plus is not None or np.any(layer.bias):
        return None
    weight = np.asarray(layer.weight, np.float64)[:, :, 0]
    only = np.diag(np.concatenate([weight[0, :1], np.ones(len(weight) - 1)]))
    return float(weight[0, 0]) if np.array_equal(weight, only) else None


def kind_of(layer):
    """A layer's kind, in words."""
    if isinstance(layer, L.Conv1d):
        kind = "dense" if layer.weight.shape[2] == 1 else "conv1d"
        return kind if layer.gate == "none" else f"{layer.gate} {kind}"
    return type(layer).__name__.lower()


def _take_skip(body, audio):
    """(body without the addition of the audio, whether there was one)."""
    last = body[-1]
    if len(body) > 1 and isinstance(last, L.Add) and {last.src, last.src2} == {body[-2].dst, audio}:
        return body[:-1], True
    if getattr(last, "plus", None) == audio and last.out == 1:
        return body[:-1] + [replace(last, plus=None)], True
    return body, False


def _check_chain(body, audio, skip, where, target):
    now = audio
    for k, layer in enumerate(body):
        extra = isinstance(layer, (L.Add, L.Film)) or layer.src != now
        extra |= getattr(layer, "side", None) is not None or getattr(layer, "plus", None) is not None
        if extra or (skip and layer.dst == audio):
            text = f"its {kind_of(layer)} (layer {k + 1} of {len(body)}) is not one of a plain chain"
            raise UpedalError(f"{where}: {target} cannot hold this model: {text}")
        now = layer.dst


def take_apart(model, where, target):
    """Parts of a model that is a chain of layers, with or without skip and gains; else UpedalError."""
    body, audio, in_gain, out_gain = list(model.layers), 0, 1.0, 1.0
    gain = _gain(body[0])
    if len(body) > 1 and gain is not None and body[0].src == 0:
        in_gain, audio, body = gain, body[0].dst, body[1:]
    gain = _gain(body[-1])
    if len(body) > 1 and gain is not None and body[-1].src == body[-2].dst and body[-1].out == 1:
        out_gain, body = gain, body[:-1]
    body, skip = _take_skip(body, audio)
    _check_chain(body, audio, skip, where, target)
    return Parts(body, skip, in_gain, out_gain)


def scale_inputs(layer, scale, offset):
    """The layer as it must be when its inputs x are given as u, x = scale * u + offset, each [inputs]."""
    name = "weight" if isinstance(layer, L.Conv1d) else "w_ih"
    bias = {L.Conv1d: "bias", L.Gru: "b_ih", L.Lstm: "bias"}[type(layer)]
    weight = np.asarray(getattr(layer, name), np.float64)
    columns = weight.sum(axis=2) if name == "weight" else weight
    scaled = weight * np.reshape(scale, (1, -1) + (1,) * (weight.ndim - 2))
    moved = np.asarray(getattr(layer, bias), np.float64) + columns @ offset
    return replace(layer, **{name: scaled.astype(np.float32), bias: moved.astype(np.float32)})


def fold_knobs(parts, knobs, warn, where):
    """Knobs' ranges, where not 0 to 1, into the first layer's weights."""
    if all((k[2], k[3]) == (0.0, 1.0) for k in knobs):
        return
    for name, unit, low, high, _ in knobs:
        if (low, high) != (0.0, 1.0):
            warn(f"{where}: knob {name!r}, {low:g} to {high:g} {unit}".rstrip() + ", becomes 0 to 1")
    low = np.array([0.0] + [k[2] for k in knobs])
    scale = np.array([1.0] + [k[3] - k[2] for k in knobs])
    parts.body[0] = scale_inputs(parts.body[0], scale, low)


def fold_gains(parts, where, target):
    """Gains into the first and last layer's weights. UpedalError where a skip goes round them."""
    if parts.in_gain == parts.out_gain == 1:
        return
    product, body = parts.in_gain * parts.out_gain, parts.body
    if parts.skip and abs(product - 1) > 1e-6:
        text = f"the audio is added to the output with a gain of {product:g}; expected 1"
        raise UpedalError(f"{where}: {target} cannot hold this model: {text}")
    inputs = body[0].weight.shape[1] if isinstance(body[0], L.Conv1d) else body[0].w_ih.shape[1]
    scale = np.ones(inputs)
    scale[0] = parts.in_gain
    body[0] = scale_inputs(body[0], scale, np.zeros(inputs))
    last, gain = body[-1], np.float64(parts.out_gain)
    body[-1] = replace(
        last, weight=(last.weight * gain).astype(np.float32), bias=(last.bias * gain).astype(np.float32)
    )
    parts.in_gain = parts.out_gain = 1.0


def stack_of(body):
    """(cells, dense) of a body that is GRU or LSTM layers of one kind and width and a linear layer to one
    channel; else None."""
    *cells, dense = body
    kinds = {(type(c), c.w_hh.shape[1]) for c in cells if isinstance(c, (L.Gru, L.Lstm))}
    recurrent = cells and len(kinds) == 1 and all(isinstance(c, (L.Gru, L.Lstm)) for c in cells)
    return (cells, dense) if recurrent and is_dense(dense) and dense.out == 1 else None


def biases(layer):
    """(b_ih, b_hh) of a cell; an LSTM's single bias is on the input's side."""
    return (layer.b_ih, layer.b_hh) if isinstance(layer, L.Gru) else (layer.bias, np.zeros_like(layer.bias))


def warn_of_losses(model, held, warn, where, target):
    """Says by name what the format has no field for; held: the keys of meta that it does have."""
    lost = [k for k in sorted(model.meta) if k not in held]
    if lost:
        warn(f"{where}: {target} has no field for: {', '.join(lost)}")
    if model.knobs:
        names = ", ".join(k[0] for k in model.knobs)
        warn(f"{where}: {target} has no knob names and defaults; lost: {names}")
    for layer in model.layers:
        if isinstance(layer, L.Lstm) and any(s is not None and np.any(s) for s in (layer.h, layer.c)):
            warn(f"{where}: {target} starts an LSTM from zeros: the initial state is lost, the first moments differ")
            break


def numbers(a):
    """Nested lists of an array's float32 values, exactly."""
    return np.asarray(a, np.float32).astype(float).tolist()
