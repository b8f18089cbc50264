"""Units of the signals of an integer model: the real value of 1, a signal and channel.

A unit is peak · MARGIN / 32767 of calibration, and no more than 2^-15 for what cannot exceed 1. Signals that
are added form a group of one unit a channel. Channels differ where nothing couples them: sums, and the
activations without a table (a · ReLU(x) = ReLU(a · x)), so a quiet channel keeps its bits; a table has one
unit, and so has a signal behind one.

A group that mixes loud with quiet (a residual that grows, a sum of many layers) would cost the quiet ones
their bits. Beyond a RATIO a sum is therefore "split": computed as columns of weight 1 of a matrix, where every
input has a unit of its own. That costs channels² multiplications.

A slot number is used again and again, so a signal is named by the layer that wrote it; -1 is the input.
"""

import numpy as np

from . import layers as L
from . import qlayers as Q
from .errors import UpedalError

MARGIN = 1.1
ONE = 2.0**-15
BOUNDED = ("tanh", "sigmoid", "softsign", "hard_tanh")  # never beyond 1
RATIO = 2.0  # of the largest unit to the smallest in a group
_FLOOR = 2.0**-8  # of a group's largest unit: how much finer a channel may be


def name(k, layer):
    return f"layer {k} ({type(layer).__name__.lower()})"


def needs_table(activation):
    return activation.kind not in Q.NO_TABLE or steep(activation)


def steep(activation):
    """A leaky ReLU whose slope a q15 factor cannot hold; it becomes a table."""
    return activation.kind == "leaky_relu" and not abs(activation.par[0]) < 1


def unit_of(kind, peaks):
    """The unit for results of `kind` that reached `peaks`."""
    unit = peaks * MARGIN / 32767
    return np.minimum(unit, ONE) if kind in BOUNDED else unit


