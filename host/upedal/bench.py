"""Instructions a sample, in real MicroPython on emulated boards, and what follows from them.

Instructions are exact and the same on every run; cycles are an ESTIMATE (docs/estimator.md).
"""

import json
import multiprocessing
import signal
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from . import paths, upm, zoo
from .errors import UpedalError

BOARDS = ("emu_m7", "emu_m4", "emu_m33")
ESTIMATED = {"emu_m7": "m7", "emu_m4": "m4", "emu_m33": "m33"}  # cores the estimate knows
BLOCKS = (16, 48, 64, 128, 192)
TRACE = 1 << 18  # instructions of a call whose order is recorded for the estimate, spread over it
HOW = {
    "instructions": "counted in MicroPython on emulated boards by an instruction clock: exact",
    "cycles": "ESTIMATED by a model of the core's pipeline over the recorded order of execution; memory"
    " never waits. Low and high are what hardware took in the comparisons of docs/estimator.md",
    "code": "bytes of the different instructions that the call executed",
    "budget": "estimated cycles over clock / rate x the share for effects of boards/*.yaml; null: no estimate",
}

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


def _run(board, nets, blocks, plugin=None, done=None):
    """Lines of figures of _SCRIPT, the calibration first; done() is called after each net."""
    from .emulator import BOARDS as EMULATED
    from .emulator import Emulator

    def heard(line):
        if done and line.endswith("}") and f'"block": {blocks[-1]},' in line:
            done()

    with Emulator(board, card=_card(nets, EMULATED[board].arch), plugin=plugin) as emulator:
        out = emulator.run(_SCRIPT % (list(nets), list(blocks)), on_line=heard)
    return calibrated(board, [json.loads(line) for line in out.splitlines() if line[:1] == "{"])


def calibrated(board, lines):
    """The lines a script printed, if the first says that a loop of 4 instructions counts as 4."""
    spin = lines[0].get("spin") if lines else None
    if spin is None or abs(spin - 4) > 1e-3:
        raise UpedalError(
            f"{board}: the 4-instruction loop counts as {spin}; counts are not sound"
        )
    return lines


def estimate(region, core):
    """ESTIMATED cycles of a region; None where there is no model. (At the top level, for a process pool.)"""
    from . import cycles

    return cycles.estimate(region, core) if core else None


def code_bytes(region, null=None):
    """Bytes of the different instructions of a region that an empty call does not execute."""
    common = set(null.code) if null else ()
    return sum(len(code) for address, code in region.code if (address, code) not in common)


def bars(core, arithmetic):
    """(low, high): what hardware took against the estimate, such as (-0.1, 0.25)."""
    from .cores import CORES

    return CORES[core].bars["float" if arithmetic == "f32" else "integer"]


def measure(board, nets, blocks=BLOCKS, done=None, pool=None):
    """Rows of figures, one a model and block, from one emulated board."""
    from .cycles import read
    from .emulator import BOARDS as EMULATED

    core = ESTIMATED.get(board)
    with tempfile.TemporaryDirectory() as folder:
        lines = _run(board, nets, blocks, _plugin(folder) if core else None, done)[1:]
        # Regions come in the order of measure(): two spins, the empty call, then the models.
        null, *regions = read(Path(folder) / "regions")[2:] if core else [None] * (1 + len(lines))
    every = pool.map if pool else map
    empty = estimate(null, core)
    estimates = list(every(estimate, regions, [core] * len(regions)))
    rows = []
    for line, region, cycles in zip(lines, regions, estimates, strict=True):
        model = nets[line["model"]]
        rows.append(
            {
                "model": line["model"],
                "arithmetic": model.arithmetic,
                "grade": model.grade,
                "core": EMULATED[board].core,
                "board": board,
                "block": line["block"],
                "instructions_per_sample": line["insns"] / line["block"],
                "macs_per_sample": sum(map(upm.macs, model.layers)),
                "code_bytes": region and code_bytes(region, null),
                "state_bytes": line["arena"],
                "weight_bytes": weight_bytes(model),
            }
        )
        finish(rows[-1], cycles and (cycles - empty) / line["block"], model.rate_hz)
    return rows


