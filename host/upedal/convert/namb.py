"""`.namb`, the binary form of a `.nam` (format version 1), in and out.

The bytes become the JSON value of the same model and go through nam.py, so both are checked alike.
Little-endian, no alignment inside the blocks:

    0   "BMAN", u16 version, u16 flags, u32 file size, u32 offset of the weights, u32 their number,
        u32 size of the model block, u32 CRC-32 of all but itself, u32 0
    32  metadata, 48 bytes     80  model block, zeros to a multiple of 4, weights in float32
"""

import struct
import zlib

import numpy as np

from ..errors import UpedalError
from . import nam, nam_graph
from .nam_net import FILMS

MAGIC, HEADER, META = b"BMAN", 32, 48
_HEAD = struct.Struct("<4sHHIIIIII")
_META = struct.Struct("<4B4d12x")
_ARCHITECTURES = ("Linear", "ConvNet", "LSTM", "WaveNet")
_ACTIVATIONS = (
    "Tanh", "Hardtanh", "Fasttanh", "ReLU", "LeakyReLU", "PReLU", "Sigmoid", "SiLU", "Hardswish",
    "LeakyHardtanh", "Softsign",
)  # fmt: skip
_HARD = ("min_val", "max_val", "min_slope", "max_slope")
_GATES = ("none", "gated", "blended")
_LEVELS = ((1, "loudness"), (2, "input_level_dbu"), (4, "output_level_dbu"))
_DEEPEST = 8


def detect(data, name):
    return data[:4] == MAGIC


# ---- reading -------------------------------------------------------------------------------------


class _Bytes:
    """A block read from the left."""

    def __init__(self, data, where):
        self.data, self.where, self.at = data, where, 0

    def take(self, layout):
        size = struct.calcsize("<" + layout)
        if len(self.data) - self.at < size:
            raise UpedalError(f"{self.where}: the model block ends at byte {len(self.data)}; expected more")
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += size
        return values

    def block(self, size):
        return _Bytes(self.take(f"{size}s")[0], self.where)


def read(data, name, *, size=None, warn=print):
    return nam.from_object(to_object(data, name), name, size, warn)


def to_object(data, name):
    """The JSON value of the .nam that a .namb (bytes) holds. Raises UpedalError for a damaged file."""
    if len(data) < HEADER + META:
        raise UpedalError(f"{name}: {len(data)} bytes; expected a .namb of at least {HEADER + META}")
    magic, version, _, total, at, count, model_size, crc, _ = _HEAD.unpack_from(data)
    if (magic, version) != (MAGIC, 1):
        raise UpedalError(f"{name}: {magic!r} version {version}; expected {MAGIC!r} version 1")
    if total != len(data):
        raise UpedalError(f"{name}: {len(data)} bytes; expected {total}, as its header says")
    if zlib.crc32(data[28:], zlib.crc32(data[:24])) != crc:
        raise UpedalError(f"{name}: damaged: its checksum is not that of its content")
    if model_size > total - HEADER - META or at % 4 or not HEADER + META + model_size <= at <= total:
        raise UpedalError(f"{name}: weights at {at} behind a model block of {model_size} bytes; expected both inside")
    if count != (total - at) / 4:
        raise UpedalError(f"{name}: {count} weights; expected {(total - at) // 4}, which the file has room for")
    block = _Bytes(data[HEADER : HEADER + META + model_size], name)
    obj, _ = _read_model(block, np.frombuffer(data, "<f4", count, at).tolist(), 0)
    return obj


def _read_model(b, weights, depth):
    """(model object, what of `weights` was not the condition model's) from a metadata and a model block."""
    if depth > _DEEPEST:
        raise UpedalError(f"{b.where}: condition models nested deeper than {_DEEPEST}")
    major, minor, patch, flags, rate, *levels = _META.unpack(b.take(f"{META}s")[0])
    kind, _, size = b.take("BBH")
    if kind >= len(_ARCHITECTURES):
        raise UpedalError(f"{b.where}: architecture {kind}; expected 0 to {len(_ARCHITECTURES) - 1}")
    obj = {"version": f"{major}.{minor}.{patch}", "architecture": _ARCHITECTURES[kind]}
    if rate != -1:
        obj["sample_rate"] = rate
    obj["metadata"] = {key: v for (bit, key), v in zip(_LEVELS, levels, strict=True) if flags & bit}
    block = b.block(size)
    if kind == 3:
        obj["config"], weights = _read_wavenet(block, weights, depth)
    else:
        obj["config"] = (_read_linear, _read_convnet, _read_lstm)[kind](block)
    if block.at != size:
        raise UpedalError(f"{b.where}: {size - block.at} bytes left over in the model block")
    obj["weights"] = weights
    return obj, weights


