"""GuitarML's WaveNet JSON (PedalNetRT, SmartGuitarAmp, SmartGuitarPedal, WaveNetVA): read only.

    a = W^T x + b;  layer: p = f(conv(a)), a <- a + W_out^T p + b_out;  y = W^T [p of all layers] + b

Weights are PyTorch's tensors with the axes reversed, flat lists of numbers or of texts. All histories
start from zero. The files hold no sample rate; `level_adjust`, a player's gain, is not part of the net.
"""

import numpy as np

from .. import layers as L
from ..errors import UpedalError
from . import recurrent
from .checked import array, choice, field, parse_json, whole

MOST_LAYERS = 84  # three of a .upm's 256 each
# activation, gate, gate activation
_ACTIVATIONS = {
    "gated": ("tanh", "gated", "sigmoid"),
    "softgated": ("softsign", "gated", "softsign"),
    **{kind: (kind, "none", "linear") for kind in ("tanh", "sigmoid", "relu", "softsign", "linear")},
}
_A, _P, _SUM = (1, 2), 3, (4, 5)  # slots: the stream and the sum in turn, an activation


def detect(data, name):
    keys = (b'"residual_channels"', b'"dilations"', b'"variables"')
    return all(key in data for key in keys)


def read(data, name, *, size=None, warn=print):
    top = parse_json(data, name)
    channels = whole(top, "residual_channels", 1, 128, name)
    taps = whole(top, "filter_width", 1, 4096, name)
    for key in ("input_channels", "output_channels"):
        whole(top, key, 1, 1, name, 1)
    kind = choice(top, "activation", tuple(_ACTIVATIONS), name)
    dilations = _dilations(top, name)
    tensors = _Tensors(top, len(dilations), name)
    layers = _layers(tensors, channels, taps, dilations, *_ACTIVATIONS[kind])
    meta = recurrent.title(name)
    level = field(top, "level_adjust", float, name, 0.0)
    if level:
        warn(f"{name}: level_adjust {level:g}, a gain behind the net in its player, is not applied")
        meta["level_adjust"] = f"{level:g}"
    return L.Model(layers, recurrent.rate_of(name, recurrent.DEFAULT_RATE_HZ, warn), meta=meta)


def write(model, name, *, warn=print):
    raise UpedalError(f"{name}: GuitarML's WaveNet JSON is read only; expected .nam, .upm or C as target")


def _dilations(top, name):
    values = field(top, "dilations", list, name)
    if not 1 <= len(values) <= MOST_LAYERS:
        raise UpedalError(f"{name}: {len(values)} dilations; expected 1 to {MOST_LAYERS}")
    return [whole({"dilation": v}, "dilation", 1, 65535, name) for v in values]


class _Tensors:
    """The file's variables by layer and name."""

    def __init__(self, top, count, name):
        self.name, self.found = name, {}
        for item in field(top, "variables", list, name):
            key = whole(item, "layer_idx", -1, count, f"{name}: variables"), field(item, "name", str, name)
            if key in self.found:
                raise UpedalError(f"{name}: {key[1]} of layer {key[0]} is there twice")
            self.found[key] = field(item, "data", list, name)

    def take(self, layer, key, shape):
        """[shape reversed]: as PyTorch has it. shape: the file's, last index fastest."""
        where = f"{self.name}: {key} of layer {layer}"
        if (layer, key) not in self.found:
            raise UpedalError(f"{where} is missing; expected {' x '.join(map(str, shape))} numbers")
        return np.ascontiguousarray(array(self.found[layer, key], shape, where).T)


def _layers(tensors, channels, taps, dilations, activation, gate, gate_activation):
    count, rows = len(dilations), channels * (1 if gate == "none" else 2)
    head = tensors.take(count, "W", (channels * count, 1))
    bias = tensors.take(count, "b", (1,))
    layers = [L.Dense(tensors.take(-1, "W", (1, channels)), tensors.take(-1, "b", (channels,)), dst=_A[0])]
    for k, dilation in enumerate(dilations):
        weight, b = tensors.take(k, "W_conv", (taps, channels, rows)), tensors.take(k, "b_conv", (rows,))
        now, then = _A[k % 2], _A[1 - k % 2]
        layers.append(
            L.Conv1d(weight, b, dilation, activation, now, _P, gate=gate, gate_activation=gate_activation)
        )
        part, old = head[:, k * channels : (k + 1) * channels], _SUM[1 - k % 2]
        first = bias if k == 0 else np.zeros(1, np.float32)
        layers.append(L.Dense(part, first, src=_P, dst=_SUM[k % 2], plus=old if k else None))
        if k < count - 1:  # the last layer's has no influence
            w_out, b_out = tensors.take(k, "W_out", (channels, channels)), tensors.take(k, "b_out", (channels,))
            layers.append(L.Dense(w_out, b_out, src=_P, dst=then, plus=now))
    return layers
