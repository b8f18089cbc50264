"""One rig, one WAV file in, one float32 WAV file out, wherever the rig is to run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from upedal import paths
from upedal.errors import BoardError, UpedalError

EMULATED = ("emu_m0", "emu_m3", "emu_m4", "emu_m7", "emu_m33", "emu_m55", "emu_rv32")
TARGETS = ("cpython", "unix", "unix-user", *EMULATED, "emu_m7-user")

_TIMEOUT_S = 3600
_CALL = "from pedal.play import main\nmain({!r}, {!r}, {!r}, block={!r}, models={!r})\n"
_NATIVES = "import sys\nimport upedal.native\nsys.path.insert(0, {!r})\n"


def run(rig_path, in_wav, out_wav, *, on="cpython", block=None, model_dir=None, progress=True):
    """Play in_wav through the rig into out_wav. -> the counters of pedal.play, `on` and `seconds`.

    on: one of TARGETS; "-user" is firmware with the native modules compiled in. block: frames,
    instead of the rig's; model_dir: where the rig's models are looked for first.
    """
    rig_path, in_wav, out_wav = (Path(path).resolve() for path in (rig_path, in_wav, out_wav))
    for path, what in ((rig_path, "a rig script"), (in_wav, "a WAV file")):
        if not path.is_file():
            raise UpedalError(f"{path}: no such file; expected {what}")
    if on not in TARGETS:
        raise UpedalError(f"target {on!r} is not known; expected one of {', '.join(TARGETS)}")
    model_dir = str(Path(model_dir).resolve()) if model_dir else None
    start = time.monotonic()
    if on.startswith("emu_"):
        result = _emulated(rig_path, in_wav, out_wav, on, block, model_dir, progress)
    else:
        call = _CALL.format(str(rig_path), str(in_wav), str(out_wav), block, model_dir)
        result = _local(call, on)
    return {**result, "on": on, "seconds": time.monotonic() - start}


def _local(call, on):
    """Run the call in an interpreter of this machine."""
    environment = dict(os.environ)
    if on == "cpython":
        host = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join([host, environment.get("PYTHONPATH", "")])
        command = [sys.executable, "-c", _NATIVES.format(str(paths.DEVICE)) + call]
    else:
        program = paths.BUILD / on / "micropython"
        if not program.is_file():
            raise UpedalError(
                f"{program}: not built; expected MicroPython. `make setup` builds it"
            )
        natives = [] if on == "unix-user" else [str(paths.NATMODS / "x64")]
        environment["MICROPYPATH"] = ":".join([str(paths.DEVICE), *natives, ".frozen"])
        command = [str(program), "-X", "heapsize=64M", "-c", call]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise _failed(on, done.stderr + done.stdout)
    return _counters(on, done.stdout)


def _emulated(rig_path, in_wav, out_wav, on, block, model_dir, progress):
    """Deploy to an emulated board; audio goes by its memory card."""
    from upedal.deploy import deploy
    from upedal.emulator import Emulator

    name = on.removesuffix("-user")
    card = {"in.wav": in_wav.read_bytes()}
    call = _CALL.format("/rig.py", "/in.wav", "/out.wav", block, None)
    with Emulator(name, card=card, user_module=on != name) as board:
        report = deploy(rig_path, emulator=board, model_dir=model_dir, progress=progress)
        printed = board.run(call, timeout_s=_TIMEOUT_S)
        out_wav.write_bytes(board.read_card()["out.wav"])
    result = _counters(on, printed)
    result["deployed"] = {"files": len(report.sent), "bytes": report.bytes}
    result["deployed"]["seconds"] = report.seconds
    return result


def _counters(on, printed):
    for line in reversed(printed.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise BoardError(f"{on}: printed no counters; expected one line of JSON", printed)


def _failed(on, printed):
    lines = [line for line in printed.splitlines() if line.strip()] or ["no output"]
    last = [line for line in lines if not line.startswith(" ")][-1]
    return BoardError(f"{on}: {last}", printed)
