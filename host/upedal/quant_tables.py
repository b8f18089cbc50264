"""Tables of activations for integer models: 1,024 straight lines of value and slope.

    look(T, x) = ((w >> 10) + d f + 32) >> 6,   w = T[(x >> 6) + 512] = 65536 v + d,   f = x & 63

v and d are integers, so each line is chosen for the least sum of squared errors of its 64 results, rounding
included, among the few pairs near the best real line. Measured, in units of the output: tanh in ±8 rms 0.37 and
at most 1.4, in ±5 0.34 and 1.2; sigmoid in ±16 0.28 and 1.2; softsign in ±8 0.37 and 2.1. Rounding alone is
0.29 and 0.5. What x was rounded by comes on top, slope · unit of x / 2, and is most of the error.
"""

import numpy as np

from . import layers as L
from . import reference
from .errors import UpedalError

NODES, STEP = 1024, 64
_X = STEP * (np.arange(NODES)[:, None] - NODES // 2) + np.arange(STEP)  # [node][f]
# From where on a function is flat to half a unit of 2^-15: a domain need not be larger.
FLAT = {"tanh": 5.0, "sigmoid": 11.0, "hard_tanh": 2.0}
# A hard tanh has its corners at nodes only if 1 is a whole number of them.
_DOMAINS = {"hard_tanh": (2.0,)}
DOMAINS = tuple(m * 2.0**e for e in range(-12, 20) for m in (1.0, 1.25, 1.5, 1.75))


def look(table, x):
    """The pedal's look-up: table int32 [1024], x integers -> int64."""
    w = table.astype(np.int64)[(x >> 6) + NODES // 2]
    d = ((w & 0xFFFF) ^ 0x8000) - 0x8000
    return ((w >> 10) + d * (x & 63) + 32) >> 6


def domain(kind, peak, margin):
    """Real value that 32,768 units of a table's input stand for: holds `peak` (of |z|) and a margin, or all
    of the function that is not flat. From a coarse set, so that layers share tables."""
    need = min(peak * margin, FLAT.get(kind, np.inf))
    for candidate in _DOMAINS.get(kind, DOMAINS):
        if candidate >= need:
            return candidate
    raise UpedalError(f"activation {kind}: its input reaches {peak:g}; expected at most {DOMAINS[-1] / margin:g}")


def table(activation, unit_in, unit_out, lowest=-32768):
    """int32 [1024] of an Act; unit_in, unit_out: real values of one unit; results are lowest..32767."""
    exact = reference.activate(L.act(activation), (_X * unit_in).reshape(1, -1)).reshape(_X.shape) / unit_out
    want = np.clip(exact, lowest, 32767)
    best, cost = np.zeros(NODES, np.int64), np.full(NODES, np.inf)
    for v, d in _lines(want):
        got = ((65536 * v + d >> 10)[:, None] + d[:, None] * np.arange(STEP) + 32) >> 6
        error = ((got - want) ** 2).sum(1)
        ends = got[:, [0, -1]]
        error[(ends < lowest).any(1) | (ends > 32767).any(1) | (np.abs(v) > 32767)] = np.inf
        # Silence stays silent: f(0) is exact to its unit.
        if got[NODES // 2, 0] != np.floor(want[NODES // 2, 0] + 0.5):
            error[NODES // 2] = np.inf
        better = error < cost
        best[better], cost[better] = (65536 * v + d)[better], error[better]
    if not np.isfinite(cost).all():
        raise UpedalError(f"activation {L.act(activation).kind}: too steep for a table of units {unit_in:g} to {unit_out:g}")
    return best.astype(np.int32)


def _lines(want):
    """Candidates (v, d), int64 [1024] each, near the best line through [1024][64]."""
    f = np.arange(STEP) / STEP
    low = np.floor(want[:, 0]).astype(np.int64)
    for v in (low - 1, low, low + 1, low + 2):
        slope = np.rint((want - v[:, None]) @ f / (f @ f)).astype(np.int64)
        for d in (slope - 1, slope, slope + 1, 0 * slope):
            yield v, np.clip(d, -32768, 32767)
