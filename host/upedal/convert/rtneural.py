"""The layers of RTNeural's JSON: lists of {type, activation, shape, weights}, in Keras' orientation.

The activation of a recurrent layer is ignored, as RTNeural does: tanh and sigmoid inside, none behind.
"""

from dataclasses import replace

import numpy as np

from .. import layers as L
from .. import upm
from ..errors import UpedalError
from . import recurrent
from .checked import MOST_WEIGHTS, field, whole

MOST_LAYERS = 64
_ACTIVATIONS = {"": "linear", "linear": "linear", "tanh": "tanh", "relu": "relu", "sigmoid": "sigmoid",
                "elu": L.Act("elu", (1.0,))}  # fmt: skip


# ---- reading -------------------------------------------------------------------------------------


def read_layers(specs, inputs, name):
    """The layers of a file, not yet placed in slots; the last has one channel."""
    if not 1 <= len(specs) <= MOST_LAYERS:
        raise UpedalError(f"{name}: {len(specs)} layers; expected 1 to {MOST_LAYERS}")
    layers, wide = [], inputs
    for k, spec in enumerate(specs):
        wide = _Reader(spec, wide, f"{name}: layers[{k}]").into(layers)
        total = sum(map(upm.parameters, layers))
        if total > MOST_WEIGHTS:
            raise UpedalError(f"{name}: {total} weights up to layers[{k}]; expected at most {MOST_WEIGHTS}")
    if wide != 1:
        raise UpedalError(f"{name}: {wide} output channels; expected 1")
    if not layers:
        raise UpedalError(f"{name}: no layer that computes anything")
    return _without_silent_units(layers)