def _read_linear(b):
    field, bias, cin, out, _ = b.take("iBBBB")
    return {"receptive_field": field, "bias": bool(bias), "in_channels": cin, "out_channels": out}


def _read_lstm(b):
    layers, cin, hidden, channels, out, _ = b.take("HHHBBH")
    return {
        "num_layers": layers, "input_size": cin, "hidden_size": hidden, "in_channels": channels, "out_channels": out,
    }  # fmt: skip


def _read_convnet(b):
    channels, norm, n, groups, cin, out = b.take("HBBHBB")
    config = {"channels": channels, "batchnorm": bool(norm), "groups": groups, "in_channels": cin, "out_channels": out}
    config["activation"] = _read_activation(b)
    return config | {"dilations": list(b.take(f"{n}i"))}


def _read_activation(b):
    kind, count = b.take("BB")
    if kind >= len(_ACTIVATIONS):
        raise UpedalError(f"{b.where}: activation {kind}; expected 0 to {len(_ACTIVATIONS) - 1}")
    found, numbers = {"type": _ACTIVATIONS[kind]}, list(b.take(f"{count}f"))
    if found["type"] == "LeakyHardtanh":
        found |= dict(zip(_HARD, numbers, strict=False))
    elif found["type"] in ("LeakyReLU", "PReLU") and numbers:
        found |= {"negative_slope": numbers[0]} if count == 1 else {"negative_slopes": numbers}
    return found


def _read_wavenet(b, weights, depth):
    cin, has_head, arrays, has_condition = b.take("4B")
    if has_head:
        raise UpedalError(f"{b.where}: had a head behind its layer arrays, which .namb has lost; convert the .nam")
    config = {"in_channels": cin, "head": None, "head_scale": weights[-1] if weights else 0.0}
    if has_condition:
        (count,) = b.take("I")
        if count > len(weights):
            raise UpedalError(f"{b.where}: {count} weights of the condition model; expected at most {len(weights)}")
        config["condition_dsp"], _ = _read_model(b, weights[:count], depth + 1)
        weights = weights[count:]
    config["layers"] = [_read_array(b) for _ in range(arrays)]
    return config, weights


def _read_array(b):
    cin, cond, outs, channels, width, kernel, bias, n = b.take("6HBB")
    groups, mixin_groups, on, one_groups, _, head_on, head_out, head_groups, _ = b.take("HHBHBBHHB")
    films = {}
    for name in FILMS:
        flags, _, film_groups = b.take("BBH")
        films[name] = {"active": bool(flags & 1), "shift": bool(flags & 2), "groups": film_groups}
    found = {
        "input_size": cin, "condition_size": cond, "channels": channels, "bottleneck": width,
        "head": {"out_channels": outs, "kernel_size": kernel or 1, "bias": bool(bias)},
        "groups_input": groups, "groups_input_mixin": mixin_groups,
        "layer1x1": {"active": bool(on), "groups": one_groups if on else 1},
        "head1x1": {"active": bool(head_on), "out_channels": head_out, "groups": head_groups} if head_on else None,
        **{name: f for name, f in films.items() if f["active"]},
    }  # fmt: skip
    found["dilations"], found["kernel_sizes"] = list(b.take(f"{n}i")), list(b.take(f"{n}H"))
    found["activation"] = [_read_activation(b) for _ in range(n)]
    gates = b.take(f"{n}B")
    if any(g >= len(_GATES) for g in gates):
        raise UpedalError(f"{b.where}: gating {max(gates)}; expected 0 to {len(_GATES) - 1}")
    found["gating_mode"] = [_GATES[g] for g in gates]
    found["secondary_activation"] = [_read_activation(b) for _ in range(n)]
    return found


# ---- writing -------------------------------------------------------------------------------------


def write(model, name, *, warn=print):
    obj = nam.to_object(model, name, warn)
    lost = sorted(set(obj["metadata"]) - {key for _, key in _LEVELS})
    if lost:
        warn(f"{name}: .namb has no place for metadata: {', '.join(lost)}")
    try:
        block, weights = _write_model(obj, name)
    except struct.error as e:
        raise UpedalError(f"{name}: a number that .namb has no room for ({e}); write a .nam") from None
    size = len(block) - META
    block += b"\0" * (-len(block) % 4)
    at = HEADER + len(block)
    body = block + np.asarray(weights, "<f4").tobytes()
    head = _HEAD.pack(MAGIC, 1, 0, HEADER + len(body), at, len(weights), size, 0, 0)
    crc = zlib.crc32(head[28:] + body, zlib.crc32(head[:24]))
    data = head[:24] + struct.pack("<I", crc) + head[28:] + body
    nam_graph.check_same(read(data, name, warn=lambda text: None), model, name)
    return data


