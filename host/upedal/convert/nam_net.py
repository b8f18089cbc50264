"""What a `.nam` computes, as a tree of dense float32 weights, and that tree as layers over slots.

A WaveNet is a list of Arrays (layer arrays), each a list of Cells (its layers); the other architectures
are a Chain. Index order of weights is PyTorch's: [out][in][tap], tap 0 the oldest.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from .. import layers as L
from ..errors import UpedalError

MOST_LAYERS, SLOTS, MOST_CHANNELS, MOST_DILATION = 256, 16, 256, 65535  # what a .upm holds
MOST_FIELD = 1 << 22  # frames
# In the order of their weights. Each may stand at one place of every cell of an array.
FILMS = (
    "conv_pre_film", "conv_post_film", "input_mixin_pre_film", "input_mixin_post_film",
    "activation_pre_film", "activation_post_film", "layer1x1_post_film", "head1x1_post_film",
)  # fmt: skip


@dataclass
class Cell:
    """One layer of a layer array. C channels, Z rows before and B after the activation, D of the condition."""

    conv: tuple  # weight [Z][C][K], bias [Z]
    mixin: np.ndarray  # [Z][D]
    dilation: int = 1
    activation: L.Act = field(default_factory=L.Act)
    gate: str = "none"
    gate_activation: L.Act = field(default_factory=L.Act)
    layer1x1: tuple | None = None  # weight [C][B], bias [C]
    head1x1: tuple | None = None  # weight [H][B], bias [H]
    films: dict = field(default_factory=dict)  # name: weight [rows or 2 rows][D], bias

    @property
    def width(self):
        """B: channels behind the activation."""
        return len(self.conv[1]) // (1 if self.gate == "none" else 2)


@dataclass
class Array:
    rechannel: np.ndarray  # [C][channels in]
    cells: list
    head: tuple  # weight [out][B or H][K], bias [out]
    head_bias: bool = True
    head_dilation: int = 1


@dataclass
class WaveNet:
    arrays: list
    head_scale: np.float32
    post: list = field(default_factory=list)  # the post-stack head: (weight [out][in][K], bias), ...
    post_activation: L.Act | None = None
    condition: "WaveNet | Chain | None" = None

    @property
    def out(self):
        return len((self.post[-1] if self.post else self.arrays[-1].head)[1])

    def prewarm(self, rate_hz):
        """Frames of silence after which the state is the steady one."""
        count = self.condition.prewarm(rate_hz) if self.condition else 1
        for array in self.arrays:
            count += sum((c.conv[0].shape[2] - 1) * c.dilation for c in array.cells)
            count += (array.head[0].shape[2] - 1) * array.head_dilation
        return count + sum(weight.shape[2] - 1 for weight, _ in self.post)


@dataclass
class Chain:
    """layers, each reading what the one before it wrote: Linear, ConvNet or LSTM."""

    layers: list
    rows: int = 1

    @property
    def out(self):
        return self.rows

    def prewarm(self, rate_hz):
        """rate_hz None: the file does not say."""
        if any(isinstance(layer, L.Lstm) for layer in self.layers):
            return rate_hz // 2 if rate_hz else 1
        if len(self.layers) == 1:
            return 0
        return 1 + sum((layer.weight.shape[2] - 1) * layer.dilation for layer in self.layers)


class Builder:
    """Layers in the making: hands out slots, takes back those no longer read."""

    def __init__(self, where):
        self.where, self.layers, self._free = where, [], list(range(1, SLOTS))

    def put(self, layer):
        """Appends the layer; the slot it writes."""
        if not self._free:
            raise UpedalError(f"{self.where}: needs more than {SLOTS} signals at a time")
        layer.dst = min(self._free)
        self._free.remove(layer.dst)
        return self.put_at(layer)

    def put_at(self, layer):
        """Appends a layer whose dst is set."""
        if len(self.layers) == MOST_LAYERS:
            raise UpedalError(f"{self.where}: more than {MOST_LAYERS} operations, the most a .upm holds")
        self.layers.append(layer)
        return layer.dst

    def release(self, *slots):
        self._free += [slot for slot in set(slots) if slot]


def dense(pair, src, **more):
    """A 1x1 convolution from (weight, bias)."""
    weight, bias = pair
    return L.Dense(weight.reshape(len(weight), -1), bias, "linear", src, **more)


def _zeros(rows):
    return np.zeros(rows, np.float32)


def _film(b, x, condition, pair):
    """The slot of FiLM(x, condition)."""
    numbers = b.put(dense(pair, condition))
    y = b.put(L.Film(x, numbers, 0))
    b.release(numbers)
    return y


def _mixin(b, cell, condition):
    """(slot of a convolution's side input, its weights, slot to release behind it)."""
    films, src = cell.films, condition
    if "input_mixin_pre_film" in films:
        src = _film(b, condition, condition, films["input_mixin_pre_film"])
    if "input_mixin_post_film" not in films:
        return src, cell.mixin, src if src != condition else 0
    m = b.put(L.Dense(cell.mixin, _zeros(len(cell.mixin)), "linear", src))
    b.release(src if src != condition else 0)
    filmed = _film(b, m, condition, films["input_mixin_post_film"])
    b.release(m)
    return filmed, np.eye(len(cell.mixin), dtype=np.float32), filmed


def _activated(b, cell, y, condition, plus):
    """The slot of a cell's p (plus the slot `plus`, if any).

    What is filmed between the convolution and the activation goes on through an identity matrix.
    """
    films, rows = cell.films, len(cell.conv[1])
    (weight, bias), dilation = cell.conv, cell.dilation
    one = np.eye(rows, dtype=np.float32)[:, :, None]
    gate = {"gate": cell.gate, "gate_activation": cell.gate_activation, "plus": plus}
    x = y
    if "conv_pre_film" in films:
        x = _film(b, y, condition, films["conv_pre_film"])
    side, side_weight, side_held = _mixin(b, cell, condition)
    if "conv_post_film" in films:
        a = b.put(L.Conv1d(weight, bias, dilation, "linear", x))
        b.release(x if x != y else 0)
        x = _film(b, a, condition, films["conv_post_film"])
        b.release(a)
        weight, bias, dilation = one, _zeros(rows), 1
    more = {"side": side, "side_weight": side_weight}
    if "activation_pre_film" not in films:
        p = b.put(L.Conv1d(weight, bias, dilation, cell.activation, x, **more, **gate))
        b.release(x if x != y else 0, side_held)
        return p
    z = b.put(L.Conv1d(weight, bias, dilation, "linear", x, **more))
    b.release(x if x != y else 0, side_held)
    filmed = _film(b, z, condition, films["activation_pre_film"])
    p = b.put(L.Conv1d(one, _zeros(rows), 1, cell.activation, filmed, **gate))
    b.release(z, filmed)
    return p


def _residual(b, cell, p, y, condition):
    """The slot of y + layer1x1(p); that of y is released. FiLM on layer1x1 counts in blended cells only."""
    if cell.gate != "blended" or "layer1x1_post_film" not in cell.films:
        new = b.put(dense(cell.layer1x1, p, plus=y))
        b.release(y)
        return new
    q = b.put(dense(cell.layer1x1, p))
    filmed = _film(b, q, condition, cell.films["layer1x1_post_film"])
    b.put_at(L.Add(y, filmed, y))
    b.release(q, filmed)
    return y


def _to_sum(b, cell, p, total, condition):
    """(the slot of the head sum with this cell's part, whether p is now that slot)."""
    if cell.head1x1 is None:
        if total is None:
            return p, True
        return b.put_at(L.Add(total, p, total)), False
    if "head1x1_post_film" not in cell.films:
        new = b.put(dense(cell.head1x1, p, plus=total))
        b.release(total)
        return new, False
    h = b.put(dense(cell.head1x1, p))
    filmed = _film(b, h, condition, cell.films["head1x1_post_film"])
    b.release(h)
    if total is None:
        return filmed, False
    b.put_at(L.Add(total, filmed, total))
    b.release(filmed)
    return total, False


def _cell(b, cell, y, total, condition, last):
    """(y, head sum) behind a cell. last: its residual is never heard, so it is not computed."""
    residual = cell.layer1x1 is not None and not last
    filmed = cell.films.get("activation_post_film")
    if total is not None and not residual and filmed is None and cell.head1x1 is None:
        new = _activated(b, cell, y, condition, plus=total)  # p goes nowhere but into the sum
        b.release(total)
        return y, new
    p = _activated(b, cell, y, condition, plus=None)
    if filmed is not None:
        p, old = _film(b, p, condition, filmed), p
        b.release(old)
    if residual:
        y = _residual(b, cell, p, y, condition)
    total, held = _to_sum(b, cell, p, total, condition)
    b.release(0 if held else p)
    return y, total


def _wavenet(b, net):
    condition = _net(b, net.condition) if net.condition else 0
    y, total = 0, None
    for array in net.arrays:
        y, old = b.put(L.Dense(array.rechannel, _zeros(len(array.rechannel)), "linear", y)), y
        b.release(old)
        for cell in array.cells:
            last = array is net.arrays[-1] and cell is array.cells[-1]
            y, total = _cell(b, cell, y, total, condition, last)
        total, old = b.put(L.Conv1d(*array.head, array.head_dilation, "linear", total)), total
        b.release(old)
    b.release(y, condition)
    act = [net.post_activation] * len(net.post) + [L.Act()]
    scale = np.eye(len(net.arrays[-1].head[1]), dtype=np.float32) * np.float32(net.head_scale)
    out, old = b.put(L.Dense(scale, _zeros(len(scale)), act[0], total)), total
    b.release(old)
    for (weight, bias), a in zip(net.post, act[1:], strict=True):
        out, old = b.put(L.Conv1d(weight, bias, 1, a, out)), out
        b.release(old)
    return out


def _net(b, net):
    """The slot of a net's output; it reads slot 0."""
    if isinstance(net, WaveNet):
        return _wavenet(b, net)
    out = 0
    for layer in net.layers:
        out, old = b.put(replace(layer, src=out)), out
        b.release(old)
    return out


def to_layers(net, where):
    """The layers of a WaveNet or Chain of one input and one output."""
    b = Builder(where)
    _net(b, net)
    return b.layers
