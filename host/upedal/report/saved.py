"""What a training leaves in its folder for a report to be made of later.

result.json; dry, target and output, the held-out part, as .flac or .wav; and the .upm, here or where
the result says. `upedal demo` leaves pedal.wav in place of output.
"""

import json
import os
from pathlib import Path

import numpy as np

from .. import audio
from ..errors import UpedalError
from . import shapes

_TAKES = {"dry": ("dry",), "target": ("target",), "output": ("output", "pedal")}


def save_signals(folder, rate_hz, **signals):
    """Writes dry, target and output, float32 [n] each: FLAC of 24 bits, or WAV where one goes over 1."""
    for name, x in signals.items():
        over = float(np.abs(x).max(initial=0)) >= 1.0
        kept, other = (".wav", ".flac") if over else (".flac", ".wav")
        audio.write(Path(folder) / (name + kept), x, rate_hz, "FLOAT" if over else "PCM_24")
        (Path(folder) / (name + other)).unlink(missing_ok=True)


def read_result(path):
    """The dict of a result.json."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise UpedalError(f"{path}: cannot be read ({e.strerror})") from None
    except UnicodeDecodeError:
        raise _other(path, "no text") from None
    except ValueError as e:
        raise _other(path, f"not JSON: {e}") from None
    if not isinstance(found, dict):
        raise _other(path, f"holds {type(found).__name__}")
    if not shapes.known(found):
        raise _other(path, "has none of the keys that training writes")
    shapes.check(path, found)
    return found


def _other(path, why):
    beside = Path(f"{path}.train")
    give = beside if beside.is_dir() else "the folder that training wrote, such as amp.upm.train"
    return UpedalError(f"{path}: not a result.json ({why}); give {give}")


def results(path):
    """[paths of result.json]: the file itself, or all within a folder, its own first."""
    path = Path(path)
    if path.is_file():
        return [path]
    found = sorted(path.rglob("result.json"), key=lambda p: (len(p.parts), str(p)))
    if not found:
        raise UpedalError(
            f"{path}: holds no result.json; expected a file or folder that training wrote"
        )
    return found


def sources(path, result):
    """Keyword arguments of write_model: signals and play, where their files are there."""
    there, found = files(path, result), {}
    model = there.pop("play", None)
    for name, file in there.items():
        found[name], rate = audio.read(file)
        result.setdefault("rate_hz", rate)
    if len({len(x) for x in found.values()}) > 1 or not {"target", "output"} <= set(found):
        found = {}
    if model:
        found["play"] = _player(model)
    return found


def files(path, result):
    """{keyword of write_model: path} of the files that a report of this result is made of."""
    folder, found = Path(path).parent, {"play": _model(Path(path).parent, result)}
    for name, stems in _TAKES.items():
        near = [folder / (stem + kind) for stem in stems for kind in (".flac", ".wav")]
        found[name] = next((file for file in near if file.is_file()), None)
    return {name: file for name, file in found.items() if file}


def _player(file):
    from ..native import render

    blob = file.read_bytes()

    def play(x):
        try:
            return render(blob, x)
        except UpedalError as e:
            raise UpedalError(
                f"{file}: {e}; expected a .upm that this upedal plays (moved away, the report is made without harmonics)"
            ) from None

    return play


def _model(folder, result):
    named = Path(str(result.get("output") or "none.upm"))
    near = sorted(folder.glob("*.upm"))
    for file in (
        named,
        folder / named.name,
        folder.parent / named.name,
        *(near if len(near) == 1 else ()),
    ):
        if file.suffix == ".upm" and file.is_file():
            return file
    return None


def linked(path, result):
    """The result, and where its report lies if there is one beside it."""
    report = Path(path).parent / "report.html"
    return {**result, "report": os.path.abspath(report) if report.is_file() else None}
