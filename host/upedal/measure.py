"""A model's latency and polarity, measured, for the .upm's LEVL section."""

import numpy as np

_LEVEL = 0.03  # of the noise: -30 dBFS, where most gear is nearly linear
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
    at = int(np.argmax(np.abs(fine[: -_FINE])))  # the last frame wraps to the first
    return at / _FINE, 1 if fine[at] > 0 else -1


def level(model):
    """Sets the model's latency (to 1/256 frame) and polarity, as packing does."""
    frames, model.polarity = latency(model)
    model.latency = round(frames * 256) / 256
    return model
