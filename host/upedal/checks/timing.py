"""How late wet is of dry: found over the whole recording, refined to a fraction of a frame.

All signals are float64 [n]; a lag counts frames, positive where wet is late. The tool is the
generalised cross-correlation with phase transform (Knapp and Carter 1976): each frequency counts
the same, so that the peak stands alone even behind heavy distortion.
"""

from dataclasses import dataclass

import numpy as np

from . import choice

_BAND_HZ = (70.0, 2800.0)  # where guitars are, and distortion leaves the most
_COARSE_HZ = 6000  # rate of the search over all lags
_LIKELY_S = 1.0  # lags within it win against a slightly higher peak elsewhere
_SETTLE_S = 20.0  # of sound that refines a lag
_NEAR = 64  # frames around a coarse lag that are searched at the full rate
_WINDOW = 8192
_AHEAD_HZ, _TAPS = 6000, 256  # of the causal fit: rate / 6000 frames ahead, 8 at 48 kHz
_PLAIN = 16.0  # the peak over the second highest; below it, a closer look


@dataclass
class Lag:
    """frames: of the peak; confidence: its height over the noise (related takes: 18 and more,
    unrelated: 5 to 15); ratio: over the second peak; sure: no other lag
    fits about as well; picture: (ms, height) round the peak."""

    frames: int
    confidence: float
    ratio: float
    sure: bool = True
    picture: tuple = ((), ())


