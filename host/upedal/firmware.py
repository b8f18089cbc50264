"""Builds MicroPython for the emulated boards, as `make firmware` does, and tells how far it is."""

import os
import shutil
import subprocess
import sys

from . import doctor, paths
from .emulator import BOARDS, firmware
from .errors import UpedalError

_COMPILERS = {"rv32imc": "riscv64-unknown-elf-gcc"}
_ARM = "arm-none-eabi-gcc"


def build(boards=(), user=False, say=print):
    """Builds the boards' firmware (default: all); -> [paths of the files].

    user: with the C core compiled in, as a user C module (emu_m7, emu_m55). UpedalError names what is missing.
    """
    made = doctor.USER_MODULE_BOARDS if user else tuple(BOARDS)
    names = tuple(boards) or made
    for name in names:
        if name not in made:
            kind = "with user modules" if user else "emulated"
            raise UpedalError(f"{name!r}: no such board {kind}; expected {', '.join(made)}")
    _complete(names)
    files = [firmware(name, user_module=user) for name in names]
    before = {file: _time(file) for file in files}
    _make([str(file.relative_to(paths.ROOT)) for file in files], say)
    for file in files:
        new = "built" if _time(file) != before[file] else "is up to date"
        say(f"{file.relative_to(paths.ROOT)}: {file.stat().st_size} bytes, {new}")
    return files


def _complete(names):
    """UpedalError where the source tree or a tool is missing."""
    if not paths.IN_TREE or paths.BUILD != paths.ROOT / "build":
        raise UpedalError(
            "firmware is built in upedal's source folder, into its build/; "
            "this is an installed package, or UPEDAL_BUILD names another place"
        )
    tools = ["make", *dict.fromkeys(_COMPILERS.get(BOARDS[name].arch, _ARM) for name in names)]
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        raise UpedalError(
            f"not installed: {', '.join(missing)}; `make setup` in {paths.ROOT} brings it"
        )
    if not (paths.BUILD / "micropython" / ".complete").is_file():
        raise UpedalError(
            f"MicroPython's source is not there; `make setup` in {paths.ROOT} brings it"
        )


def _time(file):
    return file.stat().st_mtime_ns if file.exists() else 0


def _make(targets, say):
    """Runs make; its lines are the progress, its last ones the reason of a failure."""
    command = ["make", "--no-print-directory", f"PYTHON={sys.executable}", *targets]
    lines = []
    with subprocess.Popen(
        command, cwd=paths.ROOT, env=os.environ, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith(("firmware of", "mpy-cross")):
                say(f"building: {line.strip()}")
    if process.returncode:
        error = UpedalError(f"make ended with code {process.returncode}")
        error.output = "\n".join(lines[-30:])
        raise error
