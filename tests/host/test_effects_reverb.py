"""Reverb, against what its parameters say."""

import numpy as np
import pytest
from pedal.effects.reverb import Reverb
from scipy.signal import butter, sosfiltfilt

from tests.host.effects import RATE_HZ, db, noise, play, sine
from tests.host.test_effects_delay import SOME, clicks_db, stereo

TYPES = ("spring", "plate", "hall")


def response(seconds, *, rate_hz=RATE_HZ, **options):
    x = np.zeros(round(seconds * rate_hz))
    x[0] = 1.0
    return play(Reverb(mix=1.0, predelay_ms=0.0, **options), x, rate_hz=rate_hz).astype(np.float64)


def rt60_s(h, hz, *, rate_hz=RATE_HZ):
    """Schroeder's backward integral of the half octave round hz, its slope from -5 to -35 dB."""
    band = butter(3, [hz / 2**0.25, hz * 2**0.25], "band", fs=rate_hz, output="sos")
    left = np.cumsum((sosfiltfilt(band, np.r_[np.zeros(2000), h]) ** 2)[::-1])[::-1]
    curve = 10 * np.log10(left / left[0] + 1e-20)
    return 2 * (np.argmax(curve < -35) - np.argmax(curve < -5)) / rate_hz


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("decay_s", [0.6, 2.0, 5.0])
def test_one_kilohertz_falls_by_60_db_in_decay_s(kind, decay_s):
    h = response(1.3 * decay_s, kind=kind, decay_s=decay_s)
    assert rt60_s(h, 1000.0) == pytest.approx(decay_s, rel=0.1)


@pytest.mark.parametrize("options", [{"small": True}, {"rate_hz": 44100}, {"rate_hz": 32000}])
def test_decay_is_the_same_in_small_memory_and_at_other_rates(options):
    h = response(2.5, decay_s=2.0, **options)
    rate_hz = options.get("rate_hz", RATE_HZ)
    assert rt60_s(h, 1000.0, rate_hz=rate_hz) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("kind", ["plate", "hall"])
@pytest.mark.parametrize("damp", [0.0, 0.5, 0.8])
def test_damp_shortens_the_highs(kind, damp):
    h = response(2.5, kind=kind, decay_s=2.0, damp=damp)
    assert rt60_s(h, 6000.0) == pytest.approx(2.0 * (1 - 0.9 * damp), rel=0.15 + 0.1 * damp)
    assert rt60_s(h, 250.0) == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize("small, most", [(False, 96000), (True, 49000)])
def test_memory(small, most):
    effect = Reverb(small=small)
    effect.attach(RATE_HZ)
    assert 0.9 * most < 4 * len(effect.state) <= most


def echo_density(h, at_s):
    """Abel and Huang (2006): samples beyond one deviation, as a share of those in noise."""
    window = np.hanning(961) / np.hanning(961).sum()
    part = h[round(at_s * RATE_HZ) - 480 : round(at_s * RATE_HZ) + 481]
    return np.sum(window * (np.abs(part) > np.sqrt(np.sum(window * part**2)))) / 0.3173


def test_plate_is_dense_before_the_hall_and_the_spring_is_sparse():
    h = {kind: response(0.5, kind=kind) for kind in TYPES}
    assert echo_density(h["plate"], 0.07) > 0.8
    assert echo_density(h["hall"], 0.15) > 0.8
    assert echo_density(h["spring"], 0.06) < 0.6
    first = {kind: np.argmax(np.abs(h[kind]) > 1e-4) for kind in TYPES}
    assert first["plate"] < 10 and first["spring"] > 1000


def test_no_tone_stands_out_of_the_tail():
    """The tail's spectrum, its decay undone: noise peaks 10 dB above its mean, a ring 20."""
    n = 65536
    for kind in TYPES:
        h = response(2.0, kind=kind, decay_s=2.0)[24000 : 24000 + n]
        level = h * np.exp(6.9078 / 2 * np.arange(n) / RATE_HZ)
        power = np.abs(np.fft.rfft(level * np.hanning(n))) ** 2
        band = power[273:5461]  # 200 Hz to 4 kHz
        mean = np.convolve(band, np.ones(401) / 401, "same")[401:-401]
        assert 10 * np.log10((band[401:-401] / mean).max()) < 16.0, kind


def test_spring_is_dark_and_its_highs_come_late():
    h = response(0.1, kind="spring", damp=0.0)[: round(0.0335 * RATE_HZ)]  # the first line alone
    power = np.abs(np.fft.rfft(h, 8192)) ** 2
    hz = np.fft.rfftfreq(8192, 1 / RATE_HZ)
    high, low = power[(hz > 11e3) & (hz < 13e3)].mean(), power[(hz > 400) & (hz < 800)].mean()
    assert 10 * np.log10(high / low) < -12.0
    late = {}
    for low in (300.0, 4200.0):
        sos = butter(2, [low, low + 500.0], "band", fs=RATE_HZ, output="sos")
        part = sosfiltfilt(sos, np.r_[h, np.zeros(2000)]) ** 2
        late[low] = np.sum(np.arange(len(part)) * part) / np.sum(part)
    assert late[4200.0] - late[300.0] > 0.0015 * RATE_HZ


