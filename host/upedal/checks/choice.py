"""Which of several likely lags it is: the one at which a short causal linear fit explains most.

A steady note looks alike at many lags, and two bands of a high-gain amplifier can agree on a
wrong one; but only behind the right lag does a short filter make much of wet out of dry.
All signals are float64 [n]; a lag counts frames, positive where wet is late.
"""

import numpy as np

from . import timing

_FIT_S = 10.0  # of sound that a fit sees
_TAPS_S, _AHEAD_S = 0.0013, 0.00035  # behind and before a lag
_APART_S = 0.005  # closer lags are one candidate
_PEAKS = 4  # of the match that are tried
_ALIKE = 0.9  # a lag that explains so much of what the best explains may be it
_SAME = 0.98  # of two close ones the first tried is taken: attacks tell the frame best
_NOTHING = 0.005  # of wet's differences explained; unrelated sound reaches about 0.002
_ATTACKS_HZ, _LIKELY_S = ((1000.0, 20000.0), (3000.0, 15000.0)), 1.0
_ATTACK_S = 20.0  # of sound that is searched for them


def choose(x, y, rate_hz, lags, height, first):
    """(frames, whether it is sure), of the peaks of height [n] over lags [n] (frames), `first`, the
    peak nearest zero and the lags of the attacks."""
    tried = [*attacks(x, y, rate_hz, first), first, *_peaks(lags, height, rate_hz)]
    scores = [(explained(x, y, rate_hz, k), k) for k in dict.fromkeys(tried)]
    best, frames = max(scores)
    if best < _NOTHING:
        return first, False
    others = [s for s, k in scores if abs(k - frames) > _APART_S * rate_hz]
    same = [k for s, k in scores if abs(k - frames) <= _APART_S * rate_hz and s > _SAME * best]
    return same[0], max(others, default=0.0) < _ALIKE * best


def _peaks(lags, height, rate_hz):
    """The lags of the highest peaks, and of the one nearest zero."""
    near = np.flatnonzero(np.abs(lags) < _APART_S * rate_hz)
    found = [int(lags[near[np.argmax(height[near])]])] if len(near) else []
    left = height.copy()
    for _ in range(_PEAKS):
        found.append(int(lags[np.argmax(left)]))
        left[np.abs(lags - found[-1]) < _APART_S * rate_hz] = 0.0
    return found


def attacks(x, y, rate_hz, first):
    """The best lag within a second of `first` in each of two bands high up, where attacks are."""
    part = timing.loud_part(x, y, rate_hz, first, _ATTACK_S)
    reach = int(_LIKELY_S * rate_hz)
    a = x[part]
    b = timing.padded(x, y, slice(part.start - reach, part.stop + reach), first)[1]
    for low_hz, high_hz in _ATTACKS_HZ:
        band = (low_hz, min(high_hz, 0.45 * rate_hz))
        height = np.abs(timing.phat(a, b, 1.0 / rate_hz, band))
        yield int(np.argmax(height[: 2 * reach + 1])) - reach + first


def explained(x, y, rate_hz, lag):
    """The share of the energy of wet's differences that a short fit behind `lag` explains."""
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.linalg import solve_toeplitz

    taps, ahead = int(_TAPS_S * rate_hz) + 1, int(_AHEAD_S * rate_hz) + 1
    part = timing.loud_part(x, y, rate_hz, lag, _FIT_S)
    a, b = (np.diff(u) for u in timing.padded(x, y, part, lag))
    energy = float(b @ b)
    if len(a) < 2 * (taps + ahead) or not energy or not np.any(a):
        return 0.0
    size = next_fast_len(len(a) + taps + ahead, real=True)
    spectrum = rfft(a, size)
    auto = irfft(np.abs(spectrum) ** 2, size)[: taps + ahead]
    auto[0] *= 1.0 + 1e-4
    cross = irfft(np.conj(spectrum) * rfft(b, size), size)
    wanted = cross[np.arange(-ahead, taps) % size]
    return float(solve_toeplitz(auto, wanted) @ wanted) / energy
