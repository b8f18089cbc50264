"""A whole pedal for some seconds under all storms of `upedal soak`; `make soak` plays ten minutes."""

import json

import pytest
from upedal import soak
from upedal.errors import UpedalError

NEEDS = ("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
# Instructions of a quiet block: gate, A2-Lite in q15, tone, 1,024 taps, delay, reverb, and Python. Counts
# are the same every run; who changes a kernel or what is called between two blocks changes the number.
QUIET = 341_400
STORM_MOST = 430_000  # on average, while all blows


@pytest.fixture(scope="module")
def result():
    return soak.run(minutes=0.1, part_s=0.5, cpi=1.035, seed=3)


@pytest.mark.toolchain(*NEEDS)
def test_a_pedal_loses_nothing_whatever_happens(result):
    assert soak.faults(result) == []
    happened = {name: count for name, (count, _) in result["worst"].items()}
    assert all(
        happened[name] for name in ("gc.collect", "file of 4 kB", "log", "scene", "bypass")
    ), happened
    assert (result["xruns"], result["lost"], result["starved"]) == (0, 0, 0)
    assert result["frames"] > 4 * 48000 and result["drift"] == [0]


@pytest.mark.toolchain(*NEEDS)
def test_quiet_blocks_allocate_nothing_and_cost_what_they_did(result):
    assert result["allocated"] == 0
    mean, worst = result["quiet"]
    assert mean == pytest.approx(QUIET, rel=0.02)
    assert worst < 1.05 * mean
    assert result["storm"][0] < STORM_MOST
    first, last = result["rounds"][-1]["silence"]
    assert last[0] == pytest.approx(first[0], rel=0.01), "silence after sound costs no more"


@pytest.mark.toolchain(*NEEDS)
def test_whose_the_instructions_are(result):
    assert [name for name, _ in result["native"]] == [
        "Gate",
        "Neural",
        "Tone",
        "CabIR",
        "Delay",
        "Reverb",
    ]
    assert 0.85 < result["native_share"] < 1
    assert 0.6 < result["estimated_cpi"] < 1.3
    for load in result["loads"]:
        budget = {"teensy41": 12500, "daisy_seed": 10000}[load["board"]] * 64 / load["cpi"]
        assert load["quiet"][0] == pytest.approx(result["quiet"][0] / budget)
    json.dumps(result)
    assert "xruns" in soak.summary(result) and len(soak.tables(result)) == 4


@pytest.mark.toolchain(*NEEDS)
def test_a_ring_too_small_for_a_collection_is_told():
    lossy = soak.run(minutes=0.1, part_s=0.5, cpi=1.035, seed=3, ring=5, ahead=5, round_s=6)
    assert lossy["xruns"] > 0 and lossy["starved"] > 0
    assert any("lost" in line for line in soak.faults(lossy))


def test_refuses_boards_without_a_clock_and_runs_too_short():
    with pytest.raises(UpedalError, match="emu_m7: has no clock"):
        soak.run(board="emu_m7")
    with pytest.raises(UpedalError, match="0.01 minutes; expected 0.10 at least"):
        soak.run(minutes=0.01)
