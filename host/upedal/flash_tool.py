"""Boards whose own tool writes them: Teensy (teensy_loader_cli, Intel HEX) and STM32 by DFU (dfu-util, DfuSe).

The file is checked here, the exact command is shown, and run where the tool is installed.
"""

import shlex
import shutil
import struct
import subprocess
import zlib

from . import flash
from .errors import UpedalError

_FCFB = b"FCFB"  # i.MX RT: flash configuration block at the start of flash; its size is at 0x50
TOOLS = {
    "teensy": (
        "teensy_loader_cli",
        "apt install teensy-loader-cli, or https://www.pjrc.com/teensy/loader_cli.html",
    ),
    "dfu": (
        "dfu-util",
        "apt install dfu-util, brew install dfu-util, or https://dfu-util.sourceforge.net",
    ),
}
_FILES = "copy them first with `mpremote cp -r : FOLDER`"
LOSES = {
    "teensy": f"everything in its flash: the loader erases the old firmware and all files on the pedal ({_FILES})",
    "dfu": f"the old firmware; files stay if the old one was MicroPython for this board, else they are lost ({_FILES})",
}


def job(profile, path, data):
    """The Job for this board; UpedalError where the file is not right for it."""
    how = profile.flash
    content = (check_hex if how.how == "teensy" else check_dfu)(path, data, how)
    checked = [
        f"{path}: {len(content)} bytes for {profile.title}; addresses and checksums are right"
    ]
    checked += flash.notes(profile, content)
    tool, source = TOOLS[how.how]
    command = words(how, path)
    checked.append(f"to get it into its loader: {how.enter}")
    missing = ""
    if not shutil.which(tool):
        missing = f"{tool} is not installed ({source}); with it, run this again: {flash.again(profile, path)}"
    does = shlex.join(command)
    return flash.Job(
        checked, does, LOSES[how.how], lambda say: run(profile, path, command, say), missing
    )


def words(how, path):
    """The command, as a list."""
    if how.how == "teensy":
        return ["teensy_loader_cli", f"--mcu={how.target}", "-w", "-v", str(path)]
    return ["dfu-util", "-a", "0", "-d", how.target, "-D", str(path), "-s", ":leave"]


def run(profile, path, command, say):
    """Runs the tool, its output to the terminal; UpedalError with how to go on where it fails."""
    tool = command[0]
    say(f"in its loader? If not: {profile.flash.enter}")
    code = subprocess.run(command, check=False).returncode
    if code:
        raise UpedalError(
            f"{tool} ended with code {code}; the board may be half written, but its loader is safe. "
            f"To go on: {profile.flash.enter}, then run the same command again: {flash.again(profile, path)}"
        )
    say(f"{path}: {tool} wrote it")


def _inside(path, what, address, size, how):
    if size > how.bytes or not how.start <= address <= how.start + how.bytes - size:
        end = how.start + how.bytes
        raise UpedalError(
            f"{path}: {what} is for {address:#010x}; expected {how.start:#010x} to {end:#010x}"
        )


# ---- Intel HEX ----


def check_hex(path, data, how):
    """The bytes of the file in order of address. Every record's checksum and address is checked, and that the file
    has its last record; the flash configuration says that it is for a flash of this size."""
    parts, base, ended = {}, 0, False
    for number, line in enumerate(data.split(b"\n"), 1):
        line = line.strip()
        if not line:
            continue
        if ended:
            raise UpedalError(
                f"{path}:{number}: something after the record that ends the file; expected nothing"
            )
        kind, address, payload = _record(path, number, line)
        if kind == 0:
            _inside(path, f"line {number}", base + address, len(payload), how)
            if base + address in parts:
                raise UpedalError(
                    f"{path}:{number}: {base + address:#010x} a second time; expected it once"
                )
            parts[base + address] = payload
        elif kind == 1:
            ended = True
        elif kind in (2, 4) and len(payload) == 2:
            base = int.from_bytes(payload, "big") << (4 if kind == 2 else 16)
        elif kind not in (3, 5):
            raise UpedalError(f"{path}:{number}: record of type {kind}; expected 0 to 5")
    if not ended or not parts:
        raise UpedalError(
            f"{path}: ends without its last record (:00000001FF); it is cut off: fetch it again"
        )
    ordered = sorted(parts)
    for first, second in zip(ordered, ordered[1:]):
        if second < first + len(parts[first]):
            raise UpedalError(f"{path}: two records are for {second:#010x}; expected one")
    _configuration(path, parts, how)
    return b"".join(parts[address] for address in ordered)


