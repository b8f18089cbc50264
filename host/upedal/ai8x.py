"""Integer arithmetic of the MAX78000's convolution accelerator for 1-D nets, in numpy: the judge of `q7`.

    acc[o, t] = 128 * bias[o] + sum_{i, k} weight[o, i, k] * x[i, t + k * dilation]      all integers
    y = clamp(floor(acc * 2^s / 128 + 0.5)),  s = output_shift + 8 - weight_bits         rounds half up
    clamp: -128..127, with ReLU 0..127; a wide layer gives acc itself, int32

Data are signed 8 bit and mean v / 128. Tap 0 meets the oldest sample. There is no padding: n frames in
give n - (taps - 1) * dilation out, and the last frame out belongs to the last frame in.

The sum fits int32 for every layer within the limits below (`accumulator_bound`), with the 2^21 that
rounding adds at the most. For s > 7, where the sum is shifted left, clamp it to -128..128 first: the
result is the same and the shift cannot overflow.
"""

from dataclasses import dataclass

import numpy as np

from .errors import UpedalError

WEIGHT_BITS = (8, 4, 2, 1)
MOST_SHIFT = 15  # of the total shift, either way
MOST_CHANNELS = 1024
MOST_TAPS = 9
MOST_DILATION = 1023
_LOWEST, _HIGHEST = -128, 127
_PIECE = 1024  # frames of a long block that are computed at a time, to stay in the cache


@dataclass(frozen=True, eq=False)
class Layer:
    """One convolution. `relu` and `wide` exclude each other; neither means a hard limiter at -128..127."""

    weight: np.ndarray  # [out][in][tap] int8 within weight_bits, tap 0 the oldest sample
    bias: np.ndarray | None = None  # [out] int8, enters the sum times 128 whatever weight_bits is
    weight_bits: int = 8  # 8, 4, 2 or 1: a weight means weight / 2^(weight_bits - 1)
    output_shift: int = 0
    dilation: int = 1
    relu: bool = False
    wide: bool = False  # the sum itself, 32 bit

    def __post_init__(self):
        _check(self)

    @property
    def total_shift(self):
        """Left shift of the sum before it is divided by 128 (negative: right)."""
        return self.output_shift + 8 - self.weight_bits

    @property
    def history(self):
        """Frames of input before the newest that an output needs."""
        return (self.weight.shape[2] - 1) * self.dilation

    @property
    def full_scale(self):
        """What a wide layer's sum is divided by for its float value; see `wide_gain`."""
        return 128 << (self.weight_bits - 1)


def _check(layer):
    w, b, bits = layer.weight, layer.bias, layer.weight_bits
    if bits not in WEIGHT_BITS:
        raise UpedalError(f"layer: weights of {bits} bits; expected one of {WEIGHT_BITS}")
    if not isinstance(w, np.ndarray) or w.dtype != np.int8 or w.ndim != 3 or 0 in w.shape:
        raise UpedalError("layer: expected weights int8 [out][in][tap]")
    out, channels, taps = w.shape
    low, high = weight_range(bits)
    limits = [
        ("channels in", channels, 1, MOST_CHANNELS),
        ("channels out", out, 1, MOST_CHANNELS),
        ("taps", taps, 1, MOST_TAPS),
        ("dilation", layer.dilation, 1, MOST_DILATION),
        (
            "total shift (output_shift + 8 - weight_bits)",
            layer.total_shift,
            -MOST_SHIFT,
            MOST_SHIFT,
        ),
        (f"smallest {bits}-bit weight", int(w.min()), low, high),
        (f"largest {bits}-bit weight", int(w.max()), low, high),
    ]
    for what, value, least, most in limits:
        if not least <= value <= most:
            raise UpedalError(f"layer: {what} {value}; expected {least} to {most}")
    if b is not None and (
        not isinstance(b, np.ndarray) or b.dtype != np.int8 or b.shape != (out,)
    ):
        raise UpedalError(f"layer: expected a bias of int8 [{out}]")
    if layer.relu and layer.wide:
        raise UpedalError("layer: ReLU on a 32-bit output, which the accelerator does not have")


@dataclass(frozen=True, eq=False)
class Net:
    """A chain of layers; only the last may be wide."""

    layers: tuple

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise UpedalError("net: no layers; expected at least one")
        for k, (a, b) in enumerate(zip(self.layers, self.layers[1:])):
            if a.weight.shape[0] != b.weight.shape[1]:
                text = f"net: layer {k} has {a.weight.shape[0]} channels out"
                raise UpedalError(
                    f"{text}, layer {k + 1} takes {b.weight.shape[1]}; expected the same"
                )
            if a.wide:
                raise UpedalError(f"net: layer {k} is wide; expected that of the last layer only")

    @property
    def inputs(self):
        return self.layers[0].weight.shape[1]

    @property
    def receptive_field(self):
        """Frames of input that one frame of output is computed from."""
        return 1 + sum(layer.history for layer in self.layers)


