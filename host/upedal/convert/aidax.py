"""AIDA-X files, which are RTNeural's JSON with gains, a skip and metadata: read and written.

    a = in_gain * audio;  out = out_gain * (net([a, knobs]) + a where in_skip)

Weights are in Keras' orientation, inputs first; columns of a GRU: update, reset, new; of an LSTM: input,
forget, cell, output. AIDA-X itself plays one GRU or LSTM and a dense layer; all else is RTNeural's.
"""

import json
import math
from dataclasses import replace

import numpy as np

from .. import layers as L
from .. import upm
from ..errors import UpedalError
from . import recurrent, rtneural, words
from .checked import field, parse_json, text_meta, whole

PREWARM = 2048  # frames of silence that its players run at first
WIDTHS = (8, 12, 16, 20, 24, 32, 40, 64, 80)  # of a recurrent layer, in AIDA-X
_RATE_HZ = 48000
_SILENT_DB, _LOUDEST_DB = -90.0, 120.0
_BATCH = 2048  # frames of the self-test
_MOST_BATCH = 4096
_MOST_MACS = 300_000_000  # of a self-test: a large net plays only its beginning
_BATCH_ERROR = 1e-3  # measured on real files: at most 2e-5; a wrong reading is off by far more


def detect(data, name):
    return b'"in_shape"' in data and b'"layers"' in data


# ---- reading -------------------------------------------------------------------------------------


def read(data, name, *, size=None, warn=print):
    top = parse_json(data, name)
    shape = field(top, "in_shape", list, name)
    inputs = whole({"in_shape": shape[-1] if shape else None}, "in_shape", 1, recurrent.MOST_INPUTS, name)
    skip = whole(top, "in_skip", 0, 1, name, 0)
    body = rtneural.read_layers(field(top, "layers", list, name), inputs, name)
    body = _self_test(top, body, inputs, skip, name, warn)
    gains = [_gain(top, key, name, warn) for key in ("in_gain", "out_gain")]
    layers = _place(body, inputs, skip, *gains)
    model = L.Model(layers, _rate(top, name, warn), prewarm=PREWARM, meta=_meta(top, name))
    model.knobs = recurrent.knobs(inputs - 1)
    if isinstance(top.get("metadata"), dict):
        words.read_levels(top["metadata"], model, name, warn, texts=True)
    return model


def _gain(top, key, name, warn):
    """The factor of a gain in dB."""
    value = top.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        warn(f"{name}: {key!r} is no number and ignored, as its players do")
        return 1.0
    db = field(top, key, float, name, 0.0)
    if db > _LOUDEST_DB:
        raise UpedalError(f"{name}: {key!r} is {db:g} dB; expected at most {_LOUDEST_DB:g}")
    return 0.0 if db <= _SILENT_DB else 10 ** (db / 20)


def _place(body, inputs, skip, in_gain=1.0, out_gain=1.0):
    """The body between its gains; slot 3: the audio with its gain."""
    layers, audio = [], 0
    if in_gain != 1:
        audio = 3
        weight = np.diag([in_gain] + [1.0] * (inputs - 1)).astype(np.float32)
        layers.append(L.Dense(weight, np.zeros(inputs, np.float32), dst=audio))
    layers += recurrent.chain(body, audio)
    now = layers[-1].dst
    if skip:
        layers.append(L.Add(now, audio, now))
    if out_gain != 1:
        layers.append(L.Dense(np.full((1, 1), out_gain, np.float32), np.zeros(1, np.float32), src=now, dst=4))
    return layers


def _rate(top, name, warn):
    for place in (top.get("metadata"), top):
        value = place.get("samplerate") if isinstance(place, dict) else None
        if value is None:
            continue
        try:
            rate = float(value) if isinstance(value, (int, float, str)) else math.nan
        except (ValueError, OverflowError):
            rate = math.nan
        if 1000 <= rate <= 384000:
            return round(rate)
        warn(f"{name}: 'samplerate' is {str(value)[:40]!r}; expected 1000 to 384000; {_RATE_HZ} Hz assumed")
        return _RATE_HZ
    warn(f"{name}: no 'samplerate'; {_RATE_HZ} Hz assumed, as its players do")
    return _RATE_HZ


def _meta(top, name):
    inner = top.get("metadata")
    meta = recurrent.title(name) | text_meta(top, words.FLAT) | text_meta(inner, words.FLAT)
    parts = text_meta(inner, {key: key for key in ("brand", "model", "channel")})
    if "gear" not in meta and parts:
        meta["gear"] = " ".join(parts.values())
    return meta


# ---- the self-test batch -------------------------------------------------------------------------


def _batch(top, name, warn):
    """(input, output) of the file's self-test, or None."""
    if "input_batch" not in top or "output_batch" not in top:
        return None
    lists = [top["input_batch"], top["output_batch"]]
    if not all(isinstance(v, list) for v in lists) or not len(lists[0]) == len(lists[1]) <= _MOST_BATCH:
        warn(f"{name}: the self-test is not two lists of the same length up to {_MOST_BATCH}; not used")
        return None
    try:
        return [recurrent.matrix(v, (len(v),), f"{name}: self-test") for v in lists]
    except UpedalError as e:
        warn(f"{e}; not used")
        return None


