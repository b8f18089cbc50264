"""Distilling: the student follows the teacher on audio it never heard, and says where it comes from."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from upedal import (
    audio,
    board,
    cli_fit,
    convert,
    distil,
    distil_audio,
    measure,
    native,
    pack,
    recipe,
    synth,
    upm,
)
from upedal import layers as L
from upedal.errors import UpedalError

SHARED = Path(__file__).resolve().parents[3] / "shared"
STANDARD = SHARED / "data" / "models" / "nam" / "core_wavenet_a1_standard.nam"
RATE = 48000


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory):
    """A driven stage that no small net has at once: a filter, tanh, a filter; with a knob."""
    low = np.exp(-np.arange(32) / 4)[None, None, ::-1].astype(np.float32) / 4
    first = L.Conv1d(
        np.pad(3 * low, ((0, 0), (0, 1), (0, 0))), np.zeros(1, np.float32), 1, "tanh", 0, 1
    )
    first.weight[0, 1, -1] = 0.5  # the knob shifts what is driven
    layers = [first, L.Conv1d(low, np.zeros(1, np.float32), 1, "linear", 1, 2)]
    model = L.Model(layers, RATE, prewarm=100, knobs=[("bias", "V", -1.0, 1.0, 0.0)])
    model.meta = {
        "name": "Driven",
        "author": "A. Person",
        "gear": "a stage",
        "licence": "MIT",
        "esr": "0.1",
    }
    model.loudness_db, model.input_dbu = -17.5, 12.0
    path = tmp_path_factory.mktemp("teacher") / "driven.upm"
    upm.save(model, path)
    return path


@pytest.fixture
def short(monkeypatch):
    """Little audio, so that a test trains in seconds."""
    monkeypatch.setattr(
        distil, "material", lambda *a, **k: (audio_like(1, 12.0), ["a guitar, 12 s"])
    )
    monkeypatch.setattr(distil_audio, "_TAKE_S", 5.0)


def audio_like(seed, seconds=2.5):
    return synth.dry_guitar(seconds, RATE, seed=seed)


def run(teacher_file, folder, **more):
    more = {"recipe": "gru-16", "changes": ["hidden=8", "epochs=1"], "progress": False} | more
    return distil.distil(teacher_file, output=folder / "small.upm", **more)


def test_the_student_follows_the_teacher_on_audio_it_never_heard(teacher_file, tmp_path, short):
    unheard = tmp_path / "other.wav"
    x = 0.4 * audio_like(5)
    audio.write(unheard, x, RATE)
    changes = ["hidden=8", "epochs=15", "batch=8"]
    result = run(teacher_file, tmp_path, tests=[unheard], knobs=[0.5], changes=changes)
    y = distil.read(teacher_file, knobs=[0.5]).play(x)
    blob = (tmp_path / "small.upm").read_bytes()
    student = audio.esr(y, native.render(blob, x))
    assert student < 0.1 < audio.esr(y, x), (
        "a short training; the dry signal itself is much further away"
    )
    assert result["test_esr_by_file"][str(unheard)] == pytest.approx(student, rel=1e-6)
    assert result["test_esr"] < 0.1 and set(result["test_esr_by_level_dbfs"]) == {
        "0",
        "-10",
        "-20",
        "-30",
        "-40",
    }
    assert json.loads((tmp_path / "small.upm.distil" / "result.json").read_text()) == result


def test_what_is_known_of_the_teacher_travels_on(teacher_file, tmp_path, short):
    result = run(teacher_file, tmp_path, knobs=[0.25])
    model = upm.load(tmp_path / "small.upm")
    assert model.meta["name"] == "Driven (distilled)" and model.meta["source"] == "driven.upm"
    assert {k: model.meta[k] for k in ("author", "gear", "licence")} == {
        "author": "A. Person", "gear": "a stage", "licence": "MIT",
    }  # fmt: skip
    assert "driven.upm" in model.meta["distilled"] and "bias 0.25" in model.meta["distilled"]
    assert model.meta["esr"] == f"{result['test_esr']:.5f} against driven.upm"
    assert (model.input_dbu, model.output_dbu) == (12.0, None)
    assert model.loudness_db == pytest.approx(measure.loudness(model)[0], abs=0.01)
    assert abs(model.loudness_db + 17.5) > 1, "as it is itself, not as the teacher's file says"
    assert model.rate_hz == RATE and not model.knobs and result["knobs"] == {"bias": 0.25}


def test_a_board_decides_recipe_grade_and_arithmetic(teacher_file, tmp_path, short, monkeypatch):
    monkeypatch.setattr(recipe, "names", lambda: ["gru-10", "nam-a1-standard"])
    told, warned = [], []
    result = run(
        teacher_file, tmp_path, recipe=None, board="pico2", tell=told.append, warn=warned.append
    )  # fmt: skip
    model = upm.load(tmp_path / "small.upm")
    assert result["recipe"] == "gru-10" and result["arithmetic"] == model.arithmetic == "q15"
    assert result["load"]["student"] < 1 and result["quantisation"]
    assert "Pico 2" in told[0].title and "s of audio" in told[1]
    assert any("itself would load pico2" in text for text in warned)  # this teacher is small


def test_a_judgement_that_fails_leaves_the_model(teacher_file, tmp_path, short, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(distil, "judge", fail)
    told = []
    with pytest.raises(KeyboardInterrupt):
        run(teacher_file, tmp_path, tell=told.append)
    assert upm.load(tmp_path / "small.upm").meta["name"] == "Driven (distilled)"
    assert ["plays" in told[1], "learns" in told[2], "judging" in told[3]] == [True] * 3


def test_an_8_bit_student_has_the_emphasis_and_dither_of_its_board(
    teacher_file, tmp_path, short, monkeypatch
):
    class Seen(Exception):
        pass

    def train(dry, wet, plan, *_):
        raise Seen(plan)

    monkeypatch.setattr(distil, "_train", train)
    profile = board.load("max78000")
    changes = ["emphasis=0.1", "dither=none"]
    for name, want in (
        ("max78000", (profile.pre_emphasis, profile.dither)),
        (None, (0.1, "none")),
    ):
        with pytest.raises(Seen) as seen:
            run(teacher_file, tmp_path, recipe="tinyml-q7", changes=changes, board=name)
        plan = seen.value.args[0]
        assert (plan.emphasis, plan.dither) == want != (None, None)


@pytest.mark.parametrize(
    "more, told",
    [
        ({"recipe": None}, "neither a board nor a recipe"),
        ({"knobs": [0.1, 0.2]}, r"2 knob values; expected 1 \(bias\)"),
        ({"knobs": [3.0]}, "bias 3; expected -1 to 1 V"),
        ({"tests": ["absent.wav"]}, "absent.wav: no such file"),
        ({"files": ["absent.wav"]}, "absent.wav: no such file"),
    ],
)
def test_what_cannot_work_is_refused_before_training(
    teacher_file, tmp_path, monkeypatch, more, told
):
    monkeypatch.setattr(distil, "_train", lambda *a: pytest.fail("trained"))
    with pytest.raises(UpedalError, match=told):
        run(teacher_file, tmp_path, **more)
    assert not (tmp_path / "small.upm").exists()


@pytest.mark.parametrize("gain, told", [(0.0, "silence"), (1e38, "NaN or infinity")])
def test_a_teacher_that_plays_nothing_is_refused(tmp_path, gain, told):
    one = np.ones((1, 1), np.float32)
    loud = [
        L.Dense(one * gain, np.zeros(1, np.float32), dst=1),
        L.Dense(one * 1e10, np.zeros(1, np.float32), src=1, dst=2),
    ]
    teacher = distil.Teacher(Path("mute.upm"), L.Model(loud, RATE))
    with pytest.raises(UpedalError, match=f"mute.upm: plays {told}"):
        teacher.play(audio_like(1))


# ---- the audio -----------------------------------------------------------------------------------


def test_every_source_is_cut_as_training_cuts_and_nothing_is_heard_twice(tmp_path):
    own = tmp_path / "own.wav"
    t = np.arange(10 * 44100) / 44100
    audio.write(own, (0.5 * np.sin(2 * np.pi * 5000 * t)).astype(np.float32), 44100)
    x, told = distil_audio.material(RATE, [own], minutes=1)
    assert x.dtype == np.float32 and np.max(np.abs(x)) <= 1.0
    assert len(x) == pytest.approx((60 + 5 * 24 + 10) * RATE, abs=20)
    assert [text.split(",")[0] for text in told] == [
        "capture signal",
        "synthesised guitar",
        str(own),
    ]
    parts = audio.split(len(x), RATE)
    ends = [
        x[part][-RATE // 2 : -RATE // 50] for part in parts
    ]  # the user's file comes last in every part
    for end in ends:
        spectrum = np.abs(np.fft.rfft(end * np.hanning(len(end))))
        assert abs(np.argmax(spectrum) * RATE / len(end) - 5000) < 10
    pieces = [
        distil_audio.guitar(RATE, -20.0, 0)[part] for part in ("train", "validation", "test")
    ]
    n = min(map(len, pieces))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(pieces[a][:n], pieces[b][:n])[0, 1]) < 0.2


@pytest.mark.parametrize("level", [0.0, -40.0])
def test_the_guitar_is_as_loud_as_said(level):
    for piece in distil_audio.guitar(RATE, level, 3).values():
        assert 20 * np.log10(np.max(np.abs(piece))) == pytest.approx(level, abs=0.01)


def test_the_guitar_has_rumble_and_a_dark_half():
    x = distil_audio.guitar(RATE, -10.0, 0)["train"]
    f = np.fft.rfftfreq(len(x) // 2, 1 / RATE)
    bright, dark = (np.abs(np.fft.rfft(half)) ** 2 for half in np.split(x[: len(x) // 2 * 2], 2))
    low, high = f < 40, f > 2000
    for power in (bright, dark):
        assert power[low].sum() > 10**-2.6 * power.sum()
    assert dark[high].sum() / dark.sum() < 0.2 * bright[high].sum() / bright.sum()


def test_audio_is_at_the_teachers_rate():
    x, _ = distil_audio.material(32000, minutes=1)
    assert len(x) == pytest.approx(180 * 32000, abs=20)


# ---- a golden file, and the verb -----------------------------------------------------------------


@pytest.mark.skipif(not STANDARD.exists(), reason=f"no golden A1-standard: {STANDARD} is absent")
def test_a_golden_file_plays_as_a_teacher_from_rest():
    teacher = distil.read(STANDARD, warn=lambda text: None)
    x = audio_like(2, 1.0)
    want = native.render(
        upm.dumps(convert.read(STANDARD, warn=lambda text: None)), x, prewarm=RATE
    )
    assert audio.esr(want, teacher.play(x)) < 1e-10


def parse(*words):
    top = argparse.ArgumentParser()
    verbs = top.add_subparsers(dest="verb")

    def add(name, text, do):
        p = verbs.add_parser(name)
        p.set_defaults(do=do)
        return p

    cli_fit.verbs(add)
    return top.parse_args([str(word) for word in words])


def test_the_verb_says_how_close_it_came(teacher_file, tmp_path, short, capsys):
    out = tmp_path / "v.upm"
    args = parse(
        "distil",
        teacher_file,
        "-o",
        out,
        "--recipe",
        "gru-10",
        "--minutes",
        "0.01",
        "--arithmetic",
        "q15",
    )
    assert args.do(args) == 0
    said = capsys.readouterr().out.replace("\n", "")
    assert "on audio not trained on" in said and "dBFS" in said and "q15" in said and out.exists()


def test_the_verb_keeps_its_inputs(teacher_file, tmp_path):
    before = teacher_file.read_bytes()
    args = parse("distil", teacher_file, "-o", teacher_file, "--recipe", "gru-10")
    with pytest.raises(UpedalError, match="is an input as well"):
        args.do(args)
    args = parse(
        "distil", teacher_file, "-o", tmp_path / "a.upm", "--audio", "x.wav", "--test", "x.wav"
    )
    with pytest.raises(UpedalError, match="x.wav: to learn from and to judge by"):
        args.do(args)
    assert teacher_file.read_bytes() == before


def test_an_integer_model_can_teach(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = pack.quantised(
            pack.pack(recipe.load("gru-10").build().eval(), RATE), 0.3 * audio_like(4)
        )
    upm.save(model, tmp_path / "q.upm")
    teacher = distil.read(tmp_path / "q.upm")
    assert teacher.model.arithmetic == "q15" and np.max(np.abs(teacher.play(audio_like(3)))) > 0.01
