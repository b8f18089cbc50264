"""A job: two files in, a model, a result and a report out; what is wrong is said before training."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import audio, cli, job, judge, synth, upm
from upedal.errors import UpedalError
from upedal.native import render

RATE = 48000
SMALL = ["hidden=6", "batch=32", "segment=256", "epochs=12"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A pair whose wet side is 40 frames late and inverted."""
    folder = tmp_path_factory.mktemp("pair")
    dry = synth.dry_guitar(6, RATE, seed=3)
    wet = np.roll(-synth.overdrive(dry, RATE, drive=0.2), 40)
    wet[:40] = 0
    audio.write(folder / "dry.wav", dry, RATE)
    audio.write(folder / "wet.wav", wet, RATE)
    return str(folder / "dry.wav"), str(folder / "wet.wav")


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "amp.upm"
    plan = job.Job(
        str(out),
        *files,
        changes=SMALL,
        meta={"name": "Amp", "licence": "MIT"},
        input_dbu=12.5,
        command="upedal train",
    )
    said = []
    return plan, job.run(plan, show=lambda text: said.append(str(text)), progress=False), said


def test_the_result_is_what_the_file_plays(made, files):
    plan, result, _ = made
    (dry, _), (wet, _) = (audio.read(f) for f in files)
    lag = result["alignment"]["cut_frames"]
    dry, wet = dry[: len(dry) - lag], wet[lag:]
    part = audio.split(len(dry), RATE)[2]
    output = render(upm.read_blob(plan.output), dry)
    assert audio.esr(wet[part], output[part]) == pytest.approx(
        result["packed_esr"], rel=0.05
    )  # wet here still has its DC
    assert (
        result["packed_esr"] == pytest.approx(result["test_esr"], rel=0.05)
        and result["test_esr"] < 0.3
    )


def test_lag_and_polarity_are_found_said_and_kept(made):
    plan, result, said = made
    assert (
        result["alignment"]["lag_frames"] == pytest.approx(40, abs=1.5)
        and result["alignment"]["polarity"] == -1
    )
    model = upm.load(plan.output)
    assert (
        model.input_dbu == 12.5 and model.meta["licence"] == "MIT" and model.meta["name"] == "Amp"
    )
    assert model.polarity == -1 and any("late" in line for line in said), said


def test_the_folder_holds_all_that_a_repetition_needs(made, files):
    plan, result, _ = made
    stored = json.loads((plan.folder / "result.json").read_text())
    assert (
        stored["recipe"]["hidden"] == 6
        and stored["command"] == "upedal train"
        and stored["seed"] == 0
    )
    assert [d["sha256"] for d in stored["data"]] == [judge.sha256(f) for f in files]
    assert len(stored["history"]) == 12 and "val_mrstft" in stored["history"][0]
    assert stored["environment"]["torch"] == torch.__version__
    assert (plan.folder / "report.html").stat().st_size > 50_000
    assert stored["upm_bytes"] == len(upm.read_blob(plan.output))


def test_the_linear_fit_says_what_a_filter_reaches():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(3 * RATE)
    linear = np.convolve(x, [0.5, 0, -0.25, 0.1])[: len(x)]
    assert judge.linear_esr(x, linear, RATE) < 1e-6
    noisy = linear + 0.1 * np.sqrt(np.mean(linear**2)) * rng.standard_normal(len(x))
    assert judge.linear_esr(x, noisy, RATE) == pytest.approx(0.01 / 1.01, rel=0.05)


def test_emphasised_esr_by_its_formula():
    y, p = np.random.default_rng(1).standard_normal((2, 1000))

    def emphasise(s):
        return s[1:] - 0.95 * s[:-1]

    expected = np.sum(emphasise(y - p) ** 2) / np.sum(emphasise(y) ** 2)
    assert judge.emphasised_esr(y, p) == pytest.approx(expected, rel=1e-9)


def test_a_board_without_a_recipe_gets_the_best_that_fits(files, tmp_path):
    plan = job.Job(
        str(tmp_path / "amp.upm"),
        *files,
        recipe=None,
        board="pico2",
        changes=["epochs=1"],
        report=False,
    )
    said = []
    result = job.run(plan, show=said.append, progress=False)
    assert result["boards"][0]["name"] == "pico2" and result["boards"][0]["load"] <= 1
    assert any(hasattr(line, "columns") for line in said)  # the table


def test_a_second_pair_is_opened_before_training(files, tmp_path):
    plan = job.Job(str(tmp_path / "amp.upm"), *files, test=(str(tmp_path / "none.wav"), files[1]))
    with pytest.raises(UpedalError, match=r"none\.wav: no such file"):
        job.run(plan, progress=False)
    assert not plan.folder.exists()


def test_what_the_checks_refuse_is_not_trained_unless_forced(files, tmp_path, capsys):
    args = [
        "train",
        files[0],
        files[0],
        "-o",
        str(tmp_path / "a.upm"),
        "--recipe",
        "gru-10",
        "--set",
        "epochs=1",
    ]
    assert cli.main(args) == 1 and "same" in capsys.readouterr().err
    assert cli.main([*args, "--force"]) == 0 and (tmp_path / "a.upm").is_file()


def test_8_bit_models_go_the_same_way(files, tmp_path):
    plan = job.Job(
        str(tmp_path / "amp.upm"), *files, recipe="tinyml-q7", minutes=0.15, report=False,
        changes=["channels=4", "hidden=8", "dilations=[1, 4, 16]", "batch=16", "segment=1024"],
    )  # fmt: skip
    result = job.run(plan, progress=False)
    assert result["arithmetic"] == "q7" and result["quantised"]["arithmetic"] == "q7"
    assert (
        upm.load(plan.output).arithmetic == "q7"
        and result["packed_esr"] == result["quantised"]["esr"]
    )
