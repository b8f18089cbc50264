"""The .upm file: the only writer, and a reader that turns a file back into layers.

models/SPEC.md describes each byte; the names here are its names. Reading checks the file with the
same C code that the pedal uses, so both refuse for the same reason.
"""

import math
import struct
import zlib
from pathlib import Path

import numpy as np

from . import layers as L
from . import qlayers as Q
from . import upm_lite, upm_q
from .errors import UpedalError
from .files import replacing

MAJOR, MINOR, HEADER, RECORD, KNOB = 1, 0, 64, 64, 64
GROUP = 20  # rows a group of a stored matrix
OPS = {
    L.Conv1d: 1, L.Gru: 2, L.Add: 3, L.Emphasis: 4, L.Deemphasis: 5, L.Lstm: 6, L.Activation: 7, L.Film: 8,
}  # fmt: skip
_OPS = OPS | upm_q.OPS
ARITHMETICS = ("f32", "q15", "q7")
GRADES = ("accurate", "fast")
# Nodes per unit of the fast grade's tables: a row that feeds one is stored multiplied by this.
TANH_NODES, SIGMOID_NODES = 64.0, 32.0
_REQUIRED = {b"LAYR", b"WGHT", b"SCAL", b"KNOB"}


# ---- matrices ------------------------------------------------------------------------------------


