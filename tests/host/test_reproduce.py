"""`upedal reproduce`: what the page says was measured, what is done is not done again, sizes are the papers'."""

import json
import re
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import audio, native, recipe, reproduce, synth, tcn8, tinyml_data
from upedal.errors import UpedalError
from upedal.reproduce import experiments, noise, packing, page, speed, wavenets

RATE = 44100
MINUTES = 0.02
SMALL = ("batch=4", "segment=1024")
ONLY = ("overdrive",)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Steps as short as these are not shared out, least of all among tests that run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recording():
    dry = synth.dry_guitar(6, RATE, seed=7)
    return dry, np.tanh(4 * dry).astype(np.float32), RATE, tinyml_data.whole(len(dry), RATE)


@pytest.fixture
def tiny(monkeypatch, recording):
    """The recordings are seconds long, Fig. 4 has two points, nothing is emulated."""

    def refuse(*_):
        raise UpedalError("no emulator")

    monkeypatch.setattr(tinyml_data, "load", lambda name, folder=None: recording)
    monkeypatch.setattr(experiments, "CHANNELS", (1, 16))
    monkeypatch.setattr(speed.bench, "measure", refuse)
    return monkeypatch


@pytest.fixture(scope="module")
def made(tmp_path_factory, recording):
    """One run, of which tests copy the folder: (folder, result)."""
    out = tmp_path_factory.mktemp("reproduce")
    with pytest.MonkeyPatch.context() as patch:
        tiny.__wrapped__(patch, recording)
        result = reproduce.run(out, only=ONLY, minutes=MINUTES, changes=SMALL)
    return out, result


def _esr(target, output):
    """By definition, the means removed."""
    target, output = (np.float64(x) - np.float64(x).mean() for x in (target, output))
    return np.sum((target - output) ** 2) / np.sum(target**2)


def run(out, **options):
    return reproduce.run(out, only=ONLY, changes=SMALL, **({"minutes": MINUTES} | options))


def test_every_cell_is_trained_and_the_table_holds_what_its_files_measure(made, recording):
    out, result = made
    dry, wet, _, split = recording
    ((first, last),) = split.test
    assert result["finished"] == result["planned"] == 6 and not result["interrupted"]
    (row,) = result["table"]
    folders = dict.fromkeys(("float", "q15", "q7"), "") | {"wavenet1": "wavenet1", "wavenet3": "wavenet3"}
    for key, folder in folders.items():
        kind = key if key in ("float", "q15", "q7") else "float"
        path = out / "overdrive" / folder / f"{kind}.upm"
        blob = path.read_bytes()
        played = native.render(blob, dry[first - 4096 : last])[4096:]
        assert row[key]["esr"] == pytest.approx(_esr(wet[first:last], played), rel=1e-9), key
        assert row[key]["bytes"] == len(blob)
    layers = 8 * 3 * 24 * 24 + 24
    assert 0 <= row["float"]["macs"] - (3 * 24 + layers) <= 2  # emphasis and de-emphasis
    assert 0 <= row["q7"]["macs"] - (3 * 16 * 24 + layers) <= 2 + 3 * 16  # and the dither's filters
    assert row["q7"]["bytes"] <= 16_500
    assert sum(row["q7"]["minutes"].values()) >= 0.99 * MINUTES


def test_packed_nets_play_as_the_trainer_judged(made):
    out, result = made
    cell = result["cells"]["overdrive/base"]
    assert cell["nets"]["float"]["esr"] == pytest.approx(cell["judged"]["float"], rel=1e-4)
    assert cell["nets"]["q7"]["esr"] == pytest.approx(cell["judged"]["q7"], rel=0.02)
    one = result["cells"]["overdrive/wavenet1"]
    assert one["nets"]["float"]["esr"] == pytest.approx(one["judged"]["float"], rel=1e-3)


def test_float_upm_plays_as_the_trained_net(made, recording):
    out, _ = made
    from upedal import upm

    net = experiments._float_net(experiments.Cell("overdrive", "c1", start=""), out)
    front = tcn8.FrontEnd(gain=2, rate_hz=RATE)
    x = np.concatenate((recording[0][:RATE], 4 * recording[0][:RATE]))  # into the limiters as well
    played = native.render(upm.dumps(packing.float_model(net, front, RATE)), x)
    wanted = tcn8.render_float(net, front, x)
    assert audio.db(audio.esr(wanted[1024:], played[1024:])) < -80


