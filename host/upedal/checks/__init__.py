"""A dry and a wet recording, looked at before anything is trained on them.

load() takes two files, inspect() two arrays. Each check says one sentence and what to do; what
can be put right is put right, and what cannot be is refused, unless force is given.
"""

import numpy as np

from ..errors import UpedalError
from . import character, echo, files, fit, level, memory, mend, noise, rate, timing
from .finding import Finding, Pair, Refused, picture

_TINY_S = 0.5  # under it there is nothing to look at

# Where a linear fit leaves more than this share it does not see how early distortion's highs come; then frames of a
# late wet side are left. An amplifier of high gain, trained for a minute: ESR 4 % with three left, 8 % with them cut.
_DISTORTED, _LEFT = 0.6, 3
_FITTED = 480_000  # frames that are fitted for it

__all__ = ["Finding", "Pair", "Refused", "inspect", "load"]


def load(dry_path, wet_path, *, force=False, channel=None):
    """The Pair of two files (WAV, FLAC, AIFF). channel: of stereo files, "2", or dry's and wet's, "1,2".

    Raises Refused (an UpedalError) with .findings where the pair cannot make a good model and
    force is not given; UpedalError where a file cannot be read.
    """
    paths = (str(dry_path), str(wet_path))
    (dry, dry_rate), (wet, wet_rate) = (files.read(p) for p in paths)
    wanted, rates = files.numbers(channel), (dry_rate, wet_rate)
    dry, wet, first = files.channels(dry, wet, rates, wanted, paths)
    sides = _sides(dry, wet)
    findings = [first, *files.coarse(paths, rates), *_alone(sides, min(rates))]
    lengths = [len(x) / r for x, r in zip(sides.values(), rates)]
    dry, wet, rate_hz, agreed = rate.agree(*sides.values(), rates)
    return _together(dry, wet, rate_hz, [*findings, agreed], lengths, force, paths)


def inspect(dry, wet, rate_hz, *, force=False, names=("dry", "wet")):
    """The Pair of two arrays, float [n] each, full scale 1; names are said where it is refused.

    Raises as load() does.
    """
    if not 8000 <= rate_hz <= 384000:
        raise UpedalError(f"{names[0]}: {rate_hz} Hz; expected 8000 to 384000 Hz")
    sides = _sides(dry, wet)
    findings = _alone(sides, rate_hz)
    lengths = [len(x) / rate_hz for x in sides.values()]
    return _together(*sides.values(), int(rate_hz), findings, lengths, force, names)


def _sides(dry, wet):
    sides = {"dry": np.array(dry, np.float64), "wet": np.array(wet, np.float64)}
    for name, x in sides.items():
        if x.ndim != 1 or not len(x):
            raise UpedalError(f"{name}: samples of shape {x.shape}; expected mono [n], n > 0")
    return sides


def _alone(sides, rate_hz):
    """Findings about each side by itself; takes a constant off."""
    found = [level.finite(sides), level.heard(sides)]
    if found[-1].outcome == "refused":
        raise Refused(found)
    return [*found, level.clipping(sides, rate_hz), level.offset(sides)]


def _together(dry, wet, rate_hz, findings, lengths, force, names):
    """The rest of the checks, on signals of one rate; the Pair."""
    if min(len(dry), len(wet)) < _TINY_S * rate_hz:
        raise Refused([*findings, level.length(min(len(dry), len(wet)), rate_hz, lengths)], names)
    found = timing.search(dry, wet, rate_hz)
    wet, found, bent = rate.stretched(dry, wet, rate_hz, found)
    if bent:
        findings = [f for f in findings if f.check != "rate"] + [bent]
    findings.append(character.related(found))
    lag, cut, sign, spare = 0.0, 0, 1, 0
    if findings[-1].outcome == "ok":
        wet, seen, told = mend.drift(dry, wet, rate_hz, found.frames)
        findings.append(told)
        if told.outcome == "fixed":
            found = timing.search(dry, wet, rate_hz)
        dry, wet, left, moved, told = mend.breaks(dry, wet, rate_hz, seen, found.frames)
        findings.append(told)
        peak, lag, sign = timing.settle(dry, wet, rate_hz, left)
        exact = timing.causal(dry, wet, peak, rate_hz)
        cut = max(exact - _LEFT, 0) if exact > 0 and _distorted(dry, wet, exact) else exact
        spare = exact - cut
        dry, wet = timing.shift(dry, wet, cut)
        lag, cut = lag + moved, cut + moved
        findings += [_latency(lag, cut, rate_hz, found), _polarity(sign)]
    n = min(len(dry), len(wet))
    dry, wet = dry[:n], wet[:n]
    findings.append(level.length(n, rate_hz, lengths))
    if findings[-1].outcome != "refused" and any(f.check == "drift" for f in findings):
        findings += [
            character.same(*timing.shift(dry, wet, spare)),
            character.swapped(dry, wet, rate_hz),
            noise.floor(dry, wet, rate_hz),
            noise.hum(dry, wet, rate_hz),
            echo.check(dry, wet, rate_hz),
            memory.check(dry, wet, rate_hz),
        ]
    if not force and any(f.outcome == "refused" for f in findings):
        raise Refused(findings, names)
    sides = (np.ascontiguousarray(x, np.float32) for x in (dry, wet))
    return Pair(*sides, rate_hz, findings, float(lag), sign, int(cut))


def _distorted(dry, wet, lag):
    """Whether a linear fit leaves so much that it does not see how early distortion's highs come."""
    x, y = timing.shift(dry, wet, lag)
    return fit.left_over(x[:_FITTED], y[:_FITTED], 64, ()) > _DISTORTED


def _latency(lag, cut, rate_hz, found):
    """How late wet is, and what was cut; found: the search's Lag."""
    side = "late" if lag >= 0 else "early"
    figures = {
        "lag_frames": round(lag, 3),
        "cut_frames": int(cut),
        "lag_ms": round(lag * 1e3 / rate_hz, 4),
    }
    figures |= {"confidence": round(found.confidence, 1), "over_second": round(found.ratio, 2)}
    text = f"Wet is {abs(lag):.2f} frames ({abs(lag) * 1e3 / rate_hz:.2f} ms) {side}"
    at = found.frames * 1e3 / rate_hz
    image = picture(
        "Match by lag",
        "ms",
        "over the noise",
        [("match", *found.picture)],
        [{"x": at, "label": "lag"}],
    )
    if not found.sure:
        text += ", but other lags fit about as well: steady notes look alike everywhere."
        advice = "Record something with clear attacks, or line the files up by hand (and look at the picture)."
        return Finding("latency", "Latency", "warned", text, advice, figures, image)
    if cut == 0:
        return Finding("latency", "Latency", "ok", f"{text}: nothing to cut.", "", figures, image)
    text += f": {abs(cut)} frame{' was' if abs(cut) == 1 else 's were'} cut off {'wet' if cut > 0 else 'dry'}'s start"
    if cut < 0:
        text += ", for no model can foresee what it has not heard"
    return Finding("latency", "Latency", "fixed", f"{text}.", "", figures, image)


def _polarity(sign):
    figures = {"polarity": sign}
    if sign > 0:
        return Finding("polarity", "Polarity", "ok", "Wet goes up where dry goes up.", "", figures)
    text = "Wet is upside down. It is left so, and the model will turn the signal over as the gear does."
    advice = "It matters only where the model is mixed with a dry signal."
    return Finding("polarity", "Polarity", "warned", text, advice, figures)
