"""After-training quantisation: a float layers.Model to the q15 QModel that plays nearly the same.

    fold        first and last layers that vanish in a neighbour                           quant_fold.py
    observe     the float layers on calibration audio: peaks, and the inputs of each row   quant_observe.py
    units       what 1 is worth in each signal                                             quant_scales.py
    rows        weights whose sums cannot overflow                                         quant_rows.py
    tables      activations                                                                quant_tables.py
    layers      their integer twins                                                        quant_layers.py

models/SPEC.md, "Integer models", says what the result computes.
"""

import numpy as np

from . import ai8x, dither, upm
from . import layers as L
from . import qlayers as Q
from . import quant_rows as rows
from .errors import UpedalError
from .quant_fold import fold, plain
from .quant_layers import Maker, coefficient, deemphasis
from .quant_observe import observe
from .quant_scales import Units, name

SECONDS = 6.0
_FORGOTTEN = 256  # frames until de-emphasis has forgotten its start


# ---- calibration ---------------------------------------------------------------------------------


def calibration_signal(rate_hz, seconds=SECONDS):
    """float64 [n] of what a pedal may meet: a guitar at full scale, -10 and -26 dB, a sweep at full scale,
    noise at -20 dB, silence."""
    from .synth import dry_guitar

    n = round(seconds * rate_hz)
    guitar = dry_guitar(max(0.5 * seconds, 0.2), max(rate_hz, 8000), seed=7).astype(np.float64)
    guitar = guitar[: n // 2] / np.abs(guitar).max()
    third = np.array_split(guitar, 3)
    t = np.arange(n // 8) / (n // 8)
    low, high = 30.0, 0.45 * rate_hz
    phase = 2 * np.pi * low * (n // 8) / rate_hz / np.log(high / low) * ((high / low) ** t - 1)
    noise = 0.1 * np.random.default_rng(0).standard_normal(n // 8)
    parts = [third[0], 10 ** (-10 / 20) * third[1], np.sin(phase), noise, 0.05 * third[2], 0.3 * guitar]
    parts = np.concatenate(parts)[: n - n // 16]
    return np.concatenate([parts, np.zeros(n - len(parts))])


def _inputs(model, audio, knobs):
    """[1 + knobs][n]: the audio once for each setting of the knobs, the corners unless told."""
    if audio is None:
        corners = 1 if knobs is not None else 2 ** min(len(model.knobs), 3)
        audio = calibration_signal(model.rate_hz, SECONDS if corners == 1 else 2 * SECONDS / corners)
    else:
        audio = np.asarray(audio, np.float64)
        if audio.ndim != 1 or not audio.any() or not np.isfinite(audio).all():
            raise UpedalError(f"calibration: audio of shape {audio.shape}; expected finite mono [n] with sound in it")
        audio = _loudest(audio, round(SECONDS * model.rate_hz))
        audio = np.concatenate([audio, audio / max(np.abs(audio).max(), 1e-3)])  # someone will play louder
    settings = [knobs] if knobs is not None else _corners(model.knobs)
    return np.concatenate(
        [np.stack([audio] + [np.full(len(audio), float(v)) for v in setting]) for setting in settings], axis=1
    )


def _loudest(audio, n):
    """The n frames of most energy."""
    if len(audio) <= n:
        return audio
    energy = np.concatenate([[0.0], np.cumsum(audio * audio)])
    at = int(np.argmax(energy[n:] - energy[:-n]))
    return audio[at : at + n]


def _corners(knobs):
    """The defaults, then the corners of the first three knobs, the others low and high in turn."""
    settings = [[k[4] for k in knobs]]
    for bits in range(2 ** min(len(knobs), 3) if knobs else 0):
        settings.append([k[3] if bits >> (at % 3) & 1 else k[2] for at, k in enumerate(knobs)])
    return settings


# ---- the model -----------------------------------------------------------------------------------


def quantise(model, audio=None, *, knobs=None):
    """The q15 QModel of a float layers.Model. audio: calibration, float [n] at the model's rate (default:
    `calibration_signal`); knobs: their values meanwhile (default: their defaults and corners).
    Raises UpedalError naming a layer that int16 cannot hold."""
    if model.arithmetic != "f32":
        raise UpedalError(f"model: {model.arithmetic} already; expected a float model")
    layers, tail = fold(model.layers, 1 + len(model.knobs))
    for k, layer in enumerate(layers):
        if isinstance(layer, L.Deemphasis):
            raise UpedalError(f"{name(k, layer)}: de-emphasis inside the net; in integers it can only come last")
    if not layers:
        raise UpedalError("model: nothing but de-emphasis; expected a layer before it")
    inputs = _inputs(model, audio, knobs)
    seen = observe(layers, inputs)
    units = Units(layers, seen, model.knobs)
    ends_wide = isinstance(layers[-1], L.Conv1d) and plain(layers[-1]) and layers[-1].plus is None
    limit = rows.LIMIT if not tail else int(rows.LIMIT * (1 - abs(tail[0].coef)))
    maker = Maker(layers, seen, units, ends_wide, limit)
    made = [maker.make(k) for k in range(len(layers))]
    bound = rows.overflow_bound(made[-1].matrix) if ends_wide else 32768
    for layer in tail:
        made.append(deemphasis(layer.coef, bound, made[-1].scale, layer.src, layer.dst))
        bound = rows.LIMIT
    q = Q.QModel(made, 1.0 / units.of[-1], model.rate_hz, prewarm=model.prewarm, meta=dict(model.meta))
    for key in ("latency", "polarity", "loudness_db", "input_dbu", "output_dbu", "knobs"):
        setattr(q, key, getattr(model, key))
    return q


def from_ai8x(net, *, emphasis, rate_hz, scale, kind="shaped", seed=0, gain=0):
    """The q7 QModel round an ai8x.Net whose last layer is wide: pre-emphasis, dither to its channels, its layers,
    de-emphasis. emphasis: c; kind, seed, gain: of the dither (gain: left shift of the emphasised audio); scale:
    emphasised audio that one unit of the wide sum stands for."""
    last = net.layers[-1]
    if not last.wide or last.weight.shape[0] != 1:
        raise UpedalError(f"net: {last.weight.shape[0]} channels out, wide: {last.wide}; expected one wide channel")
    if not 0.0 < scale < np.inf or not 0 <= gain <= 7:
        raise UpedalError(f"net: scale {scale}, gain {gain}; expected a scale above 0 and a gain of 0 to 7")
    hp = dither.high_pass(rate_hz) if kind == "shaped" else None
    made = [
        Q.QEmphasis(coefficient(emphasis, "emphasis"), 2.0**-15),
        Q.QDither(net.inputs, kind, seed, (hp.b, hp.a1, hp.a2) if hp else (0, 0, 0), gain, 2.0 ** -(7 + gain), 1, 2),
    ]
    for k, layer in enumerate(net.layers):
        made.append(Q.Q7Conv1d(layer, scale if layer.wide else 2.0**-7, 2 - k % 2, 1 + k % 2))
    bound = ai8x.accumulator_bound(last)
    made.append(deemphasis(emphasis, bound, scale, made[-1].dst, 3 - made[-1].dst))
    return Q.QModel(made, np.array([32768.0]), int(rate_hz), "q7", net.receptive_field + _FORGOTTEN)


def compare(model, quantised, audio):
    """Error energy of a QModel against its float model, in dB of the float model's, for audio float [n]."""
    from .native import render

    want = render(upm.dumps(model), audio).astype(np.float64)
    error = render(upm.dumps(quantised), audio) - want
    return float(10 * np.log10((error @ error + 1e-30) / (want @ want + 1e-30)))
