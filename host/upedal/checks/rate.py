"""Sample rates that do not agree: in the files' headers, or in what was recorded."""

import numpy as np

from . import timing
from .files import resample
from .finding import Finding

_KNOWN = (44100, 48000, 88200, 96000, 32000)
_SURE = 14.0  # confidence of a match (see character.UNRELATED)


def agree(dry, wet, rates):
    """(dry, wet, rate in Hz, Finding): the side with the higher rate comes down to the lower one."""
    if rates[0] == rates[1]:
        text = f"Both files are at {rates[0]} Hz."
        return (
            dry,
            wet,
            rates[0],
            Finding("rate", "Sample rate", "ok", text, "", {"rate_hz": rates[0]}),
        )
    rate = min(rates)
    figures = {"dry_rate_hz": rates[0], "wet_rate_hz": rates[1], "rate_hz": rate}
    sides = [x if r == rate else resample(x, r, rate) for x, r in zip((dry, wet), rates)]
    text = (
        f"Dry is at {rates[0]} Hz, wet at {rates[1]} Hz: the faster one was brought to {rate} Hz."
    )
    advice = "Export both at the rate of your pedal to spare the conversion."
    return *sides, rate, Finding("rate", "Sample rate", "fixed", text, advice, figures)


def stretched(dry, wet, rate_hz, found):
    """(wet, Lag, Finding or None): where nothing matches, wet may be labelled with a wrong rate."""
    if found.confidence > 2.0 * _SURE:
        return wet, found, None
    best, ratio = found, 1.0
    for true in _ratios(rate_hz):
        trial = timing.search(
            dry[: 30 * rate_hz], _bent(wet[: int(31 * rate_hz * true)], true), rate_hz
        )
        if trial.confidence > max(2.0 * best.confidence, _SURE):
            best, ratio = trial, true
    if ratio == 1.0:
        return wet, found, None
    wet = resample(wet, rate_hz * ratio, rate_hz)
    found = timing.search(dry, wet, rate_hz)
    text = (
        f"One file's rate is labelled wrongly: wet only follows dry when it is read at {rate_hz * ratio:.0f} Hz"
        f" instead of {rate_hz} Hz. It was converted so."
    )
    advice = (
        "If it is dry that is labelled wrongly, the model would be at the wrong rate: look into the settings of"
        " the recording program (a session at one rate, an interface at the other)."
    )
    figures = {"ratio": round(ratio, 6), "read_at_hz": round(rate_hz * ratio)}
    return wet, found, Finding("rate", "Sample rate", "fixed", text, advice, figures)


def _ratios(rate_hz):
    """What wet's true rate may be, over its label."""
    values = {b / a for a in _KNOWN for b in _KNOWN if a != b and 0.45 < b / a < 2.2}
    return sorted(values | {1.001, 1 / 1.001}, key=lambda v: abs(np.log(v)))


def _bent(x, ratio):
    """x as if it had been labelled with ratio times its rate: quick, good enough to search in."""
    at = np.arange(int(len(x) / ratio)) * ratio
    return np.interp(at, np.arange(len(x)), x)
