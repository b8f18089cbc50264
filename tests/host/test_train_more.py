"""Losses, averaged weights, early stop, rounded weights, several captures at once."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import audio, losses, recipe, synth, train, train_weights
from upedal.captures import Capture, Captures, Knob

RATE = 48000
SMALL = ("hidden=6", "batch=32", "segment=256", "learning_rate=0.01")


@pytest.fixture(scope="module")
def dry():
    return synth.dry_guitar(5, RATE, seed=3)


@pytest.fixture(scope="module")
def pair(dry):
    return dry, synth.overdrive(dry, RATE, drive=0.3)


def run(pair, folder, *more, **options):
    r = recipe.load("gru-16", SMALL + more)
    return train.train(*pair, RATE, r, out_dir=folder, progress=False, **options)


def noise(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).standard_normal(shape), dtype=torch.float32)


def test_each_part_of_the_loss_by_its_formula():
    y, p = noise(3, 4096), noise(3, 4096, seed=1)
    e, power = (y - p).numpy(), float(y.square().mean())

    def loss(**weights):
        plain = {"esr": 0.0, "emphasised": 0.0, "dc": 0.0} | weights
        return float(losses.Loss(recipe.Recipe(**plain), RATE)(p, y))

    assert loss(esr=1.0) == pytest.approx(float(np.mean(e**2)) / power, rel=1e-4)
    assert loss(mse=2.0) == pytest.approx(2 * float(np.mean(e**2)), rel=1e-5)
    assert loss(mae=1.0) == pytest.approx(float(np.mean(abs(e)) / y.abs().mean()), rel=1e-4)
    assert loss(dc=1.0) == pytest.approx(float(np.mean(e.mean(1) ** 2)) / power, rel=1e-3)
    high = e[:, 1:] - 0.85 * e[:, :-1]
    base = y.numpy()[:, 1:] - 0.85 * y.numpy()[:, :-1]
    assert loss(emphasised=1.0) == pytest.approx(np.mean(high**2) / np.mean(base**2), rel=1e-4)
    assert loss(esr=1.0, mae=0.5) == pytest.approx(loss(esr=1.0) + 0.5 * loss(mae=1.0), rel=1e-5)


def test_the_spectral_loss_hears_a_missing_band_and_not_the_polarity():
    from scipy.signal import butter, lfilter

    y = noise(1, 16384)[0].numpy()
    dark = lfilter(*butter(4, 6000, fs=RATE), y)
    assert losses.mrstft(y, y) == 0 and losses.mrstft(y, -y) < 1e-6
    assert losses.mrstft(y, dark) > 1


def test_a_weighting_hears_1_khz_ten_times_better_than_50_hz():
    t = torch.arange(RATE) / RATE
    y = noise(1, RATE)
    part = losses.WeightedEsr(RATE)
    errors = [float(part(y + torch.sin(2 * np.pi * f * t), y)) for f in (1000, 50)]
    # The standard says -30.2 dB at 50 Hz; 101 taps cannot follow that far down.
    assert errors[0] > 10 * errors[1]


def test_averaged_weights_are_validated_kept_and_resumed(pair, tmp_path):
    whole = run(pair, tmp_path / "a", "epochs=4", "ema=0.9")
    plain = run(pair, tmp_path / "b", "epochs=4")
    assert whole.val_esr != plain.val_esr
    assert [h["loss"] for h in whole.history] == [h["loss"] for h in plain.history]
    exact = audio.esr(
        pair[1][whole.test_slice], train.render(whole.net, pair[0])[whole.test_slice]
    )
    assert exact == whole.test_esr


def test_early_stop_ends_a_training_that_learns_no_more(pair, tmp_path):
    result = run(pair, tmp_path, "hidden=2", "epochs=500", "early_stop=1", "learning_rate=0.1")
    values = [h["val_esr"] for h in result.history]
    assert len(values) < 500 and values[-1] > values[-2] == min(values)


def test_rounded_weights_are_those_of_int16_and_come_back():
    net = recipe.load("gru-10").build()
    before = train_weights.state(net)
    with train_weights.rounded(net, True):
        w = net.gru.weight_hh_l0.detach()
        steps = w / (w.abs().amax(1, keepdim=True) / 32767)
        assert torch.allclose(steps, steps.round(), atol=2e-2) and not torch.equal(
            w, before["gru.weight_hh_l0"]
        )
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_training_with_rounded_weights_learns_and_validates_them(pair, tmp_path):
    result = run(pair, tmp_path, "epochs=20", "qat=q15", "qat_start=0.3")
    assert result.val_esr < 0.3


def test_one_net_learns_two_settings_that_contradict_each_other(dry, tmp_path):
    """Twice the signal at one end, its inverse at the other: no net without the knob gets below 0.5."""
    items = [Capture(dry, g * dry, (k,), name) for g, k, name in ((0.5, 0, "a"), (-1.0, 10, "b"))]
    items.append(Capture(dry, -0.25 * dry, (5,), "between", held_out=True))
    captures = Captures(items, RATE, [Knob("drive", "", 0, 10, 5)])
    r = recipe.load("gru-16", (*SMALL, "epochs=40", "batch=64"))
    result = train.train_captures(captures, r, out_dir=tmp_path, progress=False)
    found = {s["name"]: s for s in result.settings}
    assert list(found) == ["a", "b", "between"] and found["between"]["held_out"]
    assert found["a"]["esr"] < 0.1 and found["b"]["esr"] < 0.1, result.settings
    assert result.test_esr == pytest.approx((found["a"]["esr"] + found["b"]["esr"]) / 2)


def test_captures_weigh_alike_however_loud(dry):
    from upedal.train_data import Streams

    captures = Captures(
        [Capture(dry, dry, (0,)), Capture(dry, 0.01 * dry, (1,))], RATE, [Knob("gain")]
    )
    r = recipe.load("gru-16", SMALL)
    streams = Streams(captures, r, 0, "cpu")
    x, y, gain, _ = next(streams.epoch(0, r.build(1)))
    assert x.shape[0] == y.shape[0] == gain.shape[0] and x.shape[2] == 2
    half = [x[:, 0, 1] == k for k in (0, 1)]
    assert all(part.any() for part in half)
    assert float(gain[half[1]][0] / gain[half[0]][0]) == pytest.approx(100, rel=1e-3)


def test_a_kill_keeps_the_best_net(pair, tmp_path):
    import os
    import signal
    import threading

    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    result = run(pair, tmp_path, minutes=1)
    assert result.interrupted and result.seconds < 30 and (tmp_path / "checkpoint.pt").is_file()
    again = run(pair, tmp_path, minutes=result.seconds / 60)
    assert again.resumed == len(result.history)
