"""The looper, by what it plays."""

import numpy as np
import pytest
from pedal.effects.looper import Looper

from tests.host.effects import RATE_HZ, db, noise, play, sine, tone_db

SEAM = 480
STEP = 1 / 16384  # of 16-bit samples whose full scale is 2


def above_db(y, hz):
    """The loudest partial of y above hz, dBFS."""
    window = np.blackman(len(y))
    spectrum = np.abs(np.fft.rfft(y * window)) * 2 / np.sum(window)
    return db(spectrum[round(hz * len(y) / RATE_HZ) :].max())


class Player:
    """A looper and the time, in frames."""

    def __init__(self, blocks=(64,), **options):
        self.looper = Looper(**{"max_s": 3.0, **options})
        self.looper.attach(RATE_HZ)
        self.blocks = blocks

    def __call__(self, x, **options):
        """What the looper adds to x."""
        x = np.asarray(x, np.float32)
        return play(self.looper, x, blocks=self.blocks, **options) - x

    def silence(self, frames):
        return self(np.zeros(frames))

    def loop(self, x):
        """Record x, let the seam pass; -> the loop from its start, once."""
        self.looper.record()
        assert not np.any(self(x))
        self.looper.play()
        return self.lap(len(x))

    def lap(self, frames):
        self.silence(frames)  # with it seams, fades and copies are over
        return self.silence(frames)


def test_plays_what_was_recorded():
    x = noise(1.0)
    player = Player()
    y = player.loop(x)
    assert np.abs(y - x)[SEAM:].max() <= 0.51 * STEP
    assert player.looper.status == "playing"
    assert player.looper.length_s == 1.0
    assert np.array_equal(player.silence(RATE_HZ), y)


def test_seam_makes_a_sine_of_any_length_come_round_without_a_click():
    """Recorded 100.4 periods; what is played after the end joins the start: no click."""
    tone = sine(400.0, 3.0, dbfs=-6)
    player = Player()
    player.looper.record()
    player(tone[:12048])
    player.looper.play()
    player(tone[12048:20000])
    y = player.silence(12048 * 4)
    for start in range(0, 12048 * 2, 502):
        assert above_db(y[start : start + 4096], 4000.0) < -75.0


def test_start_and_stop_do_not_click():
    player = Player()
    tone = np.zeros(48000) + sine(400.0, 1.0, dbfs=-6)
    player.loop(tone)
    for act in (player.looper.stop, player.looper.play, player.looper.clear):
        before = player.silence(1024)
        act()
        assert above_db(np.r_[before, player.silence(1024)], 6000.0) < -60.0


def test_overdub_adds_and_undo_and_redo_restore_sample_for_sample():
    player = Player()
    before = player.loop(noise(1.0, seed=1))
    layers = [before]
    for seed in (2, 3):
        new = noise(1.0, seed=seed)
        player.looper.overdub()
        assert np.array_equal(player(new), np.float32(new) + layers[-1] - np.float32(new))
        player.looper.play()
        after = player.lap(RATE_HZ)
        inside = slice(400, -400)  # it fades in and out
        assert np.abs(after - layers[-1] - new)[inside].max() <= 0.51 * STEP
        layers.append(after)
    player.looper.undo()
    assert np.array_equal(player.lap(RATE_HZ), layers[1])
    player.looper.undo()
    assert np.array_equal(player.lap(RATE_HZ), layers[2])
    player.looper.undo()
    assert np.array_equal(player.lap(RATE_HZ), layers[1])


def test_short_overdub_and_undo_in_the_middle_of_one():
    player = Player()
    before = player.loop(noise(1.0, seed=1))
    player.looper.overdub()
    player(noise(0.25, seed=2))
    player.looper.play()
    player.silence(36000)
    after = player.lap(RATE_HZ)
    changed = np.abs(after - before) > 0
    assert 0.2 * RATE_HZ < changed.sum() and not np.any(changed[13000:])
    player.looper.overdub()
    player(noise(0.25, seed=3))
    player.looper.undo()
    player.silence(36000)
    assert player.looper.status == "playing"
    assert np.array_equal(player.silence(RATE_HZ), after)


def test_overdub_of_many_laps_is_undone_as_one():
    player = Player()
    before = player.loop(noise(0.5, seed=1))
    player.looper.overdub()
    player(noise(1.75, seed=2))
    player.looper.play()
    player.silence(12000)
    assert np.std(player.lap(24000)) > 1.5 * np.std(before)
    player.looper.undo()
    assert np.array_equal(player.lap(24000), before)


def test_undo_does_not_click():
    player = Player()
    player.loop(sine(400.0, 1.0, dbfs=-12))
    player.looper.overdub()
    player(sine(600.0, 1.0, dbfs=-12))
    player.looper.play()
    player.lap(RATE_HZ)
    y = player.silence(1088)  # ends away from where the added tone is zero
    player.looper.undo()
    assert above_db(np.r_[y, player.silence(1088)], 6000.0) < -70.0


def test_half_speed_is_an_octave_lower():
    player = Player()
    player.loop(sine(2000.0, 1.0))
    player.looper.speed = "half"
    player.silence(9600)
    y = player.silence(RATE_HZ)
    assert tone_db(y, 1000.0) == pytest.approx(-12.0, abs=0.1)
    assert tone_db(y, 2000.0) < -80.0
    assert tone_db(y, 23000.0) < -55.0  # the image that the cubic leaves


