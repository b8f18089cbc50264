"""Print what the native modules take: code and constants per architecture, working memory per model.

text and data are those of the object files, before libgcc's soft float joins them on armv6m, armv7m and
rv32imc; .mpy is what is sent to the pedal. The arena is asked of the module itself, on an emulated board
of that architecture (x64: MicroPython's unix port).
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from upedal import paths
from upedal.doctor import ARCHS, MODULES
from upedal.emulator import BOARDS, Emulator

OBJECTS = paths.BUILD / "natmod-obj"
VECTORS = paths.ROOT / "tests" / "vectors"
EXAMPLES = ("gru10.upm", "gru16.upm", "tcn_relu.upm")
ASK = """
import pedal_nn
for name in {names}:
    with open(name, "rb") as file:
        print(pedal_nn.arena_size(bytearray(file.read())))
"""


def sections(arch, module):
    """(text with constants, data with bss) of a module's object file, in bytes"""
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    file = io.BytesIO((OBJECTS / arch / module / f"mod{module}.o").read_bytes())
    loaded = [s for s in ELFFile(file).iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC]
    data = sum(s["sh_size"] for s in loaded if s["sh_flags"] & SH_FLAGS.SHF_WRITE)
    return sum(s["sh_size"] for s in loaded) - data, data


def models():
    """{name: bytes} of the models asked about"""
    return {name: (VECTORS / name).read_bytes() for name in EXAMPLES}


def arenas(arch):
    """Bytes of working memory of each model on an architecture"""
    source = ASK.format(names=EXAMPLES)
    module = (paths.NATMODS / arch / "pedal_nn.mpy").read_bytes()
    if arch == "x64":
        printed = _on_unix(source, {"pedal_nn.mpy": module, **models()})
    else:
        name = next(name for name, board in BOARDS.items() if board.arch == arch)
        with Emulator(name, card={"lib/pedal_nn.mpy": module, **models()}) as board:
            printed = board.run(source)
    return [int(line) for line in printed.split()]


def _on_unix(source, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        command = [str(paths.BUILD / "unix" / "micropython"), "-c", source]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout


def main():
    from rich.console import Console
    from rich.table import Table

    table = Table(title="bytes", title_justify="left")
    for head in ("arch", "module", "text", "data", ".mpy", *(f"arena {n}" for n in EXAMPLES)):
        table.add_column(head, justify="left" if head in ("arch", "module") else "right")
    for arch in ARCHS:
        for module in MODULES:
            size = (paths.NATMODS / arch / f"{module}.mpy").stat().st_size
            row = [arch, module, *sections(arch, module), size]
            row += arenas(arch) if module == "pedal_nn" else [""] * len(EXAMPLES)
            table.add_row(*map(str, row))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


if __name__ == "__main__":
    main()