def _write_model(obj, name):
    """(metadata and model block, weights) of a model object as nam.to_object makes it."""
    config, metadata = obj["config"], obj.get("metadata", {})
    flags = sum(bit for bit, key in _LEVELS if key in metadata)
    levels = [metadata.get(key, 0.0) for _, key in _LEVELS]
    version = [int(n) for n in obj["version"].split(".")]
    meta = _META.pack(*version, flags, obj.get("sample_rate", -1.0), *levels)
    kind, weights = _ARCHITECTURES.index(obj["architecture"]), obj["weights"]
    if kind == 3:
        block, before = _write_wavenet(config, name)
        weights = before + weights
    else:
        block = (_write_linear, _write_convnet, _write_lstm)[kind](config)
    return meta + struct.pack("<BBH", kind, 0, len(block)) + block, weights


def _write_linear(config):
    return struct.pack("<iBBBB", config["receptive_field"], config["bias"], 1, 1, 0)


def _write_lstm(config):
    sizes = config["num_layers"], config["input_size"], config["hidden_size"]
    return struct.pack("<HHHBBH", *sizes, 1, config.get("out_channels", 1), 0)


def _write_convnet(config):
    n, out = len(config["dilations"]), config.get("out_channels", 1)
    block = struct.pack("<HBBHBB", config["channels"], config["batchnorm"], n, 1, 1, out)
    return block + _write_activation(config["activation"]) + struct.pack(f"<{n}i", *config["dilations"])


def _write_activation(value):
    """An activation's name or object; None: what a layer without gate has."""
    value = {"type": value or "Tanh"} if not isinstance(value, dict) else value
    numbers = value.get("negative_slopes", [value["negative_slope"]] if "negative_slope" in value else [])
    if value["type"] == "LeakyHardtanh":
        numbers = [value[key] for key in _HARD]
    return struct.pack(f"<BB{len(numbers)}f", _ACTIVATIONS.index(value["type"]), len(numbers), *numbers)


def _write_wavenet(config, name):
    """(model block's content, weights of the condition models)"""
    if config["head"]:
        raise UpedalError(f"{name}: has a head behind its layer arrays; .namb loses it: write a .nam")
    condition = config.get("condition_dsp")
    block, weights = struct.pack("<4B", 1, 0, len(config["layers"]), condition is not None), []
    if condition:
        inner, weights = _write_model(condition, name)
        block += struct.pack("<I", len(weights)) + inner
    return block + b"".join(_write_array(entry, name) for entry in config["layers"]), weights


def _write_array(entry, name):
    n, c = len(entry["dilations"]), entry["channels"]
    head = entry.get("head") or {"out_channels": entry["head_size"], "kernel_size": 1, "bias": entry["head_bias"]}
    if head.get("head_dilation", 1) != 1:
        raise UpedalError(f"{name}: a head of dilation {head['head_dilation']}; .namb knows 1: write a .nam")
    sizes = entry["input_size"], entry["condition_size"], head["out_channels"], c, entry.get("bottleneck", c)
    block = struct.pack("<6HBB2H", *sizes, head["kernel_size"], head["bias"], n, 1, 1)
    one = entry.get("head1x1", {"active": False, "out_channels": c})
    block += struct.pack("<BHBBHHB", entry.get("layer1x1", {"active": True})["active"], 1, 0,
                         one["active"], one["out_channels"], 1, 0)  # fmt: skip
    for film in (entry.get(key, {"active": False, "shift": False}) for key in FILMS):
        block += struct.pack("<BBH", film["active"] + 2 * film["shift"], 0, 1)
    kernels = entry.get("kernel_sizes") or [entry["kernel_size"]] * n
    block += struct.pack(f"<{n}i{n}H", *entry["dilations"], *kernels)
    block += b"".join(_write_activation(a) for a in _listed(entry["activation"], n))
    gates = entry.get("gating_mode", ["gated" if entry.get("gated") else "none"] * n)
    second = entry.get("secondary_activation", ["Sigmoid" if entry.get("gated") else None] * n)
    block += bytes(_GATES.index(g) for g in gates)
    return block + b"".join(_write_activation(a) for a in second)


def _listed(value, n):
    return value if isinstance(value, list) else [value] * n
