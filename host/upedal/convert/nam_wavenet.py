"""NAM's WaveNet: config and flat weights -> nam_net.WaveNet, channel slicing, and the reverse."""

import math

import numpy as np

from .. import layers as L
from ..errors import UpedalError
from .checked import MOST_WEIGHTS, array, choice, field, whole
from .nam_net import (
    FILMS,
    MOST_CHANNELS,
    MOST_DILATION,
    MOST_FIELD,
    MOST_LAYERS,
    Array,
    Cell,
    WaveNet,
)

ACTIVATIONS = {
    "Tanh": "tanh", "Hardtanh": "hard_tanh", "Fasttanh": "rational_tanh", "ReLU": "relu",
    "LeakyReLU": "leaky_relu", "PReLU": "prelu", "Sigmoid": "sigmoid", "SiLU": "silu",
    "Hardswish": "hard_swish", "LeakyHardtanh": "leaky_hard_tanh", "LeakyHardTanh": "leaky_hard_tanh",
    "Softsign": "softsign",
}  # fmt: skip
_NAMES = {ours: theirs for theirs, ours in ACTIVATIONS.items() if theirs != "LeakyHardTanh"}
_HARD = (("min_val", -1.0), ("max_val", 1.0), ("min_slope", 0.01), ("max_slope", 0.01))
_MOST_SLOPE = 1e6


