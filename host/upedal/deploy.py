"""Puts a rig on a pedal: over mpremote's own transport, only what changed, whole or not at all.

New files are written beside the old ones as PATH.new and verified by hash on the device; then the
index `/upedal.new` appears, and device/settle.py puts all into place. A cut before the index is whole
leaves the old rig; after it, the new one, at the next power-on or deployment.

On FAT, which has no atomic replacement, one gap stays: power lost while /main.py itself is replaced
(it differs only between versions of upedal) may leave none that runs, until the next deployment.
"""

import contextlib
import hashlib
import io
import json
import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from upedal import paths
from upedal.errors import BoardError, UpedalError

CHUNK = 4096  # bytes a round trip; mpremote's own 256 takes more than twice as long
TIMEOUT_S = 30  # for one answer
ANSWER_S = 10  # for the first sign of life
TRIES = 3  # a Ctrl-C that comes while a board starts is lost
MPY = (6, 3)  # version and native version of .mpy files: MicroPython 1.23 and later
# sys.implementation._mpy's number for the native architecture, py/persistentcode.h
ARCHS = (
    None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
)  # fmt: skip

# A deployment that was cut off before the switch: its files are of no use to the next one.
_SWEEP = """
import json, os
def sweep():
    try:
        with open("/upedal.tmp") as file:
            left = json.load(file)["sent"]
    except (OSError, ValueError, KeyError):
        return
    for path in [name + ".new" for name in left] + ["/upedal.tmp"]:
        try:
            os.remove(path)
        except OSError:
            pass
sweep()
"""

# Whether the file system is FAT, which does not tell names by case; LittleFS does.
_IS_FAT = """
import os
def is_fat():
    open("/upedal.tst", "w").close()
    try:
        os.stat("/UPEDAL.TST")
        print(1)
    except OSError:
        print(0)
    os.remove("/upedal.tst")
is_fat()
"""

_ASK = """
import json, os, sys
def ask():
    own = sys.implementation
    found = {"name": own.name, "version": list(own.version)[:3], "mpy": getattr(own, "_mpy", 0)}
    found["machine"] = getattr(own, "_machine", "")
    disk = os.statvfs("/")
    found["free"], found["cluster"] = disk[1] * disk[3], disk[1]
    path = sys.path[:]
    sys.path.clear()
    found["built_in"] = []
    for name in ("pedal_nn", "pedal_fx"):
        try:
            __import__(name)
            found["built_in"].append(name)
        except ImportError:
            pass
    sys.path.extend(path)
    found["files"], found["sizes"] = {}, {}
    try:
        with open("/upedal.json") as file:
            found["files"] = json.load(file)["files"]
    except (OSError, ValueError, KeyError):
        pass
    for name in found["files"]:
        try:
            found["sizes"][name] = os.stat(name)[6]
        except OSError:
            pass
    print(json.dumps(found))
ask()
"""

_HASH = """
import binascii, hashlib
def digest():
    found = hashlib.sha256()
    with open({path!r}, "rb") as file:
        part = file.read(1024)
        while part:
            found.update(part)
            part = file.read(1024)
    print(binascii.hexlify(found.digest()).decode())
digest()
"""


@dataclass
class Report:
    """What a deployment did. bytes: sent; arch: of native code; board: the profile's name or None."""

    port: str
    machine: str
    version: str
    arch: str | None
    board: str | None
    sent: list = field(default_factory=list)
    unchanged: list = field(default_factory=list)
    removed: list = field(default_factory=list)
    bytes: int = 0
    seconds: float = 0.0

    def __str__(self):
        board = self.board or "no profile: defaults"
        lines = [
            f"{self.machine} ({board}), MicroPython {self.version}, {self.arch or 'bytecode'}"
        ]
        lines += [f"  sent       {path}" for path in self.sent]
        lines += [f"  removed    {path}" for path in self.removed]
        lines += [f"{len(self.sent)} sent ({self.bytes} bytes), {len(self.unchanged)} unchanged"]
        return "\n".join(lines) + f", {self.seconds:.1f} s"


def deploy(rig_path, port=None, *, emulator=None, board=None, model_dir=None, progress=True):
    """Put the rig, its models, the pedal package and the native modules on a device. -> Report

    port: such as /dev/ttyACM0, or socket://HOST:PORT; emulator: a running upedal.emulator.Emulator
    instead; board: a profile's name, where the device does not tell which it is; model_dir: where
    models are looked for first.
    """
    from upedal.payload import collect

    start = time.monotonic()
    port = emulator.port if emulator else port
    if not port:
        raise UpedalError("deploy: no port given; expected one such as /dev/ttyACM0")
    with Device(port) as device:
        device.settle()
        device.run(_SWEEP)
        facts = device.ask()
        arch = _check_version(port, facts)
        profile = _profile(board or (emulator and emulator.name), facts["machine"])
        native = [name for name in ("pedal_nn", "pedal_fx") if name not in facts["built_in"]]
        files = collect(rig_path, arch=arch, board=profile, native=native, model_dir=model_dir)
        version = ".".join(str(part) for part in facts["version"])
        report = Report(port, facts["machine"], version, arch, profile.name if profile else None)
        _send(device, files, facts, report, progress)
    report.seconds = time.monotonic() - start
    return report


def _check_version(port, facts):
    """The architecture of the device's native code; refuses a MicroPython that is too old."""
    if facts["name"] != "micropython":
        raise UpedalError(f"{port}: runs {facts['name']}; expected MicroPython 1.23 or later")
    mpy = facts["mpy"]
    found = (mpy & 0xFF, mpy >> 8 & 3)
    if found != MPY:
        version = ".".join(str(part) for part in facts["version"])
        raise UpedalError(
            f"{port}: MicroPython {version} takes .mpy files of version {found[0]}.{found[1]}; "
            f"expected {MPY[0]}.{MPY[1]}, as MicroPython 1.23 and later have"
        )
    arch = mpy >> 10 & 0x0F
    return ARCHS[arch] if arch < len(ARCHS) else f"architecture {arch}"


