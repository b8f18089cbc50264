"""Echoes, against their definition."""

import numpy as np
import pytest
from pedal.effects.delay import Delay
from scipy.signal import hilbert
from scipy.signal.windows import tukey

from tests.host.effects import RATE_HZ, db, noise, play, sine, tone_db

QUIET = 1e-3  # of an impulse: the loop's clipper bends it by -130 dB
STILL = {"wow_percent": 0.0, "saturation": 0.0}


def one_pole(hz, z1):
    """Low-pass as up_delay.h has it, at z^-1 = z1."""
    k = 1 - np.exp(-2 * np.pi * hz / RATE_HZ)
    return k / (1 - (1 - k) * z1)


def pulse(seconds, height=QUIET):
    x = np.zeros(round(seconds * RATE_HZ))
    x[0] = height
    return x


def stereo(effect, x):
    """Left and right, block by block."""
    effect.attach(RATE_HZ)
    rights = []

    def note(frame):
        if frame:
            rights.append(np.array(effect.right[:64]))

    left = play(effect, x, between=note)
    rights.append(np.array(effect.right[:64]))
    return left, np.concatenate(rights)[: len(x)]


def clicks_db(y, at):
    """The loudest partial above 4 kHz in any 512 frames from `at` on, 2048 of them, dBFS."""
    window = np.blackman(512)
    parts = [y[n : n + 512] * window for n in range(at - 256, at + 2048, 64)]
    spectra = np.abs(np.fft.rfft(np.asarray(parts, np.float64))) * 2 / np.sum(window)
    return db(spectra[:, round(4000 * 512 / RATE_HZ) :].max())


@pytest.mark.parametrize("decay, mix", [(0.0, 1.0), (0.5, 0.5), (0.9, 0.3)])
def test_echoes_are_the_loops_transfer_function(decay, mix):
    effect = Delay(delay_ms=10, decay=decay, mix=mix, tone_hz=3000.0, low_cut_hz=200.0, **STILL)
    h = np.fft.rfft(play(effect, pulse(4.0)) / QUIET)
    z1 = np.exp(-2j * np.pi * np.fft.rfftfreq(4 * RATE_HZ))
    loop = one_pole(3000.0, z1) * (1 - one_pole(200.0, z1)) * z1**480
    expected = min(1, 2 - 2 * mix) + min(1, 2 * mix) * loop / (1 - decay * loop)
    band = slice(40 * 4, 18000 * 4)
    assert np.abs(h - expected)[band].max() < 1e-3 * np.abs(expected).max()


def test_ping_pong_takes_turns():
    clear = {"tone_hz": 16000.0, "low_cut_hz": 20.0, **STILL}
    effect = Delay(delay_ms=10, decay=0.5, mix=0.5, ping_pong=True, max_delay_ms=51, **clear)
    left, right = stereo(effect, pulse(0.1)) / np.float32(QUIET)
    assert left[0] == right[0] == pytest.approx(1.0)
    once = left[480]
    assert once == pytest.approx(1 - np.exp(-2 * np.pi * 16000 / RATE_HZ), rel=0.01)
    assert right[960] == pytest.approx(0.5 * once**2, rel=0.02)
    assert left[1440] == pytest.approx(0.25 * once**3, rel=0.03)
    assert not np.any(right[1:960]) and np.abs(left[485 + 60 : 1440]).max() < 0.01
    assert Delay().right is None


