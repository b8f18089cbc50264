"""Designs the prototype filter of native_modules/core/up_resample.c: prints its coefficients.

A cosine series over the filter's span, h(t) = sum_k c[k] cos(2 pi k t / span), |t| < span / 2, zero at
its ends, chosen by linear programming: the least stopband peak, and half of that for the error of
the passband, so that a round trip is clean. `.venv/bin/python tools/design_resampler.py`
"""

import numpy as np

TICKS_HZ = 7_056_000  # 160 * 44100 = 147 * 48000: both rates' frames fall on it
TAPS, TERMS = 40, 26  # taps at 44.1 kHz; terms of the series
SPAN = TAPS * 160  # ticks
CLEAN_HZ, PASS_HZ = 18000, 19500
STOP_HZ = 24600  # 44100 - 19500: where images of the passband begin
PASS_RIPPLE = 0.008  # between CLEAN_HZ and PASS_HZ: 0.07 dB
DECAY_HZ = 60000  # the stopband falls as 1/f from here, so that all 160 images add up to little


def basis(f):
    """[frequency][term]: the response at f (Hz) of each term, DC gain 1 for a sum of 160 ticks' taps."""
    ticks = np.arange(SPAN) - SPAN / 2
    series = np.cos(2 * np.pi * np.outer(ticks, np.arange(TERMS)) / SPAN)
    return np.cos(2 * np.pi * np.outer(f, ticks) / TICKS_HZ) @ series / 160


def design():
    """(coefficients [TERMS], stopband peak)."""
    from scipy.optimize import linprog

    f = np.concatenate(
        [np.linspace(0, DECAY_HZ, 1600), np.geomspace(DECAY_HZ, TICKS_HZ / 2, 1500)]
    )
    f = np.union1d(f, [CLEAN_HZ, PASS_HZ, STOP_HZ])
    f = f[(f <= PASS_HZ) | (f >= STOP_HZ)]
    response = basis(f)
    want = (f <= PASS_HZ).astype(float)
    share = np.where(
        f <= CLEAN_HZ, 0.5, np.where(f <= PASS_HZ, 0, np.minimum(1, DECAY_HZ / np.maximum(f, 1)))
    )
    fixed = np.where((f > CLEAN_HZ) & (f <= PASS_HZ), PASS_RIPPLE, 0)
    rows = np.block([[response, -share[:, None]], [-response, -share[:, None]]])
    ends = np.append((-1.0) ** np.arange(TERMS), 0)[None]
    bounds = [(None, None)] * TERMS + [(0, None)]
    limits = np.concatenate([want + fixed, fixed - want])
    goal = np.append(np.zeros(TERMS), 1)
    found = linprog(goal, rows, limits, ends, [0], bounds, method="highs")
    return found.x[:-1], found.x[-1]


if __name__ == "__main__":
    coefficients, peak = design()
    print(
        f"// stopband {20 * np.log10(peak):.1f} dB, passband error {20 * np.log10(peak / 2):.1f} dB"
    )
    print(", ".join(f"{c:.9g}f" for c in coefficients))
