"""Integer layers in the .upm file, both ways; `upm.py` is the entrance. models/SPEC.md, "Integer models",
describes each byte. upm_q_matrix.py has its matrices.
"""

import struct

import numpy as np

from . import ai8x, dither
from . import layers as L
from . import qlayers as Q
from .upm_q_matrix import array, even, halves, pack_matrix, unpack_matrix

OPS = {
    Q.QConv1d: 1, Q.Q7Conv1d: 1, Q.QGru: 2, Q.QAdd: 3, Q.QEmphasis: 4, Q.QDeemphasis: 5, Q.QLstm: 6,
    Q.QActivation: 7, Q.QFilm: 8, Q.QDither: 9,
}  # fmt: skip
WIDE = 1  # flag
NUMBERS = 8


# ---- parts ---------------------------------------------------------------------------------------


def runs(layer):
    """{name: runs of columns} of a layer's matrices, in file order."""
    if isinstance(layer, Q.QConv1d):
        taps = [layer.taps] if layer.inputs == 1 else [layer.inputs] * layer.taps
        return {"matrix": taps + [layer.side_channels] * (layer.side is not None)}
    if isinstance(layer, Q.QGru):
        return {"rz": [layer.inputs, layer.out], "n_in": [layer.inputs], "n_h": [layer.out]}
    return {"matrix": [layer.inputs, layer.out]} if isinstance(layer, Q.QLstm) else {}


def acts(layer):
    """The activations of a layer of any arithmetic: its own and, where it has a gate, the gate's."""
    if isinstance(layer, Q.Q7Conv1d):
        return [Q.QAct("relu" if layer.layer.relu else "linear")]
    found = [getattr(layer, "activation", None)]
    found += [layer.gate_activation] if getattr(layer, "gate", "none") != "none" else []
    return [a for a in found if a is not None]


def _slopes(layer, channels):
    with_some = [a for a in acts(layer) if a.kind in ("leaky_relu", "prelu")]
    return b"".join(halves(a.slopes, channels, f"{a.kind}'s slopes") for a in with_some)


def _tables(layer):
    """The tables a layer reads, in the order of its numbers; None: it has none there."""
    if isinstance(layer, Q.QGru):
        return [layer.sigmoid, layer.tanh]
    if isinstance(layer, Q.QLstm):
        return [layer.sigmoid, layer.tanh, layer.tanh_c]
    return [_table(a) for a in acts(layer) if isinstance(a, Q.QAct)]


def _table(act):
    return None if act.kind in Q.NO_TABLE else array(act.table, "i4", (Q.TABLE,), f"{act.kind}'s table")


# ---- writing -------------------------------------------------------------------------------------


def weights(layer, channels):
    """A layer's part of WGHT, without tables; channels: what it writes."""
    if isinstance(layer, Q.Q7Conv1d):
        weight = layer.layer.weight
        bias = np.zeros(layer.out, np.int8) if layer.layer.bias is None else layer.layer.bias
        return weight.transpose(0, 2, 1).tobytes() + bias.tobytes()
    data = b"".join(pack_matrix(getattr(layer, name), columns) for name, columns in runs(layer).items())
    if isinstance(layer, Q.QLstm):
        data += array(layer.c, "i4", (layer.out,), "LSTM's c").tobytes()
        return data + halves(layer.h, layer.out, "LSTM's h")
    return data + _slopes(layer, channels)


def placer(store):
    """A function from a table to its offset in store (bytearray), where it is put if it is new."""
    known = {}

    def place(table):
        data = array(table, "i4", (Q.TABLE,), "a table").tobytes()
        if data not in known:
            known[data] = len(store)
            store.extend(data)
        return known[data]

    return place


def place_tables(layer, place):
    """Offsets of the tables that a layer of any arithmetic reads, 0 where it has none."""
    return [0 if t is None else place(t) for t in _tables(layer)]


