"""Models with knobs: exact in their units, judged at settings never heard."""

import numpy as np
import pytest
import torch
from pedal import Neural
from upedal import (
    audio,
    convert,
    knobs,
    native,
    pack,
    quant,
    recipe,
    reference,
    synth,
    upm,
)
from upedal.captures import Capture, Captures, Knob
from upedal.errors import UpedalError

DRIVE, TONE = Knob("drive", "", 0.0, 10.0, 5.0), Knob("tone", "dB", -20.0, 5.0, 0.0)
SETTINGS = ((5.0, 0.0), (10.0, -20.0), (0.3, 5.0))
ARRAYS = "[{channels: 4, kernels: 3, dilations: [1, 2, 4], head: 3}, {channels: 3, kernels: 3, dilations: [1, 8], head: 1}]"
NETS = {
    "gru": ["net=gru", "hidden=9"],
    "gru stack": ["net=gru", "hidden=5", "depth=2"],
    "lstm": ["net=lstm", "hidden=7"],
    "tcn": ["net=tcn", "channels=6"],
    "tcn gated": ["net=tcn", "channels=6", "activation=gated", "skip=false"],
    "tcn film": ["net=tcn", "channels=6", "knob_input=film"],
    "tcn film relu": ["net=tcn", "channels=5", "knob_input=film", "activation=relu", "skip=false"],
    "wavenet": ["net=wavenet", "activation=gated", f"arrays={ARRAYS}"],
}


