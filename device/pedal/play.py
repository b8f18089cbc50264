"""Plays a WAV file through a rig: what the simulator, the tests and an emulated pedal call."""

import json
import sys

from pedal import store
from pedal.engine import Engine
from pedal.io.wav import WavReader, WavWriter
from pedal.parts import stereo


def play(rig, source, sink, *, block=None, bits=-32, channel=0, moves=None):
    """Play file `source` through `rig` into file `sink`; the counters, as a dict.

    block: frames, instead of the rig's; bits: of the written file, as io/wav.py has them; moves: a timeline
    of what a player does meanwhile, as moves.py reads it. A rig whose last effect is stereo writes two channels.
    """
    reader = WavReader(source, channel=channel)
    if reader.rate_hz != rig.rate_hz:
        reader.close()
        text = "{}: {} Hz; expected {} Hz, as the rig"
        raise ValueError(text.format(source, reader.rate_hz, rig.rate_hz))
    if moves:
        from pedal.moves import Moved

        reader = Moved(reader, rig, moves)
    channels = 2 if stereo(rig.effects, block or rig.block) else 1
    writer = WavWriter(sink, rig.rate_hz, bits=bits, channels=channels)
    engine = Engine(rig, reader, writer, block=block)
    engine.run()
    counters = {
        "frames": engine.frames,
        "blocks": engine.blocks,
        "block": engine.block,
        "rate_hz": rig.rate_hz,
        "xruns": engine.xruns,
        "faults": engine.faults,
        "reports": engine.reports,
    }
    try:
        import bench  # noqa: F401 - only emulated boards count instructions
    except ImportError:
        return counters
    from pedal.measure import measure

    rig.reset()
    counters.update(measure(rig, block=block))
    return counters


def load_rig(path):
    """The Rig that the script at `path` names `rig`, or the table at `path`, if it ends in .json.

    Models are looked for beside it.
    """
    folder = path[: path.rfind("/")] if "/" in path else "."
    for paths in (store.folders, sys.path):
        if folder not in paths:
            paths.insert(0, folder)
    if path.endswith(".json"):
        from pedal.table import make

        with open(path) as file:
            return make(json.load(file))
    names = {"__name__": "rig", "__file__": path}
    with open(path) as file:
        exec(compile(file.read(), path, "exec"), names)  # noqa: S102 - the rig is the user's program
    rig = names.get("rig")
    if not hasattr(rig, "effects") or not hasattr(rig, "rate_hz"):
        found = f"`rig` is a {type(rig).__name__}" if "rig" in names else "defines no `rig`"
        raise ValueError(f"{path}: {found}; expected rig = Rig(...)")
    return rig


def main(rig, source, sink, *, block=None, models=None, moves=None):
    """Files in, file out, the counters as one line of JSON. models: a folder of .upm files."""
    from pedal import pretend

    pretend.install()
    if models:
        store.folders.insert(0, models)
    print(json.dumps(play(load_rig(rig), source, sink, block=block, moves=moves)))
