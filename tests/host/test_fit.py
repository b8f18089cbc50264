"""Fit first: the costs told before training are those of what training makes, and nothing is told that is not known."""

import dataclasses
import io
import json

import numpy as np
import pytest
import torch
import yaml
from upedal import board, cost, fit, native, pack, paths, recipe, upm
from upedal.errors import UpedalError


def row(name="a", fits=True, quality=0.0, macs=100, load=0.5, arithmetic="f32"):
    return fit.Row(name, arithmetic, load, 1000, 2000, fits, "", macs, 1000, quality)


@pytest.fixture(scope="module")
def pico():
    return {r.recipe: r for r in fit.rows("pico2", 48000)}


@pytest.mark.parametrize("name", ["gru-10", "nam-a1-nano"])
def test_a_row_is_what_the_packed_model_costs(pico, name):
    profile = board.load("pico2")
    torch.manual_seed(5)  # other weights than fit's
    model = pack.pack(recipe.load(name).build().eval(), 48000, grade=profile.grade)
    macs = sum(map(upm.macs, model.layers))
    model, _ = pack.choose(model, "auto", profile)
    assert pico[name].arithmetic == model.arithmetic
    assert pico[name].instructions == cost.instructions(model)[0]
    assert pico[name].load == pytest.approx(
        cost.cycles(model, "cortex-m33") / profile.budget_cycles_per_sample
    )
    tables = 4096 * len(model.layers)  # which layers share one hangs on weights and calibration
    assert abs(pico[name].memory_bytes - cost.memory(model)) <= tables
    assert pico[name].macs == macs


def test_memory_is_the_file_the_arena_and_the_arena_at_rest():
    profile = board.load("desktop")
    model = fit.shapes(recipe.load("gru-10"), 48000, profile.grade)["f32"]
    net = native.Net(upm.dumps(model))
    got = fit.measure(recipe.load("gru-10"), 48000, profile).memory_bytes
    assert got == len(upm.dumps(model)) + 2 * net.arena_bytes


def test_every_recipe_is_told_of_and_the_best_that_fit_come_first(pico):
    assert set(pico) == set(recipe.names())
    fits = [r.fits for r in pico.values()]
    assert fits == sorted(fits, reverse=True) and fits[0] and not fits[-1]
    assert all((r.load <= 1) == r.fits for r in pico.values())
    assert all("too slow" in r.note for r in pico.values() if not r.fits)


def test_the_load_is_for_the_rate_of_the_recordings(pico):
    half = fit.rows("pico2", 24000, ["gru-10"])[0]
    assert half.load == pytest.approx(0.5 * pico["gru-10"].load)


@pytest.mark.parametrize(
    "name, told", [("esp32s3", "cycles on xtensa-lx7 are not known"), ("desktop", "no clock")]
)
def test_nothing_is_made_up_where_cycles_are_not_known(name, told):
    found = fit.rows(name, 48000, ["gru-16", "gru-10"])
    assert [(r.load, r.fits) for r in found] == [(None, None)] * 2
    assert all(told in r.note for r in found)
    chosen, why = fit._pick(found, board.load(name))
    assert chosen.recipe == "gru-16" and "not known" in why


def test_a_board_made_for_8_bit_nets_gets_one():
    found = fit.rows("max78000", 44100, ["tinyml-q7", "gru-10"])
    assert fit._pick(found, board.load("max78000"))[0].recipe == "tinyml-q7"


def test_best_goes_by_measured_error_and_by_size_where_there_is_none():
    assert fit.best([row("big", macs=900), row("small", macs=10)]).recipe == "big"
    measured = [row("big", macs=900), row("good", quality=0.01), row("bad", quality=0.3)]
    assert fit.best(measured).recipe == "good"
    assert fit.best([row("x", fits=False), row("y", fits=None, load=None)]) is None


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(recipe, "names", lambda: ["gru-10", "gru-16", "nam-a1-standard"])


def test_choose_says_which_and_why(few):
    name, arithmetic, table = fit.choose("pico2", 48000)
    expected = fit.best(fit.rows("pico2", 48000))
    assert (name, arithmetic) == (expected.recipe, expected.arithmetic)
    assert name in table.caption and "Pico 2" in table.caption
    assert table.row_count == 3


