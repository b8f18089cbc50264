"""What a check says, and what all of them hand back."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from ..errors import UpedalError

OUTCOMES = ("ok", "fixed", "warned", "refused")
_POINTS = 600  # of a line in a picture


@dataclass
class Finding:
    """One check's result: a plain sentence with the value found, and what to do about it.

    check: a short name that does not change; figures: numbers by name, units in the name;
    picture: None or {"title", "x_label", "y_label", "lines": [{"label", "x", "y"}], "marks":
    [{"x" or "y", "label"}]}, at most 600 points a line.
    """

    check: str
    title: str
    outcome: str
    sentence: str
    advice: str = ""
    figures: dict = field(default_factory=dict)
    picture: dict | None = None

    def as_dict(self):
        return dataclasses.asdict(self)


@dataclass
class Pair:
    """An aligned pair, float32 [n] each, ready for training, and what was found about it.

    lag_frames: how late wet came, with its fraction (negative: early); cut_frames: the whole
    frames that were cut so that a causal model can follow; polarity -1: wet is upside down (it
    is left so).
    """

    dry: np.ndarray
    wet: np.ndarray
    rate_hz: int
    findings: list
    lag_frames: float
    polarity: int
    cut_frames: int = 0

    def worst(self):
        """The gravest outcome among the findings."""
        return max((f.outcome for f in self.findings), key=OUTCOMES.index, default="ok")


class Refused(UpedalError):
    """The pair cannot make a good model; .findings holds all that was found until then."""

    def __init__(self, findings, names=("dry", "wet")):
        self.findings = findings
        bad = [f"{f.sentence} {f.advice}".strip() for f in findings if f.outcome == "refused"]
        where = "" if tuple(names) == ("dry", "wet") else f"{names[0]}, {names[1]}: "
        super().__init__(where + " ".join(bad) + " --force goes on all the same.")


def picture(title, x_label, y_label, lines, marks=()):
    """lines: (label, x, y) each, thinned to what a picture needs."""
    return {
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "lines": [{"label": k, "x": _thin(x), "y": _thin(y)} for k, x, y in lines],
        "marks": list(marks),
    }


def _thin(values):
    values = np.asarray(values, np.float64)
    step = max(1, -(-len(values) // _POINTS))
    return [float(f"{v:.6g}") for v in values[::step]]


def dbfs(amplitude):
    """20 log10, -200 at least."""
    return float(20.0 * np.log10(max(float(amplitude), 1e-10)))
