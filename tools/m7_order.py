#!/usr/bin/env python3
"""Writes native_modules/core/up_qtile_m7.h, up_qblock_m7.h and up_dither_dsp.h: code of integer models in an order that lets a
Cortex-M7 start two instructions a cycle. Run after a change here: `PYTHONPATH=host python tools/m7_order.py`.

Each kind of what follows a tile's sums is a list of instructions in some right order; `schedule` keeps what depends on what and looks for the
shortest order by the M7's table in host/upedal/cores.py. Registers: sums r2-r5 (first frame) and r6-r9 (second), r0
behind the words, r10 the first multiplier. After it: the next tile's first words are loaded, as QTILE_START has it.
"""

import random
from pathlib import Path

from upedal.cores import M7
from upedal.cycles import _Scoreboard
from upedal.thumb import decode

CORE = Path(__file__).resolve().parents[1] / "native_modules" / "core"
FIELDS = ("bias", "v", "y", "end", "w", "v_skip", "middle", "slope0", "slope1", "slope2", "slope3", "plus", "factor",
          "past", "echo", "scale", "half", "head", "out")  # fmt: skip
ROWS = {4: (0, 1, 2, 3), 3: (0, 1, 2)}


def sums(rows):
    """[(register, row)] of both frames."""
    return [(f"r{2 + 4 * f + k}", k) for k in ROWS[rows] for f in (0, 1)]


def shift(how, to, r, n):
    """The short form where there is one: the long one counts as an operand's shift, which is slower."""
    low = all(x[1:].isdigit() and int(x[1:]) < 8 for x in (to, r))
    return f"{how}s {to}, {r}, #{n}" if low else f"mov.w {to}, {r}, {how} #{n}"


def requantise(rows):
    mult = ("r10", "r11", "r12", "lr")
    loads = [f"ldr {mult[k]}, [r0, #{4 * k}]" for k in ROWS[rows] if k]
    return loads + [f"smmulr {r}, {r}, {mult[k]}" for r, k in sums(rows)]


def saturate(rows, what):
    return [f"{what[:4]} {r}, #{what[4:]}, {r}" for r, _ in sums(rows)]


def pack(rows):
    """Rows 0 and 1 to r2, r3 (two frames), rows 2 and 3 to r4, r5."""
    if rows == 3:
        return [
            "pkhbt r2, r2, r3, lsl #16",
            "pkhbt r3, r6, r7, lsl #16",
            "uxth r4, r4",
            "uxth r5, r8",
        ]
    return [
        f"pkhbt r{a}, r{b}, r{c}, lsl #16"
        for a, b, c in ((2, 2, 3), (3, 6, 7), (4, 4, 5), (5, 8, 9))
    ]


def halves(rows, what):
    low = {
        3: ["asrs r4, r4, #16", "mov.w r5, r8, asr #16"],
        4: ["pkhtb r4, r5, r4, asr #16", "pkhtb r5, r9, r8, asr #16"],
    }
    pairs = ["pkhtb r2, r3, r2, asr #16", "pkhtb r3, r7, r6, asr #16", *low[rows]]
    both = [f"{what[:4]}16 r{k}, #{what[4:]}, r{k}" for k in (2, 3, 4, 5)]
    return pairs + both + (["uxth r4, r4", "uxth r5, r5"] if rows == 3 else [])


ENDS = ["ldr r0, %[v]", "ldr r1, %[y]", "add r1, r1, r0"]
ADDED = [
    "ldr r10, %[plus]",
    "add r10, r10, r1",
    "ldr r12, [r10]",
    "ldr lr, [r10, #4]",
    "ldr r11, [r10, #128]",
    "ldr r10, [r10, #132]",
]
ADD = [
    f"qadd16 {a}, {a}, {b}" for a, b in (("r2", "r12"), ("r3", "lr"), ("r4", "r11"), ("r5", "r10"))
]


