"""What the float layers do with calibration audio: peaks, and inputs of the rows at some frames."""

from dataclasses import dataclass, field, replace

import numpy as np

from . import layers as L
from . import reference

FRAMES = 1 << 14  # kept of each signal
_LANES = 32  # recurrent layers run the signal in so many pieces at a time


@dataclass
class Seen:
    """Of one layer. Peaks are of magnitudes, [channels] or [rows]."""

    out: np.ndarray  # peak of what it writes
    z: np.ndarray | None = None  # conv: peak of the sums
    f: np.ndarray | None = None  # conv: peak of the activation's results
    g: np.ndarray | None = None  # conv: of the gate activation's
    inner: np.ndarray | None = None  # conv with plus: peak ahead of it
    columns: dict = field(default_factory=dict)  # matrix -> its real inputs [cols][frames]
    peaks: dict = field(default_factory=dict)  # recurrent: name -> peak


def observe(layers, inputs):
    """[Seen] of layers for inputs [1 + knobs][n]."""
    at = np.random.default_rng(0).integers(0, inputs.shape[1], min(FRAMES, inputs.shape[1]))
    inputs, found = np.asarray(inputs, np.float64), []
    slots = {0: inputs}
    for layer in layers:
        see = {L.Conv1d: _conv, L.Gru: _gru, L.Lstm: _lstm}.get(type(layer), _other)
        y, seen = see(layer, slots, at)
        slots[layer.dst] = y
        found.append(seen)
    return found


def peak(x):
    return np.abs(x).max(1)


def _other(layer, slots, at):
    y = reference.run(layer, slots)
    return y, Seen(peak(y))


def _conv(layer, slots, at):
    x, side = slots[layer.src], None if layer.side is None else slots[layer.side]
    z = reference.conv1d(replace(layer, activation="linear", gate="none", plus=None), x, side, None)
    f = reference.activate(layer.activation, z[: layer.out])
    y, g = f, None
    if layer.gate != "none":
        g = reference.activate(layer.gate_activation, z[layer.out :])
        y = f * g if layer.gate == "gated" else g * f + (1 - g) * z[: layer.out]
    seen = Seen(None, peak(z), peak(f), None if g is None else peak(g), peak(y))
    seen.columns["all"] = _columns(layer, x, side, at)
    if layer.plus is not None:
        y = y + slots[layer.plus]
    seen.out = peak(y)
    return y, seen


def _columns(layer, x, side, at):
    taps, parts = layer.weight.shape[2], []
    for k in range(taps):
        then = at - (taps - 1 - k) * layer.dilation
        parts.append(np.where(then >= 0, x[:, np.maximum(then, 0)], 0.0))
    return np.concatenate(parts + ([] if side is None else [side[:, at]]))


def _lanes(x):
    """[in][n] -> [steps][in][lanes], the last lane filled with zeros."""
    steps = -(-x.shape[1] // _LANES)
    padded = np.zeros((x.shape[0], steps * _LANES))
    padded[:, : x.shape[1]] = x
    return padded.reshape(x.shape[0], _LANES, steps).transpose(2, 0, 1)


def _joined(lanes, n):
    """[steps][channels][lanes] -> [channels][n]"""
    return np.ascontiguousarray(lanes.transpose(1, 2, 0)).reshape(lanes.shape[1], -1)[:, :n]


def _delayed(h):
    """A lane's state ahead of each step, from the states after it (the first ones are taken as zeros)."""
    return np.concatenate([np.zeros_like(h[:1]), h[:-1]])


def _gru(layer, slots, at):
    w_ih, w_hh, b_ih, b_hh = (np.asarray(a, np.float64) for a in (layer.w_ih, layer.w_hh, layer.b_ih, layer.b_hh))
    x = _lanes(slots[layer.src])
    hidden, n = w_hh.shape[1], slots[layer.src].shape[1]
    h, y = np.zeros((hidden, _LANES)), np.empty((len(x), hidden, _LANES))
    peaks = {"rz": 0.0, "n": 0.0, "terms": 0.0}  # n: of the sum that tanh takes, terms: of its two parts
    for t, now in enumerate(x):
        a, b = w_ih @ now + b_ih[:, None], w_hh @ h + b_hh[:, None]
        s = a[: 2 * hidden] + b[: 2 * hidden]
        r, z = np.split(reference.sigmoid(s), 2)
        a, b = a[2 * hidden :], b[2 * hidden :]
        total = a + r * b
        peaks["rz"] = max(peaks["rz"], np.abs(s).max())
        peaks["n"] = max(peaks["n"], np.abs(total).max())
        peaks["terms"] = max(peaks["terms"], np.abs(a).max(), np.abs(b).max())
        h = y[t] = (1 - z) * np.tanh(total) + z * h
    out, before = _joined(y, n), _joined(_delayed(y), n)[:, at]
    now = slots[layer.src][:, at]
    columns = {"rz": np.concatenate([now, before]), "n_in": now, "n_h": before}
    return out, Seen(peak(out), columns=columns, peaks=peaks)


def _lstm(layer, slots, at):
    w_ih, w_hh, bias = (np.asarray(a, np.float64) for a in (layer.w_ih, layer.w_hh, layer.bias))
    x = _lanes(slots[layer.src])
    hidden, n = w_hh.shape[1], slots[layer.src].shape[1]
    h, c = (
        np.repeat(np.zeros((hidden, 1)) if v is None else np.asarray(v, np.float64).reshape(-1, 1), _LANES, axis=1)
        for v in (layer.h, layer.c)
    )
    y, peaks = np.empty((len(x), hidden, _LANES)), {"ifo": 0.0, "g": 0.0, "c": np.abs(c).max()}
    for t, now in enumerate(x):
        z = w_ih @ now + w_hh @ h + bias[:, None]
        i, f, g, o = np.split(z, 4)
        peaks["ifo"] = max(peaks["ifo"], *(np.abs(v).max() for v in (i, f, o)))
        peaks["g"] = max(peaks["g"], np.abs(g).max())
        c = reference.sigmoid(f) * c + reference.sigmoid(i) * np.tanh(g)
        peaks["c"] = max(peaks["c"], np.abs(c).max())
        h = y[t] = reference.sigmoid(o) * np.tanh(c)
    out, before = _joined(y, n), _joined(_delayed(y), n)[:, at]
    columns = {"all": np.concatenate([slots[layer.src][:, at], before])}
    return out, Seen(peak(out), columns=columns, peaks=peaks)
