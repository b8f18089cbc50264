"""Gain that depends on what was played long ago: compressors with a slow release, gates that hold."""

import numpy as np

from .finding import Finding
from .noise import levels

_WINDOW_S = 0.05
_PAST = range(2, 17)  # windows back: 0.1 to 0.8 s
_RELEASES = (0.5, 1.5)  # dB a window: 10 and 30 dB a second
_CLEAR_DB, _SHARE = 0.8, 1.05  # what the past moves wet's level by; over what the future seems to
_LEAST = 100  # windows
_SHUT_DB = 30.0  # that a gate takes away at least


def check(dry, wet, rate_hz):
    """Warns where wet's level follows dry's level of 0.1 to 0.8 s ago beside the present one. The
    future, which cannot matter, is the measure of chance."""
    static, past, future, count = spread(dry, wet, rate_hz)
    gain, chance = (float(np.sqrt(max(static**2 - v**2, 0.0))) for v in (past, future))
    figures = {
        "past_db": round(gain, 2),
        "future_db": round(chance, 2),
        "unexplained_db": round(past, 2),
        "windows": count,
    }
    if count < _LEAST:
        return Finding(
            "memory",
            "Long memory",
            "ok",
            "Too short to tell whether the gear remembers.",
            "",
            figures,
        )
    shut = gated(dry, wet, rate_hz)
    figures["gated_share"] = round(shut, 4)
    if shut > 0.01:
        text = f"A gate opens and shuts on the same level of dry: {shut:.1%} of the time wet is off where it is on elsewhere."
        advice = "Switch the gate off and record again; put one before the model on the pedal (docs/effects.md)."
        return Finding("memory", "Long memory", "warned", text, advice, figures)
    if gain > _CLEAR_DB and gain > _SHARE * chance:
        text = f"The gain depends on what was played 0.1 to 0.8 s before, by about {gain:.1f} dB: a compressor or a sagging supply."
        advice = "Recurrent recipes (gru, lstm) follow it in part, convolutional ones do not; switch the compressor off and put one before or behind the model."
        return Finding("memory", "Long memory", "warned", text, advice, figures)
    text = f"The past beyond 0.1 s moves the level by {gain:.1f} dB: a model remembers enough."
    return Finding("memory", "Long memory", "ok", text, "", figures)


def spread(dry, wet, rate_hz):
    """(dB left by dry's level now, with its past, with its future; windows used)."""
    a, b = (10.0 * np.log10(levels(v, rate_hz, _WINDOW_S) + 1e-14) for v in (dry, wet))
    a, b = np.maximum(a, np.max(a) - 70.0), np.maximum(b, np.max(b) - 70.0)
    reach = _PAST[-1]
    if len(a) < _LEAST:
        return 0.0, 0.0, 0.0, len(a)
    at = np.arange(reach, len(a) - reach)
    at = at[(a[at] > np.max(a) - 45.0) & (b[at] > np.max(b) - 60.0)]
    if len(at) < _LEAST:
        return 0.0, 0.0, 0.0, len(at)
    now = [np.ones(len(at)), a[at - 1], a[at + 1]]
    now += [np.maximum(a[at] - q, 0.0) for q in np.quantile(a[at], (0.0, 0.2, 0.4, 0.6, 0.8))]
    back = [_held([a[at - k] for k in _PAST], fall) for fall in _RELEASES]
    ahead = [_held([a[at + k] for k in _PAST], fall) for fall in _RELEASES]
    return (
        _left(now, b[at]),
        _left(now + _bent(back), b[at]),
        _left(now + _bent(ahead), b[at]),
        len(at),
    )


def gated(dry, wet, rate_hz):
    """The share of the playing in which wet is off at a level of dry at which it is on as well."""
    a, b = (10.0 * np.log10(levels(v, rate_hz, 0.02) + 1e-14) for v in (dry, wet))
    a, b = a - np.max(a), np.maximum(b - np.max(b), -90.0)
    before = np.minimum(np.roll(a, 1), np.roll(a, 2))  # dry sounded already: no attack, no tail
    steady = (
        (np.abs(a - np.roll(a, 1)) < 6.0) & (np.abs(a - np.roll(a, -1)) < 6.0) & (before > -52.0)
    )
    shut = total = 0
    for low in np.arange(-48.0, -6.0, 3.0):
        here = b[(a >= low) & (a < low + 3.0) & steady]
        total += len(here)
        off = np.count_nonzero(here < np.quantile(here, 0.9) - _SHUT_DB) if len(here) >= 20 else 0
        shut += off if 0.05 * len(here) < off < 0.95 * len(here) else 0
    return shut / max(total, 1)


def _held(levels, fall):
    """The level a detector would hold that lets go by `fall` dB a window."""
    return np.max([v - fall * k for k, v in zip(_PAST, levels)], axis=0)


def _bent(values):
    return [np.maximum(v - q, 0.0) for v in values for q in np.quantile(v, (0.0, 0.33, 0.67))]


def _left(columns, y):
    """What a least-squares fit leaves, in dB, without the tenth that fits worst."""
    matrix = np.stack(columns, axis=1)
    error = y - matrix @ np.linalg.lstsq(matrix, y, rcond=None)[0]
    return float(np.sqrt(np.mean(np.sort(error**2)[: int(0.9 * len(error))])))
