"""The search for a size: what it trains fits, what it finds is kept, and a killed run goes on."""

import json

import numpy as np
import pytest
from upedal import fit, recipe, synth
from upedal.errors import UpedalError

optuna = pytest.importorskip("optuna", reason="fit search: pip install optuna")
from upedal import fit_search  # noqa: E402

MINUTES = 2 / 60


@pytest.fixture(scope="module")
def pair():
    dry = synth.dry_guitar(4.0, 48000, seed=2)
    return dry, synth.overdrive(dry, 48000)


def search(pair, folder, trials=3, board="pico2", **more):
    return fit_search.run(
        *pair, 48000, board=board, trials=trials, minutes_each=MINUTES, out_dir=folder, **more
    )


@pytest.fixture(scope="module")
def found(pair, tmp_path_factory):
    folder, lines = tmp_path_factory.mktemp("search"), []
    return search(pair, folder, tell=lines.append), folder, lines


def test_three_sizes_that_fit_are_trained_and_written_down(found):
    result, folder, lines = found
    assert json.loads((folder / "results.json").read_text()) == result
    rows = result["rows"]
    assert (
        len(rows) == len(lines) == result["trained"] == 3
        and len({row["name"] for row in rows}) == 3
    )
    assert "gru-16" in {row["name"] for row in rows}  # the usual recipe, to compare with
    assert all(row["load"] <= 1 and 0 < row["val_esr"] < 2 and row["epochs"] >= 1 for row in rows)
    assert result["best"] == min(rows, key=lambda row: row["val_esr"])["name"]
    assert not result["interrupted"]


def test_the_best_is_a_recipe_that_costs_what_was_said(found):
    result, folder, _ = found
    plan = recipe.load(folder / "best.yaml")
    row = next(row for row in result["rows"] if row["name"] == result["best"])
    assert plan.name == result["best"] and result["recipe"] == str(folder / "best.yaml")
    again = fit.rows("pico2", 48000, [plan])[0]
    assert (again.load, again.instructions, again.arithmetic) == (
        row["load"],
        row["instructions"],
        row["arithmetic"],
    )


def test_a_picture_is_drawn(found):
    import matplotlib.image

    result, folder, _ = found
    assert [p.rsplit("/", 1)[1] for p in result["plots"]] == ["pareto.png", "pareto.svg"]
    picture = matplotlib.image.imread(folder / "pareto.png")
    assert picture.shape[0] > 300 and np.std(picture[..., :3]) > 0.01
    assert result["best"] in (folder / "pareto.svg").read_text()


def test_a_finished_search_trains_nothing_again_and_more_trials_add_to_it(
    pair, found, monkeypatch
):
    result, folder, _ = found
    trained = []
    real = fit_search._Search._trial
    monkeypatch.setattr(
        fit_search._Search,
        "_trial",
        lambda self, t, plan: trained.append(plan.name) or real(self, t, plan),
    )
    assert search(pair, folder)["rows"] == result["rows"] and not trained


@pytest.fixture
def small(monkeypatch):
    """Nets that are soon built and trained."""
    monkeypatch.setattr(fit_search, "_BASES", {"gru": "gru-16"})


class Killed(Exception):
    """Stands for a process that is gone: nothing tells the study."""


def test_a_killed_run_goes_on_with_the_trial_it_was_in(pair, tmp_path, monkeypatch, small):
    from upedal import train

    seen = []
    real = train.train

    def fake(dry, wet, rate_hz, plan, **how):
        seen.append((plan.name, how["out_dir"], how["seed"]))
        if len(seen) == 2:
            raise Killed
        return real(dry, wet, rate_hz, plan, **how | {"minutes": 0.005})

    monkeypatch.setattr(train, "train", fake)
    with pytest.raises(Killed):
        search(pair, tmp_path, trials=2)
    result = search(pair, tmp_path, trials=2)
    assert (
        seen[2] == seen[1] and seen[0] != seen[1]
    )  # the same net in the same folder, where its checkpoint is
    assert [name for name, *_ in seen[:2]] == sorted(
        {row["name"] for row in result["rows"]}, key=[s[0] for s in seen].index
    )


def test_ctrl_c_keeps_what_is_finished(pair, tmp_path, monkeypatch, small):
    from upedal import train

    real, calls = train.train, []

    def fake(*args, **how):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **how | {"minutes": 0.005})

    monkeypatch.setattr(train, "train", fake)
    result = search(pair, tmp_path, trials=3)
    assert result["interrupted"] and result["trained"] == 1 and result["best"] == "gru-16"
    assert json.loads((tmp_path / "results.json").read_text())["interrupted"]


def test_what_the_board_cannot_play_is_not_trained(pair, tmp_path, monkeypatch):
    from upedal import train

    monkeypatch.setattr(fit_search, "_MOST_ASKED", 4)
    monkeypatch.setattr(
        fit, "measure", lambda *a: fit.Row("x", "f32", 3.0, 1, 1, False, "too slow", 1, 1, 0.0)
    )
    monkeypatch.setattr(train, "train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(UpedalError, match="pico2: none of 4 sizes fits"):
        search(pair, tmp_path, trials=1)


def test_a_folder_of_another_search_is_refused(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_search._Search, "go", lambda self: None)
    with pytest.raises(UpedalError):  # nothing trained, nothing to tell
        search(pair, tmp_path)
    with pytest.raises(UpedalError, match="a search with board pico2, now teensy41; remove it"):
        search(pair, tmp_path, board="teensy41")
    (tmp_path / "search.db").write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(UpedalError, match="search.db: not a search that can go on"):
        search(pair, tmp_path)


def test_trainings_that_fail_end_the_search_with_their_reason(pair, tmp_path, monkeypatch, small):
    from upedal import train

    def fail(*args, **how):
        raise UpedalError("the wet part is silent")

    monkeypatch.setattr(train, "train", fail)
    with pytest.raises(
        UpedalError, match="3 trainings in a row failed, the last with: the wet part is silent"
    ):
        search(pair, tmp_path)


def row(name, instructions, val_esr):
    return {"name": name, "instructions": instructions, "val_esr": val_esr}


def test_pareto_marks_what_no_other_beats_in_both():
    rows = [
        row("a", 10, 0.5),
        row("b", 20, 0.6),
        row("c", 30, 0.1),
        row("d", 30, 0.2),
        row("e", 40, 0.05),
    ]
    marked = {r["name"]: r["pareto"] for r in fit_search.pareto(rows[::-1])}
    assert marked == {"a": True, "b": False, "c": True, "d": False, "e": True}


def test_every_proposal_is_a_recipe_that_can_be_written_and_read(tmp_path):
    sampler = optuna.samplers.RandomSampler(seed=1)
    study, kinds = optuna.create_study(directions=["minimize"] * 2, sampler=sampler), set()
    for _ in range(40):
        plan = fit_search.propose(study.ask())
        kinds.add(plan.net)
        head = {"val_esr": 0.1, "seconds": 1.0, "load": None, "arithmetic": "f32"}
        (tmp_path / "r.yaml").write_text(fit_search.as_yaml(fit_search.changed(plan), None, head))
        assert recipe.load(tmp_path / "r.yaml") == plan
    assert kinds == {"gru", "lstm", "tcn", "wavenet"}
