"""Effects that an oscillator moves, against their definitions: most are a sine whose phase one can write down."""

import numpy as np
import pytest
from pedal.effects.chorus import Chorus
from pedal.effects.flanger import Flanger
from pedal.effects.phaser import Phaser
from pedal.effects.tremolo import Tremolo
from pedal.effects.vibrato import Vibrato

from tests.host.effects import RATE_HZ, db, magnitude_db, noise, play, sine
from tests.host.moving import ALL_WORDS, assert_smooth, jump, scribbled


def times(seconds):
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def lfo(speed_hz, t, behind=0.0):
    """The oscillator at the frames t: it is one frame on when the first comes out."""
    return np.sin(2 * np.pi * (speed_hz * (t + 1 / RATE_HZ) - behind))


def error_db(got, expected, *, skip=0.1):
    """Energy of the difference under that of `expected`, without the first 0.1 s, while lines fill."""
    first = round(skip * RATE_HZ)
    return db(np.sqrt(((got - expected)[first:] ** 2).mean() / (expected[first:] ** 2).mean()))


# ---- tremolo ----


def test_tremolo_is_a_sine_between_one_and_one_less_depth():
    gain = play(Tremolo(speed_hz=4.0, depth=0.6), np.ones(2 * RATE_HZ))
    expected = 1 - 0.3 * (1 - lfo(4.0, times(2.0)))
    assert np.abs(gain - expected).max() < 5e-5


def test_tremolo_does_not_drift_in_ten_minutes():
    gain = play(Tremolo(speed_hz=3.3125, depth=1.0), np.ones(600 * RATE_HZ), blocks=(RATE_HZ,))
    t = times(600)[-RATE_HZ:]
    assert (
        np.abs(gain[-RATE_HZ:] - 0.5 * (1 + lfo(3.3125, t))).max() < 2e-3
    )  # 1 / 10000 of a turn is 3e-4


def test_a_square_tremolo_has_two_levels_and_no_corner():
    gain = play(Tremolo(speed_hz=5.0, depth=0.8, shape=1.0), np.ones(RATE_HZ)).astype(np.float64)
    on, off = np.mean(gain > 0.99), np.mean(gain < 0.21)
    assert abs(on - 0.47) < 0.02 and abs(off - 0.47) < 0.02
    assert_smooth(play(Tremolo(speed_hz=8.0, depth=1.0, shape=1.0), sine(220, 1.0)))


# ---- phaser ----


def phaser_db(freqs_hz, hz, stages, feedback, mix):
    z = np.exp(-2j * np.pi * freqs_hz / RATE_HZ)
    g = np.tan(np.pi * hz / RATE_HZ)
    a = (g - 1) / (g + 1)
    chain = ((a + z) / (1 + a * z)) ** stages
    chain = chain / (1 - feedback * z * chain)
    return db(np.abs(1 - mix + mix * chain))


@pytest.mark.parametrize("stages", [2, 4, 6, 8, 10, 12])
@pytest.mark.parametrize("feedback, mix", [(0.0, 0.5), (0.7, 0.5), (-0.9, 0.8)])
def test_phaser_standing_still_has_the_response_of_its_all_passes(stages, feedback, mix):
    freqs = np.geomspace(40, 20000, 60).round()
    phaser = Phaser(frequency_hz=900, depth=0.0, stages=stages, feedback=feedback, mix=mix)
    expected = phaser_db(freqs, 900, stages, feedback, mix)
    got, loud = magnitude_db(phaser, freqs), expected > -40
    assert np.abs(got - expected)[loud].max() < 0.05


