"""What every effect must stand, whatever it does."""

from array import array

import numpy as np

from tests.host.effects import RATE_HZ, noise, play

GARBAGE = (float("nan"), float("inf"), -float("inf"), -1.0, 1e30, -3e38, 1e-40, 12345.678)


def same_for_any_split(make):
    x = noise(0.05)
    x[1000:1300] = 0.0
    whole = play(make(), x)
    for blocks in ((1, 7, 64, 200), (5,), (3, 16, 17)):
        assert np.array_equal(play(make(), x, blocks=blocks), whole), (
            f"{make().values()}, blocks {blocks}"
        )


def stays_finite(make):
    """Up to +60 dBFS in; afterwards silence is silence, without denormal numbers."""
    x = np.concatenate([1000.0 * noise(0.05, dbfs=0.0), noise(0.05), np.zeros(RATE_HZ // 2)])
    y = play(make(), x)
    assert np.isfinite(y).all(), make().values()
    tail = np.abs(y[-1000:])
    assert tail.max() < 1e-5, f"{make().values()}: {tail.max()} after half a second of silence"
    assert not ((tail > 0) & (tail < 1.2e-38)).any(), make().values()


def recovers(make, seconds=0.4, within_db=1.0):
    """From NaN and infinity in the signal, and from any bytes in its parameters or its whole state."""
    x = noise(seconds, seed=3)
    level = _rms(play(make(), x)[len(x) // 2 :])
    for bad in (float("nan"), float("inf"), -float("inf")):
        hit = x.copy()
        hit[500:503] = bad
        _level_is(play(make(), hit), level, within_db, f"{bad} in the signal")
    rng = np.random.default_rng(7)
    for turn in range(40):
        effect = make()
        play(effect, x[:256])
        _scribble(effect, rng, turn)
        for _ in range(20):
            effect.process(array("f", x[:64]))  # the rate is garbage, too
        play(effect, x)
        kept = array("f", make().state[1 : 1 + len(effect.PARAMS)])
        effect.state[0] = RATE_HZ
        effect.state[1 : 1 + len(kept)] = kept  # the parameters are put right, the rest is not
        play(effect, np.concatenate([x, x]))
        _level_is(play(effect, x), level, within_db, f"turn {turn}")


def _scribble(effect, rng, turn):
    words = memoryview(effect.state).cast("B").cast("I")
    first, last = (
        (0, 1 + len(effect.PARAMS)),
        (1 + len(effect.PARAMS), len(words)),
        (0, len(words)),
    )[turn % 3]
    for at in range(first, last):
        if turn < 15:
            effect.state[at] = GARBAGE[turn // 3 % len(GARBAGE)]
        elif turn < 30:
            words[at] = int(rng.integers(0, 1 << 32))
        elif rng.random() < 0.3:
            effect.state[at] = GARBAGE[int(rng.integers(0, len(GARBAGE)))]


def _level_is(y, expected, within_db, what):
    half = y[len(y) // 2 :]
    assert np.isfinite(half).all(), what
    off = 20 * np.log10(max(_rms(half), 1e-9) / expected)
    assert abs(off) < within_db, f"{what}: {off:.1f} dB off afterwards"


def _rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def loudest_above(x, hz, *, skip=2000):
    """The largest sample of what is above hz, dBFS: clicks are there, slow changes of a low note are not.

    skip: frames at the start that do not count.
    """
    from scipy.signal import butter, sosfilt

    high = sosfilt(butter(8, hz, "high", fs=RATE_HZ, output="sos"), x)
    return 20 * np.log10(np.abs(high[skip:]).max() + 1e-12)