def lower(x, rate_hz):
    """(x at about 6 kHz, the whole factor between the rates)."""
    from scipy.signal import decimate

    factor = max(1, int(rate_hz) // _COARSE_HZ)
    return (decimate(x, factor, ftype="fir") if factor > 1 else x), factor


def phat(x, y, step_s, band_hz, size=None):
    """The cross-correlation by phase alone, [size]; index k is lag k, or k - size."""
    from scipy.fft import irfft, next_fast_len, rfft

    x, y = np.diff(x), np.diff(y)
    size = size or next_fast_len(len(x) + len(y), real=True)
    cross = np.conj(rfft(x, size)) * rfft(y, size)
    f = np.arange(len(cross)) / (size * step_s)
    level = np.abs(cross)
    cross[(f < band_hz[0]) | (f > band_hz[1])] = 0.0
    return irfft(cross / (level + 1e-12 * np.max(level) + 1e-300), size)


def search(x, y, rate_hz):
    """The Lag over the whole recording, to about a coarse frame (8 at 48 kHz)."""
    a, factor = lower(x, rate_hz)
    b, _ = lower(y, rate_hz)
    r = phat(a, b, factor / rate_hz, _BAND_HZ)
    reach = max(min(len(a), len(b)) // 2, 1)  # half of the shorter one must overlap
    lags = np.arange(-max(len(a) - len(b), 0) - reach, max(len(b) - len(a), 0) + reach + 1)
    height = np.abs(r[lags])
    likely = np.abs(lags) <= _LIKELY_S * rate_hz / factor
    k = int(np.argmax(height))
    near = np.flatnonzero(likely)
    if len(near):
        best = near[int(np.argmax(height[near]))]
        k = int(best) if height[best] > 0.8 * height[k] else k
    noise = float(np.std(r)) + 1e-30
    away = np.abs(lags - lags[k]) > 0.01 * rate_hz / factor
    second = float(np.max(height[away])) if np.any(away) else 0.0
    found = Lag(
        int(lags[k]) * factor, float(height[k]) / noise, float(height[k]) / (second + 1e-30)
    )
    if found.confidence > 12.0 and found.ratio < _PLAIN:
        frames = lags * factor
        found.frames, found.sure = choice.choose(x, y, rate_hz, frames, height, found.frames)
    found.picture = _picture(
        lags * factor * 1e3 / rate_hz, height / noise, found.frames * 1e3 / rate_hz
    )
    return found


def _picture(at_ms, height, centre_ms, reach_ms=250.0, points=500):
    part = np.flatnonzero(np.abs(at_ms - centre_ms) <= reach_ms)
    group = max(1, -(-len(part) // points))
    kept = part[: len(part) // group * group].reshape(-1, group)
    if not kept.size:
        return (), ()
    return at_ms[kept[:, 0]], np.max(height[kept], axis=1)


def loud_part(x, y, rate_hz, lag, seconds):
    """The slice of x of so many seconds in which y, shifted by lag, is the loudest."""
    n = int(seconds * rate_hz)
    lo, hi = max(-lag, 0), min(len(x), len(y) - lag)
    if hi - lo <= n:
        return slice(lo, max(hi, lo + 1))
    hop = max(int(0.5 * rate_hz), 1)
    energy = np.concatenate([[0.0], np.cumsum(y[lo + lag : hi + lag] ** 2)])
    starts = np.arange(0, hi - lo - n, hop)
    k = int(starts[np.argmax(energy[starts + n] - energy[starts])]) + lo
    return slice(k, k + n)


def shift(x, y, lag):
    """Both cut so that y's sample `lag` meets x's sample 0."""
    x, y = (x, y[lag:]) if lag >= 0 else (x[-lag:], y)
    n = min(len(x), len(y))
    return x[:n], y[:n]


def settle(x, y, rate_hz, coarse):
    """(peak, fraction, sign): the whole-frame peak near `coarse`, and the lag as a fraction.

    peak is rounded down. The fraction takes the gear's own filtering away: of the transfer
    function the minimum phase that belongs to its magnitude is subtracted (Oppenheim and Schafer,
    Discrete-Time Signal Processing, 12), and what is left is fitted by a pure delay.
    """
    part = loud_part(x, y, rate_hz, coarse, _SETTLE_S)
    a, b = padded(x, y, part, coarse)
    auto, power, cross = spectra(a, b)
    r = np.fft.irfft(cross / (np.abs(cross) + 1e-12 * np.max(np.abs(cross)) + 1e-300))
    lags = np.arange(-_NEAR, _NEAR + 1)
    near = r[lags]
    k = int(np.argmax(np.abs(near)))
    peak = int(lags[k])
    if 0 < k < len(near) - 1 and abs(near[k - 1]) > abs(near[k + 1]):
        # The peak lies between this frame and the one before.
        peak -= int(near[k - 1] * near[k] > 0.01 * near[k] ** 2)
    sign = 1 if near[k] > 0 else -1
    return coarse + peak, coarse + _pure_delay(auto, power, cross, lags[k], rate_hz), sign


def padded(x, y, part, lag):
    """x over the part, and y over the part moved by lag, zeros where they have none."""
    return _piece(x, part.start, part.stop), _piece(y, part.start + lag, part.stop + lag)


def _piece(x, start, stop):
    inside = x[max(start, 0) : max(stop, 0)]
    before = min(max(-start, 0), stop - start)
    return np.pad(inside, (before, stop - start - before - len(inside)))


def spectra(x, y, window=_WINDOW):
    """Sums over half-overlapped Hann windows: |X|^2, |Y|^2, conj(X) Y of the differences."""
    x, y = np.diff(x), np.diff(y)
    while window > 512 and window > len(x) // 4:
        window //= 2
    if len(x) < window:
        x, y = np.pad(x, (0, window - len(x))), np.pad(y, (0, window - len(y)))
    shape = np.hanning(window)
    total = [0.0, 0.0, 0.0]
    starts = np.lib.stride_tricks.sliding_window_view(x, window)[:: window // 2]
    others = np.lib.stride_tricks.sliding_window_view(y, window)[:: window // 2]
    for k in range(0, len(starts), 64):
        a, b = np.fft.rfft(starts[k : k + 64] * shape), np.fft.rfft(others[k : k + 64] * shape)
        for m, value in enumerate((np.abs(a) ** 2, np.abs(b) ** 2, np.conj(a) * b)):
            total[m] = total[m] + np.sum(value, axis=0)
    return total


def _pure_delay(auto, power, cross, peak, rate_hz):
    """The delay in frames near `peak` that is left of cross / auto without its minimum phase."""
    bins = len(auto)
    f = np.arange(bins) * rate_hz / (2 * (bins - 1))
    coherence = np.abs(cross) ** 2 / (auto * power + 1e-300)
    heard = (f > 60.0) & (f < 0.45 * rate_hz) & (auto > 1e-7 * np.max(auto))
    if np.count_nonzero(heard) < 8:
        return float(peak)
    size = np.log(np.abs(cross[heard]) / auto[heard] + 1e-300)
    size = np.interp(np.arange(bins), np.flatnonzero(heard), size)
    phase = np.angle(cross) - _minimum_phase(size)
    weight = np.where(heard, coherence, 0.0)
    w = 2.0 * np.pi * np.arange(bins) / (2 * (bins - 1))
    trial = peak + np.linspace(-6.0, 6.0, 241)
    unit = weight * np.exp(1j * phase)
    fit = np.abs(np.real(np.exp(1j * np.outer(trial, w)) @ unit))
    k = int(np.clip(np.argmax(fit), 1, len(trial) - 2))
    below, top, above = fit[k - 1 : k + 2]
    curve = below - 2.0 * top + above
    return float(trial[k] + 0.05 * (0.5 * (below - above) / curve if curve else 0.0))


def _minimum_phase(log_size):
    """The phase, [bins], of the minimum-phase filter of this log magnitude (real cepstrum)."""
    cepstrum = np.fft.irfft(log_size)
    n = len(cepstrum)
    fold = np.zeros(n)
    fold[0], fold[n // 2], fold[1 : n // 2] = 1.0, 1.0, 2.0
    return np.imag(np.fft.rfft(fold * cepstrum))


def causal(x, y, peak, rate_hz):
    """The last lag up to `peak` at which a causal linear fit loses nothing (0.2 %) against one that
    may look 0.17 ms further ahead: a target that comes too early cannot be learnt, one that
    comes late can, by a little (more frames at a low rate would let chance choose)."""
    from scipy.linalg import solve_toeplitz

    most = -(-int(rate_hz) // _AHEAD_HZ)
    part = loud_part(x, y, rate_hz, peak, _SETTLE_S)
    x, y = padded(x, y, part, peak)
    x, y = np.diff(x), np.diff(y)  # differences weigh the band where timing shows
    size = 1 << (2 * len(x) - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    auto = np.fft.irfft(np.abs(spectrum) ** 2, size)[: _TAPS + most + 1]
    auto[0] *= 1.0 + 1e-6
    cross = np.fft.irfft(np.conj(spectrum) * np.fft.rfft(y, size), size)
    energy, best = float(y @ y), None
    for ahead in range(most, -1, -1):
        taps = _TAPS + ahead
        wanted = cross[np.arange(-ahead, _TAPS) % size]
        left = energy - float(solve_toeplitz(auto[:taps], wanted) @ wanted)
        best = left if best is None else best
        if left > 1.002 * best + 1e-4 * energy:
            return peak - ahead - 1
    return peak