class Weights:
    """The flat list, consumed from the left. Runs on with zeros where it is too short, so that
    done() can name both counts."""

    def __init__(self, numbers, where):
        self.numbers, self.where, self.used, self.dense = numbers, where, 0, 0

    def take(self, *shape):
        count = math.prod(shape)
        self._bound(self.used + count)
        part = self.numbers[self.used : self.used + count]
        self.used += count
        if len(part) < count:
            part = np.zeros(count, np.float32)
        return part.reshape(shape)

    def conv(self, cin, out, taps=1, groups=1, bias=True):
        """(weight [out][in][taps], bias [out]): groups as blocks of a dense matrix."""
        if cin % groups or out % groups:
            raise UpedalError(f"{self.where}: {cin} to {out} channels in {groups} groups; expected multiples")
        self.dense += cin * out * taps
        self._bound(self.dense)
        parts = self.take(groups, out // groups, cin // groups, taps)
        weight = np.zeros((groups, out // groups, groups, cin // groups, taps), np.float32)
        which = np.arange(groups)
        weight[which, :, which] = parts
        bias = self.take(out) if bias else np.zeros(out, np.float32)
        return weight.reshape(out, cin, taps), bias

    def film(self, cond, rows, setting):
        """(weight [rows or 2 rows][cond], bias)."""
        rows *= 2 if setting["shift"] else 1
        if rows > MOST_CHANNELS:
            raise UpedalError(f"{self.where}: FiLM of {rows} numbers; expected at most {MOST_CHANNELS}")
        weight, bias = self.conv(cond, rows, groups=setting["groups"])
        return weight[:, :, 0], bias

    def _bound(self, count):
        if count > MOST_WEIGHTS:
            raise UpedalError(f"{self.where}: more than {MOST_WEIGHTS} weights")

    def done(self):
        if self.used != len(self.numbers):
            raise UpedalError(f"{self.where}: {len(self.numbers)} weights; expected {self.used}")


# ---- activations ---------------------------------------------------------------------------------


def _number(obj, key, default, where):
    value = field(obj, key, float, where, default)
    if abs(value) > _MOST_SLOPE:
        raise UpedalError(f"{where}: {key!r} is {value}; expected at most {_MOST_SLOPE:g}")
    return float(np.float32(value))


def read_activation(value, channels, where, warn):
    """layers.Act of a name or an object with `type`, acting on so many channels."""
    if isinstance(value, str):
        value = {"type": value}
    kind = ACTIVATIONS[choice(value, "type", tuple(ACTIVATIONS), where)]
    if kind == "hard_tanh" and (value.get("min_val", -1), value.get("max_val", 1)) != (-1, 1):
        warn(f"{where.rpartition(': layer ')[0] or where}: limits of Hardtanh; NAM's player ignores them, so -1 and 1 are played")
    if kind == "leaky_hard_tanh":
        return L.Act(kind, tuple(_number(value, key, default, where) for key, default in _HARD))
    if kind == "prelu" and "negative_slope" not in value and "negative_slopes" in value:
        slopes = array(value["negative_slopes"], (channels,), f"{where}: negative_slopes")
        return L.Act(kind, slopes=slopes) if channels > 1 else L.Act("leaky_relu", (float(slopes[0]),))
    if kind in ("leaky_relu", "prelu"):  # PReLU of one slope is a leaky ReLU
        return L.Act("leaky_relu", (_number(value, "negative_slope", 0.01, where),))
    return L.Act(kind)


def _short(value):
    """The shortest decimal number that is this float32."""
    return float(str(np.float32(value)))


def write_activation(act, where):
    """The object of a layers.Act."""
    if act.kind not in _NAMES:
        raise UpedalError(f"{where}: activation {act.kind}; NAM has {', '.join(_NAMES)}")
    found = {"type": _NAMES[act.kind]}
    if act.kind == "leaky_relu":
        found["negative_slope"] = _short(act.par[0])
    elif act.kind == "prelu":
        found["negative_slopes"] = [_short(v) for v in act.slopes]
    elif act.kind == "leaky_hard_tanh":
        found |= {key: _short(v) for (key, _), v in zip(_HARD, act.par, strict=True)}
    return found


# ---- reading -------------------------------------------------------------------------------------


def _listed(value, n, where):
    """A value a layer: the list, whose length must be n, or the one value n times."""
    if isinstance(value, list):
        if len(value) != n:
            raise UpedalError(f"{where}: a list of {len(value)}; expected {n}, one a layer")
        return value
    return [value] * n


def _wholes(values, low, high, where):
    return [whole({"number": v}, "number", low, high, where) for v in values]


def _dilations(obj, where):
    values = field(obj, "dilations", list, where)
    if not 1 <= len(values) <= MOST_LAYERS:
        raise UpedalError(f"{where}: {len(values)} dilations; expected 1 to {MOST_LAYERS}")
    return _wholes(values, 1, MOST_DILATION, f"{where}: dilations")


def _kernels(obj, n, where):
    given = [key for key in ("kernel_size", "kernel_sizes") if obj.get(key) is not None]
    if len(given) != 1:
        raise UpedalError(f"{where}: {' and '.join(given) or 'no kernel_size'}; expected one of kernel_size, kernel_sizes")
    kernels = obj[given[0]] if given[0] == "kernel_size" else field(obj, "kernel_sizes", list, where)
    return _wholes(_listed(kernels, n, f"{where}: kernel_sizes"), 1, MOST_DILATION, f"{where}: {given[0]}")


def _film(obj, name, where):
    """{"shift", "groups"} of an active FiLM, else None."""
    value = obj.get(name)
    if value is None or value is False:
        return None
    at = f"{where}: {name}"
    if not field(value, "active", bool, at, True):
        return None
    return {
        "shift": field(value, "shift", bool, at, True),
        "groups": whole(value, "groups", 1, MOST_CHANNELS, at, 1),
    }


def _gates(obj, n, where):
    """(gate, second activation as in the file) of each layer."""
    mode = obj.get("gating_mode")
    if mode is None:
        return [("gated" if field(obj, "gated", bool, where, False) else "none", "Sigmoid")] * n
    modes = _listed(mode, n, f"{where}: gating_mode")
    second = obj.get("secondary_activation")
    second = _listed("Sigmoid" if second is None else second, n, f"{where}: secondary_activation")
    gates = [choice({"gating_mode": m}, "gating_mode", L.GATES, where) for m in modes]
    return [(g, "Sigmoid" if s is None else s) for g, s in zip(gates, second, strict=True)]


def _head(obj, where):
    """(outputs, kernel, dilation, bias) of an array's head convolution."""
    head = obj.get("head")
    if head is None:
        outs = whole(obj, "head_size", 1, MOST_CHANNELS, where)
        return outs, 1, 1, field(obj, "head_bias", bool, where)
    at = f"{where}: head"
    kernel = whole(head, "kernel_size", 1, MOST_DILATION, at)
    dilation = whole(head, "head_dilation", 1, MOST_DILATION, at, 1)
    return whole(head, "out_channels", 1, MOST_CHANNELS, at), kernel, dilation, field(head, "bias", bool, at)


def _one_by_one(obj, name, where, default):
    """Groups and, for head1x1, outputs of an active 1x1 convolution, else None."""
    value = obj.get(name)
    if value is None:
        return default
    at = f"{where}: {name}"
    active, groups = field(value, "active", bool, at), whole(value, "groups", 1, MOST_CHANNELS, at)
    outs = whole(value, "out_channels", 1, MOST_CHANNELS, at) if name == "head1x1" else None
    return {"groups": groups, "out": outs} if active else None


def _read_array(obj, cin, cond, total, w, where, warn):
    """(Array, channels, outputs) from one entry of `layers`. total: channels of the head sum so far."""
    c = whole(obj, "channels", 1, MOST_CHANNELS, where)
    width = whole(obj, "bottleneck", 1, MOST_CHANNELS, where, c)
    for key, expected in (("input_size", cin), ("condition_size", cond)):
        if whole(obj, key, 1, MOST_CHANNELS, where) != expected:
            raise UpedalError(f"{where}: {key!r} is {obj[key]}; expected {expected}, the channels there are")
    dilations = _dilations(obj, where)
    n = len(dilations)
    kernels = _kernels(obj, n, where)
    activations = _listed(obj.get("activation"), n, f"{where}: activation")
    groups, mixin_groups = (whole(obj, k, 1, MOST_CHANNELS, where, 1) for k in ("groups_input", "groups_input_mixin"))
    layer1x1 = _one_by_one(obj, "layer1x1", where, {"groups": 1})
    head1x1 = _one_by_one(obj, "head1x1", where, None)
    outs, head_kernel, head_dilation, head_bias = _head(obj, where)
    films = {name: f for name in FILMS if (f := _film(obj, name, where))}
    if layer1x1 is None and (width != c or "layer1x1_post_film" in films):
        raise UpedalError(f"{where}: layer1x1 is off; expected bottleneck {c}, found {width}, and no layer1x1_post_film")
    if head1x1 is None and "head1x1_post_film" in films:
        raise UpedalError(f"{where}: head1x1 is off; expected no head1x1_post_film")
    summed = head1x1["out"] if head1x1 else width
    if total not in (None, summed):
        raise UpedalError(f"{where}: the array before has {total} outputs; expected {summed}, as this one's head sum")
    rechannel = w.conv(cin, c, bias=False)[0][:, :, 0]
    cells = []
    for k, (gate, second) in enumerate(_gates(obj, n, where)):
        at = f"{where}: layer {k}"
        rows = width if gate == "none" else 2 * width
        if rows > MOST_CHANNELS or (kernels[k] - 1) * dilations[k] > MOST_FIELD:
            raise UpedalError(f"{at}: {rows} rows, {kernels[k]} taps {dilations[k]} apart; expected at most "
                              f"{MOST_CHANNELS} and {MOST_FIELD} frames")  # fmt: skip
        cell = Cell(w.conv(c, rows, kernels[k], groups), None, dilations[k], gate=gate)
        cell.activation = read_activation(activations[k], width, at, warn)
        if gate != "none":
            cell.gate_activation = read_activation(second, width, at, warn)
        cell.mixin = w.conv(cond, rows, 1, mixin_groups, bias=False)[0][:, :, 0]
        cell.layer1x1 = _plain(w.conv(width, c, 1, layer1x1["groups"])) if layer1x1 else None
        cell.head1x1 = _plain(w.conv(width, summed, 1, head1x1["groups"])) if head1x1 else None
        dims = (c, rows, cond, rows, rows, width, c, summed)
        cell.films = {f: w.film(cond, dims[FILMS.index(f)], films[f]) for f in films}
        cells.append(cell)
    head = w.conv(summed, outs, head_kernel, bias=head_bias)
    return Array(rechannel, cells, head, head_bias, head_dilation), c, outs


def _plain(pair):
    return pair[0][:, :, 0], pair[1]


def _read_post(obj, cin, w, where, warn):
    """(convolutions, activation) of the post-stack head."""
    c, outs = (whole(obj, k, 1, MOST_CHANNELS, where) for k in ("channels", "out_channels"))
    if whole(obj, "in_channels", 1, MOST_CHANNELS, where, cin) != cin:
        raise UpedalError(f"{where}: 'in_channels' is {obj['in_channels']}; expected {cin}")
    kernels = _wholes(field(obj, "kernel_sizes", list, where), 1, MOST_DILATION, f"{where}: kernel_sizes")
    if not 1 <= len(kernels) <= MOST_LAYERS:
        raise UpedalError(f"{where}: {len(kernels)} kernel_sizes; expected 1 to {MOST_LAYERS}")
    act = read_activation(obj.get("activation"), c, where, warn)
    if act.kind == "prelu" and cin != c:
        raise UpedalError(f"{where}: PReLU with a slope a channel on {cin} and on {c} channels; expected one slope")
    widths = [cin] + [c] * (len(kernels) - 1) + [outs]
    return [w.conv(a, b, k) for a, b, k in zip(widths, widths[1:], kernels, strict=False)], act


def read(config, weights, condition, where, warn):
    """nam_net.WaveNet. weights: flat float32; condition: the net of condition_dsp, or None."""
    entries = field(config, "layers", list, where)
    if not 1 <= len(entries) <= MOST_LAYERS:
        raise UpedalError(f"{where}: {len(entries)} layer arrays; expected 1 to {MOST_LAYERS}")
    if whole(config, "in_channels", 1, MOST_CHANNELS, where, 1) != 1:
        raise UpedalError(f"{where}: in_channels is {config['in_channels']}; expected 1: a pedal's input is mono")
    field(config, "head_scale", float, where)
    w, arrays, channels, outs = Weights(weights, where), [], 1, None
    cond = condition.out if condition else 1
    for k, entry in enumerate(entries):
        at = f"{where}: layers[{k}]"
        found, channels, outs = _read_array(entry, channels, cond, outs, w, at, warn)
        arrays.append(found)
        if sum(len(a.cells) for a in arrays) > MOST_LAYERS:
            raise UpedalError(f"{where}: more than {MOST_LAYERS} layers")
    post, act = [], None
    if config.get("head") is not None:
        post, act = _read_post(config["head"], outs, w, f"{where}: head", warn)
    scale = w.take(1)[0]
    w.done()
    return WaveNet(arrays, scale, post, act, condition)


# ---- channel slicing -----------------------------------------------------------------------------


def _allowed(entry, where):
    """The channel counts a layer array may be cut to; None where it is not slimmable."""
    setting = entry.get("slimmable")
    if setting is None:
        return None
    at = f"{where}: slimmable"
    choice(setting, "method", ("slice_channels_uniform",), at)
    c = entry["channels"]
    allowed = field(field(setting, "kwargs", dict, at, {}), "allowed_channels", list, at, list(range(1, int(c) + 1)))
    allowed = _wholes(allowed, 1, MOST_CHANNELS, f"{at}: allowed_channels")
    if not allowed or sorted(set(allowed)) != allowed or allowed[-1] != c:
        raise UpedalError(f"{at}: allowed_channels is {allowed}; expected ascending counts up to {c}")
    return allowed


def slimmable(config):
    """Does any layer array come in several sizes?"""
    return any(isinstance(e, dict) and e.get("slimmable") is not None for e in config["layers"])


def _cut_act(act, width):
    return L.Act(act.kind, act.par, act.slopes[:width]) if act.kind == "prelu" else act


def _cut(array_, cin, c, width, outs):
    """An Array of the first rows and columns: c channels, `width` behind the activation."""
    cells = []
    for cell in array_.cells:
        rows = width if cell.gate == "none" else 2 * width
        summed = len(cell.head1x1[1]) if cell.head1x1 else width
        dims = (c, rows, cell.mixin.shape[1], rows, rows, width, c, summed)
        full = len(cell.conv[1])
        wide = (cell.conv[0].shape[1], full, cell.mixin.shape[1], full, full, cell.width, cell.conv[0].shape[1], summed)
        films = {}
        for name, (weight, bias) in cell.films.items():
            at = FILMS.index(name)
            n = dims[at] * (len(bias) // wide[at])
            films[name] = weight[:n], bias[:n]
        cells.append(Cell(
            (cell.conv[0][:rows, :c], cell.conv[1][:rows]), cell.mixin[:rows], cell.dilation,
            _cut_act(cell.activation, width), cell.gate, _cut_act(cell.gate_activation, width),
            (cell.layer1x1[0][:c, :width], cell.layer1x1[1][:c]) if cell.layer1x1 else None,
            (cell.head1x1[0][:, :width], cell.head1x1[1]) if cell.head1x1 else None, films,
        ))  # fmt: skip
    weight, bias = array_.head
    cols = weight.shape[1] if array_.cells[0].head1x1 else width
    head = weight[:outs, :cols], bias[:outs]
    return Array(array_.rechannel[:c, :cin], cells, head, array_.head_bias, array_.head_dilation)


def _sliceable(entry, where):
    groups = [entry.get("groups_input", 1), entry.get("groups_input_mixin", 1)]
    for name in ("layer1x1", "head1x1", *FILMS):
        value = entry.get(name)
        groups.append(value.get("groups", 1) if isinstance(value, dict) and value.get("active", True) else 1)
    kernel = entry["head"]["kernel_size"] if entry.get("head") else 1
    if kernel != 1 or any(g != 1 for g in groups):
        raise UpedalError(f"{where}: slimmable with a head kernel of {kernel}, groups {groups}; expected 1 in all")


def slice_channels(net, config, size, where):
    """The WaveNet cut to size 0..1: the first rows and columns of every matrix."""
    if net.post:
        raise UpedalError(f"{where}: slimmable with a head behind the arrays; expected none")
    cuts = []
    for k, (entry, full) in enumerate(zip(config["layers"], net.arrays, strict=True)):
        at = f"{where}: layers[{k}]"
        allowed, c, width = _allowed(entry, at), len(full.rechannel), full.cells[0].width
        if allowed:
            _sliceable(entry, at)
            small = allowed[min(int(size * len(allowed)), len(allowed) - 1)]
            width = max(1, width * small // c) if full.cells[0].layer1x1 else small
            c = small
        cuts.append((full, c, width))
    arrays, cin, cut = [], 1, any(e.get("slimmable") is not None for e in config["layers"])
    for k, (full, c, width) in enumerate(cuts):
        outs = len(full.head[1])
        if cut and k + 1 < len(cuts):
            outs = min(outs, cuts[k + 1][1])
        arrays.append(_cut(full, cin, c, width, outs))
        cin = c
        summed = len(arrays[-1].cells[0].head1x1[1]) if full.cells[0].head1x1 else width
        if k and len(arrays[-2].head[1]) != summed:
            raise UpedalError(f"{where}: layers[{k}] cut to {c} channels has a head sum of {summed}; "
                              f"expected {len(arrays[-2].head[1])}, the outputs of the array before")  # fmt: skip
    return WaveNet(arrays, net.head_scale, condition=net.condition)
