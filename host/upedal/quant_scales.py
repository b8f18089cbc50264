"""Units of the signals of an integer model: the real value of 1, a signal and channel.

A unit is peak · MARGIN / 32767 of calibration, and no more than 2^-15 for what cannot exceed 1. Signals that
are added each have their own, which factors of at most 1 bring together: so a sum's unit is at least those of
its terms. A factor is one for all channels, so such signals have one "shape": how their channels' units differ.
They differ where nothing couples them: sums, and the activations without a table (a · ReLU(x) = ReLU(a · x)), so
a quiet channel keeps its bits; a table has one unit, and so has a signal behind one.

A slot number is used again and again, so a signal is named by the layer that wrote it; -1 is the input.
"""

import numpy as np

from . import layers as L
from . import qlayers as Q
from .errors import UpedalError

MARGIN = 1.1
ONE = 2.0**-15
BOUNDED = ("tanh", "sigmoid", "softsign", "hard_tanh")  # never beyond 1
_FLOOR = 2.0**-8  # of a signal's largest unit: how much finer a channel may be
_LEAST = 1e-12  # of a signal that is silent


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
    """of[k]: units [channels] of what layer k writes, of[-1] those of the input."""

    def __init__(self, layers, seen, knobs):
        self.layers, self.seen = layers, seen
        self._shape = {k: k for k in range(-1, len(layers))}  # union-find: signals of one shape
        self._whole = dict(self._shape)  # the first of the signals that have one unit
        self._need = {-1: np.concatenate([[ONE], peak_of_knobs(knobs) / 32767])}
        self._flat, self._fixed, self._kept = set(), set(), {-1}
        self.reads = self._trace()
        for k, layer in enumerate(layers):
            self._need[k] = self._least(k, layer)
            self._couple(k, layer)
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
        while self._shape[k] != k:
            k = self._shape[k]
        return k

    def _couple(self, k, layer):
        """Layer k's result and its sources: one unit, or one shape."""
        reads = self.reads[k]
        if isinstance(layer, (L.Emphasis, L.Activation)) and not self._has_table(layer):
            self._whole[k] = self._whole[reads["src"]]
            self._shape[k] = self._root(reads["src"])
        for source in self._terms(k):
            self._shape[self._root(source)] = self._root(k)

    def _terms(self, k):
        """The signals that layer k adds, to its own value or to each other."""
        layer, reads = self.layers[k], self.reads[k]
        if isinstance(layer, L.Add):
            return [reads["src"], reads["src2"]]
        return [reads["plus"]] if isinstance(layer, L.Conv1d) and layer.plus is not None else []

    def factors(self, k):
        """Of the signals that layer k adds."""
        return tuple(max(1, round(self.of[m][0] / self.of[k][0] * Q.FACTOR)) for m in self._terms(k))

    def _has_table(self, layer):
        a = getattr(layer, "activation", None)
        return a is not None and (needs_table(a) or a.kind == "hard_tanh")

    def _least(self, k, layer):
        """[channels] the finest unit for what layer k writes."""
        seen, reads = self.seen[k], self.reads[k]
        if isinstance(layer, (L.Gru, L.Lstm)):
            self._fixed.add(k)
            self._kept.add(k)
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
                if f.kind not in BOUNDED:
                    return unit_of(f.kind, seen.f)
                self._kept.add(k)  # 2^-15: layers share tables, and a hard tanh needs none
                return np.full(layer.out, ONE)
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
        shapes, size = self._shapes(), {}
        for k, need in self._need.items():
            first, least = self._whole[k], (need / shapes[k]).max()
            size[first] = max(size.get(first, _LEAST), least)
        kept = {self._whole[m] for m in self._kept}
        for k in range(len(self.layers)):  # a sum comes behind its terms
            terms = {self._whole[m] for m in self._terms(k)}
            if terms:
                size[k] = max(size[k], *(size[m] for m in terms))
                for m in terms - kept:  # still free, so its factor is whole: no error of gain
                    size[m] = size[k] * np.ceil(size[m] / size[k] * Q.FACTOR - 1e-6) / Q.FACTOR
                kept |= {k, *terms}
        of = {k: size[self._whole[k]] * shape for k, shape in shapes.items()}
        self._check_fixed(of)
        return of

    def _shapes(self):
        """{signal: [channels] units but for a factor}"""
        groups = {}
        for k in self._shape:
            groups.setdefault(self._root(k), []).append(k)
        found = {}
        for members in groups.values():
            shape = np.zeros(max(len(self._need[k]) for k in members))
            for k in members:
                need = self._need[k] / max(self._need[k][: 1 if k == -1 else None].max(), _LEAST)
                shape[: len(need)] = np.maximum(shape[: len(need)], need)
            if self._flat & set(members):  # but for knobs that only lie beside the audio
                coupled = max([len(self._need[k]) for k in members if k != -1 or k in self._flat])
                shape[:coupled] = shape[:coupled].max()
            shape = np.maximum(shape, _FLOOR)
            found |= {k: shape[: len(self._need[k])] for k in members}
        return found

    def _check_fixed(self, of):
        for k in self._fixed:
            if of[k].max() > ONE:
                text = f"becomes a signal that reaches {of[k].max() * 32767 / MARGIN:.3g}"
                raise UpedalError(f"{name(k, self.layers[k])}: {text}; its integers hold -1 to 1, and no more")


def peak_of_knobs(knobs):
    """[knobs] the largest magnitude of each, from (name, unit, low, high, default)."""
    return np.array([max(abs(k[2]), abs(k[3]), 2.0**-9) for k in knobs], np.float64)