def test_predelay_is_silence_first():
    def first(ms):
        x = np.zeros(9600)
        x[0] = 1.0
        y = play(Reverb(kind="plate", predelay_ms=ms, mix=1.0), x)
        return int(np.argmax(np.abs(y) > 1e-6))

    assert [first(ms) - first(0.0) for ms in (1.0, 20.0, 99.0)] == [48, 960, 4752]


def test_left_and_right_are_alike_in_level_and_unlike_in_wave():
    left, right = stereo(Reverb(mix=1.0, stereo=True), noise(2.0))
    assert abs(db(np.std(left) / np.std(right))) < 2.0
    assert abs(np.corrcoef(left[RATE_HZ:], right[RATE_HZ:])[0, 1]) < 0.3
    assert np.array_equal(left, play(Reverb(mix=1.0), noise(2.0)))


@pytest.mark.parametrize("kind", TYPES)
def test_level_is_that_of_the_dry_sound_whatever_the_decay(kind):
    low = sosfiltfilt(butter(2, [80.0, 800.0], "band", fs=RATE_HZ, output="sos"), noise(3.0))
    for decay_s in (0.5, 6.0):
        y = play(Reverb(kind=kind, decay_s=decay_s, mix=1.0), low)
        assert abs(db(np.std(y[RATE_HZ:]) / np.std(low))) < 3.0
    assert abs(db(np.std(play(Reverb(kind=kind), low)) / np.std(low))) < 2.0


@pytest.mark.parametrize("kind", TYPES)
def test_any_split_gives_the_same_bits(kind):
    def run(blocks):
        effect, parts = Reverb(kind=kind), []
        for at in range(3):
            effect.decay_s, effect.predelay_ms = 1.0 + 3.0 * at, 30.0 * at
            effect.kind = TYPES[(TYPES.index(kind) + (at > 1)) % 3]
            parts.append(play(effect, noise(0.2, seed=at), blocks=blocks))
        return np.concatenate(parts)

    assert np.array_equal(run((64,)), run((1, 7, 64, 200)))


JUMPS = [
    ("kind", "hall", "plate"),
    ("kind", "plate", "spring"),
    ("decay_s", 0.5, 8.0),
    ("decay_s", 8.0, 0.3),
]
JUMPS += [("damp", 0.0, 1.0), ("predelay_ms", 0.0, 80.0), ("mix", 0.0, 1.0), ("send", 1.0, 0.0)]


@pytest.mark.parametrize("name, a, b", JUMPS)
def test_parameters_jump_without_a_click(name, a, b):
    effect = Reverb(**{"mix": 1.0, name: a})
    play(effect, sine(440.0, 1.0, dbfs=-6))

    def turn(frame):
        if frame == 9600:
            setattr(effect, name, b)

    y = play(effect, sine(440.0, 0.5, dbfs=-6), between=turn)
    assert max(clicks_db(y, at) for at in range(9600, 20000, 2000)) < -60.0


@pytest.mark.parametrize("options", [{}, {"stereo": True}, {"small": True}])
@pytest.mark.parametrize("kind", TYPES)
def test_garbage_in_the_state_is_survived(kind, options):
    rng = np.random.default_rng(6)
    for turn in range(12):
        effect, fresh = Reverb(kind=kind, **options), Reverb(kind=kind, **options)
        effect.attach(RATE_HZ)
        n = effect.words if turn % 2 else len(effect.state)
        words = rng.integers(0, 2**32, n, dtype=np.uint32)
        if turn % 3 == 0:
            words = rng.choice(np.array(SOME, np.uint32), n)
        words[0] = np.float32(RATE_HZ).view(np.uint32)
        np.frombuffer(effect.state, np.uint32)[:n] = words
        play(effect, noise(0.02), blocks=(64, 1, 600))
        for spec in Reverb.PARAMS:
            setattr(effect, spec[0], getattr(fresh, spec[0]))
        play(effect, noise(1.0), blocks=(480,))
        y = play(effect, noise(0.1))
        assert np.isfinite(y).all() and np.abs(y).max() < 10.0, turn
        effect.reset()
        assert np.array_equal(play(effect, noise(0.05)), play(fresh, noise(0.05)))


def test_recovers_from_what_is_no_number_and_takes_any_level():
    effect = Reverb()
    play(effect, np.array([np.nan, np.inf, -np.inf, 1e38] * 16))
    assert np.isfinite(play(effect, noise(0.2))).all()
    assert np.isfinite(play(effect, 1000.0 * noise(0.2))).all()


def test_silence_ends_far_below_hearing_and_above_denormal_numbers():
    effect = Reverb(decay_s=0.1, mix=1.0)
    play(effect, noise(0.1))
    y = np.abs(play(effect, np.zeros(6 * RATE_HZ), blocks=(480,))[-9600:])
    assert y.max() < 1e-13
    lines = np.abs(np.array(effect.state[effect.words + 200 :]))
    assert np.all((lines == 0.0) | (lines > 1.2e-38))
