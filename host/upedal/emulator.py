"""An emulated board as a serial port: QEMU running real MicroPython firmware.

    with Emulator("emu_m7", card={"lib/x.mpy": data}) as board:
        print(board.run("import x; x.go()"))
        files = board.read_card()

The port is for the real mpremote. Time on the board is virtual: with `icount` one instruction is 64 ns, so
the board's clock counts instructions, the same ones on every run.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from . import card as card_image
from .errors import BoardError, UpedalError
from .paths import BUILD
from .relay import Relay

ICOUNT_SHIFT = 6  # as in device/firmware/common/upedal_board.h
START_S = 20  # a board boots in well under a second; this is for a busy machine
TRIES = 3  # of mpremote: a Ctrl-C that comes while the board starts is lost
REPAIR = "run `make setup` in upedal's source folder"


@dataclass(frozen=True)
class Board:
    """One emulated board: what QEMU is told, and what runs on it."""

    core: str
    arch: str  # of its native modules
    qemu: str
    machine: tuple
    card_address: int
    clock: str  # what counts the instructions
    card_bytes: int = card_image.SIZE


_ARM = "qemu-system-arm"
_CMSDK = "CMSDK timer, 25 MHz"
BOARDS = {
    "emu_m0": Board(
        "Cortex-M0",
        "armv6m",
        _ARM,
        ("microbit", "-global", "nrf51-soc.flash-size=1048576")
        + ("-global", "nrf51-soc.sram-size=25165824"),
        0x20800000,
        "nRF51 TIMER0, 16 MHz",
    ),
    "emu_m3": Board("Cortex-M3", "armv7m", _ARM, ("mps2-an385",), 0x21000000, _CMSDK),
    "emu_m4": Board("Cortex-M4F", "armv7emsp", _ARM, ("mps2-an386",), 0x21000000, _CMSDK),
    "emu_m7": Board("Cortex-M7F", "armv7emdp", _ARM, ("mps2-an500",), 0x60000000, _CMSDK),
    "emu_m33": Board(
        "Cortex-M33F", "armv7emsp", _ARM, ("mps2-an505",), 0x80000000, "CMSDK timer, 20 MHz"
    ),
    "emu_m55": Board(
        "Cortex-M55", "armv7emdp", _ARM, ("mps3-an547",), 0x70000000, "SSE counter, 32 MHz"
    ),
    "emu_rv32": Board(
        "RV32IMAC",
        "rv32imc",
        "qemu-system-riscv32",
        ("virt", "-bios", "none"),
        0x82000000,
        "minstret",
    ),
}


def firmware(board, user_module=False):
    """Path of a board's firmware, whether it is there or not."""
    return BUILD / "firmware" / (board + ("-user" if user_module else "")) / "firmware.elf"