def pitch_hz(y):
    """Of a sine, at each frame; not in the last tenth, which fades for the transform's sake."""
    turns = np.unwrap(np.angle(hilbert(y * tukey(len(y), 0.2)))) / (2 * np.pi)
    return np.diff(turns)[: -len(y) // 10 - 600] * RATE_HZ


def glide(change, to_ms):
    effect = Delay(delay_ms=200, mix=1.0, decay=0.0, change=change, **STILL)

    def turn(frame):
        if frame == RATE_HZ:
            effect.delay_ms = to_ms

    return play(effect, sine(500.0, 3.5), between=turn)


def still_at(delay_ms):
    return play(Delay(delay_ms=delay_ms, mix=1.0, decay=0.0, **STILL), sine(500.0, 3.5))


def test_tape_bends_the_pitch_no_further_than_an_octave_and_lands():
    y = glide("tape", 100.0)
    assert 700.0 < pitch_hz(y)[RATE_HZ + 100 :].max() < 1010.0
    assert np.allclose(y[-4800:], still_at(100.0)[-4800:], atol=1e-6)
    y = glide("tape", 400.0)
    assert 240.0 < pitch_hz(y)[RATE_HZ + 100 :].min() < 300.0
    assert np.allclose(y[-4800:], still_at(400.0)[-4800:], atol=1e-6)


@pytest.mark.parametrize("change", ["tape", "digital"])
def test_a_new_delay_does_not_click(change):
    y = glide(change, 133.0)
    assert clicks_db(y, RATE_HZ) < -70.0


def test_digital_changes_over_in_21_ms_and_keeps_the_pitch():
    y = glide("digital", 100.0)
    assert np.abs(pitch_hz(y)[RATE_HZ + 100 :] - 500.0).max() < 60.0  # while two echoes overlap
    assert np.allclose(y[-48000:], still_at(100.0)[-48000:], atol=1e-6)


def test_wow_is_a_change_of_speed():
    effect = Delay(delay_ms=200, mix=1.0, decay=0.0, wow_hz=2.0, wow_percent=1.0, saturation=0.0)
    pitch = pitch_hz(play(effect, sine(1000.0, 4.0)))[RATE_HZ : 3 * RATE_HZ]
    turns = np.arange(len(pitch)) / RATE_HZ
    for hz, percent in ((2.0, 1.0), (2.0 * 11.3, 0.3)):
        swing = 2 * np.abs(np.mean((pitch - 1000.0) * np.exp(-2j * np.pi * hz * turns)))
        assert swing / 10.0 == pytest.approx(percent, rel=0.1)


def first_echo(effect, beat):
    effect.attach(RATE_HZ)
    effect.set_clock(beat)
    return int(np.argmax(np.abs(play(effect, pulse(1.0))[1:]))) + 1


@pytest.mark.parametrize(
    "division, beat, frames",
    [("1/4", 20000, 20000), ("1/8.", 20000, 15000), ("1/8t", 24000, 8000), ("1/16", 24000, 6000)]
    + [("1/2", 20000, 20000), ("1/4", 100000, 12500), ("off", 20000, 4800), ("1/4", 0, 4800)],
)
def test_division_of_the_clock_is_halved_until_it_fits(division, beat, frames):
    effect = Delay(delay_ms=100, decay=0.0, mix=1.0, division=division, **STILL)
    assert first_echo(effect, beat) == frames


def test_clock_outlives_reset_and_attach():
    effect = Delay(division="1/4", decay=0.0, mix=1.0, **STILL)
    effect.set_clock(9600)
    effect.attach(RATE_HZ)
    effect.reset()
    assert int(np.argmax(np.abs(play(effect, pulse(0.5))))) == 9600


@pytest.mark.parametrize("saturation, most", [(0.0, 2.0), (1.0, 0.25)])
def test_growing_echoes_stay_below_the_clippers_limit(saturation, most):
    effect = Delay(delay_ms=50, decay=1.1, mix=1.0, saturation=saturation)
    y = play(effect, np.r_[noise(0.1), np.zeros(15 * RATE_HZ)], blocks=(480,))
    end = y[-RATE_HZ:]
    assert 0.1 * most < np.abs(end).max() <= 1.1 * most
    assert abs(end.mean()) < 1e-3


def test_send_mutes_the_input_and_lets_echoes_ring():
    effect = Delay(delay_ms=100, decay=0.9, mix=1.0)
    play(effect, sine(440.0, 1.0))
    effect.send = 0.0
    play(effect, np.zeros(4800))  # it glides there
    ring = play(effect, sine(3000.0, 1.0))
    assert tone_db(ring[-9600:], 440.0) > -40.0
    assert tone_db(ring[-9600:], 3000.0) < -90.0


@pytest.mark.parametrize("options", [{}, {"change": "digital"}, {"ping_pong": True}])
def test_any_split_gives_the_same_bits(options):
    x = noise(1.2)

    def run(blocks):
        effect, parts = Delay(wow_percent=3.0, **options), []
        for at, ms in enumerate((300.0, 5.0, 480.0)):
            effect.delay_ms = ms
            effect.tone_hz = 2000.0 + 1000.0 * at
            parts.append(play(effect, x[at * 19200 : (at + 1) * 19200], blocks=blocks))
        return np.concatenate(parts)

    assert np.array_equal(run((64,)), run((1, 7, 64, 200)))


JUMPS = [
    ("decay", 0.2, 1.0),
    ("mix", 0.1, 0.9),
    ("tone_hz", 600.0, 12000.0),
    ("saturation", 0.0, 1.0),
]
JUMPS += [
    ("low_cut_hz", 20.0, 900.0),
    ("wow_percent", 0.0, 2.0),
    ("wow_hz", 0.5, 5.0),
    ("send", 1.0, 0.0),
]


@pytest.mark.parametrize("name, a, b", JUMPS)
def test_parameters_jump_without_a_click(name, a, b):
    effect = Delay(**{"delay_ms": 50, "saturation": 0.0, name: a})
    play(effect, sine(440.0, 1.0, dbfs=-20))

    def turn(frame):
        if frame == 9600:
            setattr(effect, name, b)

    y = play(effect, sine(440.0, 0.5, dbfs=-20), between=turn)
    assert clicks_db(y, 9600) < -70.0


SOME = (0x7FC00000, 0x7F800000, 5, 0xFFFFFFFF, 0x3F800000)


@pytest.mark.parametrize("kernel", [{}, {"ping_pong": True}, {"change": "digital"}])
def test_garbage_in_the_state_is_survived(kernel):
    rng = np.random.default_rng(5)
    for turn in range(30):
        effect = Delay(max_delay_ms=50, delay_ms=20, **kernel)
        effect.attach(RATE_HZ)
        n = effect.words if turn % 2 else len(effect.state)
        words = rng.integers(0, 2**32, n, dtype=np.uint32)
        words[0] = np.float32(RATE_HZ).view(np.uint32)
        if turn % 3 == 0:  # all exponents are likely, so are NaN and small integers
            words[1:] = rng.choice(np.array(SOME, np.uint32), n - 1)
        np.frombuffer(effect.state, np.uint32)[:n] = words
        play(effect, noise(0.05), blocks=(64, 1, 600))
        fresh = Delay(max_delay_ms=50, delay_ms=20, **kernel)
        for spec in Delay.PARAMS:
            setattr(effect, spec[0], getattr(fresh, spec[0]))
        effect.set_clock(0)
        play(effect, noise(0.5), blocks=(480,))
        assert np.isfinite(play(effect, noise(0.05))).all()
        effect.reset()
        assert np.array_equal(play(effect, noise(0.1)), play(fresh, noise(0.1)))


def test_recovers_from_what_is_no_number_and_takes_any_level():
    effect = Delay(delay_ms=20, decay=0.9)
    play(effect, np.array([np.nan, np.inf, -np.inf, 1e38] * 16))
    assert np.isfinite(play(effect, noise(0.2))).all()
    assert np.isfinite(play(effect, 1000.0 * noise(0.2))).all()


def test_default_keeps_the_loudness():
    from upedal.synth import dry_guitar

    x = dry_guitar(4.0, RATE_HZ, seed=1)
    assert abs(db(np.std(play(Delay(), x)) / np.std(x))) < 2.0


def test_options_are_checked():
    with pytest.raises(ValueError, match="max_delay_ms=5; expected 10 to 10000"):
        Delay(max_delay_ms=5)
    with pytest.raises(ValueError, match="delay_ms=900.0 is more than max_delay_ms=500"):
        Delay(delay_ms=900.0)
    assert Delay(max_delay_ms=100).delay_ms == 100
