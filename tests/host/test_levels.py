"""Levels, names and licence: checked, measured, and the same after a journey through other formats."""

import argparse
import json

import numpy as np
import pytest
from upedal import layers as L
from upedal import levels, measure, synth, upm
from upedal import quant as quantise
from upedal.convert import aidax, guitarml, nam, namb
from upedal.errors import UpedalError

META = {
    "name": "Größer Verstärker", "author": "A. B.", "gear": "Marshall 1959", "gear_type": "amp", "tone_type": "crunch",
    "licence": "CC-BY-4.0", "made_on": "2026-02-03", "recipe": "gru-16", "seed": "7", "made_by": "upedal 0.1.0",
    "validation_esr": "0.01234", "test_esr": "0.02",
}  # fmt: skip


def quiet(text):
    pass


def gain(factor, delay=0):
    taps = np.zeros((1, 1, delay + 1), np.float32)
    taps[0, 0, 0] = factor  # tap 0 is the oldest
    return L.Model([L.Conv1d(taps, np.zeros(1, np.float32))], 48000)


def shaped(kind, drive=1.0):
    return L.Model(
        [L.Dense(np.full((1, 1), drive, np.float32), np.zeros(1, np.float32), kind)], 48000
    )


def lstm(hidden=8):
    rng = np.random.default_rng(0)
    shapes = ((4 * hidden, 1), (4 * hidden, hidden), (4 * hidden,))
    w = [(0.5 * rng.standard_normal(s)).astype(np.float32) for s in shapes]
    head = L.Dense(
        rng.standard_normal((1, hidden)).astype(np.float32), np.zeros(1, np.float32), src=1, dst=2
    )
    return L.Model([L.Lstm(*w), head], 48000)


def told(model):
    model = levels.apply(
        model, input_dbu=12.5, output_dbu=-3.0, meta=META, lag_frames=1029.25, polarity=-1
    )
    return upm.loads(upm.dumps(model))


def same_levels(a, b):
    ours = [(m.loudness_db, m.input_dbu, m.output_dbu) for m in (a, b)]
    return np.allclose(*np.array(ours, float), rtol=1e-5)


# ---- measuring -----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.5, 1.0, -2.0])
def test_loudness_of_a_straight_wire_is_the_guitar_s_and_its_gain_is_none(factor):
    x = synth.dry_guitar(3.0, 48000, 2).astype(np.float64)
    loud, driven = measure.loudness(gain(factor))
    assert abs(loud - 10 * np.log10(np.mean(x * x) * factor**2)) < 1e-3
    assert driven < 1e-6
    assert abs(loud - 20 * np.log10(abs(factor)) - -19.3) < 0.05, "as the docstring says"


def test_gain_grows_with_drive_towards_one():
    found = [measure.loudness(shaped("tanh", drive))[1] for drive in (0.1, 3.0, 30.0, 3000.0)]
    assert found == sorted(found) and found[0] < 0.01 and 0.75 < found[-1] <= 1.0


def test_a_mute_model_has_no_loudness():
    assert measure.loudness(gain(0.0)) == (None, 0.0)
    assert levels.apply(gain(0.0)).loudness_db is None


def test_apply_measures_and_keeps_what_it_is_told():
    model = told(gain(-0.5, delay=12))
    assert (model.latency, model.polarity) == (12.0, -1)
    assert (model.input_dbu, model.output_dbu) == (12.5, -3.0)
    assert abs(model.loudness_db - (-19.3 - 6.02)) < 0.05
    own = {"gain": "0.000", "recorded_lag_frames": "1029.25", "recorded_polarity": "-1"}
    assert model.meta == META | own


def test_integer_models_are_measured_too():
    model = levels.apply(quantise.quantise(lstm()), input_dbu=4.0)
    again = upm.loads(upm.dumps(model))
    assert model.arithmetic == "q15" and again.input_dbu == 4.0
    assert abs(again.loudness_db - measure.loudness(lstm())[0]) < 0.1


# ---- other formats -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: gain(0.5, 3), lstm], ids=["linear", "lstm"])
def test_everything_survives_upm_to_nam_to_upm(make):
    before = told(make())
    written = nam.write(before, "x.nam", warn=pytest.fail)
    after = upm.loads(upm.dumps(nam.read(written, "x.nam", warn=pytest.fail)))
    after.meta.pop("source")  # what it was converted from
    assert float(after.meta.pop("gain")) == float(before.meta.pop("gain"))
    assert after.meta == before.meta
    assert same_levels(before, after) and after.rate_hz == before.rate_hz


