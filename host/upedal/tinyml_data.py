"""The recordings the "TinyML guitar distortion" experiments train on, by name, cut and split.

Takes lie one after another with `GAP` frames of silence before each, so that a model that starts from rest
meets each from rest. `Split` says which frames count in training, validation and test.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import audio, synth, whitebox
from .errors import UpedalError

GAP = 2048  # frames of silence ahead of every take: more than the net remembers
RATE_HZ = 44100  # of the built-in pedals
SECONDS = 90  # of guitar through them
_DS1_EARLY = 9  # frames the DS-1's target comes before its input
_KLON_FRAMES, _KLON_SETTLED = 11025, 4000  # of a simulated segment; those at its start that don't count
_JVM_TAKES = ((1, 3, 4, 5, 7, 9), (8,), (2,))  # training, validation, test


@dataclass(frozen=True)
class Split:
    """Ranges (first, past the last) of frames that count."""

    train: tuple
    validation: tuple
    test: tuple

    @property
    def parts(self):
        return self.train, self.validation, self.test


def whole(n, rate_hz):
    """80, 10 and 10 % of n frames, in order."""
    return Split(*(((s.start, s.stop),) for s in audio.split(n, rate_hz)))


def names():
    return list(_RECORDINGS)


def load(name, folder=None):
    """(dry, wet, rate_hz, Split), float32 [n]; `folder` holds the recordings, the built-in ones need none."""
    if name not in _RECORDINGS:
        raise UpedalError(f"recording {name!r}; expected one of {', '.join(_RECORDINGS)}")
    make = _RECORDINGS[name]
    if make in _BUILT_IN:
        return make()
    if folder is None or not Path(folder).is_dir():
        raise UpedalError(f"recording {name}: folder {folder}; expected the one with the recordings")
    return make(Path(folder))


def _joined(takes):
    """(dry, wet, ranges of the takes) of [(dry, wet)], each after a gap."""
    dry, wet, ranges, at = [], [], [], 0
    for x, y in takes:
        silence = np.zeros(GAP, np.float32)
        n = min(len(x), len(y))
        dry += [silence, x[:n]]
        wet += [silence, y[:n]]
        ranges.append((at + GAP, at + GAP + n))
        at += GAP + n
    return np.concatenate(dry), np.concatenate(wet), ranges


def _ds1(folder):
    """Boss DS-1: 19 s to train, 2 s to validate, a take of 21 s to test."""
    takes = []
    for part in ("train", "test"):
        x, rate_hz = audio.read(folder / "boss_ds1" / f"{part}_input.wav")
        y, _ = audio.read(folder / "boss_ds1" / f"{part}_target.wav")
        takes.append((x[_DS1_EARLY:], y[:-_DS1_EARLY]))
    dry, wet, (train, test) = _joined(takes)
    cut = train[0] + round(0.9 * (train[1] - train[0]))
    return dry, wet, rate_hz, Split(((train[0], cut),), ((cut, train[1]),), (test,))


def _diode(folder):
    """A 1N4148 clipper at 50 kHz, 29 s."""
    x, rate_hz = audio.read(folder / "diode_clipper_1n4148_50k" / "input.flac")
    y, _ = audio.read(folder / "diode_clipper_1n4148_50k" / "target.flac")
    n = min(len(x), len(y))
    return x[:n], y[:n], rate_hz, whole(n, rate_hz)


def _klon(folder):
    """Klon Centaur at half gain: simulated segments, of which the first 4000 frames do not count."""
    x, rate_hz = audio.read(folder / "klon_centaur_spice" / "input.flac")
    y, _ = audio.read(folder / "klon_centaur_spice" / "target_gain0.50.flac")
    starts = range(0, min(len(x), len(y)) - _KLON_FRAMES + 1, _KLON_FRAMES)
    ranges = tuple((s + _KLON_SETTLED, s + _KLON_FRAMES) for s in starts)
    first, second = int(0.8 * len(ranges)), int(0.9 * len(ranges))
    return x, y, rate_hz, Split(ranges[:first], ranges[first:second], ranges[second:])


def _jvm(folder):
    """Marshall JVM410H, bass 1, middle 3, treble 7, gain 5: eight takes of 5 s."""
    folder, takes, count = folder / "marshall_jvm410h_od1", [], []
    for part in _JVM_TAKES:
        for take in part:
            x, rate_hz = audio.read(folder / f"input_{take}.flac")
            takes.append((x, audio.read(folder / "B1_M3_T7" / f"target_{take}.flac")[0]))
        count.append(len(takes))
    dry, wet, ranges = _joined(takes)
    parts = [tuple(ranges[a:b]) for a, b in zip([0, *count], count)]
    return dry, wet, rate_hz, Split(*parts)


def _pedal(pedal):
    dry = synth.dry_guitar(SECONDS, RATE_HZ, seed=7)
    return dry, pedal(dry, RATE_HZ), RATE_HZ, whole(len(dry), RATE_HZ)


def _overdrive():
    """The built-in overdrive: soft clipping."""
    return _pedal(lambda dry, rate_hz: synth.overdrive(dry, rate_hz, drive=0.5, tone=0.7))


def _hard_clip():
    """The built-in distortion: hard clipping."""
    return _pedal(lambda dry, rate_hz: whitebox.distortion(dry, rate_hz, drive=0.2))


def _fuzz():
    """The built-in fuzz: asymmetric, its bias moves."""
    return _pedal(lambda dry, rate_hz: whitebox.fuzz(dry, rate_hz, fuzz=0.2))


_RECORDINGS = {
    "ds1": _ds1,
    "overdrive": _overdrive,
    "diode": _diode,
    "distortion": _hard_clip,
    "klon": _klon,
    "fuzz": _fuzz,
    "jvm410h": _jvm,
}
_BUILT_IN = (_overdrive, _hard_clip, _fuzz)
