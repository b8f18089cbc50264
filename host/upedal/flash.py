"""Stock MicroPython onto a board, the way that board takes it (`flash` in its profile).

    flash("esp32s3", "ESP32_GENERIC_S3-v1.26.1.bin", port="/dev/ttyACM0")

First everything is checked that can be: the file to its last byte, the board behind the port. Then what will
happen and what will be lost is said, then asked. Nothing is erased before that.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import board as boards
from .errors import UpedalError

ENDINGS = {"esptool": ".bin", "uf2": ".uf2", "teensy": ".hex", "dfu": ".dfu"}
LARGEST = 64 << 20  # bytes; no microcontroller's firmware comes near
TESTED = "1.26.1"  # the MicroPython that upedal is tested with


@dataclass
class Job:
    """A checked plan. `run(say)` carries it out; it raises UpedalError with how to go on.

    missing: what stands in the way of running it, "" where nothing does.
    """

    checked: list  # lines: what was found, and is right
    does: str
    loses: str
    run: object
    missing: str = ""
    close: object = field(default=lambda: None)


def flash(board, firmware=None, *, port=None, drive=None, erase=False, baud=460800, stub=True,
          dry_run=False, yes=False, say=print):  # fmt: skip
    """Writes the firmware file to the board of that profile.

    port: serial port of an ESP32, or socket://HOST:PORT. drive: folder where an RP2's drive is mounted (default:
    looked for). erase: all of an ESP32's flash first. baud: 115200 and up, once esptool's loader runs; stub=False:
    stay with the chip's own loader. dry_run: check and tell only. yes: do not ask. say: takes the lines.
    UpedalError names the file or the board, what was found and what was expected.
    """
    profile = boards.load(board)
    if profile.flash is None:
        raise UpedalError(_no_way(profile))
    if firmware is None:
        raise UpedalError(what_to_fetch(profile))
    profile = replace(
        profile, name=str(board)
    )  # as it was given: a file's path in commands to repeat
    _fitting(profile, port=port, drive=drive, erase=erase)
    data = read(firmware, profile)
    job = _job(profile, Path(firmware), data, port, drive, erase, baud, stub)
    try:
        for line in job.checked:
            say(line)
        say(f"what will be done: {job.does}")
        say(f"what will be lost: {job.loses}")
        if dry_run:
            say("dry run: nothing was written")
            return
        if job.missing:
            raise UpedalError(f"nothing was written: {job.missing}")
        if not yes:
            confirm()
        job.run(say)
    finally:
        job.close()


def _job(profile, path, data, port, drive, erase, baud, stub):
    how = profile.flash.how
    if how == "esptool":
        from . import flash_esp

        return flash_esp.job(profile, path, data, port, erase, baud, stub)
    if how == "uf2":
        from . import flash_uf2

        return flash_uf2.job(profile, path, data, drive)
    from . import flash_tool

    return flash_tool.job(profile, path, data)


def what_to_fetch(profile):
    """Which file this board wants, where it is, and the command then."""
    page = profile.flash.page
    return (
        f"no firmware file given. Fetch {page}-DATE-v{TESTED}{ENDINGS[profile.flash.how]} from "
        f"https://micropython.org/download/{page}/ (upedal is tested with MicroPython {TESTED}), then: "
        f"upedal flash --board {profile.name} FILE"
    )


def _no_way(profile):
    if profile.name.startswith("emu_"):
        return f"{profile.name} is emulated: `upedal firmware --emulator` builds its firmware"
    if profile.arch is None:
        return f"{profile.title}: there is no MicroPython for it; it is served by the C library"
    return f"{profile.title}: its profile has no `flash`; boards/README.md explains the key"


def _fitting(profile, **given):
    """Options that this board's way does not have are refused, not ignored."""
    ours = {"esptool": ("port", "erase"), "uf2": ("drive",)}.get(profile.flash.how, ())
    for name, value in given.items():
        if value and name not in ours:
            way = profile.flash.how
            has = ", ".join(f"--{key}" for key in ours) or "none of its own"
            raise UpedalError(f"--{name}: {profile.title} is flashed by {way}; its options: {has}")


def read(path, profile):
    """The file's bytes; refuses what cannot be firmware before its format is looked at."""
    path = Path(path)
    wanted = f"expected firmware for {profile.title}, {profile.flash.page}-*{ENDINGS[profile.flash.how]}"
    if path.is_dir():
        raise UpedalError(f"{path}: is a folder; {wanted}")
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UpedalError(f"{path}: {size} bytes, more than {LARGEST}; {wanted}")
        data = path.read_bytes()
    except OSError as error:
        raise UpedalError(f"{path}: {error.strerror}; {wanted}") from None
    if not data:
        raise UpedalError(f"{path}: empty; {wanted}")
    head = data[:512]
    if profile.flash.how != "teensy" and all(
        32 <= byte < 127 or byte in b"\t\r\n" for byte in head
    ):
        begins = head[:24].decode("ascii").strip().splitlines()
        raise UpedalError(
            f"{path}: text, beginning {begins[0] if begins else '(blank)'!r}; {wanted}"
        )
    return data


def notes(profile, content):
    """Lines on firmware that is sound, but may not be MicroPython, or not for this board."""
    if b"MicroPython" not in content:
        return ["note: the word MicroPython is not in the file; is it another program?"]
    if profile.machine and profile.machine.encode() not in content:
        return [
            f"note: {profile.machine!r} is not in the file; is it for another board of this chip?"
        ]
    return []


def confirm():
    """Asks; UpedalError where the answer is not yes, or where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UpedalError(
            "nothing was written: there is no terminal to ask on; --yes goes on without asking"
        )
    try:
        answer = input("Go on? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise UpedalError("nothing was written")


def again(profile, path, *options):
    """The command to run after a failure."""
    import shlex

    words = ["upedal", "flash", "--board", profile.name, *options, str(path)]
    return shlex.join(words)
