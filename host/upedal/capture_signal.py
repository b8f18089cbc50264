"""The test signal of `upedal capture`: what is in it, where, and how a file is known to hold it.

Ten clicks at the start and at the end carry the signal's description in the frames between them: a ruler of 2,000
frames, then eight hexadecimal digits of 1,200 + 48 d frames each: version, length and rate, seed (four), check (two).
So a recording is recognised by what it holds, whatever its name, and its layout can be computed again. All
times lie on the split of training: 80 % to learn from, then 10 % to validate and 10 % to test, both of them playing.
"""

from dataclasses import dataclass

import numpy as np

from . import capture_playing as playing
from .errors import UpedalError

VERSION = 1
MINUTES, RATES_HZ = (1, 3, 5), (44100, 48000)
PEAK = 0.89  # of the whole signal: -1 dBFS
_CLICK = (
    0.8 * np.hanning(11)[1:-1]
)  # 9 frames: energy to 10 kHz, and one sign, so that polarity shows
CODE_FRAMES = 18000  # room for the ten clicks, at most 17,360
_RULER, _BASE, _STEP, _DIGITS = 2000, 1200, 48, 8
_LEAD_S, _FLOOR_S, _MARK_S, _TAIL_S = 0.5, 1.0, 0.2, 0.4
_SWEEPS_DB = (-30.0, -18.0, -8.0, 0.0)
# What each part holds, and its share of what the part has left when clicks, marks and silences are placed.
_PARTS = (
    ("train", 0.0, 0.8, (
        ("sweeps", 6.0), ("swells", 4.0), ("decays", 4.0), ("guitar", 13.0), ("bass", 7.0), ("guitar", 9.0),
    )),
    ("validation", 0.8, 0.9, (("guitar", 3.0), ("bass", 2.0))),
    ("test", 0.9, 1.0, (("guitar", 3.0), ("bass", 2.0))),
)  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """What decides every sample of the signal."""

    minutes: int = 3
    rate_hz: int = 48000
    seed: int = 0  # of noise and playing, 0 to 65535
    version: int = VERSION

    def __post_init__(self):
        if self.minutes not in MINUTES or self.rate_hz not in RATES_HZ:
            raise UpedalError(
                f"capture: {self.minutes} minutes at {self.rate_hz} Hz; expected {MINUTES} minutes at {RATES_HZ} Hz"
            )
        if not 0 <= self.seed <= 0xFFFF or self.version != VERSION:
            raise UpedalError(
                f"capture: seed {self.seed}, version {self.version}; expected a seed of 0 to 65535, version {VERSION}"
            )

    @property
    def frames(self):
        return self.minutes * 60 * self.rate_hz


@dataclass(frozen=True)
class Section:
    """Frames [start, end) of the signal; part: train, validation or test."""

    name: str
    part: str
    start: int
    end: int


@dataclass(frozen=True)
class Found:
    """A signal recognised in a recording: frame 0 of the layout lies at `offset` (negative: its start is cut off),
    and a frame of the layout lasts `scale` frames (1: not resampled)."""

    spec: Spec
    offset: int
    scale: float


# ---- layout --------------------------------------------------------------------------------------


def layout(spec):
    """[Section], one after the other from frame 0 to spec.frames without a hole.

    lead, floor, tail: silence. clicks: the description. mark: silence with one click, before each section of sound.
    """
    out, rate = [], spec.rate_hz

    def put(name, part, frames):
        at = out[-1].end if out else 0
        out.append(Section(name, part, at, at + int(frames)))

    for part, begin, end, content in _PARTS:
        stop = int(end * spec.frames)
        if begin == 0.0:
            put("lead", part, _LEAD_S * rate)
            put("clicks", part, CODE_FRAMES)
            put("floor", part, _FLOOR_S * rate)
        closing = CODE_FRAMES + int(_TAIL_S * rate) if end == 1.0 else 0
        room = stop - closing - out[-1].end - len(content) * int(_MARK_S * rate)
        whole = sum(share for _, share in content)
        for name, share in content[:-1]:
            put("mark", part, _MARK_S * rate)
            put(name, part, room * share / whole)
        put("mark", part, _MARK_S * rate)
        put(content[-1][0], part, stop - closing - out[-1].end)
        if closing:
            put("clicks", part, CODE_FRAMES)
            put("tail", part, stop - out[-1].end)
    return out


def clicks(spec):
    """(frames of the ten clicks at the start, at the end): where each click's first frame lies."""
    starts = [s.start for s in layout(spec) if s.name == "clicks"]
    steps = np.concatenate([[0], np.cumsum([_RULER] + [_BASE + _STEP * d for d in _digits(spec)])])
    return tuple(start + steps for start in starts)


def marks(spec):
    """[k] frames of the single clicks between the sections."""
    rate = spec.rate_hz
    return np.array(
        [s.start + int(0.6 * _MARK_S * rate) for s in layout(spec) if s.name == "mark"]
    )


def _digits(spec):
    seed = [(spec.seed >> shift) & 15 for shift in (12, 8, 4, 0)]
    kind = MINUTES.index(spec.minutes) + 4 * RATES_HZ.index(spec.rate_hz)
    return _checked([spec.version, kind, *seed])


