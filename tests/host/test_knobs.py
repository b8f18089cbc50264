"""Models with knobs: exact in their units, read from CSVs and folders, judged at settings never heard."""

import numpy as np
import pytest
import torch
from pedal import Neural
from upedal import (
    audio,
    captures_read,
    captures_step,
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


# ---- reading -------------------------------------------------------------------------------------

RATE = 8000
DRY = synth.dry_guitar(2.5, RATE, seed=2)


def record(folder, name, drive=1.0, late=0, channels=1):
    """Writes what a soft clipper of that gain makes of DRY, `late` frames late."""
    y = np.tanh(drive * np.concatenate([np.zeros(late, np.float32), DRY])[: len(DRY)])
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if channels == 1:
        audio.write(path, y, RATE)
    else:
        import soundfile

        soundfile.write(path, np.stack([0.3 * noise(len(y)), y], 1), RATE, subtype="FLOAT")
    return y


@pytest.fixture
def folder(tmp_path):
    audio.write(tmp_path / "di.wav", DRY, RATE)
    for drive in (2, 4, 8):
        record(tmp_path, f"amp_drive{drive}.wav", drive, late=3 * drive)
    return tmp_path


def csv(folder, text):
    path = folder / "set.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_gives_knobs_with_units_ranges_and_what_is_held_out(folder):
    text = "dry,wet,drive,Tone [dB],held_out,name\n,,0..10:5,,,\n"
    text += "di.wav,amp_drive2.wav,2,-6,,clean\n\ndi.wav,amp_drive4.wav,4,0,yes,\ndi.wav,amp_drive8.wav,8,6,no,hot\n"
    data = captures_read.load(csv(folder, text))
    assert data.knobs == (Knob("drive", "", 0, 10, 5), Knob("Tone", "dB", -6, 6, -6))
    assert data.rate_hz == RATE
    assert [c.name for c in data.items] == ["clean", "amp_drive4", "hot"]
    assert [c.knobs for c in data.items] == [(2.0, -6.0), (4.0, 0.0), (8.0, 6.0)]
    assert [c.held_out for c in data.items] == [False, True, False]
    assert data.items[0].files == (str(folder / "di.wav"), str(folder / "amp_drive2.wav"))
    assert any("drive goes from 0 to 10" in note for note in data.notes), data.notes


def test_a_csv_of_a_german_spreadsheet_is_read(folder):
    text = "\ufeffDry;Wet;drive\ndi.wav;amp_drive2.wav;2,5\ndi.wav;amp_drive8.wav;7,5\n"
    data = captures_read.load(csv(folder, text), knobs=["drive=0..10:4 %"])
    assert [c.knobs for c in data.items] == [(2.5,), (7.5,)]
    assert data.knobs == (Knob("drive", "%", 0, 10, 4),)


def test_each_pair_is_aligned_on_its_own(folder):
    audio.write(folder / "early.wav", np.tanh(3 * DRY[200:]), RATE)
    record(folder, "late.wav", 8, late=300)
    text = "dry,wet,drive\ndi.wav,amp_drive2.wav,2\ndi.wav,late.wav,8\ndi.wav,early.wav,3\n"
    data = captures_read.load(csv(folder, text))
    for c, late in zip(data.items, (6, 300, -200)):
        assert c.pair.lag_frames == pytest.approx(late, abs=1.5), c.name


@pytest.mark.parametrize(
    "text, words",
    [
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,loud\n", "row 2, column drive: 'loud'; expected a number"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,nan\n", "row 2, column drive: 'nan'; expected a number"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,1\n\ndi.wav,gone.wav,2\n", "row 4, column wet: .*gone.wav: no such file"),
        ("dry,wet,drive\ndi.wav,,2\n", "row 2, column wet: empty"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav\n", "row 2: 2 cells; expected 3"),
        ("dry,drive\ndi.wav,2\n", "no column 'wet'"),
        ("dry,wet,drive,drive\ndi.wav,amp_drive2.wav,2,2\n", "column 'drive' 2 times"),
        ("dry,wet,drive\n", "no captures below the header"),
        ("", "empty; expected a header"),
        ("dry,wet,drive\n,,0-10\ndi.wav,amp_drive2.wav,2\n", "row 2, column drive: '0-10'; expected low..high"),
        ("dry,wet,drive,held_out\ndi.wav,amp_drive2.wav,2,perhaps\n", "column held_out: 'perhaps'"),
        ("dry,wet,drive,channel\ndi.wav,amp_drive2.wav,2,up\ndi.wav,amp_drive4.wav,4,\n", "row 2: .*up"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,2\ndi.wav,amp_drive4.wav,2\n", "knob drive: 2 in every capture"),
        ("dry,wet,drive\n,,3..9\ndi.wav,amp_drive2.wav,2\ndi.wav,amp_drive4.wav,4\n", "drive 2; expected 3 to 9"),
        ("dry,wet,drive\ndi.wav,di.wav,2\ndi.wav,amp_drive4.wav,4\n", "row 2: .*same"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_csv_is_said_with_row_and_column(folder, text, words):
    with pytest.raises(UpedalError, match=f"(?s){words}"):
        captures_read.load(csv(folder, text))


def test_a_stereo_file_gives_the_channel_that_is_asked_for(folder):
    y = record(folder, "stereo.wav", 6, channels=2)
    text = "dry,wet,drive,channel\ndi.wav,amp_drive2.wav,2,\ndi.wav,stereo.wav,6,right\n"
    c = captures_read.load(csv(folder, text)).items[1]
    want = y[max(c.pair.cut_frames, 0) :][: len(c.wet)]
    assert np.corrcoef(c.wet, want)[0, 1] > 0.999, "noise is on the left"


def test_a_folder_gives_the_values_in_its_names(folder):
    data = captures_read.load(folder, held_out=["*drive4"])
    assert data.knobs == (Knob("drive", "", 2, 8, 2),)
    assert [(c.name, c.knobs, c.held_out) for c in data.items] == [
        ("amp_drive2", (2.0,), False), ("amp_drive4", (4.0,), True), ("amp_drive8", (8.0,), False)
    ]  # fmt: skip
    assert captures_read.load(folder, held_out=["drive=8"]).held_out[0].knobs == (8.0,)
    with pytest.raises(
        UpedalError, match="no capture 'crunch' to hold out; expected a pattern of amp_drive2"
    ):
        captures_read.load(folder, held_out=["crunch"])


def test_a_folder_pairs_takes_and_leaves_out_what_is_no_knob(tmp_path):
    for take in (1, 2):
        audio.write(tmp_path / f"input_{take}.wav", DRY * take / 2, RATE)
        for bass in (0, 10):
            y = np.tanh((1 + bass) * DRY * take / 2)
            (tmp_path / f"B{bass}M5").mkdir(exist_ok=True)
            audio.write(tmp_path / f"B{bass}M5" / f"target_{take}.wav", y, RATE)
    data = captures_read.load(tmp_path)
    assert [k.name for k in data.knobs] == ["B"]
    assert [(c.knobs, c.files[0][-11:-4]) for c in data.items] == [
        ((0.0,), "input_1"), ((0.0,), "input_2"), ((10.0,), "input_1"), ((10.0,), "input_2")
    ]  # fmt: skip
    assert "M is left out: it is 5 everywhere" in data.notes


@pytest.mark.parametrize(
    "names, words",
    [
        (["drive2.wav", "drive4.wav"], "none dry by its name"),
        (["di.wav"], "no wet recordings"),
        (["di.wav", "wet_drive2.wav", "wet_tone4.wav"], "no value for .* in its name"),
        (["di.wav", "wet_drive2.wav", "strange.wav"], "strange.wav: neither dry nor wet"),
        (
            ["di_1.wav", "di_2.wav", "wet_drive2_1.wav", "wet_drive4.wav"],
            "wet_drive4.wav: no dry recording fits",
        ),
        (["di.wav", "wet_drive2.wav", "wet_drive2_again.wav"], "no value in the names that moves"),
    ],
)
def test_a_folder_that_is_not_clear_is_refused(tmp_path, names, words):
    for name in names:
        audio.write(tmp_path / name, DRY, RATE)
    with pytest.raises(UpedalError, match=words):
        captures_read.load(tmp_path)


@pytest.mark.parametrize(
    "text", ["drive=", "=1..2", "drive=5", "drive=1..", "drive=1..x", "drive=1..2:z"]
)
def test_a_knob_that_is_told_wrong_is_refused(folder, text):
    with pytest.raises(UpedalError, match="expected"):
        captures_read.load(folder, knobs=[text])


class Cut:
    def __init__(self, frames):
        self.cut_frames = frames


def cut_capture(x, late, found, name):
    """A capture whose wet side is `late` frames late and was cut as if it were `found`."""
    wet = np.tanh(3 * np.concatenate([np.zeros(late, np.float32), x])[: len(x)])
    dry, wet = (
        (x[: len(x) - found], wet[found:]) if found >= 0 else (x[-found:], wet[: len(x) + found])
    )
    return Capture(dry, wet, (), name, files=("di", "wet"), pair=Cut(found))


def test_recordings_made_in_step_keep_one_lag():
    x = noise(6000)
    items = [cut_capture(x, 5, k, f"found {k}") for k in (3, 5, 4, 3, -900)]
    items.append(cut_capture(x, 700, 700, "really 700"))
    said = captures_step.in_step(items)
    for c in items[:5]:  # three frames were cut off wet for all, so it is two late
        assert np.allclose(c.wet[2:], np.tanh(3 * c.dry[:-2]), atol=1e-6), c.name
    assert len(items[4].dry) > 4000
    assert np.allclose(items[5].wet, np.tanh(3 * items[5].dry), atol=1e-6), (
        "a lag that is right is kept"
    )
    assert "3 to 5 frames" in said[0], said
    assert (
        "found -900: wet seems -900 frames late, elsewhere 3 to 5: taken as the rest" in said[1]
    ), said
    assert "really 700: wet seems 700 frames late" in said[2] and "look at it" in said[2], said


def test_a_side_that_is_wired_the_other_way_round_is_named():
    x = noise(4000)
    items = [
        Capture(x, np.tanh(g * x), (), f"gain {g}", files=("di", "wet"), pair=Cut(0))
        for g in (1, 2, -4, 8)
    ]
    (said,) = captures_step.turned(items)
    assert "gain -4;" in said and "gain 8" not in said
    assert captures_step.turned(items[:2]) == []
