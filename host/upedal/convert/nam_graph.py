"""A model's layers as a graph, whatever their slots; and whether two models compute the same."""

import hashlib

import numpy as np

from .. import layers as L
from .. import reference, upm
from ..errors import UpedalError

INPUT = None  # the node of slot 0


class Node:
    """A layer with the nodes it reads and those that read it."""

    def __init__(self, layer, slots):
        self.layer, self.readers = layer, []
        self.src = slots[layer.src]
        two = layer.side if isinstance(layer, L.Conv1d) else getattr(layer, "src2", None)
        self.two = None if two is None else slots[two]
        plus = getattr(layer, "plus", None)
        self.has_plus, self.plus = plus is not None, None if plus is None else slots[plus]
        for node in {self.src, self.two, self.plus} - {INPUT}:
            node.readers.append(self)

    @property
    def is_dense(self):
        """A linear 1x1 convolution of one source (and perhaps a sum)."""
        return self.is_linear and self.layer.weight.shape[2] == 1

    @property
    def is_linear(self):
        """A convolution of one source without activation (and perhaps a sum)."""
        layer = self.layer
        plain = isinstance(layer, L.Conv1d) and layer.side is None and layer.gate == "none"
        return plain and layer.activation.kind == "linear"

    @property
    def pair(self):
        """(weight [out][in], bias) of a dense node."""
        return self.layer.weight[:, :, 0], self.layer.bias


def graph(model):
    """The nodes in order; the last is the output."""
    slots, nodes = {0: INPUT}, []
    for layer in model.layers:
        nodes.append(Node(layer, slots))
        slots[layer.dst] = nodes[-1]
    return nodes


# ---- are two models the same? --------------------------------------------------------------------


def act_key(act):
    slopes = () if act.slopes is None else np.asarray(act.slopes, np.float32).tolist()
    return act.kind, tuple(np.float32(v) for v in act.par), tuple(slopes)


def _key(layer):
    """What a layer does, without its slots."""
    if isinstance(layer, L.Conv1d):
        gate = (layer.gate, act_key(layer.gate_activation)) if layer.gate != "none" else ()
        arrays = [layer.weight, layer.bias, () if layer.side is None else layer.side_weight]
        dilation = layer.dilation if layer.weight.shape[2] > 1 else 1
        return arrays, (layer.weight.shape, dilation, act_key(layer.activation), gate)
    if isinstance(layer, L.Lstm):
        none = np.zeros(layer.w_hh.shape[1])
        state = [none if v is None else v for v in (layer.h, layer.c)]
        return [layer.w_ih, layer.w_hh, layer.bias, *state], layer.w_ih.shape
    return [], act_key(layer.activation) if isinstance(layer, L.Activation) else ()


def digest(model):
    """Equal for models that do the same arithmetic on the same numbers, whatever slots they use."""
    of = {INPUT: b"input"}
    nodes = graph(model)
    for node in nodes:
        arrays, more = _key(node.layer)
        h = hashlib.sha256(repr((type(node.layer).__name__, more)).encode())
        for a in arrays:
            h.update((np.ascontiguousarray(a, np.float32) + np.float32(0)).tobytes())  # -0 is 0
        sources = [of[node.src], of[node.two] if _second(node) else b""]
        h.update(b"".join(sorted(sources) if isinstance(node.layer, L.Add) else sources))
        h.update(of[node.plus] if node.has_plus else b"")
        of[node] = h.digest()
    return of[nodes[-1]]


def _second(node):
    layer = node.layer
    return not isinstance(layer, (L.Lstm, L.Activation, L.Gru)) and (
        not isinstance(layer, L.Conv1d) or layer.side is not None
    )


def check_same(found, model, name):
    """Raises UpedalError unless `found` is `model`: by its operations, else by its sound (-120 dB on noise)."""
    if digest(found) == digest(model):
        return
    field = min(upm.receptive_field(model) or 4000, 20000)
    x = 0.3 * np.random.default_rng(1).standard_normal(field + 1000)
    want, got = reference.render(model, x), reference.render(found, x)
    if not np.sum((got - want)[-1000:] ** 2) <= 1e-12 * np.sum(want[-1000:] ** 2):
        raise UpedalError(f"{name}: no net that NAM has: what it can hold sounds different")
