"""Several recordings of one piece of gear at different knob settings: what one conditioned model is trained on."""

import math
from dataclasses import dataclass, field

import numpy as np

from .errors import UpedalError

MOST_KNOBS = 7  # a .upm has 8 inputs, one of them the audio
LARGEST = 2.0**20  # magnitude of a knob's value that a .upm takes


@dataclass(frozen=True)
class Knob:
    """A control of the gear. low, high: the ends of its range, in `unit` (text, "" for none)."""

    name: str
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    default: float = 0.5

    def __post_init__(self):
        for what, text, most in (("name", self.name, 24), ("unit", self.unit, 8)):
            if len(text.encode()) > most:
                raise UpedalError(
                    f"knob {self.name!r}: {what} {text!r}; expected at most {most} bytes"
                )
        if not self.name.strip():
            raise UpedalError(f"knob {self.name!r}: no name; expected one, such as drive")
        numbers = (self.low, self.high, self.default)
        if not all(math.isfinite(v) and abs(v) <= LARGEST for v in numbers):
            raise UpedalError(
                f"knob {self.name}: {numbers}; expected numbers up to {LARGEST:,.0f}"
            )
        if not self.low < self.high:
            raise UpedalError(
                f"knob {self.name}: range {self.low:g} to {self.high:g}; expected low below high"
                " (one setting alone is no knob: leave the column out)"
            )
        if not self.low <= self.default <= self.high:
            raise UpedalError(
                f"knob {self.name}: default {self.default:g}; expected {self.low:g} to {self.high:g}"
            )

    def scaled(self, value):
        """low..high as 0..1."""
        return (value - self.low) / (self.high - self.low)

    def row(self):
        """As layers.Model.knobs has it."""
        return (self.name, self.unit, float(self.low), float(self.high), float(self.default))


@dataclass
class Capture:
    """One setting. dry, wet: aligned float32 [n]; knobs: one value a Knob, in its unit; held_out: not trained on.

    files: paths of dry and wet, and pair: the checks.Pair they became, where they come from files."""

    dry: np.ndarray
    wet: np.ndarray
    knobs: tuple = ()
    name: str = ""
    held_out: bool = False
    files: tuple = ()
    pair: object = None


@dataclass
class Captures:
    """items: list of Capture, all at rate_hz (Hz); knobs: list of Knob; notes: what a user should know of them.

    Refuses what cannot be trained on."""

    items: list
    rate_hz: int
    knobs: tuple = ()
    notes: list = field(default_factory=list)

    def __post_init__(self):
        self.items, self.knobs = list(self.items), tuple(self.knobs)
        if len(self.knobs) > MOST_KNOBS:
            raise UpedalError(f"{len(self.knobs)} knobs; expected at most {MOST_KNOBS}")
        names = [k.name.lower() for k in self.knobs]
        for name in names:
            if names.count(name) > 1:
                raise UpedalError(f"knob {name}: {names.count(name)} of that name; expected one")
        for at, item in enumerate(self.items):
            self._check(item, item.name or f"capture {at + 1}")
        if not self.training:
            raise UpedalError(
                f"{len(self.items)} captures, none to train on; expected one that is not held out"
            )

    def _check(self, item, name):
        item.name = name
        item.knobs = tuple(float(v) for v in item.knobs)
        if len(item.knobs) != len(self.knobs):
            raise UpedalError(f"{name}: {len(item.knobs)} knob values; expected {len(self.knobs)}")
        for knob, value in zip(self.knobs, item.knobs):
            if not knob.low <= value <= knob.high:
                raise UpedalError(
                    f"{name}: {knob.name} {value:g}; expected {knob.low:g} to {knob.high:g}"
                )
        for what in ("dry", "wet"):
            x = np.asarray(getattr(item, what), np.float32)
            if x.ndim != 1 or not len(x) or not np.all(np.isfinite(x)):
                raise UpedalError(f"{name}: {what} of shape {x.shape}; expected finite mono [n]")
            setattr(item, what, x)
        if len(item.dry) != len(item.wet):
            raise UpedalError(
                f"{name}: dry {len(item.dry)}, wet {len(item.wet)} frames; expected one length"
            )

    @property
    def training(self):
        """The captures that are trained on."""
        return [c for c in self.items if not c.held_out]

    @property
    def held_out(self):
        """The captures that only judge the model."""
        return [c for c in self.items if c.held_out]

    def scaled(self, capture):
        """A capture's knobs as the net has them in training, float32 [knobs], 0..1 from low to high."""
        return np.asarray([k.scaled(v) for k, v in zip(self.knobs, capture.knobs)], np.float32)

    def seconds(self):
        """Of audio to train on."""
        return sum(len(c.dry) for c in self.training) / self.rate_hz
