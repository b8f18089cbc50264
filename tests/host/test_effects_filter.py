"""Filters against the formulas of the audio equaliser cookbook (R. Bristow-Johnson), in numpy."""

import numpy as np
import pytest
from pedal.effects.eq import EQ
from pedal.effects.filter import Filter
from pedal.effects.tone import Tone
from pedal.effects.wah import Wah

from tests.host.effects import RATE_HZ, db, magnitude_db, noise, play, sine
from tests.host.moving import ALL_WORDS, assert_smooth, jump, scribbled

FREQS_HZ = np.array(
    [20, 50, 100, 160, 350, 650, 1000, 2000, 2800, 5000, 9000, 12000, 17000, 21000]
)


def cookbook(kind, hz, gain_db=0.0, q=0.5**0.5):
    """b, a of a biquad."""
    w, big = 2 * np.pi * hz / RATE_HZ, 10 ** (gain_db / 40)
    c, alpha = np.cos(w), np.sin(w) / (2 * q)
    root = 2 * np.sqrt(big) * alpha
    if kind == "peak":
        return [1 + alpha * big, -2 * c, 1 - alpha * big], [
            1 + alpha / big,
            -2 * c,
            1 - alpha / big,
        ]
    if kind in ("lowshelf", "highshelf"):
        s = (
            1 if kind == "lowshelf" else -1
        )  # the high shelf is the low one with the cosine's sign turned
        up, down = big + 1, big - 1
        b = [
            big * (up - s * down * c + root),
            s * 2 * big * (down - s * up * c),
            big * (up - s * down * c - root),
        ]
        a = [up + s * down * c + root, -s * 2 * (down + s * up * c), up + s * down * c - root]
        return b, a
    b = {
        "lowpass": [(1 - c) / 2, 1 - c, (1 - c) / 2],
        "highpass": [(1 + c) / 2, -(1 + c), (1 + c) / 2],
        "bandpass": [alpha, 0, -alpha],
        "notch": [1, -2 * c, 1],
    }[kind]
    return b, [1 + alpha, -2 * c, 1 - alpha]


def cascade_db(biquads, freqs_hz=FREQS_HZ):
    z = np.exp(-2j * np.pi * np.asarray(freqs_hz) / RATE_HZ)
    h = np.ones(len(z), complex)
    for b, a in biquads:
        h *= np.polyval(b[::-1], z) / np.polyval(a[::-1], z)
    return db(np.abs(h))


@pytest.mark.parametrize("levels", [(15, -15, 15), (-15, 15, -15), (3, 0, -6), (0, 0, 0)])
def test_tone_has_the_cookbooks_response(levels):
    bass, mid, treble = levels
    expected = cascade_db(
        [
            cookbook("lowshelf", 160, bass),
            cookbook("peak", 900, mid),
            cookbook("highshelf", 2800, treble),
        ]
    )
    got = magnitude_db(Tone(bass_db=bass, mid_db=mid, treble_db=treble, mid_hz=900), FREQS_HZ)
    assert np.abs(got - expected).max() < 0.05


def test_eq_has_the_cookbooks_response():
    eq = EQ(
        low_cut_hz=60,
        low_hz=200,
        low_db=-9,
        low_q=1.2,
        mid1_hz=350,
        mid1_db=12,
        mid1_q=3,
        mid2_hz=3000,
    )
    eq.mid2_db, eq.mid2_q, eq.high_hz, eq.high_db, eq.high_q, eq.high_cut_hz = (
        -15,
        0.8,
        6000,
        8,
        0.5,
        15000,
    )
    bands = [
        cookbook("highpass", 60),
        cookbook("lowshelf", 200, -9, 1.2),
        cookbook("peak", 350, 12, 3),
        cookbook("peak", 3000, -15, 0.8),
        cookbook("highshelf", 6000, 8, 0.5),
        cookbook("lowpass", 15000),
    ]
    assert np.abs(magnitude_db(eq, FREQS_HZ) - cascade_db(bands)).max() < 0.05


@pytest.mark.parametrize("mode", ["lowpass", "highpass", "bandpass", "notch"])
@pytest.mark.parametrize("hz, q", [(120, 0.7071), (1500, 8), (11000, 2)])
def test_filter_has_the_cookbooks_response(mode, hz, q):
    expected = cascade_db([cookbook(mode, hz, q=q)])
    audible = expected > -80
    got = magnitude_db(Filter(mode=mode, frequency_hz=hz, q=q), FREQS_HZ)
    assert np.abs(got - expected)[audible].max() < 0.05


def test_at_zero_db_tone_changes_no_bit():
    x = noise(0.2).astype(np.float32)
    assert (play(Tone(), x) == x).all()


def test_a_low_filter_keeps_its_noise_below_that_of_16_bits():
    from scipy.signal import lfilter

    x = noise(1.0).astype(np.float32)
    b, a = cookbook("lowshelf", 160, 15)
    error = play(Tone(bass_db=15), x) - lfilter(b, a, x.astype(np.float64))
    assert db(np.sqrt((error**2).mean())) < -110


def peak_hz(wah, freqs_hz):
    """Where the response peaks, and how high; interpolated on 1 Hz bins."""
    gains = magnitude_db(wah, freqs_hz)
    return freqs_hz[np.argmax(gains)], gains.max()


