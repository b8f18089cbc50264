"""The .upm file: the only writer, and a reader that turns a file back into layers.

models/SPEC.md describes each byte; the names here are its names. Reading checks the file with the
same C code that the pedal uses, so both refuse for the same reason.
"""

import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from . import layers as L
from .errors import UpedalError

MAJOR, MINOR, HEADER, RECORD, KNOB = 1, 0, 64, 48, 64
GROUP = 20  # rows a group of a stored matrix
OPS = {L.Conv1d: 1, L.Dense: 1, L.Gru: 2, L.Add: 3, L.Emphasis: 4, L.Deemphasis: 5}
ARITHMETICS = ("f32", "q15", "q7")
GRADES = ("accurate", "fast")
# Nodes per unit of the fast grade's tables: a row that feeds one is stored multiplied by this.
TANH_NODES, SIGMOID_NODES = 32.0, 16.0
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


def row_scale(activation, rows, grade):
    """[rows] factors that fold the look-up's nodes per unit into a layer's rows (powers of two)."""
    scale = np.ones(rows, np.float32)
    if grade == "fast":
        if activation == "gated":
            scale[: rows // 2], scale[rows // 2 :] = TANH_NODES, SIGMOID_NODES
        else:
            scale *= {"tanh": TANH_NODES, "sigmoid": SIGMOID_NODES}.get(activation, 1.0)
    return scale


# ---- writing -------------------------------------------------------------------------------------


def _conv_floats(layer, grade):
    weight = np.asarray(layer.weight, np.float32)
    weight = weight[:, :, None] if weight.ndim == 2 else weight  # Dense: one tap
    rows = weight.shape[0]
    scale = row_scale(layer.activation, rows, grade)
    columns = weight.transpose(0, 2, 1).reshape(rows, -1)  # taps, oldest first, then inputs
    return pack_matrix(columns * scale[:, None], np.asarray(layer.bias, np.float32) * scale)


def _gru_floats(layer, grade):
    w_ih, w_hh, b_ih, b_hh = (
        np.asarray(a, np.float32) for a in (layer.w_ih, layer.w_hh, layer.b_ih, layer.b_hh)
    )
    hidden = w_hh.shape[1]
    sig, tanh = (SIGMOID_NODES, TANH_NODES) if grade == "fast" else (1.0, 1.0)
    rz, n = slice(0, 2 * hidden), slice(2 * hidden, None)
    both = np.concatenate([w_ih[rz], w_hh[rz]], axis=1) * sig
    cell = np.concatenate([b_ih[n, None], w_ih[n]], axis=1) * tanh
    gates = pack_matrix(both, (b_ih[rz] + b_hh[rz]) * sig)
    return np.concatenate([gates, pack_matrix(w_hh[n] * tanh, b_hh[n] * tanh), cell.ravel()])


def shape(layer, channels):
    """(in, out, taps, dilation) of a layer's record; `channels` of its source slot."""
    if isinstance(layer, (L.Conv1d, L.Dense)):
        rows, cols = np.shape(layer.weight)[:2]
        taps = np.shape(layer.weight)[2] if isinstance(layer, L.Conv1d) else 1
        out = rows // 2 if layer.activation == "gated" else rows
        return cols, out, taps, getattr(layer, "dilation", 1)
    if isinstance(layer, L.Gru):
        return np.shape(layer.w_ih)[1], np.shape(layer.w_hh)[1], 0, 0
    return channels, channels, 0, 0


def _record(layer, dims, offset, size):
    cin, out, taps, dilation = dims
    activation = L.ACTIVATIONS.index(getattr(layer, "activation", "linear"))
    head = struct.pack(
        "<6B4H2x", OPS[type(layer)], activation, layer.src, getattr(layer, "src2", 0), layer.dst, 0,
        cin, out, taps, dilation,
    )  # fmt: skip
    return (head + struct.pack("<IIf", offset, size, getattr(layer, "coef", 0.0))).ljust(RECORD, b"\0")


def _align(data):
    return data + b"\0" * (-len(data) % 16)


def stored_floats(layer, grade):
    """float32 values of a layer in the file, padding included."""
    if isinstance(layer, (L.Conv1d, L.Dense)):
        return len(_conv_floats(layer, grade))
    return len(_gru_floats(layer, grade)) if isinstance(layer, L.Gru) else 0


def _layers(model):
    records, weights, channels = b"", b"", {0: 1 + len(model.knobs)}
    for layer in model.layers:
        size = shape(layer, channels.get(layer.src, 0))
        floats = np.zeros(0, np.float32)
        if isinstance(layer, (L.Conv1d, L.Dense)):
            floats = _conv_floats(layer, model.grade)
        elif isinstance(layer, L.Gru):
            floats = _gru_floats(layer, model.grade)
        data = floats.astype("<f4").tobytes()
        records += _record(layer, size, len(weights), len(data))
        weights += _align(data)
        channels[layer.dst] = size[1]
    return records, weights


def _text(value, size):
    data = str(value).encode()[:size]
    return data.decode(errors="ignore").encode().ljust(size, b"\0")


def _levels(model):
    nan = math.nan
    values = [nan if v is None else v for v in (model.loudness_db, model.input_dbu, model.output_dbu)]
    return struct.pack("<ii3f12x", round(model.latency * 256), model.polarity, *values)


def dumps(model):
    """The bytes of a .upm file for a layers.Model. Raises UpedalError if the reader would refuse it."""
    records, weights = _layers(model)
    meta = "".join(f"{k}={v}\n".replace("\0", "") for k, v in sorted(model.meta.items()))
    knobs = b"".join(
        (_text(name, 24) + _text(unit, 8) + struct.pack("<3f", low, high, default)).ljust(KNOB, b"\0")
        for name, unit, low, high, default in model.knobs
    )
    sections = {b"LAYR": records, b"WGHT": weights, b"LEVL": _levels(model)}
    sections |= {b"KNOB": knobs} if knobs else {}
    sections |= {b"META": meta.encode()} if meta else {}
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
    blob = head + struct.pack("<I", zlib.crc32(head + rest)) + rest
    check(blob, "model")
    return blob


def save(model, path):
    """Writes beside the target, then renames: a failed write never destroys what was there."""
    path = Path(path)
    blob = dumps(model)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(blob)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return len(blob)


# ---- reading -------------------------------------------------------------------------------------


def check(blob, name):
    """Runs the pedal's own checks. Raises UpedalError naming the file and the check that failed."""
    from .native import pedal_nn

    try:
        return pedal_nn.arena_size(blob)
    except ValueError as e:
        raise UpedalError(f"{name}: {e}") from None


def read_blob(path):
    """The checked bytes of a .upm file."""
    try:
        blob = Path(path).read_bytes()
    except OSError as e:
        raise UpedalError(f"{path}: {e.strerror or e}") from None
    check(blob, path)
    return blob


def load(path):
    return loads(read_blob(path), path)


def _sections(blob):
    count, at = struct.unpack_from("<HI", blob, 34)
    entries = (struct.unpack_from("<4sIII", blob, at + 16 * i) for i in range(count))
    return {tag: blob[offset : offset + size] for tag, _, offset, size in entries}


def _read_layer(record, weights, grade):
    op, act, src, src2, dst, _, cin, out, taps, dilation = struct.unpack_from("<6B4H", record)
    offset, size, coef = struct.unpack_from("<IIf", record, 16)
    flat = np.frombuffer(weights, "<f4", size // 4, offset).astype(np.float32)
    if op == 1:
        activation = L.ACTIVATIONS[act]
        rows = 2 * out if activation == "gated" else out
        weight, bias = unpack_matrix(flat, rows, taps * cin)
        scale = row_scale(activation, rows, grade)
        weight = (weight / scale[:, None]).reshape(rows, taps, cin).transpose(0, 2, 1)
        return L.Conv1d(weight, bias / scale, dilation, activation, src, dst)
    if op == 2:
        return _read_gru(flat, cin, out, src, dst, grade)
    if op == 3:
        return L.Add(src, src2, dst)
    return (L.Emphasis if op == 4 else L.Deemphasis)(coef, src, dst)


def _read_gru(flat, cin, hidden, src, dst, grade):
    sig, tanh = (SIGMOID_NODES, TANH_NODES) if grade == "fast" else (1.0, 1.0)
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


def loads(blob, name="model"):
    """layers.Model of a checked file. Raises UpedalError where an optional section is damaged."""
    blob = bytes(blob)
    check(blob, name)
    rate, prewarm = struct.unpack_from("<II", blob, 16)
    arithmetic, grade, inputs = blob[28], GRADES[blob[29]], blob[30]
    parts = _sections(blob)
    records, weights = parts[b"LAYR"], parts[b"WGHT"]
    found = [
        _read_layer(records[at : at + RECORD], weights, grade)
        for at in range(0, len(records), RECORD)
    ]
    model = L.Model(found, rate, grade, ARITHMETICS[arithmetic], prewarm)
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
    lines = _decode(data, name, "META").splitlines()
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


def receptive_field(model):
    """Frames of input one output frame depends on; None for a recurrent model (unbounded)."""
    reach = {0: 1}
    for layer in model.layers:
        here = max(reach[s] or 0 for s in (layer.src, getattr(layer, "src2", layer.src)))
        unbounded = isinstance(layer, (L.Gru, L.Deemphasis)) or reach[layer.src] is None
        if isinstance(layer, L.Conv1d):
            here += (layer.weight.shape[2] - 1) * layer.dilation
        elif isinstance(layer, L.Emphasis):
            here += 1
        reach[layer.dst] = None if unbounded else here
    return reach[model.layers[-1].dst]


def macs(layer):
    """Multiply-accumulates a frame, padding not counted."""
    if isinstance(layer, (L.Conv1d, L.Dense)):
        return int(np.size(layer.weight))
    if isinstance(layer, L.Gru):
        return int(np.size(layer.w_ih) + np.size(layer.w_hh))
    return {L.Add: 0}.get(type(layer), 1)
