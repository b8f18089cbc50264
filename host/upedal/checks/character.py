"""Checks of what lies between dry and wet: are they a pair at all, which is which, and does the
gear remember longer than a model can?"""

import numpy as np

from .finding import Finding
from .noise import levels

UNRELATED = 14.0  # confidence of timing.search; unrelated takes were measured at 5 to 13
_STEEP = 1.3  # dB of wet for one of dry: clean amplifiers were measured at up to 1.23
_SAME = 1e-6  # of the energy that is left beside a plain gain


def related(found):
    """Refuses takes that have nothing to do with each other; found: a timing.Lag."""
    figures = {"confidence": round(found.confidence, 1)}
    if found.confidence < UNRELATED:
        text = f"Wet does not follow dry anywhere (a match of {found.confidence:.0f}; takes that belong together reach 20 and more)."
        advice = "Are these files of the same take? A wrong file, an empty track or another tempo look like this."
        return Finding("related", "One take", "refused", text, advice, figures)
    text = f"Wet follows dry (a match of {found.confidence:.0f}; 20 and more is sure)."
    return Finding("related", "One take", "ok", text, "", figures)


def same(dry, wet):
    """Refuses a wet that is dry again, at most louder, later or upside down."""
    gain = float(dry @ wet) / (float(dry @ dry) + 1e-300)
    energy = float(wet @ wet) + 1e-300
    left = float(np.sum((wet - gain * dry) ** 2)) / energy
    figures = {"gain": float(f"{gain:.6g}"), "share_left": float(f"{left:.3g}")}
    if left < _SAME:
        text = (
            f"Wet is the dry recording again (times {gain:.3f})."
            if abs(gain - 1) > 1e-4
            else "Dry and wet are the same recording."
        )
        advice = (
            "Give the recording of the gear's output as wet; check the routing of the interface."
        )
        return Finding("same", "Two recordings", "refused", text, advice, figures)
    return Finding("same", "Two recordings", "ok", "Dry and wet are two recordings.", "", figures)


def swapped(dry, wet, rate_hz):
    """Refuses a pair the wrong way round: gear makes loud and quiet more alike, and dry has to be the
    side with more between its loud and quiet moments, and with sharper peaks."""
    slope = _slope(dry, wet, rate_hz)
    powers = [x * x for x in (dry, wet)]
    sharp = [float(np.mean(p * p) / np.mean(p) ** 2) for p in powers]
    figures = {
        "slope": round(slope, 3),
        "dry_kurtosis": round(sharp[0], 2),
        "wet_kurtosis": round(sharp[1], 2),
    }
    if slope > _STEEP:
        sure = slope > 2.0 or sharp[1] > 1.1 * sharp[0]
        text = f"The files look swapped: 10 dB in dry are {10 * slope:.0f} dB in wet, where gear brings loud and quiet together."
        advice = "Give the clean recording first, the one through the gear second; an expander does this too."
        return Finding(
            "swapped", "Which is dry", "refused" if sure else "warned", text, advice, figures
        )
    text = f"Dry is the cleaner side: 10 dB in dry are {10 * slope:.1f} dB in wet."
    return Finding("swapped", "Which is dry", "ok", text, "", figures)


def _slope(dry, wet, rate_hz):
    """How many dB wet rises when dry rises by one: the main axis of the two levels."""
    a, b = (10.0 * np.log10(levels(x, rate_hz, 0.05) + 1e-10) for x in (dry, wet))
    heard = (a > np.max(a) - 35.0) & (b > np.max(b) - 50.0)
    if np.count_nonzero(heard) < 20:
        return 1.0
    a, b = a[heard], b[heard]
    values, vectors = np.linalg.eigh(np.cov(a, b))
    first = vectors[:, np.argmax(values)]
    return float(min(abs(first[1] / (first[0] + 1e-12)), 99.0))
