"""What a program computes before and behind the MAX78000's accelerator: a q7 model (models/SPEC.md, "Integer
models") taken apart into its emphasis, its dither, the net that the accelerator runs, and its de-emphasis."""

from dataclasses import dataclass

import numpy as np

from .. import ai8x, dither, qlayers, reference_q, synth
from ..errors import UpedalError

ADVICE = "train one with the recipe tinyml-q7"
_SECONDS = 2.0  # of guitar, the loudest part of which is the sample
_CHAIN = ((qlayers.QEmphasis, "emphasis"), (qlayers.QDither, "dither"), (qlayers.Q7Conv1d, "conv1d of q7"),
          (qlayers.QDeemphasis, "de-emphasis"))  # fmt: skip


@dataclass(frozen=True)
class Around:
    """The layers outside the accelerator, with the model's rate and units."""

    rate_hz: int
    units: float  # 16-bit units that audio of 1.0 has
    emphasis: qlayers.QEmphasis | None
    dither: qlayers.QDither
    wide_scale: float  # real value of one unit of the accelerator's result
    deemphasis: qlayers.QDeemphasis | None
    prewarm: int  # frames of silence to play before the first sample counts

    @property
    def scale(self):
        """Real value of one unit of what the program plays."""
        return self.deemphasis.scale if self.deemphasis else self.wide_scale


def from_model(model, where="model"):
    """(ai8x.Net, Around) of a q7 model: one of audio alone, a chain of emphasis, dither, convolutions and
    de-emphasis, of which the first and the last may be absent. UpedalError for any other; `where` names it."""
    found = getattr(model, "arithmetic", "f32")
    if found != "q7":
        raise UpedalError(f"{where}: arithmetic {found}; expected q7 for the MAX78000: {ADVICE}")
    if len(model.units) != 1:
        raise UpedalError(f"{where}: {len(model.units) - 1} knobs; expected none for the MAX78000")
    parts = _parts(model.layers, where)
    emphasis, dithered, convs, deemphasis = parts
    try:
        net = ai8x.Net([conv.layer for conv in convs])
    except UpedalError as e:
        raise UpedalError(f"{where}: {e}") from None
    around = Around(
        model.rate_hz, float(model.units[0]), emphasis[0] if emphasis else None, dithered[0], convs[-1].scale,
        deemphasis[0] if deemphasis else None, model.prewarm,
    )  # fmt: skip
    return net, around


def _parts(layers, where):
    """The chain's layers by kind, [emphasis, dither, convolutions, de-emphasis], each a list."""
    parts, kind, slot = [[], [], [], []], 0, 0
    for k, layer in enumerate(layers):
        while kind < 4 and not isinstance(layer, _CHAIN[kind][0]):
            kind += 1
        if kind == 4 or layer.src != slot or (kind != 2 and parts[kind]):
            wanted = ", ".join(name for _, name in _CHAIN)
            raise UpedalError(
                f"{where}: layer {k} is {type(layer).__name__} of slot {layer.src}; expected a chain of {wanted}"
            )
        parts[kind].append(layer)
        slot = layer.dst
    for kind in (1, 2):
        if not parts[kind]:
            raise UpedalError(
                f"{where}: no {_CHAIN[kind][1]}; expected one for the MAX78000: {ADVICE}"
            )
    return parts


def sample(around, frames):
    """(names for known_answer.npz, int8 [channels][frames]): the loudest part of a guitar, as it reaches the
    accelerator when the program has just started."""
    rate_hz = max(around.rate_hz, 8000)  # the synthesis has no lower one
    guitar = synth.dry_guitar(max(_SECONDS, 2 * frames / rate_hz), rate_hz)
    loudest = int(np.argmax(np.abs(guitar)))
    at = max(0, min(loudest - frames // 2, len(guitar) - frames))
    audio = reference_q.from_float(guitar[at : at + frames], around.units)[None]
    fed = audio if around.emphasis is None else reference_q.emphasis(around.emphasis, audio)
    signals = {"audio": audio[0].astype(np.int16), "emphasised": fed[0].astype(np.int16)}
    return signals, reference_q.dithered(around.dither, fed).astype(np.int8)


def played(around, sums):
    """What the program plays of the accelerator's results [frames], from rest: integers [frames]."""
    if around.deemphasis is None:
        return sums
    made = reference_q.deemphasis(around.deemphasis, sums[None].astype(np.int64))
    return made[0].astype(np.int32)


# ---- the text ------------------------------------------------------------------------------------

_KINDS = {
    "none": "d = 0",
    "white": "d = t",
    "shaped": "d = 2 * h,  h[n] = sat16((B * (t[n] - 2 t[n-1] + t[n-2]) - A1 * h[n-1] - A2 * h[n-2] + 8192) >> 14)",
}


def text(around, frames):
    """A section of README.txt."""
    d = around.dither
    lines = [
        f"Audio around the accelerator, at {around.rate_hz} Hz. Whole numbers of 32 bits, >> rounds down, sat16 limits to",
        "-32768..32767, sat32 to 32 bits. All that is remembered of frames before (x, t, h, y) starts as 0.",
        "",
        f"    input        x = sat16(floor(audio * {around.units:g} + 0.5))",
        "    emphasis     " + _emphasis(around.emphasis),
        f"    dither       {d.channels} channels, each of the same e: in8 = clamp((64 * (e << {d.gain}) + d + 8192) >> 14, -128, 127)",
        f"                 {_KINDS[d.kind]}",
    ]
    if d.kind != "none":
        lines += _noise(d)
    if d.kind == "shaped":
        lines.append(f"                 B = {d.filter[0]}, A1 = {d.filter[1]}, A2 = {d.filter[2]}")
    lines += [
        f"    accelerator  in8 -> z, one unit of z is {around.wide_scale:.9g}",
        "    de-emphasis  " + _deemphasis(around.deemphasis),
        f"    output       audio = {around.scale:.9g} * y",
    ]
    if around.prewarm:
        lines.append(
            f"    start        {around.prewarm} frames of silence go through all of it first"
        )
    lines += [
        "",
        f"known_answer.npz holds these too for its {frames} frames: audio (x), emphasised (e), x (in8), and of the results",
        "output (y), de-emphasised from 0.",
    ]
    return "\n".join(lines)


def _emphasis(layer):
    if layer is None:
        return "none: e = x"
    return f"e[t] = sat16(x[t] - ((C * x[t-1] + 16384) >> 15)),  C = {layer.coef} ({layer.coef / 32768:.4f})"


def _deemphasis(layer):
    if layer is None:
        return "none: y = z"
    return f"y[t] = sat32((z[t] << {layer.shift}) + ((C * y[t-1] + 16384) >> 15)), in 64 bits inside,  C = {layer.coef}"


def _noise(d):
    starts = [f"{s:08x}" for s in dither.starts(d.seed, d.channels)]
    lines = [
        "                 t = (s >> 18) - (s & 16383) of a generator s of each channel's own, each frame:",
        "                 s ^= s << 13, s ^= s >> 17, s ^= s << 5 (unsigned, 32 bits)",
        f"                 seed {d.seed}; s before the first frame, by channel, in hexadecimal:",
    ]
    rows = (starts[at : at + 8] for at in range(0, len(starts), 8))
    return lines + ["                 " + " ".join(row) for row in rows]
