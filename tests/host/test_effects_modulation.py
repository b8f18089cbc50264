"""Effects that an oscillator moves, against their definitions."""

import numpy as np
from pedal.effects.tremolo import Tremolo

from tests.host.effects import RATE_HZ, play


def test_tremolo_is_a_sine_between_one_and_one_less_depth():
    gain = play(Tremolo(speed_hz=4.0, depth=0.6), np.ones(2 * RATE_HZ))
    t = (np.arange(len(gain)) + 1) / RATE_HZ
    expected = 1 - 0.3 * (1 - np.sin(2 * np.pi * 4.0 * t))
    assert np.abs(gain - expected).max() < 2e-3