def groups(rows):
    """Sizes of the row groups of a stored matrix: rows padded to a multiple of 4 (1 stays 1), cut by 20."""
    padded = 1 if rows == 1 else -(-rows // 4) * 4
    return [min(GROUP, padded - at) for at in range(0, padded, GROUP)]


def pack_matrix(weight, bias):
    """weight [rows][cols], bias [rows] -> flat float32 in file order (group: biases, then columns)."""
    rows = len(bias)
    both = np.concatenate([np.reshape(bias, (rows, 1)), np.reshape(weight, (rows, -1))], axis=1)
    padded = np.zeros((sum(groups(rows)), both.shape[1]), np.float32)
    padded[:rows] = both
    cut = np.cumsum([0] + groups(rows))
    return np.concatenate([padded[a:b].T.ravel() for a, b in zip(cut, cut[1:])])


def unpack_matrix(flat, rows, cols):
    """The reverse of pack_matrix: (weight [rows][cols], bias [rows])."""
    parts, at = [], 0
    for g in groups(rows):
        parts.append(flat[at : at + g * (cols + 1)].reshape(cols + 1, g).T)
        at += g * (cols + 1)
    both = np.concatenate(parts)[:rows]
    return both[:, 1:], both[:, 0]


def _nodes(kind, grade):
    """What a row that feeds the look-up of `kind` is multiplied by (a power of two)."""
    return {"tanh": TANH_NODES, "sigmoid": SIGMOID_NODES}.get(kind, 1.0) if grade == "fast" else 1.0


def row_scale(layer, grade):
    """[rows] of a Conv1d: factors that fold the look-ups' nodes per unit into the rows."""
    scale = np.full(layer.rows, _nodes(layer.activation.kind, grade), np.float32)
    if layer.gate != "none":
        scale[layer.out :] = _nodes(layer.gate_activation.kind, grade)
    return scale


# ---- writing -------------------------------------------------------------------------------------


def _slopes(layer):
    """PReLU's slopes of a layer and of its gate, one a channel, flat."""
    parts = [np.zeros(0, np.float32)]
    for a in (layer.activation, getattr(layer, "gate_activation", None)):
        if a is not None and a.kind == "prelu":
            parts.append(np.asarray(a.slopes, np.float32).ravel())
    return np.concatenate(parts)


def _conv_floats(layer, grade):
    weight = np.asarray(layer.weight, np.float32)
    if layer.gate != "none" and layer.rows % 2:
        raise UpedalError(f"model: a gated layer of {layer.rows} rows; expected an even number")
    scale = row_scale(layer, grade)
    columns = weight.transpose(0, 2, 1).reshape(layer.rows, -1)  # taps, oldest first, then inputs
    if layer.side is not None:
        columns = np.concatenate([columns, np.asarray(layer.side_weight, np.float32)], axis=1)
    matrix = pack_matrix(columns * scale[:, None], np.asarray(layer.bias, np.float32) * scale)
    return np.concatenate([matrix, _slopes(layer)])


def _lstm_floats(layer, grade):
    hidden = layer.w_hh.shape[1]
    gates = [_nodes(kind, grade) for kind in ("sigmoid", "sigmoid", "tanh", "sigmoid")]
    scale = np.repeat(np.asarray(gates, np.float32), hidden)
    both = np.concatenate([layer.w_ih, layer.w_hh], axis=1).astype(np.float32)
    matrix = pack_matrix(both * scale[:, None], np.asarray(layer.bias, np.float32) * scale)
    state = [np.zeros(hidden) if v is None else np.asarray(v) for v in (layer.h, layer.c)]
    return np.concatenate([matrix, *state]).astype(np.float32)


def _gru_floats(layer, grade):
    w_ih, w_hh, b_ih, b_hh = (
        np.asarray(a, np.float32) for a in (layer.w_ih, layer.w_hh, layer.b_ih, layer.b_hh)
    )
    hidden = w_hh.shape[1]
    sig, tanh = _nodes("sigmoid", grade), _nodes("tanh", grade)
    rz, n = slice(0, 2 * hidden), slice(2 * hidden, None)
    both = np.concatenate([w_ih[rz], w_hh[rz]], axis=1) * sig
    cell = np.concatenate([b_ih[n, None], w_ih[n]], axis=1) * tanh
    gates = pack_matrix(both, (b_ih[rz] + b_hh[rz]) * sig)
    return np.concatenate([gates, pack_matrix(w_hh[n] * tanh, b_hh[n] * tanh), cell.ravel()])


def shape(layer, channels):
    """(in, out, taps, dilation) of a layer's record; `channels` of its source slot."""
    if type(layer) in upm_q.OPS:
        return upm_q.shape(layer, channels)
    if isinstance(layer, L.Conv1d):
        return layer.weight.shape[1], layer.out, layer.weight.shape[2], layer.dilation
    if isinstance(layer, (L.Gru, L.Lstm)):
        return layer.w_ih.shape[1], layer.w_hh.shape[1], 0, 0
    return channels, channels, 0, 0


def _tail(layer):
    """The flags of a record and what it ends with: the activations' numbers."""
    values = [[float(v) for v in a.par] for a in upm_q.acts(layer)]
    return 0, b"".join(struct.pack("<4f", *(par + [0.0] * 4)[:4]) for par in (values + [[], []])[:2])


def _record(layer, dims, side, offset, size, tail):
    """side: channels of the second source where they count (conv1d, FiLM), else 0; tail: flags, last 32 bytes."""
    cin, out, taps, dilation = dims
    gate = L.GATES.index(getattr(layer, "gate", "none"))
    kinds = [L.ACTIVATIONS.index(a.kind) for a in upm_q.acts(layer)] + [0, 0]
    plus = getattr(layer, "plus", None)
    src2 = getattr(layer, "src2", getattr(layer, "side", None)) or 0
    op, number = _OPS[type(layer)], getattr(layer, "scale", getattr(layer, "coef", 0.0))
    head = struct.pack(
        "<6B5H", op, kinds[0], layer.src, src2, layer.dst, 0 if plus is None else plus + 1,
        cin, out, taps, dilation, side,
    )  # fmt: skip
    return head + struct.pack("<IIfBBH", offset, size, number, gate, kinds[1], tail[0]) + tail[1]


def _align(data):
    return data + b"\0" * (-len(data) % 16)


def _floats(layer, grade):
    """A layer's part of WGHT, flat float32."""
    if isinstance(layer, L.Conv1d):
        return _conv_floats(layer, grade)
    if isinstance(layer, L.Gru):
        return _gru_floats(layer, grade)
    if isinstance(layer, L.Lstm):
        return _lstm_floats(layer, grade)
    return _slopes(layer) if isinstance(layer, L.Activation) else np.zeros(0, np.float32)


def weights(layer, grade, channels):
    """Bytes of a layer in WGHT, tables not counted; channels: what it writes."""
    if type(layer) in upm_q.OPS:
        return upm_q.weights(layer, channels)
    return _floats(layer, grade).astype("<f4").tobytes()


def widths(model):
    """[(in, out, taps, dilation), channels of the second source] of each layer, one after the other."""
    channels = {0: 1 + len(model.knobs)}
    for layer in model.layers:
        dims = shape(layer, channels.get(layer.src, 0))
        film = isinstance(layer, (L.Film, Q.QFilm))
        side = channels.get(layer.src2, 0) if film else 0
        if getattr(layer, "side", None) is not None:
            side = layer.side_weight.shape[1] if isinstance(layer, L.Conv1d) else layer.side_channels
        channels[layer.dst] = dims[1]
        yield dims, side


def stored_bytes(model):
    """Bytes of each layer in WGHT, the padding of matrices included, tables not counted."""
    return [len(weights(la, model.grade, dims[1])) for la, (dims, _) in zip(model.layers, widths(model))]


def table_bytes(model):
    """Bytes of an integer model's tables, which layers share."""
    store = bytearray()
    place = upm_q.placer(store)
    for layer in model.layers:
        upm_q.place_tables(layer, place)
    return len(store)


def _layers(model):
    records, store = b"", bytearray()
    place = upm_q.placer(store)
    for layer, (dims, side) in zip(model.layers, widths(model)):
        integer = type(layer) in upm_q.OPS
        if integer == (model.arithmetic == "f32"):
            raise UpedalError(f"model: a layer {type(layer).__name__} in a model of {model.arithmetic}")
        tail = upm_q.tail(layer, place) if integer else _tail(layer)
        data = weights(layer, model.grade, dims[1])
        records += _record(layer, dims, side, len(store), len(data), tail)
        store += _align(data)
    return records, bytes(store)


def _text(value, size):
    data = str(value).encode("utf-8", "replace")[:size]
    return data.decode(errors="ignore").encode().ljust(size, b"\0")


def _levels(model):
    nan = math.nan
    values = [nan if v is None else v for v in (model.loudness_db, model.input_dbu, model.output_dbu)]
    return struct.pack("<ii3f12x", round(model.latency * 256), model.polarity, *values)


def _units(model):
    inputs = 1 + len(model.knobs)
    if np.shape(model.units) != (inputs,):
        raise UpedalError(f"model: units of shape {np.shape(model.units)}; expected {inputs}, one an input")
    return np.asarray(model.units, "<f4").tobytes()


def dumps(model, lite=None):
    """The bytes of a .upm file for a layers.Model or qlayers.QModel, and a smaller model `lite` of the same
    rate and knobs inside it. Raises UpedalError if the reader would refuse it."""
    blob = write(model, lite)
    check(blob, "model")
    upm_lite.checked(blob, sections(blob), "model")
    return blob


def write(model, lite=None):
    """As dumps, without the reader's checks."""
    try:
        return _write(model, lite)
    except (KeyError, struct.error) as e:
        raise UpedalError(f"model: a layer's slot or number is out of range ({e})") from None


def _write(model, lite):
    records, weights = _layers(model)
    meta = "".join(f"{k}={' '.join(str(v).split())}\n".replace("\0", "") for k, v in sorted(model.meta.items()))
    knobs = b"".join(
        (_text(name, 24) + _text(unit, 8) + struct.pack("<3f", low, high, default)).ljust(KNOB, b"\0")
        for name, unit, low, high, default in model.knobs
    )
    sections = {b"LAYR": records, b"WGHT": weights, b"LEVL": _levels(model)}
    sections |= {b"SCAL": _units(model)} if model.arithmetic != "f32" else {}
    sections |= {b"KNOB": knobs} if knobs else {}
    sections |= {b"META": meta.encode("utf-8", "replace")} if meta else {}
    sections |= {upm_lite.TAG: write(lite)} if lite is not None else {}
    at, table, body = HEADER + 16 * len(sections), b"", b""
    for tag, data in sections.items():
        table += struct.pack("<4sIII", tag, tag in _REQUIRED, at + len(body), len(data))
        body += _align(data)
    size = at + len(body)
    head = struct.pack("<4sBBHI", b"UPMD", MAJOR, MINOR, HEADER, size)
    tail = struct.pack(
        "<III4BHHI24x", model.rate_hz, model.prewarm, receptive_field(model) or 0,
        ARITHMETICS.index(model.arithmetic), GRADES.index(model.grade), 1 + len(model.knobs), 1,
        len(model.layers), len(sections), HEADER,
    )  # fmt: skip
    rest = tail + table + body
    return head + struct.pack("<I", zlib.crc32(head + rest)) + rest


def replace(path, data):
    """Writes the file in a folder that is there; a failed write never destroys what was there."""
    try:
        with replacing(path) as beside:
            beside.write_bytes(data)
    except OSError as e:
        raise UpedalError(f"{path}: {e.strerror or e}") from None


def save(model, path, lite=None):
    """Writes the file; its size. lite: as of dumps."""
    blob = dumps(model, lite)
    replace(path, blob)
    return len(blob)


# ---- reading -------------------------------------------------------------------------------------


def check(blob, name):
    """Runs the pedal's own checks. Raises UpedalError naming the file and the check that failed."""
    from .native import pedal_nn

    try:
        return pedal_nn.arena_size(blob)
    except ValueError as e:
        raise UpedalError(f"{name}: {e}") from None


def read_blob(path, size=None):
    """The checked bytes of a .upm file, or of the smaller model inside it for the size "lite"."""
    try:
        blob = Path(path).read_bytes()
    except OSError as e:
        raise UpedalError(f"{path}: {e.strerror or e}") from None
    check(blob, path)
    return upm_lite.pick(blob, size, path)


def load(path, size=None):
    """The model, or for the size "lite" the smaller one inside the file."""
    return loads(read_blob(path, size), path)


def sections(blob):
    """{tag: bytes} of a checked file."""
    count, at = struct.unpack_from("<HI", blob, 34)
    entries = (struct.unpack_from("<4sIII", blob, at + 16 * i) for i in range(count))
    return {tag: blob[offset : offset + size] for tag, _, offset, size in entries}


def _read_act(kind, par, flat):
    """(Act, floats of slopes used)"""
    name = L.ACTIVATIONS[kind]
    used = {"leaky_relu": 1, "elu": 1, "leaky_hard_tanh": 4}.get(name, 0)
    return L.Act(name, tuple(par[:used]), flat if name == "prelu" else None)


def _read_conv(record, flat, grade):
    _, act, src, src2, dst, plus, cin, out, taps, dilation, side = struct.unpack_from("<6B5H", record)
    gate, gate_act = L.GATES[record[28]], record[29]
    par = struct.unpack_from("<8f", record, 32)
    rows, cols = out if gate == "none" else 2 * out, taps * cin + side
    size = sum(groups(rows)) * (cols + 1)
    matrix, slopes = flat[:size], flat[size:]
    both, bias = unpack_matrix(matrix, rows, cols)
    f = _read_act(act, par[:4], slopes[:out])
    layer = L.Conv1d(np.zeros((rows, cin, taps), np.float32), bias, dilation, f, src, dst)
    if gate != "none":
        layer.gate = gate
        layer.gate_activation = _read_act(gate_act, par[4:], slopes[out if f.kind == "prelu" else 0 :])
    scale = row_scale(layer, grade)
    both = both / scale[:, None]
    layer.weight = both[:, : taps * cin].reshape(rows, taps, cin).transpose(0, 2, 1)
    layer.bias = bias / scale
    if side:
        layer.side, layer.side_weight = src2, both[:, taps * cin :]
    layer.plus = plus - 1 if plus else None
    return layer


def _read_lstm(flat, cin, hidden, src, dst, grade):
    gates = [_nodes(kind, grade) for kind in ("sigmoid", "sigmoid", "tanh", "sigmoid")]
    scale = np.repeat(np.asarray(gates, np.float32), hidden)
    both, bias = unpack_matrix(flat[: -2 * hidden], 4 * hidden, cin + hidden)
    both = both / scale[:, None]
    h, c = flat[-2 * hidden : -hidden], flat[-hidden:]
    return L.Lstm(both[:, :cin], both[:, cin:], bias / scale, h, c, src, dst)


def _read_layer(record, weights, grade):
    op, act, src, src2, dst, _, cin, out = struct.unpack_from("<6B2H", record)
    offset, size, coef = struct.unpack_from("<IIf", record, 16)
    flat = np.frombuffer(weights, "<f4", size // 4, offset).astype(np.float32)
    if op == 1:
        return _read_conv(record, flat, grade)
    if op == 2:
        return _read_gru(flat, cin, out, src, dst, grade)
    if op == 6:
        return _read_lstm(flat, cin, out, src, dst, grade)
    if op == 7:
        return L.Activation(_read_act(act, struct.unpack_from("<4f", record, 32), flat), src, dst)
    if op in (3, 8):
        return (L.Add if op == 3 else L.Film)(src, src2, dst)
    return (L.Emphasis if op == 4 else L.Deemphasis)(coef, src, dst)


def _read_gru(flat, cin, hidden, src, dst, grade):
    sig, tanh = _nodes("sigmoid", grade), _nodes("tanh", grade)
    cut = sum(groups(2 * hidden)) * (cin + hidden + 1)
    both, b_rz = unpack_matrix(flat[:cut], 2 * hidden, cin + hidden)
    w_n, b_hn = unpack_matrix(flat[cut : -hidden * (1 + cin)], hidden, hidden)
    cell = flat[-hidden * (1 + cin) :].reshape(hidden, 1 + cin) / tanh
    zeros = np.zeros(2 * hidden, np.float32)
    return L.Gru(
        w_ih=np.concatenate([both[:, :cin] / sig, cell[:, 1:]]),
        w_hh=np.concatenate([both[:, cin:] / sig, w_n / tanh]),
        b_ih=np.concatenate([b_rz / sig, cell[:, 0]]),  # r and z: both biases, summed by the packer
        b_hh=np.concatenate([zeros, b_hn / tanh]),
        src=src,
        dst=dst,
    )


def loads(blob, name="model", size=None):
    """layers.Model or, of an integer file, qlayers.QModel. Raises UpedalError where the reader refuses the
    file or an optional section is damaged."""
    blob = bytes(blob)
    check(blob, name)
    return parse(upm_lite.pick(blob, size, name), name)


def parse(blob, name="model"):
    """As loads, of a blob that is known to be right."""
    rate, prewarm = struct.unpack_from("<II", blob, 16)
    arithmetic, grade, inputs = ARITHMETICS[blob[28]], GRADES[blob[29]], blob[30]
    parts = sections(blob)
    records, weights = parts[b"LAYR"], parts[b"WGHT"]
    integer = arithmetic != "f32"
    read, how = (upm_q.read_layer, arithmetic) if integer else (_read_layer, grade)
    try:
        found = [read(records[at : at + RECORD], weights, how) for at in range(0, len(records), RECORD)]
    except UpedalError as e:  # an integer layer that the accelerator does not have
        raise UpedalError(f"{name}: {e}") from None
    if integer:
        units = np.frombuffer(parts[b"SCAL"], "<f4").astype(np.float32)
        model = Q.QModel(found, units, rate, arithmetic, prewarm, grade=grade)
    else:
        model = L.Model(found, rate, grade, arithmetic, prewarm)
    model.knobs = [_read_knob(parts[b"KNOB"], k, name) for k in range(inputs - 1)]
    model.meta = _read_meta(parts.get(b"META", b""), name)
    if b"LEVL" in parts:
        _read_levels(parts[b"LEVL"], model, name)
    return model


def _decode(data, name, what):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UpedalError(f"{name}: {what} is not UTF-8 text") from None


def _read_knob(data, k, name):
    knob = data[k * KNOB : (k + 1) * KNOB]
    title, unit = (_decode(part.rstrip(b"\0"), name, "a knob's name") for part in (knob[:24], knob[24:32]))
    return (title, unit, *struct.unpack_from("<3f", knob, 32))


def _read_meta(data, name):
    lines = _decode(data, name, "META").split("\n")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _read_levels(data, model, name):
    if len(data) != 32:
        raise UpedalError(f"{name}: section LEVL has {len(data)} bytes, expected 32")
    latency, polarity, *levels = struct.unpack("<ii3f12x", data)
    if polarity not in (1, -1):
        raise UpedalError(f"{name}: section LEVL says polarity {polarity}, expected 1 or -1")
    model.latency, model.polarity = latency / 256, polarity
    model.loudness_db, model.input_dbu, model.output_dbu = (
        None if math.isnan(v) else v for v in levels
    )


# ---- what a model costs --------------------------------------------------------------------------


def sources(layer):
    """The slots a layer reads."""
    names = ("src", "src2", "side", "plus")
    return [slot for slot in (getattr(layer, name, None) for name in names) if slot is not None]


_RECURRENT = (L.Gru, L.Lstm, L.Deemphasis, Q.QGru, Q.QLstm, Q.QDeemphasis)


def _reach(layer):
    """Frames before the newest that a layer reads from src."""
    if isinstance(layer, (L.Emphasis, Q.QEmphasis)):
        return 1
    _, _, taps, dilation = shape(layer, 1)
    return max(taps - 1, 0) * dilation


def receptive_field(model):
    """Frames of input one output frame depends on; None for a recurrent model (unbounded)."""
    reach = {0: 1}
    for layer in model.layers:
        before = [reach[slot] for slot in sources(layer)]
        if isinstance(layer, _RECURRENT) or None in before:
            reach[layer.dst] = None
            continue
        before[0] += _reach(layer)
        reach[layer.dst] = max(before)
    return reach[model.layers[-1].dst]


def macs(layer):
    """Multiply-accumulates a frame, padding not counted."""
    if type(layer) in upm_q.OPS:
        return upm_q.macs(layer)
    if isinstance(layer, L.Conv1d):
        return int(np.size(layer.weight) + (0 if layer.side is None else np.size(layer.side_weight)))
    if isinstance(layer, (L.Gru, L.Lstm)):
        return int(np.size(layer.w_ih) + np.size(layer.w_hh))
    return 0 if isinstance(layer, (L.Add, L.Activation)) else 1


def parameters(layer):
    """Trained numbers of a layer as its format counts them (no padding, no initial states)."""
    if type(layer) in upm_q.OPS:
        return upm_q.parameters(layer)
    if isinstance(layer, L.Conv1d):
        return macs(layer) + int(np.size(layer.bias)) + len(_slopes(layer))
    if isinstance(layer, L.Gru):
        return macs(layer) + int(np.size(layer.b_ih) + np.size(layer.b_hh))
    if isinstance(layer, L.Lstm):
        return macs(layer) + int(np.size(layer.bias))
    return len(_slopes(layer)) if isinstance(layer, L.Activation) else 0
