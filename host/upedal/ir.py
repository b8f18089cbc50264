"""Impulse responses of cabinets: any recording -> the few taps that a pedal plays.

In this order: one channel, the rig's rate, nothing before the sound, minimum phase if asked for, cut with a
fade, level. prepare() says what each does.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import UpedalError

MOST_TAPS = 8192
LEAST_TAPS = 16
LONGEST_S = 4.0
LEAD = 16  # frames kept before the onset, faded in
ONSET_DB = -40.0  # of the peak: what counts as the onset
FADE = 8  # a cut fades out over a FADE-th of the taps
BAND_HZ = (80.0, 5000.0)  # where cabinets are made equally loud
PHASE_ERROR_DB = 0.1  # of minimum phase, down to 60 dB below the top of the spectrum
_SILENCE = 1e-6


@dataclass
class Prepared:
    """taps: float32 [n]; the rest tells what was done."""

    taps: np.ndarray
    rate_hz: int
    trimmed: int  # frames dropped before the sound
    lost_db: float  # energy that the cut took, of the whole; -inf where nothing was cut
    gain_db: float  # that made it as loud as others


def prepare(
    path, *, taps=1024, minimum_phase=False, rate_hz=48000, channel=None, trim=True, level=True
):
    """A cabinet's recording (WAV, FLAC, AIFF) as Prepared.

    taps: 16..8192; rate_hz: of the rig; channel: from 0, None: the first that sounds; trim: drop what lies more
    than 16 frames before the first frame within 40 dB of the peak; level: the mean of |H|^2 from 80 Hz to 5 kHz,
    each octave weighing the same (a guitar's spectrum falls about as pink noise does), becomes 1, so that
    cabinets play equally loud. minimum_phase: by the cepstrum (Oppenheim and Schafer, Discrete-Time Signal
    Processing, ch. 13), magnitude kept to 0.1 dB before the cut.
    UpedalError where the file does not hold an impulse response.
    """
    if not LEAST_TAPS <= taps <= MOST_TAPS:
        raise UpedalError(f"{taps} taps; expected {LEAST_TAPS} to {MOST_TAPS}")
    h, from_hz = read(path, channel)
    h = _at_rate(h, from_hz, rate_hz)
    trimmed = 0
    if minimum_phase:
        h = minimum(h, where=path)
    elif trim:
        h, trimmed = trimmed_start(h)
    h, lost_db = cut(h, taps)
    gain = 1.0 / loudness(h, rate_hz, where=path) if level else 1.0
    made = (gain * h).astype(np.float32)
    return Prepared(made, rate_hz, trimmed, lost_db, 20 * math.log10(gain))


def read(path, channel=None):
    """(float64 [n], Hz) of one channel, checked."""
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise UpedalError(f"{path}: no such file; expected an impulse response")
    try:
        data, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UpedalError(f"{path}: not a readable audio file ({error})") from None
    if not np.isfinite(data).all():
        at = int(np.argmin(np.isfinite(data).all(axis=1)))
        raise UpedalError(f"{path}: frame {at} is NaN or infinite")
    if not LEAST_TAPS <= len(data) <= LONGEST_S * rate_hz:
        found = f"{len(data)} frames at {rate_hz} Hz"
        raise UpedalError(f"{path}: {found}; expected {LEAST_TAPS} frames to {LONGEST_S:.0f} s")
    return _channel(data, path, channel), rate_hz


def _channel(data, path, channel):
    peaks = np.abs(data).max(axis=0)
    if channel is None:
        channel = int(np.argmax(peaks > _SILENCE))
    if not 0 <= channel < len(peaks):
        raise UpedalError(f"{path}: channel {channel}; expected 0 to {len(peaks) - 1}")
    if peaks[channel] <= _SILENCE:
        raise UpedalError(
            f"{path}: silent (peak {peaks[channel]:.1e}); expected an impulse response"
        )
    return data[:, channel]


def _at_rate(h, from_hz, rate_hz):
    """At another rate, with the same gain at each frequency."""
    if from_hz == rate_hz:
        return h
    import soxr

    ahead = np.zeros(4 * LEAD)  # room for what the filter rings before the onset
    padded = np.concatenate([ahead, h, ahead])
    return soxr.resample(padded, from_hz, rate_hz, quality="VHQ") * (from_hz / rate_hz)


def trimmed_start(h):
    """(h from LEAD frames before its onset on, faded in; frames dropped)"""
    loud = np.abs(h) >= np.abs(h).max() * 10 ** (ONSET_DB / 20)
    start = max(int(np.argmax(loud)) - LEAD, 0)
    h = h[start:].copy()
    if start:
        h[:LEAD] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(LEAD) + 0.5) / LEAD)
    return h, start


def minimum(h, where="minimum phase"):
    """The minimum-phase sequence of h's magnitude, float64, as long as it takes to hold that magnitude."""
    size = 1 << max(15, (8 * len(h) - 1).bit_length())
    for n in (size, 4 * size):
        made = _folded(h, n)[: max(len(h), n // 8)]
        worst = _apart_db(h, made, 2 * n)
        if worst <= PHASE_ERROR_DB:
            return made
    raise UpedalError(
        f"{where}: minimum phase is {worst:.2f} dB off; expected at most {PHASE_ERROR_DB}"
    )


def _folded(h, n):
    """Minimum phase by folding the real cepstrum of n points: anticausal parts join the causal ones."""
    magnitude = np.abs(np.fft.rfft(h, n))
    cepstrum = np.fft.irfft(np.log(np.maximum(magnitude, 1e-6 * magnitude.max())), n)
    cepstrum[1 : n // 2] *= 2.0
    cepstrum[n // 2 + 1 :] = 0.0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n)


def _apart_db(h, made, n):
    """The largest difference of magnitudes where h is within 60 dB of its top."""
    before, after = np.abs(np.fft.rfft(h, n)), np.abs(np.fft.rfft(made, n))
    heard = before > 1e-3 * before.max()
    return float(np.abs(20 * np.log10(np.maximum(after[heard], 1e-300) / before[heard])).max())


def cut(h, taps):
    """(the first `taps` of h, faded out where there was more; energy lost in dB of the whole)"""
    whole = float(h @ h)
    short = h[:taps].copy()
    if len(h) > taps:
        fade = taps // FADE
        short[taps - fade :] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    lost = whole - float(short @ short)
    return short, 10 * math.log10(lost / whole) if lost > 1e-15 * whole else -math.inf


def loudness(h, rate_hz, where="impulse response"):
    """Root of the mean of |H|^2 over BAND_HZ, each octave weighing the same."""
    top = min(BAND_HZ[1], 0.45 * rate_hz)
    freqs = np.geomspace(BAND_HZ[0], top, 400)
    turns = np.exp(-2j * np.pi * freqs[:, None] * np.arange(len(h)) / rate_hz)
    found = float(np.sqrt(np.mean(np.abs(turns @ h) ** 2)))
    if found < 1e-2 * np.sqrt(h @ h):  # 40 dB below the mean over all frequencies
        band = f"{BAND_HZ[0]:.0f} and {top:.0f} Hz"
        raise UpedalError(
            f"{where}: no sound between {band} in its first taps; expected a cabinet"
        )
    return found


def wav(prepared):
    """As the bytes of a float32 WAV file."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, prepared.taps, prepared.rate_hz, subtype="FLOAT", format="WAV")
    return out.getvalue()
