"""`upedal bench`: rows, bars, budgets, tables and the hottest loop, on one small row."""

import json
import time

import pytest
from upedal import bench, bench_cab, bench_histogram, bench_table, cli, zoo
from upedal.errors import UpedalError

NEEDS = ("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp", "instruction counter")


@pytest.fixture(scope="module")
def result():
    return bench.run(["emu_m7"], (16, 64), ["gru-8", "cab-512"], progress=False)


def test_a_name_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(UpedalError, match=r"no row 'gru-9'; there are gru-8"):
        bench.check(["gru-9"])


def test_every_net_of_the_zoo_is_a_row():
    assert set(zoo.models()) | set(zoo.integer_models()) <= set(bench.names())
    assert set(zoo.GOALS) <= set(bench.names())


@pytest.mark.toolchain(*NEEDS)
def test_rows_have_counts_bars_and_budgets(result):
    found = {(row["model"], row["block"]): row for row in result["boards"]}
    assert list(found) == [(name, block) for name in ("gru-8", "cab-512") for block in (16, 64)]
    for row in found.values():
        low, cycles, high = (
            row[f"estimated_cycles_{end}"] for end in ("low", "per_sample", "high")
        )
        assert low == pytest.approx(0.9 * cycles) and high == pytest.approx(1.25 * cycles)
        assert row["budget"]["teensy41"] == pytest.approx(cycles / 10000)
        assert 500 < row["code_bytes"] < 20000
    assert found["cab-512", 64]["macs_per_sample"] == 512


@pytest.mark.toolchain(*NEEDS)
@pytest.mark.parametrize("width", [80, 104, 200])
def test_the_table_fits_the_terminal(result, width):
    from rich.console import Console

    console = Console(width=width, record=True, file=open("/dev/null", "w"))
    longest = {"model": "nam-a1-standard-q15", "estimated_cycles_per_sample": 123456}
    longest |= {"estimated_cycles_low": 117283, "estimated_cycles_high": 154320}
    rows = {"boards": [result["boards"][0], result["boards"][1] | longest]}
    console.print(bench_table.table(rows, (16, 64), width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "teensy41" in text and "\u2026" not in text  # nothing is cut off
    shown = ["gru-8", longest["model"]] + ["117,283 - 154,320"] * (width > 80)
    assert all(cell in text for cell in shown) and ("weights" in text) == (width == 200)


@pytest.mark.toolchain(*NEEDS)
def test_the_hottest_loop_of_a_cabinet_multiplies_and_adds():
    lines = bench_histogram.text("emu_m7", "cab-512")
    (hot,) = [line for line in lines if line.startswith("hottest loop")]
    assert "not below" in hot and "vfma.f32" in lines[lines.index(hot) + 1]


def test_unknown_budget_is_said_so():
    assert bench_table.budget({"budget": {"esp32s3": None}}) == "esp32s3\N{NO-BREAK SPACE}unknown"
    assert bench.budgets("emu_m33", None, 48000) == {"pico2": None}
    assert bench.budgets("emu_m4", 900, 44100, "q7") == {"max78000": None}  # its accelerator's
    assert bench.budgets("emu_m4", 900, 44100, "q15")["max78000"] > 0.4


def test_list_prints_the_rows(capsys):
    assert cli.main(["bench", "--list"]) == 0
    assert capsys.readouterr().out.split() == zoo.names() + list(bench_cab.TAPS)


@pytest.mark.parametrize(
    "options, said",
    [
        ("gru-8 --json {missing}/x.json", "in a folder that is there"),
        ("gru-8 --json {folder}", "in a folder that is there"),
        ("gru-8 --json {text}", "holds something else"),
        ("gru-8 --json {list}", "holds something else"),
        ("gru-8 --board teensy41", "no board 'teensy41'; there are emu_m0"),
        ("gru-9", "no row 'gru-9'"),
        ("--histogram gru-8 gru-10", "--histogram is of one row, gru-8"),
        ("--histogram gru-8 --board emu_m0", "no estimate for its core; expected emu_m7"),
        ("--baseline --board emu_m7", "has its own boards"),
        ("--list --json {missing}", "--json goes with the tables"),
        ("gru-8 --block 0", "'0'; expected 1 to 4096"),
        ("gru-8 --block -5", "'-5'; expected 1 to 4096"),
        ("gru-8 --block 1e9", "'1e9'; expected 1 to 4096"),
        ("--list --effects", "not allowed with"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_measured(
    options, said, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(bench, "measure", None)
    files = {name: tmp_path / name for name in ("missing", "folder", "text", "list")}
    files["folder"].mkdir()
    files["text"].write_text("none")
    files["list"].write_text("[1]")
    try:
        assert cli.main(["bench", *options.format(**files).split()]) == 1
    except SystemExit as stopped:
        assert stopped.code == 2
    assert said in capsys.readouterr().err


def test_a_row_asked_for_twice_is_one():
    assert bench.check(["cab-512", "gru-8", "cab-512"]) == ["cab-512", "gru-8"]


def test_stopping_ends_the_worker_processes(monkeypatch):
    asleep = []

    def measure(board, nets, blocks, done, pool):
        asleep.extend(pool.submit(time.sleep, 10) for _ in range(3))
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        bench.run(["emu_m7"], (64,), ["gru-8"], progress=False)
    assert all(future.exception() for future in asleep)  # broken off, not slept to the end


def test_json_keeps_what_others_wrote(tmp_path):
    from upedal.cli_bench import _write

    path = tmp_path / "bench.json"
    path.write_text('{"effects": [1]}')
    _write(path, {"boards": [2]})
    assert json.loads(path.read_text()) == {"effects": [1], "boards": [2]}
