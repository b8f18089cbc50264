"""The 8-bit TCN: fake quantisation is the integer net, the front end is the definition, training learns."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import ai8x, audio, dither, recipe, synth, tcn8, tcn8_data, tinyml_data, train_tcn8
from upedal.errors import UpedalError

RATE = 44100
SMALL = (
    "hidden=8", "channels=4", "dilations=[1, 2, 4, 8]", "segment=1024", "batch=16", "epochs=6",
    "qat_start=0.6", "learning_rate=0.01",
)  # fmt: skip


@pytest.fixture(scope="module")
def pair():
    dry = synth.dry_guitar(5, RATE, seed=3)
    return dry, synth.overdrive(dry, RATE, drive=0.3)


def small(*more):
    return recipe.load("tinyml-q7", SMALL + more)


def run(pair, folder, *more, **options):
    return train_tcn8.train(*pair, RATE, small(*more), out_dir=folder, progress=False, **options)


def random_net(seed, channels=4, hidden=8, dilations=(1, 2, 4), spread=1.0):
    """A net with weights and biases of very different sizes a layer."""
    torch.manual_seed(seed)
    net = tcn8.Tcn8(channels, hidden, 3, dilations)
    with torch.no_grad():
        for conv in net.convs:
            conv.weight *= 2.0 ** float(torch.empty(1).uniform_(-spread, spread))
            conv.bias.uniform_(-0.2, 0.2)
    return net


def random_input(seed, channels, n=400):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 50, (channels, n)).round().clip(-128, 127)
    x[:, :20] = rng.choice([-128, 127], (channels, 20))
    return x.astype(np.int8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(1, 8), (4, 8), (16, 24)])
def test_fake_quantised_forward_equals_the_integer_net(seed, shape):
    channels, hidden = shape
    net = random_net(seed, channels, hidden, spread=3.0)
    integer, scale = tcn8.export(net)
    x = random_input(seed, channels)
    sums = ai8x.run(integer, x)
    assert sums.dtype == np.int32 and len(np.unique(sums)) > 50, f"seed {seed}: a dead net"
    with torch.no_grad():
        y = net.quantised(torch.as_tensor(x, dtype=torch.float32)[None])[0].numpy()
    unit = scale / float(net.norm)
    assert np.array_equal(y.astype(np.float64) / unit, sums[0]), f"seed {seed}"


def test_the_papers_net_has_its_weights_and_memory():
    net = tcn8.Tcn8(16, 24)
    assert net.receptive_field == 513
    assert sum(conv.weight.numel() for conv in net.convs) == 16 * 24 * 3 + 8 * 24 * 24 * 3 + 24
    integer, _ = tcn8.export(net)
    assert integer.receptive_field == 513 and integer.inputs == 16
    assert [layer.relu for layer in integer.layers] == [False] + 8 * [True] + [False]
    assert [layer.wide for layer in integer.layers] == 9 * [False] + [True]
    assert [layer.dilation for layer in integer.layers] == [1, 1, 2, 4, 8, 16, 32, 64, 128, 1]


def test_float_net_of_one_channel_equals_that_of_sixteen():
    net = random_net(1, channels=1)
    many = net.with_channels(16, seed=5)
    x = torch.randn(2, 1, 300) * 0.3
    with torch.no_grad():
        apart = (net(x) - many(x.expand(-1, 16, -1))).abs().max()
    assert apart < 1e-5, float(apart)
    first = many.convs[0].weight.detach()
    assert float((first - first.mean(1, keepdim=True)).abs().max()) > 0, "channels are all alike"
    with pytest.raises(UpedalError, match="expected 1"):
        many.with_channels(4)


def test_levelled_net_is_the_same_function_and_uses_the_range():
    net = random_net(2, channels=1)
    with torch.no_grad():
        net.convs[0].weight *= 0.1
    x = torch.randn(4, 1, 2000) * 0.1
    level = net.levelled(x, peak=0.5)
    with torch.no_grad():
        y, z = net(x), level(x)
        hidden = torch.nn.functional.conv2d(x[:, :, None], level.convs[0].weight, level.convs[0].bias)
    assert float((y - z).abs().max() / y.abs().max()) < 1e-5
    assert 0.45 < float(torch.quantile(hidden.abs().flatten(), 0.9999)) < 0.55


def test_gradient_passes_the_rounding_as_if_it_were_not_there():
    """Of a layer whose sums stay inside of the limits it is the float layer's but for what rounding moved."""
    torch.manual_seed(0)
    net = tcn8.Tcn8(1, 8, 3, ())
    x = torch.randint(-40, 40, (4, 1, 200)).float()
    with torch.no_grad():
        net.convs[0].weight *= 0.3
    grads = []
    for forward, scaled in ((net.quantised, x), (net, x / 128)):
        net.zero_grad()
        forward(scaled).square().mean().backward()
        grads.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    apart = float((grads[0] - grads[1]).norm() / grads[1].norm())
    assert apart < 0.1, apart