@pytest.fixture(autouse=True)
def one_thread():
    """Nets this small are slower on several threads, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def lively(name, seed=0):
    """An untrained net of two knobs, away from where its weights begin."""
    torch.manual_seed(seed)
    net = recipe.load("gru-16", NETS[name]).build(2).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return net


def packed(net):
    return pack.pack(net, 48000, knobs=(DRIVE, TONE))


def noise(n, seed=0, level=0.3):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def scaled(setting):
    return [k.scaled(v) for k, v in zip((DRIVE, TONE), setting)]


# ---- the net, the file, the pedal ----------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_the_file_takes_units_and_computes_what_the_net_does_from_0_to_1(name):
    net, x = lively(name), noise(1500)
    model = packed(net)
    assert model.knobs == [("drive", "", 0.0, 10.0, 5.0), ("tone", "dB", -20.0, 5.0, 0.0)]
    blob, heard = upm.dumps(model), []
    for setting in SETTINGS:
        want = knobs.render(net, x, scaled(setting))
        heard.append(want)
        got = native.render(blob, x, knobs=setting)
        assert np.abs(got - want).max() < 1e-5, f"{name} at {setting}: native"
    assert np.abs(heard[0] - heard[1]).max() > 1e-3, "the knobs do something"


@pytest.mark.parametrize("name", NETS)
def test_it_is_exact_from_the_first_frame_without_any_silence_before(name):
    net, x = lively(name, 1), noise(400, 1)
    blob = upm.dumps(packed(net))
    for setting in SETTINGS:
        with torch.no_grad():
            still = torch.tensor(scaled(setting), dtype=torch.float32).expand(1, len(x), 2)
            want = net(torch.cat((torch.as_tensor(x)[None, :, None], still), 2))[0][0].numpy()
        got = native.render(blob, x, knobs=setting, prewarm=0)
        assert np.abs(got - want).max() < 1e-5, f"{name} at {setting}: native"
        judge = reference.render(upm.loads(blob), x[:200], setting)
        assert np.abs(judge - want[:200]).max() < 1e-5, f"{name} at {setting}: reference"


@pytest.mark.parametrize("name", ["gru", "lstm", "tcn", "tcn film", "wavenet"])
def test_a_signal_in_pieces_gives_the_same_as_whole(name):
    net, x = lively(name), torch.randn(2, 300, 3)
    with torch.no_grad():
        whole, _ = net(x)
        first, state = net(x[:, :120])
        second, _ = net(x[:, 120:], state)
    assert (torch.cat((first, second), 1) - whole).abs().max() < 1e-5, name


def test_beyond_its_range_the_file_goes_on_in_a_straight_line_and_the_pedal_refuses(tmp_path):
    net, x = lively("gru"), noise(800)
    model = packed(net)
    upm.save(model, tmp_path / "amp.upm")
    far = (12.0, 8.0)
    want = knobs.render(net, x, scaled(far))
    assert np.abs(native.render(upm.dumps(model), x, knobs=far) - want).max() < 1e-5
    pedal = Neural(str(tmp_path / "amp.upm"))
    assert pedal.PARAMS == (("drive", 5.0, 0.0, 10.0), ("tone", 0.0, -20.0, 5.0))
    with pytest.raises(ValueError, match="drive=12"):
        Neural(str(tmp_path / "amp.upm"), drive=12)
    pedal = Neural(str(tmp_path / "amp.upm"), drive=7.5, tone=-6)
    assert pedal.knobs == (7.5, -6.0)


@pytest.mark.parametrize("name", ["gru", "lstm", "tcn", "tcn film", "wavenet"])
def test_in_q15_every_corner_of_the_knobs_stays_close(name):
    model = packed(lively(name))
    made = quant.quantise(model)
    assert made.knobs == model.knobs
    judge = synth.dry_guitar(1.0, 48000, seed=3)
    exact, rounded = upm.dumps(model), upm.dumps(made)
    for drive in (0.0, 10.0):
        for tone in (-20.0, 5.0):
            want = native.render(exact, judge, knobs=(drive, tone))
            got = native.render(rounded, judge, knobs=(drive, tone))
            db = audio.db(audio.esr(want - want.mean(), got - want.mean()))
            assert db < -40, f"{name}, drive {drive}, tone {tone}: {db:.1f} dB"


def test_other_formats_say_what_they_cannot_hold(tmp_path):
    model, said = packed(lively("gru")), []
    with pytest.raises(UpedalError, match=r"has knobs \(drive, tone\)"):
        convert.write(model, tmp_path / "x.nam", warn=said.append)
    convert.write(model, tmp_path / "x.aidax", warn=said.append)
    assert any("'drive', 0 to 10, becomes 0 to 1" in text for text in said), said
    assert any("no knob names" in text and "drive, tone" in text for text in said), said
    back, x = convert.read(tmp_path / "x.aidax", warn=said.append), noise(500)
    want = native.render(upm.dumps(model), x, knobs=(7.0, -3.0), prewarm=4000)
    got = native.render(upm.dumps(back), x, knobs=scaled((7.0, -3.0)), prewarm=4000)
    assert np.abs(got - want).max() < 1e-5


def test_recipes_that_have_no_knobs_say_so():
    for change, words in (
        (["net=tcn8"], "tcn8 with 1 knobs"),
        (["net=gru", "knob_input=film"], "film with net gru"),
        (["net=tcn", "knob_input=film", "activation=gated"], "film with activation gated"),
    ):
        with pytest.raises(UpedalError, match=words):
            recipe.load("gru-16", change).build(1)


# ---- captures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers, words",
    [
        ((5, 5, 5), "expected low below high"),
        ((0, 10, 11), "default 11; expected 0 to 10"),
        ((0, 2e6, 1), "expected numbers up to"),
        ((0, float("nan"), 1), "expected numbers up to"),
    ],
)
def test_a_knob_that_cannot_be_is_refused(numbers, words):
    with pytest.raises(UpedalError, match=words):
        Knob("drive", "", *numbers)


def test_a_set_that_cannot_be_trained_on_is_refused():
    x, many = noise(100), [Knob(f"k{k}") for k in range(8)]
    good = Capture(x, x, (1.0,), "one")
    for items, table, words in (
        ([Capture(x, x, (1.0,), held_out=True)], [DRIVE], "none to train on"),
        ([good, Capture(x, x, (11.0,), "two")], [DRIVE], "two: drive 11; expected 0 to 10"),
        ([good, Capture(x, x, (), "two")], [DRIVE], "two: 0 knob values; expected 1"),
        ([good, Capture(x, x[:50], (1.0,), "two")], [DRIVE], "dry 100, wet 50 frames"),
        (
            [Capture(x, x, (1.0, 1.0))],
            [DRIVE, Knob("Drive", "", 0, 10, 5)],
            "knob drive: 2 of that name",
        ),
        ([Capture(x, x, (0.5,) * 8)], many, "8 knobs; expected at most 7"),
    ):
        with pytest.raises(UpedalError, match=words):
            Captures(items, 48000, table)


def test_training_sees_knobs_from_0_to_1():
    x = noise(100)
    data = Captures([Capture(x, x, (2.5, 5.0))], 48000, [DRIVE, TONE])
    assert data.scaled(data.items[0]).tolist() == [0.25, 1.0]


# ---- how good ------------------------------------------------------------------------------------


def test_evaluating_tells_each_setting_and_who_was_held_out():
    net = lively("gru")
    model, x = packed(net), synth.dry_guitar(2.5, 48000, seed=1)
    blob = upm.dumps(model)
    items = [
        Capture(x, native.render(blob, x, knobs=s), s, f"at {s[0]:g}", held_out=at == 1)
        for at, s in enumerate(SETTINGS)
    ]
    items.append(Capture(x, items[0].wet, SETTINGS[1], "wrong", True))
    data = Captures(items, 48000, (DRIVE, TONE))
    for who in (net, model, blob):
        found = knobs.evaluate(who, data)
        assert [f["name"] for f in found] == ["at 5", "at 10", "at 0.3", "wrong"]
        assert [f["held_out"] for f in found] == [False, True, False, True]
        assert found[1]["knobs"] == [10.0, -20.0]
        assert max(f["esr"] for f in found[:3]) < 1e-9, found
        assert found[3]["esr"] > 1e-4, "another setting sounds otherwise"
        assert knobs.mean_esr(found) == pytest.approx((found[1]["esr"] + found[3]["esr"]) / 2)
    with pytest.raises(UpedalError, match="model: 2 knobs; the captures have 0"):
        knobs.evaluate(blob, Captures([Capture(x, x)], 48000))


@pytest.mark.parametrize("name", ["tcn", "tcn gated", "tcn film", "tcn film relu"])
def test_knobs_held_still_take_a_faster_way_that_is_the_same(name):
    net, x = lively(name), torch.randn(3, 120, 3)
    moving = x.clone()
    x[..., 1:] = torch.rand(3, 1, 2)
    for signal in (x, moving):
        found = []
        for run in (net, net.plain):
            net.zero_grad()
            first, state = run(signal[:, :50])
            second, _ = run(signal[:, 50:], state)
            second.square().sum().backward()
            found.append([first, second, *(p.grad.clone() for p in net.parameters())])
        for fast, plain in zip(*found):
            assert (fast - plain).abs().max() <= 1e-5 * (1 + plain.abs().max()), name


@pytest.mark.parametrize("name", NETS)
def test_every_weight_of_a_conditioned_net_learns(name):
    net = lively(name)
    y, _ = net(torch.randn(3, 100, 3))
    y.square().sum().backward()
    heard = {n for n, p in net.named_parameters() if p.grad is not None and torch.any(p.grad != 0)}
    unheard = {n for n, _ in net.named_parameters()} - heard
    assert all(n.startswith("arrays.1.mixes.1.") for n in unheard), (
        f"{name}: {unheard}"
    )  # the last residual


def test_a_setting_between_those_heard_is_learnt(tmp_path):
    """A soft clipper whose gain is a knob: trained at five gains, played at two others."""
    from upedal.train import train_captures

    x = synth.dry_guitar(3.0, 8000, seed=4)

    def at(gain, held_out=False):
        return Capture(x, np.tanh(gain * x).astype(np.float32), (gain,), f"gain {gain}", held_out)

    data = Captures(
        [at(g) for g in (1.0, 2.0, 3.0, 4.0, 5.0)] + [at(g, True) for g in (1.5, 3.5)],
        8000,
        [Knob("gain", "", 1, 5, 3)],
    )
    plan = recipe.load(
        "gru-16",
        ["hidden=8", "epochs=25", "batch=32", "segment=200", "warm_up=50", "learning_rate=0.02"],
    )
    done = train_captures(data, plan, out_dir=tmp_path, progress=False)
    found = knobs.evaluate(done.net, data)
    assert knobs.mean_esr(found) < 0.02, found
    again, _, rate, _, table = pack.from_checkpoint(tmp_path / "checkpoint.pt")
    assert (rate, tuple(table)) == (8000, data.knobs) and torch.equal(
        again.dense.weight, done.net.dense.weight
    )
    turned = Captures(
        [Capture(c.dry, c.wet, (6.0 - c.knobs[0],), "", True) for c in data.held_out]
        + data.training,
        8000,
        data.knobs,
    )
    assert knobs.mean_esr(knobs.evaluate(done.net, turned)) > 3 * knobs.mean_esr(found), (
        "the knob counts"
    )
