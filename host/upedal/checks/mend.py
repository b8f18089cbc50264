"""Clock drift taken out by resampling, dropped and inserted samples by cutting around them."""

import numpy as np

from . import fit, timing, track
from .files import resample
from .finding import Finding, picture

_WORTH = 1.5  # frames of drift over the take: less does not matter
_BLOCKS = 12  # of the track, to tell a drift
_MARGIN_S = 0.01  # cut on each side of a break
_GUARD = 64  # frames that the lag keeps after a cut, for settling it
_EARLY, _TAPS = 8, 128
_BEFORE_S = 8.0  # of sound that teaches a fit what the gear does
_MOST_PER_S = 0.1  # breaks a second: more, and the recording is refused


def drift(x, y, rate_hz, lag):
    """(y, Track, Finding): y resampled where its clock ran at another speed than x's."""
    total, seen, image = 1.0, track.follow(x, y, rate_hz, lag), None
    seconds = len(x) / rate_hz
    for _ in range(3):
        slope = seen.drift()
        flat = seen.lag - slope * seen.at_s
        jitter = float(np.median(np.abs(np.diff(flat)))) if len(flat) >= _BLOCKS else np.inf
        error = (
            6.0 * jitter * np.sqrt(12.0 / max(len(flat), 1))
        )  # of the drift by the end, in frames
        if abs(slope) * seconds < max(_WORTH, error) or abs(slope) < 4e-7 * rate_hz:
            break
        image = image or _picture(seen, slope)
        total *= 1.0 + slope / rate_hz
        y = resample(y, rate_hz * (1.0 + slope / rate_hz), rate_hz)
        seen = track.follow(x, y, rate_hz, lag)
    ppm = (total - 1.0) * 1e6
    figures = {"drift_ppm": round(ppm, 2), "blocks": len(seen.lag)}
    if total != 1.0:
        text = f"Wet's clock runs {abs(ppm):.1f} ppm {'slow' if ppm < 0 else 'fast'}: {abs(ppm) * seconds * rate_hz * 1e-6:.1f} frames by the end. Resampled."
        advice = "Two devices without a common clock do this: record and play with one interface."
        return y, seen, Finding("drift", "Clock drift", "fixed", text, advice, figures, image)
    text = (
        "Both sides run on one clock."
        if len(seen.lag) >= _BLOCKS
        else "Too little plain sound to measure clock drift."
    )
    return y, seen, Finding("drift", "Clock drift", "ok", text, "", figures, _picture(seen, 0.0))


def _picture(seen, slope):
    lines = [("lag", seen.at_s, seen.lag)]
    if slope and len(seen.at_s):
        lines.append(
            ("drift", seen.at_s, np.median(seen.lag - slope * seen.at_s) + slope * seen.at_s)
        )
    return picture("Lag along the take", "s", "frames", lines)


def breaks(x, y, rate_hz, seen, lag):
    """(x, y, lag, moved, Finding): where the lag jumps, both sides are cut and joined again; wet is
    then `lag` late, and was `moved` more before."""
    cuts, holes = _jumps(x, y, rate_hz, seen), dropouts(x, y, rate_hz, lag)
    said = ["breaks", "Dropped buffers"]
    figures, image = {"breaks": len(cuts), "holes": len(holes)}, _picture(seen, 0.0)
    if not cuts and not holes:
        text = "No samples are missing or doubled."
        return x, y, lag, 0, Finding(*said, "ok", text, "", figures, image)
    places = [at + before for at, before, _ in cuts] + [first for first, _ in holes]
    figures["at_s"] = [round(at / rate_hz, 4) for at in places]
    figures["frames"] = [a - b for _, a, b in cuts] + [b - a for a, b in holes]
    image["marks"] = [{"x": s, "label": "break"} for s in figures["at_s"]]
    told = [_told(at + a, a - b, rate_hz) for at, a, b in cuts]
    told += [f"{b - a} samples at {a / rate_hz:.3f} s are blank" for a, b in holes]
    shown = "; ".join(told[:5]) + ("; ..." if len(told) > 5 else "")
    text = f"Wet is broken in {len(told)} place{'s' if len(told) > 1 else ''}: {shown}."
    advice = "Close other programs, set the interface to larger buffers and record again."
    if len(told) > max(2, _MOST_PER_S * len(x) / rate_hz):
        return x, y, lag, 0, Finding(*said, "refused", text, advice, figures, image)
    x, y, moved = _join(x, y, rate_hz, lag, cuts, holes)
    text += " Cut out of both sides."
    return x, y, _GUARD, moved, Finding(*said, "fixed", text, advice, figures, image)


