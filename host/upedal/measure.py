"""What can be measured of a model and travels in its file: latency, polarity, loudness, gain."""

import numpy as np

_LEVEL = 0.03  # of the noise: -30 dBFS, where most gear is nearly linear
_STANDARD_S, _STANDARD_SEED = 3.0, 2  # of the guitar that loudness is measured with
_FRAMES, _SEGMENT, _FINE = 1 << 16, 4096, 32


def impulse_response(model, seed=0):
    """[4096] best linear fit of the model for quiet noise: H1 estimate, cross over auto spectrum."""
    from scipy.signal import csd, welch

    from . import upm
    from .native import render

    x = (np.random.default_rng(seed).standard_normal(_FRAMES) * _LEVEL).astype(np.float32)
    y = render(upm.dumps(model), x)
    options = {"nperseg": _SEGMENT, "return_onesided": False}
    _, cross = csd(x, y, **options)
    _, power = welch(x, **options)
    return np.fft.ifft(cross / power).real


def latency(model):
    """(latency in frames, polarity) of the strongest peak of the linear response; (0, 1) for silence.

    To 1/32 frame, by band-limited interpolation; 0 or more, as models are causal.
    """
    from scipy.signal import resample

    h = impulse_response(model)[: _SEGMENT // 2]
    if np.max(np.abs(h)) < 1e-9:
        return 0.0, 1
    fine = resample(h, len(h) * _FINE)
    at = int(np.argmax(np.abs(fine[:-_FINE])))  # the last frame wraps to the first
    return at / _FINE, 1 if fine[at] > 0 else -1


def level(model):
    """Sets the model's latency (to 1/256 frame) and polarity, as packing does."""
    frames, model.polarity = latency(model)
    model.latency = round(frames * 256) / 256
    return model


def loudness(model):
    """(loudness in dBFS, gain) for the built-in guitar, synth.dry_guitar(3.0, rate, seed=2), RMS -19.3 dBFS.

    Loudness is the RMS of the output; None for silence. Gain is 0 where the output grows as the input does, 1 where it
    is as loud for a whisper: 2 * mean of the output's RMS at 0, 10 .. 100 % of the input / RMS at 100 % - 1. Both are
    the quantities of the same name in a .nam: of eight captures there, loudness is met to 0.6 dB, gain to 0.08.
    """
    from . import synth, upm
    from .native import render

    x, blob = (
        synth.dry_guitar(_STANDARD_S, max(model.rate_hz, 8000), _STANDARD_SEED),
        upm.dumps(model),
    )
    rms = [_rms(render(blob, np.float32(k / 10.0) * x)) for k in range(11)]
    if rms[-1] < 1e-6:
        return None, 0.0
    return 20.0 * float(np.log10(rms[-1])), float(
        np.clip(2.0 * np.mean(rms) / rms[-1] - 1.0, 0.0, 1.0)
    )


def _rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))
