"""docs/performance.md is made of what was measured, and its tool leaves the text alone."""

import importlib.util

import pytest
from upedal import paths, zoo

spec = importlib.util.spec_from_file_location(
    "make_performance", paths.ROOT / "tools" / "make_performance.py"
)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


BUDGETS = {"emu_m7": {"teensy41": 0.25}, "emu_m4": {"max78000": None}, "emu_m33": {"pico2": 0.5}}


def row(board, block, insns):
    return {
        "model": "gru-40", "arithmetic": "f32", "board": board, "block": block, "macs_per_sample": 4960,
        "instructions_per_sample": insns, "estimated_cycles_per_sample": 2 * insns,
        "estimated_cycles_low": 1.8 * insns, "estimated_cycles_high": 2.5 * insns, "code_bytes": 10,
        "state_bytes": 20, "weight_bytes": 30, "budget": BUDGETS[board],
    }  # fmt: skip


RESULT = {
    "boards": [row(board, block, 6000 + block) for board in tool.CORES for block in (16, 64)],
    "desktop": [{"model": "gru-40", "times_real_time": 120.0}],
}


def test_every_table_has_its_place_and_the_text_stays():
    page = before = tool.PAGE.read_text()
    for make in (tool.speed, tool.memory, tool.budgets, tool.blocks):
        page = tool.written(page, make.__name__, make(RESULT))
    for make in (tool.change, tool.desktop):
        page = tool.written(page, make.__name__, make(RESULT, RESULT))
    assert "| `gru-40` | 4,960 | 6,064 | 12,128 | 10,915–15,160 |" in page
    assert "| `gru-40` | 25 % | unknown | 50 % | unknown |" in page
    text = lambda page: [line for line in page.splitlines() if not line.startswith("|")]  # noqa: E731
    assert text(page) == text(before)


def test_a_row_without_an_estimate_shows_none():
    missing = dict(RESULT["boards"][0], block=64, estimated_cycles_per_sample=None)
    missing |= {"estimated_cycles_low": None, "estimated_cycles_high": None}
    assert "| – | – |" in tool.speed({"boards": [missing]})


def test_a_missing_place_is_an_error():
    with pytest.raises(SystemExit, match="no place for the table 'speed'"):
        tool.written("nothing here", "speed", "x")


def test_peers_are_rows():
    assert {*tool.PEERS_M7, *tool.PEERS_DESKTOP} <= {*zoo.names(), "cab-512"}
