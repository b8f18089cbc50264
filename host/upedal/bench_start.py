"""Start-up on an emulated board: instructions from nothing imported to a rig that can play."""

import json

from . import bench, upm, zoo
from .emulator import BOARDS, Emulator
from .errors import UpedalError

BOARD = "emu_m7"
# As a rig script does: the package as it is deployed, a capture's file, three effects.
_SCRIPT = """
import gc, json, sys
if "/lib" not in sys.path:
    sys.path.append("/lib")
import bench
measure, insns = bench.measure, bench.insns
spin = [insns(measure(bench.spin, n)) for n in (1000, 101000)]
null = insns(measure(bench.null))
print(json.dumps({"spin": (spin[1] - spin[0]) / 100000, "null": null}))
kept = []
def native():
    import pedal_nn, pedal_fx
def package():
    from pedal import Gate, Neural, Rig, Tone
    kept.append((Gate, Neural, Rig, Tone))
def model():
    kept.append(kept[0][1]("nam-a2-lite.upm"))
def rig():
    gate, neural, make, tone = kept[0]
    kept.append(make(gate(), kept[1], tone(), rate_hz=48000, block=64))
gc.collect()
for name, step in (("native modules", native), ("package", package), ("model", model), ("rig", rig)):
    print(json.dumps({"start": name, "insns": insns(measure(step)) - null}))
"""


def count(board=BOARD):
    """{"start: package": instructions, ...} of each step, and of them all."""
    from . import board as boards
    from .payload import _natives, package

    files = package() | _natives(("pedal_nn", "pedal_fx"), BOARDS[board].arch)
    files = {path.lstrip("/"): data for path, data in files.items()}
    files["lib/pedal/board.py"] = boards.device_module(boards.load(board)).encode()
    files["models/nam-a2-lite.upm"] = upm.dumps(zoo.build("nam-a2-lite"))
    with Emulator(board, card=files) as emulator:
        out = emulator.run(_SCRIPT)
    lines = [json.loads(line) for line in out.splitlines() if line[:1] == "{"]
    found = {
        f"start: {line['start']}": line["insns"] for line in bench.calibrated(board, lines)[1:]
    }
    if len(found) != 4:
        raise UpedalError(
            f"{board}: {len(found)} of 4 steps of a start; it printed:\n{out[-1000:]}"
        )
    return found | {"start: all": sum(found.values())}
