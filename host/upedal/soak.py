"""A whole pedal, played for minutes on an emulated Cortex-M7 while all goes on at once that can: `upedal soak`.

Real I2SPair plays through the board's I2S, whose sample clock is made of instructions: a frame lasts
clock / rate / CPI of them, CPI being cycles an instruction. Instructions are counted and the same every run.
CPI is an ESTIMATE (docs/estimator.md) that knows no caches and no flash that waits. What is not there at
all: the time that erasing and writing flash stops a processor that runs from it, DMA, and interrupts.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from . import board as boards
from . import paths
from .errors import UpedalError

EMULATED = "emu_m7"
FOLDER = paths.DEVICE / "soak"  # what runs on the board
BUDGETS = ("teensy41", "daisy_seed")  # boards whose load is told
LOOP_S = 0.5  # of the sound, played over and over
TRACE = 2_000_000  # instructions of a block whose order is recorded for the estimate
BIN = 14  # of 2**14 instructions, as in device/soak/storm.py
WOBBLE = 4096  # bytes by which the heap may differ between rounds: stored scenes, settings
RING, AHEAD = 24, 24  # blocks: so much waits while gc.collect() runs

_COST = """
import sys
sys.path.append("/lib")
import audio, bench, json
from pedal.engine import Engine
from pedal.io.emulated import Emulated
from pedal.play import load_rig

rig = load_rig("/rig.py")
ends = Emulated(audio, rig.rate_hz, instructions=1000000)
engine = Engine(rig, ends, ends, clock_us=audio.us)
for _ in range(24):
    engine.step()
