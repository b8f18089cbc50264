"""`upedal bench`: rows, bars, budgets, tables and the hottest loop, on one small row."""

import json

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
@pytest.mark.parametrize("width", [80, 200])
def test_the_table_fits_the_terminal(result, width):
    from rich.console import Console

    console = Console(width=width, record=True, file=open("/dev/null", "w"))
    console.print(bench_table.table(result, (16, 64), width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "gru-8" in text and "teensy41" in text and ("weights" in text) == (width == 200)


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


def test_json_keeps_what_others_wrote(tmp_path):
    from upedal.cli_bench import _write

    path = tmp_path / "bench.json"
    path.write_text('{"effects": [1]}')
    _write(path, {"boards": [2]})
    assert json.loads(path.read_text()) == {"effects": [1], "boards": [2]}
