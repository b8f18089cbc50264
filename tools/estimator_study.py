"""The estimate against published measurements of CMSIS-DSP's complex FFT, for docs/estimator.md.

python tools/estimator_study.py FOLDER, where CMSIS-DSP's Source and Include lie: that of its Python package's source
distribution will do (pip download --no-deps --no-binary :all: cmsisdsp).
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

POINTS = (16, 32, 64, 128, 256, 512, 1024, 2048)
PUBLISHED_US = {  # of arm_cfft_f32, and the clock in MHz: i.MX RT1024, code in ITCM; K64
    "m7": (500, (1.4, 3.0, 5.5, 13.9, 33.4, 64, 155, 335)),
    "m4": (120, (10.8, 22.4, 40.4, 108, 236, 427, 1073, 2439)),
}
MACHINES = {  # machine, CPU, where code and data lie
    "m7": ("mps2-an500", "-mcpu=cortex-m7 -mfpu=fpv5-d16", 0, 0x20000000),
    "m4": ("mps2-an386", "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16", 0, 0x20000000),
    "m33": ("mps2-an505", "-mcpu=cortex-m33 -mfpu=fpv5-sp-d16", 0x10000000, 0x38000000),
}
SOURCES = ["TransformFunctions/" + name for name in ("arm_cfft_f32", "arm_cfft_init_f32", "arm_cfft_radix8_f32",
           "arm_bitreversal2")] + ["CommonTables/arm_common_tables", "CommonTables/arm_const_structs"]  # fmt: skip
FLAGS = "-mthumb -mfloat-abi=hard -O2 -ffast-math -ffunction-sections -fdata-sections -DARM_MATH_LOOPUNROLL"

PROGRAM = """
#include "arm_math.h"
extern uint32_t stack_top;
static float buf[4096];
static arm_cfft_instance_f32 fft;
static void leave(int code) {
    register int r0 __asm("r0") = 0x18, r1 __asm("r1") = code;  // semihosting's SYS_EXIT
    __asm volatile ("bkpt 0xab" :: "r"(r0), "r"(r1));
}
static void fault(void) { leave(0x20023); }
__attribute__((noinline)) static void measure(void) {
    uint32_t seed = 1;
    for (int n = 16; n <= 2048; n *= 2) {
        arm_cfft_init_f32(&fft, n);
        for (int i = 0; i < 2 * n; i++) {
            seed = seed * 1664525u + 1013904223u;
            buf[i] = (float)(int32_t)seed / 2147483648.0f;
        }
        __asm volatile ("mov r10, r10" ::: "memory");
        arm_cfft_f32(&fft, buf, 0, 1);
        __asm volatile ("mov r11, r11" ::: "memory");
    }
}
static void reset(void) {
    *(volatile uint32_t *)0xe000ed88 |= 0xf << 20;  // CPACR: the FPU
    __asm volatile ("dsb; isb");
    measure();
    leave(0x20026);
}
__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    &stack_top, reset, fault, fault, fault, fault, fault };
"""
LINK = """
MEMORY {{ CODE (rwx) : ORIGIN = {:#x}, LENGTH = 2M
         DATA (rw) : ORIGIN = {:#x}, LENGTH = 2M }}
SECTIONS {{ .text : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) *(.data*) }} > CODE
           .bss (NOLOAD) : {{ *(.bss*) *(COMMON) }} > DATA
           stack_top = ORIGIN(DATA) + LENGTH(DATA); }}
"""


def regions(core, library, folder):
    """What the counting plugin recorded of each size of FFT."""
    from upedal import cycles, paths

    machine, cpu, code, data = MACHINES[core]
    (folder / "main.c").write_text(PROGRAM)
    (folder / "link.ld").write_text(LINK.format(code, data))
    includes = [
        library / "Include",
        library / "PrivateInclude",
        paths.BUILD / "micropython" / "lib" / "cmsis" / "inc",
    ]
    sources = [folder / "main.c", *(library / "Source" / f"{name}.c" for name in SOURCES)]
    command = ["arm-none-eabi-gcc", *cpu.split(), *FLAGS.split(), *(f"-I{path}" for path in includes), "-nostartfiles",
               "--specs=nosys.specs", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", "-T", folder / "link.ld",
               *sources, "-lm", "-o", folder / "fft.elf"]  # fmt: skip
    subprocess.run(list(map(str, command)), check=True, stderr=subprocess.DEVNULL)
    plugin = paths.BUILD / "plugin" / "libupcount.so"
    command = ["qemu-system-arm", "-M", machine, "-display", "none", "-monitor", "none", "-serial", "none",
               "-semihosting-config", "enable=on,target=native", "-kernel", folder / "fft.elf",
               *cycles.qemu_options(plugin, folder / "counts", 4_000_000)]  # fmt: skip
    subprocess.run(list(map(str, command)), check=True, timeout=300)
    return cycles.read(folder / "counts")


def main():
    from upedal import cycles

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    library = parser.parse_args().folder
    print(f"{'core':5}{'points':>7}{'i':>10}{'estimated':>11}{'published':>11}{'ratio':>7}")
    for core in MACHINES:
        mhz, times = PUBLISHED_US.get(core, (0, [0] * len(POINTS)))
        with tempfile.TemporaryDirectory() as folder:
            found = regions(core, library, Path(folder))
        for points, region, us in zip(POINTS, found, times, strict=True):
            estimate = cycles.estimate(region, core)
            line = f"{core:5}{points:7}{region.insns:10,}{estimate:11,.0f}"
            print(line + (f"{us * mhz:11,.0f}{us * mhz / estimate:7.2f}" if us else ""))


if __name__ == "__main__":
    main()
