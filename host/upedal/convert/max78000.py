"""8-bit nets for the MAX78000's accelerator: the folder that the vendor's ai8x-synthesis takes.

    net-q.pth.tar       a torch.save dictionary: epoch, arch, state_dict of whole numbers as floats
    network.yaml        how each layer is laid out: processors, offsets, dilation, activation
    sample_NAME.npy     an input, int64 [channels][frames], -128..127
    known_answer.npz    the same input, every layer's weights, sums and results by `ai8x`
    README.txt          the command line, how a program runs overlapping windows, and what it computes around

Per layer of `net-q.pth.tar`: NAME.op.weight [out][in][tap], NAME.op.bias = bias * 2^(weight_bits - 1), and
one-number tensors weight_bits and output_shift; bias_bits, quantize_activation, adjust_output_shift and
shift_quantile are for the vendor's own evaluation.
"""

import io
import re
from pathlib import Path

import numpy as np

from .. import ai8x, upm
from ..errors import UpedalError
from . import max78000_audio
from .max78000_audio import from_model
from .max78000_layout import MOST_FRAMES, config, plan, weight_bytes
from .max78000_read import CHECKPOINT, CONFIG, read_checkpoint

__all__ = [
    "from_model",
    "known_answer",
    "plan",
    "program_name",
    "read_checkpoint",
    "write_folder",
    "write_model",
]
ANSWER, README = "known_answer.npz", "README.txt"
WINDOW = 192  # frames out of a run, unless the sample says otherwise
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def program_name(text):
    """A name for a C program out of any text, such as a file's."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return (name if name[:1].isalpha() else f"net_{name}")[:32].rstrip("_")


def write_model(model, folder, name, *, where="model"):
    """Writes the folder of a q7 model (qlayers.QModel), with a guitar's sample; the paths of its files."""
    net, around = from_model(model, where)
    if Path(folder).is_file():
        raise UpedalError(f"{folder}: is a file; expected a folder to fill")
    return write_folder(net, folder, program_name(name), around=around)


def write_folder(net, folder, name, sample=None, *, around=None):
    """Writes the five files; their paths. sample: int8 [channels][frames], receptive_field to 1024 frames;
    None: enough for 192 frames out where they fit, of a guitar behind the dither of `around` (from_model), or of
    seeded noise where it is None too."""
    if not _NAME.fullmatch(name):
        raise UpedalError(
            f"{name!r}: no name for a C program; expected a-z, then a-z 0-9 _, 32 at the most"
        )
    frames = max(net.receptive_field, min(net.receptive_field - 1 + WINDOW, MOST_FRAMES))
    signals = {}
    if sample is None and around is not None:
        plan(net, frames)
        signals, sample = max78000_audio.sample(around, frames)
    elif sample is None:
        shape = (net.inputs, frames)
        sample = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    sample = np.asarray(sample)
    if sample.dtype != np.int8 or sample.ndim != 2 or sample.shape[0] != net.inputs:
        raise UpedalError(
            f"sample: {sample.dtype} {list(sample.shape)}; expected int8 [{net.inputs}][frames]"
        )
    rows = plan(net, sample.shape[1])
    answer = known_answer(net, sample) | signals
    if signals:
        answer["output"] = max78000_audio.played(around, answer[f"out{len(net.layers) - 1}"][0])
    folder = Path(folder)
    contents = {
        CHECKPOINT: _checkpoint(net, name),
        CONFIG: config(net, name, rows).encode(),
        f"sample_{name}.npy": _saved(np.save, sample.astype(np.int64)),
        ANSWER: _saved(np.savez_compressed, **answer),
        README: _readme(net, name, rows, around).encode(),
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


def _readme(net, name, rows, around):
    frames, made = rows[0][0], rows[-1][1]
    last, kept = net.layers[-1], frames - made
    used = sum(weight_bytes(layer) for layer in net.layers)
    meaning = "int8, value / 128."
    if around is not None:
        meaning = f"z below, {'32-bit sums' if last.wide else '8 bits'}."
    elif last.wide:
        meaning = (
            f"the int32 sum. Its float value is sum / {last.full_scale}, where the net was trained with this\n"
            f"layer wide; for weights that come from elsewhere, times 2^({last.output_shift}) on top."
        )
    around_text = "" if around is None else "\n" + max78000_audio.text(around, frames)
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
Results equal, bit for bit, what a program computes that keeps each layer's history instead and has heard silence
before. The kernels of upedal start from histories of zeros: there the first {net.receptive_field - 1} frames may differ.
{around_text}"""