def test_bfloat16_steps_stay_near_the_exact_ones_without_shifting_the_mean():
    net = random_net(3, channels=4, hidden=24)
    x = torch.as_tensor(random_input(3, 4, 20000), dtype=torch.float32)[None]
    with torch.no_grad():
        exact, coarse = net.quantised(x), net.quantised(x, torch.bfloat16)
    apart = coarse - exact
    assert float(apart.square().mean() / exact.var()) < 3e-3
    assert float(apart.mean().square() / exact.var()) < 3e-5


# --- the front end -----------------------------------------------------------------------------


def scalar_front(x, front):
    """`eight_bit` by Python's integers, one sample after the other."""
    noise = dither.Ditherer(front.channels, front.seed, front.kind, rate_hz=front.rate_hz)
    noise, before, out = noise.noise(len(x)), 0, []
    for t, value in enumerate(x):
        q = max(-32768, min(32767, int(np.floor(float(value) * 32768 + 0.5))))
        e = max(-32768, min(32767, q - ((front.coef * before + 16384) >> 15)))
        before = q
        sums = [(64 * (e << front.gain) + int(noise[c, t]) + 8192) >> 14 for c in range(front.channels)]
        out.append([max(-128, min(127, s)) for s in sums])
    return np.array(out).T


@pytest.mark.parametrize("kind", dither.KINDS)
@pytest.mark.parametrize("gain", [0, 3])
def test_eight_bit_input_equals_its_definition_in_python_integers(kind, gain):
    rng = np.random.default_rng(4)
    x = np.concatenate((rng.normal(0, 0.2, 300), [1.5, -1.5, 1.0, -1.0, 0.999985], rng.normal(0, 0.01, 100)))
    front = tcn8.FrontEnd(0.9, kind, 3, 77, gain, 48000)
    got = tcn8.eight_bit(front, x)
    assert got.dtype == np.int8 and np.array_equal(got, scalar_front(x, front))


def test_without_gain_and_emphasis_it_is_dithers_requantise():
    x = synth.dry_guitar(0.3, RATE)
    q = np.floor(x.astype(np.float64) * 32768 + 0.5).astype(np.int16)
    front = tcn8.FrontEnd(0.0, "shaped", 4, 9, 0, RATE)
    assert np.array_equal(tcn8.eight_bit(front, x), dither.requantise(q, 4, 9, rate_hz=RATE))


def test_deemphasis_undoes_emphasis_in_numpy_and_in_torch():
    x = synth.dry_guitar(0.5, RATE)
    front = tcn8.FrontEnd()
    back = tcn8.deemphasised(tcn8.emphasised(x, front.coef), front.coef) / 32768
    assert np.max(np.abs(back - x)) < 3e-4  # ten times half a step of 16 bit, and the input's own
    rows = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 600)))
    rows.requires_grad_()
    got = tcn8.deemphasise(rows, 0.9)
    for row, wanted in zip(got.detach().numpy(), rows.detach().numpy()):
        wanted = tcn8.deemphasised(wanted, round(0.9 * 32768))
        assert np.max(np.abs(row - wanted)) < 2e-3
    got[0, 500].backward()
    assert rows.grad[0, 490] == pytest.approx(0.9**10) and rows.grad[0, 501] == 0


