"""Firmware files as the download page has them, but small: made with the tools that make the real ones."""

import hashlib
import struct

VERSION = b"v1.26.1"
# MicroPython's partitions-4MiBplus.csv: type, subtype, offset, size, label
PARTITIONS = [
    (1, 2, 0x9000, 0x6000, b"nvs"),
    (1, 1, 0xF000, 0x1000, b"phy_init"),
    (0, 0, 0x10000, 0x1F0000, b"factory"),
]


def program(chip, segments, size_code=2):
    """An image for the chip by esptool's writer. segments: (address, bytes); size_code: 2 is 4 MiB of flash."""
    from esptool import bin_image

    cls = {"esp32s3": "ESP32S3", "esp32p4": "ESP32P4", "esp32c3": "ESP32C3"}[
        chip
    ] + "FirmwareImage"
    image = getattr(bin_image, cls)()
    image.flash_mode, image.flash_size_freq = 2, size_code << 4 | 0xF
    image.chip_id = image.ROM_LOADER.IMAGE_CHIP_ID
    image.entrypoint = segments[0][0]
    image.min_rev_full, image.max_rev_full = 0, 0xFFFF
    for address, data in segments:
        segment = bin_image.ImageSegment(address, data)
        segment.name = ""
        image.segments.append(segment)
    return image.save(None)


def table(entries=PARTITIONS):
    """A partition table with its MD5, as ESP-IDF's gen_esp32part.py writes it."""
    made = b""
    for kind, subtype, offset, size, label in entries:
        made += struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label, 0)
    made += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(made).digest()
    return made.ljust(0xC00, b"\xff")


def application(chip, padding=150_000):
    """A program with an application description, as ESP-IDF puts it first; the rest is noise, the same each time."""
    about = struct.pack("<II8s32s32s", 0xABCD5432, 0, b"", VERSION, b"micropython").ljust(
        256, b"\0"
    )
    drom = {"esp32s3": 0x3C000020, "esp32p4": 0x40000020, "esp32c3": 0x3C000020}[chip]
    noise = hashlib.shake_128(b"noise").digest(padding)
    machine = {"esp32s3": b"ESP32S3", "esp32p4": b"ESP32P4", "esp32c3": b"ESP32C3"}[chip]
    return program(
        chip,
        [(drom, about + b"MicroPython with " + machine + bytes(3)), (drom + 0x2000000, noise)],
    )


def esp(chip="esp32s3", entries=PARTITIONS, size_code=2, boot_chip=None):
    """The whole image, put together by esptool's merge: what is written at the bootloader's place."""
    import tempfile
    from pathlib import Path

    from esptool import cmds
    from esptool.targets import CHIP_DEFS

    at = CHIP_DEFS[chip].BOOTLOADER_FLASH_OFFSET
    ram = {"esp32s3": 0x3FCD0000, "esp32p4": 0x4FF30000, "esp32c3": 0x3FCD0000}[boot_chip or chip]
    boot = program(boot_chip or chip, [(ram, bytes(range(256)) * 24)], size_code)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "firmware.bin"
        parts = [(at, boot), (0x8000, table(entries)), (0x10000, application(chip))]
        cmds.merge_bin(parts, chip, str(out), target_offset=at)
        return out.read_bytes()


def uf2(content, family, start=0x10000000, first=()):
    """UF2 by the format's own page; first: blocks that come before."""
    count = len(content) // 256
    made = b"".join(first)
    for number in range(count):
        head = struct.pack(
            "<8I", 0x0A324655, 0x9E5D5157, 0x2000, start + 256 * number, 256, number, count, family
        )
        made += (head + content[256 * number :][:256]).ljust(508, b"\0") + struct.pack(
            "<I", 0x0AB16F30
        )
    return made


def e10_block():
    """The block that Raspberry Pi's tools put first for RP2350: it mends erratum E10, at the last page of flash."""
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x10FFFF00, 256, 0, 2, 0xE48BFF57)
    return (head + b"\xef" * 256).ljust(508, b"\0") + struct.pack("<I", 0x0AB16F30)


def imxrt(flash_bytes=0x800000, extra=b"MicroPython on Teensy 4.1 with MIMXRT1062DVJ6A"):
    """(start, bytes) of an i.MX RT program: flash configuration block first."""
    content = bytearray(0x3000)
    content[:4] = b"FCFB"
    content[0x50:0x54] = struct.pack("<I", flash_bytes)
    content[0x2000 : 0x2000 + len(extra)] = extra
    return 0x60000000, bytes(content)
