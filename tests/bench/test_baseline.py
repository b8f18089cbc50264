"""No instruction count grows without tests/bench/baseline.json being changed in the same commit."""

import warnings

import pytest
from upedal import bench, bench_baseline

BOARDS = [("emu_m7", "armv7emdp"), ("emu_m4", "armv7emsp"), ("emu_m33", "armv7emsp")]
NEEDS = ["qemu-system-arm", "mpy-cross"]
NEEDS += [name for b, arch in BOARDS for name in (f"firmware {b}", f"native modules {arch}")]
REFRESH = "accept by `make baseline` (or `upedal bench --baseline`), in the same commit"


@pytest.mark.toolchain(*dict.fromkeys(NEEDS))
def test_no_instruction_count_has_grown_by_more_than_a_hundredth():
    before, now = bench_baseline.load(), bench_baseline.measure()
    grew, fell = bench_baseline.compare(before, now)
    text = "\n".join(bench_baseline.difference(before, now))
    assert not grew, f"instructions of a call:\n{text}\n{REFRESH}"
    if fell:
        warnings.warn(f"instruction counts fell; {REFRESH}:\n{text}", stacklevel=1)


def test_the_baseline_has_every_row_on_every_board():
    rows = {row.split(" @ ")[0] for row in bench_baseline.load()["emu_m7"]}
    assert set(bench.names()) - rows <= {"cab-8192"}
    assert {"start: package", "start: model", "start: rig", "start: all"} <= rows
    assert list(bench_baseline.load()) == list(bench.BOARDS)


BEFORE = {"emu_m7": {"gru-10 @ 64": 1000, "gru-16 @ 64": 2000, "ir-512 @ 64": 500}}


def test_a_hundredth_more_is_let_through_and_more_is_not():
    now = {"emu_m7": {"gru-10 @ 64": 1010, "gru-16 @ 64": 2030, "ir-512 @ 64": 496}}
    grew, fell = bench_baseline.compare(BEFORE, now)
    assert grew == [("emu_m7", "gru-16 @ 64", 2000, 2030)] and not fell
    (line,) = [line for line in bench_baseline.difference(BEFORE, now) if "gru-16" in line]
    assert line.split() == ["emu_m7", "gru-16", "@", "64", "2,000", "2,030", "+1.5", "%"]


def test_less_is_said_and_does_not_fail():
    now = {"emu_m7": BEFORE["emu_m7"] | {"gru-10 @ 64": 900}}
    grew, fell = bench_baseline.compare(BEFORE, now)
    assert not grew and fell == [("emu_m7", "gru-10 @ 64", 1000, 900)]


@pytest.mark.parametrize("change", ["a row more", "a row less"])
def test_a_row_that_comes_or_goes_has_to_be_committed(change):
    more = {"emu_m7": BEFORE["emu_m7"] | {"lstm-16 @ 64": 7}}
    pair = (BEFORE, more) if change == "a row more" else (more, BEFORE)
    grew, _ = bench_baseline.compare(*pair)
    assert [row for _, row, *_ in grew] == ["lstm-16 @ 64"]
    assert ("new" if pair[0] is BEFORE else "gone") in "".join(bench_baseline.difference(*pair))


def test_equal_counts_make_no_table():
    assert len(bench_baseline.difference(BEFORE, BEFORE)) == 1