def _play(body, inputs, skip, x):
    """The net without its gains, from zero, its knobs at 0."""
    from .. import native

    model = L.Model(_place(body, inputs, skip), _RATE_HZ, knobs=recurrent.knobs(inputs - 1))
    return native.render(upm.dumps(model), x, knobs=np.zeros(inputs - 1) if inputs > 1 else None)


def _self_test(top, body, inputs, skip, name, warn):
    """The body, or the other reading of its GRUs where only that agrees with the file's own test."""
    batch = _batch(top, name, warn)
    if batch is None or not len(batch[0]):
        return body
    frames = max(16, _MOST_MACS // (1 + sum(map(upm.macs, body))))
    x, want = (part[:frames] for part in batch)
    error = float(np.max(np.abs(_play(body, inputs, skip, x) - want)))
    if error <= _BATCH_ERROR:
        return body
    other = [_other_reading(layer) if isinstance(layer, L.Gru) else layer for layer in body]
    if np.max(np.abs(_play(other, inputs, skip, x) - want)) <= _BATCH_ERROR:
        warn(f"{name}: its GRU is in PyTorch's order, not in Keras'; read so, as its self-test shows")
        return other
    warn(f"{name}: its self-test differs by {error:.2g}; expected at most {_BATCH_ERROR:g}")
    return body


def _other_reading(gru):
    """As a converter that leaves PyTorch's block order and exchanges the two biases meant it."""
    swapped = [recurrent.swap_gates(a) for a in (gru.w_ih, gru.w_hh, gru.b_hh, gru.b_ih)]
    return L.Gru(*swapped)


# ---- writing -------------------------------------------------------------------------------------


def write(model, name, *, warn=print):
    """JSON. UpedalError unless the model is a chain of layers that RTNeural has, perhaps with a skip."""
    target = "AIDA-X JSON"
    parts = recurrent.take_apart(model, name, target)
    recurrent.fold_knobs(parts, model.knobs, warn, name)
    if min(parts.in_gain, parts.out_gain) < 0 or not parts.body:
        recurrent.fold_gains(parts, name, target)
    _fit_player(parts, len(model.knobs), warn, name)
    recurrent.warn_of_losses(model, words.FLAT.values(), warn, name, target)
    inputs = 1 + len(model.knobs)
    top = {"in_shape": [None, None, inputs]}
    top |= {"in_skip": 1} if parts.skip else {}
    for key, gain in (("in_gain", parts.in_gain), ("out_gain", parts.out_gain)):
        top |= {key: _decibel(gain)} if gain != 1 else {}
    top["layers"] = rtneural.write_layers(parts.body, name, target)
    x = _test_signal()
    y = _play(parts.body, inputs, parts.skip, x)
    top |= {"input_batch": recurrent.numbers(x), "output_batch": recurrent.numbers(y)}
    top["metadata"] = words.flat(model) | {"samplerate": str(model.rate_hz)}
    return json.dumps(top, allow_nan=False).encode() + b"\n"


def _decibel(gain):
    return 20 * math.log10(gain) if gain > 10 ** (_SILENT_DB / 20) else _SILENT_DB


def _test_signal():
    """[_BATCH]: a chord under a rising and falling envelope, peak below 0.9."""
    t = np.arange(_BATCH) / _RATE_HZ
    chord = sum(np.sin(2 * np.pi * f * t) for f in (110.0, 277.2, 1318.5))
    return (0.3 * chord * np.sin(np.pi * np.arange(_BATCH) / _BATCH) ** 2).astype(np.float32)


def _fit_player(parts, knobs, warn, name):
    """What AIDA-X would not load is made to fit by units of zeros, or said."""
    stack = recurrent.stack_of(parts.body)
    cells, dense = stack or ([], None)
    if len(cells) != 1:
        warn(f"{name}: AIDA-X plays one GRU or LSTM and a dense layer; this is for RTNeural only")
        return
    width = cells[0].w_hh.shape[1]
    if width > WIDTHS[-1]:
        warn(f"{name}: AIDA-X plays at most {WIDTHS[-1]} units; this has {width}")
    elif width not in WIDTHS:
        wide = next(w for w in WIDTHS if w > width)
        warn(f"{name}: {width} units become {wide}, the next width that AIDA-X plays; the new ones are silent")
        parts.body = [rtneural.widen(cells[0], wide), _wider_dense(dense, wide)]
    if knobs > 2:
        warn(f"{name}: {knobs} knobs; AIDA-X has at most 2")


def _wider_dense(dense, wide):
    weight = np.zeros((1, wide, 1), np.float32)
    weight[:, : dense.weight.shape[1]] = dense.weight
    return replace(dense, weight=weight)