def finish(row, cycles, rate_hz):
    """Adds to a row what follows from its estimated cycles a sample, or from there being none."""
    row["estimated_cycles_per_sample"] = cycles
    low, high = bars(ESTIMATED[row["board"]], row["arithmetic"]) if cycles else (None, None)
    row["estimated_cycles_low"] = cycles and cycles * (1 + low)
    row["estimated_cycles_high"] = cycles and cycles * (1 + high)
    row["budget"] = budgets(row["board"], cycles, rate_hz, row["arithmetic"])


def budgets(emulated, cycles, rate_hz, arithmetic="f32"):
    """{board with the core of this emulated one: share of its cycles for effects, None where unknown}

    Unknown also of a q7 net where an accelerator plays it."""
    from . import board as boards

    core, found = boards.load(emulated).core, {}
    for profile in map(boards.load, boards.names()):
        if profile.clock_hz and profile.core == core:
            each = profile.clock_hz * profile.usable_share / rate_hz
            elsewhere = arithmetic == profile.arithmetic == "q7"
            found[profile.name] = None if elsewhere or not cycles else cycles / each
    return found


def desktop(nets, seconds=2.0):
    """Rows of the simulator's speed on this CPU, one thread: times real time at 48 kHz, the best of five
    by the thread's own time, so that other work on the machine counts as little as it can."""
    from .native import Net

    x = np.random.default_rng(0).uniform(-0.5, 0.5, int(48000 * seconds)).astype(np.float32)
    rows = []
    for name, model in nets.items():
        net = Net(upm.dumps(model))
        best = min(timed(1, net.process, x) for _ in range(5))
        rows.append({"model": name, "grade": model.grade, "times_real_time": seconds / best})
    return rows


def timed(turns, function, *arguments):
    """Seconds of this thread's own time that so many calls take."""
    start = time.thread_time()
    for _ in range(turns):
        function(*arguments)
    return time.thread_time() - start


def workers():
    """Processes for work on what boards report. Started anew, not forked: threads run already, and a fork takes over
    locks that they hold at that moment, which nobody then opens."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(mp_context=context, initializer=_deaf)


def _deaf():
    """In a worker process: Ctrl-C is for the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def names():
    """All rows there are: nets, then cabinets."""
    from . import bench_cab

    return zoo.names() + bench_cab.names()


def check(rows):
    """The row names asked for, all of them for none."""
    unknown = [name for name in rows or () if name not in names()]
    if unknown:
        raise UpedalError(f"bench: no row '{unknown[0]}'; there are {', '.join(names())}")
    return list(dict.fromkeys(rows or names()))


def run(boards=BOARDS, blocks=BLOCKS, rows=None, progress=True):
    """Everything, or only some rows: {"how", "boards": rows, "desktop": rows}."""
    from rich.progress import Progress

    from . import bench_cab

    rows, found = check(rows), {}
    nets = {name: zoo.build(name) for name in rows if name in zoo.names()}
    cabs = [name for name in rows if name not in nets]
    with Progress(disable=not progress) as bar, workers() as pool:

        def one(board):
            task = bar.add_task(board, total=len(rows))
            done = lambda: bar.advance(task)  # noqa: E731
            found[board] = measure(board, nets, blocks, done, pool) if nets else []
            found[board] += bench_cab.measure(board, cabs, blocks, done, pool) if cabs else []

        with ThreadPoolExecutor(len(boards)) as threads:
            try:
                list(threads.map(one, boards))
            except KeyboardInterrupt:
                # Else leaving would wait for all that is still to be estimated.
                for child in multiprocessing.active_children():
                    child.terminate()
                raise
        task = bar.add_task("this CPU", total=1)
        here = desktop(nets) + bench_cab.desktop(cabs)
        bar.advance(task)
    return {"how": HOW, "boards": [row for b in boards for row in found[b]], "desktop": here}
