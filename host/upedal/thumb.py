"""What a disassembled Thumb instruction reads, writes and is, for `cycles.py`.

`decode("vfma.f32", "s1, s2, s3")` names a class (the row of a core's table in `cores.py`), the
registers read, each with the role in which it is needed, and the registers written. Roles:
"src" (an ordinary operand), "acc" (accumulator of a multiply-add), "mul" (factor of an integer
multiply), "addr" (address of a load or store), "shift" (operand of an inline shift), "data" (what
is stored), "mov" (operand of a move out of the FPU's pipeline).
Double registers count as their two single ones; the condition flags as a register "flags".
"""

import re
from dataclasses import dataclass
from functools import cache

COND = "eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le"
_REG = re.compile(r"\b(r\d+|s\d+|d\d+|sp|lr|pc|APSR_nzcv|fpscr)\b")
_CONSTANT = re.compile(r"\[(\w+)(?:, #(-?\d+))?\]")  # an address whose offset is known
_SHIFTED = re.compile(r"\b(lsl|lsr|asr|ror|rrx)\b")
_TWO = re.compile("(?!mov|mvn|neg|adr|pld|nop|cmp|cmn|tst|teq)")

# (mnemonic, class, shape, role of the operands that are read): first match wins; a core mnemonic
# may also end in s (sets flags) and in a condition. Shape: how many operands are destinations,
# or "flags" (none), "rmw" and "acc" (the first is read too), "mac" and "mac2" (32- and 64-bit
# accumulator), "list", "store ..." (registers moved are read).
_CORE = [
    (r"it[te]{0,3}", "it", 0, "src"),
    (r"bx|blx?|b|cbn?z|tb[bh]", "branch", 0, "src"),
    (r"ldmia|ldmdb|ldm|pop", "ldm", "list", "addr"),
    (r"stmia|stmdb|stm|push", "stm", "store list", "addr"),
    (r"ldrd", "ldd", 2, "addr"),
    (r"ldrs?[bh]t?|ldrex[bh]", "ldb", 1, "addr"),
    (r"ldr(?:ex|t)?", "ld", 1, "addr"),
    (r"strd", "std", "store 2", "addr"),
    (r"str[bh]?t?", "st", "store", "addr"),
    (r"pld|nop|yield", "add", 0, "src"),
    (r"[us]div", "div", 1, "src"),
    (r"smlal(?:[bt]{2}|dx?)?|smlsldx?|umlal|umaal", "mul", "mac2", "mul"),
    (r"mla|mls|smla[bt]{2}|smlaw[bt]|sml[as]dx?|smml[as]r?", "mul", "mac", "mul"),
    (r"smull|umull", "mul", 2, "mul"),
    (r"mul|smul\w\w|smu[as]dx?|smmulr?", "mul", 1, "mul"),
    (r"cmp|cmn|tst|teq", "alu", "flags", "src"),
    (r"movt", "add", "rmw", "src"),
    (r"bfi|bfc|[us]xta(?:b16|[bh])|pkh(?:bt|tb)", "bits", "rmw", "shift"),
    (r"[us]bfx|[us]sat(?:16)?|rev(?:16|sh)?|rbit", "bits", 1, "shift"),
    (r"[us]xt(?:b16|[bh])", "dsp", 1, "src"),
    (r"clz|sel|usada?8|(?:s|q|sh|u|uq|uh|qd)(?:add|sub|asx|sax)(?:8|16)?", "dsp", 1, "src"),
    (r"addw?|subw?", "add", 1, "src"),
    (r"movw?|adr", "add", 1, "src"),
    (r"lsl|lsr|asr|ror|rrx", "shift", 1, "src"),
    (r"adc|sbc|rsb|neg|and|orr|orn|eor|bic|mvn", "alu", 1, "src"),
]
_FPU = [
    (r"vldmia|vldmdb|vldm|vpop", "fldm", "list", "addr"),
    (r"vstmia|vstmdb|vstm|vpush", "fstm", "store list", "addr"),
    (r"vldr", "fld", 1, "addr"),
    (r"vstr", "fst", "store", "addr"),
    (r"vfn?m[as]|vn?ml[as]", "fma", "acc", "src"),
    (r"vdiv|vsqrt", "fdiv", 1, "src"),
    (r"vn?mul|vneg|vabs|vsel\w\w", "fmul", 1, "src"),
    (r"vcmpe?", "fadd", "fpscr", "src"),
    (r"vmrs", "fmrs", 1, "mov"),
    (r"vmsr", "fmrs", 1, "mov"),
    (r"vmov", "fmov", "vmov", "mov"),
    (r"vadd|vsub|vcvt\w?|vrint\w|vmaxnm|vminnm", "fadd", 1, "src"),
]
_CORE = [(re.compile(rf"^(?:{p})(?P<s>s)?(?P<c>{COND})?$"), *rest) for p, *rest in _CORE]
_FPU = [(re.compile(rf"^(?:{p})(?P<s>$)?(?P<c>{COND})?$"), *rest) for p, *rest in _FPU]
_DOUBLE = {"fld": "fldd", "fst": "fstd", "fadd": "dadd", "fmul": "dmul", "fma": "dfma",
           "fdiv": "ddiv"}  # fmt: skip


