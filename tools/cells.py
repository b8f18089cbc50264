"""Writes native_modules/core/up_cells_vfp.h: the gates of four, two and one units of a GRU and an LSTM.

    python tools/cells.py [--steps 40000]

One description of each cell, below, gives the instructions; a local search then moves them about,
where no result changes, to the order that the estimate of cycles (`upedal.cycles`) likes best on a
Cortex-M7. Seeded: the same file every time, for the same estimator.
"""

import argparse
import math
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "host"))
from upedal.cores import CORES  # noqa: E402
from upedal.cycles import _Scoreboard  # noqa: E402
from upedal.thumb import decode  # noqa: E402

HEADER = ROOT / "native_modules" / "core" / "up_cells_vfp.h"
TOP = """// SPDX-License-Identifier: MIT
// Written by tools/cells.py: gates of one, two and four units, fast grade, for cores with a single-precision
// VFP and FMA. Same operations as gru_cells and lstm_cells_fast, so same bits; a look-up rounds by conversion
// to integer, which gives the bits of up_look for |u| < 2^23. In the order in which chains of results wait least.
#ifndef UP_CELLS_VFP_H
#define UP_CELLS_VFP_H
"""
GRU_TEXT = """
// r0 sums of r, r1 of z, r2 of n, r3 pairs b_in, W_n, r4 h, r5 head, r6 units left, r8, r9 middle of the
// sigmoid's and the tanh's table, s30 x, s31 y. Clobbers r10-r12, lr, s0-s27.
"""
LSTM_TEXT = """
// r0 sums of i, r1 of f, r2 of g, r3 of o, r4 c, r5 h, r6 head, r10 units left, r8, r9 middle of the
// sigmoid's and the tanh's table, s30 nodes of tanh's table per unit, s31 y. Clobbers r7, r11, r12, lr, s0-s27.
"""


def floats(first, n, step=1):
    return [f"s{first + step * i}" for i in range(n)]


def reads(pointer, registers, note=""):
    return [f"vldmia {pointer}, {{{', '.join(registers)}}}{note}"]


def each(name, *columns):
    return [f"{name}.f32 " + ", ".join(row) for row in zip(*columns)]


def look(u, k, whole, node, table, temps):
    """Look-ups at u: value and slope to node[i] and the register behind it; u is the fraction then."""
    out = [f"vcvtr.s32.f32 {a}, {b}" for a, b in zip(k, u)]
    out += [f"vcvt.f32.s32 {a}, {b}" for a, b in zip(whole, k)]
    out += each("vsub", u, u, whole)
    temps = temps[: len(u)]
    for i in range(0, len(u) - 1, 2):
        out.append(f"vmov {temps[i]}, {temps[i + 1]}, {k[i]}, {k[i + 1]}")
    if len(u) % 2:
        out.append(f"vmov {temps[-1]}, {k[-1]}")
    out += [f"ssat {t}, #10, {t}" for t in temps]
    out += [f"add {t}, {table}, {t}, lsl #3" for t in temps]
    for t, v in zip(temps, node):
        out += reads(t, (v, after(v)))
    return out


def after(register):
    return f"s{int(register[1:]) + 1}"


def slopes(node):
    return [after(v) for v in node]


def gru(n):
    temps = ("r10", "r11", "r12", "lr")
    a, k, whole, pairs = floats(0, n), floats(4, n), floats(8, n), floats(4, n, 2)
    base, w, an = floats(12, n, 2), floats(13, n, 2), floats(20, n)
    z, h, head = floats(24, n), floats(24, n), floats(12, n)
    new = floats(0, n, 2)[:2] + floats(20, n, 2)[: max(n - 2, 0)]
    out = reads("r0!", a) + look(a, k, whole, pairs, "r8", temps)
    out += reads("r3!", floats(12, 2 * n)) + reads("r2!", an) + reads("r1!", z)
    out += each("vfma", base, w, ["s30"] * n)
    out += each("vfma", pairs, a, slopes(pairs))  # r
    out += each("vfma", base, pairs, an)
    out += look(z, k, whole, pairs, "r8", temps)
    out += look(base, floats(0, n), w, new, "r9", temps)
    out += each("vfma", pairs, z, slopes(pairs))  # z
    out += each("vfma", new, base, slopes(new))  # n
    out += reads("r4!", h, "@h") + reads("r5!", head)
    out += each("vsub", h, h, new)
    out += each("vfma", new, pairs, h)
    out += [f"vstr {r}, [r4, #{4 * i - 4 * n}]@h" for i, r in enumerate(new)]
    return out + each("vfma", ["s31"] * n, head, new)


