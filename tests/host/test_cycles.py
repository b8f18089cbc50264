"""The counting plugin counts exactly, and the estimate of cycles gives what its sources measured."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from upedal import cycles
from upedal.cores import CORES
from upedal.errors import UpedalError
from upedal.thumb import decode, expand

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["gcc", "qemu-system-arm", "arm-none-eabi-gcc", "arm-none-eabi-objdump"]
RISCV_TOOLS = ["qemu-system-riscv32", "riscv64-unknown-elf-gcc", "riscv64-unknown-elf-objdump"]

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(
        not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}: make setup"
    ),
]

START = """
    .syntax unified
    .thumb
    .cpu {cpu}
    .fpu {fpu}
    .section .vectors, "a"
    .word 0x20010000, reset + 1
    .text
    .thumb_func
reset:
    ldr r0, =0xE000ED88     // CPACR: give access to the FPU
    mov r1, #0xf00000
    str r1, [r0]
    dsb
    isb
"""
EXIT = """
    movs r0, #0x18          // semihosting SYS_EXIT, ADP_Stopped_ApplicationExit
    ldr r1, =0x20026
    bkpt 0xab
    .ltorg
"""
LINK = """
MEMORY { CODE : ORIGIN = %s, LENGTH = 512K }
SECTIONS { .text : { *(.vectors) *(.text) } > CODE }
"""
MACHINES = {
    "m7": ("mps2-an500", "cortex-m7", "fpv5-sp-d16", "0"),
    "m4": ("mps2-an386", "cortex-m4", "fpv4-sp-d16", "0"),
    "m33": ("mps2-an505", "cortex-m33", "fpv5-sp-d16", "0x10000000"),
}


def repeat(body, times=100):
    return f".rept {times}\n{body}\n.endr\n"


def lines(template, values):
    return "\n".join(template.format(v, v + 1) for v in values)


LOOP = "movs r0, #{}\n1: nop\nadds r2, #1\nsubs r0, #1\nbne 1b\n"
ADDS = lines("add.w r{0}, r{0}, #1", range(8))
VLDM = "vldmia r5, {{s0-s{}}}"
# name -> code between the markers; r5 points to RAM.
REGIONS = {
    "empty": "",
    "loop10": LOOP.format(10),
    "loop200": LOOP.format(200),
    "independent adds": repeat(ADDS),
    "dependent adds": repeat("add.w r0, r0, #1"),
    "fma chain": repeat("vfma.f32 s0, s1, s2"),
    "independent fma": repeat(lines("vfma.f32 s{0}, s30, s31", range(8))),
    "fma through factor": repeat("vfma.f32 s0, s0, s1"),
    "float add chain": repeat("vadd.f32 s0, s0, s1"),
    "fma beside integer": repeat(
        "\n".join(f"vfma.f32 s{i}, s30, s31\nadd.w r{i}, r{i}, #1" for i in range(4))
    ),
    "vldm 4": repeat(VLDM.format(3)),
    "vldm 16": repeat(VLDM.format(15)),
    "push pop": repeat("push {r0-r3}\npop {r0-r3}"),
    "vldm then fma": repeat(
        VLDM.format(7) + "\n" + "\n".join(f"vfma.f32 s{16 + i}, s{i}, s31" for i in range(8))
    ),
    "load pairs": repeat("ldr.w r0, [r5]\nldr.w r1, [r5, #4]"),
    "load then add": repeat("ldr.w r0, [r5]\nadd.w r1, r1, #1"),
    "loads of one bank": repeat("ldr.w r0, [r5]\nldr.w r1, [r5, #8]"),
    "pointer chase": "str r5, [r5]\n" + repeat("ldr.w r5, [r5]"),
    "stores": repeat("str.w r0, [r5]\nstr.w r1, [r5, #4]"),
    "smlad chain": repeat("smlad r0, r1, r2, r0"),
    "multiply chain": repeat("mul r0, r0, r1"),
    "two shifts": repeat("lsr.w r0, r1, #8\nasr.w r2, r3, #8"),
    "extract beside shifted operand": repeat("uxtb.w r0, r1\neor.w r2, r3, r4, ror #8"),
    "bit field beside shifted operand": repeat("ubfx r0, r1, #3, #4\neor.w r2, r3, r4, ror #8"),
    "two shifted operands": repeat("eor.w r0, r1, r3, ror #8\neor.w r2, r3, r4, ror #8"),
    "mixed loop": "movs r0, #50\n1: vldmia r5, {s0-s7}\n"
    + "\n".join(f"vfma.f32 s{16 + i}, s{i}, s31" for i in range(8))
    + "\nldr.w r1, [r5]\nsmlad r2, r1, r1, r2\nstr.w r2, [r5, #4]\nsubs r0, #1\nbne 1b",
    "skipped": repeat("cmp r5, #0\nit eq\naddeq r2, #1"),
}


def run(command):
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    library = tmp_path_factory.mktemp("plugin") / "libupcount.so"
    source = ROOT / "tools" / "plugin" / "upcount.c"
    flags = ["-std=c11", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden"]
    run(["gcc", *flags, "-o", library, source])
    return library


@pytest.fixture(scope="module")
def measure(plugin, tmp_path_factory):
    """measure(core, {name: assembly}, trace) -> {name: Region} on an emulated board."""

    def measured(core, bodies, trace=100_000):
        machine, cpu, fpu, origin = MACHINES[core]
        folder = tmp_path_factory.mktemp(core)
        source, script, elf = folder / "a.S", folder / "a.ld", folder / "a.elf"
        text = START.format(cpu=cpu, fpu=fpu)
        for body in bodies.values():
            text += "ldr r5, =0x20008000\nldr r0, =0\nb 2f\n.ltorg\n2: mov r10, r10\n"
            if core == "m33":
                text = text.replace("0x20008000", "0x38000000").replace("0x20010000", "0x38010000")
            text += body + "\nmov r11, r11\n"
        source.write_text(text + EXIT)
        script.write_text(LINK % origin)
        run(["arm-none-eabi-gcc", "-mthumb", f"-mcpu={cpu}", "-nostdlib", "-T", script, "-o", elf,
             "-Wl,--no-warn-rwx-segments", source])  # fmt: skip
        run(["qemu-system-arm", "-M", machine, "-display", "none", "-monitor", "none", "-serial",
             "none", "-semihosting-config", "enable=on,target=native", "-kernel", elf,
             *cycles.qemu_options(plugin, folder / "counts", trace)])  # fmt: skip
        return dict(zip(bodies, cycles.read(folder / "counts"), strict=True))

    return measured


@pytest.fixture(scope="module")
def m7(measure):
    return measure("m7", REGIONS)


def per(region, core, times):
    return cycles.estimate(region, core) / times


def test_counts_every_instruction_of_a_known_loop_and_no_marker(m7):
    assert m7["empty"].insns == 0
    assert m7["loop10"].insns == 1 + 4 * 10
    assert m7["loop200"].insns == 1 + 4 * 200
    assert sorted(m7["loop200"].counts.tolist()) == [1, 200, 200, 200, 200]


def test_an_instruction_skipped_by_a_condition_counts_once(m7):
    assert m7["skipped"].insns == 300


def test_disassembly_comes_from_the_recorded_bytes(m7):
    text = cycles.disassemble(m7["vldm then fma"])
    assert ("vldmia", "r5, {s0-s7}") in text
    assert text.count(("vfma.f32", "s16, s0, s31")) == 100
    assert ("addeq", "r2, #1") in cycles.disassemble(m7["skipped"])


def test_histogram_is_exact(m7):
    found = cycles.histogram(m7["vldm then fma"])
    assert found["mnemonics"] == {"vfma.f32": 800, "vldmia": 100}
    assert found["classes"] == {"multiply-add": 800, "load": 100}


def test_trace_is_the_order_of_execution(m7):
    region = m7["loop10"]
    addresses = [region.code[i][0] for i in region.trace]
    assert len(addresses) == region.insns
    assert addresses == [addresses[0]] + addresses[1:5] * 10


def test_code_replaced_at_one_address_is_told_apart(measure):
    patch = """
    adr r0, 4f
    movs r6, #2
