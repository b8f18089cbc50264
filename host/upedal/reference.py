"""Every layer in numpy, float64, straight from models/SPEC.md: slow, obvious, the judge in tests."""

import numpy as np

from . import layers as L


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rational_tanh(x):
    a = np.abs(x)
    p = x * (2.45550750702956 + 2.45550750702956 * a + (0.893229853513558 + 0.821226666969744 * a) * x * x)
    return p / (2.44506634652299 + (2.44506634652299 + x * x) * np.abs(x + 0.814642734961073 * x * a))


def leaky_hard_tanh(x, low, high, below, above):
    return np.where(x < low, (x - low) * below + low, np.where(x > high, (x - high) * above + high, x))


def activate(activation, y):
    """y [channels][n] through an Act or a name."""
    a = L.act(activation)
    par, slopes = a.par, a.slopes
    return {
        "linear": lambda v: v,
        "tanh": np.tanh,
        "sigmoid": sigmoid,
        "softsign": lambda v: v / (1 + np.abs(v)),
        "relu": lambda v: np.maximum(v, 0),
        "leaky_relu": lambda v: np.where(v > 0, v, par[0] * v),
        "prelu": lambda v: np.where(v > 0, v, np.asarray(slopes, np.float64)[:, None] * v),
        "hard_tanh": lambda v: np.clip(v, -1, 1),
        "leaky_hard_tanh": lambda v: leaky_hard_tanh(v, *par),
        "silu": lambda v: v * sigmoid(v),
        "hard_swish": lambda v: v * np.clip(v + 3, 0, 6) / 6,
        "rational_tanh": rational_tanh,
        "elu": lambda v: np.where(v > 0, v, par[0] * (np.exp(np.minimum(v, 0)) - 1)),
    }[a.kind](y)


def conv1d(layer, x, side, plus):
    weight = np.asarray(layer.weight, np.float64)
    out, _, taps = weight.shape
    n = x.shape[1]
    z = np.zeros((out, n)) + np.asarray(layer.bias, np.float64)[:, None]
    for k in range(taps):
        delay = min((taps - 1 - k) * layer.dilation, n)
        z[:, delay:] += weight[:, :, k] @ x[:, : n - delay]
    if side is not None:
        z += np.asarray(layer.side_weight, np.float64) @ side
    y = gate(layer, z)
    return y if plus is None else y + plus


def gate(layer, z):
    if layer.gate == "none":
        return activate(layer.activation, z)
    top, bottom = z[: layer.out], z[layer.out :]
    f, w = activate(layer.activation, top), activate(layer.gate_activation, bottom)
    return f * w if layer.gate == "gated" else w * f + (1 - w) * top


def gru(layer, x):
    w_ih, w_hh, b_ih, b_hh = (
        np.asarray(a, np.float64) for a in (layer.w_ih, layer.w_hh, layer.b_ih, layer.b_hh)
    )
    hidden = w_hh.shape[1]
    h, y = np.zeros(hidden), np.zeros((hidden, x.shape[1]))
    for t in range(x.shape[1]):
        a, b = w_ih @ x[:, t] + b_ih, w_hh @ h + b_hh
        r, z = np.split(sigmoid(a[: 2 * hidden] + b[: 2 * hidden]), 2)
        n = np.tanh(a[2 * hidden :] + r * b[2 * hidden :])
        h = y[:, t] = (1 - z) * n + z * h
    return y


def lstm(layer, x):
    w_ih, w_hh, bias = (np.asarray(a, np.float64) for a in (layer.w_ih, layer.w_hh, layer.bias))
    hidden = w_hh.shape[1]
    h, c = (np.zeros(hidden) if v is None else np.asarray(v, np.float64) for v in (layer.h, layer.c))
    y = np.zeros((hidden, x.shape[1]))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(w_ih @ x[:, t] + w_hh @ h + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = y[:, t] = sigmoid(o) * np.tanh(c)
    return y


def film(x, other):
    scale, shift = other[: len(x)], other[len(x) :]
    return scale * x + (shift if len(shift) else 0)


def emphasis(layer, x):
    return x - layer.coef * np.concatenate([np.zeros((len(x), 1)), x[:, :-1]], axis=1)


def deemphasis(layer, x):
    y = x.copy()
    for t in range(1, x.shape[1]):
        y[:, t] += layer.coef * y[:, t - 1]
    return y


def run(layer, slots):
    """What one layer writes, from the slots as they are."""
    x = slots[layer.src]
    if isinstance(layer, L.Conv1d):
        side = None if layer.side is None else slots[layer.side]
        return conv1d(layer, x, side, None if layer.plus is None else slots[layer.plus])
    if isinstance(layer, L.Add):
        return x + slots[layer.src2][: len(x)]
    if isinstance(layer, L.Film):
        return film(x, slots[layer.src2])
    if isinstance(layer, L.Activation):
        return activate(layer.activation, x)
    return {L.Gru: gru, L.Lstm: lstm, L.Emphasis: emphasis, L.Deemphasis: deemphasis}[type(layer)](layer, x)


def render(model, x, knobs=None, prewarm=0):
    """Output [n] of a layers.Model for audio x [n], from silence of `prewarm` frames, the knobs held still."""
    values = [k[4] for k in model.knobs] if knobs is None else knobs
    audio = np.concatenate([np.zeros(prewarm), np.asarray(x, np.float64)])
    slots = {0: np.stack([audio] + [np.full(len(audio), float(v)) for v in values])}
    for layer in model.layers:
        slots[layer.dst] = run(layer, slots)
    return slots[model.layers[-1].dst][0][prewarm:]
