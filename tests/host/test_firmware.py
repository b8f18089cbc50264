"""`upedal firmware --emulator`, and the C core as a user C module of ports that CMake builds."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from upedal import cli, emulator, firmware, native, paths
from upedal.errors import UpedalError

MODULES = paths.ROOT / "native_modules"
PORT = paths.ROOT / "tests" / "host" / "cmake_port"


def test_boards_that_cannot_be_built_are_refused_by_name():
    with pytest.raises(UpedalError, match="'teensy41': no such board emulated; expected emu_m0, "):
        firmware.build(["teensy41"])
    with pytest.raises(
        UpedalError, match="'emu_m0': no such board with user modules; expected emu_m7"
    ):
        firmware.build(["emu_m0"], user=True)


def test_a_missing_tool_is_named_with_the_command_that_brings_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UpedalError, match="not installed: make, arm-none-eabi-gcc; `make setup` in"
    ):
        firmware.build(["emu_m7"])
    with pytest.raises(UpedalError, match="not installed: make, riscv64-unknown-elf-gcc"):
        firmware.build(["emu_rv32"])
    with pytest.raises(UpedalError, match="make, arm-none-eabi-gcc, riscv64-unknown-elf-gcc"):
        firmware.build()


def test_without_the_source_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "IN_TREE", False)
    with pytest.raises(UpedalError, match="built in upedal's source folder"):
        firmware.build(["emu_m7"])
    monkeypatch.undo()
    if shutil.which("make") and shutil.which("arm-none-eabi-gcc"):
        monkeypatch.setattr(paths, "ROOT", tmp_path)
        monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
        with pytest.raises(UpedalError, match="MicroPython's source is not there"):
            firmware.build(["emu_m7"])


def test_for_a_real_board_the_command_line_points_to_the_guide(capsys):
    assert cli.main(["firmware"]) == 1
    assert "docs/firmware.md" in capsys.readouterr().err
    assert (paths.ROOT / "docs" / "firmware.md").is_file()


def test_a_failed_build_shows_the_end_of_what_make_said(monkeypatch):
    with pytest.raises(UpedalError, match="make ended with code 2") as caught:
        firmware._make(["build/no-such-target"], print)
    assert "no-such-target" in caught.value.output


@pytest.mark.toolchain("arm-none-eabi-gcc", "MicroPython source")
def test_an_emulated_boards_firmware_is_built_and_boots(capsys):
    assert cli.main(["firmware", "--emulator", "--board", "emu_m3"]) == 0
    assert re.search(
        r"build/firmware/emu_m3/firmware.elf: \d+ bytes, (built|is up to date)",
        capsys.readouterr().out,
    )
    with emulator.Emulator("emu_m3") as board:
        assert "6 * 7 = 42" in board.run("print('6 * 7 =', 6 * 7)")


SCRIPT = """
from array import array
import pedal_nn
blob = bytearray({blob!r})
model = pedal_nn.Model(blob, bytearray(pedal_nn.arena_size(blob)))
buf = array('f', {x!r})
model.reset()
model.process(buf, buf)
print(list(buf))
"""


@pytest.mark.toolchain("MicroPython source", "C compiler")
@pytest.mark.skipif(not shutil.which("cmake"), reason="no cmake; to get it: pip install cmake")
def test_a_micropython_built_by_cmake_has_the_modules_and_plays(tmp_path):
    """With MicroPython's own usermod.cmake and mkrules.cmake, which rp2 and esp32 include, and the C compiler of this
    machine: the same files and flags as by make, none of our flags on other files, and the right sound."""
    _run(
        "cmake",
        "-S",
        PORT,
        "-B",
        tmp_path,
        f"-DMICROPY_DIR={paths.BUILD / 'micropython'}",
        f"-DUSER_C_MODULES={MODULES}/micropython.cmake",
    )
    _run("cmake", "--build", tmp_path, "-j2")
    _same_as_make(json.loads((tmp_path / "compile_commands.json").read_text()))
    vectors = paths.ROOT / "tests" / "vectors"
    blob = (vectors / "gru4.upm").read_bytes()
    x = np.fromfile(vectors / "input.f32", np.float32)[:64]
    said = _run(tmp_path / "firmware", SCRIPT.format(blob=blob, x=x.tolist()))
    y, right = np.array(json.loads(said)), native.Net(blob, prewarm=0).process(x)
    assert np.sum((y - right) ** 2) < 1e-9 * np.sum(
        right**2
    )  # printed with 7 digits; this CPU's build has no FMA


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _same_as_make(commands):
    flags = {entry["file"]: entry["command"].split() for entry in commands}
    ours = {file for file in flags if file.startswith(str(MODULES))}
    asked = "include $(USERMOD_DIR)/micropython.mk\nall:\n\t@echo $(SRC_USERMOD_C) $(SRC_USERMOD_LIB_C)\n\t@echo $(UP_CFLAGS)\n"
    make = ["make", "-s", "-f", "-", f"USERMOD_DIR={MODULES}"]
    done = subprocess.run(make, input=asked, text=True, capture_output=True, check=True)
    files, wanted = (line.split() for line in done.stdout.splitlines())
    assert ours == set(files) and len(ours) > 10
    for file in ours:
        first = min(flags[file].index(flag) for flag in wanted)
        assert flags[file].index("-Os") < first, file  # ours come last, and so win
    assert not any("-ffp-contract=off" in flags[file] for file in set(flags) - ours)
