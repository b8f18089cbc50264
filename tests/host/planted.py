"""Faults planted in a good pair, and what the checks must say of each.

look() plants one and gives what was found; table() is the table of docs/checks.md
(tools/planted_table.py writes it there).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import lfilter, oaconvolve
from upedal import checks, synth

RATE = 48000
SECONDS = 16


@dataclass
class Fault:
    """One fault: how it is planted, the check that must find it, the outcome, the figure it must give.

    make: (dry, wet) float64 -> the same, broken; or files: ((data, rate), (data, rate)) for load().
    """

    name: str
    check: str
    outcome: str
    make: object
    planted: str = ""
    figure: str = ""
    value: float = 0.0
    within: float = 0.0
    channel: str = ""
    files: bool = False


def good(drive=0.5, seed=1, seconds=SECONDS):
    """A clean pair, float64 [n] each."""
    dry = synth.dry_guitar(seconds, RATE, seed=seed)
    return dry.astype(np.float64), synth.overdrive(dry, RATE, drive).astype(np.float64)


def late(y, frames):
    """y moved by any number of frames, by the shift theorem; zeros come in."""
    n = len(y)
    spectrum = np.fft.rfft(y, 2 * n)
    turn = np.exp(-2j * np.pi * np.arange(len(spectrum)) * frames / (2 * n))
    return np.fft.irfft(spectrum * turn, 2 * n)[:n]


def drifting(y, ppm):
    return soxr.resample(y, 1e6, 1e6 * (1.0 + ppm * 1e-6), quality="VHQ")


def dropped(y, at_s, frames):
    at = int(at_s * RATE)
    return np.delete(y, slice(at, at + frames))


def doubled(y, at_s, frames):
    at = int(at_s * RATE)
    return np.insert(y, at, y[at - frames : at])


def blank(y, at_s, frames):
    y, at = y.copy(), int(at_s * RATE)
    y[at : at + frames] = 0.0
    return y


def hum(y, mains_hz, dbfs):
    t = np.arange(len(y)) / RATE
    wave = sum(np.sin(2 * np.pi * mains_hz * k * t + k) / k for k in range(1, 8))
    return y + wave * 10 ** (dbfs / 20) / np.std(wave)


def noise(y, dbfs, seed=0):
    return y + 10 ** (dbfs / 20) * np.random.default_rng(seed).standard_normal(len(y))


def reverb(y, mix, seconds=1.0):
    n = int(seconds * RATE)
    tail = np.random.default_rng(3).standard_normal(n) * 10.0 ** (-3.0 * np.arange(n) / n)
    tail = np.concatenate([np.zeros(960), tail / np.sqrt(np.sum(tail**2))])
    return y + mix * oaconvolve(y, tail)[: len(y)]


def delay(y, seconds, gain, feedback=0.3):
    k = int(seconds * RATE)
    b, a = np.zeros(k + 1), np.zeros(k + 1)
    b[k], a[0], a[k] = gain, 1.0, -feedback
    return y + lfilter(b, a, y)


def envelope(x, release_s, step_s=0.01):
    """The peak of every 10 ms, let go with a time constant, one value a sample."""
    n = int(step_s * RATE)
    peaks = np.max(np.abs(x[: len(x) // n * n]).reshape(-1, n), axis=1)
    keep, held = np.exp(-step_s / release_s), 0.0
    for k, peak in enumerate(peaks):
        held = max(peak, held * keep)
        peaks[k] = held
    return np.interp(np.arange(len(x)), (np.arange(len(peaks)) + 0.5) * n, peaks)


def compressed(x, release_s, threshold=0.05, ratio=6.0):
    held = envelope(x, release_s)
    return 2.0 * x * np.minimum(1.0, (held / threshold + 1e-9) ** (1.0 / ratio - 1.0))


def gated(x, threshold, release_s):
    return x * np.interp(envelope(x, release_s), (0.5 * threshold, threshold), (0.0, 1.0))


def _wet(change, *args):
    return lambda dry, wet: (dry, change(wet, *args))


def _nan(dry, wet):
    wet[5000:5003] = np.nan
    return dry, wet


def _clip_at(side, level, gain=1.0):
    def make(dry, wet):
        sides = {"dry": dry, "wet": wet}
        sides[side] = np.clip(gain * sides[side], -level, level)
        return sides["dry"], sides["wet"]

    return make


def _through(change):
    """The gear behind a changed dry: the compressor in front of the overdrive."""
    return lambda dry, wet: (dry, synth.overdrive(change(dry), RATE, 0.3).astype(np.float64))


def _other_take(dry, wet):
    return dry, good(seed=7)[1]


def _stereo(dry, wet):
    other = 1e-3 * np.random.default_rng(0).standard_normal(len(wet))
    return (dry, RATE), (np.stack([other, wet], axis=1), RATE)


def _two_microphones(dry, wet):
    return (dry, RATE), (np.stack([wet, lfilter([0.1], [1, -0.9], wet)], axis=1), RATE)


def _one_sounds(dry, wet):
    return (np.stack([dry, 0 * dry], axis=1), RATE), (wet, RATE)


def _other_rate(dry, wet):
    return (dry, RATE), (soxr.resample(wet, RATE, 44100, quality="VHQ"), 44100)


def _wrong_label(dry, wet):
    return (dry, RATE), (soxr.resample(wet, RATE, 44100, quality="VHQ"), RATE)


# fmt: off
FAULTS = [
    Fault("wet late by 480.7 frames", "latency", "fixed", _wet(late, 480.7), "480.7 frames", "lag_frames", 480.7, 0.1),
    Fault("wet early by 9 frames", "latency", "fixed", _wet(late, -9), "-9 frames", "lag_frames", -9.0, 0.1),
    Fault("wet early by 0.9 s", "latency", "fixed", _wet(late, -43210.3), "-43210.3 frames", "lag_frames", -43210.3, 0.1),
    Fault("wet upside down", "polarity", "warned", lambda d, w: (d, -w), "-1", "polarity", -1, 0),
    Fault("clock 20 ppm off", "drift", "fixed", _wet(drifting, 20.0), "20 ppm", "drift_ppm", 20.0, 5.0),
    Fault("clock 300 ppm off", "drift", "fixed", _wet(drifting, -300.0), "-300 ppm", "drift_ppm", -300.0, 5.0),
    Fault("pull-down, 1000 ppm", "rate", "fixed", _wet(drifting, 1000.0), "1.001", "ratio", 1.001, 5e-6),
    Fault("a buffer of 256 dropped", "breaks", "fixed", _wet(dropped, 12.345, 256), "12.345 s", "at_s", 12.345, 0.01),
    Fault("a buffer of 64 doubled", "breaks", "fixed", _wet(doubled, 12.345, 64), "12.345 s", "at_s", 12.345, 0.01),
    Fault("a blank buffer", "breaks", "fixed", _wet(blank, 9.5, 512), "9.5 s", "at_s", 9.5, 0.01),
    Fault("wet clipped at full scale", "clipping", "refused", _clip_at("wet", 0.999, 8.0), "0.999", "wet_clipped_at", 0.999, 1e-4),
    Fault("wet clipped at -20 dBFS", "clipping", "warned", _clip_at("wet", 0.1, 1.0), "0.1", "wet_clipped_at", 0.1, 1e-4),
    Fault("dry clipped", "clipping", "warned", _clip_at("dry", 0.3, 1.0), "0.3", "dry_clipped_at", 0.3, 1e-4),
    Fault("wet at 44.1 kHz", "rate", "fixed", _other_rate, "44100 Hz", "rate_hz", 44100, 0, files=True),
    Fault("44.1 kHz labelled 48", "rate", "fixed", _wrong_label, "44100 Hz", "read_at_hz", 44100, 1, files=True),
    Fault("wet 4 s longer", "length", "fixed", lambda d, w: (d[: -4 * RATE], w), "4 s", "difference_s", 4.0, 0.01),
    Fault("1.5 s long", "length", "refused", lambda d, w: (d[: int(1.5 * RATE)], w[: int(1.5 * RATE)]), "1.5 s", "seconds", 1.5, 0.01),
    Fault("noise on the other channel", "channels", "fixed", _stereo, "2", "wet_channel", 2, 0, files=True),
    Fault("one channel sounds", "channels", "fixed", _one_sounds, "1", "dry_channel", 1, 0, files=True),
    Fault("two microphones", "channels", "refused", _two_microphones, files=True),
    Fault("wet 0.05 off zero", "offset", "fixed", _wet(np.add, 0.05), "0.05", "wet_offset", 0.05, 0.001),
    Fault("50 Hz hum at -45 dBFS", "hum", "warned", _wet(hum, 50, -45), "-45 dBFS", "wet_hum_dbfs", -45.0, 1.5),
    Fault("60 Hz hum at -40 dBFS", "hum", "warned", _wet(hum, 60, -40), "60 Hz", "wet_mains_hz", 60, 0),
    Fault("noise at -38 dBFS", "noise", "warned", _wet(noise, -38), "-38 dBFS", "wet_floor_dbfs", -38.0, 1.0),
    Fault("silent wet", "level", "refused", _wet(np.multiply, 0.0), "-200 dBFS", "wet_peak_dbfs", -200, 0.1),
    Fault("wet too quiet", "level", "warned", lambda d, w: (d, w * 0.005 / np.max(np.abs(w))), "-46.0 dBFS", "wet_peak_dbfs", -46.02, 0.1),
    Fault("NaN in wet", "samples", "refused", _nan, "5000", "first_sample", 5000, 0),
    Fault("a reverb of 1 s", "echo", "refused", _wet(reverb, 0.2), "", "tail_db", -18.0, 3.0),
    Fault("a delay of 350 ms", "echo", "refused", _wet(delay, 0.35, 0.3), "0.35 s", "echo_s", 0.35, 0.001),
    Fault("a compressor before the gear", "memory", "warned", _through(lambda x: compressed(x, 0.4))),
    Fault("a gate", "memory", "warned", _wet(gated, 0.15, 0.3)),
    Fault("dry and wet swapped", "swapped", "refused", lambda d, w: (w, d)),
    Fault("the same file twice", "same", "refused", lambda d, w: (d, d.copy())),
    Fault("dry again, louder and later", "same", "refused", lambda d, w: (d, -0.5 * late(d, 100)), "-0.5", "gain", -0.5, 0.001),
    Fault("another take", "related", "refused", _other_take),
]
# fmt: on


def look(fault, pair, force=False):
    """The findings about a fault planted in pair (dry, wet), by name; and the Pair, None where refused."""
    made = fault.make(*(x.copy() for x in pair))
    try:
        if fault.files:
            with tempfile.TemporaryDirectory() as folder:
                paths = [Path(folder) / f"{name}.wav" for name in ("dry", "wet")]
                for path, (data, rate_hz) in zip(paths, made):
                    soundfile.write(path, data, rate_hz, "FLOAT")
                found = checks.load(*paths, force=force)
        else:
            found = checks.inspect(*made, RATE, force=force)
        return {f.check: f for f in found.findings}, found
    except checks.Refused as e:
        return {f.check: f for f in e.findings}, None


def value_of(finding, fault):
    """The figure that the fault is judged by; the first of several."""
    value = finding.figures.get(fault.figure)
    return value[0] if isinstance(value, list) and value else value


def table():
    """The table of docs/checks.md, measured now."""
    pair = good()
    own = checks.inspect(*pair, RATE).lag_frames  # the gear's own
    yield "| planted | by | check | found | outcome |"
    yield "| --- | --- | --- | --- | --- |"
    for fault in FAULTS:
        finding = look(fault, pair)[0].get(fault.check)
        value = value_of(finding, fault)
        if fault.figure == "lag_frames":
            value = round(value - own, 3)
        told = "" if value is None else f"{value} ({fault.figure})"
        yield f"| {fault.name} | {fault.planted} | {fault.check} | {told} | {finding.outcome} |"