def scaled():
    """r12, lr, r11, r10 times their factor, half of its unit in r9."""
    text = ["ldr r8, %[factor]", "mov r9, #8192"]
    for p, t in (("r12", "r6"), ("lr", "r7"), ("r11", "r6"), ("r10", "r7")):
        text += [
            f"smlatb {t}, {p}, r8, r9",
            f"smlabb {p}, {p}, r8, r9",
            shift("lsl", t, t, 2),
            f"pkhtb {p}, {t}, {p}, asr #14",
        ]
    return text


def look():
    """up_qlook64 of all sums, packed."""
    text = ["ldr lr, %[middle]", "mov r12, #32"]
    for x, t in zip(
        ("r2", "r3", "r8", "r6", "r7", "r9", "r4", "r5"),
        ("r0", "r1", "r10", "r0", "r1", "r11", "r0", "r1"),
    ):
        text += [shift("asr", t, x, 6), f"and {x}, {x}, #63", f"ldr {t}, [lr, {t}, lsl #2]"]
        text += [f"smlabb {x}, {t}, {x}, r12", f"add {x}, {x}, {t}, asr #10"]
    for to, low, high in ((2, 2, 3), (3, 6, 7), (4, 4, 5), (5, 8, 9)):
        text += [shift("lsl", f"r{high}", f"r{high}", 10), f"pkhtb r{to}, r{high}, r{low}, asr #6"]
    return text


def slopes(rows):
    """x = its positive part + slope * the rest: slopes are 2^17 times those of the format."""
    held = ("r10", "r11", "r12", "lr")
    text = [f"ldr {held[k]}, %[slope{k}]" for k in ROWS[rows]]
    for (x, k), p in zip(sums(rows), ("r0", "r1") * 4):
        text += [
            f"usat {p}, #15, {x}",
            f"ssat {x}, #16, {x}",
            f"sub {x}, {x}, {p}",
            f"smmlar {x}, {x}, {held[k]}, {p}",
        ]
    return text


def following(rows):
    """Store, and begin the next tile: its biases, its first weight and signal; equal: there is none."""
    text = [
        "strd r4, r5, [r1, #128]",
        "strd r2, r3, [r1]",
        "add r0, r0, #8",
        "str r0, %[v]",
        "ldr r10, %[bias]",
    ]
    text += [f"ldr r{6 + k}, [r10, #{4 * k}]" for k in ROWS[rows]] + [
        f"mov r{2 + k}, r{6 + k}" for k in ROWS[rows]
    ]
    text += [
        "ldr r10, [r10, #16]",
        "ldr r12, [r0]",
        "ldr lr, [r0, #4]",
        "ldr r1, %[v_skip]",
        "add r1, r1, r0",
    ]
    return text + ["ldr r11, %[end]", "cmp r0, r11", "ldr r0, %[w]"]


def kinds(rows):
    for name in ("ssat16", "usat15", "ssat8", "usat7"):
        yield f"{name[0]}{name[4:]}", requantise(rows) + saturate(rows, name) + pack(rows) + ENDS
    first = requantise(rows) + saturate(rows, "ssat16")
    yield "plus", first + pack(rows) + ENDS + ADDED + ADD
    yield "mix", first + pack(rows) + ENDS + ADDED + scaled() + ADD
    yield "table", requantise(4) + saturate(4, "ssat16") + look() + ENDS
    yield "slopes", requantise(rows) + slopes(rows) + pack(rows) + ENDS
    yield "half_s8", halves(rows, "ssat8") + ENDS
    yield "half_u7", halves(rows, "usat7") + ENDS


def mix():
    """Eight words of a sum of two units: r0 and r1 the terms, r2 the sum, r3 the factors, r4 half of one."""
    text = []
    for k in range(8):
        a, b, t = (("r6", "r7", "r8"), ("r9", "r10", "r11"), ("r12", "lr", "r5"))[k % 3]
        text += [f"ldr {a}, [r0, #{4 * k}]", f"ldr {b}, [r1, #{4 * k}]"]
        text += [
            f"smlabb {t}, {a}, r3, r4",
            f"smlatb {a}, {a}, r3, r4",
            f"smlabt {t}, {b}, r3, {t}",
            f"smlatt {a}, {b}, r3, {a}",
        ]
        text += [
            f"ssat {t}, #16, {t}, asr #14",
            f"ssat {a}, #16, {a}, asr #14",
            f"pkhbt {t}, {t}, {a}, lsl #16",
            f"str {t}, [r2, #{4 * k}]",
        ]
    return [
        *text,
        "add r0, r0, #32",
        "add r1, r1, #32",
        "add r2, r2, #32",
        "ldr r5, %[end]",
        "cmp r0, r5",
    ]


