"""The C export: what a folder holds compiles as C and C++ for a Cortex-M7 and plays as the simulator."""

import re
import subprocess

import numpy as np
import pytest
from upedal import layers as L
from upedal import native, paths, upm
from upedal.convert import csource
from upedal.errors import UpedalError

from tests.vectors import make

STRICT = ["-Wall", "-Wextra", "-Werror", "-O2", "-ffp-contract=off"]
M7 = ["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False, **options)
    assert done.returncode == 0, f"{command}:\n{done.stderr.decode()}"
    return done.stdout


@pytest.fixture(scope="module", params=["gru4", "wavenet", "gru9_2knobs"])
def exported(request, tmp_path_factory):
    """(model, the folder it was exported to)"""
    model = make.MODELS[request.param]
    folder = tmp_path_factory.mktemp("export") / request.param
    csource.write_folder(model, folder)
    return model, folder


def sources(folder):
    return sorted(folder.glob("*.c"))


def test_example_plays_as_the_simulator(exported, tmp_path):
    model, folder = exported
    run("gcc", "-std=c99", *STRICT, *sources(folder), "-o", tmp_path / "example")
    x = make.signal()
    y = np.frombuffer(run(tmp_path / "example", input=x.tobytes()), np.float32)
    want = native.render(upm.dumps(model), x)
    assert len(y) == len(x)
    assert 10 * np.log10(np.sum((y - want) ** 2.0) / np.sum(want**2.0) + 1e-30) <= -100
    if native.EXACT:
        run("gcc", "-std=c99", "-mfma", *STRICT, *sources(folder), "-o", tmp_path / "fused")
        fused = np.frombuffer(run(tmp_path / "fused", input=x.tobytes()), np.float32)
        assert np.array_equal(fused, want)


def test_two_lines_of_the_readme_build_it(exported, tmp_path):
    _, folder = exported
    line = re.search(r"This machine: +(.*)", (folder / "README.txt").read_text()).group(1)
    run("sh", "-c", line.replace("-o example", f"-o {tmp_path / 'example'}"), cwd=folder)
    assert (tmp_path / "example").is_file()


USE = """
static UP_ALIGN16 unsigned char memory[{macro}_ARENA];
static up_model_t *model;
int setup() {{
    up_arena_t arena = {{ memory, sizeof(memory), 0 }};
    return up_model_layout(&model, {name}, sizeof({name}), &arena);
}}
void audio(const float *in, float *out, size_t n) {{ up_model_process(model, in, out, n); }}
const char *why(int error) {{ return up_error_text(error); }}
"""


def cpp_source(folder):
    name = folder.name
    return f'#include "{name}.h"\n#include "up_fx.h"\n' + USE.format(name=name, macro=name.upper())


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_header_and_core_are_valid_cpp(exported, tmp_path, standard):
    _, folder = exported
    main = "int main() { return setup(); }\n"
    (tmp_path / "use.cpp").write_text(cpp_source(folder) + main)
    objects = [tmp_path / f"{c.stem}.o" for c in sources(folder) if c.stem != "example"]
    for path in objects:
        run("gcc", "-std=c99", *STRICT, "-c", folder / f"{path.stem}.c", "-o", path)
    command = ["g++", f"-std={standard}", "-Wpedantic", *STRICT, f"-I{folder}", tmp_path / "use.cpp", *objects]
    run(*command, "-o", tmp_path / "use")
    run(tmp_path / "use")


@pytest.mark.toolchain("arm-none-eabi-gcc")
def test_folder_compiles_for_a_cortex_m7(exported, tmp_path):
    _, folder = exported
    for path in sources(folder):
        run("arm-none-eabi-gcc", "-std=c99", *M7, *STRICT, "-c", path, "-o", tmp_path / f"{path.stem}.o")
    (tmp_path / "use.cpp").write_text(cpp_source(folder))
    run("arm-none-eabi-g++", *M7, *STRICT, f"-I{folder}", "-c", tmp_path / "use.cpp", "-o", tmp_path / "use.o")


def test_ten_lines_in_the_header_are_the_whole_use(exported, tmp_path):
    model, folder = exported
    text = (folder / f"{folder.name}.h").read_text()
    lines = re.findall(r"^//     (.*)$", text, re.MULTILINE)
    assert len(lines) <= 10
    (tmp_path / "use.c").write_text("\n".join(lines) + "\nint main(void) { audio(0, 0, 0); return setup(); }\n")
    run("gcc", "-std=c99", *STRICT, f"-I{folder}", "-c", tmp_path / "use.c", "-o", tmp_path / "use.o")


def test_header_holds_the_file_and_what_a_program_must_know():
    model = make.MODELS["gru4"]
    model = L.Model(model.layers, 44100, "fast", prewarm=77, meta={"name": "x", "author": "a */ \\\nint bad;"})
    text = csource.write(model, "my-amp 2.h").decode()
    blob = upm.dumps(model)
    array = re.search(r"my_amp_2\[\d+\] = \{(.*?)\}", text, re.DOTALL).group(1)
    assert bytes(int(v) for v in array.replace(",", " ").split()) == blob
    for line in ("#define MY_AMP_2_RATE 44100", "#define MY_AMP_2_PREWARM 77", "#define MY_AMP_2_KNOBS 0"):
        assert line in text
    assert "\nint bad" not in text
    assert "\\\n" not in text


@pytest.mark.parametrize("name,want", [("amp.h", "amp"), ("5150 lead.h", "m_5150_lead"), ("int.h", "m_int"),
                                       ("ж.h", "model"), ("up_model.h", "m_up_model")])  # fmt: skip
def test_any_file_name_gives_a_c_name(name, want):
    assert csource.identifier(name) == want


def test_folder_has_the_cores_sources_and_the_licence(exported):
    _, folder = exported
    core = paths.ROOT / "native_modules" / "core"
    found = {p.name for p in folder.iterdir()}
    sources = set((core / "up_all.inc").read_text().split('"')[1::2])
    assert sources <= found and {"up_model.h", "up_fx.c", "up_resample.c"} <= found
    assert "up_reverb.c" not in found, "a model needs no effects"
    assert "MIT" in (folder / "LICENSE").read_text()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UpedalError, match="file"):
        csource.write_folder(make.MODELS["gru4"], tmp_path / "file", "x")


