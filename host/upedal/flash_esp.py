"""ESP32 chips: esptool as a library. Chip, flash size and image are checked before anything is erased."""

from . import flash, flash_esp_image
from .errors import UpedalError

_ERASING = ("FLASH_BEGIN", "FLASH_DEFL_BEGIN", "ERASE_FLASH", "ERASE_REGION")
_SAVE = "copy them first with `mpremote cp -r : FOLDER`"


def job(profile, path, data, port, erase, baud, stub):
    """The Job for this board. Without a port only the file is checked, and running it is refused."""
    image = flash_esp_image.check(path, data, profile.flash.target)
    checked = [f"{path}: {line}" for line in image.told] + flash.notes(profile, data)
    loses = "the firmware, stored settings (NVS: Wi-Fi, Bluetooth)"
    if erase:
        does = "erase the whole flash, write, verify"
        loses = f"everything in its flash: the firmware, stored settings, all files on the pedal ({_SAVE})"
    else:
        does = "write over the old firmware, verify"
        loses += f"; files too where the old firmware divided the flash otherwise ({_SAVE})"
    does += f" {len(data)} bytes at {image.at:#x}"
    if port is None:
        checked.append(f"the board was not looked at: no --port. {_ports()}")
        missing = f"--port is missing, such as /dev/ttyACM0. {_ports()}"
        return flash.Job(checked, does, loses, None, missing)
    link = Link(profile, path, port, erase, baud, stub)
    try:
        checked += link.check(image)
    except BaseException:
        link.close()
        raise
    return flash.Job(
        checked, does, loses, lambda say: link.write(image.at, data, say), close=link.close
    )


def _ports():
    from serial.tools import list_ports

    found = [port.device for port in list_ports.comports()]
    return f"Serial ports here: {', '.join(found) or 'none'}"


class Link:
    """An ESP32 in its loader, behind a serial port."""

    def __init__(self, profile, path, port, erase, baud, stub):
        self.profile, self.port, self.erase = profile, port, erase
        self.baud, self.stub = baud, stub
        self.touched = False  # whether the flash may have changed
        options = ["--port", port] + ["--erase"] * erase + ["--no-stub"] * (not stub)
        self.again = flash.again(profile, path, *options)
        self.esp = self._guarded("did not answer", self._connect)

    def close(self):
        """A board that was only looked at goes back to playing."""
        import contextlib

        if self.esp is None:
            return
        from esptool import cmds

        with contextlib.suppress(RuntimeError, OSError):
            if not self.touched:
                cmds.reset_chip(self.esp, "hard-reset")
        with contextlib.suppress(OSError):
            self.esp._port.close()

    def _connect(self):
        from esptool import cmds
        from esptool.logger import log

        log.set_verbosity("silent")  # warnings and errors still show; what it tells, we tell
        self.esp = None
        return cmds.detect_chip(self.port)

    def check(self, image):
        """Lines on the board; UpedalError where it is another chip, locked, or too small. Erases nothing."""
        return self._guarded("could not be checked", self._check, image)

    def _check(self, image):
        from esptool.targets import CHIP_DEFS

        wanted = CHIP_DEFS[self.profile.flash.target].CHIP_NAME
        if wanted != self.esp.CHIP_NAME:
            self._refuse(
                f"is {self.esp.CHIP_NAME}; {self.profile.title} and the file are {wanted}"
            )
        if self.esp.secure_download_mode or self.esp.get_secure_boot_enabled():
            self._refuse(
                "is locked (secure boot or secure download); MicroPython cannot be put on it"
            )
        if self.esp.get_flash_encryption_enabled():
            self._refuse("encrypts its flash; stock MicroPython would not start on it")
        bytes_ = self._flash_size()
        if image.needs > bytes_:
            self._refuse(
                f"has {bytes_ >> 10} KiB of flash; the file needs {image.needs >> 10} KiB"
            )
        return [f"{self.port}: {self.esp.get_chip_description()}, {bytes_ >> 10} KiB of flash"]

    def _refuse(self, why):
        raise UpedalError(f"{self.port}: the chip {why}. Nothing was written")

    def _flash_size(self):
        from esptool import cmds
        from esptool.util import FatalError, flash_size_bytes

        if self.stub:
            try:
                self.esp = cmds.run_stub(self.esp)
            except FatalError:  # the ROM's own loader does the same, slower
                self.stub = False
        if self.erase and not self.stub:
            self._refuse(
                "did not take esptool's loader, and its own cannot erase all; leave --erase away"
            )
        if self.stub:
            self.esp.change_baud(self.baud)
        cmds.attach_flash(self.esp)
        size = cmds.detect_flash_size(self.esp)
        if size is None:
            self._refuse(
                "has a flash memory of unknown size; are the board's supply and wiring right?"
            )
        return flash_size_bytes(size)

    def write(self, at, data, say):
        """Erases, writes, verifies, restarts."""
        self._guarded("failed", self._write, at, data, say)
        # Over a socket there is no line to the chip's reset pin.
        then = "press its reset" if self.port.startswith("socket:") else "the board restarts"
        say(f"{self.port}: {len(data)} bytes written and verified; {then}")

    def _write(self, at, data, say):
        from esptool import cmds

        self._watch(say)
        cmds.write_flash(self.esp, [(at, data)], erase_all=self.erase, no_progress=True)
        cmds.reset_chip(self.esp, "hard-reset")

    def _watch(self, say):
        """Tells how far it is, and notes the first command that erases, so that a failure can say what state the
        board is in."""
        codes, command = self.esp.ESP_CMDS, self.esp.command
        erasing = {codes[name] for name in _ERASING}
        begins = (codes["FLASH_BEGIN"], codes["FLASH_DEFL_BEGIN"])
        sends = (codes["FLASH_DATA"], codes["FLASH_DEFL_DATA"])
        blocks = told = 0

        def watched(op=None, data=b"", *rest, **named):
            nonlocal blocks, told
            if op in erasing:
                say("erasing …")
                self.touched = True
            if op in begins:
                blocks, told = int.from_bytes(data[4:8], "little"), 0
            done = (
                int.from_bytes(data[4:8], "little") * 10 // blocks if op in sends and blocks else 0
            )
            if done > told:
                told = done
                say(f"writing: {done * 10} %")
            return command(op, data, *rest, **named)

        self.esp.command = watched

    def _guarded(self, what, call, *arguments):
        """esptool's and the port's errors, as one that says how to go on."""
        import struct

        try:
            return call(*arguments)
        except (RuntimeError, OSError, ValueError, IndexError, struct.error) as error:
            why = (str(error) or type(error).__name__).splitlines()[0]
            raise UpedalError(self._how_on(what, why)) from None
        except KeyboardInterrupt:
            if not self.touched:
                raise
            raise UpedalError(self._how_on("was left", "stopped")) from None

    def _how_on(self, what, why):
        enter = self.profile.flash.enter
        if not self.touched:
            return (
                f"{self.port}: the board {what}: {why}. Nothing was written. "
                f"To put it in its loader: {enter}; then: {self.again}"
            )
        return (
            f"{self.port}: flashing {what}: {why}. The board is half written and will not start, but its loader is in"
            f" ROM and safe. {enter[0].upper() + enter[1:]}, then run the same command again: {self.again}"
        )