def dithered(s, t, y, c):
    """One channel: c gets the eight bits. s generator, t and y the last two of the noise, unfiltered and filtered."""
    return [
        f"eor {s}, {s}, {s}, lsl #13", f"eor {s}, {s}, {s}, lsr #17", f"eor {s}, {s}, {s}, lsl #5",
        f"ubfx r9, {s}, #0, #14", f"rsb r9, r9, {s}, lsr #18", f"smlabt {c}, r9, r12, r10",
        f"smlad {c}, {t}, r12, {c}", f"pkhbt {t}, r9, {t}, lsl #16", f"smlad {c}, {y}, lr, {c}",
        f"ssat {c}, #16, {c}, asr #14", f"pkhbt {y}, {c}, {y}, lsl #16",
        f"add {c}, r8, {c}, lsl #1", f"ssat {c}, #8, {c}, asr #14",
    ]  # fmt: skip


def dither():
    """A frame of two channels with shaped dither; r0 in, r1 out, r2-r4 and r5-r7 the channels."""
    text = [
        "ldr r8, [r0]",
        "ldr r9, %[scale]",
        "ldr r10, %[half]",
        "smlabb r8, r8, r9, r10",
        "ldr r12, %[past]",
        "ldr lr, %[echo]",
    ]
    text += dithered("r2", "r3", "r4", "r11") + dithered("r5", "r6", "r7", "r10")
    text += [
        "pkhbt r11, r11, r10, lsl #16",
        "str r11, [r1]",
        "add r0, r0, #4",
        "add r1, r1, #4",
        "ldr r9, %[end]",
    ]
    return [*text, "cmp r0, r9"]


def block_out():
    """A block's sums r2-r4 and r5-r7, multipliers from r0 on, the first in r8: slopes, and added to the heads."""
    text = ["ldr r9, [r0, #4]", "ldr r10, [r0, #8]"]
    text += [f"smmulr r{r}, r{r}, r{m}" for r, m in ((2, 8), (5, 8), (3, 9), (6, 9), (4, 10), (7, 10))]
    text += ["ldr r8, [r0, #12]", "ldr r9, [r0, #16]", "ldr r10, [r0, #20]"]
    held = {"r2": "r8", "r5": "r8", "r3": "r9", "r6": "r9", "r4": "r10", "r7": "r10"}
    for x, p in zip(("r7", "r3", "r6", "r4", "r5", "r2"), ("lr", "r12", "r12", "r12", "r11", "r11")):  # found by trying
        text += [f"usat {p}, #15, {x}", f"ssat {x}, #16, {x}", f"sub {x}, {x}, {p}", f"smmlar {x}, {x}, {held[x]}, {p}"]
    text += ["ldr r8, %[head]", "add r8, r8, r1", "ldr r11, [r0, #24]", "mov r10, #8192", "ldr lr, [r8]", "ldr r9, [r8, #4]"]
    for h, low, high in (("lr", "r2", "r3"), ("r9", "r5", "r6")):
        text += [
            f"smlabb r12, {h}, r11, r10", f"smlatb {h}, {h}, r11, r10", f"smlabt r12, {low}, r11, r12", f"smlabt {h}, {high}, r11, {h}",
            "ssat r12, #16, r12, asr #14", f"ssat {h}, #16, {h}, asr #14", f"pkhbt {h}, r12, {h}, lsl #16",
        ]  # fmt: skip
    text += ["str lr, [r8]", "str r9, [r8, #4]", "ldr lr, [r8, #128]", "ldr r12, [r8, #132]"]
    for h, low in (("lr", "r4"), ("r12", "r7")):
        text += [f"smlabb {h}, {h}, r11, r10", f"smlabt {h}, {low}, r11, {h}", f"ssat {h}, #16, {h}, asr #14", f"uxth {h}, {h}"]
    return [*text, "strd lr, r12, [r8, #128]"]


