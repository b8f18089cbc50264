"""From two files to two mono signals of one rate: which channel, which rate, and what was said."""

from pathlib import Path

import numpy as np

from .. import audio
from ..errors import UpedalError
from . import timing
from .finding import Finding

_EQUAL = 1e-4  # of a channel's energy: two channels are the same
_COARSE = {
    "PCM_U8": "8 bits",
    "PCM_S8": "8 bits",
    "ULAW": "8 bits (mu-law)",
    "ALAW": "8 bits (A-law)",
}
_LOW_HZ = 32000
_CLEARLY = 2.0  # times the match of the other channels


def read(path):
    """(float32 [n][channels], rate in Hz); NaN and infinity are left for the checks."""
    import soundfile

    path = Path(path)
    if path.is_dir():
        raise UpedalError(f"{path}: is a folder; expected one recording")
    if not path.is_file():
        raise UpedalError(f"{path}: no such file")
    if path.suffix.lower() not in audio.TYPES:
        raise UpedalError(f"{path}: type {path.suffix or '(none)'}; expected one of {audio.TYPES}")
    try:
        data, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as e:
        raise UpedalError(f"{path}: not a readable audio file ({e})") from None
    if not len(data):
        raise UpedalError(f"{path}: holds no samples")
    return data, int(rate_hz)


def numbers(text):
    """(dry's channel, wet's channel), 1-based or None, of "2" or "1,2" or an int."""
    if text is None:
        return None, None
    try:
        parts = [int(part) for part in str(text).split(",")]
        assert 1 <= len(parts) <= 2 and min(parts) >= 1
    except (ValueError, AssertionError):
        raise UpedalError(
            f"--channel {text}: expected a channel such as 1, or dry's and wet's: 1,2"
        ) from None
    return parts[0], parts[-1]


def channels(dry, wet, rates, wanted, paths):
    """(dry [n], wet [n], Finding): of several channels the one that was asked for, the only one that
    sounds, any of equal ones, or the one that follows the other file."""
    _known(wanted, [x.shape[1] for x in (dry, wet)], paths)
    kept = [_candidates(x, w, p) for x, w, p in zip((dry, wet), wanted, paths)]
    notes = [note for _, note in kept if note]
    (a, _), (b, _) = kept
    outcome, advice = "ok", ""
    if len(a) > 1 or len(b) > 1:
        table = [[_match(dry[:, j], wet[:, k], rates) for k in b] for j in a]
        for side, (many, scores) in enumerate(
            ((a, np.max(table, axis=1)), (b, np.max(table, axis=0)))
        ):
            if len(many) < 2:
                continue
            name, order = ("dry", "wet")[side], np.argsort(scores)[::-1]
            best, second = many[order[0]], many[order[1]]
            told = f"channel {best + 1} of {name} ({paths[side]}) matches with {scores[order[0]]:.0f}, channel {second + 1} with {scores[order[1]]:.0f}"
            if scores[order[0]] > _CLEARLY * scores[order[1]]:
                notes.append(f"{told}: the first is taken")
            else:
                outcome = "refused"
                notes.append(f"{told}, and they differ")
                advice = "Two microphones, or a stereo effect: say which one with --channel 1 or --channel 2 (dry's and wet's: --channel 1,2), or export mono."
            if side == 0:
                a = [best]
            else:
                b = [best]
    if outcome == "ok" and notes:
        outcome = "fixed"
    text = "; ".join(notes)
    text = text[0].upper() + text[1:] + "." if text else "Both files are mono."
    finding = Finding(
        "channels",
        "Channels",
        outcome,
        text,
        advice,
        {"dry_channel": a[0] + 1, "wet_channel": b[0] + 1},
    )
    return dry[:, a[0]], wet[:, b[0]], finding


def _known(wanted, counts, paths):
    """UpedalError where a channel is asked for that a file lacks. One number for both may leave a mono file be."""
    mono_too = wanted[0] == wanted[1] and max(counts) > 1
    for number, count, path in zip(wanted, counts, paths):
        if number is not None and number > count and not (count == 1 and mono_too):
            has = "is mono" if count == 1 else f"has {count} channels"
            expected = "--channel 1" + (f" to {count}" if count > 1 else ", or none")
            raise UpedalError(f"{path}: {has}, --channel asks for {number}; expected {expected}")


def coarse(paths, rates):
    """[Finding] that warns of files of 8 bits or a low rate; [] where there is none."""
    import soundfile

    told = []
    for path, rate in zip(paths, rates):
        kind = soundfile.info(path).subtype
        if kind in _COARSE:
            told.append(f"{path} has {_COARSE[kind]}, whose steps are heard as hiss")
        if rate < _LOW_HZ:
            told.append(f"{path} is at {rate} Hz and holds nothing above {rate / 2:.0f} Hz")
    if not told:
        return []
    advice = "Export it again, as 24-bit or float WAV at 44,100 or 48,000 Hz."
    return [Finding("format", "Format", "warned", "; ".join(told) + ".", advice)]


def _candidates(x, wanted, path):
    """([indices], note) of the channels that may be meant."""
    count = x.shape[1]
    if count == 1:
        return [0], ""
    if wanted is not None:
        return [wanted - 1], f"channel {wanted} of {path}, as asked for"
    good = np.where(np.isfinite(x), x, 0.0).astype(np.float64)
    peaks = np.max(np.abs(good), axis=0)
    heard = [k for k in range(count) if peaks[k] > max(1e-5, 1e-4 * np.max(peaks))]
    if not heard:
        return [0], ""
    energy = np.sum(good**2, axis=0)
    alone = [heard[0]]
    for k in heard[1:]:
        if all(np.sum((good[:, k] - good[:, j]) ** 2) > _EQUAL * energy[j] for j in alone):
            alone.append(k)
    if len(heard) == 1:
        return heard, f"only channel {heard[0] + 1} of {path} sounds: it is taken"
    if len(alone) == 1:
        return alone, f"the channels of {path} are equal: channel {alone[0] + 1} is taken"
    return alone, ""


def _match(dry, wet, rates):
    """The confidence that wet follows dry, over the first minute."""
    a, b = (
        np.where(np.isfinite(x), x, 0.0).astype(np.float64)[: 60 * r]
        for x, r in zip((dry, wet), rates)
    )
    if rates[0] != rates[1]:
        b = resample(b, rates[1], rates[0])
    if not (np.any(a) and np.any(b)):
        return 0.0
    return timing.search(a, b, rates[0]).confidence


def resample(x, rate_hz, to_hz):
    """float64 [n] at another rate, which may be any number; soxr's very high quality."""
    import soxr

    return soxr.resample(np.ascontiguousarray(x, np.float64), rate_hz, to_hz, quality="VHQ")