START = """
#include <stdint.h>
extern uint32_t top, bss, bss_end;
extern int main(void);
extern void initialise_monitor_handles(void), exit(int), __libc_init_array(void);
static void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xf << 20; // the FPU
    __asm volatile ("dsb\\n isb");
    for (uint32_t *p = &bss; p < &bss_end; p++) { *p = 0; }
    initialise_monitor_handles();
    __libc_init_array();
    exit(main());
}
__attribute__((section(".vectors"), used)) const void *const vectors[2] = { &top, reset };
void _init(void) {}
void _fini(void) {}
"""
SCRIPT = """
MEMORY { RAM : ORIGIN = 0, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > RAM
  .ARM.exidx : { *(.ARM.exidx*) *(.ARM.extab*) } > RAM
  .init_array : { __preinit_array_start = .; __preinit_array_end = .; __init_array_start = .;
    KEEP(*(.init_array*)) __init_array_end = .; *(.fini_array*) } > RAM
  .data : { *(.data*) } > RAM
  .bss : { . = ALIGN(8); bss = .; *(.bss*) *(COMMON) . = ALIGN(8); bss_end = .; } > RAM
  end = .; top = ORIGIN(RAM) + LENGTH(RAM);
}
"""


@pytest.mark.toolchain("arm-none-eabi-gcc", "qemu-system-arm")
def test_example_plays_the_same_bits_on_an_emulated_cortex_m7(exported, tmp_path):
    model, folder = exported
    (tmp_path / "start.c").write_text(START)
    (tmp_path / "m7.ld").write_text(SCRIPT)
    example = (folder / "example.c").read_text()
    example = example.replace("fread(x, sizeof(*x), 48, stdin)", "fread(x, sizeof(*x), 48, in)")
    example = example.replace("fwrite(x, sizeof(*x), n, stdout)", "fwrite(x, sizeof(*x), n, out)")
    example = example.replace("int main(void) {", 'int main(void) {\n    FILE *in = fopen("in.f32", "rb"), *out = fopen("out.f32", "wb");')
    (tmp_path / "main.c").write_text(example.replace("return 0;", "return fclose(out);"))
    core = [c for c in sources(folder) if c.stem != "example"]
    link = ["--specs=rdimon.specs", "-nostartfiles", "-T", tmp_path / "m7.ld", "-o", tmp_path / "m7.elf"]
    run("arm-none-eabi-gcc", *M7, *STRICT, f"-I{folder}", tmp_path / "start.c", tmp_path / "main.c", *core, *link)
    x = make.signal()
    (tmp_path / "in.f32").write_bytes(x.tobytes())
    machine = ["-M", "mps2-an500", "-nographic", "-semihosting-config", "enable=on,target=native"]
    run("qemu-system-arm", *machine, "-kernel", tmp_path / "m7.elf", cwd=tmp_path, timeout=60, stdin=subprocess.DEVNULL)
    y = np.fromfile(tmp_path / "out.f32", np.float32)
    want = native.render(upm.dumps(model), x)
    assert len(y) == len(x)
    if native.EXACT:
        assert np.array_equal(y, want)
    assert np.max(np.abs(y - want)) < 1e-4
