"""ESP32: real esptool against a stand-in for the chip's ROM on a TCP port; images made and judged by esptool."""

import random
import types

import pytest
from upedal import board, cli, flash, flash_esp_image
from upedal.errors import UpedalError

from tests.host import flash_images as images
from tests.host.flash_rom import CHANGE_BAUD, DEFL_BEGIN, ERASING, FLASH_DATA, MEM_BEGIN, Rom

S3 = board.load("esp32s3")


@pytest.fixture(scope="module")
def image():
    return images.esp()


@pytest.fixture
def path(image, tmp_path):
    file = tmp_path / "ESP32_GENERIC_S3-v1.26.1.bin"
    file.write_bytes(image)
    return file


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """esptool waits a second for each of seven tries to find a lost port again."""
    from esptool import cmds

    monkeypatch.setattr(cmds, "DEFAULT_CONNECT_ATTEMPTS", 2)
    monkeypatch.setattr(cmds.time, "sleep", lambda seconds: None)


def refused(words, call, *arguments, **named):
    with pytest.raises(UpedalError) as caught:
        call(*arguments, **named)
    assert words in str(caught.value), str(caught.value)
    return str(caught.value)


def quiet(line):
    pass


def untouched(rom):
    return not ERASING & set(rom.commands) and rom.flash == b"\x5a" * len(rom.flash)


# ---- the file ----


def test_a_whole_image_is_taken_and_esptool_finds_it_valid_too(image, path, capsys):
    from esptool import cmds

    found = flash_esp_image.check(path, image, "esp32s3")
    assert (found.at, found.needs) == (0, 4 << 20)
    assert found.told[0] == "micropython v1.26.1"
    for start in (0, 0x10000):
        cmds.image_info(image[start:], "esp32s3")
        said = capsys.readouterr().out
        assert "(valid)" in said and "invalid" not in said
    assert flash.notes(S3, image) == []


def test_the_p4s_image_goes_where_its_rom_looks():
    data = images.esp("esp32p4")
    found = flash_esp_image.check("f", data, "esp32p4")
    assert found.at == 0x2000 and found.needs == 4 << 20
    refused(
        "bootloader is for ESP32-P4; expected ESP32-S3",
        flash_esp_image.check,
        "f",
        data,
        "esp32s3",
    )


def check(data):
    return flash_esp_image.check("f", data, "esp32s3")


def test_an_image_for_another_chip_is_refused_by_name():
    refused("f: the bootloader is for ESP32-C3; expected ESP32-S3", check, images.esp("esp32c3"))
    data = bytearray(images.esp())
    data[12:14] = b"\x39\x05"
    refused("an unknown chip, number 1337", check, bytes(data))
    c3 = images.application("esp32c3")
    mixed = images.esp()[:0x10000] + c3
    refused("the application 'factory' is for ESP32-C3", check, mixed)


def test_a_cut_off_or_damaged_image_is_refused_wherever_it_ends(image):
    for size in [
        5,
        23,
        24,
        30,
        500,
        6000,
        0x7FFF,
        0x8001,
        0x8BFF,
        0xFFFF,
        0x10010,
        0x20000,
        len(image) - 40,
        len(image) - 1,
    ]:
        with pytest.raises(UpedalError) as caught:
            check(image[:size])
        assert str(caught.value).startswith("f: "), size
    refused("checksum is wrong", check, image[:0x1000] + b"\x01" + image[0x1001:])
    assert image[0x1000] != 1
    end = bytearray(image)
    end[-1] ^= 1
    refused("its SHA-256 is wrong", check, bytes(end))
    refused("byte 0x7f where the bootloader begins; expected 0xe9", check, b"\x7f" + image[1:])


def test_an_application_alone_is_refused():
    refused(
        "no partition table at 0x8000; expected the whole image",
        check,
        images.application("esp32s3"),
    )


def test_a_wrong_partition_table_is_refused(image):
    def with_table(table):
        return image[:0x8000] + table + image[0x8C00:]

    damaged = bytearray(images.table())
    damaged[4] ^= 0x10
    refused("MD5 is wrong", check, with_table(bytes(damaged)))
    refused(
        "damaged in entry 2",
        check,
        with_table(images.table()[:32] + b"x" * 32 + images.table()[64:]),
    )
    refused("no application", check, with_table(images.table(images.PARTITIONS[:2])))
    small = images.PARTITIONS[:2] + [(0, 0, 0x10000, 0x8000, b"factory")]
    refused("its partition holds 32768", check, with_table(images.table(small)))
    far = images.PARTITIONS + [(1, 0x81, 0x200000, 1 << 31, b"vfs")]
    refused("damaged in entry 4", check, with_table(images.table(far)))
    outside = images.PARTITIONS[:2] + [(0, 0, 0x1000000, 0x100000, b"factory")]
    refused("ends before the application 'factory'", check, with_table(images.table(outside)))


