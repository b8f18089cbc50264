"""A nam_net tree as a .nam's version, config and flat weights: the fields that players know best."""

import numpy as np

from .. import layers as L
from ..errors import UpedalError
from .nam_net import FILMS, WaveNet
from .nam_wavenet import write_activation

_LEGACY, _NEW = "0.5.4", "0.7.0"  # the widest support; all that there is


def parts(net, where, warn, rate_hz):
    """(version, architecture, config, weights)"""
    if isinstance(net, WaveNet):
        return _wavenet(net, where, warn, rate_hz)
    first = net.layers[0]
    if isinstance(first, L.Lstm):
        return _lstm(net)
    return _linear(net) if len(net.layers) == 1 else _convnet(net, where)


def _flat(found):
    return np.concatenate([np.asarray(part, np.float32).ravel() for part in found])


# ---- chains --------------------------------------------------------------------------------------


def _linear(net):
    conv = net.layers[0]
    biased = bool(conv.bias[0])
    config = {"receptive_field": conv.weight.shape[2], "bias": biased}
    return _LEGACY, "Linear", config, _flat([conv.weight[0, 0, ::-1], conv.bias if biased else []])


def _lstm(net):
    *lstms, head = net.layers
    config = {"input_size": 1, "hidden_size": lstms[0].w_hh.shape[1], "num_layers": len(lstms)}
    found = []
    for layer in lstms:
        none = np.zeros(layer.w_hh.shape[1], np.float32)
        state = [none if v is None else v for v in (layer.h, layer.c)]
        found += [np.concatenate([layer.w_ih, layer.w_hh], axis=1), layer.bias, *state]
    return _LEGACY, "LSTM", config | _outs(net), _flat([*found, head.weight, head.bias])


def _convnet(net, where):
    *convs, head = net.layers
    act = write_activation(convs[0].activation, where)
    config = {
        "channels": convs[0].out, "dilations": [int(c.dilation) for c in convs], "batchnorm": False,
        "activation": act if len(act) > 1 else act["type"],
    }  # fmt: skip
    found = [part for c in (*convs, head) for part in (c.weight, c.bias)]
    return _LEGACY, "ConvNet", config | _outs(net), _flat(found)


def _outs(net):
    return {} if net.rows == 1 else {"out_channels": net.rows}


# ---- WaveNet -------------------------------------------------------------------------------------


def _is_legacy(net):
    """Is it of the form that files before 0.6 could hold?"""
    plain = net.condition is None and not net.post
    return plain and all(_is_legacy_array(array) for array in net.arrays)


def _is_legacy_array(array):
    first = array.cells[0]
    same = all(
        (c.conv[0].shape[2], c.gate, c.activation.kind) == (first.conv[0].shape[2], first.gate, first.activation.kind)
        for c in array.cells
    )
    sigmoid = all(c.gate == "none" or (c.gate == "gated" and c.gate_activation.kind == "sigmoid") for c in array.cells)
    # Bare names hold no numbers.
    plain = not first.activation.par and first.activation.slopes is None
    bare = all(not c.films and c.head1x1 is None for c in array.cells)
    shape = array.head[0].shape[2] == 1 and first.width == len(array.rechannel) and _has_layer1x1(array)
    return same and sigmoid and plain and bare and shape


def _has_layer1x1(array):
    """The last cell of a net has lost it: it counts as having one where it must or may have."""
    return any(c.layer1x1 is not None for c in array.cells) or len(array.cells) == 1


def _legacy_array(array, cond):
    first = array.cells[0]
    return {
        "input_size": array.rechannel.shape[1],
        "condition_size": cond,
        "head_size": len(array.head[1]),
        "channels": len(array.rechannel),
        "kernel_size": first.conv[0].shape[2],
        "dilations": [int(c.dilation) for c in array.cells],
        "activation": write_activation(first.activation, "")["type"],
        "gated": first.gate == "gated",
        "head_bias": array.head_bias,
    }


