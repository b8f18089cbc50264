"""Instructions a sample, in real MicroPython on emulated boards, and what follows from them.

Instructions are exact and the same on every run; cycles are an ESTIMATE (docs/estimator.md).
"""

import json
import time
from pathlib import Path

import numpy as np

from . import paths, upm, zoo
from .errors import UpedalError

BOARDS = ("emu_m7", "emu_m4", "emu_m33")
ESTIMATED = {"emu_m7": "m7", "emu_m4": "m4", "emu_m33": "m33"}  # cores the estimate knows
BLOCKS = (16, 48, 64, 128, 192)
TRACE = 200_000  # instructions whose order is recorded for the estimate

# Runs on the board: calibrates the counter, then measures one call a (model, block), twice, so that
# nothing is measured cold; prints a line of JSON each.
_SCRIPT = """
import array, json, sys
sys.path.append("/lib")
import bench, pedal_nn
measure, insns = bench.measure, bench.insns
spin = [insns(measure(bench.spin, n)) for n in (1000, 101000)]
null = insns(measure(bench.null))
print(json.dumps({"spin": (spin[1] - spin[0]) / 100000, "null": null}))
for name in %r:
    with open("/" + name + ".upm", "rb") as f:
        blob = bytearray(f.read())
    arena = bytearray(pedal_nn.arena_size(blob))
    net = pedal_nn.Model(blob, arena)
    for block in %r:
        x = array.array("f", [((i * 37) %% 101 - 50) / 128 for i in range(block)])
        y = array.array("f", x)
        net.process(x, y)
        n = insns(measure(net.process, x, y)) - null
        print(json.dumps({"model": name, "block": block, "insns": n, "arena": len(arena)}))
"""


def weight_bytes(model):
    return sum(upm.stored_bytes(model)) + upm.table_bytes(model)


def _card(nets, arch):
    natmods = paths.NATMODS / arch
    files = {f"{name}.upm": upm.dumps(model) for name, model in nets.items()}
    for path in natmods.glob("*.mpy"):
        files[f"lib/{path.name}"] = path.read_bytes()
    if len(files) == len(nets):
        raise UpedalError(f"{natmods}: no native modules; `make natmod` builds them")
    return files


def _plugin(folder):
    path = paths.BUILD / "plugin" / "libupcount.so"
    if not path.is_file():
        raise UpedalError(f"{path}: not built; `make setup` builds it")
    return f"{path},out={folder}/regions,trace={TRACE}"


def _run(board, nets, blocks, plugin):
    from .emulator import BOARDS as EMULATED
    from .emulator import Emulator

    lines = []
    card = _card(nets, EMULATED[board].arch)
    with Emulator(board, card=card, plugin=plugin) as emulator:
        out = emulator.run(_SCRIPT % (list(nets), list(blocks)))
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if not lines or abs(lines[0]["spin"] - 4) > 1e-3:
        spin = lines[0]["spin"] if lines else out
        raise UpedalError(f"{board}: the 4-instruction loop counts as {spin}; counts are not sound")
    return lines


def _estimates(folder, board, lines):
    """Estimated cycles of each measured call, less an empty call's; None where there is no model."""
    from . import cycles

    core = ESTIMATED.get(board)
    if not core:
        return [None] * len(lines)
    # Regions come in the order of measure(): two spins, the empty call, then the models.
    regions = cycles.read(Path(folder) / "regions")[2:]
    null = cycles.estimate(regions[0], core)
    return [cycles.estimate(region, core) - null for region in regions[1:]]


def measure(board, nets, blocks=BLOCKS):
    """Rows of figures, one a model and block, from one emulated board."""
    import tempfile

    from .emulator import BOARDS as EMULATED

    with tempfile.TemporaryDirectory() as folder:
        plugin = _plugin(folder) if board in ESTIMATED else None
        lines = _run(board, nets, blocks, plugin)[1:]
        estimates = _estimates(folder, board, lines)
    code = (paths.NATMODS / EMULATED[board].arch / "pedal_nn.mpy").stat().st_size
    rows = []
    for line, estimate in zip(lines, estimates, strict=True):
        model, block = nets[line["model"]], line["block"]
        rows.append(
            {
                "model": line["model"],
                "arithmetic": model.arithmetic,
                "grade": model.grade,
                "core": EMULATED[board].core,
                "board": board,
                "block": block,
                "instructions_per_sample": line["insns"] / block,
                "estimated_cycles_per_sample": estimate and estimate / block,
                "macs_per_sample": sum(map(upm.macs, model.layers)),
                "code_bytes": code,
                "state_bytes": line["arena"],
                "weight_bytes": weight_bytes(model),
            }
        )
    return rows


def desktop(nets, seconds=5.0):
    """Rows of the simulator's speed on this CPU, one thread: times real time at 48 kHz."""
    from .native import Net

    x = np.random.default_rng(0).uniform(-0.5, 0.5, int(48000 * seconds)).astype(np.float32)
    rows = []
    for name, model in nets.items():
        net = Net(upm.dumps(model))
        best = min(_timed(net, x) for _ in range(3))
        rows.append({"model": name, "grade": model.grade, "times_real_time": seconds / best})
    return rows


def _timed(net, x):
    start = time.perf_counter()
    net.process(x)
    return time.perf_counter() - start


def run(boards=BOARDS, blocks=BLOCKS, progress=True):
    """Everything: {"boards": rows, "desktop": rows}."""
    from rich.progress import track

    nets, rows = zoo.models() | zoo.integer_models(), []
    for board in track(boards, "measuring", disable=not progress):
        rows += measure(board, nets, blocks)
    return {"boards": rows, "desktop": desktop(nets)}


def table(result, block=64):
    """A rich table of one block size's rows."""
    from rich.table import Table

    out = Table(title=f"instructions a sample in MicroPython, block {block} (cycles are an estimate)")
    heads = ("model", "grade", "core", "i/sample", "est. cycles", "goal i / est", "MACs", "i/MAC", "state B", "weights B")
    for head in heads:
        out.add_column(head, justify="left" if head in ("model", "grade", "core") else "right")
    for row in result["boards"]:
        if row["block"] == block:
            i, macs, cycles = row["instructions_per_sample"], row["macs_per_sample"], row["estimated_cycles_per_sample"]
            out.add_row(
                row["model"], row["grade"], row["core"], f"{i:,.0f}", f"{cycles:,.0f}" if cycles else "-", _goal(row),
                f"{macs:,}", f"{i / macs:.2f}", f"{row['state_bytes']:,}", f"{row['weight_bytes']:,}",
            )  # fmt: skip
    return out


def _goal(row):
    """The goal of a row, stated for the M7 and, in instructions, for the rest."""
    i, cycles = zoo.GOALS.get(row["model"], (None, None))
    return "" if i is None else f"{i:,} / {cycles:,}" if cycles else f"{i:,}"


def desktop_table(result):
    from rich.table import Table

    out = Table(title="this CPU, one thread")
    for head in ("model", "grade", "times real time, 48 kHz"):
        out.add_column(head, justify="left" if head != "times real time, 48 kHz" else "right")
    for row in result["desktop"]:
        out.add_row(row["model"], row["grade"], f"{row['times_real_time']:.0f}")
    return out