bench.measure(engine.step)
"""
_SHARES = """
import sys
sys.path.append("/lib")
import json
from pedal.measure import measure
from pedal.play import load_rig
print(json.dumps(measure(load_rig("/rig.py"))))
"""
_RUN = """
import sys
sys.path.append("/lib")
from storm import Soak
Soak(%r).run()
"""


def run(
    rig=None,
    *,
    minutes=10.0,
    board="teensy41",
    cpi=None,
    ring=RING,
    ahead=AHEAD,
    seed=1,
    round_s=60.0,
    part_s=2 * LOOP_S,
    storms=True,
    without=(),
    progress=None,
):
    """Play `rig` (a script; default: device/soak/rig.py) and report, as a dict for JSON.

    board: the profile whose clock it is; cpi: cycles an instruction instead of the estimate; ring: blocks the
    input may wait; ahead: blocks the output is filled beforehand; round_s: a round begins and ends quietly
    and stands for a line of the table; part_s: of each quiet part, a multiple of LOOP_S; storms: False plays
    quietly throughout; without: what shall not happen, such as "gc.collect"; progress(text).
    """
    profile = boards.load(board)
    if not profile.clock_hz:
        raise UpedalError(f"{board}: has no clock; expected a real board, such as teensy41")
    seconds = minutes * 60
    round_s = min(round_s, seconds)
    if round_s < 3 * part_s + 3:
        raise UpedalError(f"{minutes} minutes; expected {(3 * part_s + 3) / 60:.2f} at least")
    tell = progress or (lambda text: None)
    with tempfile.TemporaryDirectory() as folder:
        card, rate_hz, block = _card(rig, Path(folder), profile)
        tell("instructions and estimated cycles of a block")
        cost = _cost(card, Path(folder))
        cpi = cpi or cost["estimated_cpi"]
        plan = {
            "seconds": seconds,
            "round_s": round_s,
            "part_s": part_s,
            "instructions": round(profile.clock_hz / rate_hz / cpi),
            "ring": ring,
            "ahead": ahead * block,
            "seed": seed,
            "storms": storms,
            "without": list(without),
        }
        lines = _play(card, plan, tell)
    cost |= {"cpi": cpi, "board": board, "rate_hz": rate_hz, "block": block}
    return _result(cost | {"plan": plan}, lines)


# ---- what is on the card ----


def _card(rig, folder, profile):
    """(files, rate, block): the rig, upedal, what runs on the board, and half a second of guitar."""
    from .emulator import BOARDS
    from .payload import collect

    script = Path(rig) if rig else FOLDER / "rig.py"
    if not rig:
        make_models(folder)
    emulated = boards.load(EMULATED)
    files = collect(script, arch=BOARDS[EMULATED].arch, board=emulated, model_dir=folder)
    card = {path.lstrip("/"): data for path, data in files.items()}
    card["storm.py"] = (FOLDER / "storm.py").read_bytes()
    card["in.wav"] = _guitar(folder / "in.wav", emulated.rate_hz)
    return card, emulated.rate_hz, emulated.block


def make_models(folder):
    """soak.upm, an A2-Lite in q15, and cab.wav: what they cost depends on their shape alone."""
    import soundfile

    from . import upm, zoo

    model = zoo.q15(zoo.models()["nam-a2-lite"])
    model.prewarm = 6346  # as such a model's converter sets it: what the net remembers
    upm.save(model, folder / "soak.upm")
    rng = np.random.default_rng(0)
    taps = rng.standard_normal(1024) * np.exp(-np.arange(1024) / 150)
    soundfile.write(folder / "cab.wav", taps / np.abs(taps).max() / 2, 48000, subtype="FLOAT")


def _guitar(path, rate_hz):
    import soundfile

    from . import synth

    dry = synth.dry_guitar(4.0, rate_hz, seed=1)
    loud = max(
        range(0, len(dry) - int(LOOP_S * rate_hz), rate_hz // 4),
        key=lambda at: np.abs(dry[at:]).max(),
    )
    soundfile.write(path, dry[loud : loud + int(LOOP_S * rate_hz)], rate_hz, subtype="PCM_16")
    return path.read_bytes()


# ---- on the board ----


def _cost(card, folder):
    """Whose the instructions of a quiet block are, and the estimate of its cycles."""
    from . import cycles
    from .emulator import Emulator

    with Emulator(EMULATED, card=card) as emulator:
        if abs(emulator.calibrate() - 4) > 1e-3:
            raise UpedalError(f"{EMULATED}: instructions are not counted rightly")
        shares = _lines(emulator.run(_SHARES))[-1]
    plugin = paths.BUILD / "plugin" / "libupcount.so"
    if not plugin.is_file():
        raise UpedalError(f"{plugin}: not built; `make setup` builds it")
    counts = folder / "regions"
    with Emulator(EMULATED, card=card, plugin=f"{plugin},out={counts},trace={TRACE}") as emulator:
        emulator.run(_COST)
    region = cycles.read(counts)[-1]
    estimated = cycles.estimate(region, "m7")
    if estimated is None:
        raise UpedalError("the rig's code uses what the estimate has no figure for; give --cpi")
    native = sum(spent for _, spent in shares["native_instructions_per_block"])
    native += shares["audio_instructions_per_block"]
    return {
        "instructions_per_block": region.insns,
        "estimated_cycles_per_block": estimated,
        "estimated_cpi": round(estimated / region.insns, 3),
        "native": shares["native_instructions_per_block"],
        "native_instructions_per_block": native,
        "interpreter_instructions_per_block": region.insns - native,
        "native_share": native / region.insns,
    }


def _play(card, plan, tell):
    from .emulator import Emulator

    total = plan["seconds"]

    def on_line(line):
        if line.startswith("{"):
            found = json.loads(line)
            if "blocks" in found:
                tell(
                    f"{found['blocks']} blocks of about {total * 750:.0f}, {found['xruns']} xruns"
                )

    with Emulator(EMULATED, card=card) as emulator:
        return _lines(emulator.run(_RUN % plan, timeout_s=60 + 40 * total, on_line=on_line))


def _lines(printed):
    found = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    if not found:
        raise UpedalError(
            f"{EMULATED}: printed {printed.strip()[-500:]!r}; expected lines of JSON"
        )
    return found


# ---- what came of it ----


def _result(cost, lines):
    rounds = [line for line in lines if "round" in line]
    start, end = lines[0], lines[-1]
    if "hash" not in end:
        raise UpedalError(f"{EMULATED}: ended early, with {end}")
    last = rounds[-1]
    quiet = [line["quiet"] for line in rounds]
    storm = [line["storm"] for line in rounds if line["storm"]]
    result = cost | {
        key: start[key] for key in ("heap", "effects", "parameters", "controls", "latency")
    }
    result |= {
        "rounds": rounds,
        "frames": last["frames"][0],
        "drift": [line["frames"][0] - line["frames"][1] for line in rounds],
        "xruns": sum(last["xruns"]),
        "lost": last["lost"],
        "starved": last["starved"],
        "faults": last["faults"],
        "reports": last["reports"],
        "allocated": max(line["allocated"] for line in rounds),
        "leaked": rounds[min(1, len(rounds) - 1)]["free"] - last["free"],
        "quiet": [float(np.mean([mean for mean, _ in quiet])), max(worst for _, worst in quiet)],
        "storm": [float(np.mean([mean for mean, _ in storm])), max(worst for _, worst in storm)]
        if storm
        else None,
        "slowed": quiet[-1][0] / quiet[0][0] - 1,
        "silence_slowed": max(
            line["silence"][1][0] / line["silence"][0][0] - 1 for line in rounds
        ),
        "worst": end["worst"],
        "bins": end["bins"],
        "hash": f"{end['hash']:08x}",
    }
    result["loads"] = [_load(result, name, cpi) for name in BUDGETS for cpi in _sensitivity(cost)]
    return result


def _sensitivity(cost):
    """CPIs to tell loads by: the estimate's or the one asked for, and worse ones."""
    return sorted({cost["cpi"], *(c for c in (1.0, 1.3, 1.6, 2.0) if c > cost["cpi"] + 0.05)})


