"""Instruction counts on the emulated boards: deterministic, so they may be asserted. `upedal.cost` agrees with them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from upedal import bench, board, cost, zoo

NEEDS = (
    "qemu-system-arm",
    "native modules armv7emdp",
    "native modules armv7emsp",
    "instruction counter",
)
NEEDS += tuple(f"firmware {name}" for name in bench.BOARDS)
LIMITS = {
    "gru-10": 800,
    "gru-16": 1530,
    "gru-40": 7100,
    "lstm-16": 2150,
    "lstm-40": 9700,
}  # at block 64

# What each integer net takes today, and 1 % more.
INTEGERS = {
    "gru-40-q15": 7700, "lstm-40-q15": 10080, "nam-a1-feather-q15": 6190,
    "nam-a1-standard-q15": 19120, "nam-a2-lite-q15": 3996, "nam-a2-full-q15": 16420,
    "tinyml-16x24-q7": 15740,
}  # fmt: skip
# Shares that the cost model may be off by: instructions, and the cycles that are estimated.
OFF = {"f32": (0.05, 0.08), "q15": (0.05, 0.09), "q7": (0.05, 0.09)}


@pytest.fixture(scope="module")
def nets():
    with bench.workers() as pool:  # calibration takes seconds
        return zoo.models() | dict(zip(INTEGERS, pool.map(zoo.build, INTEGERS), strict=True))


@pytest.fixture(scope="module")
def counted(nets):
    """{board: {net: row}} of one run of every net on every board."""
    with bench.workers() as pool, ThreadPoolExecutor() as threads:
        found = threads.map(lambda name: bench.measure(name, nets, (64,), pool=pool), bench.BOARDS)
        return {
            name: {row["model"]: row for row in rows}
            for name, rows in zip(bench.BOARDS, found, strict=True)
        }


@pytest.fixture
def rows(counted):
    return counted["emu_m7"]


@pytest.mark.toolchain(*NEEDS)
def test_nets_stay_within_their_limits(rows):
    assert INTEGERS.keys() == {name for name in zoo.GOALS if name.endswith(("-q15", "-q7"))}
    for name, limit in (LIMITS | INTEGERS).items():
        assert rows[name]["instructions_per_sample"] <= limit, rows[name]


@pytest.mark.toolchain(*NEEDS)
def test_the_cost_model_agrees_with_the_count(nets, rows):
    for name, model in nets.items():
        taken, expected = rows[name]["instructions_per_sample"], cost.instructions(model)[0]
        assert abs(expected / taken - 1) < OFF[model.arithmetic][0], (name, taken, expected)


@pytest.mark.parametrize("name", bench.BOARDS)
@pytest.mark.toolchain(*NEEDS)
def test_the_cost_models_cycles_are_those_that_bench_estimates(nets, counted, name):
    core = board.load(name).core
    for net, row in counted[name].items():
        taken, expected = row["estimated_cycles_per_sample"], cost.cycles(nets[net], core)
        assert abs(expected / taken - 1) < OFF[row["arithmetic"]][1], (net, taken, expected)


@pytest.mark.toolchain(*NEEDS)
def test_estimates_lie_between_the_floor_and_reason(rows):
    for row in rows.values():
        estimate, floor = (
            row["estimated_cycles_per_sample"],
            1 if row["arithmetic"] == "f32" else 0.5,
        )
        assert floor * row["macs_per_sample"] < estimate < 4 * row["instructions_per_sample"], row


@pytest.mark.toolchain(*NEEDS)
def test_a_second_run_counts_the_same(nets, rows):
    again = bench.measure("emu_m7", {"gru-10": nets["gru-10"]}, (64,))[0]
    first = rows["gru-10"]
    assert abs(again["instructions_per_sample"] - first["instructions_per_sample"]) * 64 <= 4
