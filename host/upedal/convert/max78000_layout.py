"""How a net lies in the MAX78000's accelerator: its limits, its memory and the YAML that states them.

Data memory: four channels share an instance of 32 KiB as bytes of one word, so a frame takes 4 bytes. The
input lies at 0 and results alternate between 0x2000 and 0x4000. A layer whose (taps - 1) * dilation is 9 or
more is run as an image of `dilation` columns, and its first row of results, which is invalid, is written
in front of its offset.
"""

from ..errors import UpedalError

MOST_LAYERS = 32
MOST_CHANNELS = 64  # one processor a channel; more would take several passes
MOST_FRAMES = 1024
MOST_DILATED_TAPS = 3
SLOTS = 768  # of 9 bytes, a processor
BIAS_BYTES = 512  # a group of 16 processors
INSTANCE_BYTES = 32768
OFFSETS = (0x2000, 0x4000)
_STRETCHED = 9  # taps of the 1-D engine


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


def config(net, name, rows):
    """The YAML's text; rows: of `plan`."""
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
