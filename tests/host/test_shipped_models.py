"""`upedal models`: what comes along loads, may be passed on, and is what its card says."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from upedal import audio, cost, library, native, paths, upm
from upedal.cli import main
from upedal.errors import UpedalError

PAIRS = paths.ROOT.parent / "shared" / "data" / "pairs"
TOOL = paths.ROOT / "tools" / "make_card.py"
SHIPPED = library.shipped()
each = pytest.mark.parametrize("one", SHIPPED, ids=lambda s: s.name)
card = {
    "title": "Amp", "gear": "An amp", "licence": "MIT", "data": [{"what": "a take", "seconds": 60, "licence": "CC0-1.0"}],
    "judged": "its last tenth", "faults": ["none known"],
}  # fmt: skip


@pytest.fixture
def family(tmp_path, monkeypatch):
    """models/ of one folder, amp, with amp-small.upm (fits a Pico 2) and amp-large.upm (fits a Teensy 4.1)."""
    folder = tmp_path / "models" / "amp"
    folder.mkdir(parents=True)
    entries = []
    for name, source, esr in (
        ("small", paths.ROOT / "tests" / "vectors" / "gru4.upm", 0.05),
        ("large", paths.MODELS / "boss_ds1" / "boss_ds1.upm", 0.01),
    ):
        model = upm.load(source)
        model.meta["test_esr"] = f"{esr}"
        upm.save(model, folder / f"amp-{name}.upm")
        entries.append(
            {
                "file": f"amp-{name}.upm",
                "for": name,
                "recipe": "gru-16",
                "training": "1 minute",
                "esr": esr,
            }
        )
    (folder / "card.yaml").write_text(json.dumps(card | {"models": entries}))
    monkeypatch.setattr(paths, "MODELS", tmp_path / "models")
    library.shipped.cache_clear()
    yield folder
    library.shipped.cache_clear()


# ---- what comes along ----


def test_something_comes_along():
    assert "boss_ds1" in [one.name for one in SHIPPED]
    folders = {p.parent for p in paths.MODELS.glob("*/*.upm")}
    assert folders == {one.path.parent for one in SHIPPED}, "a folder of models without card.yaml"
    names = [one.name for one in SHIPPED]
    assert len(set(names)) == len(names), "two files of one name"


@each
def test_a_shipped_model_plays_and_is_what_its_card_says(one):
    model, found = one.model(), library.facts(one)
    assert float(model.meta["test_esr"]) == pytest.approx(one.entry["esr"], abs=6e-6)
    y = native.render(one.blob(), 0.1 * np.ones(500, "float32"))
    assert np.all(np.isfinite(y)) and np.any(y)
    assert (
        found["bytes"] == len(one.blob()) and found["instructions"] == cost.instructions(model)[0]
    )
    if one.entry["counted"]:  # the estimate is within 20 % of what an emulator counts
        assert 0.8 < found["instructions"] / one.entry["counted"] < 1.25


@each
def test_a_shipped_model_may_be_passed_on(one):
    assert one.model().meta["licence"] == one.card["licence"]
    assert {one.card["licence"], *(d["licence"] for d in one.card["data"])} <= set(
        library.LICENCES
    )


def test_cards_are_as_the_tool_writes_them():
    done = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_ds1_reaches_its_figure_on_the_recording_it_was_judged_on():
    if not PAIRS.is_dir():
        pytest.skip(f"{PAIRS}: the recordings are not here")
    dry, wet = (
        audio.read(PAIRS / "boss_ds1" / f"test_{side}.wav")[0] for side in ("input", "target")
    )
    one = (
        library.find("boss_ds1")
        if len([s for s in SHIPPED if s.path.parent.name == "boss_ds1"]) == 1
        else None
    )
    one = one or next(s for s in SHIPPED if s.name == "boss_ds1")
    found = audio.esr(wet[:-9], native.render(one.blob(), dry[9:]))
    assert found == pytest.approx(one.entry["esr"], rel=0.01), found


# ---- the verb ----


def test_the_list_names_every_model_with_its_figures(capsys):
    assert main(["models", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [f["name"] for f in found] == [one.name for one in SHIPPED]
    assert all(f["bytes"] > 0 and set(f["loads"]) == set(library.BOARDS) for f in found)
    assert main(["models"]) == 0
    words = capsys.readouterr().out
    assert "boss_ds1" in words and "GRU 32" in words and "MIT" in words


def test_names_are_whole_at_80_columns():
    from rich.console import Console
    from upedal import cli_library

    found = [
        library.facts(one) | {"name": f"quite_a_long_name_{k}"} for k, one in enumerate(SHIPPED)
    ]
    on = Console(width=80, file=io.StringIO())
    on.print(cli_library._table(found))
    words = on.file.getvalue()
    assert all(f["name"] in words for f in found) and "…" not in words
    assert max(map(len, words.splitlines())) <= 80


def test_a_name_shows_its_card_and_fetches_its_file(tmp_path, capsys):
    assert main(["models", "boss_ds1"]) == 0
    assert capsys.readouterr().out == (paths.MODELS / "boss_ds1" / "card.md").read_text()
    wanted = tmp_path / "new" / "ds1.upm"
    assert main(["models", "boss_ds1", "-o", str(wanted)]) == 0
    assert wanted.read_bytes() == (paths.MODELS / "boss_ds1" / "boss_ds1.upm").read_bytes()
    assert main(["models", "boss_ds1", "-o", str(tmp_path)]) == 0
    assert (tmp_path / "boss_ds1.upm").is_file()


def test_an_unknown_name_is_met_with_near_ones(capsys):
    assert main(["models", "bos_ds1"]) == 1
    assert "model 'bos_ds1' does not come along; did you mean boss_ds1" in capsys.readouterr().err
    assert main(["models", "xyzzy"]) == 1
    assert "expected one of" in capsys.readouterr().err
    assert main(["models", "-o", "x.upm"]) == 1
    assert "without a name" in capsys.readouterr().err


def test_of_several_files_the_board_chooses_the_best_that_fits(family, tmp_path):
    assert library.find("amp", "teensy41").name == "amp-large"
    assert library.find("amp", "pico2").name == "amp-small"
    assert library.find("amp-large").name == "amp-large"
    with pytest.raises(
        UpedalError, match="there are amp-small, amp-large; name one, or a --board"
    ):
        library.find("amp")
    with pytest.raises(UpedalError, match="did you mean amp-small"):
        library.find("amp-smal")
    shutil.copy(family / "amp-large.upm", family / "amp-small.upm")
    with pytest.raises(UpedalError, match=r"none fits pico2; loads: amp-small \d+%"):
        library.find("amp", "pico2")


def test_the_list_for_a_board_has_only_what_fits(family, capsys):
    assert main(["models", "--json", "--board", "pico2"]) == 0
    assert [f["name"] for f in json.loads(capsys.readouterr().out)] == ["amp-small"]


# ---- cards ----


@pytest.mark.parametrize(
    "change,said",
    [
        ({"licence": "GPL-3.0"}, "licence: found 'GPL-3.0'; expected one of MIT"),
        ({"gear": ""}, "gear: found ''; expected text"),
        ({"data": [{"what": "x", "seconds": -1, "licence": "MIT"}]}, "data[0].seconds: found -1"),
        (
            {"data": [{"what": "x", "seconds": 1, "licence": "CC-BY-NC-4.0"}]},
            "data[0].licence: found 'CC-BY-NC-4.0'",
        ),
        (
            {"models": []},
            "models: found []; expected the files ['amp-large.upm', 'amp-small.upm']",
        ),
        ({"more": 1}, "more: found an unknown key"),
    ],
)
def test_a_wrong_card_is_refused_with_file_key_value_and_what_was_expected(family, change, said):
    path = family / "card.yaml"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UpedalError) as error:
        library.card(family)
    assert str(path) in str(error.value) and said in str(error.value)


def test_a_trained_model_is_adopted_with_its_figures(family, tmp_path):
    work = tmp_path / "trained"
    work.mkdir()
    model = upm.load(family / "amp-small.upm")
    model.meta |= {"test_esr": "0.02", "licence": "MIT"}
    upm.save(model, work / "mine.upm")
    told = {
        "output": "mine.upm", "recipe": {"name": "gru-4"}, "train_seconds": 90.0, "seed": 3, "test_mrstft": 0.51234,
        "environment": {"threads": 2, "cpu": "a CPU"},
    }  # fmt: skip
    (work / "result.json").write_text(json.dumps(told))
    done = subprocess.run(
        [sys.executable, TOOL, "--adopt", work / "result.json", family, "pico2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (family / "amp-pico2.upm").read_bytes() == (work / "mine.upm").read_bytes()
    entry = next(s for s in library.read(family) if s.name == "amp-pico2").entry
    assert (entry["esr"], entry["mrstft"], entry["training"]) == (
        0.02,
        0.5123,
        "1.5 minutes, 2 threads of a CPU, seed 3",
    )
    assert "| `amp-pico2.upm` | Raspberry Pi Pico 2 | GRU 4 |" in (family / "card.md").read_text()


@pytest.mark.parametrize(
    "name,told",
    [("gru4", "GRU 4"), ("gru9_2knobs", "GRU 9, 2 knobs"), ("gru6_gru5", "GRU 6 + GRU 5")],
)
def test_an_architecture_is_told_from_the_layers(name, told):
    assert library.net(upm.load(paths.ROOT / "tests" / "vectors" / f"{name}.upm")) == told