def _numbers(layer, place):
    """n0... of a layer's record."""
    found = place_tables(layer, place)
    if isinstance(layer, Q.Q7Conv1d):
        return [0, 0, layer.layer.weight_bits, layer.layer.output_shift]
    if isinstance(layer, Q.QConv1d) and layer.plus is not None:
        return [*found, 0][:2] + [layer.factor]
    if isinstance(layer, Q.QAdd):
        return list(layer.factors)
    if isinstance(layer, Q.QLstm):
        return [*found, layer.exponent]
    if isinstance(layer, Q.QFilm):
        return [layer.mult_x, layer.mult_m]
    if isinstance(layer, Q.QEmphasis):
        return [layer.coef]
    if isinstance(layer, Q.QDeemphasis):
        return [layer.coef, layer.shift]
    if isinstance(layer, Q.QDither):
        seed = layer.seed - (1 << 32) * (layer.seed >> 31)  # the same 32 bits, signed
        return [dither.KINDS.index(layer.kind), seed, *layer.filter, layer.gain]
    return found


def is_wide(layer):
    """Whether a convolution of any arithmetic writes its sums; de-emphasis always does, unflagged."""
    return layer.layer.wide if isinstance(layer, Q.Q7Conv1d) else getattr(layer, "wide", False)


def tail(layer, place):
    """The flags and the eight numbers of a record."""
    found = [int(n) for n in _numbers(layer, place)]
    return WIDE if is_wide(layer) else 0, struct.pack(f"<{NUMBERS}i", *found, *[0] * (NUMBERS - len(found)))


def shape(layer, channels):
    """(in, out, taps, dilation) of a layer's record; `channels` of its source slot."""
    if isinstance(layer, Q.Q7Conv1d):
        out, cin, taps = layer.layer.weight.shape
        return cin, out, taps, layer.layer.dilation
    if isinstance(layer, Q.QConv1d):
        return layer.inputs, layer.out, layer.taps, layer.dilation
    return getattr(layer, "inputs", channels), getattr(layer, "out", channels), 0, 0


# ---- reading -------------------------------------------------------------------------------------


def _read_table(store, offset):
    return np.frombuffer(store, "<i4", Q.TABLE, offset).astype(np.int32)


def _read_act(kind, offset, data, channels, store):
    """(QAct, what follows its slopes in data)"""
    made = Q.QAct(L.ACTIVATIONS[kind])
    if made.kind in ("leaky_relu", "prelu"):
        made.slopes = np.frombuffer(data, "<i2", channels).astype(np.int16)
        data = data[2 * even(channels) :]
    elif made.kind not in Q.NO_TABLE:
        made.table = _read_table(store, offset)
    return made, data


def _read_conv(r, data, store):
    layer = Q.QConv1d(None, r["in"], r["taps"], r["scale"], r["dilation"], src=r["src"], dst=r["dst"])
    layer.gate, layer.wide = L.GATES[r["gate"]], bool(r["flags"] & WIDE)
    if r["plus"]:
        layer.plus, layer.factor = r["plus"] - 1, r["numbers"][2]
    if r["side"]:
        layer.side, layer.side_channels = r["src2"], r["side"]
    rows = r["out"] * (1 if layer.gate == "none" else 2)
    layer.matrix, data = unpack_matrix(data, rows, runs(layer)["matrix"])
    n = r["numbers"]
    layer.activation, data = _read_act(r["act"], n[0], data, r["out"], store)
    if layer.gate != "none":
        layer.gate_activation, data = _read_act(r["gate_act"], n[1], data, r["out"], store)
    return layer


def _read_q7(r, data):
    shape = r["out"], r["taps"], r["in"]
    flat = np.frombuffer(data, np.int8)
    weight = flat[: -r["out"]].reshape(shape).transpose(0, 2, 1).copy()
    inner = ai8x.Layer(
        weight, flat[-r["out"] :].copy(), r["numbers"][2], r["numbers"][3], r["dilation"],
        relu=L.ACTIVATIONS[r["act"]] == "relu", wide=bool(r["flags"] & WIDE),
    )  # fmt: skip
    return Q.Q7Conv1d(inner, r["scale"], r["src"], r["dst"])


