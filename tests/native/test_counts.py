"""Instruction counts on the emulated boards: deterministic, so they may be asserted."""

import pytest
from upedal import bench, cost, zoo

NEEDS = ("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp", "instruction counter")
LIMITS = {"gru-10": 800, "gru-16": 1530, "gru-40": 7100, "lstm-16": 2150, "lstm-40": 9700}  # at block 64

# What each integer net takes today, and 1 % more.
INTEGERS = {
    "gru-40-q15": 6310, "lstm-40-q15": 8110, "nam-a1-feather-q15": 5500, "nam-a1-standard-q15": 16400,
    "nam-a2-lite-q15": 5190, "nam-a2-full-q15": 14640, "tinyml-16x24-q7": 13130,
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    found = bench.measure("emu_m7", zoo.models(), (64,))
    return {row["model"]: row for row in found}


@pytest.mark.toolchain(*NEEDS)
def test_recurrent_nets_stay_within_their_limits(rows):
    for name, limit in LIMITS.items():
        assert rows[name]["instructions_per_sample"] <= limit, rows[name]


@pytest.mark.toolchain(*NEEDS)
def test_the_cost_model_agrees_with_the_count(rows):
    for name, model in zoo.models().items():
        if name.startswith("ir-"):
            continue  # a single row: not what the model is for
        counted, expected = rows[name]["instructions_per_sample"], cost.instructions(model)[0]
        assert abs(expected / counted - 1) < 0.05, (name, counted, expected)


@pytest.mark.toolchain(*NEEDS)
def test_estimates_lie_between_the_floor_and_reason(rows):
    for row in rows.values():
        estimate = row["estimated_cycles_per_sample"]
        assert row["macs_per_sample"] < estimate < 4 * row["instructions_per_sample"], row


@pytest.mark.toolchain(*NEEDS)
def test_a_second_run_counts_the_same(rows):
    again = bench.measure("emu_m7", {"gru-10": zoo.models()["gru-10"]}, (64,))[0]
    first = rows["gru-10"]
    assert abs(again["instructions_per_sample"] - first["instructions_per_sample"]) * 64 <= 4


@pytest.mark.toolchain(*NEEDS)
def test_integer_nets_stay_within_their_limits_and_near_the_cost_model():
    nets = zoo.integer_models()
    assert nets.keys() == INTEGERS.keys()
    for row in bench.measure("emu_m7", nets, (64,)):
        counted = row["instructions_per_sample"]
        assert counted <= INTEGERS[row["model"]], row
        assert abs(cost.instructions(nets[row["model"]])[0] / counted - 1) < 0.12, row
