"""Recordings: read, write, check a dry/wet pair, align it, split it, measure an error."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import files
from .errors import UpedalError

SILENCE = 1e-5  # -100 dBFS: a recording whose peak stays under it holds no signal
TYPES = (".wav", ".flac", ".aif", ".aiff")


def read(path):
    """A recording as mono float32 [n] (full scale 1) and its rate in Hz.

    Stereo is taken when one channel is silent or both are equal to 1e-4 of full scale.
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise UpedalError(f"{path}: no such file")
    if path.suffix.lower() not in TYPES:
        raise UpedalError(f"{path}: type {path.suffix or '(none)'}; expected one of {TYPES}")
    try:
        data, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as e:
        raise UpedalError(f"{path}: not a readable audio file ({e})") from None
    if not len(data):
        raise UpedalError(f"{path}: holds no samples")
    if not np.all(np.isfinite(data)):
        at = int(np.argmin(np.isfinite(data).all(axis=1)))
        raise UpedalError(f"{path}: sample {at} is NaN or infinite")
    return _mono(data, path), int(rate_hz)


def _mono(data, path):
    """One channel of [n][channels]: the only one that sounds, or one of several equal ones."""
    peaks = np.max(np.abs(data), axis=0)
    heard = np.flatnonzero(peaks > SILENCE)
    if not len(heard):
        raise UpedalError(f"{path}: silent (peak {peaks.max():.1e}); expected a signal")
    first = data[:, heard[0]]
    for k in heard[1:]:
        apart = float(np.max(np.abs(data[:, k] - first)))
        if apart > 1e-4:
            raise UpedalError(
                f"{path}: channels {heard[0] + 1} and {k + 1} differ by up to {apart:.3f};"
                " expected mono (export one channel)"
            )
    return np.ascontiguousarray(first)


def write(path, x, rate_hz, subtype="FLOAT"):
    """Writes mono [n] as WAV or FLAC by the file's ending; the file appears whole or not at all."""
    import soundfile

    path, x = Path(path), np.asarray(x)
    if x.ndim != 1 or not len(x) or not np.all(np.isfinite(x)):
        raise UpedalError(f"{path}: samples of shape {x.shape}; expected finite mono [n], n > 0")
    files.make_folder(path.parent)
    try:
        with files.replacing(path) as beside:
            soundfile.write(beside, x, int(rate_hz), subtype=subtype)
    except (soundfile.LibsndfileError, ValueError, TypeError) as e:
        raise UpedalError(f"{path}: cannot write {subtype} ({e})") from None


def clipped_samples(x):
    """How many samples lie in runs of three or more at exactly the signal's peak, near 1 or not."""
    top = np.abs(x) >= np.max(np.abs(x)) * (1.0 - 1e-6)
    runs = top[:-2] & top[1:-1] & top[2:]
    return int(np.count_nonzero(runs) + 2 * np.count_nonzero(np.diff(runs.astype(np.int8)) == 1))


@dataclass
class Alignment:
    """wet is `lag_frames` late of dry (negative: early); polarity -1: wet is inverted."""

    lag_frames: int
    polarity: int


def align(dry, wet, rate_hz):
    """(dry, wet, Alignment): both cut so that a causal model can follow; polarity is left alone.

    The lag is found as the checks find it (checks.timing), which training uses with all they know.
    """
    from .checks import timing

    x, y = np.asarray(dry, np.float64), np.asarray(wet, np.float64)
    peak, _, polarity = timing.settle(x, y, rate_hz, timing.search(x, y, rate_hz).frames)
    lag = timing.causal(x, y, peak, rate_hz)
    return *timing.shift(dry, wet, lag), Alignment(lag, polarity)


def split(n, rate_hz):
    """(train, validation, test) slices of n frames: 80, 10 and 10 %, in order."""
    if n < 2 * rate_hz:
        raise UpedalError(f"{n / rate_hz:.2f} s of audio; expected at least 2 s to split")
    first, second = int(0.8 * n), int(0.9 * n)
    return slice(0, first), slice(first, second), slice(second, n)


def esr(target, output):
    """Error-to-signal ratio sum (y - p)^2 / sum y^2, float64, nothing removed."""
    y, p = np.asarray(target, np.float64), np.asarray(output, np.float64)
    if y.shape != p.shape:
        raise UpedalError(f"esr: target {y.shape}, output {p.shape}; expected one shape")
    energy = float(np.sum(y * y))
    if energy == 0.0:
        raise UpedalError("esr: the target is silent")
    return float(np.sum((y - p) ** 2)) / energy


def db(ratio):
    """A ratio of energies in decibels; 0 gives -inf."""
    return 10.0 * math.log10(ratio) if ratio > 0.0 else -math.inf