def _profile(name, machine):
    from upedal import board

    name = name or board.recognise(machine)
    return board.load(name) if name else None


def _send(device, files, facts, report, progress):
    """Write what differs from the device's index, and switch over."""
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    for path in sorted(files):
        same = facts["files"].get(path) == hashes[path]
        kept = same and facts["sizes"].get(path) == len(files[path])
        (report.unchanged if kept else report.sent).append(path)
    report.removed = sorted(path for path in facts["sizes"] if path not in files)
    if not report.sent and not report.removed:
        return
    # What ends a cut deployment goes first: from then on, power-on does that before all else.
    report.sent.sort(key=lambda path: (path != "/settle.py", path != "/main.py", path))
    copy = device.is_fat()
    index = {"files": hashes, "sent": report.sent, "gone": report.removed, "copy": copy}
    index = json.dumps(index).encode()
    report.bytes = sum(len(files[path]) for path in report.sent)
    _check_room(report, files, facts, len(index), copy)
    device.write("/upedal.tmp", index)  # what is under way, for the next deployment's sweep
    with _progress(progress, report.bytes) as advance:
        device.make_folders(report.sent)
        for path in report.sent:
            device.write(path + ".new", files[path], advance)
    if copy:
        device.write("/upedal.new", index)  # the switch: no part of JSON's {...} is JSON
    else:
        device.run("import os\nos.rename('/upedal.tmp', '/upedal.new')")  # the switch
    device.settle()


def _check_room(report, files, facts, index, copy=False):
    cluster = facts["cluster"]
    sizes = [len(files[path]) for path in report.sent] + [index]
    if copy:  # the copies take what they are longer than what they replace, and two more indexes
        grown = [len(files[path]) - facts["sizes"].get(path, 0) for path in report.sent]
        sizes += [max(0, size) for size in grown] + [index, index]
    need = sum(-(-size // cluster) * cluster for size in sizes)
    if need > facts["free"]:
        raise UpedalError(
            f"{report.port}: full: {facts['free']} bytes free; expected {need} "
            f"for {len(report.sent)} files beside those they replace"
        )


@contextlib.contextmanager
def _progress(show, total):
    """A bar on stderr; yields the function to tell it of bytes sent."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("deploy"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show) as bar:
        task = bar.add_task("deploy", total=total)
        yield lambda count: bar.advance(task, count)


class Device:
    """A MicroPython device at a serial port, in its raw REPL; leaves it at the prompt."""

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        from mpremote.transport_serial import SerialTransport

        with self._errors("does not open"), _quiet():
            self._transport = SerialTransport(self.port, timeout=TIMEOUT_S)
        try:
            with self._errors("does not answer"), _quiet():
                self._interrupt()
        except BaseException:
            self._transport.serial.close()
            raise
        return self

    def _interrupt(self):
        """End what runs, and start the raw REPL anew."""
        from mpremote.transport import TransportError

        for last in range(1 - TRIES, 1):
            try:
                return self._transport.enter_raw_repl(soft_reset=True, timeout_overall=ANSWER_S)
            except TransportError:
                if not last:
                    raise

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self._transport.exit_raw_repl()
        with contextlib.suppress(Exception):
            self._transport.close()

    @contextlib.contextmanager
    def _errors(self, what):
        """Whatever mpremote and the port may raise, as one kind of error."""
        import struct

        from mpremote.transport import TransportError, TransportExecError

        try:
            yield
        except TransportExecError as error:
            lines = error.error_output.strip().splitlines() or ["no reason given"]
            raise BoardError(f"{self.port}: {lines[-1]}", error.error_output) from None
        except (TransportError, OSError, ValueError, struct.error) as error:
            hint = "; there are " + (", ".join(_ports()) or "no ports") if "open" in what else ""
            raise BoardError(f"{self.port}: {what} ({error}){hint}") from None

    def run(self, source):
        """Run Python text; what it printed."""
        with self._errors("stopped answering"):
            return self._transport.exec(source).decode()

    def settle(self):
        """End an earlier deployment that was cut off, or this one."""
        self.run((paths.DEVICE / "settle.py").read_text())

    def ask(self):
        """What the device is, has and holds; see _ASK."""
        return json.loads(self.run(_ASK))

    def is_fat(self):
        """Whether the root is a FAT, where a rename is no safe way to replace a file."""
        return self.run(_IS_FAT).strip() == "1"

    def make_folders(self, files):
        folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} - {"/"}
        lines = ["import os"]
        for folder in sorted(folders):
            lines += ["try:", f"    os.mkdir({folder!r})", "except OSError:", "    pass"]
        self.run("\n".join(lines))

    def write(self, path, data, advance=lambda count: None):
        """Write a file and compare its hash, computed there from what it reads back."""
        for at in range(0, len(data) or 1, CHUNK):
            part = data[at : at + CHUNK]
            mode = "ab" if at else "wb"
            self.run(f"with open({path!r}, {mode!r}) as file:\n    file.write({part!r})")
            advance(len(part))
        found = self.run(_HASH.format(path=path)).strip()
        expected = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise BoardError(
                f"{self.port}: {path} arrived with hash {found[:16]}; expected {expected[:16]}"
            )


def _quiet():
    """mpremote prints what it was surprised by; the error says it."""
    return contextlib.redirect_stdout(io.StringIO())


def _ports():
    from serial.tools.list_ports import comports

    return [port.device for port in comports()]