class Emulator:
    """A running emulated board; leaving the `with` block ends it.

    card: {path: bytes} preloaded onto its memory card, at once, where a serial port is slow; or the
    card's whole image, as read_image() gives it.
    user_module: the firmware with pedal_nn and pedal_fx compiled in (built for emu_m7 and emu_m55).
    icount: count instructions; without it the board runs faster and its clock means nothing.
    plugin: a QEMU TCG plugin, "PATH[,NAME=VALUE...]", for QEMU's -plugin.
    """

    def __init__(self, board, *, card=None, user_module=False, icount=True, plugin=None):
        if board not in BOARDS:
            raise UpedalError(f"no emulated board '{board}'; there are {', '.join(BOARDS)}")
        self.name = board
        self.board = BOARDS[board]
        self._folder = self._relay = self._qmp = self._process = None
        qemu, elf = _needs(self.board, firmware(board, user_module))
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="upedal-")
            self._log = Path(self._folder.name) / "qemu.log"
            self._start(self._command(qemu, elf, card, icount, plugin))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def port(self):
        """What mpremote's `connect` takes: "socket://127.0.0.1:PORT", a free port for each board."""
        self._check_open()
        return self._relay.port

    @property
    def pid(self):
        """QEMU's process."""
        self._check_open()
        return self._process.pid

    def mpremote(self, *args, timeout_s=120):
        """Run the real mpremote on this board with `args`; -> what it printed, lines ending in \\n.

        BoardError, with `.output`, where mpremote or the board failed or took longer.
        """
        return self._mpremote(args, timeout_s, None)

    def run(self, source, timeout_s=600, on_line=None):
        """Run Python text on the board after a soft reset; -> what it printed.

        on_line(text without newline) is called for each line as it comes.
        """
        self._check_open()
        script = Path(self._folder.name) / "run.py"
        script.write_text(source, encoding="utf-8")
        return self._mpremote(("run", str(script)), timeout_s, on_line)

    def read_card(self):
        """The memory card as it is now, from outside: {path: bytes}. Call it while nothing runs."""
        return card_image.read(self.read_image())

    def read_image(self):
        """The memory card's bytes as they are now, whatever is on it. Call it while nothing runs."""
        image = Path(self._folder.name) / "card.out"
        self._execute(
            "memsave",  # as the core sees memory: the microbit's is not in QEMU's common address space
            val=self.board.card_address,
            size=self.board.card_bytes,
            filename=str(image),
        )
        try:
            return image.read_bytes()
        finally:
            image.unlink()

    def calibrate(self):
        """Instructions counted for each iteration of a loop of 4: 4.000 where counting is right."""
        lines = self.run(
            "import bench\n"
            "for n in (1000, 101000):\n"
            "    print(bench.insns(bench.measure(bench.spin, n)))\n"
        ).split()
        return (int(lines[1]) - int(lines[0])) / 100000

    def close(self):
        """End the board. Harmless where it has ended already."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._relay is not None:
            self._relay.close()
            self._relay = None
        if self._qmp is not None:
            self._replies.close()
            self._qmp.close()
            self._qmp = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    # ---- starting QEMU ----

    def _command(self, qemu, elf, card, icount, plugin):
        command = [qemu, "-machine", *self.board.machine, "-display", "none", "-nodefaults"]
        command += ["-monitor", "none", "-semihosting", "-kernel", str(elf)]
        if icount:
            command += ["-icount", f"shift={ICOUNT_SHIFT}"]
        if plugin:
            command += ["-plugin", str(plugin)]
        if card:
            image = Path(self._folder.name) / "card.img"
            whole = isinstance(card, (bytes, bytearray))
            built = card if whole else card_image.build(card, self.board.card_bytes)
            # The rest of the card is zero at power-on, as it is here.
            image.write_bytes(_trim(built))
            load = f"loader,file={image},addr={self.board.card_address:#x},force-raw=on"
            command += ["-device", load]
        return command

    def _start(self, command):
        uart, uart_far = socket.socketpair()
        qmp, qmp_far = socket.socketpair()
        self._relay = Relay(uart)
        self._qmp = qmp
        self._replies = qmp.makefile("r", encoding="utf-8")
        qmp.settimeout(START_S)
        command += [
            "-chardev",
            f"socket,id=uart,fd={uart_far.fileno()}",
            "-serial",
            "chardev:uart",
        ]
        command += [
            "-chardev",
            f"socket,id=qmp,fd={qmp_far.fileno()}",
            "-mon",
            "chardev=qmp,mode=control",
        ]
        with uart_far, qmp_far, open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                _dies_with_parent() + command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[uart_far.fileno(), qmp_far.fileno()],
                start_new_session=True,  # Ctrl-C is for us; we end QEMU ourselves
            )
        self._reply()  # its greeting
        self._execute("qmp_capabilities")
        if not self._relay.expect(b">>> ", START_S):
            raise self._error(f"no prompt within {START_S} s", self._relay.said())
        # QEMU looked whether the UART takes input before the board had switched it on, and would not look
        # again until something wakes it: any command does.
        self._execute("query-status")

    # ---- talking to it ----

    def _check_open(self):
        if self._process is None:
            raise BoardError(f"{self.name} has been stopped; start a new Emulator")

    def _execute(self, verb, **arguments):
        """A QMP command; -> its answer."""
        self._check_open()
        message = {"execute": verb, **({"arguments": arguments} if arguments else {})}
        try:
            self._qmp.sendall(json.dumps(message).encode() + b"\n")
            return self._reply()["return"]
        except (OSError, KeyError) as error:
            raise self._error(f"QEMU refused {verb}: {error}") from error

    def _reply(self):
        while True:
            try:
                line = self._replies.readline()
            except OSError as error:
                raise self._error(f"QEMU does not answer: {error}") from error
            if not line:
                raise self._error("QEMU ended")
            message = json.loads(line)
            if "event" in message:
                continue
            if "error" in message:
                raise self._error(message["error"]["desc"])
            return message

    def _mpremote(self, args, timeout_s, on_line):
        for last in range(1 - TRIES, 1):
            try:
                return self._mpremote_once(args, timeout_s, on_line)
            except BoardError as error:  # nothing has been run yet: it may be tried again
                if last == 0 or "could not enter raw repl" not in str(error) or not self._process:
                    raise
                self._execute("query-status")  # wakes the UART, as above

    def _mpremote_once(self, args, timeout_s, on_line):
        command = [sys.executable, "-m", "mpremote", "connect", self.port, *map(str, args)]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
            out, late = _collect(process, timeout_s, on_line)
            errors.seek(0)
            err = errors.read().replace("\r\n", "\n")
        if late:
            # What runs on the board cannot be interrupted from outside, so the board is lost.
            what = f"mpremote {args[0]} took longer than {timeout_s} s; the board has been stopped"
            self.close()
            raise BoardError(f"{self.name}: {what}", out + err)
        if process.returncode:
            raise self._error(_last_line(err or out) or f"mpremote {args[0]} failed", out + err)
        return out

    def _error(self, what, output=""):
        """A BoardError; where QEMU has died, it says so, with QEMU's and the board's last words."""
        try:
            code = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return BoardError(f"{self.name}: {what}", output)
        said = [line for line in self._log.read_text(errors="replace").splitlines() if line]
        said = [
            line for line in said if "has no peer" not in line
        ]  # a network card without a network
        what = f"{what}; QEMU has ended with {code}" + (": " + "; ".join(said) if said else "")
        return BoardError(f"{self.name}: {what}", output or self._relay.said())


def _needs(board, elf):
    qemu = shutil.which(board.qemu)
    if qemu is None:
        raise UpedalError(f"{board.qemu} is not installed: {REPAIR}")
    if not elf.is_file():
        raise UpedalError(f"no firmware at {elf}: {REPAIR}")
    return qemu, elf


def _dies_with_parent():
    """A wrapper that ends QEMU should this process be killed outright.

    The kernel ties it to the thread that starts it, so only the main one, which lives longest, uses it.
    """
    setpriv = shutil.which("setpriv")
    main = threading.current_thread() is threading.main_thread()
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv and main else []


def _trim(image):
    used = len(image.rstrip(b"\0"))
    return image[: -(-used // card_image.BLOCK) * card_image.BLOCK]


def _collect(process, timeout_s, on_line):
    """Read a process to its end or until time is up; -> (text, whether it was late)."""
    late = threading.Event()

    def stop():
        late.set()
        process.kill()

    timer = threading.Timer(timeout_s, stop)
    timer.start()
    lines = []
    try:
        for raw in process.stdout:
            lines.append(raw.decode("utf-8", "replace").replace("\r\n", "\n"))
            if on_line is not None:
                on_line(lines[-1].rstrip("\n"))
        process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    return "".join(lines), late.is_set()


def _last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