def _array(array, cond, where):
    """Every field spelled out, lists of one entry a layer: so NAM's fast path knows an A2."""
    cells, first = array.cells, array.cells[0]
    summed = array.head[0].shape[1]
    films = {name: any(name in c.films for c in cells) for name in FILMS}
    head = {"out_channels": len(array.head[1]), "kernel_size": array.head[0].shape[2], "bias": array.head_bias}
    if array.head_dilation != 1:
        head["head_dilation"] = int(array.head_dilation)
    second = [None if c.gate == "none" else write_activation(c.gate_activation, where) for c in cells]
    return {
        "input_size": array.rechannel.shape[1],
        "condition_size": cond,
        "head": head,
        "channels": len(array.rechannel),
        "kernel_sizes": [c.conv[0].shape[2] for c in cells],
        "dilations": [int(c.dilation) for c in cells],
        "activation": [write_activation(c.activation, where) for c in cells],
        "bottleneck": first.width,
        "head1x1": {"active": first.head1x1 is not None, "out_channels": summed if first.head1x1 else 1, "groups": 1},
        "layer1x1": {"active": _has_layer1x1(array), "groups": 1},
        "groups_input": 1,
        "groups_input_mixin": 1,
        **{name: {"active": on, "shift": _shift(array, name), "groups": 1} for name, on in films.items()},
        "gating_mode": [c.gate for c in cells],
        "secondary_activation": second,
        "slimmable": None,
    }


def _film_rows(array, name):
    """Rows that a FiLM scales in one cell after another."""
    c, summed = len(array.rechannel), array.head[0].shape[1]
    for cell in array.cells:
        z = len(cell.conv[1])
        yield (c, z, cell.mixin.shape[1], z, z, cell.width, c, summed)[FILMS.index(name)]


def _shift(array, name):
    for cell, rows in zip(array.cells, _film_rows(array, name), strict=True):
        if name in cell.films:
            return len(cell.films[name][1]) == 2 * rows
    return True


def _cell_weights(array, cell, filmed):
    found = [*cell.conv, cell.mixin]
    c, width = len(array.rechannel), cell.width
    if _has_layer1x1(array):
        found += cell.layer1x1 or [np.zeros((c, width)), np.zeros(c)]
    found += cell.head1x1 or []
    for name, rows in filmed.items():
        if name in cell.films:
            found += cell.films[name]
        else:  # not played there: silent, but the file has a place for it
            total = rows * (2 if _shift(array, name) else 1)
            found += [np.zeros((total, cell.mixin.shape[1])), np.zeros(total)]
    return found


def _wavenet(net, where, warn, rate_hz):
    cond = net.condition.out if net.condition else 1
    found = []
    for k, array in enumerate(net.arrays):
        _uniform(array, f"{where}: layer array {k}")
        found.append(array.rechannel)
        rows = {name: list(_film_rows(array, name)) for name in FILMS if any(name in c.films for c in array.cells)}
        for at, cell in enumerate(array.cells):
            found += _cell_weights(array, cell, {name: r[at] for name, r in rows.items()})
        found += [array.head[0], array.head[1] if array.head_bias else []]
    found += [part for pair in net.post for part in pair] + [net.head_scale]
    last = net.arrays[-1]
    if last.cells[-1].layer1x1 is None and _has_layer1x1(last):
        warn(f"{where}: the last layer's 1x1, which is never heard, is written as zeros")
    scale = float(np.float32(net.head_scale))
    if _is_legacy(net):
        entries = [_legacy_array(a, cond) for a in net.arrays]
        return _LEGACY, "WaveNet", {"layers": entries, "head": None, "head_scale": scale}, _flat(found)
    config = {
        "layers": [_array(a, cond, where) for a in net.arrays],
        "head": _post(net, where),
        "head_scale": scale,
    }
    if net.condition:
        version, architecture, inner, weights = parts(net.condition, f"{where}: condition", warn, rate_hz)
        config["condition_dsp"] = {
            "version": version, "architecture": architecture, "config": inner,
            "weights": [float(v) for v in weights], "sample_rate": rate_hz,
        }  # fmt: skip
    return _NEW, "WaveNet", config, _flat(found)


def _uniform(array, where):
    """What the format says once an array must be the same in all its cells."""
    widths = {c.width for c in array.cells}
    heads = {c.head1x1 is None for c in array.cells}
    lacking = [c.layer1x1 is None for c in array.cells]
    films = {frozenset(set(c.films) - {"layer1x1_post_film"}) for c in array.cells}
    if len(widths) > 1 or len(heads) > 1 or len(films) > 1 or (any(lacking[:-1]) and not all(lacking)):
        raise UpedalError(f"{where}: layers of different make; NAM's are alike within an array")


def _post(net, where):
    if not net.post:
        return None
    return {
        "channels": len(net.post[0][1]),
        "out_channels": len(net.post[-1][1]),
        "kernel_sizes": [w.shape[2] for w, _ in net.post],
        "activation": write_activation(net.post_activation, where),
    }