3:  b 4f
    .balign 4
4:  adds r2, #1
    ldr r7, =0x3a013a01     // subs r2, #1, twice
    str r7, [r0]
    dsb
    isb
    subs r6, #1
    bne 3b
    b 5f
    .ltorg
5:  nop
    """
    region = measure("m7", {"patched": patch.replace("4:  adds r2, #1", "4:  adds r2, #1\nnop")})
    region = region["patched"]
    texts = {}
    for (address, _), text in zip(region.code, cycles.disassemble(region)):
        texts.setdefault(address, []).append(text[0])
    assert ["adds", "subs"] in [sorted(found) for found in texts.values()]


# Cycles of one repetition on the Cortex-M7: what docs/estimator.md cites.
M7_MEASURED = {
    "independent adds": 4,  # 8 adds, two a cycle
    "dependent adds": 1,
    "fma chain": 3,
    "independent fma": 8,  # 8 of them, one a cycle
    "fma through factor": 5,
    "float add chain": 3,
    "fma beside integer": 4,
    "vldm 4": 2,
    "vldm 16": 8,
    "push pop": 4,
    "load pairs": 1,
    "load then add": 1,
    "loads of one bank": 2,
    "pointer chase": 3,
    "stores": 2,
    "smlad chain": 1,
    "multiply chain": 2,
    "two shifts": 1,
    "extract beside shifted operand": 1,
    "bit field beside shifted operand": 2,
    "two shifted operands": 2,
    "vldm then fma": 15,  # 4 for the list, 8 for the sums, 3 before a list may follow
}


@pytest.mark.parametrize("name", M7_MEASURED)
def test_m7_estimate_agrees_with_the_published_measurement(m7, name):
    assert per(m7[name], "m7", 100) == pytest.approx(M7_MEASURED[name], rel=0.02)


def test_m7_loop_of_four_instructions_takes_two_cycles(m7):
    difference = cycles.estimate(m7["loop200"], "m7") - cycles.estimate(m7["loop10"], "m7")
    assert difference / 190 == 2


class _Forgetful(cycles._Scoreboard):
    """Issues every instruction anew."""

    turn = 0

    def _past(self):
        self.turn += 1
        return self.turn


@pytest.mark.parametrize("core", CORES)
def test_what_is_remembered_of_a_loop_is_what_issuing_it_again_gives(m7, core):
    region = m7["mixed loop"]
    ops = cycles.operations(region)
    starts = np.array([address for address, _ in region.code])
    found = [
        board(CORES[core]).run(ops, starts, region.trace)
        for board in (_Forgetful, cycles._Scoreboard)
    ]
    assert found[0] == found[1] > 50 * 14


def test_bars_hold_the_published_measurements():
    # Published and estimated cycles of the same code: docs/estimator.md.
    published = {
        ("m7", "integer"): [(302, 303), (358, 359), (414, 415)],
        ("m7", "float"): [(700, 558), (2750, 2543), (16700, 14131), (77500, 68763), (167500, 148237)],
        ("m4", "integer"): [(669, 637), (793, 755), (917, 873)],
        ("m4", "float"): [(1296, 1050), (4848, 4269), (28320, 24089), (128760, 114714), (292680, 244872)],
        ("m33", "float"): [(8400, 8363)],
    }  # fmt: skip
    for (core, kind), pairs in published.items():
        low, high = CORES[core].bars[kind]
        for measured, estimated in pairs:
            assert 1 + low <= round(measured / estimated, 2) <= 1 + high, (core, kind, measured)


SINGLE = {  # repetition -> cycles
    "m4": {"independent adds": 8, "fma chain": 3, "independent fma": 24, "vldm 4": 5,
           "load pairs": 2, "load then add": 3, "smlad chain": 1},
    "m33": {"independent adds": 8, "fma chain": 3, "independent fma": 24, "vldm 4": 4,
            "load pairs": 2, "smlad chain": 1, "multiply chain": 2},
}  # fmt: skip


@pytest.mark.parametrize("core", SINGLE)
def test_single_issue_estimate_agrees_with_its_source(measure, core):
    regions = measure(core, {name: REGIONS[name] for name in SINGLE[core]})
    found = {name: per(region, core, 100) for name, region in regions.items()}
    assert found == pytest.approx(SINGLE[core], rel=0.03)


def test_m33_taken_branch_costs_what_was_measured(measure):
    regions = measure("m33", {"short": LOOP.format(10), "long": LOOP.format(200)})
    difference = cycles.estimate(regions["long"], "m33") - cycles.estimate(regions["short"], "m33")
    assert difference / 190 == 5  # nop, adds and subs 1 each, bne after a flag setter 2


def test_estimate_from_the_beginning_of_a_region_is_scaled_to_the_whole(measure, m7):
    part = measure("m7", {"loop": LOOP.format(200)}, trace=401)["loop"]
    assert len(part.trace) == 401 and part.insns == 801
    assert cycles.estimate(part, "m7") == pytest.approx(
        cycles.estimate(m7["loop200"], "m7"), rel=0.01
    )


TWO_LOOPS = """
    movw r0, #4000
