"""8-bit nets for the MAX78000's accelerator: the folder that the vendor's ai8x-synthesis takes, and back.

    net-q.pth.tar       a torch.save dictionary: epoch, arch, state_dict of whole numbers as floats
    network.yaml        how each layer is laid out: processors, offsets, dilation, activation
    sample_NAME.npy     an input, int64 [channels][frames], -128..127
    known_answer.npz    the same input, every layer's weights, sums and results by `ai8x`
    README.txt          the command line, and how a program runs overlapping windows

Per layer of `net-q.pth.tar`: NAME.op.weight [out][in][tap], NAME.op.bias = bias * 2^(weight_bits - 1), and
one-number tensors weight_bits and output_shift; bias_bits, quantize_activation, adjust_output_shift and
shift_quantile are for the vendor's own evaluation.

Data memory: four channels share an instance of 32 KiB as bytes of one word, so a frame takes 4 bytes. The
input lies at 0 and results alternate between 0x2000 and 0x4000. A layer whose (taps - 1) * dilation is 9 or
more is run as an image of `dilation` columns, and its first row of results, which is invalid, is written
in front of its offset.
"""

import io
import re
import zipfile
from pathlib import Path

import numpy as np

from .. import ai8x, upm
from ..errors import UpedalError

CHECKPOINT, CONFIG = "net-q.pth.tar", "network.yaml"
ANSWER, README = "known_answer.npz", "README.txt"
WINDOW = 192  # frames out of a run, unless the sample says otherwise
MOST_LAYERS = 32
MOST_CHANNELS = 64  # one processor a channel; more would take several passes
MOST_FRAMES = 1024
MOST_DILATED_TAPS = 3
SLOTS = 768  # of 9 bytes, a processor
BIAS_BYTES = 512  # a group of 16 processors
INSTANCE_BYTES = 32768
OFFSETS = (0x2000, 0x4000)
_STRETCHED = 9  # taps of the 1-D engine
_MOST_FILE = 64 << 20
_MOST_CONFIG = 1 << 20
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


# ---- layout --------------------------------------------------------------------------------------


def _mapped(layer):
    """Whether the layer runs on the 2-D engine, as an image of `dilation` columns."""
    return layer.history >= _STRETCHED


