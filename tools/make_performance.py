"""Writes the tables of docs/performance.md: python tools/make_performance.py build/bench.json [--before FILE]

The JSON is what `upedal bench --json` writes. Tables lie between `<!-- NAME -->` and `<!-- end -->`; the text
around them is kept. Without --before the tables that compare are left as they are.
"""

import argparse
import json
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
CORES = {"emu_m7": "M7", "emu_m4": "M4F", "emu_m33": "M33"}
BLOCK = 64
# Peers, measured on the kind of machine and with the method that the page tells of.
PEERS_M7 = {
    "gru-8": 879, "gru-10": 1305, "gru-16": 2894, "gru-32": 13726, "gru-40": 19421, "lstm-8": 1209,
    "lstm-16": 4020, "lstm-20": 8181, "lstm-40": 23872, "nam-a1-nano": 4099, "nam-a1-feather": 13609,
    "nam-a1-lite": 39397, "nam-a1-standard": 70598, "nam-a2-lite": 5259, "nam-a2-full": 42873,
    "tinyml-16x24-q7": 38546, "cab-512": 808,
}  # fmt: skip
PEERS_DESKTOP = {
    "nam-a1-nano": 164, "nam-a1-feather": 40, "nam-a1-lite": 24, "nam-a1-standard": 15.8, "nam-a2-lite": 150,
    "nam-a2-full": 18, "lstm-16": 248, "gru-10": 341, "gru-40": 118, "lstm-40": 85,
}  # fmt: skip


def rows(result, board=None, block=None):
    """{row name: row} of a board and block, in the file's order."""
    return {
        row["model"]: row
        for row in result["boards"]
        if board in (None, row["board"]) and block in (None, row["block"])
    }


def number(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def table(heads, lines):
    """Markdown; the first column is text, the rest numbers."""
    marks = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [heads, marks, *lines])


def bars(row):
    low, high = row["estimated_cycles_low"], row["estimated_cycles_high"]
    return "–" if low is None else f"{number(low)}–{number(high)}"


def speed(result):
    """Instructions and cycles on each core, blocks of 64."""
    heads = ["row", "MACs"]
    for core in CORES.values():
        heads += [f"{core} i", "est.", "may take"]
    lines = []
    for name, row in rows(result, "emu_m7", BLOCK).items():
        line = [f"`{name}`", number(row["macs_per_sample"])]
        for board in CORES:
            found = rows(result, board, BLOCK).get(name)
            line += [number(found["instructions_per_sample"]), number(found["estimated_cycles_per_sample"]), bars(found)] if found else ["–"] * 3  # fmt: skip
        lines.append(line)
    return table(heads, lines)


def memory(result):
    """i/MAC and bytes on the M7, blocks of 64."""
    heads = ["row", "arithmetic", "i/MAC", "code executed", "state", "weights"]
    lines = [
        [f"`{name}`", row["arithmetic"], number(row["instructions_per_sample"] / row["macs_per_sample"], 2)]
        + [number(row[key]) for key in ("code_bytes", "state_bytes", "weight_bytes")]
        for name, row in rows(result, "emu_m7", BLOCK).items()
    ]  # fmt: skip
    return table(heads, lines)


def budgets(result):
    """Share of each board's cycles for effects, blocks of 64."""
    boards = [(b, emulated) for emulated in CORES for b in _boards(result, emulated)]
    lines = []
    for name in rows(result, "emu_m7", BLOCK):
        line = [f"`{name}`"]
        for board, emulated in boards:
            row = rows(result, emulated, BLOCK).get(name)
            share = row and row["budget"].get(board)
            line.append("unknown" if share is None else f"{100 * share:.0f} %")
        lines.append([*line, "unknown"])
    return table(["row", *(board for board, _ in boards), "esp32s3"], lines)


def _boards(result, emulated):
    return next(iter(rows(result, emulated).values()), {"budget": {}})["budget"]


def blocks(result):
    """Instructions a sample on the M7 by block."""
    sizes = sorted({row["block"] for row in result["boards"]})
    found = [rows(result, "emu_m7", size) for size in sizes]
    lines = [
        [f"`{name}`", *(number(each[name]["instructions_per_sample"]) for each in found)]
        for name in found[0]
        if all(name in each for each in found)
    ]
    return table(["row", *map(str, sizes)], lines)


def change(result, before):
    """M7 and M33 before and after, peers and goals."""
    import sys

    sys.path.insert(0, str(PAGE.parent.parent / "host"))
    from upedal.zoo import GOALS

    heads = ["row", "M7 i before", "after", "goal", "est. before", "after", "goal", "M33 est. before", "after", "best peer, M7 i"]  # fmt: skip
    lines = []
    for name, row in rows(result, "emu_m7", BLOCK).items():
        goal, small = GOALS.get(name, (None, None)), rows(result, "emu_m33", BLOCK).get(name)
        old = rows(before, "emu_m7", BLOCK).get(name)
        old_small = rows(before, "emu_m33", BLOCK).get(name)
        insns, cycles = "instructions_per_sample", "estimated_cycles_per_sample"
        line = [old and old[insns], row[insns], goal[0], old and old[cycles], row[cycles], goal[1]]
        line += [old_small and old_small[cycles], small and small[cycles], PEERS_M7.get(name)]
        lines.append([f"`{name}`", *map(number, line)])
    return table(heads, lines)


def desktop(result, before):
    """Times real time at 48 kHz on one thread."""
    old = {row["model"]: row["times_real_time"] for row in before["desktop"]}
    lines = []
    for row in result["desktop"]:
        name = row["model"]
        values = (old.get(name), row["times_real_time"], PEERS_DESKTOP.get(name))
        lines.append([f"`{name}`", *(number(v, 1 if v and v < 20 else 0) for v in values)])
    return table(["row", "before", "after", "NAM Core or RTNeural"], lines)


def written(page, name, text):
    """The page with the table of that name replaced."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"docs/performance.md: no place for the table '{name}'")
    return pattern.sub(lambda match: match[1] + text + "\n" + match[2], page)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bench", type=Path)
    parser.add_argument("--before", type=Path)
    args = parser.parse_args()
    result, page = json.loads(args.bench.read_text()), PAGE.read_text()
    for make in (speed, memory, budgets, blocks):
        page = written(page, make.__name__, make(result))
    if args.before:
        before = json.loads(args.before.read_text())
        for make in (change, desktop):
            page = written(page, make.__name__, make(result, before))
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
