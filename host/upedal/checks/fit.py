"""A quick stand-in for the gear: short filters on dry and on two clipped copies of it, fitted
by least squares. It shows what any model could explain, in a fraction of a second."""

import numpy as np

_DRIVES = (2.0, 8.0)  # of the clipped copies, over twice the RMS


def features(x, drives=_DRIVES):
    """[x, clipped copies of x], float64 [n] each."""
    scale = 2.0 * np.sqrt(np.mean(x * x)) + 1e-12
    return [x] + [scale * np.tanh(g * x / scale) / np.sqrt(g) for g in drives]


def solve(x, y, taps, drives=_DRIVES, ahead=0):
    """(filters [features][ahead + taps] for the differences of x and y, share of energy left)."""
    from scipy.fft import irfft, next_fast_len, rfft

    inputs, y = [np.diff(u) for u in features(x, drives)], np.diff(y)
    size = next_fast_len(len(y) + taps + ahead, real=True)
    spectra, target = [rfft(u, size) for u in inputs], rfft(y, size)
    m = taps + ahead
    at = (np.arange(m) - ahead) % size
    wanted = np.concatenate([irfft(np.conj(u) * target, size)[at] for u in spectra])
    filters = np.linalg.solve(gram(spectra, size, m), wanted)
    energy = float(y @ y) + 1e-300
    return filters.reshape(-1, m), max(1.0 - float(filters @ wanted) / energy, 0.0)


def gram(spectra, size, m):
    """The matrix of the least-squares problem, [features * m][features * m], slightly ridged."""
    from scipy.fft import irfft

    count, lag = len(spectra), np.arange(m)
    matrix = np.zeros((count * m, count * m))
    for j in range(count):
        for k in range(j, count):
            both = irfft(np.conj(spectra[j]) * spectra[k], size)
            block = both[(lag[:, None] - lag[None, :]) % size]
            matrix[j * m : (j + 1) * m, k * m : (k + 1) * m] = block
            matrix[k * m : (k + 1) * m, j * m : (j + 1) * m] = block.T
    diagonal = np.diag_indices(len(matrix))
    matrix[diagonal] += 1e-6 * matrix[diagonal] + 1e-12 * np.max(matrix) + 1e-300
    return matrix


def left_over(x, y, taps, drives=_DRIVES):
    """The share of the energy of y's differences that filters of so many taps leave."""
    return solve(x, y, taps, drives)[1] if len(y) > 2 * taps else 1.0


def play(x, filters, drives=_DRIVES):
    """The differences of what the fit makes of x, [n - 1]."""
    from scipy.signal import oaconvolve

    n = len(x) - 1
    return sum(oaconvolve(np.diff(u), h)[:n] for u, h in zip(features(x, drives), filters))
