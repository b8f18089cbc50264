"""Audio made 8-bit with dither, in integers: the same bits on host and pedal.

Each channel is the same audio plus noise of its own, so that their average keeps what 8 bits lose. All
values below are 32-bit integers, `>>` keeps the sign (rounds down), and one step of 8-bit data, the LSB, is
256 units of q15 audio and 2^14 units of noise.

Generator, one a channel, Marsaglia's xorshift32; per frame:
    s ^= s << 13;  s ^= s >> 17 (logical);  s ^= s << 5            mod 2^32
    t = (s >> 18) - (s & 16383)              -16383..16383: triangular, 2 LSB peak to peak, no DC
Start of channel c from a 32-bit seed (the finaliser of MurmurHash3; 0 becomes 1; mod 2^32):
    s = seed + 0x9E3779B9 * (c + 1)
    s ^= s >> 16;  s *= 0x85EBCA6B;  s ^= s >> 13;  s *= 0xC2B2AE35;  s ^= s >> 16
High-pass, a 2nd-order Butterworth by the bilinear transform, coefficients in Q14:
    y[n] = (B * (t[n] - 2 t[n-1] + t[n-2]) - A1 * y[n-1] - A2 * y[n-2] + 8192) >> 14
Result:
    out = clamp((64 * audio + d + 8192) >> 14, -128, 127)    d: "none" 0, "white" t, "shaped" 2 * y

`bounds` proves that no sum leaves int32 and y stays int16.
"""

import math
from dataclasses import dataclass

import numpy as np

from .errors import UpedalError

KINDS = ("none", "white", "shaped")
RATE_HZ, CUTOFF_HZ = 44100, 17000
MOST_CHANNELS = 64
HALF = 1 << 13  # half an LSB of noise, and one half in Q14
PEAK = (1 << 14) - 1  # largest |t|
_BLOCK = 4096  # frames of noise made at a time


@dataclass(frozen=True)
class HighPass:
    """Coefficients in Q14: numerator B * (1, -2, 1), denominator (16384, A1, A2)."""

    b: int
    a1: int
    a2: int


def high_pass(rate_hz=RATE_HZ, cutoff_hz=CUTOFF_HZ):
    """Butterworth of 2nd order: with K = tan(pi * cutoff / rate) and D = 1 + sqrt(2) K + K^2,
    B = 1 / D, A1 = 2 (K^2 - 1) / D, A2 = (1 - sqrt(2) K + K^2) / D. At 44.1 kHz: 1385, 16812, 5968."""
    if not 0 < cutoff_hz < rate_hz / 2:
        raise UpedalError(
            f"dither: high-pass at {cutoff_hz} Hz; expected above 0 and below {rate_hz / 2} Hz"
        )
    k = math.tan(math.pi * cutoff_hz / rate_hz)
    d = 1 + math.sqrt(2) * k + k * k
    exact = (1 / d, 2 * (k * k - 1) / d, (1 - math.sqrt(2) * k + k * k) / d)
    made = HighPass(*(round(16384 * c) for c in exact))
    sums, largest = bounds(made)
    if sums >= 1 << 31 or largest >= 1 << 15:
        raise UpedalError(
            f"dither: a high-pass at {cutoff_hz} of {rate_hz} Hz needs more than 32-bit sums"
        )
    return made


def bounds(hp):
    """(largest |sum| of the filter, largest |y|) for any sequence of |t| <= PEAK, upper bounds.

    |y| <= PEAK * sum |h| + r * sum |g|: h the response of the filter as quantised, g that of its recursive
    part, r = 1/2 the rounding of each step. The second difference of t is within 4 PEAK.
    """
    from scipy.signal import lfilter

    a = [1, hp.a1 / 16384, hp.a2 / 16384]
    if not (abs(a[2]) < 1 and abs(a[1]) < 1 + a[2]):
        return math.inf, math.inf  # unstable
    impulse = np.zeros(4096)
    impulse[0] = 1
    g = lfilter([1], a, impulse)
    if np.abs(g[-64:]).max() > 1e-12:
        return math.inf, math.inf  # decays too slowly to be summed here
    h = hp.b / 16384 * np.convolve(g, [1, -2, 1])
    y = math.ceil(PEAK * np.abs(h).sum() + 0.5 * np.abs(g).sum())
    return hp.b * 4 * PEAK + (abs(hp.a1) + abs(hp.a2)) * y + HALF, y