def test_what_is_done_is_not_done_again(made, tiny, tmp_path):
    out = shutil.copytree(made[0], tmp_path / "out")
    trained, real = [], experiments.train
    tiny.setattr(experiments, "train", lambda cell, *a: trained.append(str(cell)) or real(cell, *a))
    again = run(out)
    assert trained == [] and again["table"] == made[1]["table"] and again["noise"] == made[1]["noise"]
    (out / "overdrive" / "wavenet1" / "cell.json").unlink()
    again = run(out)
    assert trained == ["overdrive/wavenet1"] and again["table"] == made[1]["table"]


def test_more_minutes_go_on_from_the_checkpoint(made, tiny, tmp_path):
    out = shutil.copytree(made[0], tmp_path / "out")
    tiny.setattr(experiments, "plan", lambda *_: [experiments.Cell("overdrive")])
    before = torch.load(out / "overdrive" / "float.pt", weights_only=True)
    longer = run(out, minutes=2 * MINUTES)
    after = torch.load(out / "overdrive" / "float.pt", weights_only=True)
    assert after["steps"] > before["steps"] > 0
    assert longer["table"][0]["q7"]["minutes"]["float"] > made[1]["table"][0]["q7"]["minutes"]["float"]


def test_ctrl_c_keeps_what_is_done_and_the_page_marks_what_is_not(tiny, tmp_path):
    real, calls = experiments.train, []

    def stopped(cell, *rest):
        calls.append(str(cell))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(cell, *rest)

    tiny.setattr(experiments, "train", stopped)
    result = run(tmp_path)
    assert result["interrupted"] and result["finished"] == 1 and calls == ["overdrive/base", "overdrive/c1"]
    (row,) = result["table"]
    assert row["q7"]["esr"] > 0 and row["wavenet1"] is None
    first = (tmp_path / "results.md").read_text().splitlines()[2]
    assert [cell.strip() for cell in first.split("|")[-3:-1]] == ["-", "-"]
    assert json.loads((tmp_path / "results.json").read_text())["cells"]["overdrive/c1"] is None


def test_another_recipe_or_a_torn_result_is_not_taken_for_done(made, tmp_path):
    out = shutil.copytree(made[0], tmp_path / "out")
    cell = experiments.Cell("overdrive")
    assert experiments.done(cell, out, MINUTES, SMALL)
    assert not experiments.done(cell, out, 3 * MINUTES, SMALL)
    assert not experiments.done(cell, out, MINUTES, (*SMALL, "hidden=16"))
    assert not experiments.done(cell, out, MINUTES, SMALL, seed=1)
    (out / "overdrive" / "cell.json").write_text("{")
    with pytest.raises(UpedalError, match=r"cell\.json: not JSON"):
        experiments.done(cell, out, MINUTES, SMALL)


