"""Every layer in numpy, float64, straight from models/SPEC.md: slow, obvious, the judge in tests."""

import numpy as np

from . import layers as L


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def activate(name, y):
    """y [channels][n]; "gated" halves the channels."""
    if name == "gated":
        half = len(y) // 2
        return np.tanh(y[:half]) * sigmoid(y[half:])
    return {
        "linear": lambda v: v,
        "tanh": np.tanh,
        "softsign": lambda v: v / (1 + np.abs(v)),
        "relu": lambda v: np.maximum(v, 0),
        "sigmoid": sigmoid,
    }[name](y)


def conv1d(layer, x):
    weight = np.asarray(layer.weight, np.float64)
    out, _, taps = weight.shape
    n = x.shape[1]
    y = np.zeros((out, n)) + np.asarray(layer.bias, np.float64)[:, None]
    for k in range(taps):
        delay = (taps - 1 - k) * layer.dilation
        late = np.concatenate([np.zeros((len(x), min(delay, n))), x[:, : max(n - delay, 0)]], axis=1)
        y += weight[:, :, k] @ late
    return activate(layer.activation, y)


def dense(layer, x):
    return activate(layer.activation, layer.weight.astype(np.float64) @ x + layer.bias[:, None])


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


def emphasis(layer, x):
    return x - layer.coef * np.concatenate([np.zeros((len(x), 1)), x[:, :-1]], axis=1)


def deemphasis(layer, x):
    y = x.copy()
    for t in range(1, x.shape[1]):
        y[:, t] += layer.coef * y[:, t - 1]
    return y


def render(model, x, knobs=None):
    """Output [n] of a layers.Model for audio x [n], from silence, the knobs held still."""
    values = [k[4] for k in model.knobs] if knobs is None else knobs
    slots = {0: np.stack([np.asarray(x, np.float64)] + [np.full(len(x), float(v)) for v in values])}
    run = {L.Conv1d: conv1d, L.Dense: dense, L.Gru: gru, L.Emphasis: emphasis, L.Deemphasis: deemphasis}
    for layer in model.layers:
        if isinstance(layer, L.Add):
            a = slots[layer.src]
            slots[layer.dst] = a + slots[layer.src2][: len(a)]
        else:
            slots[layer.dst] = run[type(layer)](layer, slots[layer.src])
    return slots[model.layers[-1].dst][0]