def test_render_of_the_exported_net_equals_the_fake_quantised_one():
    net = random_net(6)
    integer, scale = tcn8.export(net)
    front = tcn8.FrontEnd(0.9, "shaped", 4, 3, 1, RATE)
    x = synth.dry_guitar(0.2, RATE, seed=1)
    x = np.concatenate((np.zeros(200, np.float32), x))
    y = tcn8.render_q7(integer, front, scale, x)
    eight = torch.as_tensor(tcn8.eight_bit(front, x), dtype=torch.float32)[None]
    with torch.no_grad():
        fake = net.quantised(eight)[0].double().numpy() * float(net.norm)
    lead = net.receptive_field - 1
    whole = np.concatenate((y[:1] * 0, tcn8_tail(y, front)))[lead + 1 :]
    assert np.allclose(whole, fake[1:], rtol=0, atol=1e-9 * np.max(np.abs(fake)))


def tcn8_tail(y, front):
    """y[t] - c y[t-1]: what stood ahead of the de-emphasis."""
    return y[1:] - front.coef / 32768 * y[:-1]


def test_float_render_in_blocks_equals_one_forward_pass():
    net = random_net(7, channels=1)
    net.norm.fill_(0.3)
    front = tcn8.FrontEnd(0.9, gain=2)
    x = np.random.default_rng(1).normal(0, 0.05, 70000)
    c = front.coef / 32768
    e = np.concatenate((np.zeros(net.receptive_field - 1), x - c * np.concatenate(([0], x[:-1])))) * 4
    with torch.no_grad():
        y = net(torch.as_tensor(e, dtype=torch.float32)[None, None])[0].double().numpy() * 0.3
    got = tcn8.render_float(net, front, x)
    assert audio.esr(tcn8.deemphasised(y, front.coef), got) < 1e-10


# --- windows -----------------------------------------------------------------------------------


def windows(pair, *more, split=None, seed=0):
    r = small(*more)
    split = split or tinyml_data.whole(len(pair[0]), RATE)
    return tcn8_data.Windows(*pair, RATE, r, split, seed)


def test_windows_lie_in_their_ranges_and_inputs_fit_the_targets(pair):
    dry, wet = pair[0], np.full(len(pair[0]), 7.0, np.float32)
    ranges = ((3000, 6000), (50000, 52000))
    for a, b in ranges:
        wet[a:b] = dry[a:b]
    data = windows((dry, wet), "emphasis=0", split=tinyml_data.Split(ranges, ranges, ranges))
    x, target, sound = data.batch(0, False)
    assert x.shape == (16, 1, 1024 + data.context) and target.shape == sound.shape == (16, 1024)
    got = target.numpy() * data.norm
    assert np.max(np.abs(got)) < 1, "a window reaches outside of its range"
    inputs = x[:, 0, data.context :].numpy() / 2.0**data.front.gain
    assert np.max(np.abs(inputs - got)) < 1e-4


def test_gain_is_the_largest_that_does_not_clip():
    e = np.full(100000, 0.1)
    assert tcn8_data.choose_gain(e) == 3 and tcn8_data.choose_gain(2 * e) == 2
    e[:9] = 1.0  # fewer than 1 in 10,000
    assert tcn8_data.choose_gain(e) == 3
    e[:11] = 1.0
    assert tcn8_data.choose_gain(e) == 0


@pytest.mark.parametrize("kind", ["white", "shaped"])
def test_noise_in_training_is_that_of_the_pedal(kind):
    front = tcn8.FrontEnd(kind=kind, channels=2, rate_hz=48000)
    exact = dither.Ditherer(2, 5, kind, rate_hz=48000).noise(200000)[0] / 16384
    ours = tcn8_data._noise(front, 400000, np.random.default_rng(0))
    for lag in range(4):
        wanted = np.mean(exact[lag:] * exact[: len(exact) - lag])
        got = np.mean(ours[lag:] * ours[: len(ours) - lag])
        assert abs(wanted - got) < 0.02 * np.var(exact), (lag, wanted, got)


def test_dithered_inputs_average_to_the_audio_and_differ_a_channel(pair):
    data = windows(pair, "batch=4")
    plain = data.batch(3, False)[0] * 128
    x = data.batch(3, True)[0]
    assert x.shape[1] == 4 and torch.equal(x, x.round()) and x.min() >= -128 and x.max() <= 127
    assert not torch.equal(x[:, 0], x[:, 1])
    for step in range(3):
        data.batch(step, True)
    assert torch.equal(data.batch(3, True)[0], x), "a step depends on those before it"
    later = tcn8_data._NOISE_STEPS + 1
    assert torch.equal(data.batch(later, True)[0], windows(pair, "batch=4").batch(later, True)[0])
    apart = x - plain
    assert float(apart.mean().abs()) < 0.02 and float(apart.abs().max()) < 6