def test_overdub_at_half_speed_plays_twice_as_fast_at_normal_speed():
    player = Player()
    player.loop(np.zeros(RATE_HZ))
    player.looper.speed = "half"
    player.silence(9600)
    player.looper.overdub()
    player(sine(1000.0, 2.0))
    player.looper.play()
    player.silence(RATE_HZ)
    player.looper.speed = "normal"
    assert tone_db(player.lap(RATE_HZ)[4800:-4800], 2000.0) == pytest.approx(-12.0, abs=0.2)


def test_reverse_plays_backwards():
    x = noise(1.0)
    player = Player()
    before = player.loop(x)
    player.looper.direction = "reverse"
    player.silence(4800)
    y = player.silence(RATE_HZ)
    fit = np.fft.irfft(np.fft.rfft(y) * np.conj(np.fft.rfft(before[::-1])))
    assert np.array_equal(np.roll(before[::-1], int(np.argmax(fit))), y)


def test_tap_is_one_button_for_all():
    player = Player()
    seen = []
    for _ in range(5):
        player.looper.tap()
        player(noise(0.2))
        seen.append(player.looper.status)
    assert seen == ["recording", "playing", "overdubbing", "playing", "overdubbing"]
    player.looper.stop()
    player.silence(9600)
    assert (player.looper.status, player.looper.position_s) == ("stopped", 0.0)
    player.looper.tap()
    player.silence(640)
    assert player.looper.status == "playing" and player.looper.position_s > 0.01
    player.looper.clear()
    assert not np.any(player.silence(9600)[640:])
    assert (player.looper.status, player.looper.length_s) == ("empty", 0.0)


def test_records_a_least_and_a_most():
    player = Player(max_s=0.5)
    player.looper.tap()
    player.silence(128)
    player.looper.tap()
    player.silence(128)
    assert player.looper.status == "recording"
    player.silence(1024)
    assert player.looper.status == "playing" and 1024 <= player.looper.length_s * RATE_HZ < 1100
    player.looper.record()
    player(noise(0.7))
    assert player.looper.status == "playing" and player.looper.length_s == 0.5


def test_one_layer_overdubs_in_place_and_has_no_undo():
    player = Player(layers=1)
    before = player.loop(noise(1.0, seed=1))
    new = noise(1.0, seed=2)
    player.looper.overdub()
    player(new)
    player.looper.play()
    after = player.lap(RATE_HZ)
    assert np.abs(after - before - new)[400:-400].max() <= 0.51 * STEP
    player.looper.undo()
    assert np.array_equal(player.lap(RATE_HZ), after)
    assert len(player.looper.state) * 4 < 2 * 3.0 * RATE_HZ + 400


def test_loud_sums_clip_and_what_is_no_number_is_silence():
    player = Player()
    x = 1.9 * np.sign(sine(100.0, 1.0))
    player.loop(x)
    player.looper.overdub()
    x[1000:1010] = np.nan
    player(x)
    player.looper.play()
    y = player.lap(RATE_HZ)
    assert np.isfinite(y).all() and np.abs(y).max() <= 2.0


@pytest.mark.parametrize(
    "options", [{}, {"speed": "half"}, {"direction": "reverse"}, {"layers": 1}]
)
def test_any_split_gives_the_same_bits(options):
    def run(blocks):
        player, parts = Player(blocks=blocks, **options), []
        for act in ("tap", "tap", "tap", "play", "undo", "overdub", "stop", "play", "clear"):
            getattr(player.looper, act)()
            parts.append(player(noise(0.05, seed=len(parts))))
        return np.concatenate(parts)

    a = run((64,))
    assert np.array_equal(a, run((1, 7, 64, 200))) and np.abs(a).max() > 0.1


SOME = (0x7FC00000, 1, 2, 3, 5, 400, 1023, 1024, 14399, 14400, 0xFFFFFFFF, 0x3F800000)


@pytest.mark.parametrize("layers", [1, 2])
def test_garbage_in_the_state_is_survived(layers):
    rng = np.random.default_rng(7)
    for turn in range(60):
        looper = Looper(max_s=0.3, layers=layers)
        looper.attach(RATE_HZ)
        n = looper.words if turn % 2 else len(looper.state)
        words = rng.integers(0, 2**32, n, dtype=np.uint32)
        if turn % 3:
            words = rng.choice(np.array(SOME, np.uint32), n)
        words[0] = np.float32(RATE_HZ).view(np.uint32)
        np.frombuffer(looper.state, np.uint32)[:n] = words
        play(looper, noise(0.7), blocks=(64, 1, 600))
        looper.level, looper.speed, looper.direction = 1.0, "normal", "forward"
        looper.clear()
        play(looper, noise(0.2))
        looper.record()
        x = noise(0.2)
        play(looper, x)
        looper.play()
        play(looper, np.zeros(len(x)))
        y = play(looper, np.zeros(len(x)))
        assert np.abs(y - x)[SEAM + 300 :].max() <= 0.51 * STEP, turn


def test_options_are_checked():
    with pytest.raises(ValueError, match="layers=3; expected 1 or 2"):
        Looper(layers=3)
    with pytest.raises(ValueError, match="max_s=0; expected 0.1 to 600"):
        Looper(max_s=0)
