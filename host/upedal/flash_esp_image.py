"""An ESP32 firmware image as MicroPython's download page has it, checked to its last byte.

It starts with the second-stage bootloader and holds the partition table (at 0x8000 of the flash) and the application;
it is written where the chip's ROM looks for the bootloader. Programs, checksums: esptool's own reader.
"""

import hashlib
import struct
from dataclasses import dataclass

from .errors import UpedalError
from .flash import LARGEST

_TABLE_AT = 0x8000
_TABLE_BYTES = 0xC00
_ENTRY = struct.Struct("<2sBBII16sI")  # magic, type, subtype, offset, size, label, flags
_APP = 0


@dataclass
class Image:
    """at: address in flash; needs: bytes of flash; told: lines on what it is."""

    at: int
    needs: int
    told: list


def check(path, data, chip):
    """The Image, checked to its last byte: chip, checksums, partition table. chip: as esptool spells it."""
    from esptool.targets import CHIP_DEFS

    at = CHIP_DEFS[chip].BOOTLOADER_FLASH_OFFSET
    _program(path, data, 0, chip, "the bootloader")
    table = data[_TABLE_AT - at : _TABLE_AT - at + _TABLE_BYTES]
    if table[:2] != b"\xaa\x50":
        raise UpedalError(
            f"{path}: no partition table at {_TABLE_AT - at:#x}; expected the whole image (bootloader, partition"
            f" table and application), such as firmware.bin of a build, not an application alone"
        )
    parts = _partitions(path, table)
    apps = [part for part in parts if part[0] == _APP]
    if not apps:
        raise UpedalError(f"{path}: the partition table has no application; expected one")
    begin, size, label = apps[0][1:]
    used = _program(path, data, begin - at, chip, f"the application {label!r}")
    if used > size:
        raise UpedalError(f"{path}: the application has {used} bytes; its partition holds {size}")
    needs = max([at + len(data), _flash_bytes(path, data), *(part[1] + part[2] for part in parts)])
    told = [
        f"{len(data)} bytes for {CHIP_DEFS[chip].CHIP_NAME}, needs {needs >> 10} KiB of flash; checksums are right"
    ]
    return Image(at, needs, _version(data[begin - at + 32 :]) + told)


def _program(path, data, at, chip, what):
    """Bytes of the program at this place of the file, after its checks."""
    from esptool.bin_image import LoadFirmwareImage
    from esptool.targets import CHIP_DEFS, ROM_LIST
    from esptool.util import FatalError

    name = CHIP_DEFS[chip].CHIP_NAME
    head = data[at : at + 24]
    if len(head) < 24 or at < 0:
        raise UpedalError(
            f"{path}: ends before {what} at {at:#x}; expected the whole image for {name}"
        )
    if head[0] != 0xE9:
        raise UpedalError(
            f"{path}: byte {head[0]:#04x} where {what} begins; expected 0xe9, an image for {name}"
        )
    number = int.from_bytes(head[12:14], "little")
    if number != CHIP_DEFS[chip].IMAGE_CHIP_ID:
        other = [rom.CHIP_NAME for rom in ROM_LIST if rom.IMAGE_CHIP_ID == number]
        found = other[0] if other else f"an unknown chip, number {number}"
        raise UpedalError(f"{path}: {what} is for {found}; expected {name}")
    try:
        image = LoadFirmwareImage(chip, data[at:])
    except (RuntimeError, struct.error, TypeError, IndexError, ValueError) as error:
        why = str(error) if isinstance(error, FatalError) else "no sound header"
        raise UpedalError(
            f"{path}: {what} is cut off or damaged ({why}); fetch the file again"
        ) from None
    if image.checksum != image.calculate_checksum():
        raise UpedalError(
            f"{path}: {what} is damaged: its checksum is wrong; fetch the file again"
        )
    if image.append_digest and image.stored_digest != image.calc_digest:
        raise UpedalError(
            f"{path}: {what} is damaged or cut off: its SHA-256 is wrong; fetch the file again"
        )
    return image.data_length or len(data) - at


def _partitions(path, table):
    """[(type, offset, size, label)] of the table; its MD5 and bounds are checked."""
    found = []
    for start in range(0, len(table), _ENTRY.size):
        entry = table[start : start + _ENTRY.size]
        if len(entry) < _ENTRY.size:
            break
        if entry[:2] == b"\xeb\xeb":
            if entry[16:] != hashlib.md5(table[:start]).digest():
                raise UpedalError(
                    f"{path}: the partition table is damaged: its MD5 is wrong; fetch the file again"
                )
            return found
        if entry == b"\xff" * _ENTRY.size:
            return found
        magic, kind, _, offset, size, label, _ = _ENTRY.unpack(entry)
        if magic != b"\xaa\x50" or size > LARGEST or offset > LARGEST:
            break
        found.append((kind, offset, size, label.rstrip(b"\0").decode("ascii", "replace")))
    raise UpedalError(
        f"{path}: the partition table is damaged in entry {len(found) + 1}; fetch the file again"
    )


def _flash_bytes(path, data):
    """The flash size that the bootloader's header demands."""
    code = data[3] >> 4
    if code > 7:
        raise UpedalError(
            f"{path}: flash size code {code} in the bootloader's header; expected 0 to 7"
        )
    return 1 << (20 + code)


def _version(description):
    magic, _, _, version, name = struct.unpack_from("<II8s32s32s", description + bytes(80))
    if magic != 0xABCD5432:
        return []
    words = [text.split(b"\0")[0].decode("ascii", "replace") for text in (name, version)]
    return [" ".join(words)]