1:  nop
    subs r0, #1
    bne 1b
    movw r0, #4000
2:  udiv r2, r3, r0
    subs r0, #1
    bne 2b
"""


@pytest.mark.parametrize("core", MACHINES)
def test_a_long_region_is_recorded_in_stretches_spread_over_it(measure, core):
    whole = measure(core, {"two": TWO_LOOPS})["two"]
    part = measure(core, {"two": TWO_LOOPS}, trace=8192)["two"]
    assert part.insns == len(whole.trace) == 24002 and len(part.trace) == 8192
    addresses = [[region.code[i][0] for i in region.trace] for region in (whole, part)]
    assert addresses[1] == addresses[0][:4096] + addresses[0][4 * 4096 : 5 * 4096]
    expected = cycles.estimate(whole, core)
    assert cycles.estimate(part, core) == pytest.approx(expected, rel=0.002)
    part.trace = part.trace[:4096]  # of the first loop alone: the second is guessed
    assert cycles.estimate(part, core) < 0.9 * expected


def test_no_model_gives_no_figure(m7):
    assert [cycles.estimate(m7["loop10"], core) for core in ("m0", "m3", "m55", "rv32")] == [
        None
    ] * 4


def test_code_the_core_cannot_run_gives_no_figure(measure):
    region = measure("m7", {"f64": "mov r0, r0"})["f64"]
    region.code = [(0, bytes.fromhex("30ee010b"))]  # vadd.f64 d0, d0, d1
    region.counts, region.trace = np.array([1], np.uint64), np.array([0], np.uint32)
    assert cycles.estimate(region, "m4") is None
    assert cycles.estimate(region, "m7") > 0


def test_estimate_without_a_trace_says_what_is_missing(measure):
    region = measure("m7", {"loop": LOOP.format(10)}, trace=0)["loop"]
    with pytest.raises(UpedalError, match="trace=N"):
        cycles.estimate(region, "m7")


@pytest.mark.parametrize("damage", ["cut", "magic", "header"])
def test_a_damaged_file_is_an_error_that_names_it(plugin, tmp_path, measure, damage):
    path = tmp_path / "counts"
    record = np.array([cycles.MAGIC, 0, 1, 1, 0, 2, 0xBF00, 7, 0, 0], "<u4").tobytes()
    path.write_bytes(record)
    assert cycles.read(path)[0].insns == 7
    broken = {"cut": record[:-2], "magic": b"x" + record[1:], "header": record + b"\0\0"}[damage]
    path.write_bytes(broken)
    with pytest.raises(UpedalError, match=str(path)):
        cycles.read(path)


@pytest.mark.skipif(
    not all(map(shutil.which, RISCV_TOOLS)), reason=f"needs {', '.join(RISCV_TOOLS)}: make setup"
)
def test_riscv_is_counted_but_not_estimated(plugin, tmp_path):
    source, elf, counts = tmp_path / "a.S", tmp_path / "a.elf", tmp_path / "counts"
    source.write_text("""
        .option norvc
        auipc a2, 0
        slti x0, x0, 1
        li a0, 25
    1:  addi a0, a0, -1
        lw a1, 0(a2)
        bnez a0, 1b
        slti x0, x0, 2
        li a0, 0x5555
        li a1, 0x100000
        sw a0, 0(a1)
    2:  j 2b
    """)
    run(["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "-nostdlib",
         "-Wl,-Ttext=0x80000000", "-o", elf, source])  # fmt: skip
    run(["qemu-system-riscv32", "-M", "virt", "-bios", "none", "-display", "none", "-monitor",
         "none", "-serial", "none", "-kernel", elf,
         *cycles.qemu_options(plugin, counts, 100)])  # fmt: skip
    (region,) = cycles.read(counts)
    assert region.insns == 1 + 3 * 25
    assert cycles.histogram(region)["classes"] == {"integer": 26, "load": 25, "branch": 25}
    assert cycles.estimate(region, "m7") is None


DECODED = {
    "vldmia r1!, {s0-s3}": ("fldm", {"r1": "addr"}, ["s0", "s1", "s2", "s3"]),
    "vldr d1, [r0, #8]": ("fldd", {"r0": "addr"}, ["s2", "s3"]),
    "ldrd r2, r3, [r1], #8": ("ldd", {"r1": "addr"}, ["r2", "r3"]),
    "stmdb sp!, {r4, lr}": ("stm", {"sp": "addr", "r4": "data", "lr": "data"}, []),
    "strb.w r0, [r1, r2]": ("st", {"r1": "addr", "r2": "addr", "r0": "data"}, []),
    "smlad r0, r1, r2, r3": ("mul", {"r1": "mul", "r2": "mul", "r3": "acc"}, ["r0"]),
    "smlal r0, r1, r2, r3": ("mul", {"r0": "acc", "r1": "acc", "r2": "mul", "r3": "mul"},
                             ["r0", "r1"]),
    "smulbb r0, r1, r2": ("mul", {"r1": "mul", "r2": "mul"}, ["r0"]),
    "add.w r0, r1, r2, lsl #2": ("alus", {"r1": "src", "r2": "shift"}, ["r0"]),
    "adds r0, r1": ("add", {"r0": "src", "r1": "src"}, ["r0", "flags"]),
    "cmp r0, #1": ("alu", {"r0": "src"}, ["flags"]),
    "mov.w r4, r3, lsr #24": ("shift", {"r3": "src"}, ["r4"]),
    "uxtb.w r8, r2, ror #16": ("dsp", {"r2": "src"}, ["r8"]),
    "usat r0, #9, r1": ("bits", {"r1": "shift"}, ["r0"]),
    "bls.n 0x10": ("branch", {}, []),
    "vmov r2, r1, d0": ("fmov2", {"s0": "mov", "s1": "mov"}, ["r2", "r1"]),
    "vmov s0, r1": ("fmov", {"r1": "mov"}, ["s0"]),
    "vmov.f32 s0, #112": ("fmovi", {}, ["s0"]),
    "vmrs APSR_nzcv, fpscr": ("fmrs", {"fpscr": "mov"}, ["flags"]),
    "vfma.f64 d0, d1, d2": ("dfma", {"s0": "acc", "s1": "acc", "s2": "src", "s3": "src",
                                     "s4": "src", "s5": "src"}, ["s0", "s1"]),
    "ite gt": ("it", {}, []),
    "moveq r0, r1": ("add", {"r1": "src", "flags": "src"}, ["r0"]),
}  # fmt: skip


@pytest.mark.parametrize("text", DECODED)
def test_decoding_names_what_is_read_and_written(text):
    op = decode(*text.split(" ", 1))
    assert (op.cls, dict(op.reads), [r for r, _ in op.writes]) == DECODED[text]


def test_every_class_has_a_figure_or_a_reason_in_every_core():
    classes = set(CORES["m7"].timing)
    for core in CORES.values():
        assert set(core.timing) == classes, core.name
    assert set(cycles._GROUPS) == classes
    assert expand("{d0-d1, s8}") == ["s0", "s1", "s2", "s3", "s8"]
