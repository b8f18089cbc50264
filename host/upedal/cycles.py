"""What the QEMU plugin counted (`tools/plugin`), and an ESTIMATE of cycles made from it.

The counts are exact and the same every run. The cycles are not measured: they come from a model
of the core's pipeline over the recorded order of execution, with memory that never waits and
branches that are always predicted. `docs/estimator.md` says what the model rests on.
"""

import functools
import math
import struct
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .cores import CORES
from .errors import UpedalError
from .thumb import decode

MAGIC = 0x31435055  # "UPC1"
TARGETS = ("thumb", "riscv")
_OBJDUMP = {
    "thumb": ["arm-none-eabi-objdump", "-m", "arm", "-M", "force-thumb,reg-names-std"],
    "riscv": ["riscv64-unknown-elf-objdump", "-m", "riscv:rv32"],
}
# Classes of thumb.py as a reader of a report knows them.
_GROUPS = {
    "fma": "multiply-add", "dfma": "multiply-add", "fadd": "float", "fmul": "float",
    "dadd": "float", "dmul": "float", "fdiv": "divide", "ddiv": "divide", "div": "divide",
    "fld": "load", "fldd": "load", "fldm": "load", "ld": "load", "ldb": "load", "ldd": "load",
    "ldm": "load", "fst": "store", "fstd": "store", "fstm": "store", "st": "store",
    "std": "store", "stm": "store", "fmov": "float move", "fmovi": "float move",
    "fmov2": "float move", "fmrs": "float move", "mul": "integer multiply", "add": "integer",
    "alu": "integer", "alus": "integer", "shift": "integer", "bits": "integer", "dsp": "integer",
    "branch": "branch", "it": "branch", "sys": "other",
}  # fmt: skip


@dataclass
class Region:
    """What ran between one start and one stop marker (the markers are not counted).

    insns: instructions executed. code: [(address, bytes)], each distinct instruction once.
    counts: executions of each, uint64 [len(code)]. trace: indices into code in order of
    execution, uint32, the first `trace=N` of the region (empty where none was asked for).
    """

    insns: int
    counts: np.ndarray
    code: list
    trace: np.ndarray
    target: str = "thumb"


def qemu_options(plugin, out, trace=0):
    """Arguments for QEMU that load the plugin (a path), write `out`, keep `trace` a region."""
    return ["-plugin", f"{plugin},out={out}" + (f",trace={trace}" if trace else "")]


def read(path):
    """The regions in a file written by the plugin, in the order they ran."""
    data, at, regions = Path(path).read_bytes(), 0, []
    while at < len(data):
        if len(data) - at < 16:
            raise UpedalError(f"{path}: ends in the middle of a record, at byte {at}")
        magic, target, entries, length = struct.unpack_from("<4I", data, at)
        if magic != MAGIC or target >= len(TARGETS):
            raise UpedalError(
                f"{path}: found {magic:#x}, {target} at byte {at}; expected a record of the"
                f" counting plugin ({MAGIC:#x} and a target below {len(TARGETS)})"
            )
        need = 20 * entries + 4 * length
        if len(data) - at - 16 < need:
            raise UpedalError(f"{path}: record at byte {at} is cut short, expected {need} bytes")
        table = np.frombuffer(data, "<u4", 5 * entries, at + 16).reshape(entries, 5)
        trace = np.frombuffer(data, "<u4", length, at + 16 + 20 * entries)
        if length and trace.max() >= entries:
            raise UpedalError(f"{path}: trace points past the {entries} entries of its record")
        counts = table[:, 3].astype(np.uint64) | table[:, 4].astype(np.uint64) << np.uint64(32)
        code = [(int(a), int(c).to_bytes(4, "little")[:n]) for a, n, c in table[:, :3]]
        regions.append(Region(int(counts.sum()), counts, code, trace, TARGETS[target]))
        at += 16 + need
    return regions


def disassemble(region):
    """[(mnemonic, operands)] of region.code, from the recorded bytes: no ELF file is needed."""
    order = sorted(range(len(region.code)), key=lambda i: region.code[i][0])
    lines = _objdump(region.target, tuple(region.code[i][1] for i in order))
    text = [None] * len(order)
    for i, line in zip(order, lines):
        text[i] = line
    return text


