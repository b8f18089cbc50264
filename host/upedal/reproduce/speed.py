"""Instructions a sample of finished cells on an emulated Cortex-M7, where there is one to measure on."""

import hashlib
import json

from .. import bench, paths, upm
from ..errors import UpedalError
from ..files import write_atomic

BOARD, BLOCK = "emu_m7", 64
FILE = "speed.json"


def measure(files, out):
    """{name: {"instructions", "cycles" (an estimate)}} of {name: path of a .upm}, and why there are none.

    What was measured of the same file with the same native module is kept in out/speed.json."""
    kept, marks = _kept(out), _marks(files)
    missing = {name: path for name, path in files.items() if marks[name] not in kept}
    reason = ""
    if missing:
        nets = {f"net{k}": upm.load(path) for k, path in enumerate(missing.values())}
        try:
            rows = bench.measure(BOARD, nets, (BLOCK,))
        except (UpedalError, OSError) as e:
            rows, reason = [], f"instructions were not counted: {e}"
        for name, row in zip(missing, rows):
            cycles = row["estimated_cycles_per_sample"]
            kept[marks[name]] = {
                "instructions": row["instructions_per_sample"],
                "cycles": cycles,
            }
        if rows:
            write_atomic(out / FILE, (json.dumps(kept, indent=1) + "\n").encode())
    return {name: kept[marks[name]] for name in files if marks[name] in kept}, reason


def _marks(files):
    """{name: hash of the file and the module that plays it}."""
    from ..emulator import BOARDS

    module = paths.NATMODS / BOARDS[BOARD].arch / "pedal_nn.mpy"
    code = module.read_bytes() if module.is_file() else b""
    return {n: hashlib.sha256(code + path.read_bytes()).hexdigest() for n, path in files.items()}


def _kept(out):
    try:
        kept = json.loads((out / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