def weight_range(bits):
    """(lowest, highest) weight of so many bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def accumulator_bound(layer, low=_LOWEST, high=_HIGHEST):
    """The largest |acc| that inputs of low..high (0..127 behind a ReLU) can reach: a tight bound."""
    w = layer.weight.astype(np.int64)
    up, down = np.maximum(w, 0).sum((1, 2)), np.minimum(w, 0).sum((1, 2))
    bias = 0 if layer.bias is None else 128 * layer.bias.astype(np.int64)
    most, least = bias + up * high + down * low, bias + up * low + down * high
    return int(max(np.abs(most).max(), np.abs(least).max()))


def accumulate(layer, x):
    """The sums, int32 [out][n - history], of x int8 [in][n]."""
    w, x = layer.weight, np.asarray(x)
    if x.dtype != np.int8 or x.ndim != 2 or x.shape[0] != w.shape[1]:
        raise UpedalError(
            f"layer: input {x.dtype} {list(x.shape)}; expected int8 [{w.shape[1]}][n]"
        )
    n = x.shape[1] - layer.history
    if n < 0:
        raise UpedalError(f"layer: {x.shape[1]} frames; expected at least {layer.history}")
    wide = x.astype(np.float64)  # exact for whole numbers below 2^53, and multiplied fast
    acc = np.zeros((w.shape[0], n))
    for k in range(w.shape[2]):
        acc += w[:, :, k].astype(np.float64) @ wide[:, k * layer.dilation :][:, :n]
    acc = acc.astype(np.int32)
    return acc if layer.bias is None else acc + 128 * layer.bias.astype(np.int32)[:, None]


def requantise(acc, total_shift, relu=False):
    """int8 of sums: floor(acc * 2^total_shift / 128 + 0.5), clamped."""
    acc, right = np.asarray(acc).astype(np.int64), 7 - total_shift
    if right > 0:
        acc = (acc + (1 << (right - 1))) >> right
    else:
        acc = acc << -right
    return np.clip(acc, 0 if relu else _LOWEST, _HIGHEST).astype(np.int8)


def conv1d(layer, x):
    """One layer: x int8 [in][n] -> int8 (wide: int32) [out][n - history]."""
    acc = accumulate(layer, x)
    return acc if layer.wide else requantise(acc, layer.total_shift, layer.relu)


def run(net, x):
    """The whole net: x int8 [in][n] -> int8 or int32 [out][n - receptive_field + 1]."""
    for layer in net.layers:
        x = conv1d(layer, x)
    return x


def wide_gain(layer, trained_wide):
    """Float value of one unit of a wide layer's sum. A net trained with a wide layer has learnt with the
    factor 2^-output_shift in its result; for weights that come from elsewhere it is undone here."""
    return (1.0 if trained_wide else 2.0**layer.output_shift) / layer.full_scale


class Stream:
    """The net frame by frame: each layer keeps its last `history` frames of input, so nothing is computed
    twice. At the start these are what endless silence leaves there; with settled=False all zeros,
    which is the same once receptive_field - 1 frames of silence have gone through."""

    def __init__(self, net, settled=True):
        self.net, self._history = net, []
        x = np.zeros((net.inputs, 1), np.int8)
        for layer in net.layers:
            self._history.append(np.repeat(x, layer.history, axis=1))
            x = conv1d(layer, np.repeat(x, layer.history + 1, axis=1))
        if not settled:
            self._history = [np.zeros_like(h) for h in self._history]

    def process(self, x):
        """x int8 [in][n] -> int8 or int32 [out][n], for any n."""
        x = np.asarray(x)
        if x.dtype != np.int8 or x.ndim != 2 or x.shape[0] != self.net.inputs:
            raise UpedalError(
                f"net: input {x.dtype} {list(x.shape)}; expected int8 [{self.net.inputs}][n]"
            )
        pieces = range(0, max(x.shape[1], 1), _PIECE)
        return np.concatenate([self._piece(x[:, at : at + _PIECE]) for at in pieces], axis=1)

    def _piece(self, x):
        for k, layer in enumerate(self.net.layers):
            joined = np.concatenate((self._history[k], x), axis=1)
            self._history[k] = joined[:, joined.shape[1] - layer.history :].copy()
            x = conv1d(layer, joined)
        return x


def stream(net, blocks):
    """Yields the output [out][n] of each block [in][n], as if the net had run over all of it at once with
    receptive_field - 1 frames of silence before."""
    state = Stream(net)
    for block in blocks:
        yield state.process(block)


def quantise(weight, bias=None, bits=8, shift_quantile=1.0):
    """Float weights [out][in][tap] and bias [out] (or None) -> (int8 weights, int8 bias or None, output_shift).

    With m the quantile of all |weights and biases|: f = clamp(floor(log2(1/m)), -7 - bits, 23 - bits),
    then clamp(floor(v * 2^(bits-1) * 2^f + 0.5)) within weight_range(bits), and output_shift = -f.
    In float32, as the vendor's quantize.py.
    """
    if bits not in WEIGHT_BITS:
        raise UpedalError(f"weights of {bits} bits; expected one of {WEIGHT_BITS}")
    if not 0.0 <= shift_quantile <= 1.0:
        raise UpedalError(f"shift_quantile {shift_quantile}; expected 0 to 1")
    parts = [np.asarray(p, np.float32) for p in (weight, bias) if p is not None]
    flat = np.abs(np.concatenate([p.ravel() for p in parts]))
    if not np.isfinite(flat).all():
        raise UpedalError("weights that are not finite; expected numbers")
    f = _shift(np.float32(np.quantile(flat, shift_quantile)), bits)
    low, high = weight_range(bits)
    factor = np.float32(2.0 ** (f + bits - 1))
    done = [
        np.clip(np.floor(p * factor + np.float32(0.5)), low, high).astype(np.int8) for p in parts
    ]
    return done[0], (done[1] if bias is not None else None), -f


def _shift(m, bits):
    least, most = -7 - bits, 23 - bits
    if m == 0:
        return most
    with np.errstate(over="ignore"):  # 1 / m of a denormal number: infinite, and clamped
        return int(np.clip(np.floor(np.log2(np.float32(1) / m)), least, most))