def lstm(n):
    temps = ("r7", "r11", "r12", "lr")
    a, k, whole, pairs = floats(0, n), floats(4, n), floats(8, n), floats(4, n, 2)
    g, g_pairs, f = floats(12, n), floats(16, n, 2), floats(24, n)
    c, o, o_pairs, head = floats(12, n), floats(16, n), floats(20, n, 2), floats(16, n)
    out = reads("r0!", a) + look(a, k, whole, pairs, "r8", temps)
    out += reads("r2!", g) + look(g, floats(16, n), floats(20, n), g_pairs, "r9", temps)
    out += reads("r1!", f)
    out += each("vfma", pairs, a, slopes(pairs)) + each("vfma", g_pairs, g, slopes(g_pairs))
    out += each("vmul", a, pairs, g_pairs)  # i * g
    out += look(f, k, whole, pairs, "r8", temps) + reads("r4", c, "@c")
    out += each("vfma", pairs, f, slopes(pairs)) + each("vfma", a, pairs, c)
    out += [f"vstmia r4!, {{{', '.join(a)}}}@c"] + each("vmul", c, a, ["s30"] * n)
    out += reads("r3!", o) + look(o, floats(20, n), floats(24, n), o_pairs, "r8", temps)
    out += look(c, k, whole, pairs, "r9", temps)
    out += each("vfma", o_pairs, o, slopes(o_pairs)) + each("vfma", pairs, c, slopes(pairs))
    out += each("vmul", a, o_pairs, pairs)
    out += [f"vstmia r5!, {{{', '.join(a)}}}"] + reads("r6!", head)
    return out + each("vfma", ["s31"] * n, head, a)


def operations(lines):
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/a.s", f"{folder}/a.o"
        text = "\n".join(line.partition("@")[0] for line in lines)
        Path(source).write_text(
            f".syntax unified\n.thumb\n.cpu cortex-m7\n.fpu fpv5-d16\n1:\n{text}\n"
        )
        subprocess.run(["arm-none-eabi-as", source, "-o", target], check=True)
        dump = ["arm-none-eabi-objdump", "-d", "-M", "force-thumb,reg-names-std", target]
        listing = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^ +\w+:\t([\w ]+)\t(\S+)\t?([^;@<\n]*)", listing, re.M)
    return [
        decode(name, operands.strip(), len(code.replace(" ", "")) // 2)
        for code, name, operands in found
    ]


def dependences(lines, ops):
    """[{instructions that must come before}]; what is read and written at one place is noted "@place"."""
    touched = []
    for line, op in zip(lines, ops):
        read, written = {r for r, _ in op.reads}, {r for r, _ in op.writes} | {op.base} - {""}
        (written if op.cls in ("fst", "fstm") else read).update(re.findall("@.*", line))
        touched.append((read, written))
    return [
        {i for i, (read, written) in enumerate(touched[:j]) if written & (r | w) or read & w}
        for j, (r, w) in enumerate(touched)
    ]


def cycles(ops, order):
    """Of one turn of the loop, after the first three."""
    starts, at = [0] * len(ops), 0
    for i in order:
        starts[i] = at
        at += ops[i].size
    starts, order = np.array(starts), np.array(order)
    short, long = (
        _Scoreboard(CORES["m7"]).run(ops, starts, np.tile(order, turns)) for turns in (3, 6)
    )
    return (long - short) / 3


def search(lines, steps, seed=0):
    rng, ops = random.Random(seed), operations(lines)
    before, loop = dependences(lines, ops), lines[-1].startswith("b")
    order = list(range(len(ops)))
    now = best = cycles(ops, order)
    found = order
    for step in range(steps):
        at = rng.randrange(len(ops) - loop)
        low = high = at
        while low and order[low - 1] not in before[order[at]]:
            low -= 1
        while high < len(ops) - 1 - loop and order[at] not in before[order[high + 1]]:
            high += 1
        to = rng.randint(low, high) if rng.random() < 0.4 else at + rng.choice((-2, -1, 1, 2))
        to = min(max(to, low), high)
        moved = order[:at] + order[at + 1 :]
        moved.insert(to, order[at])
        cost = cycles(ops, moved)
        if cost <= now or rng.random() < math.exp((now - cost) / (1 - step / steps)):
            order, now = moved, cost
        if cost < best:
            found, best = moved, cost
    return best, [lines[i] for i in found]


def macro(name, lines):
    text, row = f"#define {name}", ""
    for line in [*lines, None]:
        item = "" if line is None else f'"{line.partition("@")[0]}\\n"'
        if line is None or len(row) + len(item) > 106:
            text, row = f"{text} \\\n    {row.strip()}", ""
        row += " " + item
    return text + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40000)
    steps = parser.parse_args().steps
    text = TOP
    for name, cell, left, note in (("GRU", gru, "r6", GRU_TEXT), ("LSTM", lstm, "r10", LSTM_TEXT)):
        text += note
        for n in (4, 2, 1):
            lines = cell(n) + ([f"subs {left}, #4", "bge.w 1b"] if n == 4 else [])
            cost, lines = search(lines, steps)
            print(f"{name} of {n} units: {len(lines)} instructions, {cost:.1f} cycles estimated")
            text += macro(f"{name}_CELLS_{n}", lines)
    HEADER.write_text(text + "\n#endif\n")


if __name__ == "__main__":
    main()
