"""Plays effects on this machine, through the C that the pedal has."""

from array import array

import numpy as np

RATE_HZ = 48000


def play(effect, x, *, blocks=(64,), rate_hz=RATE_HZ, between=None):
    """x (float, 1-D) through the effect, in blocks of these sizes in turn. -> float32, as long as x

    between(frame): called before each block with the number of frames played so far.
    """
    effect.attach(rate_hz)
    out, at, turn = np.empty(len(x), np.float32), 0, 0
    while at < len(x):
        n = min(blocks[turn % len(blocks)], len(x) - at)
        if between:
            between(at)
        buf = array("f", np.asarray(x[at : at + n], np.float32).tobytes())
        function, a, b = effect.native(buf)
        function(a, b)
        out[at : at + n] = buf
        at, turn = at + n, turn + 1
    return out


def sine(hz, seconds, *, dbfs=-12.0, rate_hz=RATE_HZ):
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * t)


def noise(seconds, *, dbfs=-18.0, seed=1, rate_hz=RATE_HZ):
    rng = np.random.default_rng(seed)
    return 10 ** (dbfs / 20) * rng.standard_normal(round(seconds * rate_hz))


def db(ratio):
    return 20 * np.log10(np.maximum(ratio, 1e-12))


def magnitude_db(effect, freqs_hz, *, rate_hz=RATE_HZ, seconds=1.0):
    """Gain in dB at each frequency, of an effect that is linear and stands still: by its impulse response."""
    x = np.zeros(round(seconds * rate_hz))
    x[0] = 0.5
    response = np.fft.rfft(play(effect, x, rate_hz=rate_hz).astype(np.float64) / 0.5)
    bins = np.round(np.asarray(freqs_hz) * seconds).astype(int)
    return db(np.abs(response[bins]))


def tone_db(x, hz, *, rate_hz=RATE_HZ):
    """Level in dBFS (peak of the sine) of the partial at hz, by projection; x: whole periods are best."""
    t = np.arange(len(x)) / rate_hz
    window = np.hanning(len(x))
    part = np.sum(np.asarray(x, np.float64) * window * np.exp(-2j * np.pi * hz * t))
    return db(2 * np.abs(part) / np.sum(window))