@pytest.mark.parametrize(
    "position, expected", [(0.0, 350.0), (0.5, np.sqrt(350 * 2200)), (1.0, 2200.0)]
)
def test_wah_peaks_where_the_pedal_says_at_10_db(position, expected):
    hz, gain = peak_hz(Wah(position=position), np.arange(200, 3000))
    assert abs(hz - expected) < 3 and abs(gain - 10) < 0.05


_FROM_END = (
    -12
)  # the word of a section's g = tan(pi f / rate): behind it m0..m2, six steps, two states


def followed(wah, x):
    """Where the peak is in the octaves from 350 to 2200 Hz, 0..1, every 16 frames."""
    hz = []

    def look(_):
        hz.append(np.arctan(wah.state[_FROM_END]) * RATE_HZ / np.pi)

    play(wah, x, blocks=(16,), between=look)
    return np.log(np.maximum(hz, 1.0) / 350) / np.log(2200 / 350)


@pytest.mark.parametrize("mode", ["up", "down"])
def test_wah_follows_the_envelope_to_its_place(mode):
    """A sine of 0.2 with 8 dB of sensitivity is at p = 0.2 * 10^0.4 of the way."""
    wah = Wah(mode=mode, sensitivity_db=8, attack_ms=2, release_ms=2000)
    place = followed(wah, sine(3000, 0.5, dbfs=db(0.2)))
    p = 0.2 * 10**0.4 if mode == "up" else 1 - 0.2 * 10**0.4
    assert abs(place[-1] - p) < 0.01


def test_wah_attacks_and_releases_in_its_times():
    wah = Wah(mode="up", sensitivity_db=0, attack_ms=40, release_ms=300)
    place = followed(wah, np.concatenate([sine(3000, 1.0, dbfs=db(0.8)), np.zeros(RATE_HZ)]))
    per_s = RATE_HZ / 16
    risen = np.argmax(place > 0.8 * (1 - np.exp(-1))) / per_s
    fallen = np.argmax(place[int(per_s) :] < 0.8 * np.exp(-1)) / per_s
    assert (
        abs(risen - 0.040) < 0.004 and abs(fallen - 0.300) < 0.006
    )  # the peak's own glide adds 2 ms


EFFECTS = [
    lambda: Tone(bass_db=6, mid_db=-9, treble_db=9),
    lambda: EQ(low_db=12, mid1_db=-6, mid2_db=9, high_db=-12),
    lambda: Filter(mode="notch", q=5),
    lambda: Wah(),
    lambda: Wah(mode="up"),
    lambda: Wah(mode="down", mix=0.7),
]


@pytest.mark.parametrize("make", EFFECTS)
def test_any_split_gives_the_same_bits(make):
    x = noise(0.4)
    assert (play(make(), x) == play(make(), x, blocks=(1, 7, 64, 200))).all()


JUMPS = [
    (Tone, {}, {"bass_db": 15.0, "mid_db": -15.0}),
    (Tone, {"treble_db": -15.0}, {"treble_db": 15.0, "mid_hz": 4000.0}),
    (EQ, {}, {"low_cut_hz": 1000.0, "mid1_db": 24.0, "high_cut_hz": 900.0}),
    (Filter, {"frequency_hz": 300.0, "q": 2.0}, {"frequency_hz": 8000.0}),
    (Filter, {}, {"mode": "notch"}),
    (Filter, {"frequency_hz": 150.0}, {"mode": "highpass"}),
    (Filter, {}, {"mix": 0.0}),
    (Wah, {"position": 0.0}, {"position": 1.0}),
    (Wah, {}, {"mode": "up"}),
    (Wah, {}, {"q": 15.0, "mix": 0.0}),
]


@pytest.mark.parametrize("kind, before, after", JUMPS)
def test_a_jump_of_a_parameter_makes_no_click(kind, before, after):
    assert_smooth(jump(kind(**before), after))


def test_parameters_that_never_stand_still_keep_the_filter_stable():
    effect, rng = Filter(q=20.0, frequency_hz=20000.0), np.random.default_rng(3)

    def wiggle(_):
        effect.frequency_hz = float(rng.choice([20.0, 700.0, 12000.0, 20000.0]))
        effect.q = float(rng.choice([0.3, 20.0]))

    out = play(effect, noise(2.0, dbfs=-12), between=wiggle)
    assert np.abs(out).max() < 30  # a q of 20 alone gives a sine 20-fold


@pytest.mark.parametrize("make", EFFECTS)
@pytest.mark.parametrize("words", ["parameters", ALL_WORDS])
def test_garbage_in_its_words_is_survived(make, words):
    assert scribbled(make, words) < 2e-6


@pytest.mark.parametrize("make", EFFECTS)
def test_bad_and_loud_samples_leave_nothing_behind(make):
    x = sine(440, 1.5)
    bad = x.copy()
    bad[1000:1003] = [np.nan, np.inf, -np.inf]
    clean, out = play(make(), x), play(make(), bad)
    assert np.isfinite(out[1100:]).all()
    assert np.abs(out[-4800:] - clean[-4800:]).max() < 1e-3
    assert np.isfinite(play(make(), 1000 * x)).all()


@pytest.mark.parametrize("make", EFFECTS)
def test_silence_after_sound_has_no_denormal_numbers(make):
    effect = make()
    play(effect, np.concatenate([noise(0.1), np.zeros(5 * RATE_HZ)]))
    words = np.abs(np.frombuffer(effect.state, np.float32)[-2:])
    assert ((words == 0) | (words > 1e-37)).all()
