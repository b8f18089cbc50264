"""A rig that plays a given signal, with things done to it in between."""

from array import array

import numpy as np
from pedal import Engine

RATE_HZ = 48000


class _Ends:
    def __init__(self, x):
        self.x, self.at, self.out, self.right = np.asarray(x, np.float32), 0, [], []

    def readinto(self, buf):
        n = len(buf)
        buf[:] = array("f", np.resize(self.x[self.at : self.at + n], n).tobytes())
        self.at += n
        return n if self.at <= len(self.x) else 0

    def write(self, buf, frames):
        self.out.append(np.array(buf[:frames], np.float32))

    def write2(self, left, right, frames):
        self.write(left, frames)
        self.right.append(np.array(right[:frames], np.float32))


def play(rig, x, at=None, **options):
    """x through the rig; `at` is {frame: function}, each called before the block its frame lies in. -> output"""
    ends = _Ends(x)
    engine = Engine(rig, ends, ends, **options)
    due = sorted((at or {}).items())
    while True:
        while due and due[0][0] < ends.at + engine.block:
            due.pop(0)[1]()
        if not engine.step():
            return np.concatenate(ends.out).astype(np.float64)


def click_db(y, hz, *, rate_hz=RATE_HZ, window=2048, hop=256):
    """The loudest that any stretch of y has outside the neighbourhood of a pure tone of hz, in dBFS.

    Blackman-Harris keeps a steady tone's leakage below -92 dB beyond four bins; what is left far above the
    tone is what a step or a corner in the signal has put there.
    """
    from scipy.signal.windows import blackmanharris

    w = blackmanharris(window)
    loudest = -np.inf
    first = round(20 * hz / rate_hz * window)  # well above the tone and what a fade does to it
    for start in range(0, len(y) - window, hop):
        spectrum = np.abs(np.fft.rfft(y[start : start + window] * w)) * 2 / w.sum()
        loudest = max(loudest, spectrum[first:].max())
    return 20 * np.log10(max(loudest, 1e-12))
