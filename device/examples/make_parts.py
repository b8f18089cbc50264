"""Makes the files beside it that the examples play: python make_parts.py. Needs upedal installed.

cab.wav     a loudspeaker that never was: a spectrum drawn by hand, at minimum phase
drive.upm   a net with one knob, "drive", 0..1. Its weights are written below, nothing is trained
spare.upm   a small net that stands in for the DS-1's (model card: models/boss_ds1/card.md) when a board
            cannot keep up: random filters into tanh, only the output's weights are fitted
"""

from pathlib import Path

import numpy as np
import soundfile
from upedal import layers, native, synth, upm

HERE = Path(__file__).parent
DS1 = HERE.parent.parent / "models" / "boss_ds1" / "boss_ds1.upm"
RATE_HZ = 48000

_TAPS = 1024
# Hz and dB: the box below 120 Hz, the cone from there, a presence, and nothing much above 5 kHz.
_SPECTRUM = (
    (20, -40), (60, -12), (90, 0), (120, 3), (250, 0), (500, -3), (900, -2), (1500, 1),
    (2500, 5), (3500, 4), (4500, -2), (6000, -16), (9000, -30), (24000, -50),
)  # fmt: skip

_UNITS, _LONG = 16, 32  # of spare.upm: tanh units, and taps that each of them hears


def cabinet():
    """float64 [1024]: minimum phase by the cepstrum, faded out, loudest frequency at 0 dB."""
    n = 8 * _TAPS
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    points = np.array(_SPECTRUM, float)
    db = np.interp(np.log(np.maximum(hz, 20)), np.log(points[:, 0]), points[:, 1])
    cepstrum = np.fft.irfft(db * np.log(10) / 20, n)
    cepstrum[1 : n // 2] *= 2
    cepstrum[n // 2 + 1 :] = 0
    h = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n)[:_TAPS]
    h[-_TAPS // 4 :] *= np.cos(np.linspace(0, np.pi / 2, _TAPS // 4)) ** 2
    return h / np.max(np.abs(np.fft.rfft(h, n)))


def drive():
    """tanh(3 x) where the knob is at 0, tanh(30 x) at 1, both where it is between."""
    push, side = 12.0, 6.0  # of the sigmoids that open and close the two
    weight = np.array([[30.0, 0.0], [3.0, 0.0], [0.0, push], [0.0, -push]])
    return layers.Model(
        [
            layers.Dense(weight, np.array([0.0, 0.0, -side, side]), "gated"),
            layers.Dense(np.array([[0.15, 0.5]]), np.zeros(1), "linear", 1, 2),
        ],
        RATE_HZ,
        grade="fast",
        meta={"name": "Drive", "licence": "MIT", "author": "upedal"},
        knobs=[("drive", "", 0.0, 1.0, 0.3)],
    )


def spare():
    """-> (model, ESR on a guitar it was not fitted to)"""
    rng = np.random.default_rng(1)
    taps = rng.standard_normal((_UNITS, _LONG)) * np.exp(-np.arange(_LONG)[::-1] / 6)
    taps *= np.geomspace(0.5, 30, _UNITS)[:, None] / np.abs(taps).sum(axis=1, keepdims=True)
    bias = rng.uniform(-0.3, 0.3, _UNITS)
    blob = DS1.read_bytes()
    x = [synth.dry_guitar(12, RATE_HZ, seed) for seed in (11, 12)]
    wet = [native.render(blob, signal).astype(float) for signal in x]
    out, *_ = np.linalg.lstsq(_hidden(x[0], taps, bias), wet[0], rcond=None)
    error = wet[1] - _hidden(x[1], taps, bias) @ out
    model = layers.Model(
        [
            layers.Conv1d(taps[:, None, :], bias, 1, "tanh", 0, 1),
            layers.Dense(out[None, :-1], out[-1:], "linear", 1, 2),
        ],
        RATE_HZ,
        grade="fast",
        prewarm=_LONG,
        polarity=-1,
        meta={"name": "Spare for the DS-1", "licence": "MIT", "author": "upedal"},
    )
    return model, np.sum(error**2) / np.sum(wet[1] ** 2)


def _hidden(x, taps, bias):
    """What the units put out, and a column of ones."""
    rows = [np.tanh(np.convolve(x, t[::-1])[: len(x)] + b) for t, b in zip(taps, bias)]
    return np.array([*rows, np.ones(len(x))]).T


if __name__ == "__main__":
    soundfile.write(HERE / "cab.wav", cabinet(), RATE_HZ, subtype="PCM_24")
    upm.save(drive(), HERE / "drive.upm")
    model, esr = spare()
    upm.save(model, HERE / "spare.upm")
    print(f"spare.upm: ESR {100 * esr:.1f} % against the DS-1's net, on another guitar")