def _record(path, number, line):
    """(type, address, payload) of one line."""
    found = line[:24].decode("ascii", "replace")
    try:
        raw = bytes.fromhex(line[1:].decode("ascii")) if line[:1] == b":" else b""
    except ValueError:
        raw = b""
    if len(raw) < 5 or len(raw) != raw[0] + 5:
        raise UpedalError(
            f"{path}:{number}: {found!r} is no record of Intel HEX; expected such as :00000001FF"
        )
    if sum(raw) & 0xFF:
        right = (raw[-1] - sum(raw)) & 0xFF
        raise UpedalError(
            f"{path}:{number}: checksum {raw[-1]:02X}; expected {right:02X}: the file is damaged, fetch it again"
        )
    return raw[3], int.from_bytes(raw[1:3], "big"), raw[4:-1]


def _configuration(path, parts, how):
    """A Teensy 4.0's firmware has the same addresses as a 4.1's: the size of flash it says tells them apart."""
    head = bytearray(0x54)
    for address in range(how.start, how.start + len(head)):
        if address in parts:
            payload, at = parts[address][: how.start + 0x54 - address], address - how.start
            head[at : at + len(payload)] = payload
    (size,) = struct.unpack_from("<I", head, 0x50)
    if head[:4] != _FCFB:
        raise UpedalError(
            f"{path}: no flash configuration at {how.start:#x}; expected firmware for an i.MX RT, such as a Teensy 4.1"
        )
    if not how.bytes <= size <= 2 * how.bytes:
        raise UpedalError(
            f"{path}: made for {size >> 10} KiB of flash, as another Teensy has; "
            f"expected at least {how.bytes >> 10} KiB"
        )


# ---- DfuSe (ST's UM0391) ----


def check_dfu(path, data, how):
    """The bytes of the file's images. Sizes, addresses, vendor, product and the CRC of all are checked."""
    if data[:5] != b"DfuSe":
        raise UpedalError(f"{path}: begins {data[:5]!r}; expected b'DfuSe', a .dfu file")
    if len(data) < 11 + 16 or data[-8:-5] != b"UFD":
        raise UpedalError(f"{path}: no DFU suffix at its end; it is cut off: fetch it again")
    product, vendor = struct.unpack_from("<HH", data, len(data) - 14)
    (crc,) = struct.unpack_from("<I", data, len(data) - 4)
    if crc != zlib.crc32(data[:-4]) ^ 0xFFFFFFFF:
        raise UpedalError(f"{path}: its CRC is wrong; the file is damaged: fetch it again")
    device = f"{vendor:04x}:{product:04x}"
    if device != how.target:
        raise UpedalError(f"{path}: for USB device {device}; expected {how.target}")
    _, _, size, targets = struct.unpack_from("<5sBIB", data)
    if size != len(data) - 16 or targets != 1:
        raise UpedalError(
            f"{path}: says {size} bytes, {targets} targets; expected {len(data) - 16} and 1"
        )
    return b"".join(_elements(path, data[11:-16], how))


def _elements(path, target, how):
    """The images of the one target."""
    head = struct.Struct("<6sBI255s2I")
    if len(target) < head.size or target[:6] != b"Target":
        raise UpedalError(f"{path}: no target in it; expected one")
    *_, size, count = head.unpack_from(target)
    at = head.size
    if size != len(target) - at or not 1 <= count <= 16:
        raise UpedalError(
            f"{path}: the target says {size} bytes, {count} images; expected {len(target) - at} and 1 to 16"
        )
    for number in range(count):
        if len(target) - at < 8:
            raise UpedalError(f"{path}: image {number + 1} of {count} is missing")
        address, length = struct.unpack_from("<2I", target, at)
        if length > len(target) - at - 8:
            raise UpedalError(
                f"{path}: image {number + 1} says {length} bytes; {len(target) - at - 8} are left"
            )
        _inside(path, f"image {number + 1}", address, length, how)
        yield target[at + 8 : at + 8 + length]
        at += 8 + length