def _checked(digits):
    """With two digits of check: Fletcher's sums modulo 16 and 15, so that one wrong or two swapped digits show."""
    first = sum(digits) % 16
    second = sum((k + 2) * d for k, d in enumerate(digits)) % 15
    return [*digits, first, second]


# ---- the samples ---------------------------------------------------------------------------------


def render(spec):
    """float32 [spec.frames], peak at most 0.89 of full scale; the same arguments give the same samples."""
    out = np.zeros(spec.frames)
    makers = {
        "sweeps": _sweeps, "swells": _swells, "decays": playing.decays, "guitar": playing.guitar, "bass": playing.bass,
    }  # fmt: skip
    for k, s in enumerate(layout(spec)):
        if s.name in makers:
            rng = np.random.default_rng([spec.version, spec.seed, k])
            sound = makers[s.name](s.end - s.start, spec.rate_hz, rng)
            out[s.start : s.end] = sound * (PEAK / np.max(np.abs(sound)))
    for at in np.concatenate([*clicks(spec), marks(spec)]):
        out[at : at + len(_CLICK)] += _CLICK
    return out.astype(np.float32)


def click_train(spec):
    """float64 [CODE_FRAMES]: the ten clicks as they are played, for finding them in a recording."""
    out = np.zeros(CODE_FRAMES)
    start, _ = clicks(spec)
    for at in start - start[0]:
        out[at : at + len(_CLICK)] = _CLICK
    return out


def _sweeps(n, rate_hz, rng):
    """Exponential sweeps, 20 Hz to 20 kHz (Farina, "Simultaneous measurement of impulse response and distortion with
    a swept-sine technique", AES 108, 2000), each louder than the one before."""
    out, each = np.zeros(n), n // len(_SWEEPS_DB)
    length = each - int(0.05 * rate_hz)
    t = np.arange(length) / length
    ratio = np.log(20000.0 / 20.0)
    phase = 2.0 * np.pi * 20.0 * (length / rate_hz) / ratio * np.expm1(t * ratio)
    one = np.sin(phase) * _fade(length, int(0.05 * rate_hz), int(0.005 * rate_hz))
    for k, level_db in enumerate(_SWEEPS_DB):
        out[k * each : k * each + length] = one * 10.0 ** (level_db / 20.0)
    return out


def _swells(n, rate_hz, rng):
    """Pink noise (-3 dB an octave, 40 Hz to 16 kHz) that rises 54 dB and falls: slow up and fast down, then fast up
    and slow down."""
    f = np.fft.rfftfreq(n, 1.0 / rate_hz)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    noise = np.fft.irfft(
        spectrum * np.where((f > 40.0) & (f < 16000.0), 1.0 / np.sqrt(f + 1.0), 0.0), n
    )
    half = n // 2
    db = np.interp(
        np.arange(n) / half, [0.0, 0.75, 1.0, 1.25, 2.0], [-54.0, 0.0, -54.0, 0.0, -54.0]
    )
    return noise * 10.0 ** (db / 20.0) * _fade(n, 64, 64)


def _fade(n, rise, fall):
    out = np.ones(n)
    out[:rise] = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    out[n - fall :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(fall) / fall)
    return out


# ---- recognising ---------------------------------------------------------------------------------


def recognise(x):
    """Found, or None where the recording does not begin with our clicks (after silence of any length).

    x: float [n], the dry recording at any gain and polarity; its rate need not be known, as the clicks tell it.
    """
    size = np.abs(np.asarray(x))
    if not len(size) or not np.max(size) > 0.0:
        return None
    loud = np.flatnonzero(size > 0.03 * np.max(size))
    window = size[loud[0] : loud[0] + int(2.6 * CODE_FRAMES)]
    peaks = _peaks(window)
    if len(peaks) < _DIGITS + 2:
        return None
    gaps = np.diff(peaks[: _DIGITS + 2])
    scale = gaps[0] / _RULER
    spec = _decode(gaps[1:] / scale) if 0.4 < scale < 2.5 else None
    if spec is None:
        return None
    first = clicks(spec)[0][0] + np.argmax(_CLICK)
    return Found(spec, int(round(loud[0] + peaks[0] - first * scale)), float(scale))


def _peaks(size):
    """The loudest frame of each group of frames above half the loudest; groups lie 300 frames apart or more."""
    loud = np.flatnonzero(size > 0.5 * np.max(size))
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > 300) + 1)
    return np.array([g[np.argmax(size[g])] for g in groups])


def _decode(gaps):
    values = (np.asarray(gaps, float) - _BASE) / _STEP
    digits = [int(round(v)) for v in values]
    if np.max(np.abs(values - digits)) > 0.25 or not all(0 <= d <= 15 for d in digits):
        return None
    if _checked(digits[:-2]) != digits:
        return None
    version, kind, *seed = digits[:-2]
    try:
        minutes, rate = MINUTES[kind % 4], RATES_HZ[kind // 4]
        return Spec(minutes, rate, sum(d << 4 * (3 - k) for k, d in enumerate(seed)), version)
    except (IndexError, UpedalError):  # a later version's, or chance
        return None