def test_random_damage_raises_nothing_but_the_clear_error(image):
    rng, refusals = random.Random(7), 0
    for _ in range(300):
        bad = bytearray(image[: rng.choice([len(image), rng.randrange(1, len(image))])])
        for _ in range(rng.randrange(4)):  # mostly where the structure is
            at = rng.choice(
                [
                    rng.randrange(32),
                    0x8000 + rng.randrange(160),
                    0x10000 + rng.randrange(40),
                    rng.randrange(len(bad)),
                ]
            )
            if at < len(bad):
                bad[at] = rng.randrange(256)
        try:
            check(bytes(bad))
        except UpedalError:
            refusals += 1
    assert refusals > 200


# ---- the board ----


def test_the_whole_image_arrives_through_esptool(path, image):
    said = []
    with Rom() as rom:
        flash.flash("esp32s3", path, port=rom.port, yes=True, say=said.append)
    assert rom.flash[: len(image)] == image and rom.faults == []
    assert (
        rom.flash[-(-len(image) // 4096) * 4096 :].count(0x5A)
        == len(rom.flash) - -(-len(image) // 4096) * 4096
    )
    assert "written and verified" in said[-1] and "8192 KiB of flash" in " ".join(said)
    assert MEM_BEGIN in rom.commands  # esptool's faster loader was tried; the ROM's own took over
    order = [rom.commands.index(op) for op in (0x14, 0x0D, 0x02, FLASH_DATA)]
    assert order == sorted(order)


def test_esptools_own_loader_is_used_where_the_chip_takes_it(path, image):
    with Rom(stub=True) as rom:
        flash.flash("esp32s3", path, port=rom.port, yes=True, say=quiet)
    assert rom.flash[: len(image)] == image and rom.faults == []
    assert CHANGE_BAUD in rom.commands and DEFL_BEGIN in rom.commands  # fast, and compressed
    assert FLASH_DATA not in rom.commands
    with Rom(stub=True, drop_after=5) as rom:
        refused(
            "The board is half written",
            flash.flash,
            "esp32s3",
            path,
            port=rom.port,
            yes=True,
            say=quiet,
        )


def test_erase_clears_all_of_the_flash_and_says_so(path, image):
    said = []
    with Rom(stub=True) as rom:
        flash.flash("esp32s3", path, port=rom.port, erase=True, yes=True, say=said.append)
    assert rom.flash[: len(image)] == image and rom.faults == []
    assert rom.flash[len(image) :].count(0xFF) == len(rom.flash) - len(image)
    lost = [line for line in said if line.startswith("what will be lost")]
    assert "everything in its flash" in lost[0] and "all files on the pedal" in lost[0]


def test_a_p4_is_written_at_its_own_place(tmp_path):
    """A profile of one's own: the product has none for a P4."""
    from upedal import paths

    text = (paths.BOARDS / "esp32s3.yaml").read_text()
    mine, data = tmp_path / "p4.yaml", images.esp("esp32p4")
    mine.write_text(text.replace("target: esp32s3", "target: esp32p4"))
    (tmp_path / "p4.bin").write_bytes(data)
    with Rom(chip=18, flash_bytes=16 << 20) as rom:
        flash.flash(mine, tmp_path / "p4.bin", port=rom.port, yes=True, stub=False, say=quiet)
    assert rom.flash[0x2000 : 0x2000 + len(data)] == data and rom.faults == []
    assert rom.flash[:0x2000] == b"\x5a" * 0x2000 and MEM_BEGIN not in rom.commands
    said = refused(
        "did not answer", flash.flash, mine, tmp_path / "p4.bin", port="/dev/no-such", say=quiet
    )
    assert f"--board {mine} " in said  # the command to repeat is the one that was given


def test_a_dry_run_looks_at_the_board_writes_nothing_and_lets_it_play_again(path, monkeypatch):
    from esptool import cmds

    said, resets = [], []
    monkeypatch.setattr(cmds, "reset_chip", lambda esp, how: resets.append(how))
    with Rom() as rom:
        flash.flash("esp32s3", path, port=rom.port, dry_run=True, say=said.append)
    assert untouched(rom) and said[-1] == "dry run: nothing was written"
    assert resets == ["hard-reset"]
    flash.flash("esp32s3", path, dry_run=True, say=said.append)
    assert any("the board was not looked at: no --port" in line for line in said)


def test_without_a_yes_nothing_is_erased(path, monkeypatch):
    monkeypatch.setattr(flash.sys, "stdin", types.SimpleNamespace(isatty=lambda: False))
    with Rom() as rom:
        refused("--yes", flash.flash, "esp32s3", path, port=rom.port, say=quiet)
    assert untouched(rom)
    refused("--port is missing", flash.flash, "esp32s3", path, yes=True, say=quiet)


def test_another_chip_is_refused_before_anything_is_erased(path):
    with Rom(chip=5) as rom:
        said = refused(
            "the chip is ESP32-C3; ESP32-S3 and the file are ESP32-S3",
            flash.flash,
            "esp32s3",
            path,
            port=rom.port,
            yes=True,
            say=quiet,
        )
    assert untouched(rom) and "Nothing was written" in said


def test_a_flash_that_is_too_small_is_refused_before_anything_is_erased(path, tmp_path):
    with Rom(flash_bytes=2 << 20) as rom:
        refused(
            "has 2048 KiB of flash; the file needs 4096 KiB",
            flash.flash,
            "esp32s3",
            path,
            port=rom.port,
            yes=True,
            say=quiet,
        )
    assert untouched(rom)
    large = tmp_path / "large.bin"  # a partition that ends at 8 MiB, whatever the header says
    large.write_bytes(
        images.esp(entries=images.PARTITIONS + [(1, 0x81, 0x200000, 0x600000, b"vfs")])
    )
    with Rom(flash_bytes=4 << 20) as rom:
        refused(
            "the file needs 8192 KiB",
            flash.flash,
            "esp32s3",
            large,
            port=rom.port,
            yes=True,
            say=quiet,
        )
    assert untouched(rom)


def test_a_bad_file_never_reaches_the_port(path, image):
    path.write_bytes(image[:-5])
    with Rom() as rom:
        refused("cut off", flash.flash, "esp32s3", path, port=rom.port, yes=True, say=quiet)
    assert rom.commands == []


def test_a_locked_chip_is_refused(path):
    with Rom(flags=1 << 2) as rom:
        refused("is locked", flash.flash, "esp32s3", path, port=rom.port, yes=True, say=quiet)
    assert untouched(rom)


def test_erasing_all_needs_esptools_loader(path):
    with Rom() as rom:
        refused(
            "leave --erase away",
            flash.flash,
            "esp32s3",
            path,
            port=rom.port,
            erase=True,
            yes=True,
            say=quiet,
        )
    assert untouched(rom)


def test_a_line_that_is_cut_says_how_to_go_on_and_going_on_works(path, image):
    with Rom(drop_after=60) as rom:
        said = refused(
            "The board is half written",
            flash.flash,
            "esp32s3",
            path,
            port=rom.port,
            yes=True,
            say=quiet,
        )
        assert rom.blocks == 60 and rom.flash[: len(image)] != image
        assert "Hold BOOT, press and release RESET" in said
        assert f"upedal flash --board esp32s3 --port {rom.port} {path}" in said
    with Rom() as rom:
        flash.flash("esp32s3", path, port=rom.port, yes=True, say=quiet)
    assert rom.flash[: len(image)] == image


def test_a_line_that_comes_back_is_used_again(path, image):
    with Rom(drop_after=60, back=True) as rom:
        flash.flash("esp32s3", path, port=rom.port, yes=True, say=quiet)
    assert rom.flash[: len(image)] == image and rom.faults == [] and rom.commands.count(0x02) == 2


def test_a_line_cut_before_anything_was_erased_says_so(path):
    with Rom(silent=True) as rom:
        said = refused(
            "did not answer", flash.flash, "esp32s3", path, port=rom.port, yes=True, say=quiet
        )
    assert "Nothing was written" in said and "hold BOOT" in said
    refused(
        "Nothing was written",
        flash.flash,
        "esp32s3",
        path,
        port="/dev/no-such-port",
        yes=True,
        say=quiet,
    )


def test_ctrl_c_in_the_middle_says_how_to_go_on(path, monkeypatch):
    def stop(line):
        if line == "writing: 30 %":
            raise KeyboardInterrupt

    with Rom() as rom:
        said = refused(
            "was left: stopped", flash.flash, "esp32s3", path, port=rom.port, yes=True, say=stop
        )
    assert "half written" in said and FLASH_DATA in rom.commands


def test_what_was_written_is_verified(path):
    """A byte that the flash does not keep is noticed."""

    class Worn(Rom):
        def _md5(self, op, data, check):
            self.flash[0x9000] ^= 0x80
            super()._md5(op, data, check)

    with Worn() as rom:
        refused(
            "MD5 of file does not match",
            flash.flash,
            "esp32s3",
            path,
            port=rom.port,
            yes=True,
            say=quiet,
        )


def test_the_command_line_flashes(path, image, capsys):
    with Rom() as rom:
        assert (
            cli.main(
                [
                    "flash",
                    "--board",
                    "esp32s3",
                    str(path),
                    "--port",
                    rom.port,
                    "--yes",
                    "--no-stub",
                ]
            )
            == 0
        )
    assert rom.flash[: len(image)] == image and MEM_BEGIN not in rom.commands
    out = capsys.readouterr().out
    assert "what will be lost: the firmware, stored settings" in out and "writing: 90 %" in out