@dataclass(frozen=True)
class Op:
    """One instruction: class, reads as (register, role), writes as (register, word of a list)."""

    mnemonic: str
    cls: str
    reads: tuple = ()
    writes: tuple = ()
    base: str = ""  # address register that is written back
    words: int = 1  # registers moved by a multiple load or store
    bank: tuple = ()  # (base register, odd word?) of a load with a constant offset
    size: int = 2  # bytes of the instruction


def expand(text):
    """Registers named in an operand, in order: "{d0-d1, s8}" -> s0 s1 s2 s3 s8."""
    names = []
    for part in text.strip("{} ").split(","):
        ends = re.fullmatch(r"\s*([rsd])(\d+)-[rsd](\d+)\s*", part)
        if ends:
            kind, first, last = ends.group(1), int(ends.group(2)), int(ends.group(3))
            names += [f"{kind}{i}" for i in range(first, last + 1)]
        else:
            names += _REG.findall(part)
    singles = []
    for name in names:
        if re.fullmatch(r"d\d+", name):
            n = int(name[1:])
            singles += [f"s{2 * n}", f"s{2 * n + 1}"]
        else:
            singles.append("flags" if name == "APSR_nzcv" else name)
    return singles


def split(operands):
    """Operands at the commas outside brackets and braces."""
    return [p.strip() for p in re.findall(r"(?:\[[^\]]*\]!?|\{[^}]*\}|[^,])+", operands)]


def _rule(name):
    for pattern, cls, shape, role in _FPU if name.startswith("v") else _CORE:
        match = pattern.match(name)
        if match:
            sets_flags = bool(match["s"]) and cls != "branch"  # "bls" is b, if lower or same
            return cls, shape, role, sets_flags, bool(match["c"])
    return "sys", 0, "src", False, False  # barriers, system registers and what is not known


@cache
def decode(mnemonic, operands, size=2):
    """The Op of one line of disassembly, "vldr" and "s0, [r1, #4]"; size in bytes."""
    name, _, types = re.sub(r"\.[nw]$", "", mnemonic).partition(".")
    cls, shape, role, sets_flags, conditional = _rule(name)
    ops = split(operands)
    words, base, bank = 1, "", ()
    if role == "addr":
        reads, writes, words, base, bank = _memory(shape, ops)
    else:
        cls, shape = _move(ops) if shape == "vmov" else (cls, shape)
        reads, writes = _registers(shape, role, ops)
    if len(ops) == 2 and cls in ("add", "alu", "shift", "mul") and _TWO.match(name):
        reads += [(r, role) for r in expand(ops[0])]  # "adds r0, r1" is r0 = r0 + r1
    if name.startswith("mov") and _SHIFTED.search(operands):
        cls = "shift"  # what a disassembler calls "lsr.w r0, r1, #8"
    elif cls in ("add", "alu") and _SHIFTED.search(operands):
        cls, reads = "alus", [*reads[:-1], (reads[-1][0], "shift")]
    if sets_flags or shape == "flags":
        writes.append(("flags", 0))
    if cls != "branch" and (conditional or name.startswith(("adc", "sbc", "vsel", "rrx"))):
        reads.append(("flags", "src"))
    if "f64" in types or (cls in ("fld", "fst") and ops[0].startswith("d")):
        cls = _DOUBLE.get(cls, cls)
    return Op(mnemonic, cls, tuple(reads), tuple(writes), base, words, bank, size)


def _move(ops):
    """Class and number of destinations of a VMOV."""
    if len(ops) > 2:
        return "fmov2", 2 if len(ops) == 4 or ops[0][0] not in "sd" else 1
    return ("fmovi" if ops[-1].startswith("#") else "fmov"), 1


def _registers(shape, role, ops):
    """Reads and writes of an instruction without a memory operand."""
    flat = [expand(o) for o in ops]
    n = {"flags": 0, "fpscr": 0, "mac2": 2}.get(shape, shape if isinstance(shape, int) else 1)
    sources = flat[n : n + 2] if shape == "mac" else flat[n:]
    extra = {"rmw": flat[:1], "acc": flat[:1], "mac": flat[3:], "mac2": flat[:2]}.get(shape, [])
    reads = [(r, role) for f in sources for r in f]
    reads += [(r, "src" if shape == "rmw" else "acc") for f in extra for r in f]
    writes = [(r, 0) for f in flat[:n] for r in f]
    return reads, writes + [("fpscr", 0)] * (shape == "fpscr")


def _memory(shape, ops):
    """Reads, writes, words, written-back base and bank of a load or store."""
    if "list" in str(shape):
        stack = ops[0].startswith("{")  # push and pop name no pointer
        moved, pointer = expand(ops[-1]), ("sp" if stack else expand(ops[0])[0])
        address, bank = [(pointer, "addr")], ()
        base = pointer if stack or "!" in ops[0] else ""
    else:
        n = 2 if "2" in str(shape) else 1
        moved = [r for o in ops[:n] for r in expand(o)]
        address = [(r, "addr") for o in ops[n:] for r in expand(o)]
        base = address[0][0] if "!" in ops[n] or len(ops) > n + 1 else ""
        constant = _CONSTANT.fullmatch(ops[n])
        bank = (constant[1], int(constant[2] or 0) >> 2 & 1) if constant else ()
    if str(shape).startswith("store"):
        return address + [(r, "data") for r in moved], [], len(moved), base, bank
    return address, [(r, i) for i, r in enumerate(moved)], len(moved), base, bank
