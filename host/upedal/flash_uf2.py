"""RP2 boards: a UF2 file copied to the drive that the boot ROM shows.

A UF2 file is blocks of 512 bytes, each with an address, its number, how many there are, and the family of chips it is
for (https://github.com/microsoft/uf2). The boot ROM restarts the board when it has every block, and only then.
"""

import os
import shutil
import struct
import sys
import time
from pathlib import Path

from . import flash
from .errors import UpedalError

BLOCK = 512
# magic, magic, flags, address, payload bytes, number, count, family; payload; magic
_HEAD = struct.Struct("<8I")
_MAGIC = (0x0A324655, 0x9E5D5157)
_END = 0x0AB16F30
_NOT_FLASH, _HAS_FAMILY = 0x1, 0x2000
ABSOLUTE = 0xE48BFF57  # an RP2350 file may begin with one such block, which mends a fault of the chip (RP2350-E10)
FAMILIES = {"rp2040": 0xE48BFF56, "rp2350-arm-s": 0xE48BFF59, "rp2350-riscv": 0xE48BFF5A}
_NAMES = {0xE48BFF56: "RP2040", 0xE48BFF59: "RP2350 (Arm)", 0xE48BFF5A: "RP2350 (RISC-V)"}
_NAMES |= {0xE48BFF58: "RP2 data", 0xE48BFF5B: "RP2350 (Arm, non-secure)"}
BOARD_IDS = {"rp2040": "RPI-RP2", "rp2350-arm-s": "RP2350", "rp2350-riscv": "RP2350"}
_PAGE = 256  # what the boot ROM writes at a time
_CHUNK = 1 << 16
RESTART_S = 20


def job(profile, path, data, drive):
    """The Job for this board; UpedalError where file or drive is not right."""
    target = profile.flash.target
    content = check(path, data, profile.flash)
    checked = [
        f"{path}: {len(data) // BLOCK} blocks, {len(content)} bytes for {_NAMES[FAMILIES[target]]}; none is missing"
    ]
    checked += flash.notes(profile, content)
    loses = (
        "the old firmware; files on the pedal stay if the old one was MicroPython for this board"
    )
    loses += ", else they are lost (copy them first with `mpremote cp -r : FOLDER`)"
    does = f"copy {path.name} to the board's drive; the board writes it to its flash and restarts"
    try:
        folder = find(profile, drive)
        room = shutil.disk_usage(folder).free
    except (UpedalError, OSError) as error:
        return flash.Job(checked, does, loses, None, str(error))
    if room < len(data):
        missing = f"{folder}: {room} bytes are free; the file has {len(data)}"
        return flash.Job(checked, does, loses, None, missing)
    checked.append(f"{folder}: the drive of {BOARD_IDS[target]}, {room} bytes free")
    return flash.Job(checked, does, loses, lambda say: copy(profile, path, data, folder, say))


# ---- the file ----


