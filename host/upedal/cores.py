"""Timing tables of three cores, for the ESTIMATE of cycles in `cycles.py`.

Arm publishes a table for the Cortex-M4 only. The rest is measured by third parties on chips, or
taken from compilers' models. `docs/estimator.md` gives the source of each figure, what is left
out, and how far to trust the result.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timing:
    """One class of instructions. Cycles; a result is ready `latency` after issue.

    to: latency by the role in which the result is read, where it differs.
    units: what it occupies in the cycle of issue. hold: cycles the FPU takes nothing else.
    issue, per_word: cycles of the pipeline (issue + ceil(per_word * words)), at least one slot.
    """

    latency: int = 1
    to: dict = field(default_factory=dict)
    units: tuple = ()
    issue: int = 0
    per_word: float = 0
    alone: bool = False  # shares its cycle with nothing
    older: bool = False  # only the first of a pair
    after_mac: str = ""  # "wait" or "older": what `mac_shadow` cycles after a multiply-add cost it
    hold: int = 0


@dataclass(frozen=True)
class Core:
    """A core: issue width, units and how many there are, one Timing per class of `thumb.py`."""

    name: str
    timing: dict
    width: int = 1
    units: dict = field(default_factory=dict)
    taken: int = 0  # extra cycles of a taken branch
    mac_shadow: int = 0
    pipelined: tuple = ()  # single loads lose their second cycle before one of these classes
    folds: bool = False  # 16-bit branches and IT share the cycle of what stands before them
    # What hardware took where its memory does not wait, against the estimate: (least, most) by
    # kind of code, from the comparisons in docs/estimator.md.
    bars: dict = field(default_factory=dict)
    source: str = ""


_FP_M7 = {"acc": 3, "data": 1}  # of vadd and vmul
_FROM_CORE = {"acc": 3, "data": 1}

M7 = Core(
    name="m7",
    width=2,
    units={
        "alu": 2,
        "load": 2,
        "store": 1,
        "mul": 1,
        "fpu": 1,
        "branch": 1,
        "dsp": 1,
        "shifter": 1,
        "imm": 1,
    },
    mac_shadow=3,
    bars={"float": (-0.10, 0.25), "integer": (-0.10, 0.15)},
    source="measured on STM32H743 and STM32H730 (DWT, SysTick); LLVM for the gaps",
    timing={
        "add": Timing(1, {"data": 0}, ("alu",)),
        "alu": Timing(1, {"addr": 2, "shift": 2, "data": 0}, ("alu",)),
        "shift": Timing(1, {"data": 0}, ("alu",)),
        "alus": Timing(1, {"addr": 2, "shift": 2, "data": 0}, ("alu", "shifter")),
        "bits": Timing(
            1, {"addr": 2, "shift": 2, "data": 0}, ("alu", "dsp", "shifter"), older=True
        ),
        "dsp": Timing(1, {"addr": 2, "shift": 2, "data": 0}, ("alu", "dsp"), older=True),
        "mul": Timing(2, {"acc": 1, "addr": 3, "shift": 3, "data": 0}, ("mul",)),
        "div": Timing(1, issue=7, alone=True),
        "ld": Timing(1, {"mul": 2, "shift": 2, "addr": 3, "data": 0}, ("load",)),
        "ldb": Timing(2, {"acc": 1, "shift": 3, "addr": 3, "data": 0}, ("load",)),
        "ldd": Timing(1, {"mul": 2, "shift": 2, "addr": 3}, per_word=0.5, alone=True),
        "ldm": Timing(1, {"mul": 2, "shift": 2, "addr": 3}, per_word=0.5, alone=True),
        "st": Timing(units=("store", "mul")),
        "std": Timing(per_word=0.5, alone=True),
        "stm": Timing(per_word=0.5, alone=True),
        "branch": Timing(units=("branch",)),
        "it": Timing(),
        "sys": Timing(issue=1, alone=True),
        "fadd": Timing(3, _FP_M7, ("fpu",), after_mac="wait"),
        "fmul": Timing(3, _FP_M7, ("fpu",)),
        "fma": Timing(5, {"acc": 3, "data": 3}, ("fpu",)),
        "fdiv": Timing(16, issue=16, units=("fpu",)),
        "fld": Timing(1, {"acc": 3, "mov": 2, "data": 0}, ("load",), after_mac="older"),
        "fldd": Timing(1, {"acc": 3, "mov": 2}, per_word=0.5, alone=True, after_mac="wait"),
        "fldm": Timing(1, {"acc": 3, "mov": 2}, per_word=0.5, alone=True, after_mac="wait"),
        "fst": Timing(units=("store", "mul"), after_mac="older"),
        "fstd": Timing(per_word=0.5, alone=True, after_mac="wait"),
        "fstm": Timing(per_word=0.5, alone=True, after_mac="wait"),
        "fmov": Timing(3, {"data": 1}, after_mac="older"),
        "fmovi": Timing(3, _FROM_CORE, ("imm",), after_mac="wait"),
        "fmov2": Timing(3, _FROM_CORE, alone=True, issue=1, after_mac="older"),
        "fmrs": Timing(1, alone=True, issue=1),
        "dadd": Timing(4, issue=2, older=True, units=("fpu",)),
        "dmul": Timing(7, issue=5, older=True, units=("fpu",)),
        "dfma": Timing(9, issue=7, older=True, units=("fpu",)),
        "ddiv": Timing(30, issue=30, units=("fpu",)),
    },
)

_NO_DOUBLE = {name: None for name in ("dadd", "dmul", "dfma", "ddiv")}  # no such unit

M4 = Core(
    name="m4",
    taken=2,
    pipelined=("ld", "ldb", "fld", "st", "fst"),
    bars={"float": (-0.05, 0.25), "integer": (-0.05, 0.15)},
    source="Cortex-M4 TRM tables 3-1 and 7-1; GCC's model; loads and stores measured on STM32F407",
    timing={
        **{
            c: Timing(1, {"addr": 2})
            for c in ("add", "alu", "shift", "alus", "bits", "dsp", "mul")
        },
        **{c: Timing() for c in ("st", "branch", "it", "sys")},
        **{c: Timing(2, issue=2) for c in ("ld", "ldb")},
        **{c: Timing(1, issue=1, per_word=1) for c in ("ldd", "ldm", "std", "stm")},
        "div": Timing(1, issue=7),
        **{c: Timing(2, hold=1, units=("fpu",)) for c in ("fadd", "fmul")},
        "fma": Timing(4, {"acc": 3}, ("fpu",), hold=3),
        "fdiv": Timing(15, units=("fpu",), hold=14),
        "fld": Timing(2, issue=2, units=("fpu",)),
        "fst": Timing(issue=1, units=("fpu",)),
        **{c: Timing(1, issue=1, per_word=1, units=("fpu",)) for c in ("fldd", "fldm")},
        **{c: Timing(1, issue=1, per_word=1, units=("fpu",)) for c in ("fstd", "fstm")},
        **{c: Timing(1, units=("fpu",)) for c in ("fmov", "fmovi", "fmrs")},
        "fmov2": Timing(1, issue=2, units=("fpu",)),
        **_NO_DOUBLE,
    },
)

M33 = Core(
    name="m33",
    taken=1,
    folds=True,
    bars={"float": (-0.10, 0.15), "integer": (-0.10, 0.25)},
    source="measured on RP2350 (DWT); VADD, VMUL and VDIV from the Cortex-M4's table",
    timing={
        **{
            c: Timing()
            for c in ("add", "alu", "shift", "bits", "dsp", "st", "branch", "it", "sys")
        },
        "alus": Timing(2, {"acc": 1}),
        "mul": Timing(2, {"acc": 1, "data": 1}),
        "div": Timing(1, issue=7),
        **{c: Timing(2, {"acc": 1, "data": 1}) for c in ("ld", "ldb")},
        **{c: Timing(2, {"acc": 1}, per_word=1) for c in ("ldd", "ldm", "std", "stm")},
        **{c: Timing(2, units=("fpu",)) for c in ("fadd", "fmul")},
        "fma": Timing(3, units=("fpu",), hold=3),
        "fdiv": Timing(15, units=("fpu",), hold=14),
        **{c: Timing(2, {"data": 1}, ("fpu",)) for c in ("fld", "fst")},
        **{c: Timing(2, per_word=1, units=("fpu",)) for c in ("fldd", "fldm", "fstd", "fstm")},
        **{c: Timing(1, units=("fpu",)) for c in ("fmov", "fmovi", "fmrs")},
        "fmov2": Timing(1, issue=2, units=("fpu",)),
        **_NO_DOUBLE,
    },
)

CORES = {core.name: core for core in (M7, M4, M33)}
