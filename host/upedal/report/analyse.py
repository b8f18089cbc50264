"""What the report measures on signals: bands, error over time, harmonics, loudness. numpy only."""

from dataclasses import dataclass

import numpy as np

TONES_HZ = (110.0, 440.0, 1760.0, 4000.0)
LEVELS_DB = tuple(range(-40, 1, 5))  # peak, re full scale
_SEEN, _SETTLE = 16384, 8192  # frames measured, and left out before them, at each level
_REACH = 8  # times half the rate: harmonics up to there are looked for where they fold to
_FLOOR = 1e-15  # of energy: -150 dB
_SIZE = 16384  # of a spectrum's window


@dataclass
class Bands:
    """Energies in third octaves (base ten, IEC 61260-1), each array [n_bands]."""

    centre_hz: np.ndarray
    target_db: np.ndarray  # re a full-scale square wave
    output_db: np.ndarray
    error_db: np.ndarray  # of target - output
    heard: np.ndarray  # bool: within 60 dB of the strongest band of the target

    @property
    def off_db(self):
        """How much stronger (+) or weaker the model is, NaN where the target has next to nothing."""
        return np.where(self.heard, self.output_db - self.target_db, np.nan)


def power_spectrum(x, rate_hz, size=_SIZE):
    """(energy of each bin, its Hz): Hann windows of `size`, half overlapped; sums to the mean square."""
    x = np.asarray(x, np.float64)
    if len(x) < size:
        x = np.pad(x, (0, size - len(x)))
    window = np.hanning(size)
    starts = range(0, len(x) - size + 1, size // 2)
    power = np.zeros(size // 2 + 1)
    for at in starts:
        power += np.abs(np.fft.rfft(x[at : at + size] * window)) ** 2
    power *= 2 / (len(starts) * size * np.square(window).sum())
    power[[0, -1]] /= 2
    return power, np.arange(len(power)) * rate_hz / size


def third_octaves(target, output, rate_hz):
    """Bands from 25 Hz to 20 kHz or 0.45 of the rate."""
    centres = 10.0 ** (np.arange(14, 44) / 10)
    centres = centres[centres * 10**0.05 < 0.45 * rate_hz]
    edges = np.append(centres, centres[-1] * 10**0.1) * 10**-0.05
    found = []
    for signal in (target, output, np.asarray(target, np.float64) - output):
        power, hz = power_spectrum(signal, rate_hz)
        total = np.concatenate([[0.0], np.cumsum(power)])
        # A band's edge within a bin takes its share of that bin.
        at = np.interp(edges, np.append(hz, hz[-1] + hz[1]) - hz[1] / 2, total)
        found.append(10 * np.log10(np.maximum(np.diff(at), _FLOOR)))
    heard = (found[0] > found[0].max() - 60) & (found[0] > -110)
    return Bands(centres, *found, heard)


def envelope(signal, points=600):
    """(start in samples, minimum, maximum) of at most `points` equal stretches."""
    edges = np.linspace(0, len(signal), min(points, len(signal)) + 1).astype(int)[:-1]
    return edges, np.minimum.reduceat(signal, edges), np.maximum.reduceat(signal, edges)


def loudest(signal, length):
    """First sample of the stretch of `length` samples with the most energy."""
    if len(signal) <= length:
        return 0
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[:-length]))


def error_over_time(target, output, rate_hz, step_s=0.1):
    """(seconds, ESR of each step or NaN where the target is 60 dB under its loudest, level in dB)."""
    size = max(1, int(step_s * rate_hz))
    n = len(target) // size
    square = np.square(target[: n * size], dtype=np.float64).reshape(n, size).mean(1)
    apart = np.asarray(target, np.float64)[: n * size] - output[: n * size]
    error = np.square(apart).reshape(n, size).mean(1)
    heard = square > max(1e-6 * square.max(initial=0.0), 1e-12)
    ratio = np.where(heard, error / np.where(heard, square, 1), np.nan)
    return (np.arange(n) + 0.5) * size / rate_hz, ratio, 10 * np.log10(square + 1e-12)


def a_weighted_energy(x, rate_hz):
    """Mean square of x [n] after A-weighting (IEC 61672-1, annex E), by its spectrum."""
    power, hz = power_spectrum(x, rate_hz)
    f2 = hz**2
    gain = 12194.217**2 * f2**2 / ((f2 + 20.598997**2) * (f2 + 12194.217**2))
    gain = 1.258925 * gain / np.sqrt((f2 + 107.65265**2) * (f2 + 737.86223**2))
    return float(power @ gain**2)


@dataclass
class Tone:
    """The answer to one sine at rising level; arrays have one row a level of LEVELS_DB."""

    hz: float
    harmonics_db: np.ndarray  # [levels][harmonics], level in dBFS, first the fundamental
    aliased_dbc: (
        np.ndarray
    )  # [levels]: energy folded back from above half the rate, re fundamental
    noise_dbc: np.ndarray  # [levels]: what lies between
    distortion: np.ndarray  # [levels]: root of the harmonics' energy over the fundamental's


def tones(play, rate_hz):
    """[Tone]: harmonics and aliasing of play(x [n] float32) -> y [n], the model from its start.

    Each sine fits a whole odd number of times q into the 16384 frames that are looked at, so that
    every harmonic lies in one bin: the first ones at multiples of q, and those above half the rate,
    since q and 16384 have no common factor, at bins of their own where they fold to. All other
    bins hold noise (the rounding of integer models, dither), which is taken off those.
    """
    return [_tone(play, hz, rate_hz) for hz in TONES_HZ if hz < 0.4 * rate_hz]


def _tone(play, hz, rate_hz):
    cycles = 2 * int(hz * _SEEN / rate_hz / 2) + 1
    y = np.asarray(play(_sine(cycles)), np.float64).reshape(len(LEVELS_DB), -1)
    # Energies of bins, doubled: a full-scale sine gives 1 (0 dBFS).
    power = np.abs(np.fft.rfft(y[:, _SETTLE:]) / (_SEEN / 2)) ** 2
    at = np.arange(cycles, _SEEN // 2, cycles)
    folds = cycles * np.arange(len(at) + 1, _REACH * len(at)) % _SEEN
    folds = np.setdiff1d(np.minimum(folds, _SEEN - folds), [0, _SEEN // 2, *at])
    rest = np.setdiff1d(np.arange(1, _SEEN // 2), [*at, *folds])
    noise = power[:, rest].mean(1)  # a bin
    harmonics = power[:, at] + _FLOOR
    folded = np.maximum(power[:, folds].sum(1) - noise * len(folds), 0)
    first = harmonics[:, 0]
    return Tone(
        cycles * rate_hz / _SEEN,
        10 * np.log10(harmonics),
        10 * np.log10(folded / first + _FLOOR),
        10 * np.log10(noise * _SEEN / 2 / first + _FLOOR),
        np.sqrt(harmonics[:, 1:].sum(1) / first),
    )


def _sine(cycles):
    """The stair of LEVELS_DB without a jump in phase, float32."""
    n = np.arange(len(LEVELS_DB) * (_SETTLE + _SEEN))
    gain = np.repeat(10.0 ** (np.array(LEVELS_DB) / 20), _SETTLE + _SEEN)
    return (gain * np.sin(2 * np.pi * (cycles * n % _SEEN) / _SEEN)).astype(np.float32)
