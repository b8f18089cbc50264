"""Recordings: read, write, check a dry/wet pair, align it, split it, measure an error."""

import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import UpedalError

SILENCE = 1e-5  # -100 dBFS: a recording whose peak stays under it holds no signal
_TYPES = (".wav", ".flac", ".aif", ".aiff")


def read(path):
    """A recording as mono float32 [n] (full scale 1) and its rate in Hz.

    Stereo is taken when one channel is silent or both are equal to 1e-4 of full scale.
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise UpedalError(f"{path}: no such file")
    if path.suffix.lower() not in _TYPES:
        raise UpedalError(f"{path}: type {path.suffix or '(none)'}; expected one of {_TYPES}")
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
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        soundfile.write(temporary, x, int(rate_hz), subtype=subtype)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except (soundfile.LibsndfileError, ValueError, TypeError) as e:
        raise UpedalError(f"{path}: cannot write {subtype} ({e})") from None
    finally:
        Path(temporary).unlink(missing_ok=True)


def check_pair(dry, wet, rate_hz, wet_rate_hz=None):
    """Looks for what spoils training; a list of findings (text), UpedalError where it cannot work.

    dry, wet: float [n]. Refused: different rates, lengths more than 1 s and 10 % apart, less than
    2 s, silence, the same signal twice. Found: clipping, a quiet side, small length differences.
    """
    if wet_rate_hz is not None and wet_rate_hz != rate_hz:
        raise UpedalError(f"dry is at {rate_hz} Hz, wet at {wet_rate_hz} Hz; expected one rate")
    short, long = sorted((len(dry), len(wet)))
    if long - short > max(rate_hz, 0.1 * long):
        raise UpedalError(
            f"dry lasts {len(dry) / rate_hz:.2f} s, wet {len(wet) / rate_hz:.2f} s;"
            " expected recordings of one take"
        )
    if short < 2 * rate_hz:
        raise UpedalError(f"the pair lasts {short / rate_hz:.2f} s; expected at least 2 s")
    findings = []
    if short != long:
        findings.append(f"lengths differ by {long - short} frames: the longer one is cut")
    for name, x in (("dry", dry), ("wet", wet)):
        findings += _check_side(name, np.asarray(x))
    if np.array_equal(dry[:short], wet[:short]):
        raise UpedalError("dry and wet are the same signal; expected the wet one through the gear")
    return findings


def _check_side(name, x):
    peak = float(np.max(np.abs(x)))
    if not np.all(np.isfinite(x)):
        raise UpedalError(f"{name}: holds NaN or infinite samples")
    if peak < SILENCE:
        raise UpedalError(f"{name}: silent (peak {peak:.1e}); expected a signal")
    findings = []
    if peak < 0.02:
        findings.append(f"{name} is quiet: peak {20 * math.log10(peak):.0f} dBFS")
    if peak > 1.0:
        findings.append(f"{name} goes over full scale: peak {peak:.2f}")
    flat = clipped_samples(x)
    if flat:
        findings.append(f"{name} looks clipped: {flat} samples stand still at its peak {peak:.3f}")
    return findings


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


_AHEAD = 8  # frames a fit may look ahead of the correlation's peak
_TAPS = 256


def align(dry, wet, rate_hz, max_ms=50.0):
    """(dry, wet, Alignment): both cut so that a causal model can follow; polarity is left alone.

    The lag is the peak of the generalised cross-correlation with phase transform (Knapp and
    Carter 1976), averaged over the recording, then moved earlier until a causal linear fit is as
    good (0.2 %) as one that may look 8 frames ahead: the gear's own filters delay the peak, and
    a target that comes too early cannot be learnt while one that comes late can.
    """
    n = min(len(dry), len(wet))
    x, y = np.asarray(dry[:n], np.float64), np.asarray(wet[:n], np.float64)
    peak, polarity = _phat(x, y, int(max_ms * 1e-3 * rate_hz))
    lag = _causal(x, y, peak)
    if lag >= 0:
        return dry[: n - lag], wet[lag:n], Alignment(lag, polarity)
    return dry[-lag:n], wet[: n + lag], Alignment(lag, polarity)


def _phat(x, y, reach):
    """(lag, sign) of the strongest peak within +-reach frames, the lag rounded down."""
    from scipy.signal import csd

    size = 1 << max(12, (8 * reach - 1).bit_length())
    while size > len(x) // 2 and size > 4 * reach:
        size //= 2
    options = {"nperseg": size, "noverlap": size * 3 // 4, "detrend": False}
    _, cross = csd(x, y, return_onesided=False, **options)
    r = np.fft.ifft(cross / (np.abs(cross) + 1e-12 * np.max(np.abs(cross)))).real
    lags = np.arange(-reach, reach + 1)
    near = r[lags]
    k = int(np.argmax(np.abs(near)))
    lag = int(lags[k])
    if 0 < k < len(near) - 1 and abs(near[k - 1]) > abs(near[k + 1]):
        # The peak lies between this frame and the one before.
        lag -= int(near[k - 1] * near[k] > 0)
    return lag, 1 if near[k] > 0 else -1


def _causal(x, y, peak):
    """The last lag up to `peak` at which a causal linear fit loses nothing; an integer."""
    from scipy.linalg import solve_toeplitz

    x, y = np.diff(x), np.diff(y)  # differences weigh the band where timing shows
    size = 1 << (2 * len(x) - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    auto = np.fft.irfft(np.abs(spectrum) ** 2, size)[: _TAPS + _AHEAD + 1]
    auto[0] *= 1.0 + 1e-6
    cross = np.fft.irfft(np.conj(spectrum) * np.fft.rfft(y, size), size)
    energy = float(y @ y)
    best = None
    for lag in range(peak - _AHEAD, peak + 1):
        taps = _TAPS + peak - lag
        wanted = cross[np.arange(lag, lag + taps) % size]
        left = energy - float(solve_toeplitz(auto[:taps], wanted) @ wanted)
        if best is None:
            best = left
        if left > 1.002 * best:
            return lag - 1
    return peak


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
