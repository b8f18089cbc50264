"""Instruction counts that are kept: tests/bench/baseline.json, and what differs from it.

Counts are per call, so whole numbers. A row has grown where it counts more than 1 % above the file.
"""

import json

from . import bench, bench_cab, bench_start, paths, zoo
from .errors import UpedalError
from .files import write_atomic

FILE = paths.ROOT / "tests" / "bench" / "baseline.json"
GROWTH = 0.01
BLOCK = 64
# Beside blocks of 64: one row of each kind of kernel in the shortest and the longest blocks.
MORE = {
    "emu_m7": ((16, 192), ("gru-40", "lstm-16", "nam-a1-standard", "nam-a2-lite", "nam-a2-lite-q15",
                           "lstm-40-q15", "tinyml-16x24-q7", "ir-512", "cab-2048")),
    "emu_m33": ((16,), ("gru-16-q15", "nam-a2-lite-q15", "cab-512")),
}  # fmt: skip


def load():
    """{board: {"row @ block": instructions of a call}} as committed; empty without a file."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}


def write(counts):
    """One count a line, so that a change of it is a line of a diff. -> the path"""
    if not paths.IN_TREE:
        raise UpedalError("bench: --baseline writes tests/bench/baseline.json of a source tree; this is none")
    FILE.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(FILE, (json.dumps(counts, indent=1) + "\n").encode())
    return FILE


def measure(progress=False):
    """Counts of today, as load()."""
    from rich.progress import Progress

    found = {}
    with Progress(disable=not progress) as bar:
        nets = {name: zoo.build(name) for name in bar.track(zoo.names(), description="nets")}
        for board in bar.track(bench.BOARDS, description="boards"):
            found[board] = _counts(board, nets, bench_cab.names(), (BLOCK,))
            blocks, rows = MORE.get(board, ((), ()))
            if rows:
                some = {name: nets[name] for name in rows if name in nets}
                cabs = [name for name in rows if name not in nets]
                found[board] |= _counts(board, some, cabs, blocks)
    found["emu_m7"] |= bench_start.count()
    return found


def _counts(board, nets, cabs, blocks):
    lines = bench._run(board, nets, blocks)[1:]
    found = {f"{line['model']} @ {line['block']}": line["insns"] for line in lines}
    for line in bench_cab.count(board, cabs, blocks):
        found[f"{line['model']} @ {line['block']}"] = round(bench_cab.mean(line))
    return found


def compare(before, now):
    """Lists of (board, row, before, now): those that grew, those that fell, by more than 1 %; those without a
    partner have None on one side and count as grown."""
    grew, fell = [], []
    for board in dict.fromkeys([*before, *now]):
        old, new = before.get(board, {}), now.get(board, {})
        for row in dict.fromkeys([*old, *new]):
            a, b = old.get(row), new.get(row)
            if a is None or b is None or b > a * (1 + GROWTH):
                grew.append((board, row, a, b))
            elif b < a * (1 - GROWTH):
                fell.append((board, row, a, b))
    return grew, fell


def difference(before, now):
    """compare() as lines of a table."""
    grew, fell = compare(before, now)
    if not grew and not fell:
        return ["every instruction count is within 1 % of tests/bench/baseline.json"]
    lines = [f"{'board':8} {'row @ block':28} {'baseline':>12} {'now':>12} {'change':>8}"]
    for board, row, a, b in grew + fell:
        change = f"{100 * (b / a - 1):+.1f} %" if a and b else "new" if b else "gone"
        lines.append(f"{board:8} {row:28} {_number(a)} {_number(b)} {change:>8}")
    return lines


def _number(value):
    return f"{'-' if value is None else format(value, ','):>12}"