def _load(result, board, cpi):
    """Shares of the time a block lasts, 1 being all of it; late: share of the blocks that took longer."""
    profile = boards.load(board)
    budget = profile.clock_hz / result["rate_hz"] * result["block"] / cpi
    bins = result["bins"]
    late = sum(bins[int(budget) >> BIN :]) / max(1, sum(bins))
    found = {
        "board": board,
        "cpi": cpi,
        "late": late,
        "quiet": [x / budget for x in result["quiet"]],
    }
    return found | {"storm": [x / budget for x in result["storm"]] if result["storm"] else None}


def faults(result):
    """What a pedal must not do, as sentences; none where all is well."""
    found = []
    for key, what in (
        ("xruns", "blocks lost, by I2SPair's count"),
        ("lost", "input frames lost"),
        ("starved", "output frames starved"),
        ("faults", "effects or controls failed"),
        ("allocated", "bytes allocated in quiet blocks"),
        ("leaked", "bytes of heap fewer than in the second round"),
    ):
        if result[key] > (WOBBLE if key == "leaked" else 0):
            found.append(f"{result[key]:,} {what}")
    if len(set(result["drift"])) > 1:
        found.append(f"input and output drift: {result['drift']} frames apart")
    if abs(result["slowed"]) > 0.01 or result["silence_slowed"] > 0.01:
        found.append(
            f"slower: sound {result['slowed']:+.2%}, silence {result['silence_slowed']:+.2%}"
        )
    return found


def summary(result):
    """A line or two beneath the tables."""
    plan = result["plan"]
    return (
        f"{result['frames']:,} frames, {len(result['effects'])} effects, {result['controls']} controls on"
        f" {result['parameters']} parameters; {plan['instructions']:,} instructions a frame; latency"
        f" {result['latency']} frames; heap {result['heap']:,} bytes; {result['xruns']} xruns,"
        f" {result['lost']} frames lost, {result['starved']} starved, {result['allocated']} bytes allocated in"
        f" quiet blocks; output {result['hash']}"
    )


def tables(result):
    """rich tables: what a block costs, loads, rounds, what the events cost."""
    return [_costs(result), _loads(result), _rounds(result), _events(result)]


def _table(title, heads, rows):
    from rich.table import Table

    out = Table(title=title)
    for at, head in enumerate(heads):
        out.add_column(head, justify="right" if at else "left")
    for row in rows:
        out.add_row(*map(str, row))
    return out


def _costs(result):
    total = result["instructions_per_block"]
    rows = [(name, f"{spent:,.0f}", f"{spent / total:.1%}") for name, spent in result["native"]]
    effects = sum(spent for _, spent in result["native"])
    pack = result["native_instructions_per_block"] - effects
    rows += [
        ("samples in and out", f"{pack:,.0f}", f"{pack / total:.1%}"),
        (
            "Python, I2S",
            f"{total - pack - effects:,.0f}",
            f"{(total - pack - effects) / total:.1%}",
        ),
        (
            "a quiet block",
            f"{total:,}",
            f"{result['estimated_cpi']} cycles an instruction (estimate)",
        ),
    ]
    return _table("instructions", ("", "a block", "share"), rows)


def _loads(result):
    def percent(pair):
        return ("-", "-") if not pair else tuple(f"{x:.0%}" for x in pair)

    rows = [
        (
            load["board"],
            load["cpi"],
            *percent(load["quiet"]),
            *percent(load["storm"]),
            f"{load['late']:.3%}",
        )
        for load in result["loads"]
    ]
    heads = (
        "board",
        "cycles an instruction",
        "quiet, mean",
        "worst",
        "storm, mean",
        "worst",
        "longer than a block",
    )
    return _table("load (ESTIMATE: instructions are counted, cycles are not)", heads, rows)


def _rounds(result):
    rows = []
    for line in result["rounds"]:
        storm = line["storm"] or (0, 0)
        rows.append(
            (line["round"] + 1, f"{line['quiet'][0]:,.0f}", f"{line['quiet'][1]:,}", f"{storm[0]:,.0f}",
             f"{storm[1]:,}", f"{line['silence'][0][0]:,.0f}", f"{line['silence'][1][0]:,.0f}", line["allocated"],
             sum(line["xruns"]), line["lost"], line["starved"])
        )  # fmt: skip
    heads = ("round", "quiet, mean", "worst", "storm, mean", "worst", "silence, first", "last")
    return _table(
        "instructions a block", (*heads, "allocated B", "xruns", "lost", "starved"), rows
    )


def _events(result):
    rows = [(name, count, f"{worst:,}") for name, (count, worst) in result["worst"].items()]
    return _table("what happened", ("", "times", "instructions, worst"), rows)