def test_what_must_be_typed_is_whole_at_80_columns():
    from rich.console import Console

    names = ["damskaegg-wavenet3", "nam-a1-standard", "gru-10"]
    profile = board.load("pico2")
    on = Console(width=80, file=io.StringIO())
    on.print(fit.table(fit.rows(profile, 48000, names), profile, 48000))
    words = on.file.getvalue()
    assert all(name in words for name in names) and "…" not in words
    assert "%" in words.split("gru-10")[1] and max(map(len, words.splitlines())) <= 80


def test_a_board_that_nothing_fits_is_refused_with_what_to_do(tmp_path, few):
    values = yaml.safe_load((paths.BOARDS / "pico2.yaml").read_text())
    values["clock_hz"] = 10_000_000
    (tmp_path / "slow.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(
        UpedalError, match="slow: no recipe fits; the smallest, gru-10, loads it .*--fit-search"
    ):
        fit.choose(str(tmp_path / "slow.yaml"), 48000)


def test_a_board_short_of_memory_is_told_so():
    profile = board.load("teensy41")
    small = dataclasses.replace(profile.memory[0], bytes=30_000, purpose="models")
    profile = dataclasses.replace(profile, memory=(small,))
    found = fit.measure(recipe.load("nam-a2-lite"), 48000, profile)
    assert found.load < 1 and found.fits is False and found.note == "too much RAM"
    assert found.memory_budget == 15_000 < found.memory_bytes


def test_knobs_cost_what_the_conditioned_net_costs():
    names = ["gru-10", "tcn-small", "tinyml-q7"]
    plain, turned = (
        {r.recipe: r for r in fit.rows("teensy41", 48000, names, knobs)} for knobs in (0, 3)
    )
    assert set(turned) == {"gru-10", "tcn-small"}  # 8-bit nets have no knobs
    assert turned["gru-10"].macs == plain["gru-10"].macs + 3 * 3 * 10
    assert all(turned[name].load > plain[name].load for name in turned)


def test_a_recipe_that_cannot_be_at_a_rate_says_so():
    found = fit.rows("max78000", 24000, ["tinyml-q7"])
    assert (
        found[0].fits is False
        and found[0].load is None
        and "high-pass at 17000 Hz" in found[0].note
    )
    with pytest.raises(UpedalError, match="max78000: no recipe fits. Take"):
        fit._pick(found, board.load("max78000"))


def test_random_numbers_go_on_as_if_nothing_was_built():
    torch.manual_seed(3)
    want = torch.rand(3)
    torch.manual_seed(3)
    fit.rows("pico2", 48000, ["gru-10"])
    assert torch.equal(torch.rand(3), want)


def test_measured_errors_in_recipes_are_ratios():
    for name in recipe.names():
        plan = recipe.load(name)
        assert np.isfinite(plan.quality) and plan.quality < 1
        assert bool(plan.quality) <= bool(plan.expect), (
            f"{name}: quality without saying where from"
        )


def parse(*words):
    import argparse

    from upedal import cli_fit

    top = argparse.ArgumentParser()
    verbs = top.add_subparsers(dest="verb")

    def add(name, text, do):
        p = verbs.add_parser(name)
        p.set_defaults(do=do)
        return p

    cli_fit.verbs(add)
    return top.parse_args(words)


def test_the_verb_prints_the_table(capsys, few):
    args = parse("fit", "--board", "pico2")
    args.do(args)
    out = " ".join(capsys.readouterr().out.split())
    assert "gru-10" in out and "too slow" in out and "of those that fit Raspberry Pi Pico 2" in out
    args = parse("fit", "--board", "pico2", "--json")
    args.do(args)
    rows = {r["recipe"]: r for r in json.loads(capsys.readouterr().out)}
    assert rows["gru-10"]["fits"] is True and rows["nam-a1-standard"]["fits"] is False
    with pytest.raises(UpedalError, match="--rate-hz 5"):
        args = parse("fit", "--board", "pico2", "--rate-hz", "5")
        args.do(args)
