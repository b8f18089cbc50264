"""Quantised checkpoints of the MAX78000's tool chain, read as an ai8x.Net. Loads tensors, texts and numbers
only, nothing that could run; see max78000.py for what a folder holds."""

import io
import zipfile
from pathlib import Path

import numpy as np

from .. import ai8x
from ..errors import UpedalError

CHECKPOINT, CONFIG = "net-q.pth.tar", "network.yaml"
_MOST_FILE = 64 << 20
_MOST_CONFIG = 1 << 20


def read_checkpoint(path, config=None):
    """ai8x.Net of a quantised checkpoint (or the folder it lies in) and its YAML: `config`, or network.yaml
    beside it."""
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
