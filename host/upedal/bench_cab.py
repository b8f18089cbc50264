"""What a cabinet costs: rows of `upedal bench` beside the nets, from the effect CabIR on emulated boards."""

import json
import tempfile
from array import array
from pathlib import Path

import numpy as np

from . import bench, bench_fx
from .errors import UpedalError

TAPS = {f"cab-{taps}": taps for taps in (512, 2048, 8192)}
_FRAMES = 512  # played of each: a partitioned convolution does not do the same in every block
_TRACED = 4  # blocks whose instructions are looked at in order, for the estimate
RATE_HZ = 48000

_SCRIPT = """
import gc, json, sys
sys.path.append("/lib")
import bench
from array import array
from pedal.effects.cab_ir import CabIR
measure, insns = bench.measure, bench.insns
spin = [insns(measure(bench.spin, n)) for n in (1000, 101000)]
null = insns(measure(bench.null))
print(json.dumps({"spin": (spin[1] - spin[0]) / 100000, "null": null}))
for name, taps in %r:
    try:
        effect = CabIR("cab.wav", taps=taps)
    except ValueError as error:
        print(json.dumps({"model": name, "refused": str(error)}))
        continue
    effect.attach(48000)
    for block in %r:
        effect.reset()
        buf = array("f", [((at * 37) %% 101 - 50) / 128 for at in range(block)])
        call = effect.native(buf)
        for turn in range(%d // block):
            call[0](*call[1:])
        spent = [insns(measure(*call)) - null for turn in range(max(%d // block, %d))]
        print(json.dumps({"model": name, "block": block, "insns": spent, "state": 4 * len(effect.state)}))
    effect = call = None
    gc.collect()
"""


def names():
    return list(TAPS)


def measure(board, names, blocks, done=None, pool=None):
    """Rows of figures, one a cabinet and block, as bench.measure; none of taps that CabIR refuses."""
    from .cycles import read

    core = bench.ESTIMATED.get(board)
    with tempfile.TemporaryDirectory() as folder:
        lines = count(board, names, blocks, bench._plugin(folder) if core else None, done)
        null, *regions = read(Path(folder) / "regions")[2:] if core else [None]
    rows = []
    for line in lines:
        mine = [regions.pop(0) for _ in line["insns"]] if regions else []
        rows.append(_row(board, line, mine, null, core, pool))
    return rows


def count(board, names, blocks, plugin=None, done=None):
    """Lines {"model", "block", "insns": of each call, "state"} from a board; without the refused."""
    from .emulator import BOARDS, Emulator

    wanted = [(name, TAPS[name]) for name in names]
    script = _SCRIPT % (wanted, list(blocks), _FRAMES, _FRAMES, _TRACED)
    card = bench_fx._card(BOARDS[board].arch, seconds=0.2)  # longer than the longest cabinet

    def heard(line):
        if done and (f'"block": {blocks[-1]},' in line or '"refused"' in line):
            done()

    with Emulator(board, card=card, plugin=plugin) as emulator:
        out = emulator.run(script, on_line=heard)
    lines = [json.loads(line) for line in out.splitlines() if line[:1] == "{"]
    lines = bench.calibrated(board, lines)[1:]
    if len({line["model"] for line in lines}) < len(names):
        raise UpedalError(
            f"{board}: figures of {len(lines)} cabinets; expected {len(names)}:\n{out[-1000:]}"
        )
    return [line for line in lines if "refused" not in line]


def desktop(names, seconds=2.0):
    """Rows of their speed on this CPU, as bench.desktop()."""
    from . import catalogue

    rows, frames = [], 4800
    x = np.random.default_rng(0).uniform(-0.5, 0.5, frames).astype(np.float32).tobytes()
    with tempfile.TemporaryDirectory() as folder:
        cab = catalogue.write_cabinet(Path(folder) / "cab.wav", RATE_HZ, 0.2)
        for name in names:
            try:
                effect = catalogue.make(f"CabIR(CAB, taps={TAPS[name]})", cab)
            except ValueError:
                continue  # more taps than CabIR takes
            effect.attach(RATE_HZ)
            effect.reset()
            function, *arguments = effect.native(array("f", x))
            turns = round(seconds * RATE_HZ / frames)
            best = min(bench.timed(turns, function, *arguments) for _ in range(5))
            rows.append({"model": name, "grade": "", "times_real_time": seconds / best})
    return rows


def mean(line):
    """Instructions of one call, over the frames played."""
    return sum(line["insns"]) / len(line["insns"])


def _row(board, line, regions, null, core, pool):
    from .emulator import BOARDS

    taps, block, cycles = TAPS[line["model"]], line["block"], None
    if regions:
        every = pool.map if pool else map
        traced = regions[-_TRACED:]
        found = list(every(bench.estimate, [null, *traced], [core] * (1 + len(traced))))
        each = sum(found[1:]) - len(traced) * found[0]
        each /= sum(region.insns - null.insns for region in traced)
        cycles = each * mean(line) / block
    row = {
        "model": line["model"],
        "arithmetic": "f32",
        "grade": "",
        "core": BOARDS[board].core,
        "board": board,
        "block": block,
        "instructions_per_sample": mean(line) / block,
        "worst_instructions_per_sample": max(line["insns"]) / block,
        "macs_per_sample": taps,
        "code_bytes": bench.code_bytes(regions[-1], null) if regions else None,
        "state_bytes": line["state"] - 4 * taps,
        "weight_bytes": 4 * taps,
    }
    bench.finish(row, cycles, RATE_HZ)
    return row
