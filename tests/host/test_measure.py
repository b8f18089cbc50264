"""Latency and polarity as packing measures them."""

import numpy as np
import pytest
from upedal import layers as L
from upedal import measure


def delay(frames, gain):
    """A model that delays; a fraction of a frame by a windowed sinc."""
    k = np.arange(128) - frames
    h = gain * np.sinc(k) * np.where(np.abs(k) < 12, np.cos(np.pi * k / 24) ** 2, 0)
    return L.Model([L.Conv1d(h[::-1].reshape(1, 1, -1).astype(np.float32), np.zeros(1, np.float32))], 48000)


@pytest.mark.parametrize("frames", [12, 40, 40.5, 61.25])
@pytest.mark.parametrize("gain", [0.5, -2.0])
def test_planted_latency_and_polarity_are_found(frames, gain):
    found, polarity = measure.latency(delay(frames, gain))
    assert abs(found - frames) < 0.1 and polarity == np.sign(gain)


def test_a_straight_wire_has_none():
    wire = L.Model([L.Dense(np.ones((1, 1), np.float32), np.zeros(1, np.float32))], 48000)
    assert measure.latency(wire) == (0.0, 1)


def test_silence_has_none():
    mute = L.Model([L.Dense(np.zeros((1, 1), np.float32), np.zeros(1, np.float32))], 48000)
    assert measure.latency(mute) == (0.0, 1)