class Units:
    """of[k]: units [channels] of what layer k writes, of[-1] those of the input; split[k]: which of "src",
    "src2" and "plus" of layer k are columns of their own unit instead of being added."""

    def __init__(self, layers, seen, inputs, knobs):
        self.layers, self.seen = layers, seen
        self._parent = {k: k for k in range(-1, len(layers))}
        self._need, self._flat, self._fixed = {}, set(), set()
        self.split = {k: set() for k in range(len(layers))}
        self._channels = {-1: len(inputs)}
        self.reads = self._trace()
        self._need[-1] = np.concatenate([[ONE], peak_of_knobs(knobs) / 32767])
        for k, layer in enumerate(layers):
            self._channels[k] = len(seen[k].out)
            self._need[k] = self._least(k, layer)
            self._join_sources(k, layer)
        self.of = self._solve()

    def _trace(self):
        """[{"src": signal, "src2": ..., "side": ..., "plus": ...}] of each layer."""
        now, reads = {0: -1}, []
        for k, layer in enumerate(self.layers):
            slots = {key: getattr(layer, key, None) for key in ("src", "src2", "side", "plus")}
            reads.append({key: now[slot] for key, slot in slots.items() if slot is not None})
            now[layer.dst] = k
        return reads

    def _root(self, k):
        while self._parent[k] != k:
            k = self._parent[k]
        return k

    def _members(self, k):
        return [m for m in self._need if self._root(m) == self._root(k)]

    def _join(self, k, key, may_split=False):
        """Layer k's result and one of its sources get one unit, or the source is split off."""
        other = self.reads[k][key]
        members = set(self._members(k) + self._members(other))
        sizes = [self._need[m].max() for m in members]
        stuck = bool(self._fixed & members) and max(sizes) > ONE
        if may_split and (stuck or max(sizes) > RATIO * min(sizes)):
            self.split[k].add(key)
        else:
            self._parent[self._root(other)] = self._root(k)

    def _join_sources(self, k, layer):
        reads = self.reads[k]
        if isinstance(layer, L.Conv1d) and layer.plus is not None:
            linear = layer.gate == "none" and layer.activation.kind == "linear"
            self._join(k, "plus", linear and layer.side in (None, layer.plus))
        elif isinstance(layer, L.Add):
            for key in ("src", "src2"):  # a term may be larger than the sum
                need = self._need[k]
                np.maximum(need, self._need[reads[key]][: len(need)], out=need)
            for key in sorted(("src", "src2"), key=lambda key: -self._need[reads[key]].max()):
                self._join(k, key, True)
        elif isinstance(layer, (L.Emphasis, L.Activation)) and not self._has_table(layer):
            self._join(k, "src")

    def _has_table(self, layer):
        a = getattr(layer, "activation", None)
        return a is not None and (needs_table(a) or a.kind == "hard_tanh")

    def _least(self, k, layer):
        """[channels] the finest unit for what layer k writes."""
        seen, reads = self.seen[k], self.reads[k]
        if isinstance(layer, (L.Gru, L.Lstm)):
            self._fixed.add(k)
            self._flat.add(k)
            return np.full(len(seen.out), ONE)
        if isinstance(layer, L.Conv1d):
            need = self._conv(k, layer, seen)
            return need if layer.plus is None else np.maximum(need, unit_of("", np.maximum(seen.out, seen.inner)))
        if isinstance(layer, L.Film):
            self._flat |= {k, reads["src"], reads["src2"]}
        elif isinstance(layer, L.Activation) and self._has_table(layer):
            self._flat |= {k, reads["src"]}
            return unit_of(layer.activation.kind, seen.out)
        return unit_of("", seen.out)

    def _conv(self, k, layer, seen):
        f, g = layer.activation, layer.gate_activation
        if layer.gate == "none":
            if needs_table(f) or f.kind == "hard_tanh":
                self._flat.add(k)
                # A hard tanh whose unit is 2^-15 is computed by its limits alone.
                return np.full(layer.out, ONE) if f.kind == "hard_tanh" else unit_of(f.kind, seen.f)
            return unit_of(f.kind, seen.f if f.kind == "relu" else seen.z)
        self._flat.add(k)
        if layer.gate == "gated":
            product = np.full(layer.out, self.gate_unit(k) * 2.0**15 * unit_of(f.kind, seen.f).max())
            return np.maximum(product, unit_of("", seen.inner))
        if seen.g.max() > 1.001:
            reach = f"reaches {seen.g.max():.3g}; expected -1 to 1"
            raise UpedalError(f"{name(k, layer)}: the blend's {g.kind} {reach}, as integers hold no more")
        return unit_of("", np.maximum(np.maximum(seen.z[: layer.out], seen.f), seen.inner))

    def gate_unit(self, k):
        """The unit of a gate's second half; 2^-15 where it blends."""
        layer, g = self.layers[k], self.seen[k].g
        if layer.gate == "blended" or g.max() <= 1.0:
            return ONE
        return float(g.max() * MARGIN / 32767)

    def _solve(self):
        groups = {}
        for k in self._parent:
            groups.setdefault(self._root(k), []).append(k)
        solved = {}
        for members in groups.values():
            unit = np.zeros(max(self._channels[k] for k in members))
            for k in members:
                unit[: self._channels[k]] = np.maximum(unit[: self._channels[k]], self._need[k])
            if self._flat & set(members):
                unit[:] = unit.max()
            unit = np.maximum(unit, max(unit.max() * _FLOOR, 1e-12))
            self._check_fixed(members, unit)
            solved |= {k: unit[: self._channels[k]] for k in members}
        return solved

    def _check_fixed(self, members, unit):
        for k in self._fixed & set(members):
            if unit.max() > ONE:
                text = f"is added to a signal that reaches {unit.max() * 32767 / MARGIN:.3g}"
                raise UpedalError(f"{name(k, self.layers[k])}: {text}; its integers hold -1 to 1, and no more")


def peak_of_knobs(knobs):
    """[knobs] the largest magnitude of each, from (name, unit, low, high, default)."""
    return np.array([max(abs(k[2]), abs(k[3]), 2.0**-9) for k in knobs], np.float64)
