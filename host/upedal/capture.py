"""Capture: write the test signal, judge what came back of it, keep dry and wet beside each other.

Nothing here knows a sound card (capture_device.py does), so all of it runs on two arrays. Training takes any dry and
wet recording; what the clicks add is latency, drift and lost frames told apart.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import audio
from . import capture_signal as signal
from .errors import UpedalError

REACH_S = 2.0  # of latency that is looked for
_BEFORE, _AFTER = 480, 1440  # frames of a click's response that are averaged
_SEARCH = 24000  # frames that a lost or doubled buffer may move the sound by
_CLOCK = 1e-3  # no clock drifts by more
_JUMP = 2.0  # frames off the line of the clock: buffers lost or doubled
_KNOWN = 0.6  # of normalised correlation: this is our click


@dataclass
class Verdict:
    """What the recording says of the way from the output to the input."""

    latency_frames: float | None  # from a click to the first of its answer; None: not found
    polarity: int = 1
    drift_ppm: float | None = None  # positive: the recording's clock is the faster
    jumps: list = field(
        default_factory=list
    )  # [(seconds, frames)]; positive: frames were put in or played twice
    floor_db: float | None = None  # RMS of the silence, dBFS
    peak: float = 0.0  # of full scale
    by_clicks: bool = False  # are latency, drift and jumps of our clicks?
    clipped: int = 0  # samples that stand still at the peak, where that is full scale


# ---- writing -------------------------------------------------------------------------------------


def write(path, spec, force=False):
    """Writes the test signal as 24-bit WAV; float32 [n] as written. A file that holds just that stays as it is; one with
    another test signal of ours is replaced with force only, any other file never."""
    path = Path(path)
    must_be_wav(path)
    x = signal.render(spec)
    if not (path.exists() and _holds(path, x, spec, force)):
        audio.write(path, x, spec.rate_hz, "PCM_24")
    return x


def _holds(path, x, spec, force):
    """Is this signal in the file? UpedalError where something else is, and must stay."""
    there, rate = audio.read(path)
    found = signal.recognise(there)
    if found is None:
        raise UpedalError(
            f"{path}: is there already and holds no test signal of ours; choose another name"
        )
    same = rate == spec.rate_hz and len(there) == len(x)
    if same and np.max(np.abs(there - x)) < 2.0**-22:
        return True
    if not force:
        a = found.spec
        raise UpedalError(
            f"{path}: holds another test signal ({a.minutes} min at {a.rate_hz} Hz, seed {a.seed}, {len(there)} frames at"
            f" {rate} Hz); --force replaces it, or choose another name"
        )
    return False


def wet_path(path):
    """Where the wet recording of a dry one goes: take.wav -> take-wet.wav, take-dry.wav -> take-wet.wav."""
    path = Path(path)
    return path.with_name(path.stem.removesuffix("-dry") + "-wet.wav")


def must_be_wav(path):
    if path.suffix.lower() != ".wav":
        raise UpedalError(
            f"{path}: type {path.suffix or '(none)'}; expected a name that ends in .wav"
        )


def layout_table(spec):
    """[(section, part, start in s, end in s)], clicks and silences included."""
    rate = spec.rate_hz
    return [(s.name, s.part, s.start / rate, s.end / rate) for s in signal.layout(spec)]


# ---- judging -------------------------------------------------------------------------------------


def judge(wet, spec):
    """Verdict of a recording (float [n], its frame 0 played with the signal's frame 0)."""
    wet = np.asarray(wet, np.float64)
    peak = float(np.max(np.abs(wet), initial=0.0))
    out = Verdict(None, peak=peak, clipped=audio.clipped_samples(wet) if peak > 0.99 else 0)
    first, last = signal.clicks(spec)
    coarse = find_clicks(wet, spec, first[0])
    if coarse is None:
        return out
    answer = _mean_answer(wet, first + coarse)
    out.latency_frames = coarse + _onset(answer) - _onset(_mean_answer(_played(spec), first))
    out.by_clicks = True
    out.polarity = _first_sign(answer)
    out.floor_db = _floor(wet, spec, coarse)
    lags = [(first[0], float(coarse))] + _track(wet, signal.marks(spec), answer, coarse)
    lags += [(last[0], lag) for lag in _last(wet, spec, last, answer, lags[-1][1])]
    out.drift_ppm, out.jumps = _clock(np.array(lags), spec.rate_hz)
    return out


def _played(spec):
    """The signal up to the end of its first clicks, float64."""
    start, _ = signal.clicks(spec)
    return np.concatenate([np.zeros(start[0]), signal.click_train(spec), np.zeros(_AFTER)])


def find_clicks(wet, spec, expected, early=0):
    """Frames by which the ten clicks come after frame `expected` (-early .. REACH_S), or None where there are none."""
    begin = max(int(expected) - early, 0)
    window = wet[begin : int(expected) + int(REACH_S * spec.rate_hz) + signal.CODE_FRAMES]
    if len(window) < signal.CODE_FRAMES:
        return None
    score = np.abs(_likeness(window, signal.click_train(spec)))
    at, near = int(np.argmax(score)), int(0.02 * spec.rate_hz)
    rest = np.concatenate([score[: max(at - near, 0)], score[at + near :]])
    # The clicks' own distances repeat at most twice among ten; noise and music reach less.
    if score[at] <= 0.0 or (len(rest) and np.max(rest) > 0.6 * score[at]):
        return None
    return begin + at - int(expected)


def _mean_answer(wet, at):
    """[_BEFORE + _AFTER] mean of what follows the clicks, its level before them taken off."""
    parts = [wet[k - _BEFORE : k + _AFTER] for k in at if k >= _BEFORE and k + _AFTER <= len(wet)]
    mean = np.mean(parts, axis=0) if parts else np.zeros(_BEFORE + _AFTER)
    return mean - np.mean(mean[: _BEFORE // 2])


def _onset(answer):
    """Frame, with its fraction, at which |answer| first passes a tenth of its peak, from _BEFORE on (negative: before)."""
    size = np.abs(answer)
    level = max(0.1 * np.max(size), 3.0 * np.max(size[: _BEFORE // 2]))
    k = int(np.argmax(size >= level))
    below = size[k - 1] if k else 0.0
    return float(k - _BEFORE - (size[k] - level) / max(size[k] - below, 1e-30))


def _first_sign(answer):
    """1 or -1: where the answer first passes a quarter of its peak. Filters may swing back further than they went."""
    size = np.abs(answer)
    return 1 if answer[np.argmax(size >= 0.25 * np.max(size))] > 0 else -1


def _floor(wet, spec, lag):
    """RMS of the silence after the first clicks in dBFS, its first 0.3 s left to the gear to fall silent."""
    s = next(s for s in signal.layout(spec) if s.name == "floor")
    part = wet[s.start + lag + int(0.3 * spec.rate_hz) : s.end + lag]
    return float(10.0 * np.log10(np.mean(part * part) + 1e-20)) if len(part) else None


# ---- the clocks ----------------------------------------------------------------------------------


def _track(wet, marks, answer, lag):
    """[(frame, lag)] of the single clicks that are known again, each looked for near where the last one was."""
    out = []
    for at in marks:
        found = _match(wet, answer, int(at), int(round(lag)), _SEARCH)
        if found is not None:
            lag = found
            out.append((int(at), lag))
    return out


def _match(wet, answer, at, lag, reach):
    """Lag, with its fraction, at which the answer to a click at frame `at` correlates best; None below 0.6."""
    shape = answer[_BEFORE - 48 : _BEFORE + 480]
    begin = max(at + lag - 48 - reach, 0)
    window = wet[begin : at + lag - 48 + reach + len(shape)]
    if len(window) < len(shape) + 2:
        return None
    score = _likeness(window, shape)
    k = int(np.argmax(score))
    if score[k] < _KNOWN:
        return None
    return begin + k + _vertex(score, k) + 48 - at


def _likeness(window, shape):
    """[len(window) - len(shape) + 1] normalised correlation, -1 to 1; what is 50 dB below the loudest counts as silence."""
    from scipy.signal import correlate

    energy = np.cumsum(np.concatenate([[0.0], window * window]))
    energy = energy[len(shape) :] - energy[: -len(shape)]
    energy = np.maximum(energy, 1e-5 * np.max(energy) + 1e-30)
    return correlate(window, shape, "valid", "fft") / np.sqrt(
        energy * np.sum(shape * shape) + 1e-30
    )


def _vertex(r, k):
    """Where between its neighbours the parabola through three points peaks, -0.5 to 0.5."""
    if not 0 < k < len(r) - 1:
        return 0.0
    left, mid, right = r[k - 1 : k + 2]
    bend = left - 2.0 * mid + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0.0 else 0.0


def _last(wet, spec, last, answer, lag):
    """[lag] of the closing clicks, the median of the ten; [] where they are not there."""
    near = int(round(lag))
    moved = find_clicks(wet, spec, last[0] + near, early=_SEARCH)
    if moved is None:
        return []
    each = [_match(wet, answer, int(k), near + moved, 24) for k in last]
    each = [v for v in each if v is not None]
    return [float(np.median(each))] if len(each) > 4 else []


def _clock(lags, rate_hz):
    """(drift in ppm or None, [(seconds, frames)] of jumps) from [(frame, lag)]: the line is the median slope."""
    if len(lags) < 3:
        return None, []
    frames, lag = lags[:, 0], lags[:, 1]
    slope = float(np.median(np.diff(lag) / np.diff(frames)))
    is_clock = abs(slope) < _CLOCK
    off = np.diff(lag) - is_clock * slope * np.diff(frames)
    jumps = [
        (float(frames[k + 1] / rate_hz), float(off[k]))
        for k in np.flatnonzero(np.abs(off) > _JUMP)
    ]
    if not jumps:
        slope = float(np.polyfit(frames, lag, 1)[0])
    return (1e6 * slope if is_clock else None), jumps
