"""Dry audio for a teacher to play: the capture signal, a synthesised guitar at every level, the user's own recordings.

What a student is judged by is cut off first: 80 % to train on, 10 to validate, 10 to test, as training splits.
"""

import numpy as np

from . import audio
from .errors import UpedalError

LEVELS_DB = (0.0, -10.0, -20.0, -30.0, -40.0)  # of the synthesised guitar's takes, peak, dBFS
_TAKE_S = 24.0  # of such a take, all parts
_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # as audio.split cuts
_DARK_HZ, _RUMBLE_HZ, _RUMBLE_DB = 250.0, (5.0, 45.0), -20.0
_FADE_S = 0.005  # at the ends of a piece


def material(rate_hz, files=(), *, minutes=3, seed=0):
    """(float32 [n] of dry audio at rate_hz, [what it is made of]): 80 % to train on, 10 to validate, 10 to test.

    The capture signal of so many minutes (1, 3, 5), a synthesised guitar with its peak at each of LEVELS_DB, and the
    recordings `files`, at the level they have. Each part has 80, 10 and 10 % of every source, of the guitar takes of
    their own."""
    sources = [_signal(rate_hz, minutes, seed)]
    sources += [guitar(rate_hz, level, seed) for level in LEVELS_DB]
    told = [
        f"capture signal, {minutes} min",
        f"synthesised guitar, peak {LEVELS_DB[0]:g} to {LEVELS_DB[-1]:g} dBFS",
    ]
    for path in files:
        sources.append(_cut(recording(path, rate_hz), rate_hz, path))
        told.append(f"{path}, {sum(map(len, sources[-1].values())) / rate_hz:.0f} s")
    parts = [_faded(source[part], rate_hz) for part in _SHARES for source in sources]
    return np.concatenate(parts).astype(np.float32), told


def _signal(rate_hz, minutes, seed):
    from . import capture_signal as capture
    from .rates import resample

    own_hz = rate_hz if rate_hz in capture.RATES_HZ else max(capture.RATES_HZ)
    x = resample(capture.render(capture.Spec(minutes, own_hz, seed)), own_hz, rate_hz)
    return _cut(x, rate_hz, "capture signal")


def guitar(rate_hz, level_db, seed):
    """{part: float32 [n]}: another performance for each part and level, its peak at level_db dBFS.

    The second half is darkened (first-order low-pass at 250 Hz, as with a tone control turned down or a low tuning), and
    there is the rumble of hands and pickups below it all (noise of 5 to 45 Hz, 20 dB under the guitar): a student that
    never heard either is wrong there."""
    from scipy.signal import butter, lfilter

    from .synth import dry_guitar

    made = {}
    for k, (part, share) in enumerate(_SHARES.items()):
        own = 1000 * seed + 10 * int(-level_db) + k + 1
        x = dry_guitar(share * _TAKE_S, rate_hz, own).astype(np.float64)
        half = len(x) // 2
        dark = lfilter(*butter(1, _DARK_HZ, fs=rate_hz), x[half:])
        x[half:] = dark * (np.max(np.abs(x[:half])) / max(np.max(np.abs(dark)), 1e-9))
        rumble = lfilter(
            *butter(2, _RUMBLE_HZ, "band", fs=rate_hz),
            np.random.default_rng(own).standard_normal(len(x)),
        )
        x += rumble * (10.0 ** (_RUMBLE_DB / 20.0) * np.std(x) / np.std(rumble))
        made[part] = (x * (10.0 ** (level_db / 20.0) / np.max(np.abs(x)))).astype(np.float32)
    return made


def recording(path, rate_hz):
    """A recording at rate_hz, float32 [n]."""
    from .rates import resample

    x, own_hz = audio.read(path)
    return resample(x, own_hz, rate_hz)


def _cut(x, rate_hz, name):
    if len(x) < 2 * rate_hz:
        raise UpedalError(f"{name}: {len(x) / rate_hz:.2f} s; expected at least 2 s")
    return dict(zip(_SHARES, (x[part] for part in audio.split(len(x), rate_hz))))


def _faded(x, rate_hz):
    n = min(int(_FADE_S * rate_hz), len(x) // 2)
    ramp = np.ones(len(x), np.float32)
    ramp[:n] = np.arange(n) / n
    ramp[len(x) - n :] = ramp[:n][::-1]
    return x * ramp
