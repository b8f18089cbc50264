"""`upedal flash`: files are checked to the last byte, nothing is written unasked, a failure says how to go on.

ESP32 boards: tests/host/test_flash_esp.py.
"""

import os
import random
import stat
import struct
import subprocess
import sys
import threading
import time
import types
import zlib

import pytest
from upedal import board, cli, flash, flash_tool, flash_uf2, paths
from upedal.errors import UpedalError

from tests.host import flash_images as images

PICO2, TEENSY, PYBD = (board.load(name) for name in ("pico2", "teensy41", "pybd_sf6"))
ARM, RISCV, RP2040 = 0xE48BFF59, 0xE48BFF5A, 0xE48BFF56
CONTENT = b"MicroPython with RP2350".ljust(256, b"\0") + bytes(range(256)) * 300


def put(tmp_path, data, name="firmware"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def refused(words, call, *arguments, **named):
    with pytest.raises(UpedalError) as caught:
        call(*arguments, **named)
    assert words in str(caught.value), str(caught.value)
    return str(caught.value)


# ---- before the format ----


def test_what_cannot_be_firmware_is_refused_with_what_was_expected(tmp_path):
    refused(
        "is a folder; expected firmware for Raspberry Pi Pico 2", flash.flash, "pico2", tmp_path
    )
    refused("empty; expected", flash.flash, "pico2", put(tmp_path, b""))
    page = put(tmp_path, b"<!DOCTYPE html>\n<html>not found</html>\n")
    refused("text, beginning '<!DOCTYPE html>'; expected", flash.flash, "pico2", page)
    refused("No such file", flash.flash, "pico2", tmp_path / "absent.uf2")
    huge = tmp_path / "huge.uf2"
    with open(huge, "wb") as file:
        file.truncate(flash.LARGEST + 1)
    refused("more than", flash.flash, "pico2", huge)


@pytest.mark.parametrize("name, page, ending", [
    ("esp32s3", "ESP32_GENERIC_S3", ".bin"), ("pico2", "RPI_PICO2", ".uf2"),
    ("teensy41", "TEENSY41", ".hex"), ("pybd_sf6", "PYBD_SF6", ".dfu"),
])  # fmt: skip
def test_without_a_file_it_tells_which_to_fetch(name, page, ending):
    said = refused(f"https://micropython.org/download/{page}/", flash.flash, name)
    assert f"{page}-DATE-v" in said and ending in said and f"--board {name} FILE" in said


def test_boards_without_micropython_firmware_say_why():
    refused("upedal firmware --emulator", flash.flash, "emu_m7", "x")
    refused("C library", flash.flash, "daisy_seed", "x")
    refused("has no `flash`", flash.flash, "desktop", "x")


def test_options_of_another_way_are_refused():
    refused(
        "--port: Raspberry Pi Pico 2 is flashed by uf2; its options: --drive",
        flash.flash,
        "pico2",
        "x",
        port="/dev/x",
    )
    refused("none of its own", flash.flash, "teensy41", "x", erase=True)


def test_profiles_say_only_what_fits_together(tmp_path):
    good = (paths.BOARDS / "pico2.yaml").read_text()
    mine = tmp_path / "mine.yaml"
    for old, new, words in [
        ("target: rp2350-arm-s", "target: TEENSY41", "flash.target: found 'TEENSY41'; expected, by uf2, rp2040"),
        ("start: 0x10000000", "start: null", "flash.start: found None; expected, by uf2, a number"),
        ("how: uf2", "how: floppy", "expected one of esptool, uf2, teensy, dfu"),
        ("how: uf2, target: rp2350-arm-s", "how: esptool, target: esp32p4", "flash.start: found 268435456; expected, by esptool, null"),
    ]:  # fmt: skip
        assert good.count(old) == 1
        mine.write_text(good.replace(old, new))
        refused(words, board.load, mine)


# ---- UF2 ----


def uf2(**change):
    return images.uf2(CONTENT, ARM, first=[images.e10_block()], **change)


def test_a_uf2_gives_back_its_content_with_and_without_the_block_that_mends_e10():
    assert flash_uf2.check("f", uf2(), PICO2.flash) == CONTENT
    assert flash_uf2.check("f", images.uf2(CONTENT, ARM), PICO2.flash) == CONTENT


@pytest.mark.toolchain("MicroPython source")
def test_a_uf2_by_micropythons_own_converter_is_taken(tmp_path):
    source = put(tmp_path, CONTENT, "firmware.bin")
    tool = paths.BUILD / "micropython" / "tools" / "uf2conv.py"
    command = [
        sys.executable,
        tool,
        source,
        "-c",
        "-b",
        "0x10000000",
        "-f",
        hex(ARM),
        "-o",
        tmp_path / "made.uf2",
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert flash_uf2.check("f", (tmp_path / "made.uf2").read_bytes(), PICO2.flash) == CONTENT


def test_uf2_of_another_chip_is_refused_by_name():
    check = flash_uf2.check
    refused(
        "is for RP2350 (RISC-V) (family 0xe48bff5a); expected RP2350 (Arm)",
        check,
        "f",
        images.uf2(CONTENT, RISCV),
        PICO2.flash,
    )
    refused(
        "is for RP2040 (family 0xe48bff56)", check, "f", images.uf2(CONTENT, RP2040), PICO2.flash
    )
    refused(
        "another kind of chip (family 0xc47e5767)",
        check,
        "f",
        images.uf2(CONTENT, 0xC47E5767),
        PICO2.flash,
    )
    riscv = types.SimpleNamespace(target="rp2350-riscv", start=0x10000000, bytes=1 << 22)
    assert check("f", images.uf2(CONTENT, RISCV), riscv) == CONTENT


def test_damaged_uf2_is_refused():
    good, check = images.uf2(CONTENT, ARM), flash_uf2.check
    refused("cut off", check, "f", good[:-100], PICO2.flash)
    refused("300 of 301 blocks", check, "f", good[:-512], PICO2.flash)
    refused("300 of 301 blocks", check, "f", good[: 512 * 5] + good[512 * 6 :], PICO2.flash)
    refused(
        "calls itself 4 of 301", check, "f", good[: 512 * 5] + good[512 * 4 : -512], PICO2.flash
    )
    refused(
        "block 3 is not a UF2 block",
        check,
        "f",
        good[: 512 * 4 - 1] + b"x" + good[512 * 4 :],
        PICO2.flash,
    )
    refused("expected a UF2 file", check, "f", b"\xe9" + good[1:], PICO2.flash)
    refused("names no family", check, "f", good[:8] + bytes(4) + good[12:], PICO2.flash)
    refused(
        "100 bytes for 0x10000000",
        check,
        "f",
        good[:16] + struct.pack("<I", 100) + good[20:],
        PICO2.flash,
    )
    refused("0 of no blocks", check, "f", images.e10_block(), PICO2.flash)
    high = images.uf2(CONTENT, ARM, start=0x10000000 + (4 << 20) - 512)
    refused(
        "block 2 is for 0x10400000; expected 0x10000000 to 0x10400000",
        check,
        "f",
        high,
        PICO2.flash,
    )
    refused(
        "block 0 is for 0x20000000",
        check,
        "f",
        images.uf2(CONTENT, ARM, start=0x20000000),
        PICO2.flash,
    )
    twice = bytearray(good)
    twice[512 * 7 + 12 : 512 * 7 + 16] = good[512 * 6 + 12 : 512 * 6 + 16]
    refused("two blocks are for 0x10000600", check, "f", bytes(twice), PICO2.flash)


class Drive:
    """A folder that behaves as the drive of an RP2: it goes when the whole file is there."""

    def __init__(self, folder, size, board_id="RP2350"):
        self.info, self.size, self.folder = folder / "INFO_UF2.TXT", size, folder
        self.info.write_text(
            f"UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: {board_id}\n"
        )
        self.got = None

    def __enter__(self):
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.stop = False
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop = True
        self.thread.join(5)

    def _watch(self):
        while not self.stop:
            files = [path for path in self.folder.iterdir() if path != self.info]
            if files and files[0].stat().st_size == self.size:
                self.got = files[0].read_bytes()
                self.info.unlink()
                return
            time.sleep(0.01)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "drive"
    made.mkdir()
    return made


def test_a_uf2_is_copied_whole_and_the_drive_goes(tmp_path, folder):
    said, path = [], put(tmp_path, uf2(), "pico.uf2")
    with Drive(folder, len(uf2())) as drive:
        flash.flash("pico2", path, drive=folder, yes=True, say=said.append)
    assert drive.got == uf2()
    assert "the drive is gone" in said[-1] and any("what will be lost" in line for line in said)


def test_a_dry_run_writes_nothing(tmp_path, folder):
    Drive(folder, 0)
    said = []
    flash.flash("pico2", put(tmp_path, uf2()), drive=folder, dry_run=True, say=said.append)
    assert [path.name for path in folder.iterdir()] == ["INFO_UF2.TXT"]
    assert said[-1] == "dry run: nothing was written"


def test_the_drive_of_another_board_or_none_is_refused(tmp_path, folder, monkeypatch):
    path = put(tmp_path, uf2())
    refused(
        "no INFO_UF2.TXT in it; expected the drive of a RP2350. To get the drive: unplug",
        flash.flash,
        "pico2",
        path,
        drive=folder,
    )
    Drive(folder, 0, "RPI-RP2")
    refused("is RPI-RP2; expected the drive of a RP2350", flash.flash, "pico2", path, drive=folder)
    monkeypatch.setattr(flash_uf2, "_mounted", lambda: [folder])
    refused("no drive of a RP2350 was found", flash.flash, "pico2", path)
    other = tmp_path / "other"
    other.mkdir()
    Drive(folder, 0), Drive(other, 0)
    monkeypatch.setattr(flash_uf2, "_mounted", lambda: [folder, other])
    refused("choose one with --drive", flash.flash, "pico2", path)
    assert sorted(file.name for file in folder.iterdir()) == ["INFO_UF2.TXT"]


def test_a_full_drive_is_refused_before_writing(tmp_path, folder, monkeypatch):
    Drive(folder, 0)
    monkeypatch.setattr(
        flash_uf2.shutil, "disk_usage", lambda where: types.SimpleNamespace(free=1000)
    )
    refused(
        "1000 bytes are free", flash.flash, "pico2", put(tmp_path, uf2()), drive=folder, yes=True
    )


def test_a_drive_that_goes_in_the_middle_says_how_to_go_on(tmp_path, folder, monkeypatch):
    path = put(tmp_path, uf2())
    Drive(folder, 0)
    real, calls = os.fsync, []

    def pulled(number):
        calls.append(number)
        if len(calls) == 2:
            (folder / "INFO_UF2.TXT").unlink()
            raise OSError(5, "Input/output error")
        real(number)

    monkeypatch.setattr(flash_uf2.os, "fsync", pulled)
    said = refused(
        "Input/output error after 131072 of 154624 bytes",
        flash.flash,
        "pico2",
        path,
        drive=folder,
        yes=True,
    )
    assert "hold BOOTSEL" in said and f"upedal flash --board pico2 {path}" in said


def test_a_board_that_does_not_restart_is_an_error(tmp_path, folder, monkeypatch):
    Drive(folder, 0)
    monkeypatch.setattr(flash_uf2, "RESTART_S", 0.2)
    refused(
        "did not restart within",
        flash.flash,
        "pico2",
        put(tmp_path, uf2()),
        drive=folder,
        yes=True,
    )


def test_an_error_after_the_last_byte_is_the_board_restarting(tmp_path, folder, monkeypatch):
    Drive(folder, 0)
    path = put(tmp_path, uf2())

    def restart(number):
        if os.fstat(number).st_size == len(uf2()):
            (folder / "INFO_UF2.TXT").unlink()
            raise OSError(19, "No such device")

    monkeypatch.setattr(flash_uf2.os, "fsync", restart)
    flash.flash("pico2", path, drive=folder, yes=True, say=lambda line: None)
    assert (folder / "firmware").read_bytes() == uf2()


# ---- asking ----


def test_nothing_is_written_without_a_yes(tmp_path, folder, monkeypatch):
    path = put(tmp_path, uf2())
    Drive(folder, 0)
    refused(
        "no terminal to ask on; --yes",
        flash.flash,
        "pico2",
        path,
        drive=folder,
        say=lambda line: None,
    )
    monkeypatch.setattr(flash.sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    for answer in ("", "n", "no", "yess"):
        monkeypatch.setattr("builtins.input", lambda text, answer=answer: answer)
        refused(
            "nothing was written", flash.flash, "pico2", path, drive=folder, say=lambda line: None
        )
    assert [file.name for file in folder.iterdir()] == ["INFO_UF2.TXT"]
    monkeypatch.setattr("builtins.input", lambda text: "y")
    with Drive(folder, len(uf2())) as drive:
        flash.flash("pico2", path, drive=folder, say=lambda line: None)
    assert drive.got == uf2()


def test_firmware_of_another_program_or_board_is_noted():
    assert flash.notes(PICO2, b"..MicroPython..RP2350..") == []
    assert "'RP2350' is not in the file" in flash.notes(PICO2, b"MicroPython RP2040")[0]
    assert "word MicroPython is not" in flash.notes(PICO2, b"CircuitPython RP2350")[0]


# ---- Intel HEX, Teensy ----


def make_hex(start, content):
    """By the intelhex package, which came from elsewhere and so judges our reader."""
    import io

    intelhex = pytest.importorskip("intelhex")
    made, out = intelhex.IntelHex(), io.StringIO()
    made.frombytes(content, offset=start)
    made.write_hex_file(out)
    return out.getvalue().encode()


def test_hex_gives_back_its_content():
    start, content = images.imxrt()
    assert flash_tool.check_hex("f", make_hex(start, content), TEENSY.flash) == content
    long = content.ljust(70_000, b"\x77")  # over the border of a segment
    assert (
        flash_tool.check_hex("f", make_hex(start, long).replace(b"\n", b"\r\n"), TEENSY.flash)
        == long
    )


def test_damaged_hex_is_refused_with_its_line():
    start, content = images.imxrt()
    good, check = make_hex(start, content), flash_tool.check_hex
    lines = good.splitlines()
    assert lines[2].endswith(b"E0"), lines[2]  # sixteen bytes of zeros at 0x0010
    wrong = b"\n".join([*lines[:2], lines[2][:-2] + b"E1", *lines[3:]])
    refused("f:3: checksum E1; expected E0", check, "f", wrong, TEENSY.flash)
    refused("without its last record", check, "f", b"\n".join(lines[:-1]), TEENSY.flash)
    refused(
        "is no record of Intel HEX",
        check,
        "f",
        b"\n".join([*lines[:5], lines[5][:20]]),
        TEENSY.flash,
    )
    refused("f:1: '<html>' is no record", check, "f", b"<html>\n", TEENSY.flash)
    refused("a second time", check, "f", b"\n".join([*lines[:3], *lines[2:]]), TEENSY.flash)
    refused("after the record that ends", check, "f", good + lines[1], TEENSY.flash)
    refused("type 9", check, "f", b":0000000" + b"9F7\n", TEENSY.flash)
    over = b":0400080000000000F4\n"  # four bytes in the middle of line 2's sixteen
    refused(
        "two records are for 0x60000008",
        check,
        "f",
        lines[0] + b"\n" + lines[1] + b"\n" + over + b"\n".join(lines[2:]),
        TEENSY.flash,
    )


def test_hex_for_another_chip_or_teensy_is_refused():
    start, content = images.imxrt()
    check = flash_tool.check_hex
    refused(
        "is for 0x08000000; expected 0x60000000 to 0x607c0000",
        check,
        "f",
        make_hex(0x08000000, content),
        TEENSY.flash,
    )
    refused("line 4 is for 0x607c0000", check, "f", make_hex(0x607BFFF8, bytes(16)), TEENSY.flash)
    refused("no flash configuration", check, "f", make_hex(start, bytes(4096)), TEENSY.flash)
    refused(
        "made for 2048 KiB of flash",
        check,
        "f",
        make_hex(*images.imxrt(flash_bytes=2 << 20)),
        TEENSY.flash,
    )


# ---- DfuSe ----


@pytest.fixture
def dfu(tmp_path):
    """A file by MicroPython's own tool."""

    def make(
        address=0x08008000, content=b"MicroPython PYBD-SF6W" + bytes(3003), device="0x0483:0xdf11"
    ):
        source, out = put(tmp_path, content, "text.bin"), tmp_path / "made.dfu"
        tool = paths.BUILD / "micropython" / "tools" / "dfu.py"
        subprocess.run(
            [sys.executable, tool, "-b", f"{address:#x}:{source}", "-D", device, out], check=True
        )
        return out.read_bytes()

    return make


@pytest.mark.toolchain("MicroPython source")
def test_dfu_by_micropythons_own_tool_is_taken(dfu):
    content = b"MicroPython PYBD-SF6W" + bytes(3003)
    assert flash_tool.check_dfu("f", dfu(), PYBD.flash) == content


@pytest.mark.toolchain("MicroPython source")
def test_wrong_or_damaged_dfu_is_refused(dfu):
    good, check = dfu(), flash_tool.check_dfu
    refused("no DFU suffix", check, "f", good[:-20], PYBD.flash)
    refused("no DFU suffix", check, "f", good[:20], PYBD.flash)
    refused("CRC is wrong", check, "f", good[:400] + b"x" + good[401:], PYBD.flash)
    refused("expected b'DfuSe'", check, "f", b"\x7fELF" + good, PYBD.flash)
    refused(
        "image 1 is for 0x08000000; expected 0x08008000",
        check,
        "f",
        dfu(address=0x08000000),
        PYBD.flash,
    )
    refused(
        "for USB device f055:9800; expected 0483:df11",
        check,
        "f",
        dfu(device="0xf055:0x9800"),
        PYBD.flash,
    )
    refused("image 1 is for 0x081fff00", check, "f", dfu(address=0x081FFF00), PYBD.flash)


@pytest.mark.toolchain("MicroPython source")
@pytest.mark.parametrize("at, value, words", [
    (6, 1 << 31, "bytes, 1 targets; expected"),
    (11 + 6 + 1 + 4 + 255, 1 << 31, "the target says"),
    (11 + 6 + 1 + 4 + 255 + 4, 2, "image 2 of 2 is missing"),
    (11 + 6 + 1 + 4 + 255 + 4, 0, "0 images"),
    (11 + 274 + 4, 0xFFFFFFFF, "image 1 says 4294967295 bytes"),
])  # fmt: skip
def test_a_dfu_whose_sizes_lie_is_refused(dfu, at, value, words):
    bad = bytearray(dfu())
    bad[at : at + 4] = struct.pack("<I", value)
    bad[-4:] = struct.pack(
        "<I", zlib.crc32(bad[:-4]) ^ 0xFFFFFFFF
    )  # so that only the size is wrong
    refused(words, flash_tool.check_dfu, "f", bytes(bad), PYBD.flash)


@pytest.mark.toolchain("MicroPython source")
def test_random_damage_raises_nothing_but_the_clear_error(dfu):
    rng, files = (
        random.Random(5),
        [(flash_uf2.check, uf2(), PICO2), (flash_tool.check_dfu, dfu(), PYBD)],
    )
    files.append((flash_tool.check_hex, make_hex(*images.imxrt()), TEENSY))
    for check, good, profile in files:
        for _ in range(300):
            bad = bytearray(good[: rng.choice([len(good), rng.randrange(1, len(good))])])
            for _ in range(rng.randrange(4)):
                bad[rng.choice([rng.randrange(min(600, len(bad))), rng.randrange(len(bad))])] = (
                    rng.randrange(256)
                )
            if check is flash_tool.check_dfu:  # so that the checksum does not hide the rest
                bad[-4:] = struct.pack("<I", zlib.crc32(bad[:-4]) ^ 0xFFFFFFFF)
            try:
                assert check("f", bytes(bad), profile.flash)
            except UpedalError as error:
                assert str(error).startswith("f:")


# ---- the tools of others ----


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """A program that notes its arguments, first in PATH."""

    def make(name, code=0):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        file = folder / name
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\nexit {code}\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return tmp_path / "arguments"

    return make


def test_teensys_loader_is_run_with_the_command_that_was_shown(tmp_path, tool):
    path, arguments, said = put(tmp_path, make_hex(*images.imxrt())), tool("teensy_loader_cli"), []
    flash.flash("teensy41", path, yes=True, say=said.append)
    assert arguments.read_text().split() == ["--mcu=TEENSY41", "-w", "-v", str(path)]
    assert f"what will be done: teensy_loader_cli --mcu=TEENSY41 -w -v {path}" in said
    assert any(
        "all files on the pedal" in line for line in said if line.startswith("what will be lost")
    )


@pytest.mark.toolchain("MicroPython source")
def test_dfu_util_is_run_with_the_command_that_was_shown(tmp_path, tool, dfu):
    path, arguments = put(tmp_path, dfu()), tool("dfu-util")
    flash.flash("pybd_sf6", path, yes=True, say=lambda line: None)
    assert arguments.read_text().split() == [
        "-a",
        "0",
        "-d",
        "0483:df11",
        "-D",
        str(path),
        "-s",
        ":leave",
    ]


def test_a_tool_that_fails_or_is_missing_says_how_to_go_on(tmp_path, tool, monkeypatch):
    path = put(tmp_path, make_hex(*images.imxrt()))
    tool("teensy_loader_cli", code=3)
    said = refused(
        "ended with code 3", flash.flash, "teensy41", path, yes=True, say=lambda line: None
    )
    assert f"upedal flash --board teensy41 {path}" in said and "press the button" in said
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = []
    refused(
        "teensy_loader_cli is not installed",
        flash.flash,
        "teensy41",
        path,
        yes=True,
        say=lines.append,
    )
    assert any(line.startswith("what will be done: teensy_loader_cli") for line in lines)


# ---- the command line ----


def test_the_command_line_flashes_and_fails_without_a_traceback(tmp_path, folder, capsys):
    path = put(tmp_path, uf2(), "pico.uf2")
    with Drive(folder, len(uf2())):
        assert (
            cli.main(["flash", "--board", "pico2", str(path), "--drive", str(folder), "--yes"])
            == 0
        )
    assert "what will be lost" in capsys.readouterr().out
    assert cli.main(["flash", "--board", "pico2"]) == 1
    assert "RPI_PICO2-DATE" in capsys.readouterr().err