SUMS = (("r8", "r3"), ("r9", "r6"), ("r10", "r11"))  # of the dense layer: two frames of each row


def block_dense():
    """A block's dense layer, of the values r2-r4 and r5-r7: SUMS; r4, r5, r2, r7 what is added, lr its factor. Constants from r0 + 28 on."""
    text = ["pkhbt r2, r2, r3, lsl #16", "pkhbt r5, r5, r6, lsl #16"]
    text += ["ldr r8, [r0, #28]", "ldr r9, [r0, #32]", "ldr r10, [r0, #36]", "mov r3, r8", "mov r6, r9", "mov r11, r10"]
    for k, (a, b) in enumerate(((2, 5), (4, 7))):
        for row, (first, second) in enumerate(SUMS):
            w = ("r12", "lr")[row % 2]
            text += [f"ldr {w}, [r0, #{40 + 12 * k + 4 * row}]", f"smlad {first}, {w}, r{a}, {first}", f"smlad {second}, {w}, r{b}, {second}"]
    for row, (m, (first, second)) in enumerate(zip(("r2", "r4", "r5"), SUMS)):
        text += [f"ldr {m}, [r0, #{64 + 4 * row}]", f"smmulr {first}, {first}, {m}", f"smmulr {second}, {second}, {m}"]
    text += ["ldr lr, [r0, #76]", "ldr r7, %[plus]", "add r7, r7, r1"]
    text += ["ldr r4, [r7]", "ldr r5, [r7, #4]", "ldr r2, [r7, #128]", "ldr r7, [r7, #132]"]
    return text + [f"ssat {r}, #16, {r}" for pair in SUMS for r in pair]


BLOCK_STORE = ["ldr r12, %[out]", "add r12, r12, r1", "strd r8, r9, [r12]", "strd r10, r11, [r12, #128]"]


def block_add():
    """What is added as it is."""
    text = ["pkhbt r8, r8, r9, lsl #16", "pkhbt r9, r3, r6, lsl #16"]
    text += [f"qadd16 {a}, {a}, {b}" for a, b in (("r8", "r4"), ("r9", "r5"), ("r10", "r2"), ("r11", "r7"))]
    return text + ["uxth r10, r10", "uxth r11, r11", *BLOCK_STORE]


def block_scale():
    """What is added times its factor."""
    text = ["mov r12, #8192"]
    for to, low, high, p in (("r8", "r8", "r9", "r4"), ("r9", "r3", "r6", "r5")):
        text += [
            f"smlabb r0, {p}, lr, r12", f"smlatb {p}, {p}, lr, r12", f"add {low}, {low}, r0, asr #14", f"add {high}, {high}, {p}, asr #14",
            f"ssat {low}, #16, {low}", f"ssat {high}, #16, {high}", f"pkhbt {to}, {low}, {high}, lsl #16",
        ]  # fmt: skip
    for to, p in (("r10", "r2"), ("r11", "r7")):
        text += [f"smlabb {p}, {p}, lr, r12", f"add {to}, {to}, {p}, asr #14", f"ssat {to}, #16, {to}", f"uxth {to}, {to}"]
    return text + BLOCK_STORE


def operation(text):
    for k, field in enumerate(FIELDS):
        text = text.replace(f"%[{field}]", f"[sp, #{4 * k}]")
    mnemonic, _, operands = text.partition(" ")
    return decode(mnemonic, operands, 4)


