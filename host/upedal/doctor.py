"""What upedal needs, whether it is here, and the command that brings it."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .emulator import BOARDS, firmware

PACKAGES = ("numpy", "scipy", "soundfile", "yaml", "rich", "matplotlib", "jinja2", "littlefs")
PACKAGES += ("mpremote", "esptool", "torch")
DISTRIBUTIONS = {"yaml": "pyyaml", "littlefs": "littlefs-python"}
MODULES = ("pedal_nn", "pedal_fx")
ARCHS = ("x64", "armv6m", "armv7m", "armv7emsp", "armv7emdp", "rv32imc")
USER_MODULE_BOARDS = ("emu_m7", "emu_m55")
SETUP = "make setup"
PYTHON_AT_LEAST = (3, 10)


@dataclass(frozen=True)
class Check:
    """One thing needed. found: what is here ("" where nothing is); remedy: a command, "" where ok."""

    name: str
    ok: bool
    found: str
    remedy: str


def checks():
    """Every check, the same order each time."""
    return [*_python(), *_tools(), *_built()]


def run(brief=False):
    """Print the checks as a table (brief: only what is missing); -> exit code, 0 where all is here."""
    from rich.console import Console
    from rich.table import Table

    found = checks()
    missing = [check for check in found if not check.ok]
    console = Console()
    shown = missing if brief else found
    if shown:
        table = Table("", "needed", "found", "to get it")
        for check in shown:
            table.add_row("ok" if check.ok else "--", check.name, check.found, check.remedy)
        console.print(table)
    console.print(_verdict(found, missing))
    return 1 if missing else 0


def _verdict(found, missing):
    if not missing:
        return f"All {len(found)} things are here."
    remedies = dict.fromkeys(check.remedy for check in missing)
    return f"{len(missing)} of {len(found)} are missing. Run: " + "; ".join(remedies)


def _check(name, found, remedy):
    found = str(found) if found else ""
    return Check(name, bool(found), found, "" if found else _reachable(remedy))


def _reachable(remedy):
    """An installed wheel has no Makefile: what `make` brings needs the source tree."""
    return (
        f"in upedal's source folder: {remedy}"
        if _is_make(remedy) and not paths.IN_TREE
        else remedy
    )


def _is_make(remedy):
    return remedy.startswith("make ")


# ---- Python ----


def _python():
    version = ".".join(map(str, sys.version_info[:3]))
    needed = ".".join(map(str, PYTHON_AT_LEAST))
    right = version if sys.version_info >= PYTHON_AT_LEAST else ""
    yield _check(f"Python {needed} or later", right, "make setup PYTHON=python3.12")
    for name in PACKAGES:
        distribution = DISTRIBUTIONS.get(name, name)
        remedy = SETUP if paths.IN_TREE else f"pip install {distribution}"
        yield _check(f"package {distribution}", _version(name, distribution), remedy)
    yield _check("extension upedal._native", _extension(), SETUP)


def _version(module, distribution):
    if importlib.util.find_spec(module) is None:
        return ""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "here, version unknown"


def _extension():
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    file = Path(__file__).parent / f"_native{suffix}"
    return file.name if file.is_file() else ""


# ---- what the system brings ----


def _tools():
    yield _check("C compiler", _first_line(os.environ.get("CC", "cc"), "--version"), SETUP)
    for program in ("arm-none-eabi-gcc", "riscv64-unknown-elf-gcc"):
        yield _check(program, _first_line(program, "--version"), SETUP)
    for program in sorted({board.qemu for board in BOARDS.values()}):
        yield _check(program, _first_line(program, "--version"), SETUP)


def _first_line(program, argument):
    if shutil.which(program) is None:
        return ""
    try:
        done = subprocess.run(
            [program, argument], check=False, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.splitlines()
    return lines[0] if done.returncode == 0 and lines else ""


# ---- what `make` builds ----


def _built():
    micropython = paths.BUILD / "micropython"
    version = micropython / ".complete"
    yield _check("MicroPython source", version.is_file() and version.read_text().strip(), SETUP)
    yield _file("mpy-cross", micropython / "mpy-cross" / "build" / "mpy-cross", SETUP)
    yield _file("unix port", paths.BUILD / "unix" / "micropython", "make unix")
    yield _file("unix port, user modules", paths.BUILD / "unix-user" / "micropython", "make unix")
    yield _file("instruction counter", paths.BUILD / "plugin" / "libupcount.so", SETUP)
    for arch in ARCHS:
        files = [paths.NATMODS / arch / f"{module}.mpy" for module in MODULES]
        size = all(f.is_file() for f in files) and sum(f.stat().st_size for f in files)
        yield _check(f"native modules {arch}", size and f"{size} bytes", "make natmod")
    for board in BOARDS:
        yield _file(f"firmware {board}", firmware(board), "make firmware")
    for board in USER_MODULE_BOARDS:
        elf = firmware(board, user_module=True)
        yield _file(f"firmware {board}, user modules", elf, "make firmware")


def _file(name, path, remedy):
    return _check(name, path.is_file() and _short(path), remedy)


def _short(path):
    return path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path