def test_nam_has_its_own_names_for_them():
    found = json.loads(nam.write(told(lstm()), "x.nam", warn=pytest.fail))["metadata"]
    assert found["modeled_by"] == "A. B." and found["gear_model"] == "Marshall 1959"
    assert found["date"] == {
        "year": 2026,
        "month": 2,
        "day": 3,
        "hour": 0,
        "minute": 0,
        "second": 0,
    }
    assert (found["input_level_dbu"], found["output_level_dbu"]) == (12.5, -3.0)
    assert isinstance(found["loudness"], float) and 0 <= found["gain"] <= 1
    assert found["licence"] == "CC-BY-4.0" and found["upedal"]["recipe"] == "gru-16"


@pytest.mark.parametrize("format", [aidax, guitarml], ids=["aidax", "guitarml"])
def test_names_and_levels_survive_the_json_of_recurrent_nets(format):
    before, warnings = told(lstm()), []
    after = format.read(format.write(before, "x.json", warn=warnings.append), "x.json", warn=quiet)
    keys = (
        "name",
        "author",
        "gear",
        "gear_type",
        "tone_type",
        "licence",
        "made_on",
        "validation_esr",
        "gain",
    )
    assert {k: after.meta[k] for k in keys} == {k: before.meta[k] for k in keys}
    assert same_levels(before, after)
    assert any("recipe" in w and "licence" not in w for w in warnings)


def test_namb_keeps_the_levels_and_says_what_it_loses():
    before, warnings = told(lstm()), []
    after = namb.read(namb.write(before, "x.namb", warn=warnings.append), "x.namb", warn=quiet)
    assert same_levels(before, after)
    assert any("modeled_by" in w and "licence" in w and "date" in w for w in warnings)


HOSTILE = [
    {"date": 3}, {"date": {"year": 2026, "month": 13, "day": 1}}, {"date": {"year": "2026", "month": 1, "day": 1}},
    {"date": {"year": 10**30, "month": 1, "day": 1}}, {"upedal": []}, {"upedal": {"a=b": "c", "x\ny": "z", "N": 1}},
    {"upedal": {"name": "other", "licence": "none"}}, {"upedal": {f"k{i}": "v" for i in range(1000)}},
    {"upedal": {"k": "a\nname=b"}}, {"upedal": {"k": {"deep": []}}}, {"loudness": "loud"}, {"input_level_dbu": 1e9},
]  # fmt: skip


@pytest.mark.parametrize("metadata", HOSTILE, ids=str)
def test_a_stranger_s_metadata_cannot_spoil_the_file(metadata):
    obj = json.loads(nam.write(gain(1.0), "x.nam", warn=quiet)) | {
        "metadata": {"name": "n", **metadata}
    }
    model = upm.loads(upm.dumps(nam.read(json.dumps(obj).encode(), "x.nam", warn=quiet)))
    assert model.meta["name"] == "n" and len(model.meta) < 40
    assert not set(model.meta) & {"licence", "made_on", "N", "a=b"}
    assert (model.loudness_db, model.input_dbu) == (None, None)


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-60, "60", 12.5, 0])
def test_levels_in_range_pass(value):
    assert levels.dbu(value) == float(value)


@pytest.mark.parametrize("value", [-60.1, 61, "loud", float("nan"), float("inf"), "", [1]])
def test_levels_out_of_range_are_refused_with_the_range(value):
    with pytest.raises(UpedalError, match="-60 to 60 dBu"):
        levels.dbu(value, "input_dbu")


@pytest.mark.parametrize(
    "key, value, says",
    [("name", "a\nb", "U\\+000A"), ("gear", "a\x1b[31m", "U\\+001B"), ("author", "\u2028", "U\\+2028"),
     ("licence", "x" * 201, "201 letters"), ("name", " ", "letters"), ("name", "\ud800", "U\\+D800"),
     ("gear_type", "banjo", "amp, pedal"), ("tone_type", "loud", "clean, overdrive")],
)  # fmt: skip
def test_texts_that_would_spoil_a_file_or_a_terminal_are_refused(key, value, says):
    with pytest.raises(UpedalError, match=says):
        levels.check({key: value})


def test_check_leaves_unknown_keys_and_drops_what_was_not_given():
    assert levels.check({"name": None, "seed": 3, "gear": "é"}) == (
        {"seed": 3, "gear": "é"},
        None,
        None,
    )


def parsed(*argv):
    p = argparse.ArgumentParser()
    levels.options(p)
    return levels.given(p.parse_args(argv))


def test_options_are_read():
    got = parsed("--name", "x", "--gear-type", "pedal", "--input-dbu", "12", "--output-dbu=-3.5")
    assert got == {
        "meta": {"name": "x", "gear_type": "pedal"},
        "input_dbu": 12.0,
        "output_dbu": -3.5,
    }


@pytest.mark.parametrize(
    "argv", [("--input-dbu", "61"), ("--name", "a\tb"), ("--gear-type", "banjo")]
)
def test_wrong_options_end_with_a_sentence(argv, capsys):
    with pytest.raises(SystemExit):
        parsed(*argv)
    assert argv[0] in capsys.readouterr().err