def starts(seed, channels):
    """The generators' first states, uint32 [channels]."""
    s = np.uint64(seed) + np.uint64(0x9E3779B9) * np.arange(1, channels + 1, dtype=np.uint64)
    s &= np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        s = ((s ^ (s >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return np.where(s == 0, 1, s).astype(np.uint32)


def step(s):
    """One step of the generators, uint32 of any shape."""
    s = s ^ (s << np.uint32(13))
    s = s ^ (s >> np.uint32(17))
    return s ^ (s << np.uint32(5))


def _advance(s, columns):
    """s moved by the linear map that takes bit k of a state to columns[k]."""
    out = np.zeros_like(s)
    for k, column in enumerate(columns):
        out ^= ((s >> np.uint32(k)) & np.uint32(1)) * column
    return out


def uniform_states(s, n):
    """The n states that follow s: uint32 [channels] -> [channels][n].

    The step is linear over bits, so the map of m steps is 32 columns, its square that of 2 m, and each
    doubling fills as many states as there are."""
    out = np.empty((len(s), n), np.uint32)
    if n == 0:
        return out
    out[:, 0], made = step(s), 1
    columns = step(np.uint32(1) << np.arange(32, dtype=np.uint32))
    while made < n:
        more = min(made, n - made)
        out[:, made : made + more] = _advance(out[:, :more], columns)
        made, columns = made + more, _advance(columns, columns)
    return out


class Ditherer:
    """Audio to 8-bit channels, block by block; any split gives the same output."""

    def __init__(self, channels, seed, kind="shaped", *, rate_hz=RATE_HZ, cutoff_hz=CUTOFF_HZ):
        if kind not in KINDS:
            raise UpedalError(f"dither: kind {kind!r}; expected one of {', '.join(KINDS)}")
        if not 1 <= channels <= MOST_CHANNELS:
            raise UpedalError(f"dither: {channels} channels; expected 1 to {MOST_CHANNELS}")
        if not 0 <= seed < 1 << 32:
            raise UpedalError(f"dither: seed {seed}; expected 0 to {(1 << 32) - 1}")
        self.kind, self.channels = kind, channels
        self._filter = high_pass(rate_hz, cutoff_hz) if kind == "shaped" else None
        self._states = starts(seed, channels)
        self._t = np.zeros((channels, 2), np.int32)  # t[n-2], t[n-1]
        self._y = np.zeros((channels, 2), np.int32)  # y[n-2], y[n-1]

    def noise(self, n):
        """The next n values of d, int32 [channels][n], 2^14 to the LSB."""
        out = np.zeros((self.channels, n), np.int32)
        if self.kind != "none":
            for at in range(0, n, _BLOCK):
                out[:, at : at + _BLOCK] = self._block(min(_BLOCK, n - at))
        return out

    def _block(self, n):
        s = uniform_states(self._states, n)
        self._states = s[:, -1]
        t = (s >> np.uint32(18)).astype(np.int32) - (s & np.uint32(16383)).astype(np.int32)
        return t if self.kind == "white" else 2 * self._high_passed(t)

    def _high_passed(self, t):
        hp, n = self._filter, t.shape[1]
        joined = np.concatenate((self._t, t), axis=1)
        self._t = joined[:, -2:].copy()
        fed = np.ascontiguousarray(
            (hp.b * (joined[:, 2:] - 2 * joined[:, 1:-1] + joined[:, :-2]) + HALF).T
        )
        y = np.empty((n + 2, self.channels), np.int32)
        y[:2] = self._y.T
        for k in range(n):
            y[k + 2] = (fed[k] - hp.a1 * y[k + 1] - hp.a2 * y[k]) >> 14
        self._y = y[n:].T.copy()
        return y[2:].T

    def process(self, audio):
        """audio int16 (q15) [n] -> int8 [channels][n]."""
        audio = np.asarray(audio)
        if audio.dtype != np.int16 or audio.ndim != 1:
            raise UpedalError(
                f"dither: audio {audio.dtype} {list(audio.shape)}; expected int16 [n]"
            )
        scaled = audio.astype(np.int32) * 64 + HALF
        return np.clip((scaled + self.noise(len(audio))) >> 14, -128, 127).astype(np.int8)


def requantise(audio_q15, channels, seed, kind="shaped", *, rate_hz=RATE_HZ, cutoff_hz=CUTOFF_HZ):
    """int16 [n] (q15) -> int8 [channels][n], from a fresh start. kind: "none", "white", "shaped"."""
    return Ditherer(channels, seed, kind, rate_hz=rate_hz, cutoff_hz=cutoff_hz).process(audio_q15)
