"""Float rows to int16 rows whose sums cannot overflow, rounded so that the error is small where the signal is.

A row computes  acc = bias + sum w_q x_q  and  z_q = rq(acc, mult),  with w_q = w · unit(x) / unit(acc) and
mult = 2^32 unit(acc) / unit(z). unit(acc) is the least for which |w_q| <= 32767 and
|bias| + 32768 sum |w_q| < 2^31.

Rounding: weights are rounded one after another, and each one's error is made up for by those that follow,
as far as their inputs resemble its own: sequential least squares with a Cholesky factor of the inverse
covariance (Hassibi and Stork, "Optimal Brain Surgeon", 1993; Frantar et al., "GPTQ", 2022). The bias comes
last and is finer than any weight, so the mean is kept. Measured on whole nets against plain rounding: 14 dB on
a convolutional net with batch norm, 6 dB on a filter of 2,000 taps, 0 to 1 dB where rounding signals costs more.
"""

import numpy as np

from . import qlayers as Q
from .errors import UpedalError

LIMIT = 2**31 - 1
DAMPING = 1e-4  # of the mean energy, as white noise added to what was observed
MOST_COLUMNS = 3000  # above, plain rounding: the factor's cost grows with the cube
_TRIES = 40


def row_bounds(matrix):
    """[rows] |bias| + 32768 · sum |w|, the largest sum that any int16 inputs can reach."""
    sums = np.abs(matrix.weight.astype(np.int64)).sum(1) * 32768
    return np.abs(matrix.bias.astype(np.int64)) + sums


def overflow_bound(matrix):
    """The largest of a Matrix's row_bounds; below 2^31 no sum can overflow."""
    return int(row_bounds(matrix).max())


def _least_unit(scaled, bias, limit):
    size = np.abs(scaled)
    return np.maximum(size.max(1) / 32767, (np.abs(bias) + 32768 * size.sum(1)) / limit)


def quantise(weight, bias, unit_in, unit_out, seen, name):
    """A Matrix of real rows. weight [rows][cols], bias [rows], unit_in [cols], unit_out [rows];
    seen: real inputs [cols][frames]. `name` is for errors."""
    scaled, factor = weight * unit_in, _factor(seen, unit_in)
    unit = _least_unit(scaled, bias, LIMIT)
    for _ in range(_TRIES):
        mult = np.maximum(np.ceil(unit / unit_out * 2.0**32), 1)
        if mult.max() >= 2**31:
            row = int(np.argmax(mult))
            ratio = mult[row] / 2**31
            raise UpedalError(f"{name}: row {row}'s inputs are {ratio:.2g} times too large for its result")
        unit = mult * unit_out / 2.0**32  # of the multiplier as stored: no error of gain
        matrix = _rounded(scaled / unit[:, None], bias / unit, mult, factor)
        bounds = row_bounds(matrix)
        if bounds.max() <= LIMIT:
            return matrix
        unit = np.where(bounds > LIMIT, unit * (bounds / LIMIT + 1e-4), unit)
    raise UpedalError(f"{name}: no scale whose sums fit 32 bits")


def quantise_wide(weight, bias, unit_in, seen, name, *, whole=None, limit=LIMIT):
    """(Matrix, unit(acc)) of one row whose sum is the output. whole: a column whose weight is to be exact."""
    scaled, factor = weight * unit_in, _factor(seen, unit_in, whole)
    unit = np.maximum(_least_unit(scaled, bias, limit), 1e-30)
    for _ in range(_TRIES):
        if whole is not None and scaled[0, whole] >= unit[0]:
            unit = scaled[:, whole] / np.floor(scaled[:, whole] / unit)
        matrix = _rounded(scaled / unit[:, None], bias / unit, np.zeros(1), factor)
        bound = overflow_bound(matrix)
        if bound <= limit:
            return matrix, float(unit[0])
        unit = unit * (bound / limit + 1e-4)
    raise UpedalError(f"{name}: no scale whose sums fit 32 bits")


def _factor(seen, unit_in, first=None):
    """(order of the columns, upper factor U with inverse covariance = U' U, unit of the bias) or None."""
    cols = len(unit_in)
    if seen is None or cols > MOST_COLUMNS:
        return None
    x = seen / np.asarray(unit_in)[:, None]
    energy = (x * x).mean(1)
    order = np.argsort(-energy, kind="stable")
    if first is not None:  # a whole weight takes no error over
        order = np.concatenate([[first], order[order != first]])
    level = np.sqrt(energy.mean()) + 1.0
    x = np.concatenate([x[order], np.full((1, x.shape[1]), level)])
    noise = np.full(cols + 1, DAMPING * energy.mean() + 1.0)
    noise[-1] = 0.0  # the bias alone is not limited
    covariance = x @ x.T / x.shape[1] + np.diag(noise)
    return order, np.linalg.cholesky(np.linalg.inv(covariance)).T, level


def _rounded(target, bias, mult, factor):
    if factor is None:
        weight = np.rint(target)
    else:
        order, upper, level = factor
        left = np.concatenate([target[:, order], bias[:, None] / level], axis=1)
        weight = np.empty_like(target)
        for k, column in enumerate(order):
            weight[:, column] = np.clip(np.rint(left[:, k]), -32767, 32767)
            error = (left[:, k] - weight[:, column]) / upper[k, k]
            left[:, k:] -= error[:, None] * upper[k, k:]
        bias = left[:, -1] * level
    bias = np.clip(np.rint(bias), -LIMIT, LIMIT)
    return Q.Matrix(weight.astype(np.int16), bias.astype(np.int32), mult.astype(np.int32))
