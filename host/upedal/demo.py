"""`upedal demo`: from two recordings to an emulated pedal, and proof that they agree."""

import json
import time
from pathlib import Path

import numpy as np

from . import audio, bench, cost, upm
from . import board as boards
from .errors import UpedalError
from .files import write_atomic

SECONDS, RATE_HZ, SEED = 48.0, 48000, 0  # of the synthesised pair
MINUTES = 0.5  # of training
BOARD, BLOCK = "emu_m7", 64
SHIPPED = "boss_ds1-teensy41"  # a model that comes along, played as well
_NO_DIFFERENCE_DB = -300.0  # stands for minus infinity, which JSON does not have
RIG = '''"""A gain and the trained amp: edit, and play it again with `upedal sim`."""

from pedal import Gain, Neural, Rig

rig = Rig(Gain(db=0), Neural("amp.upm"), block={block}, rate_hz={rate})
'''


def run(dry_path=None, wet_path=None, *, out="demo", minutes=MINUTES, recipe="gru-16", seed=SEED, console):
    """The whole way; leaves everything in `out` and returns the result, as result.json has it."""
    start = time.monotonic()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    dry, wet, rate, found = _pair(dry_path, wet_path, console)
    trained = _train(dry, wet, rate, recipe, minutes, out, seed, console)
    model = _pack(trained, rate, recipe, out)
    x, target = dry[trained.test_slice], wet[trained.test_slice]
    for name, signal in (("dry", x), ("target", target)):
        audio.write(out / f"{name}.wav", signal, rate)
    (out / "rig.py").write_text(RIG.format(block=BLOCK, rate=rate))
    result = {"recipe": recipe, "rate_hz": rate, "seed": seed, "checks": found}
    result |= {"train_seconds": trained.seconds, "validation_esr": trained.val_esr}
    net, sim, pedal, counters = _play(trained.net, model, x, rate, out, console)
    result |= _compare(target, net, sim, pedal)
    result["sim_accurate_vs_net_db"] = _accurate(model, x, net)
    result |= _costs(model, counters, out, console)
    _shipped(rate, out, console)
    result |= {"seconds": time.monotonic() - start, "history": trained.history}
    _write_json(out / "result.json", result)
    _report(out, result, target, pedal, x, rate)
    return result


def _pair(dry_path, wet_path, console):
    """Aligned (dry, wet, rate_hz, what the checks found): read, or synthesised where no paths are given."""
    from . import checks

    if dry_path is None:
        from . import synth

        console.print(f"[bold]1[/] synthesising {SECONDS:.0f} s of guitar through an overdrive")
        dry = synth.dry_guitar(SECONDS, RATE_HZ, seed=SEED)
        pair = checks.inspect(dry, synth.overdrive(dry, RATE_HZ), RATE_HZ)
    else:
        console.print(f"[bold]1[/] reading {dry_path} and {wet_path}")
        pair = checks.load(dry_path, wet_path)
    for finding in pair.findings:
        if finding.outcome != "ok":
            console.print(f"  {finding.outcome}: {finding.sentence}")
    return pair.dry, pair.wet, pair.rate_hz, [f.as_dict() for f in pair.findings]


def _train(dry, wet, rate, recipe, minutes, out, seed, console):
    from . import recipe as recipes
    from .train import train

    console.print(f"[bold]2[/] training {recipe} for {minutes:g} minutes")
    plan = recipes.load(recipe)
    return train(dry, wet, rate, plan, minutes=minutes, out_dir=out / "train", seed=seed, resume=False)


def _pack(trained, rate, recipe, out):
    from .pack import pack

    meta = {"name": "demo amp", "recipe": recipe, "validation_esr": f"{trained.val_esr:.5f}"}
    model = pack(trained.net, rate, grade=boards.load(BOARD).grade, meta=meta)
    upm.save(model, out / "amp.upm")
    return model


def _play(net, model, x, rate, out, console):
    """The held-out part through the net, the simulator and the pedal; and the pedal's counters."""
    from . import sim
    from .train import render

    quiet = np.zeros(model.prewarm, np.float32)
    y_net = render(net, np.concatenate([quiet, x]))[len(quiet) :]
    console.print("[bold]3[/] simulating the held-out part")
    sim.run(out / "rig.py", out / "dry.wav", out / "sim.wav", on="cpython")
    console.print(f"[bold]4[/] playing it on {boards.load(BOARD).title}, running MicroPython")
    counters = sim.run(out / "rig.py", out / "dry.wav", out / "pedal.wav", on=BOARD)
    audio.write(out / "net.wav", y_net, rate)
    return y_net, audio.read(out / "sim.wav")[0], audio.read(out / "pedal.wav")[0], counters