def weight_bytes(layer):
    """Weight memory that a layer fills, over all its processors."""
    out, channels, _ = layer.weight.shape
    taps = 9 if _mapped(layer) else layer.history + 1
    return -(-out * channels * taps * layer.weight_bits // 8)


def _slots(layer):
    """Slots of 9 bytes on each of the layer's processors."""
    return -(-weight_bytes(layer) // (9 * layer.weight.shape[1]))


def plan(net, frames):
    """[(frames in, frames out, in_offset, out_offset)] of each layer for a window of so many frames in.
    UpedalError, naming the layer and the limit, for a net that the accelerator cannot hold."""
    _check_net(net)
    _limit("window", "frames", frames, net.receptive_field, MOST_FRAMES)
    rows, at = [], 0
    for k, layer in enumerate(net.layers):
        rows.append((frames, frames - layer.history, at, OFFSETS[k % 2]))
        _check_memory(f"layer {k}", layer, *rows[-1])
        frames, at = rows[-1][1], rows[-1][3]
    return rows


def _limit(where, what, value, least, most):
    if not least <= value <= most:
        raise UpedalError(f"MAX78000: {where}: {what} {value}; expected {least} to {most}")


def _check_net(net):
    _limit("net", "layers", len(net.layers), 1, MOST_LAYERS)
    groups = [0, 0, 0, 0]
    for k, layer in enumerate(net.layers):
        where = f"layer {k}"
        out, channels, taps = layer.weight.shape
        _limit(where, "channels in", channels, 1, MOST_CHANNELS)
        _limit(where, "channels out", out, 1, MOST_CHANNELS // 4 if layer.wide else MOST_CHANNELS)
        if layer.dilation > 1:
            _limit(where, f"taps at dilation {layer.dilation}", taps, 1, MOST_DILATED_TAPS)
        if layer.bias is not None:
            active = range(-(-channels // 16))
            group = min(active, key=groups.__getitem__)
            groups[group] += out
            _limit(where, f"bytes of bias memory in group {group}", groups[group], 0, BIAS_BYTES)
    slots = sum(_slots(layer) for layer in net.layers)
    _limit("net", "weight slots a processor", slots, 1, SLOTS)


def _check_memory(where, layer, frames, made, source, target):
    """Nothing may be written over input, or outside the instance."""
    first, last = target, target + 4 * made
    if _mapped(layer):
        rows = -(-frames // layer.dilation)
        _limit(where, f"rows of {layer.dilation} columns", rows, 1, MOST_FRAMES)
        first, last = target - 4 * layer.dilation, target + 4 * (rows - 1) * layer.dilation
    inside = 0 <= first and last <= INSTANCE_BYTES
    if not inside or (first < source + 4 * frames and source < last):
        raise UpedalError(
            f"MAX78000: {where}: writes bytes {first} to {last} of {INSTANCE_BYTES}, "
            f"reads {source} to {source + 4 * frames}; expected no overlap"
        )


# ---- writing -------------------------------------------------------------------------------------


def write_folder(net, folder, name, sample=None):
    """Writes the five files; their paths. sample: int8 [channels][frames], receptive_field to 1024 frames;
    None: seeded noise, enough for 192 frames out."""
    if not _NAME.fullmatch(name):
        raise UpedalError(
            f"{name!r}: no name for a C program; expected a-z, then a-z 0-9 _, 32 at the most"
        )
    if sample is None:
        shape = (net.inputs, net.receptive_field - 1 + WINDOW)
        sample = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    sample = np.asarray(sample)
    if sample.dtype != np.int8 or sample.ndim != 2 or sample.shape[0] != net.inputs:
        raise UpedalError(
            f"sample: {sample.dtype} {list(sample.shape)}; expected int8 [{net.inputs}][frames]"
        )
    rows = plan(net, sample.shape[1])
    folder = Path(folder)
    contents = {
        CHECKPOINT: _checkpoint(net, name),
        CONFIG: _config(net, name, rows).encode(),
        f"sample_{name}.npy": _saved(np.save, sample.astype(np.int64)),
        ANSWER: _saved(np.savez_compressed, **known_answer(net, sample)),
        README: _readme(net, name, rows).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UpedalError(f"{folder}: {e.strerror or e}") from None
    for file, data in contents.items():
        upm.replace(folder / file, data)
    return [folder / file for file in contents]


def _saved(save, *arrays, **named):
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def known_answer(net, sample):
    """What the accelerator must compute: x; w, b, acc, out of each layer k as w{k} ...; vectors over layers."""
    made, x = {"x": sample}, sample
    for k, layer in enumerate(net.layers):
        made[f"w{k}"] = layer.weight
        if layer.bias is not None:
            made[f"b{k}"] = layer.bias
        made[f"acc{k}"] = ai8x.accumulate(layer, x)
        made[f"out{k}"] = x = ai8x.conv1d(layer, x)
    made["bits"] = np.array([layer.weight_bits for layer in net.layers])
    made["output_shift"] = np.array([layer.output_shift for layer in net.layers])
    made["total_shift"] = np.array([layer.total_shift for layer in net.layers])
    made["dilation"] = np.array([layer.dilation for layer in net.layers])
    made["kernel"] = np.array([layer.weight.shape[2] for layer in net.layers])
    made["relu"] = np.array([layer.relu for layer in net.layers])
    made["last_output_width"] = np.array(32 if net.layers[-1].wide else 8)
    return made


def _checkpoint(net, name):
    import torch

    state = {}
    for k, layer in enumerate(net.layers):
        numbers = {
            "output_shift": layer.output_shift, "weight_bits": layer.weight_bits, "bias_bits": layer.weight_bits,
            "quantize_activation": 1, "adjust_output_shift": 0, "shift_quantile": 1,
        }  # fmt: skip
        state |= {f"conv{k}.{key}": torch.tensor([float(value)]) for key, value in numbers.items()}
        state[f"conv{k}.op.weight"] = torch.from_numpy(layer.weight.astype(np.float32))
        if layer.bias is not None:
            scale = 1 << (layer.weight_bits - 1)
            state[f"conv{k}.op.bias"] = torch.from_numpy(layer.bias.astype(np.float32) * scale)
    return _saved(_torch_save, {"epoch": 0, "arch": f"ai85{name}", "state_dict": state})


def _torch_save(file, content):
    import torch

    torch.save(content, file)


def _config(net, name, rows):
    lines = ["---", f"arch: ai85{name}", f"dataset: {name}", "layers:"]
    for k, (layer, row) in enumerate(zip(net.layers, rows)):
        _, channels, taps = layer.weight.shape
        fields = [("processors", f"0x{(1 << channels) - 1:016x}")]
        fields += [("data_format", "HWC")] if k == 0 else []
        fields += [("operation", "Conv1d"), ("kernel_size", taps), ("pad", 0)]
        fields += [("dilation", layer.dilation)] if layer.dilation > 1 and taps > 1 else []
        fields += [("activate", "ReLU")] if layer.relu else []
        fields += [("quantization", layer.weight_bits)] if layer.weight_bits != 8 else []
        fields += [("out_offset", f"0x{row[3]:04x}")]
        fields += [("output_width", 32)] if layer.wide else []
        lines += [
            f"  {'-' if n == 0 else ' '} {key}: {value}" for n, (key, value) in enumerate(fields)
        ]
    return "\n".join(lines) + "\n"


def _readme(net, name, rows):
    frames, made = rows[0][0], rows[-1][1]
    last, kept = net.layers[-1], frames - made
    used = sum(weight_bytes(layer) for layer in net.layers)
    meaning = "int8, value / 128."
    if last.wide:
        meaning = (
            f"the int32 sum. Its float value is sum / {last.full_scale}, where the net was trained with this\n"
            f"layer wide; for weights that come from elsewhere, times 2^({last.output_shift}) on top."
        )
    return f"""{name}: an 8-bit 1-D convolution net for the MAX78000's accelerator
{len(net.layers)} layers, {net.inputs} channels in, {used} bytes of weights, receptive field {net.receptive_field} frames

Generate the C program, in a checkout of analogdevicesinc/ai8x-synthesis:

    python ai8xize.py --test-dir OUT --prefix {name} --checkpoint-file HERE/{CHECKPOINT} \\
        --config-file HERE/{CONFIG} --sample-input HERE/sample_{name}.npy \\
        --device MAX78000 --compact-data --timer 0

HERE is this folder; OUT gets the sources, and sampleoutput.h the answer that the tool expects. It must equal
`out{len(net.layers) - 1}` of {ANSWER}, which holds each layer's sums (acc) and results (out) for the sample.
Do not add write_gap to dilated layers: the tool computes their write pointer wrongly then.

Running audio: the accelerator keeps nothing from one run to the next, so windows overlap.

    1. Keep a buffer of the last {frames} frames of 8-bit input, [{net.inputs} channels][{frames}], at first silence (0).
    2. For each {made} new frames: drop the oldest {made}, append the new ones, load all {frames}, run.
    3. The {made} results belong to the {made} new frames, in order. {kept} frames are loaded again each time.

The result is {meaning}
Results equal, bit for bit, what a program computes that keeps each layer's history instead.
"""


# ---- reading -------------------------------------------------------------------------------------


def read_checkpoint(path, config=None):
    """ai8x.Net of a quantised checkpoint (or the folder it lies in) and its YAML: `config`, or network.yaml
    beside it. Loads tensors, texts and numbers only, nothing that could run."""
    path = Path(path)
    path = path / CHECKPOINT if path.is_dir() else path
    config = Path(config) if config is not None else path.parent / CONFIG
    arch, tensors = _tensors(path)
    wanted, rows = _rows(config)
    if arch is not None and str(arch).lower() != wanted.lower():
        raise UpedalError(f"{config}: arch {wanted!r}; expected {str(arch)!r} as in {path}")
    names = [key.removesuffix(".op.weight") for key in tensors if key.endswith(".op.weight")]
    if len(names) != len(rows):
        raise UpedalError(f"{config}: {len(rows)} layers; expected {len(names)} as in {path}")
    layers = []
    for k, (layer, row) in enumerate(zip(names, rows)):
        layers.append(_layer(tensors, layer, row, f"{path}: {layer}", f"{config}: layer {k}"))
    try:
        return ai8x.Net(layers)
    except UpedalError as e:
        raise UpedalError(f"{path}: {e}") from None


def _bytes(path, most):
    try:
        if path.stat().st_size > most:
            raise UpedalError(f"{path}: {path.stat().st_size} bytes; expected at most {most}")
        return path.read_bytes()
    except OSError as e:
        raise UpedalError(f"{path}: {e.strerror or e}") from None


def _tensors(path):
    """(arch or None, {key: float64 array}) of a checkpoint."""
    import torch

    data = _bytes(path, _MOST_FILE)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(part.file_size for part in packed.infolist())
    except zipfile.BadZipFile as e:
        raise UpedalError(f"{path}: not a torch checkpoint ({e})") from None
    if size > _MOST_FILE:
        raise UpedalError(f"{path}: {size} bytes unpacked; expected at most {_MOST_FILE}")
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as e:  # a torn or foreign file raises nearly anything
        text = str(e).splitlines()[0][:120] if str(e) else ""
        raise UpedalError(
            f"{path}: not a torch checkpoint of plain tensors ({type(e).__name__}: {text})"
        ) from None
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or "epoch" not in content:
        raise UpedalError(f"{path}: expected a dictionary with 'epoch' and 'state_dict'")
    for key, tensor in state.items():
        plain = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
        if not isinstance(key, str) or not plain or tensor.is_complex() or tensor.is_quantized:
            raise UpedalError(f"{path}: {str(key)[:60]!r} is no tensor of plain numbers")
        if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
            raise UpedalError(f"{path}: {key!r} is larger than what is stored of it")
    return content.get("arch"), {k: v.detach().to(torch.float64).numpy() for k, v in state.items()}


def _rows(path):
    import yaml

    try:
        top = yaml.safe_load(_bytes(path, _MOST_CONFIG))
    except (yaml.YAMLError, RecursionError, UnicodeError, ValueError) as e:
        raise UpedalError(f"{path}: not YAML ({str(e).splitlines()[0]})") from None
    rows = top.get("layers") if isinstance(top, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UpedalError(f"{path}: expected 'arch' and a list 'layers'")
    if not isinstance(top.get("arch"), str):
        raise UpedalError(f"{path}: no 'arch'; expected a text")
    return top["arch"], rows


_KNOWN = {
    "processors", "data_format", "operation", "op", "kernel_size", "pad", "dilation", "activate", "quantization",
    "output_shift", "out_offset", "in_offset", "output_width", "name",
}  # fmt: skip


def _layer(tensors, name, row, where, there):
    weight, bias = tensors[f"{name}.op.weight"], tensors.get(f"{name}.op.bias")
    bits = _option(row, "quantization", there, _scalar(tensors, f"{name}.weight_bits", 8, where))
    shift = _option(row, "output_shift", there, _scalar(tensors, f"{name}.output_shift", 0, where))
    _check_row(row, weight, there)
    if bits not in ai8x.WEIGHT_BITS:
        raise UpedalError(f"{where}: weights of {bits} bits; expected one of {ai8x.WEIGHT_BITS}")
    if bias is not None:
        bias = _int8(np.floor(bias / (1 << (bits - 1))), f"{where}.op.bias")
    try:
        return ai8x.Layer(
            _int8(weight, f"{where}.op.weight"), bias, bits, shift, _option(row, "dilation", there, 1),
            relu=row.get("activate") is not None, wide=_option(row, "output_width", there, 8) == 32,
        )  # fmt: skip
    except UpedalError as e:
        raise UpedalError(f"{where}: {e}") from None


def _check_row(row, weight, there):
    unknown = sorted(str(key) for key in set(row) - _KNOWN)
    if unknown:
        raise UpedalError(
            f"{there}: {unknown[0]!r}, which is not read here; expected {', '.join(sorted(_KNOWN))}"
        )
    if weight.ndim != 3:
        raise UpedalError(f"{there}: weights of {weight.ndim} dimensions; expected [out][in][tap]")
    operation = str(row.get("operation", row.get("op", "Conv2d")))
    activate = row.get("activate")
    masked = row.get("processors")
    for what, found, fine, wanted in (
        ("operation", operation, operation.lower() == "conv1d", "Conv1d"),
        (
            "kernel_size",
            row.get("kernel_size", 9),
            row.get("kernel_size", 9) == weight.shape[2],
            weight.shape[2],
        ),
        ("pad", row.get("pad", 1), row.get("pad", 1) == 0, 0),
        (
            "activate",
            activate,
            activate is None or str(activate).lower() == "relu",
            "ReLU or none",
        ),
        (
            "output_width",
            row.get("output_width", 8),
            row.get("output_width", 8) in (8, 32),
            "8 or 32",
        ),
        (
            "processors",
            masked,
            _bits_set(masked) == weight.shape[1],
            f"{weight.shape[1]} bits set",
        ),
    ):
        if not fine:
            raise UpedalError(f"{there}: {what} {str(found)[:60]}; expected {wanted}")


def _bits_set(mask):
    return mask.bit_count() if type(mask) is int and mask > 0 else None


def _option(row, key, where, default):
    value = row.get(key, default)
    if type(value) is not int or abs(value) > 1 << 16:
        raise UpedalError(f"{where}: {key} {str(value)[:60]}; expected a whole number")
    return value


def _scalar(tensors, key, default, where):
    value = tensors.get(key)
    if value is None:
        return default
    if value.size != 1 or not np.isfinite(value).all() or value.item() != int(value.item()):
        raise UpedalError(f"{where}: {key!r} is no whole number")
    return int(value.item())


def _int8(values, where):
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        raise UpedalError(f"{where}: numbers that are not whole; expected a quantised checkpoint")
    if values.size and (values.min() < -128 or values.max() > 127):
        raise UpedalError(
            f"{where}: {values.min():.0f} to {values.max():.0f}; expected -128 to 127"
        )
    return values.astype(np.int8)