@pytest.mark.parametrize("stages", [2, 6, 12])
def test_phaser_notches_lie_where_its_docstring_says(stages):
    phaser = Phaser(frequency_hz=1200, depth=0.0, stages=stages, feedback=0.0)
    k = np.arange(1, stages // 2 + 1)
    g = np.tan(np.pi * 1200 / RATE_HZ)
    notches = RATE_HZ / np.pi * np.arctan(g * np.tan((2 * k - 1) * np.pi / (2 * stages)))
    freqs = np.arange(50, 23000)
    response = magnitude_db(phaser, freqs)
    low = np.flatnonzero((response[1:-1] < response[:-2]) & (response[1:-1] <= response[2:])) + 1
    assert len(low) == stages // 2
    assert np.abs(freqs[low] - notches).max() <= 1 and response[low].max() < -40


def test_phaser_sweeps_two_octaves_to_either_side_at_full_depth():
    phaser, seen = Phaser(speed_hz=2.0, frequency_hz=800, depth=1.0), []
    word = 1 + len(phaser.PARAMS) + 4 + 4  # behind the counters and what glides: the all-passes' a

    play(phaser, noise(1.0), blocks=(16,), between=lambda _: seen.append(phaser.state[word]))
    a = np.array(seen[1:])
    hz = np.arctan((1 + a) / (1 - a)) * RATE_HZ / np.pi
    assert abs(np.log2(hz.max() / 800) - 2) < 0.01 and abs(np.log2(800 / hz.min()) - 2) < 0.01


# ---- delay lines that move ----


def delayed(hz, t, delay_s):
    return 0.25 * np.sin(2 * np.pi * hz * (t - delay_s))


@pytest.mark.parametrize(
    "voices, turns", [(1, [0]), (2, [0, 0.5]), (3, [0, 0.5, 0.25]), (4, [0, 0.5, 0.25, 0.75])]
)
def test_chorus_is_its_voices_each_a_delay_that_sways(voices, turns):
    t = times(2.0)
    chorus = Chorus(speed_hz=1.5, delay_ms=15.0, depth_ms=2.5, voices=voices, mix=0.4)
    expected = 0.6 * delayed(700, t, 0.0)
    for behind in turns:
        expected += 0.4 / np.sqrt(voices) * delayed(700, t, 0.015 + 0.0025 * lfo(1.5, t, behind))
    assert error_db(play(chorus, delayed(700, t, 0.0)), expected) < -50


def test_vibrato_bends_the_pitch_as_its_docstring_says():
    """Instantaneous frequency from the phase of the analytic signal."""
    from scipy.signal import hilbert

    t = times(2.0)
    out = play(Vibrato(speed_hz=5.0, depth_ms=0.5), delayed(2000, t, 0.0))
    phase = np.unwrap(np.angle(hilbert(out.astype(np.float64))))
    hz = np.gradient(phase)[RATE_HZ // 2 : -RATE_HZ // 2] * RATE_HZ / (2 * np.pi)
    d = 2 * np.pi * 5.0 * 0.0005
    assert abs(1200 * np.log2(hz.max() / 2000) - 1200 * np.log2(1 + d)) < 0.3
    assert abs(1200 * np.log2(hz.min() / 2000) - 1200 * np.log2(1 - d)) < 0.3


@pytest.mark.parametrize(
    "hz, loss_db, images_db", [(500, 0.02, -80), (3000, 0.3, -75), (6000, 1.0, -66)]
)
def test_a_moving_delay_keeps_the_level_and_makes_no_images(hz, loss_db, images_db):
    t = times(2.0)
    out = play(Vibrato(speed_hz=2.0, depth_ms=0.75), delayed(hz, t, 0.0))[RATE_HZ // 2 :]
    delay = 2 / RATE_HZ + 0.00075 * (1 + lfo(2.0, t))
    expected = delayed(hz, t, delay)[RATE_HZ // 2 :]
    gain = (out * expected).sum() / (expected**2).sum()
    assert abs(db(gain)) < loss_db
    assert error_db(out, gain * expected, skip=0) < images_db


def test_flanger_standing_still_is_a_comb():
    """48 frames of delay, up to 2 kHz, where the interpolation loses 0.12 dB a turn."""
    freqs = np.arange(50, 2000, 50)
    z = np.exp(-2j * np.pi * freqs * 0.001)
    for feedback in (0.0, 0.6, -0.8):
        flanger = Flanger(delay_ms=1.0, depth=0.0, feedback=feedback, mix=0.4)
        expected = db(
            np.abs(0.6 + 0.4 * z / (1 - feedback * z * np.exp(-2j * np.pi * freqs / RATE_HZ)))
        )
        assert np.abs(magnitude_db(flanger, freqs) - expected).max() < 0.5


@pytest.mark.parametrize("through_zero", ["off", "on"])
def test_flanger_sweeps_its_delay_and_can_meet_itself(through_zero):
    t = times(4.0)
    flanger = Flanger(
        speed_hz=0.5, delay_ms=2.0, depth=0.9, feedback=0.0, through_zero=through_zero
    )
    dry_s = 0.005 if through_zero == "on" else 0.0
    middle_s = 0.005 if through_zero == "on" else 0.002
    expected = delayed(700, t, dry_s) + delayed(700, t, middle_s + 0.0018 * lfo(0.5, t))
    assert error_db(play(flanger, delayed(700, t, 0.0)), 0.5 * expected) < -55


# ---- what all of them must do ----

EFFECTS = [
    lambda: Tremolo(shape=0.5),
    lambda: Phaser(stages=8, feedback=0.8),
    lambda: Chorus(voices=1),
    lambda: Chorus(voices=2, speed_hz=5.0),
    lambda: Chorus(voices=3),
    lambda: Chorus(voices=4),
    lambda: Vibrato(depth_ms=2.0),
    lambda: Flanger(feedback=-0.9),
    lambda: Flanger(feedback=0.95, through_zero="on"),
]


@pytest.mark.parametrize("make", EFFECTS)
def test_any_split_gives_the_same_bits(make):
    x = noise(0.4)
    assert (play(make(), x) == play(make(), x, blocks=(1, 7, 64, 200))).all()


JUMPS = [
    (Tremolo, {"depth": 0.0, "speed_hz": 0.05}, {"depth": 1.0}),
    (Tremolo, {"shape": 0.0, "depth": 1.0}, {"shape": 1.0, "speed_hz": 15.0}),
    (Phaser, {}, {"frequency_hz": 8000.0, "feedback": 0.9}),
    (Phaser, {}, {"stages": 12}),
    (Phaser, {"mix": 0.0}, {"mix": 1.0, "depth": 0.0}),
    (Chorus, {}, {"delay_ms": 30.0, "depth_ms": 10.0}),
    (Chorus, {}, {"voices": 4}),
    (Chorus, {"mix": 0.0}, {"mix": 1.0, "voices": 1}),
    (Vibrato, {}, {"depth_ms": 5.0, "speed_hz": 0.1}),
    (Flanger, {}, {"delay_ms": 5.0, "feedback": -0.9}),
    (Flanger, {"depth": 0.0}, {"through_zero": "on"}),
    (Flanger, {"mix": 0.0}, {"mix": 1.0, "depth": 0.0}),
]


@pytest.mark.parametrize("kind, before, after", JUMPS)
def test_a_jump_of_a_parameter_makes_no_click(kind, before, after):
    assert_smooth(jump(kind(**before), after))


@pytest.mark.parametrize("make", EFFECTS)
@pytest.mark.parametrize("words", ["parameters", ALL_WORDS])
def test_garbage_in_its_words_is_survived(make, words):
    assert scribbled(make, words) < 2e-6


@pytest.mark.parametrize("make", EFFECTS)
def test_bad_and_loud_samples_leave_nothing_behind(make):
    x = sine(440, 2.5)
    bad = x.copy()
    bad[1000:1003] = [np.nan, np.inf, -np.inf]
    clean, out = play(make(), x), play(make(), bad)
    assert np.isfinite(out[4800:]).all()
    assert np.abs(out[-4800:] - clean[-4800:]).max() < 1e-3
    assert np.isfinite(play(make(), 1000 * x)).all()


@pytest.mark.parametrize("make", EFFECTS)
def test_silence_after_sound_has_no_denormal_numbers(make):
    effect = make()
    out = play(effect, np.concatenate([noise(0.1), np.zeros(8 * RATE_HZ)]), blocks=(480,))
    tail = np.abs(out[-RATE_HZ:])
    assert ((tail == 0) | (tail > 1e-37)).all()


@pytest.mark.parametrize("rate_hz", [8000, 44100, 96000, 192000])
@pytest.mark.parametrize("make", EFFECTS)
def test_other_rates_play(make, rate_hz):
    x = noise(0.2, rate_hz=rate_hz)
    out = play(make(), x, rate_hz=rate_hz)
    assert np.isfinite(out).all() and -14 < db(np.std(out[rate_hz // 10 :]) / np.std(x)) < 14
