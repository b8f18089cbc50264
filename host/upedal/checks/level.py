"""Checks of each side by itself: broken samples, silence, level, clipping, a constant offset."""

import numpy as np

from .finding import Finding, dbfs, picture

SILENT = 1e-5  # -100 dBFS
QUIET = 0.02  # -34 dBFS
_SHORT_S, _LITTLE_S = 2.0, 10.0
_CLIPPED_SHARE = 0.01  # of wet at full scale: refused
_OFFSET = 1e-3  # of full scale


def finite(sides):
    """sides: {name: float64 [n]}. Refuses NaN and infinity; puts 0 there."""
    for name, x in sides.items():
        bad = ~np.isfinite(x)
        if np.any(bad):
            at, count = int(np.argmax(bad)), int(np.count_nonzero(bad))
            x[bad] = 0.0
            text = (
                f"{name} holds {count} samples that are NaN or infinite, the first at sample {at}."
            )
            advice = "Export it again, as 24-bit or float WAV; a plug-in may have blown up."
            figures = {"count": count, "first_sample": at}
            return Finding("samples", "Samples", "refused", text, advice, figures)
    return Finding("samples", "Samples", "ok", "All samples are numbers.")


def heard(sides):
    """Refuses silence, warns of a side that is too quiet."""
    peaks = {name: float(np.max(np.abs(x), initial=0.0)) for name, x in sides.items()}
    figures = {f"{name}_peak_dbfs": round(dbfs(p), 2) for name, p in peaks.items()}
    text = ", ".join(f"{name} peaks at {dbfs(p):.1f} dBFS" for name, p in peaks.items())
    for name, p in peaks.items():
        if p < SILENT:
            advice = "Look at the cable, the input that was recorded and the export."
            text = f"{name} is silent (peak {dbfs(p):.0f} dBFS)."
            return Finding("level", "Level", "refused", text, advice, figures)
    low = [name for name, p in peaks.items() if p < QUIET]
    if low:
        advice = "Record it louder, peaks at -12 to -3 dBFS: noise and rounding count for less."
        text = f"{' and '.join(low)} too quiet: {text}."
        return Finding("level", "Level", "warned", text, advice, figures)
    return Finding("level", "Level", "ok", f"{text}.", "", figures)


def length(frames, rate_hz, lengths):
    """What is left after alignment, and what the files had; lengths: seconds of dry and wet."""
    seconds = frames / rate_hz
    apart = abs(lengths[0] - lengths[1])
    figures = {"seconds": round(seconds, 3), "difference_s": round(lengths[1] - lengths[0], 5)}
    if seconds < _SHORT_S:
        text = f"{seconds:.2f} s of the pair can be used; at least {_SHORT_S:g} s are needed."
        return Finding(
            "length", "Length", "refused", text, "Record 1 to 3 minutes of playing.", figures
        )
    if seconds < _LITTLE_S:
        text = f"{seconds:.1f} s can be used: little for a model of its own, enough as one setting of a knob."
        return Finding(
            "length", "Length", "warned", text, "30 s and more make a good model.", figures
        )
    if apart > 0.01:
        longer = "wet" if lengths[1] > lengths[0] else "dry"
        text = f"{longer} is {apart:.2f} s longer; {seconds:.1f} s that both have are used."
        return Finding("length", "Length", "fixed", text, "", figures)
    return Finding("length", "Length", "ok", f"{seconds:.1f} s can be used.", "", figures)


def clipping(sides, rate_hz):
    """Flat tops: runs of three and more equal samples at either extreme, at whatever level."""
    worst, notes, figures, lines = "ok", [], {}, []
    for name, x in sides.items():
        count, runs, level = flat_tops(x)
        figures |= {f"{name}_clipped_samples": count, f"{name}_clipped_runs": runs}
        if not count or runs < 2:
            continue
        share = count / len(x)
        figures[f"{name}_clipped_at"] = round(level, 5)
        notes.append(
            f"{name} stands still at {level:.3f} ({dbfs(level):+.1f} dBFS) in {runs} places, {share:.3%} of it"
        )
        severe = name == "wet" and share > _CLIPPED_SHARE and level > 0.985
        worst = "refused" if severe or worst == "refused" else "warned"
        lines.append(_around(name, x, rate_hz))
    if worst == "ok":
        return Finding(
            "clipping", "Clipping", "ok", "Neither side stands still at its peaks.", "", figures
        )
    advice = (
        "A model learns the converter's clipping with the gear's. Turn the interface's input down"
        " (peaks at -6 to -3 dBFS) and record again; if the gear itself cuts so flat, all is well."
    )
    image = picture("Where it clips first", "ms", "sample", lines)
    return Finding("clipping", "Clipping", worst, "; ".join(notes) + ".", advice, figures, image)


def flat_tops(x):
    """(samples, runs, level) of runs of >= 3 equal samples at the highest or the lowest value."""
    count = runs = 0
    level = 0.0
    for side in (x, -x):
        top = float(np.max(side))
        if top <= 0.0:
            continue
        flat = side >= top * (1.0 - 1e-6)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flat.astype(np.int8), [0]])))
        lengths = edges[1::2] - edges[::2]
        lengths = lengths[lengths >= 3]
        if len(lengths) > 1 or np.sum(lengths) >= 8:
            count, runs, level = count + int(np.sum(lengths)), runs + len(lengths), max(level, top)
    return count, runs, level


def _around(name, x, rate_hz, reach=120):
    side = x if np.max(x) >= np.max(-x) else -x
    top = side >= np.max(side) * (1.0 - 1e-6)
    k = int(np.argmax(np.convolve(top, np.ones(3), "same") >= 3))
    lo = max(k - reach, 0)
    part = x[lo : k + reach]
    return (name, (lo + np.arange(len(part))) * 1e3 / rate_hz, part)


def offset(sides):
    """A constant in the samples is taken off, where it is one. Changes the arrays."""
    notes, figures, outcome = [], {}, "ok"
    for name, x in sides.items():
        mean = float(np.mean(x))
        figures[f"{name}_offset"] = round(mean, 6)
        if abs(mean) > max(_OFFSET, 0.003 * float(np.std(x))):
            x -= mean
            outcome = "fixed"
            notes.append(
                f"{name} sat {mean:+.4f} off zero ({dbfs(abs(mean)):.0f} dBFS): taken off"
            )
    text = "; ".join(notes) + "." if notes else "Both sides are centred on zero."
    advice = "It comes from a converter; harmless now." if notes else ""
    return Finding("offset", "Constant offset (DC)", outcome, text, advice, figures)