@functools.lru_cache(maxsize=16)
def _objdump(target, instructions):
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(b"".join(instructions))
        file.flush()
        command = [*_OBJDUMP[target], "-D", "-z", "-b", "binary", file.name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            raise UpedalError(f"{command[0]} is not installed; `upedal doctor` says how") from None
        except subprocess.CalledProcessError as error:
            raise UpedalError(f"{command[0]} failed: {error.stderr.strip()}") from None
    found = {}
    for line in done.stdout.splitlines():
        place, tab, rest = line.partition(":\t")
        if tab:
            _bytes, _, text = rest.partition("\t")
            mnemonic, _, operands = text.partition("\t")
            found[int(place, 16)] = (mnemonic.strip(), _without_comment(operands))
    lines, at = [], 0
    for code in instructions:
        if at not in found:
            raise UpedalError(f"{command[0]}: no instruction at offset {at}, bytes {code.hex()}")
        lines.append(found[at])
        at += len(code)
    return lines


def _without_comment(operands):
    return operands.partition(";")[0].partition("@")[0].partition("<")[0].strip()


def operations(region):
    """[Op] of region.code: classes and registers (Thumb only)."""
    return [
        decode(mnemonic, operands, len(code))
        for (mnemonic, operands), (_, code) in zip(disassemble(region), region.code)
    ]


def histogram(region):
    """{"classes": {name: count}, "mnemonics": {name: count}}, most frequent first; exact."""
    mnemonics, classes = Counter(), Counter()
    text = disassemble(region)
    groups = [_riscv_group(m) for m, _ in text] if region.target == "riscv" else [
        _GROUPS[op.cls] for op in operations(region)
    ]  # fmt: skip
    for (mnemonic, _), group, count in zip(text, groups, region.counts):
        mnemonics[mnemonic.removesuffix(".n").removesuffix(".w")] += int(count)
        classes[group] += int(count)
    return {"classes": dict(classes.most_common()), "mnemonics": dict(mnemonics.most_common())}


def _riscv_group(mnemonic):
    name = mnemonic.removeprefix("c.")
    if name in ("lw", "lh", "lb", "lhu", "lbu", "lwsp", "flw"):
        return "load"
    if name in ("sw", "sh", "sb", "swsp", "fsw"):
        return "store"
    if name.startswith("mul"):
        return "integer multiply"
    if name.startswith(("div", "rem")):
        return "divide"
    return "branch" if name[0] in "bj" or name == "ret" else "integer"


def estimate(region, core):
    """ESTIMATED cycles of a region on core "m7", "m4" or "m33"; None for any other core.

    Where the trace holds only parts of the region, what an instruction took there is taken for
    each time it was executed. None also where the code uses what the model has no figure for.
    """
    if core not in CORES or region.target != "thumb":
        return None
    if not len(region.trace):
        raise UpedalError("no order of execution was recorded: load the plugin with trace=N")
    ops, model = operations(region), CORES[core]
    if any(model.timing[ops[i].cls] is None for i in np.unique(region.trace)):
        return None
    starts = np.array([address for address, _ in region.code])
    board = _Scoreboard(model)
    cycles = board.run(ops, starts, region.trace)
    if len(region.trace) == region.insns:
        return float(cycles)
    spent, seen = board.each(len(ops))
    others = np.full(len(ops), cycles / len(region.trace))
    each = np.divide(spent, seen, out=others, where=seen > 0)
    return float(np.sum(region.counts * each))


class _Scoreboard:
    """In-order issue of up to `width` instructions a cycle, each when its operands are ready."""

    def __init__(self, core):
        self.core = core
        self.cycle = 0
        self.ready = {}  # register -> (cycle from which its latency counts, Timing)
        self.fpu_free = 0
        self.last_mac = -100  # cycle of the last multiply-add
        self.fresh_mac = False  # was it the first after a pause?
        self.group = []  # what was issued in this cycle
        self.previous = None
        self.longest = {id(t): max([t.latency, *t.to.values()]) for t in core.timing.values() if t}

    def run(self, ops, starts, trace):
        """Cycles of the instructions at indices `trace`, which begin at addresses `starts`.

        Loops come to a steady state, so what a run of instructions between two jumps does is
        remembered by what could have an influence on it."""
        sizes = np.array([op.size for op in ops])
        jumps = np.flatnonzero(starts[trace[1:]] != (starts + sizes)[trace[:-1]]) + 1
        known = self.known = {}
        for begin, end in zip([0, *jumps], [*jumps, len(trace)]):
            part = trace[begin : end + 1]  # with the instruction that follows
            before = self.cycle
            key = end < len(trace), part.tobytes(), self._past()
            if key not in known:
                self._straight([ops[i] for i in part], int(end < len(trace)))
                known[key] = [self.cycle - before, self._relative(), trace[begin:end], 0]
            else:
                self._restore(before, *known[key][:2])
            known[key][3] += 1
        return self.cycle + (1 if self.group else 0)

    def each(self, n):
        """(cycles [n], executions [n]) of each instruction, those of a straight run shared alike."""
        spent, seen = np.zeros(n), np.zeros(n)
        for cycles, _, part, times in self.known.values():
            np.add.at(spent, part, times * cycles / len(part))
            np.add.at(seen, part, times)
        return spent, seen

    def _straight(self, ops, jumps):
        """Instructions that lie one behind another; jumps: the last of `ops` is where they jump."""
        last = len(ops) - jumps - 1
        for at in range(last + 1):
            following = ops[at + 1] if at + 1 < len(ops) else None
            self._issue(ops[at], following, bool(jumps and at == last))

    def _past(self):
        """All that may matter to what comes, as a key."""
        now = self.cycle
        ready = [
            (register, since - now, id(timing))
            for register, (since, timing) in self.ready.items()
            if since + self.longest[id(timing)] > now
        ]
        mac = max(self.last_mac - now, -self.core.mac_shadow - 1)
        group = tuple(id(op) for op in self.group)
        free = max(self.fpu_free - now, 0)
        return tuple(sorted(ready)), free, mac, self.fresh_mac, group, id(self.previous)

    def _relative(self):
        now = self.cycle
        ready = {
            r: (since - now, t)
            for r, (since, t) in self.ready.items()
            if since + self.longest[id(t)] > now
        }
        free, mac = self.fpu_free - now, self.last_mac - now
        return ready, free, mac, self.fresh_mac, list(self.group), self.previous

    def _restore(self, before, cycles, state):
        self.cycle = now = before + cycles
        ready, free, mac, self.fresh_mac, group, self.previous = state
        self.ready = {r: (now + since, t) for r, (since, t) in ready.items()}
        self.fpu_free, self.last_mac, self.group = now + free, now + mac, list(group)

    def _issue(self, op, following, jumps):
        timing = self.core.timing[op.cls]
        if self._folds(op, jumps):
            return
        self._advance(self._earliest(op, timing))
        if not self._fits(op, timing):
            self._advance(self.cycle + 1)
            self._advance(self._earliest(op, timing))
        busy = timing.issue + math.ceil(timing.per_word * op.words)
        if op.cls in ("ld", "ldb", "fld") and following and following.cls in self.core.pipelined:
            busy -= 1
        self._write(op, timing)
        self.group.append(op)
        if busy > 1 or timing.alone:
            self._advance(self.cycle + max(busy, 1))
        if jumps:
            self._advance(self.cycle + (1 if self.group else 0) + self.core.taken)

    def _folds(self, op, jumps):
        """A core that folds runs IT or a 16-bit branch beside the 16-bit instruction before it."""
        before, self.previous = self.previous, op
        short = op.size == 2 and before is not None and before.size == 2
        if not (self.core.folds and short and op.cls in ("it", "branch")):
            return False
        if jumps:
            flags = any(register == "flags" for register, _ in before.writes)
            self._advance(self.cycle + len(self.group) + self.core.taken + flags)
        return True

    def _advance(self, cycle):
        if cycle > self.cycle:
            self.cycle, self.group = cycle, []

    def _earliest(self, op, timing):
        earliest = self.cycle
        for register, role in op.reads:
            if register in self.ready:
                since, producer = self.ready[register]
                earliest = max(earliest, since + producer.to.get(role, producer.latency))
        if "fpu" in timing.units:
            earliest = max(earliest, self.fpu_free)
        if timing.after_mac == "wait" and earliest <= self.last_mac + self.core.mac_shadow:
            earliest = self.last_mac + self.core.mac_shadow + 1
        return earliest

    def _fits(self, op, timing):
        """May it join what is issued in this cycle already?"""
        if not self.group:
            return True
        first = self.core.timing[self.group[0].cls]
        if len(self.group) >= self.core.width or timing.alone or timing.older or first.alone:
            return False
        for unit in timing.units:
            used = sum(unit in self.core.timing[o.cls].units for o in self.group)
            if used >= self.core.units.get(unit, 1):
                return False
        return not self._clashes(op, timing)

    def _clashes(self, op, timing):
        """Rules of pairs that are no matter of units."""
        before = self.group[0]
        if op.bank and op.bank == before.bank and "load" in timing.units:
            return True  # two loads from words of one memory bank
        if self.core.mac_shadow == 0:
            return False
        shadow = self.cycle - self.last_mac <= self.core.mac_shadow
        if timing.after_mac == "older" and shadow and not (before.cls == "fma" and self.fresh_mac):
            return True
        return op.cls == "fma" and shadow and bool(self.core.timing[before.cls].after_mac)

    def _write(self, op, timing):
        for register, word in op.writes:
            extra = math.ceil(timing.per_word * (word + 1)) - 1 if timing.per_word else 0
            self.ready[register] = (self.cycle + max(extra, 0), timing)
        if op.base:
            self.ready[op.base] = (self.cycle, self.core.timing["add"])
        if timing.hold:
            self.fpu_free = self.cycle + timing.hold
        if op.cls == "fma":
            self.fresh_mac = self.cycle - self.last_mac > self.core.mac_shadow
            self.last_mac = self.cycle