def _jumps(x, y, rate_hz, seen):
    """[(x's frame, lag before, lag behind)], each confirmed by a fit."""
    parts, cuts = track.pieces(seen, 0.0), []
    for (_, last, first_lag), (first, _, second_lag) in zip(parts, parts[1:]):
        before = cuts[-1][2] if cuts else round(first_lag)
        behind = round(second_lag)
        at = _locate(x, y, rate_hz, seen.at_s[last - 1], seen.at_s[first], before, behind)
        if at is not None:
            cuts.append((at, before, behind))
    return cuts


def _told(at, lost, rate_hz):
    return f"{abs(lost)} samples {'missing' if lost > 0 else 'too many'} at {at / rate_hz:.3f} s"


def _locate(x, y, rate_hz, last_s, first_s, l1, l2):
    """x's frame at which the lag goes from l1 to l2; None where a fit does not confirm the jump.

    A fit to what precedes predicts wet; the frame is the one that leaves the least error with l1
    before it and l2 behind it.
    """
    lo = max(int((last_s - _BEFORE_S) * rate_hz), 0)
    a, b = timing.padded(x, y, slice(lo, int((last_s - 0.2) * rate_hz)), l1 - _EARLY)
    if len(a) < rate_hz // 2:
        return None
    filters, left = fit.solve(a, b, _TAPS)
    known = 1.0 - left
    lo, hi = max(int((last_s - 1.0) * rate_hz), 0), min(int((first_s + 1.0) * rate_hz), len(x))
    piece, one = timing.padded(x, y, slice(lo, hi), l1 - _EARLY)
    two = timing.padded(x, y, slice(lo, hi), l2 - _EARLY)[1]
    guess = fit.play(piece, filters)
    one, two = np.diff(one), np.diff(two)
    better = np.concatenate([[0.0], np.cumsum((one - guess) ** 2 - (two - guess) ** 2)])
    k = int(np.argmin(better[_TAPS:-_TAPS])) + _TAPS
    gain = (
        float(-better[k]),
        float(better[-1] - better[k]),
    )  # what each side loses with the other lag
    energy = (float(np.sum(one[:k] ** 2)), float(np.sum(two[k:] ** 2)))
    sure = all(g > 0.15 * known * e for g, e in zip(gain, energy)) and known > 0.01
    return lo + k if sure else None


def dropouts(x, y, rate_hz, lag):
    """[(first, last + 1)] of wet: runs of one value where the sound around them goes on."""
    still = np.concatenate([[False], np.diff(y) == 0.0, [False]])
    edges = np.flatnonzero(np.diff(still.astype(np.int8)))
    n, level, out = int(0.004 * rate_hz), float(np.std(y)), []
    top = 0.9 * float(np.max(np.abs(y)))
    loud = 0.1 * float(np.std(x))
    for a, b in zip(edges[::2], edges[1::2] + 1):
        if not 24 <= b - a <= 0.3 * rate_hz or a < n or b + n > len(y) or abs(y[a]) > top:
            continue
        around = min(np.std(y[a - n : a]), np.std(y[b : b + n]))
        inside = x[max(a - lag, 0) : max(b - lag, 1)]
        step = max(abs(y[a] - y[a - 1]), abs(y[b] - y[b - 1]))
        if (
            around > 0.1 * level
            and step > 0.05 * level
            and len(inside)
            and np.sqrt(np.mean(inside**2)) > loud
        ):
            out.append((int(a), int(b)))
    return out


def _join(x, y, rate_hz, lag, cuts, holes):
    """Both sides without the surroundings of each break; y stays _GUARD frames late of its lag before."""
    margin = int(_MARGIN_S * rate_hz)
    lags = [cuts[0][1] if cuts else lag] + [b for _, _, b in cuts]
    edges = [0] + [at for at, _, _ in cuts] + [len(x)]
    xs, ys = [], []
    for k, here in enumerate(lags):
        start = edges[k] + (margin + max(lags[k - 1] - here, 0) if k else 0)
        stop = edges[k + 1] - (margin if k + 1 < len(lags) else 0)
        start, stop = max(start, _GUARD - here), min(stop, len(y) - here + _GUARD)
        for a, b in _without(
            start, stop, [(p - here - margin, q - here + margin) for p, q in holes]
        ):
            xs.append(x[a:b])
            ys.append(y[a + here - _GUARD : b + here - _GUARD])
    return np.concatenate(xs), np.concatenate(ys), lags[0] - _GUARD


def _without(start, stop, holes):
    """[start, stop) without the holes, as ranges."""
    for p, q in holes:
        if start < q and p < stop:
            if p > start:
                yield start, p
            start = q
    if stop > start:
        yield start, stop
