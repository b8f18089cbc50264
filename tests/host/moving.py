"""What tests of effects that move share: jumps of parameters, and states that someone wrote over."""

import numpy as np
from scipy.signal import butter, sosfilt

from tests.host.effects import RATE_HZ, db, noise, play, sine

ALL_WORDS = "all words"
_AT = RATE_HZ // 2


def jump(effect, values, *, hz=220, seconds=1.0):
    """A sine of -12 dBFS through the effect, whose parameters jump after half a second."""

    def change(frame):
        if frame == _AT:
            for name, value in values.items():
                setattr(effect, name, value)

    return play(effect, sine(hz, seconds), blocks=(60,), between=change)


def assert_smooth(out, *, limit_db=-58.0):
    """Nothing above 6 kHz when the parameters jump: a step of 1 % of the peak would give -48 dB."""
    high = sosfilt(butter(6, 6000, "highpass", fs=RATE_HZ, output="sos"), out.astype(np.float64))
    click = np.abs(high[_AT - 100 : _AT + 9600]).max() / np.abs(out[_AT - 4800 :]).max()
    assert db(click) < limit_db, f"click of {db(click):.1f} dB"


def scribbled(make, words, *, seeds=6):
    """Plays with random bytes in the parameters' words, or in all but the rate, and then as if that had not been.

    Returns the largest difference from an effect that was left alone, after the words were put back and reset().
    Noise before the end makes sure that it sounds again without reset(), too.
    """
    x = noise(0.15)
    worst = 0.0
    for seed in range(seeds):
        effect, rng = make(), np.random.default_rng(seed)
        play(effect, x[:1000])
        view = np.frombuffer(effect.state, np.uint32)  # the same memory
        view = np.lib.stride_tricks.as_strided(view, writeable=True)
        first, last = 1, len(view) if words == ALL_WORDS else 1 + len(effect.PARAMS)
        kept = view[1 : 1 + len(effect.PARAMS)].copy()
        nasty = np.array(
            [0x7FC00000, 0x7F800000, 0xFF800000, 0x7F7FFFFF, 0xFFFFFFFF, 0, 1], np.uint32
        )
        for _ in range(4):
            values = rng.integers(0, 2**32, last - first, np.uint32)
            pick = rng.random(len(values)) < 0.3
            values[pick] = rng.choice(nasty, pick.sum())
            view[first:last] = values
            play(effect, x[:1500], blocks=(1, 7, 64, 200))
        view[1 : 1 + len(kept)] = kept
        after = play(effect, noise(3.0))
        assert np.isfinite(after[-4800:]).all() and np.abs(after[-4800:]).max() > 1e-4, (
            f"seed {seed}"
        )
        effect.reset()
        worst = max(worst, np.abs(play(effect, x) - play(make(), x)).max())
    return worst