def check(path, data, how):
    """The firmware's bytes in order of address; every block is checked. how: the profile's `flash`."""
    if data[:4] != struct.pack("<I", _MAGIC[0]):
        raise UpedalError(f"{path}: begins {data[:4].hex()}; expected a UF2 file (5546320 …)")
    if len(data) % BLOCK:
        raise UpedalError(
            f"{path}: {len(data)} bytes, no multiple of {BLOCK}; it is cut off: fetch it again"
        )
    family, parts, count = FAMILIES[how.target], {}, None
    for at in range(0, len(data), BLOCK):
        block = _block(path, data[at : at + BLOCK], at // BLOCK)
        if block is None:
            continue
        number, total, found, address, payload = block
        _same_family(path, at // BLOCK, found, family)
        if count not in (None, total) or not 0 <= number < total or number in parts:
            raise UpedalError(
                f"{path}: block {at // BLOCK} calls itself {number} of {total}; expected each of {count or total} once"
            )
        if address < how.start or address - how.start > how.bytes - len(payload):
            end = how.start + how.bytes
            raise UpedalError(
                f"{path}: block {at // BLOCK} is for {address:#010x}; expected {how.start:#010x} to {end:#010x}"
            )
        count, parts[number] = total, (address, payload)
    if not parts or len(parts) != count:
        raise UpedalError(
            f"{path}: {len(parts)} of {count or 'no'} blocks; the rest is missing: fetch it again"
        )
    return _joined(path, sorted(parts.values()))


def _block(path, block, index):
    """(number, count, family, address, payload), or None for a block that is not for the program's flash."""
    *magic, flags, address, size, number, count, family = _HEAD.unpack_from(block)
    (end,) = struct.unpack_from("<I", block, BLOCK - 4)
    if tuple(magic) != _MAGIC or end != _END:
        raise UpedalError(
            f"{path}: block {index} is not a UF2 block; the file is damaged: fetch it again"
        )
    if flags & _NOT_FLASH or (index == 0 and family == ABSOLUTE):
        return None
    if not flags & _HAS_FAMILY:
        raise UpedalError(
            f"{path}: block {index} names no family of chips; expected a file for RP2 boards"
        )
    if size != _PAGE or address % _PAGE:
        raise UpedalError(
            f"{path}: block {index}: {size} bytes for {address:#x}; expected {_PAGE} at a multiple of it"
        )
    return number, count, family, address, block[_HEAD.size : _HEAD.size + size]


def _same_family(path, index, found, wanted):
    if found != wanted:
        name = _NAMES.get(found, "another kind of chip")
        raise UpedalError(
            f"{path}: block {index} is for {name} (family {found:#x}); expected {_NAMES[wanted]} ({wanted:#x})"
        )


def _joined(path, parts):
    for (first, payload), (second, _) in zip(parts, parts[1:]):
        if second < first + len(payload):
            raise UpedalError(f"{path}: two blocks are for {second:#x}; expected one")
    return b"".join(payload for _, payload in parts)


# ---- the drive ----


def find(profile, drive=None):
    """The folder of the board's drive: told by INFO_UF2.TXT, and of the right chip."""
    wanted = BOARD_IDS[profile.flash.target]
    folders = [Path(drive)] if drive else _mounted()
    seen = {folder: board_id(folder) for folder in folders}
    right = [folder for folder, found in seen.items() if found == wanted]
    if len(right) == 1:
        return right[0]
    others = ", ".join(
        f"{folder} is {found}" for folder, found in seen.items() if found and found != wanted
    )
    if right:
        found = f"two boards: {', '.join(map(str, right))}; choose one with --drive"
    elif drive:
        found = f"{drive}: {others or 'no INFO_UF2.TXT in it'}; expected the drive of a {wanted}"
    else:
        found = f"no drive of a {wanted} was found" + (f" ({others})" if others else "")
        found += "; is it mounted? --drive FOLDER names it"
    raise UpedalError(f"{found}. To get the drive: {profile.flash.enter}")


def board_id(folder):
    """Board-ID of INFO_UF2.TXT there, or None."""
    try:
        text = (folder / "INFO_UF2.TXT").read_bytes()[:4096].decode("ascii", "replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() == "board-id":
            return value.strip()
    return None


def _mounted():
    """Folders where this system mounts drives."""
    if sys.platform == "win32":
        return [Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
    places = ("/media/*/*", "/run/media/*/*", "/media/*", "/Volumes/*", "/mnt/*", "/mnt")
    return [folder for place in places for folder in Path("/").glob(place[1:])]


def copy(profile, path, data, folder, say):
    """Writes the file to the drive, and waits for the drive to go: the board restarts when it has every block."""
    target, sent = folder / path.name, 0
    try:
        with open(target, "wb", buffering=0) as file:
            while sent < len(data):
                chunk = data[sent : sent + _CHUNK]
                if file.write(chunk) != len(chunk):
                    raise OSError(None, "the drive is full")
                # Counted before it is known to be there: at the last one the board may go while the system waits.
                sent += len(chunk)
                os.fsync(file.fileno())
    except OSError as error:
        if sent < len(data) or not _gone(folder, profile, RESTART_S):
            why = f"{target}: {error.strerror or error} after {sent} of {len(data)} bytes"
            raise UpedalError(_how_on(profile, path, why)) from None
    if not _gone(folder, profile, RESTART_S):
        why = f"{folder}: the board has the file, but did not restart within {RESTART_S} s"
        raise UpedalError(_how_on(profile, path, why))
    say(
        f"{folder}: {len(data)} bytes copied; the drive is gone, as it is when the board has taken every block"
    )


def _gone(folder, profile, seconds):
    end = time.monotonic() + seconds
    while board_id(folder) == BOARD_IDS[profile.flash.target]:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _how_on(profile, path, why):
    return (
        f"{why}. The firmware may be half written; the boot ROM is safe. To go on: {profile.flash.enter}, "
        f"then run the same command again: {flash.again(profile, path)}"
    )
