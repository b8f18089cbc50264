"""What a row's instructions are: of a whole call, and of the loop in which most of them run."""

import math
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from . import bench, bench_cab, cycles, zoo


def region(board, name, block):
    """(what the plugin recorded of one call of a row, of an empty call)"""
    with tempfile.TemporaryDirectory() as folder:
        plugin = bench._plugin(folder)
        if name in bench_cab.TAPS:
            bench_cab.count(board, [name], (block,), plugin)
        else:
            bench._run(board, {name: zoo.build(name)}, (block,), plugin)
        found = cycles.read(Path(folder) / "regions")[2:]
    return found[-1], found[0]


def loop(recorded):
    """(first, last index into recorded.code, times around) of the hottest innermost loop; None without one.

    A loop is a jump backwards; the one whose body executes most instructions is hottest.
    """
    order = sorted(range(len(recorded.code)), key=lambda i: recorded.code[i][0])
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    at = place[recorded.trace]
    back = at[1:] < at[:-1]
    jumps = Counter(zip(at[1:][back].tolist(), at[:-1][back].tolist()))
    counts = np.bincount(at, minlength=len(order))
    best = None
    for (first, last), times in jumps.items():
        body = counts[first : last + 1]
        inner = body.max() <= 2 * times + 2  # nothing in it loops by itself
        if inner and times > 1 and (best is None or body.sum() > best[0]):
            best = body.sum(), [order[i] for i in range(first, last + 1)], times
    return None if best is None else best[1:]


def floor(ops, core):
    """(fewest cycles of one turn, why): multiply-adds and words loaded against the core's units."""
    macs = sum(op.cls == "fma" for op in ops)
    words = sum(op.words for op in ops if op.cls in _LOADS)
    if core == "m7":
        products = sum(op.cls == "mul" for op in ops)
        limits = {"a multiply-add a cycle": macs + products, "two words loaded a cycle": words / 2,
                  "two instructions a cycle": len(ops) / 2}  # fmt: skip
    else:
        floats = sum(op.words for op in ops if op.cls[0] == "f" and op.cls != "fma")
        integers = sum(op.words for op in ops if op.cls[0] != "f")
        why = "three cycles a float multiply-add, beside which two integer instructions find room"
        limits = {why: 3 * macs + floats + max(integers - 2 * macs, 0)}
        limits["an instruction a cycle"] = len(ops)
    why = max(limits, key=limits.get)
    return math.ceil(limits[why]), why


_LOADS = ("ld", "ldb", "ldd", "ldm", "fld", "fldd", "fldm")


def turn_cycles(recorded, body, core, turns=64):
    """ESTIMATED cycles of one turn of a loop that goes on for ever."""
    part = cycles.Region(
        len(body) * turns, np.array([]), recorded.code, np.array(body * turns, np.uint32)
    )
    return cycles.estimate(part, core) / turns


def text(board, name, block=64):
    """Lines: classes and instructions of a call, and its hottest loop with what it cannot go below."""
    recorded, null = region(board, name, block)
    core = bench.ESTIMATED[board]
    total = recorded.insns - null.insns
    found = cycles.histogram(recorded)
    lines = [
        f"{name} on {core.upper()}, one call of {block} frames: {total / block:,.1f} instructions a sample"
    ]
    lines += [_each(found["classes"], block), _each(found["mnemonics"], block, 24)]
    hot = loop(recorded)
    if not hot:
        return [*lines, "no loop: straight code"]
    body, times = hot
    ops = cycles.operations(recorded)
    ops = [ops[i] for i in body]
    executed = int(sum(recorded.counts[i] for i in body))
    limit, why = floor(ops, core)
    cycles_each = turn_cycles(recorded, body, core)
    lines.append(
        f"hottest loop: {len(body)} instructions, {100 * executed / recorded.insns:.0f} % of the call;"
        f" {cycles_each:.1f} cycles a turn (estimate), not below {limit} ({why})"
    )
    lines.append(_each(Counter(op.mnemonic.removesuffix(".w") for op in ops), 1))
    texts = cycles.disassemble(recorded)
    return lines + ["  " + " ".join(texts[i]) for i in body[:64]]


def _each(counts, block, most=None):
    items = list(counts.items() if not isinstance(counts, Counter) else counts.most_common())
    return "  " + ", ".join(f"{name} {count / block:.4g}" for name, count in items[:most])