# --- training ----------------------------------------------------------------------------------


def test_training_learns_and_its_figures_are_those_of_the_renders(pair, tmp_path):
    result = run(pair, tmp_path)
    assert result.float_esr < 0.15, result.float_esr
    assert result.q7_esr < 1.5 * result.float_esr + 0.01, (result.q7_esr, result.float_esr)
    a, b = tinyml_data.whole(len(pair[0]), RATE).test[0]
    lead = a - 4096
    y = tcn8.render_q7(result.net, result.front, result.scale, pair[0][lead:b])[4096:]
    assert tcn8_data.esr_without_dc(pair[1][a:b], y) == result.q7_esr
    assert result.net.inputs == 4 and result.dither == ("shaped", 4, 1, 2)
    assert [h["phase"] for h in result.history].count("q7") >= 2


def test_quantised_validation_is_that_of_the_exported_integers(pair, tmp_path):
    result = run(pair, tmp_path, "epochs=1")
    data = windows(pair, "epochs=1")
    net = result.float_net.with_channels(4)
    integer, scale = tcn8.export(net)
    exact = tcn8_data.measure(
        lambda x: tcn8.render_q7(integer, data.front, scale, x), *pair, data.split.validation
    )
    assert data.validation_esr(net, True) == pytest.approx(exact, rel=1e-6)


def test_validation_of_a_net_that_looks_back_further_than_usual(pair):
    data = windows(pair, "dilations=[1023, 1023, 64]", "hidden=4", "channels=2", "segment=16")
    assert data.context > 4096
    net = data.begin(data.recipe.build()).with_channels(2)
    integer, scale = tcn8.export(net)
    exact = tcn8_data.measure(
        lambda x: tcn8.render_q7(integer, data.front, scale, x), *pair, data.split.validation, data.context
    )
    assert data.validation_esr(net, True) == pytest.approx(exact, rel=1e-6)


def test_float_net_given_leaves_all_to_the_quantised_phase(pair, tmp_path):
    first = run(pair, tmp_path / "a", "epochs=2")
    second = run(pair, tmp_path / "b", "epochs=2", "channels=1", float_net=first.float_net)
    assert second.float_esr == first.float_esr and second.net.inputs == 1
    assert {h["phase"] for h in second.history} == {"q7"}


def test_interrupted_training_keeps_the_best_and_resumes_to_the_same_end(pair, tmp_path, monkeypatch):
    whole = run(pair, tmp_path / "whole", "epochs=2")
    step = train_tcn8._Phase.epoch

    def stop(phase):
        if phase.name == "q7":
            raise KeyboardInterrupt
        step(phase)

    monkeypatch.setattr(train_tcn8._Phase, "epoch", stop)
    half = run(pair, tmp_path / "half", "epochs=2")
    assert half.interrupted and np.isfinite(half.q7_esr)
    monkeypatch.setattr(train_tcn8._Phase, "epoch", step)
    rest = run(pair, tmp_path / "half", "epochs=2")
    assert not rest.interrupted and rest.q7_esr == whole.q7_esr and rest.float_esr == whole.float_esr
    assert rest.net.layers[3].weight.tobytes() == whole.net.layers[3].weight.tobytes()


def test_damaged_checkpoint_is_an_error_that_names_it(pair, tmp_path):
    (tmp_path / "float.pt").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(UpedalError, match=r"float\.pt: not a checkpoint"):
        run(pair, tmp_path)


def test_bad_input_is_refused(pair, tmp_path):
    dry, wet = pair
    late = np.where(np.arange(len(wet)) < 0.9 * len(wet), wet, 0).astype(np.float32)
    for args, more, cause in (
        ((dry, late), (), "test part of wet is silent"),
        ((dry, np.full_like(wet, np.nan)), (), "finite"),
        (pair, ("segment=900000",), "no training range has 900000 frames"),
        (pair, ("net=tcn",), "expected 'tcn8'"),
        (pair, ("channels=65",), "channels 65; expected at most 64"),
        (pair, ("dilations=[1, 1024]",), "dilations 1024; expected at most 1023"),
    ):
        with pytest.raises(UpedalError, match=cause):
            run(args, tmp_path, *more)
    with pytest.raises(UpedalError, match="minutes"):
        run(pair, tmp_path, minutes=0)
