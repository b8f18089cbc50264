"""Layers that integers do better without: the same float model, shorter.

A first dense layer (audio to channels) goes into the layers that read it, and with it a rounding that all
the gain behind would lift. An end of Conv1d (one row, linear) and Add, or its plus, becomes one Conv1d with
a side input of weight 1, whose sum is the output.
"""

from dataclasses import replace

import numpy as np

from . import layers as L
from . import upm


def fold(layers, inputs):
    """(layers, de-emphasis at the end) of the same model. inputs: 1 + knobs."""
    layers, tail = _without_first(list(layers)), []
    while layers and isinstance(layers[-1], L.Deemphasis):
        tail.insert(0, layers.pop())
    end = layers[-1].dst if layers else 0
    if len(layers) > 1 and isinstance(layers[-1], L.Add) and plain(layers[-2]):
        conv, add = layers[-2:]
        if (add.src == conv.dst) != (add.src2 == conv.dst):
            layers[-2:] = [replace(conv, plus=add.src2 if add.src == conv.dst else add.src)]
    layers = _without_last(layers)
    if layers and isinstance(layers[-1], L.Conv1d) and layers[-1].plus is not None:
        layers[-1] = _skip_as_side(layers, inputs)
    if tail and tail[0].src == end:
        tail[0] = replace(tail[0], src=layers[-1].dst)
    return layers, tail


def plain(layer):
    """One row whose sum is what it writes, but for plus."""
    return isinstance(layer, L.Conv1d) and layer.out == 1 and layer.gate == "none" and layer.activation.kind == "linear"


def _without_last(layers):
    """Without a last dense layer that scales what a linear Conv1d before it wrote."""
    if len(layers) < 2 or not plain(layers[-1]) or not isinstance(layers[-2], L.Conv1d):
        return layers
    conv, last = layers[-2:]
    linear = conv.activation.kind == "linear" and conv.gate == "none" and conv.plus is None
    if not linear or last.src != conv.dst or conv.dst in (last.side, last.plus) or last.weight.shape[2] != 1:
        return layers
    if last.side is not None and conv.side is not None:
        return layers
    dense = np.asarray(last.weight, np.float64)[:, :, 0]
    made = {"weight": np.einsum("oj,jik->oik", dense, np.asarray(conv.weight, np.float64))}
    made["bias"] = np.asarray(last.bias, np.float64) + dense @ np.asarray(conv.bias, np.float64)
    if conv.side is not None:
        made["side_weight"] = dense @ np.asarray(conv.side_weight, np.float64)
    if last.side is not None:
        made |= {"side": last.side, "side_weight": last.side_weight}
    return [*layers[:-2], replace(conv, plus=last.plus, **made)]


def _skip_as_side(layers, inputs):
    conv, channels = layers[-1], {0: inputs}
    for layer in layers[:-1]:
        channels[layer.dst] = upm.shape(layer, channels.get(layer.src, 0))[1]
    if not plain(conv) or conv.side not in (None, conv.plus):
        return conv
    side = np.zeros((1, channels[conv.plus])) if conv.side is None else np.array(conv.side_weight, np.float64)
    side[0, 0] += 1.0
    return replace(conv, plus=None, side=conv.plus, side_weight=side)


def _without_first(layers):
    """Without a linear dense first layer of more channels than it reads, where its readers can take it in."""
    first = layers[0] if layers else None
    if len(layers) < 2 or not isinstance(first, L.Conv1d) or first.src != 0 or first.weight.shape[2] != 1:
        return layers
    bare = first.activation.kind == "linear" and first.gate == "none" and first.side is None and first.plus is None
    if not bare or first.weight.shape[1] >= first.out:
        return layers
    made = []
    for layer in layers[1:]:
        if first is not None and first.dst in upm.sources(layer):
            layer = _taken_in(first, layer)
            if layer is None:
                return layers
        if first is not None and layer.dst == first.dst:
            first = None  # overwritten: whoever reads the slot now means another signal
        made.append(layer)
    return made


def _taken_in(first, layer):
    """The reader of a dense first layer as a reader of its input; None where that cannot be."""
    if not isinstance(layer, L.Conv1d) or (layer.side == first.dst and layer.plus is not None):
        return None
    dense, bias = np.asarray(first.weight, np.float64)[:, :, 0], np.asarray(first.bias, np.float64)
    weight, made = np.asarray(layer.weight, np.float64), {"bias": np.asarray(layer.bias, np.float64)}
    if layer.src == first.dst:
        if bias.any() and weight.shape[2] > 1:
            return None  # before the start its history is zeros, not the bias
        made["weight"] = np.einsum("oik,ij->ojk", weight, dense)
        made["bias"] = made["bias"] + weight[:, :, 0] @ bias * bool(bias.any())
        made["src"] = 0
    if layer.side == first.dst:
        side = np.asarray(layer.side_weight, np.float64)
        made |= {"side": 0, "side_weight": side @ dense, "bias": made["bias"] + side @ bias}
    if layer.plus == first.dst:
        linear = layer.activation.kind == "linear" and layer.gate == "none"
        if not linear or layer.side not in (None, 0):
            return None
        side = 0.0 if layer.side is None else np.asarray(layer.side_weight, np.float64)
        made |= {"plus": None, "side": 0, "side_weight": side + dense, "bias": made["bias"] + bias}
    return replace(layer, **made)
