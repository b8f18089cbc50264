"""What 8 bits cost: noise and distortion of the requantised audio and of whole nets, and their spectra.

Levels in dBFS are those of a sine of full scale 1: a mean square of 1/2 is 0 dBFS.
"""

import dataclasses
import hashlib

import numpy as np

from .. import native, tcn8

TONE_HZ, TONES_DB, TONE_S, SETTLE_S = 441.0, (-40, -60), 6.0, 1.0
MUSIC_S = 10.0  # of the test part, at most
_SEGMENT = 8192  # of a spectrum
_NOT_CLIPPED = 126 * 256  # emphasised audio below this is not limited, whatever the dither
_FORMAT = 1


def dbfs(mean_square):
    """Of a mean square; None for nothing at all, which JSON can hold."""
    return float(10.0 * np.log10(2.0 * mean_square)) if mean_square > 0.0 else None


def spectrum(x, rate_hz, bands=96):
    """{"hz", "db"}: power density in dBFS a hertz, averaged over bands of equal width in octaves."""
    from scipy.signal import welch

    hz, density = welch(x, rate_hz, nperseg=min(_SEGMENT, len(x)), detrend=False)
    edges = np.geomspace(20.0, rate_hz / 2, bands + 1)
    at = np.digitize(hz, edges) - 1
    inside = [density[at == k] for k in range(bands)]
    kept = [k for k in range(bands) if inside[k].size]
    centre = np.sqrt(edges[:-1] * edges[1:])
    level = [10.0 * np.log10(2.0 * inside[k].mean() + 1e-20) for k in kept]
    return {"hz": [float(centre[k]) for k in kept], "db": [float(v) for v in level]}


def requantisation(front, audio, channels):
    """What dither and 8 bits add to the emphasised audio when c channels are averaged, c of `channels`.

    audio float [n]. Gives {"channels", "noise_dbfs", "gain_db" over one channel, "expected_db" 10 log10(c),
    as for noises that know nothing of each other, "spectra" of one and the most channels behind the
    de-emphasis}. Frames that the 8 bits limit are left out, as all channels share what is cut off."""
    audio = np.asarray(audio, np.float32)
    exact = tcn8.emphasised(audio, front.coef) * 2.0 ** (front.gain - 15)
    inside = np.abs(exact) * 32768 < _NOT_CLIPPED
    most = dataclasses.replace(front, channels=max(channels))
    eight = tcn8.eight_bit(most, audio) / 128.0
    levels, spectra = [], {}
    for c in channels:
        error = np.where(inside, eight[:c].mean(0) - exact, 0.0) * 2.0**-front.gain
        levels.append(dbfs(float(np.square(error[inside]).mean())))
        if c in (1, max(channels)):
            heard = tcn8.deemphasised(error, front.coef)
            spectra[str(c)] = spectrum(heard, front.rate_hz)
    first = levels[channels.index(1)]
    return {
        "channels": list(channels),
        "noise_dbfs": levels,
        "gain_db": [first - v for v in levels],
        "expected_db": [float(10.0 * np.log10(c)) for c in channels],
        "limited": float(1.0 - inside.mean()),
        "spectra": spectra,
    }


def of_net(blob, float_blob, music, rate_hz):
    """How an 8-bit net differs from the float net it came from: bytes of both .upm, music float [n].

    For each of TONES_DB: "noise_dbfs", what does not repeat from period to period of the tone;
    "distortion_db", what repeats and differs from the float net, over the float net's output; "tone_db", the
    tone itself over the float net's. For music "error_db" over the float net's output. Spectra of the error on the
    louder tone, of what does not repeat there, and of the error on music."""
    found = {"tones": {}, "spectra": {}}
    for level in TONES_DB:
        x, period = _tone(level, rate_hz)
        skip = int(SETTLE_S * rate_hz) // period * period
        played, wanted = (native.render(b, x)[skip:].astype(np.float64) for b in (blob, float_blob))
        found["tones"][str(level)] = _split(played, wanted, period)
        if level == TONES_DB[0]:
            found["spectra"]["tone"] = spectrum(played - wanted, rate_hz)
            rows = played.reshape(-1, period)
            found["spectra"]["noise"] = spectrum((rows - rows.mean(0)).ravel(), rate_hz)
    played, wanted = (native.render(b, music).astype(np.float64) for b in (blob, float_blob))
    found["error_db"] = _ratio(np.square(played - wanted).mean(), np.square(wanted).mean())
    found["error_dbfs"] = dbfs(float(np.square(played - wanted).mean()))
    found["spectra"]["music"] = spectrum(played - wanted, rate_hz)
    return found