def order_kept(ops, texts):
    """[{one that must come before: cycles from its start}]: registers, flags, and the store of %[v]."""
    before = []
    for i, op in enumerate(ops):
        reads, writes = {r for r, _ in op.reads}, {r for r, _ in op.writes}
        must = {}
        for j in range(i):
            r, w = {x for x, _ in ops[j].reads}, {x for x, _ in ops[j].writes}
            memory = (
                "%[v]" in texts[i] and "%[v]" in texts[j] and "str" in texts[i][:3] + texts[j][:3]
            )
            if "cmp" not in texts[i]:
                w = w - {"flags"}  # nobody reads those of a shift
            if reads & w:
                must[j] = M7.timing[ops[j].cls].latency + (ops[j].cls in ("ld", "mul"))
            elif writes & (r | w) or memory:
                must[j] = 0
        before.append(must)
    return before


def weights(ops, before):
    """How long the longest chain is that an instruction begins."""
    after = [1.0] * len(ops)
    for i in reversed(range(len(ops))):
        for j in before[i]:
            after[j] = max(after[j], after[i] + max(before[i][j], 0.5))
    return after


def one_order(ops, before, height):
    """(cycles, order): at each turn what can start first, of those what is most urgent."""
    board, left, order = _Scoreboard(M7), set(range(len(ops))), []
    while left:
        best = None
        for i in left:
            if left & before[i].keys():
                continue
            timing = M7.timing[ops[i].cls]
            cycle = board._earliest(ops[i], timing)
            if cycle <= board.cycle and not board._fits(ops[i], timing):
                cycle = board.cycle + 1
            if best is None or (cycle, -height[i]) < best[0]:
                best = ((cycle, -height[i]), i)
        i = best[1]
        board._issue(ops[i], None, False)
        left.discard(i)
        order.append(i)
    return board.cycle + (1 if board.group else 0), order


def schedule(texts, tries=4000):
    """(cycles, the same instructions in the best order found): urgencies are changed here and there."""
    ops, rng = [operation(t) for t in texts], random.Random(1)
    before = order_kept(ops, texts)
    height = weights(ops, before)
    cycles, order = one_order(ops, before, height)
    for _ in range(tries):
        other = [h + rng.gauss(0, 3) if rng.random() < 0.1 else h for h in height]
        now, another = one_order(ops, before, other)
        if now <= cycles:
            cycles, order, height = now, another, other
    return cycles, [texts[i] for i in order]


def written(what, name, texts):
    """Lines of a macro."""
    cycles, order = schedule(texts)
    print(name, cycles, len(order))
    quoted = [f'"{t}\\n"' for t in order]
    rows = [" ".join(quoted[k : k + 4]) for k in range(0, len(quoted), 4)]
    return [
        "",
        f"// {what}; estimated {cycles} cycles, {len(order)} instructions.",
        f"#define {name} \\",
        *(f"    {r} \\" for r in rows[:-1]),
        f"    {rows[-1]}",
    ]


def write(name, stem, see, lines):
    head = [
        "// SPDX-License-Identifier: MIT",
        f"// Written by tools/m7_order.py: change that. See {see}.",
    ]
    guard = f"UP_{stem.upper()}_H"
    (CORE / name).write_text(
        "\n".join([*head, f"#ifndef {guard}", f"#define {guard}", *lines, "", "#endif", ""])
    )


def main():
    lines = []
    for rows in (4, 3):
        for name, texts in kinds(rows):
            four = 4 if name == "table" else rows
            lines += written(
                f"{rows} rows", f"QTILE_{name.upper()}_{rows}", texts + following(four)
            )
    lines += written("See mix()", "QTILE_MIX_8", mix())
    write("up_qtile_m7.h", "qtile_m7", "up_qtile_dsp.h", lines)
    lines = written("See block_out()", "QBLOCK_OUT", block_out())
    for part in (block_dense, block_add, block_scale):
        lines += written(f"See {part.__name__}()", f"QBLOCK_{part.__name__[6:].upper()}", part())
    write("up_qblock_m7.h", "qblock_m7", "up_qblock_dsp.h", lines)
    write(
        "up_dither_dsp.h",
        "dither_dsp",
        "up_dither.c",
        written("A frame of two channels", "DITHER_TWO", dither()),
    )


if __name__ == "__main__":
    main()
