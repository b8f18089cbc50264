"""One rig, one WAV file in, one float32 WAV file out, wherever the rig is to run."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from upedal import paths
from upedal.errors import BoardError, UpedalError
from upedal.payload import cabinets

EMULATED = ("emu_m0", "emu_m3", "emu_m4", "emu_m7", "emu_m33", "emu_m55", "emu_rv32")
TARGETS = ("cpython", "unix", "unix-user", *EMULATED, "emu_m7-user", "emu_m55-user")

_TIMEOUT_S = 3600
_CALL = (
    "from pedal.play import main\nmain({!r}, {!r}, {!r}, block={!r}, models={!r}, moves={!r})\n"
)
_CABINETS = "from pedal import store\nstore.folders.insert(0, {!r})\n"
_NATIVES = "import sys\nimport upedal.native\nsys.path.insert(0, {!r})\n"


def run(
    rig_path,
    in_wav,
    out_wav,
    *,
    on="cpython",
    block=None,
    model_dir=None,
    moves=None,
    progress=True,
):
    """Play in_wav through the rig into out_wav. -> the counters of pedal.play, `on` and `seconds`.

    rig_path: a script, or a table in a .json; in_wav: any audio file that soundfile reads; on: one of
    TARGETS; "-user" is firmware with the native modules compiled in. block: frames, instead of the
    rig's; model_dir: where the rig's models are looked for first; moves: a file of what a player does
    meanwhile (device/pedal/moves.py).
    """
    rig_path, in_wav, out_wav = (Path(path).resolve() for path in (rig_path, in_wav, out_wav))
    if not out_wav.parent.is_dir():
        raise UpedalError(f"{out_wav.parent}: no such folder; expected one for {out_wav.name}")
    moves = Path(moves).resolve() if moves else None
    asked = [(rig_path, "a rig script"), (in_wav, "an audio file")]
    asked += [(moves, "lines of seconds, target, value")] if moves else []
    for path, what in asked:
        if not path.is_file():
            raise UpedalError(f"{path}: no such file; expected {what}")
    with tempfile.TemporaryDirectory(prefix="upedal-") as folder:
        return _run(
            rig_path, _as_wav(in_wav, folder), out_wav, on, block, model_dir, moves, progress
        )


def _as_wav(path, folder):
    """The file itself, or what it holds as a WAV, since a pedal reads no other."""
    with path.open("rb") as file:
        if file.read(4) == b"RIFF":
            return path
    import soundfile

    try:
        x, rate_hz = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise UpedalError(
            f"{path}: {error.error_string} Expected a WAV, FLAC or AIFF file"
        ) from None
    wav = Path(folder) / "in.wav"
    soundfile.write(wav, x, rate_hz, subtype="FLOAT")
    return wav


def _run(rig_path, in_wav, out_wav, on, block, model_dir, moves, progress):
    if on not in TARGETS:
        raise UpedalError(f"target {on!r} is not known; expected one of {', '.join(TARGETS)}")
    model_dir = str(Path(model_dir).resolve()) if model_dir else None
    start = time.monotonic()
    if on.startswith("emu_"):
        result = _emulated(rig_path, in_wav, out_wav, on, block, model_dir, moves, progress)
    else:
        moves = str(moves) if moves else None
        call = _CALL.format(str(rig_path), str(in_wav), str(out_wav), block, model_dir, moves)
        with tempfile.TemporaryDirectory() as folder:
            for name, wav in cabinets(rig_path, model_dir=model_dir).items():
                (Path(folder) / name).write_bytes(wav)
            result = _local(_CABINETS.format(folder) + call, on)
    seconds = time.monotonic() - start
    return {**result, "peak": _peak(out_wav), "on": on, "seconds": seconds}


def _peak(wav):
    """The output's largest magnitude: above 1.0 a converter clips."""
    import numpy as np
    import soundfile

    x = soundfile.read(wav, dtype="float32")[0]
    return float(np.max(np.abs(x))) if x.size else 0.0


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


def _emulated(rig_path, in_wav, out_wav, on, block, model_dir, moves, progress):
    """Deploy to an emulated board; audio goes by its memory card."""
    from upedal.deploy import deploy
    from upedal.emulator import Emulator

    name = on.removesuffix("-user")
    card = {"in.wav": in_wav.read_bytes()}
    if moves:
        card["moves.csv"] = moves.read_bytes()
    there = "/moves.csv" if moves else None
    call = _CALL.format("/rig.py", "/in.wav", "/out.wav", block, None, there)
    with Emulator(name, card=card, user_module=on != name) as board:
        report = deploy(rig_path, emulator=board, model_dir=model_dir, progress=progress)
        try:
            printed = board.run(call, timeout_s=_TIMEOUT_S)
        except BoardError as error:
            raise _failed(on, error.output, rig_path) from None
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


def _failed(on, printed, rig_path=None):
    """The error in one line, with file and line where it arose in the user's own script.

    Without those and where it is no refusal of ours, the whole traceback is kept.
    """
    lines = [line for line in printed.splitlines() if line.strip()] or ["no output"]
    last = [line for line in lines if not line.startswith(" ")][-1]
    if rig_path:
        last = last.replace("/rig.py", str(rig_path))
    places = re.findall(r'File "([^"]+)", line (\d+)', printed)
    own = [(name, line) for name, line in places if not _ours(name)]
    text = last.removeprefix("ValueError: ").removeprefix("KeyError: ").strip('"')
    if own:
        name, line = own[-1]
        return UpedalError(f"{rig_path or name}, line {line}: {text} (on {on})")
    if text != last:
        return UpedalError(f"{on}: {text}")
    return BoardError(f"{on}: {last}", printed)


def _ours(name):
    return "pedal/" in name or name.startswith("<") or "/upedal/" in name