def behind_dither(front, float_blob, channels):
    """Noise in dBFS that the float net gives on the louder tone, its emphasised input the average of c dithered
    channels, c of `channels`: what requantisation alone does to the sound."""
    x, period = _tone(TONES_DB[0], front.rate_hz)
    skip = int(SETTLE_S * front.rate_hz) // period * period
    eight = tcn8.eight_bit(dataclasses.replace(front, channels=max(channels)), x)
    levels = []
    for c in channels:
        average = eight[:c].mean(0) / 128.0 * 2.0**-front.gain
        audio = tcn8.deemphasised(average, front.coef).astype(np.float32)  # which the net emphasises
        played = native.render(float_blob, audio)[skip:].astype(np.float64)
        levels.append(_split(played, played, period)["noise_dbfs"])
    return levels


def _tone(level_db, rate_hz):
    """(a sine of whole periods, float32, frames of a period)."""
    period = round(rate_hz / TONE_HZ)
    n = int(TONE_S * rate_hz) // period * period
    one = 10.0 ** (level_db / 20.0) * np.sin(2.0 * np.pi * np.arange(period) / period)
    return np.tile(one, n // period).astype(np.float32), period


def _split(played, wanted, period):
    """Noise and what repeats: the mean over n periods holds 1 / n of the noise's energy."""
    rows = played.reshape(-1, period)
    mean, target = rows.mean(0), wanted.reshape(-1, period).mean(0)
    noise = float(np.square(rows - mean).mean()) * len(rows) / (len(rows) - 1)
    apart = max(0.0, float(np.square(mean - target).mean()) - noise / len(rows))
    tone, tone_wanted = (np.abs(np.fft.rfft(m)[1]) ** 2 for m in (mean, target))
    energy = float(np.square(target).mean())
    return {
        "noise_dbfs": dbfs(noise),
        "distortion_db": _ratio(apart, energy),
        "tone_db": _ratio(tone, tone_wanted),
    }


def _ratio(a, b):
    """Of energies in dB; None where either is nothing but what float64 rounds."""
    return float(10.0 * np.log10(a / b)) if a > 1e-20 * b and b > 0.0 else None


def study(name, variants, front, recording, channels, before=None):
    """Everything of one recording. variants: {name: (q7 .upm, float .upm)}, paths, with one called "base" whose
    front end `front` is; `before` is an earlier result, given back where it is of these very files."""
    dry, _, rate_hz, split = recording
    first, last = split.test[0][0], split.test[-1][1]
    music = np.ascontiguousarray(dry[first:last][: int(MUSIC_S * rate_hz)], np.float32)
    blobs = {key: tuple(p.read_bytes() for p in pair) for key, pair in variants.items()}
    parts = [b for key in sorted(blobs) for b in blobs[key]]
    identity = hashlib.sha256(b"".join([repr((_FORMAT, sorted(blobs), front)).encode(), *parts]))
    identity.update(music.tobytes())
    if before and before.get("identity") == identity.hexdigest():
        return before
    return {
        "identity": identity.hexdigest(),
        "recording": name,
        "requantisation": requantisation(front, music, channels),
        "behind_dither": behind_dither(front, blobs["base"][1], channels),
        "nets": {key: of_net(*pair, music, rate_hz) for key, pair in blobs.items()},
    }