def _shipped(rate, out, console):
    """The held-out part through a model that comes along, in a rig of its own; where the rates agree."""
    from . import library, sim

    one = library.find(SHIPPED)
    if one.model().rate_hz != rate:
        return
    upm.replace(out / f"{one.name}.upm", one.blob())
    text = RIG.replace("trained amp", "DS-1 that comes along").replace("amp.upm", f"{one.name}.upm")
    (out / "ds1_rig.py").write_text(text.format(block=BLOCK, rate=rate))
    sim.run(out / "ds1_rig.py", out / "dry.wav", out / "ds1.wav", on="cpython")
    console.print(f"[bold]6[/] a model that comes along, {one.card['title']}: {out}/ds1.wav (upedal models lists them)")


def _compare(target, net, sim, pedal):
    if other := {len(net), len(sim), len(pedal)} - {len(target)}:
        raise UpedalError(f"outputs of {other} frames; expected {len(target)}")
    return {
        "esr_net": audio.esr(target, net),
        "esr_sim": audio.esr(target, sim),
        "esr_pedal": audio.esr(target, pedal),
        "sim_vs_net_db": audio.db(audio.esr(net, sim)),
        "pedal_vs_sim_db": max(audio.db(audio.esr(sim, pedal)), _NO_DIFFERENCE_DB),
        "bit_identical": sim.tobytes() == pedal.tobytes(),
        "frames": len(target),
    }


def _accurate(model, x, net):
    """dB between the net and the simulator, were the file of the accurate grade."""
    from dataclasses import replace

    from .native import render

    return audio.db(audio.esr(net, render(upm.dumps(replace(model, grade="accurate")), x)))


def _costs(model, counters, out, console):
    """Measured instructions, estimated cycles, and the load they make on each board."""
    console.print("[bold]5[/] counting instructions on the emulated cores")
    cores = {}
    for board in bench.BOARDS:
        (row,) = bench.measure(board, {"amp": model}, (BLOCK,))
        cores[boards.load(board).core] = row
    around = counters["instructions_per_sample"] - cores["cortex-m7"]["instructions_per_sample"]
    table, measured = [], {}
    for profile, guess in cost.loads(model):
        row = cores.get(profile.core)
        if row:
            # What surrounds the net (the interpreter, the gain, audio) by the same cycles an instruction.
            per = row["estimated_cycles_per_sample"] / row["instructions_per_sample"]
            cycles = row["estimated_cycles_per_sample"] + per * max(around, 0)
            measured[profile.core] = cycles
            guess = cycles / (profile.clock_hz * profile.usable_share / model.rate_hz)
        budget = profile.budget_cycles_per_sample
        table.append({"name": profile.name, "budget_cycles_per_sample": budget, "load": guess})
    return {
        "instructions_per_sample": counters["instructions_per_sample"],
        "net_instructions_per_sample": cores["cortex-m7"]["instructions_per_sample"],
        "estimated_cycles_per_sample": measured["cortex-m7"],
        "interpreter_instructions_per_block": counters["interpreter_instructions_per_block"],
        "block": BLOCK,
        "xruns": counters["xruns"],
        "faults": counters["faults"],
        "upm_bytes": (out / "amp.upm").stat().st_size,
        "arena_bytes": upm.check((out / "amp.upm").read_bytes(), "amp.upm"),
        "boards": table,
    }


def _write_json(path, result):
    write_atomic(path, (json.dumps(result, indent=2, default=float) + "\n").encode())


def _report(out, result, target, pedal, dry, rate):
    from . import report

    report.write(out / "report.html", result, target, pedal, rate, dry=dry, history=result["history"])


def table(result):
    """The one table that `upedal demo` ends with."""
    from rich.table import Table

    out = Table(title="upedal demo")
    out.add_column("what")
    out.add_column("figure", justify="right")
    for key in ("net", "sim", "pedal"):
        out.add_row(f"ESR of the {key} on the held-out part", f"{result[f'esr_{key}']:.3%}")
    both = f"{result['sim_vs_net_db']:.1f} dB ({result['sim_accurate_vs_net_db']:.1f} accurate)"
    out.add_row("simulator against net", both)
    same = "bit-identical" if result["bit_identical"] else f"{result['pedal_vs_sim_db']:.1f} dB"
    out.add_row("pedal against simulator", same)
    out.add_row("instructions a sample, whole rig", f"{result['instructions_per_sample']:,.0f}")
    share = result["interpreter_instructions_per_block"] / result["block"] / result["instructions_per_sample"]
    interpreter = f"{result['interpreter_instructions_per_block']:,.0f} a block, {share:.1%}"
    out.add_row("of these the interpreter", interpreter)
    out.add_row("estimated cycles a sample, Cortex-M7", f"{result['estimated_cycles_per_sample']:,.0f}")
    for row in result["boards"]:
        load = "not known" if row["load"] is None else f"{row['load']:.0%} (estimate)"
        out.add_row(f"load on {row['name']}", load)
    out.add_row("RAM of the model", f"{result['arena_bytes']:,} bytes")
    out.add_row("size of the .upm", f"{result['upm_bytes']:,} bytes")
    out.add_row("seconds in all", f"{result['seconds']:.0f}")
    return out