class _Reader:
    """One layer of a file, `wide` channels going in."""

    def __init__(self, spec, wide, where):
        kind = field(spec, "type", str, where)
        self.spec, self.wide, self.where = spec, wide, f"{where} ({kind[:40]})"
        self.add = {
            "lstm": self._lstm, "gru": self._gru, "dense": self._dense, "time-distributed-dense": self._dense,
            "conv1d": self._conv1d, "prelu": self._prelu, "batchnorm": self._batchnorm,
            "activation": self._activation,
        }.get(kind)  # fmt: skip
        if self.add is None:
            known = "dense, conv1d, gru, lstm, prelu, batchnorm, activation"
            raise UpedalError(f"{where}: type {kind[:40]!r} cannot be played; expected one of {known}")
        shape = field(spec, "shape", list, self.where)
        most = recurrent.WIDEST
        self.out = whole({"shape": shape[-1] if shape else None}, "shape", 1, most, self.where)
        self.weights = field(spec, "weights", list, self.where, [])

    def into(self, layers):
        """Adds it to the layers; its width."""
        self.add(layers)
        return self.out

    def _weight(self, k, *shape):
        if k >= len(self.weights):
            wanted = " x ".join(map(str, shape))
            raise UpedalError(f"{self.where}: no weights[{k}]; expected {wanted} numbers")
        return recurrent.matrix(self.weights[k], shape, f"{self.where}: weights[{k}]")

    def _act(self):
        kind = field(self.spec, "activation", str, self.where, "") or ""
        if kind not in _ACTIVATIONS:
            known = ", ".join(k for k in _ACTIVATIONS if k)
            raise UpedalError(f"{self.where}: activation {kind[:40]!r} cannot be played; expected {known} or none")
        return L.act(_ACTIVATIONS[kind])

    def _same_width(self):
        if self.out != self.wide:
            raise UpedalError(f"{self.where}: {self.out} channels; expected {self.wide} as before it")

    def _lstm(self, layers):
        kernel, hidden = self._weight(0, self.wide, 4 * self.out), self._weight(1, self.out, 4 * self.out)
        layers.append(L.Lstm(kernel.T, hidden.T, self._weight(2, 4 * self.out)))

    def _gru(self, layers):
        kernel, hidden = self._weight(0, self.wide, 3 * self.out), self._weight(1, self.out, 3 * self.out)
        bias = self._weight(2, 2, 3 * self.out)
        torch = [recurrent.swap_gates(a) for a in (kernel.T, hidden.T, bias[0], bias[1])]
        layers.append(L.Gru(*torch))

    def _bias(self):
        return self._weight(1, self.out) if len(self.weights) > 1 else np.zeros(self.out, np.float32)

    def _dense(self, layers):
        weight = self._weight(0, self.wide, self.out).T
        layers.append(L.Dense(weight, self._bias(), self._act()))

    def _number(self, key, most):
        """A field that is a number or a list of one."""
        value = self.spec.get(key, 1)
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        return whole({key: value}, key, 1, most, self.where)

    def _conv1d(self, layers):
        taps, dilation = self._number("kernel_size", 4096), self._number("dilation", 65535)
        groups = self._number("groups", recurrent.WIDEST)
        if self.wide % groups or self.out % groups:
            raise UpedalError(f"{self.where}: {groups} groups of {self.wide} inputs and {self.out} outputs")
        if taps * self.wide * self.out > MOST_WEIGHTS:
            raise UpedalError(f"{self.where}: {taps} x {self.wide} x {self.out} weights; expected at most {MOST_WEIGHTS}")
        own = self._weight(0, taps, self.wide // groups, self.out).transpose(2, 1, 0)
        weight = np.zeros((self.out, self.wide, taps), np.float32)
        rows, cols = self.out // groups, self.wide // groups
        for g in range(groups):
            part = slice(g * rows, (g + 1) * rows)
            weight[part, g * cols : (g + 1) * cols] = own[part]
        layers.append(L.Conv1d(weight, self._bias(), dilation, self._act()))

    def _then(self, layers, act):
        """An activation behind what there is: part of a linear convolution, else a layer of its own."""
        if layers and _is_linear(layers[-1]):
            layers[-1] = replace(layers[-1], activation=act)
        elif act.kind != "linear":
            layers.append(L.Activation(act, 0, 1))

    def _prelu(self, layers):
        self._same_width()
        slopes = self._weight(0, None)
        if len(slopes) not in (1, self.out):
            raise UpedalError(f"{self.where}: {len(slopes)} slopes; expected 1 or {self.out}")
        slopes = np.broadcast_to(slopes, self.out).copy()
        self._then(layers, L.Act("prelu", slopes=slopes))

    def _activation(self, layers):
        self._same_width()
        self._then(layers, self._act())

    def _batchnorm(self, layers):
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta, folded into what is before it, if linear."""
        self._same_width()
        epsilon = field(self.spec, "epsilon", float, self.where, 0.001)
        parts = [self._weight(k, self.out).astype(np.float64) for k in range(len(self.weights))]
        if len(parts) not in (2, 4):
            raise UpedalError(f"{self.where}: {len(parts)} lists of weights; expected 2 or 4")
        gamma, beta = parts[:2] if len(parts) == 4 else (np.ones(self.out), np.zeros(self.out))
        mean, variance = parts[-2:]
        if np.min(variance + epsilon) <= 0:
            raise UpedalError(f"{self.where}: variance plus epsilon is not above 0")
        scale = gamma / np.sqrt(variance + epsilon)
        shift = beta - mean * scale
        if layers and _is_linear(layers[-1]):
            last = layers.pop()
            weight, bias = last.weight * scale[:, None, None], last.bias * scale + shift
        else:
            weight, bias = np.diag(scale)[:, :, None], shift
            last = L.Conv1d(weight, bias)
        layers.append(replace(last, weight=weight.astype(np.float32), bias=bias.astype(np.float32)))
        self._then(layers, self._act())


def _is_linear(layer):
    return isinstance(layer, L.Conv1d) and layer.activation.kind == "linear"


# ---- units of zeros ------------------------------------------------------------------------------


def _blocks(a, hidden):
    """[gates][hidden][...] of a tensor of gates * hidden rows."""
    return np.asarray(a).reshape(-1, hidden, *np.shape(a)[1:])


def _resize(cell, wide):
    """A cell of `wide` units: the first ones, or zeros added. A unit of zeros puts out 0 for ever."""
    hidden = cell.w_hh.shape[1]
    keep = min(hidden, wide)
    changed = {}
    for key in ("w_ih", "w_hh", "b_ih", "b_hh", "bias"):
        if hasattr(cell, key):
            old = _blocks(getattr(cell, key), hidden)[:, :keep]
            old = old[..., :keep] if key == "w_hh" else old
            shape = (len(old), wide, *((wide,) if key == "w_hh" else old.shape[2:]))
            new = np.zeros(shape, np.float32)
            new[tuple(slice(n) for n in old.shape)] = old
            changed[key] = new.reshape(-1, *shape[2:])
    return replace(cell, **changed)


def widen(cell, wide):
    """The cell with silent units added, `wide` in all; an initial state is dropped."""
    return _resize(replace(cell, h=None, c=None) if isinstance(cell, L.Lstm) else cell, wide)


def _silent(cell, dense):
    """How many of the last units are zeros in every weight."""
    hidden = cell.w_hh.shape[1]
    parts = [_blocks(getattr(cell, k), hidden) for k in ("w_ih", "w_hh", "b_ih", "b_hh", "bias") if hasattr(cell, k)]
    used = np.zeros(hidden, bool)
    for part in parts:
        used |= np.any(part.reshape(len(part), hidden, -1) != 0, axis=(0, 2))
    used |= np.any(np.asarray(cell.w_hh) != 0, axis=0) | np.any(dense.weight != 0, axis=(0, 2))
    return hidden - 1 - int(np.max(np.flatnonzero(used), initial=0))


def _without_silent_units(layers):
    """Undoes what makes a width fit AIDA-X."""
    if len(layers) != 2 or not isinstance(layers[0], (L.Gru, L.Lstm)) or not recurrent.is_dense(layers[1]):
        return layers
    cell, dense = layers
    wide = cell.w_hh.shape[1] - _silent(cell, dense)
    return [_resize(cell, wide), replace(dense, weight=np.ascontiguousarray(dense.weight[:, :wide]))]


# ---- writing -------------------------------------------------------------------------------------


def write_layers(body, name, target):
    """RTNeural's list of layers, for a chain of ours. UpedalError for what it has no layer for."""
    specs = []
    for layer in body:
        specs += _spec(layer, name, target)
    return specs


def _layer(kind, wide, activation, *weights, **more):
    values = [recurrent.numbers(a) for a in weights]
    return {"type": kind, "activation": activation, "shape": [None, None, wide], "weights": values, **more}


def _activation_specs(act, wide, name, target):
    """(name of the activation within a layer, layers behind it)."""
    for theirs, ours in _ACTIVATIONS.items():
        if (L.act(ours).kind, L.act(ours).par) == (act.kind, act.par if act.kind == "elu" else ()):
            return theirs, []
    slopes = {"prelu": act.slopes, "leaky_relu": act.par[:1]}.get(act.kind)
    if slopes is None:
        raise UpedalError(f"{name}: {target} cannot hold this model: it has no activation {act.kind!r}")
    return "", [_layer("prelu", wide, "", [slopes])]


def _spec(layer, name, target):
    if isinstance(layer, L.Lstm):
        return [_layer("lstm", layer.w_hh.shape[1], "", layer.w_ih.T, layer.w_hh.T, layer.bias)]
    if isinstance(layer, L.Gru):
        keras = [recurrent.swap_gates(np.asarray(a)) for a in (layer.w_ih, layer.w_hh, layer.b_ih, layer.b_hh)]
        return [_layer("gru", layer.w_hh.shape[1], "", keras[0].T, keras[1].T, keras[2:])]
    if isinstance(layer, L.Conv1d) and layer.gate == "none":
        act, behind = _activation_specs(layer.activation, layer.out, name, target)
        weight, taps = np.asarray(layer.weight), layer.weight.shape[2]
        if taps == 1:
            return [_layer("dense", layer.out, act, weight[:, :, 0].T, layer.bias), *behind]
        more = {"kernel_size": [taps], "dilation": [layer.dilation], "groups": 1}
        return [_layer("conv1d", layer.out, act, weight.transpose(2, 1, 0), layer.bias, **more), *behind]
    kind = recurrent.kind_of(layer)
    raise UpedalError(f"{name}: {target} cannot hold this model: it has no layer {kind!r}")