def test_page_needs_nothing_from_outside_and_says_the_figures(made):
    out, result = made
    text = (out / "report.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')>\s]{1,40})', text)
    assert len(links) == 4 and all(link.startswith("data:image/svg+xml") for link in links)
    assert "http" not in re.sub(r"data:[^\"]+", "", text)
    for key in page.NETS:
        assert page.percent(result["table"][0][key]["esr"]) in text
    for figure in ("0.44 %", "0.15 %", "0.74 %", "0.53 %", "12.58 %", "11.96 %"):
        assert figure in text and figure in (out / "results.md").read_text(encoding="utf-8")
    assert "more\n    would lower the error" in text and "no emulator" in text


def test_sixteen_dithered_channels_have_12_db_less_noise_than_one(recording):
    front = tcn8.FrontEnd(gain=1)
    for kind, wanted in (("shaped", 12.04), ("white", 12.04), ("none", 0.0)):
        figures = noise.requantisation(tcn8.FrontEnd(kind=kind, gain=1), recording[0], [1, 4, 16])
        assert figures["gain_db"][2] == pytest.approx(wanted, abs=0.15), kind
        assert figures["expected_db"][1] == pytest.approx(6.02, abs=0.01)
    one = noise.requantisation(front, recording[0], [1, 16])["spectra"]
    apart = np.array(one["1"]["db"]) - np.array(one["16"]["db"])
    assert np.abs(apart - 12.04).max() < 4 and abs(apart.mean() - 12.04) < 0.5


def test_noise_and_distortion_of_a_tone_are_told_apart():
    x, period = noise._tone(-40, RATE)
    wanted = x.astype(np.float64)
    third = 1e-4 * np.sin(2 * np.pi * 3 * np.arange(len(x)) / period)
    random = 1e-5 * np.random.default_rng(0).standard_normal(len(x))
    figures = noise._split(0.5 * wanted + third + random, wanted, period)
    assert period == 100 and figures["noise_dbfs"] == pytest.approx(-96.99, abs=0.1)
    assert figures["tone_db"] == pytest.approx(-6.02, abs=0.01)
    assert figures["distortion_db"] == pytest.approx(10 * np.log10(0.25 + 1e-4), abs=0.01)
    silent = noise._split(wanted, wanted, period)
    assert silent["noise_dbfs"] is None and silent["distortion_db"] is None


def test_spectrum_of_white_noise_is_flat_at_its_density():
    x = 0.1 * np.random.default_rng(1).standard_normal(20 * RATE)
    level = 10 * np.log10(2 * 0.01 / (RATE / 2))
    assert np.abs(np.array(noise.spectrum(x, RATE)["db"][10:]) - level).max() < 1.5


def test_framed_wavenet_is_the_wavenet():
    for name, field, layers in (("damskaegg-wavenet1", 2047, 10), ("damskaegg-wavenet3", 2045, 18)):
        plan = recipe.load(name)
        net = wavenets.Framed(plan.build())
        assert net.receptive_field == field and len(net.net.arrays[0].convs) == layers
        x = torch.randn(2, 1, field + 300)
        with torch.no_grad():
            apart = net(x) - net.net(x[:, 0])[0][:, field - 1 :]
        assert apart.shape == (2, 301) and apart.abs().max() < 1e-5


def test_wavenet_learns_and_its_upm_has_the_gain(recording, tmp_path):
    dry, wet, rate, split = recording
    settings = ("arrays=[{channels: 4, kernels: 3, dilations: [1, 2, 4], head: 1}]", "segment=1024")
    plan = recipe.load("damskaegg-wavenet1", settings)
    done = wavenets.train(dry, wet, rate, plan, split=split, minutes=0.1, out_dir=tmp_path)
    assert done.esr < 0.5 * done.history[0]["val_esr"] and not done.interrupted
    from upedal import upm

    model = packing.wavenet_model(done.net, rate)
    x = dry[:RATE]
    with torch.no_grad():
        padded = torch.as_tensor(np.pad(x, (done.net.receptive_field - 1, 0)))[None, None]
        wanted = float(done.net.norm) * done.net(padded)[0].numpy()
    assert audio.db(audio.esr(wanted, native.render(upm.dumps(model), x))) < -60


def test_full_plan_has_every_width_and_starts_behind_what_it_needs():
    cells = experiments.plan(["overdrive", "fuzz"], "overdrive", full=True)
    names = [str(c) for c in cells]
    assert len(names) == len(set(names)) == 2 + 4 * 5 - 1 + 2 + 4
    for at, cell in enumerate(cells):
        if cell.start is not None:
            start = experiments.Cell(cell.recording, cell.start)
            assert str(start) in names[:at]
    shapes = {(c.plan().channels, c.plan().hidden) for c in cells if c.recording == "overdrive" and not c.wavenet}
    assert shapes == {(c, h) for c in experiments.CHANNELS for h in experiments.HIDDEN}
    assert next(c for c in cells if c.name == "no-dither").plan().dither == "none"
    assert next(c for c in cells if c.name == "no-emphasis").plan().emphasis == 0


@pytest.mark.parametrize(
    "options,cause",
    [
        ({"only": ["tube"]}, "recording 'tube'; expected one of ds1, overdrive"),
        ({"only": ["ds1"]}, "recording 'ds1': needs --data"),
        ({"only": ["ds1"], "data": "/nowhere"}, "/nowhere"),
        ({"minutes": 0}, "minutes is 0"),
        ({"changes": ("hiden=2",)}, "unknown key 'hiden'"),
        ({"changes": ("hidden=8",)}, "hidden=8: the figures say"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_trained(tmp_path, options, cause):
    with pytest.raises(UpedalError, match=re.escape(cause)):
        reproduce.run(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.toolchain("qemu-system-arm", "native modules armv7emdp", "firmware emu_m7", "instruction counter")
def test_instructions_are_counted_once_a_file(made, tmp_path, monkeypatch):
    files = {"a": made[0] / "overdrive" / "q7.upm", "b": made[0] / "overdrive" / "c1" / "q7.upm"}
    figures, note = speed.measure(files, tmp_path)
    assert not note and figures["a"]["instructions"] > figures["b"]["instructions"] > 5000
    monkeypatch.setattr(speed.bench, "measure", None)
    assert speed.measure(files, tmp_path) == (figures, "")