def _read_gru(r, data, store):
    cin, hidden, n = r["in"], r["out"], r["numbers"]
    rz, data = unpack_matrix(data, 2 * hidden, [cin, hidden])
    n_in, data = unpack_matrix(data, hidden, [cin])
    n_h, _ = unpack_matrix(data, hidden, [hidden])
    sigmoid, tanh = _read_table(store, n[0]), _read_table(store, n[1])
    return Q.QGru(rz, n_in, n_h, sigmoid, tanh, cin, r["scale"], r["src"], r["dst"])


def _read_lstm(r, data, store):
    cin, hidden, n = r["in"], r["out"], r["numbers"]
    matrix, data = unpack_matrix(data, 4 * hidden, [cin, hidden])
    c = np.frombuffer(data, "<i4", hidden).astype(np.int32)
    h = np.frombuffer(data, "<i2", hidden, 4 * hidden).astype(np.int16)
    found = (_read_table(store, offset) for offset in n[:3])
    return Q.QLstm(matrix, *found, n[3], cin, h, c, r["scale"], r["src"], r["dst"])


def _fields(record):
    names = "op act src src2 dst plus in out taps dilation side offset size scale gate gate_act flags"
    fields = dict(zip(names.split(), struct.unpack_from("<6B5HIIfBBH", record)))
    return fields | {"numbers": struct.unpack_from(f"<{NUMBERS}i", record, 32)}


def read_layer(record, store, arithmetic):
    """A layer from its record and WGHT."""
    r = _fields(record)
    data = store[r["offset"] : r["offset"] + r["size"]]
    n, scale, src, dst = r["numbers"], r["scale"], r["src"], r["dst"]
    if r["op"] == 1:
        return _read_q7(r, data) if arithmetic == "q7" else _read_conv(r, data, store)
    if r["op"] in (2, 6):
        return (_read_gru if r["op"] == 2 else _read_lstm)(r, data, store)
    if r["op"] == 7:
        return Q.QActivation(_read_act(r["act"], n[0], data, r["out"], store)[0], src, dst, scale)
    if r["op"] == 9:
        kind = dither.KINDS[n[0]]
        return Q.QDither(r["out"], kind, n[1] & 0xFFFFFFFF, n[2:5], n[5], scale, src, dst)
    return {
        3: lambda: Q.QAdd(src, r["src2"], dst, scale, n[:2]),
        4: lambda: Q.QEmphasis(n[0], scale, src, dst),
        5: lambda: Q.QDeemphasis(n[0], n[1], scale, src, dst),
        8: lambda: Q.QFilm(src, r["src2"], dst, scale, n[0], n[1]),
    }[r["op"]]()


# ---- what a layer costs --------------------------------------------------------------------------


def macs(layer):
    """Multiply-accumulates a frame, padding not counted."""
    if isinstance(layer, Q.Q7Conv1d):
        return int(layer.layer.weight.size)
    if isinstance(layer, Q.QDither):
        return 3 * layer.out if layer.kind == "shaped" else 0
    if isinstance(layer, (Q.QAdd, Q.QActivation)):
        return 0
    return sum(int(np.size(getattr(layer, name).weight)) for name in runs(layer)) or 1


def parameters(layer):
    """Trained numbers of a layer as the file holds them (no padding, multipliers, tables, states)."""
    if isinstance(layer, Q.Q7Conv1d):
        return macs(layer) + layer.out
    slopes = sum(np.size(a.slopes) for a in acts(layer) if a.kind == "prelu")
    parts = [getattr(layer, name) for name in runs(layer)]
    return int(sum(np.size(m.weight) + np.size(m.bias) for m in parts) + slopes)
