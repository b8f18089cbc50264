"""The lag along the take: one clock running faster than the other, buffers that were dropped."""

from dataclasses import dataclass

import numpy as np

from . import timing

_BLOCK_S, _HOP_S = 1.0, 0.5
_REACH_S = 0.5  # how far a block's lag may lie from the take's
_FINE = 32  # frames round a block's coarse lag, searched at the full rate
_MOST = 240  # blocks
_STEP = 6.0  # frames: a smaller jump is not told from the music


@dataclass
class Track:
    """Per block that could be heard: its middle [s], its lag [frames, with fraction]."""

    at_s: np.ndarray
    lag: np.ndarray

    def drift(self):
        """Frames a second: the median of the slopes between blocks a sixteenth of the take apart, so
        that a few jumps do not count; then a line, where it is one."""
        n = len(self.lag)
        if n < 4:
            return 0.0
        gap = max(n // 16, 1)
        rise = (self.lag[gap:] - self.lag[:-gap]) / (self.at_s[gap:] - self.at_s[:-gap])
        slope = float(np.median(rise))
        for reach in (4.0 * _STEP, _STEP):
            left = self.lag - slope * self.at_s
            near = np.abs(left - np.median(left)) < reach
            if np.count_nonzero(near) < max(0.8 * n, 4):
                break
            slope = float(np.polyfit(self.at_s[near], self.lag[near], 1)[0])
        return slope


def follow(x, y, rate_hz, lag):
    """The Track of a pair whose lag is about `lag` frames."""
    half = 2 if rate_hz >= 44100 else 1  # half the rate is enough for a fraction of a frame
    if half == 2:
        from scipy.signal import decimate

        x, y = decimate(x, 2, ftype="fir"), decimate(y, 2, ftype="fir")
        track = _follow(x, y, rate_hz / 2, lag // 2)
        return Track(track.at_s, 2.0 * track.lag)
    return _follow(x, y, rate_hz, lag)


def _follow(x, y, rate_hz, lag):
    a, factor = timing.lower(x, rate_hz)
    b, _ = timing.lower(y, rate_hz)
    block, reach = int(_BLOCK_S * rate_hz), int(_REACH_S * rate_hz)
    hop = int(max(_HOP_S, len(x) / rate_hz / _MOST) * rate_hz)
    quiet_x, quiet_y = 1e-2 * np.std(x), 1e-3 * np.std(y)
    found = []
    for start in range(0, len(x) - block + 1, hop):
        piece, other = timing.padded(x, y, slice(start, start + block), lag)
        if np.std(piece) < quiet_x or np.std(other) < quiet_y:
            continue
        at = (start // factor, block // factor, lag // factor, reach // factor)
        coarse, height = _coarse(a, b, *at, factor / rate_hz)
        if height > 8.0:
            found.append((start, (lag // factor + coarse) * factor))
    at, lags = _fine(x, y, block, found)
    return _without_strays(Track((at + block / 2) / rate_hz, lags))


def _coarse(a, b, start, block, lag, reach, step_s):
    """(lag beyond `lag`, height over the noise) of one block at the low rate."""
    piece, _ = timing.padded(a, b, slice(start, start + block), 0)
    _, wide = timing.padded(a, b, slice(start - reach, start + block + reach), lag)
    r = timing.phat(piece, wide, step_s, (70.0, 2800.0))
    height = np.abs(r[: 2 * reach + 1])
    k = int(np.argmax(height))
    return k - reach, float(height[k] / (np.std(r) + 1e-30))


def _fine(x, y, block, found):
    """(starts, lags with a fraction): each block against the phase that all have in common."""
    from scipy.fft import irfft

    if not found:
        return np.zeros(0), np.zeros(0)
    size = 1 << (block + 2 * _FINE).bit_length()
    shape = np.hanning(block - 1)
    lags = np.array([lag for _, lag in found], np.float64)
    cross = []
    for start, lag in found:
        p, q = timing.padded(x, y, slice(start, start + block), lag)
        c = np.conj(np.fft.rfft(np.diff(p) * shape, size)) * np.fft.rfft(np.diff(q) * shape, size)
        cross.append((c / (np.abs(c) + 1e-6 * np.max(np.abs(c)) + 1e-300)).astype(np.complex64))
    w = 2.0 * np.pi * np.arange(size // 2 + 1) / size
    common = np.ones(size // 2 + 1, np.complex64)
    for _ in range(3):
        move = np.array([_peak(irfft(c * np.conj(common))) for c in cross])
        flat = (
            lags
            + move
            - Track(np.array([s for s, _ in found]), lags + move).drift()
            * np.array([s for s, _ in found])
        )
        near = np.abs(flat - _mode(flat)) < 2.0
        total = sum(c * np.exp(1j * w * m) for c, m, n in zip(cross, move, near) if n)
        common = _smooth(total / (np.abs(total) + 1e-12)).astype(np.complex64)
    move = np.array([_peak(irfft(c * np.conj(common))) for c in cross])
    return np.array([start for start, _ in found], np.float64), lags + move


def _mode(values, width=2.0):
    """The value with the most others within `width`."""
    return values[np.argmax(np.sum(np.abs(values[:, None] - values) < width, axis=1))]


def _smooth(phase, width=33):
    kernel = np.hanning(width + 2)[1:-1]
    out = np.convolve(phase, kernel / kernel.sum(), "same")
    return out / (np.abs(out) + 1e-12)


def _peak(r):
    """Where |r| is highest within +-_FINE frames, by a parabola."""
    near = np.abs(np.concatenate([r[-_FINE:], r[: _FINE + 1]]))
    k = int(np.clip(np.argmax(near), 1, len(near) - 2))
    below, top, above = near[k - 1 : k + 2]
    curve = below - 2.0 * top + above
    return k - _FINE + (0.5 * (below - above) / curve if curve else 0.0)


def _without_strays(track):
    """Without blocks whose lag neither neighbour on any side shares (5 in a row, by the median)."""
    n = len(track.lag)
    if n < 5:
        return track
    slope = track.drift()
    flat = track.lag - slope * track.at_s
    padded = np.pad(flat, 2, constant_values=np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5)
    reach = _STEP + 0.3 * _BLOCK_S * abs(slope)
    near = np.sort(np.abs(windows - flat[:, None]), axis=1)[:, 2] < reach  # itself and two more
    return Track(track.at_s[near], track.lag[near])


def pieces(track, slope):
    """Where the lag, without the drift, stands still for three blocks and more, and then jumps: a
    list of (first, last + 1, lag)."""
    flat = track.lag - slope * track.at_s
    out, first = [], 0
    for k in range(3, len(flat) - 2):
        behind, ahead = flat[max(first, k - 5) : k], flat[k : k + 3]
        if len(behind) < 3 or abs(np.median(ahead) - np.median(behind)) <= _STEP:
            continue
        if abs(flat[k] - np.median(ahead)) < _STEP / 2.0:
            out.append((first, k, float(np.median(flat[first:k]))))
            first = k
    return [*out, (first, len(flat), float(np.median(flat[first:])))] if len(flat) else []
