"""What is trained: one Cell a net, each in a folder of its own that holds checkpoints, .upm files and cell.json.

The paper's net of a recording lies in the recording's folder as train_tcn8 leaves it (float.pt, q7.pt); its
float net also starts every other quantised training of that recording that keeps width and emphasis.
"""

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass

import numpy as np

from .. import recipe as recipes
from ..errors import UpedalError
from ..files import write_atomic

BASE = ""  # the name of the paper's own configuration, 16 channels and 24 wide
CHANNELS, HIDDEN = (1, 2, 4, 8, 16), (8, 16, 24, 32)
WAVENETS = ("damskaegg-wavenet1", "damskaegg-wavenet3")
RESULT = "cell.json"
_FORMAT = 1
_ENOUGH = 0.995  # of the minutes asked for: a cell that has had these is done


@dataclass(frozen=True)
class Cell:
    """One training: of a recording, by a recipe with changes ("key=value")."""

    recording: str
    name: str = BASE
    recipe: str = "tinyml-q7"
    changes: tuple = ()
    start: str | None = None  # the cell of the same recording whose float net it starts from

    def __str__(self):
        return f"{self.recording}/{self.name or 'base'}"

    @property
    def wavenet(self):
        return self.recipe in WAVENETS

    def folder(self, out):
        return out / self.recording / self.name

    def plan(self, more=()):
        """The Recipe; `more` changes go ahead of the cell's own."""
        return recipes.load(self.recipe, (*(() if self.wavenet else more), *self.changes))

    def minutes(self, minutes, more=()):
        """Its share of the minutes that a whole net gets."""
        return minutes * (1.0 - self.plan(more).qat_start) if self.start is not None else minutes


def grid_name(channels, hidden):
    """The cell of so many channels and so wide."""
    width = "" if hidden == 24 else f"h{hidden}"
    return width + ("" if channels == 16 else f"c{channels}")


def plan(recordings, studied, full=False):
    """Every Cell, those that others need first: the table's 8-bit nets, Fig. 4 and the ablations of the
    recording `studied` (all widths where `full`), the WaveNets last as they take the longest."""
    cells = [Cell(name) for name in recordings]
    for hidden in HIDDEN if full else (24,):
        top, changes = grid_name(16, hidden), (f"hidden={hidden}",) if hidden != 24 else ()
        if top != BASE:
            cells.append(Cell(studied, top, changes=changes))
        for c in CHANNELS[:-1]:
            more = (*changes, f"channels={c}")
            cells.append(Cell(studied, grid_name(c, hidden), changes=more, start=top))
    cells.append(Cell(studied, "no-dither", changes=("dither=none",), start=BASE))
    cells.append(Cell(studied, "no-emphasis", changes=("emphasis=0",)))
    return cells + [Cell(name, r.split("-")[1], r) for r in WAVENETS for name in recordings]


def read(cell, out, more=(), seed=0):
    """The cell's result, or None where there is none of this very recipe, seed and start."""
    path = cell.folder(out) / RESULT
    if not path.is_file():
        return None
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise UpedalError(f"{path}: not JSON ({e}); remove it to measure anew") from None
    if not isinstance(result, dict) or result.get("identity") != _identity(cell, out, more, seed):
        return None
    files = [cell.folder(out) / net["file"] for net in result["nets"].values()]
    return result if all(f.is_file() for f in files) else None


def done(cell, out, minutes, more=(), seed=0):
    """Whether the cell has had its minutes."""
    result = read(cell, out, more, seed)
    if result is None:
        return False
    return sum(result["minutes"].values()) >= _ENOUGH * cell.minutes(minutes, more)


def train(cell, out, recording, minutes, more=(), seed=0):
    """Trains or goes on, packs, plays and writes the cell's result, and gives it back.

    recording: (dry, wet, rate_hz, tinyml_data.Split). After Ctrl-C "interrupted" is true in the result."""
    from .. import upm

    make = _wavenet if cell.wavenet else _tcn8
    minutes = cell.minutes(minutes, more)
    models, facts = make(cell, out, recording, minutes, cell.plan(more), seed)
    nets = {}
    for kind, model in models.items():
        model.meta = {"name": f"{cell} {kind}", "recipe": cell.recipe}
        blob = upm.dumps(model)
        path = cell.folder(out) / f"{kind}.upm"
        write_atomic(path, blob)
        nets[kind] = {"file": path.name, **_figures(model, blob, recording)}
    result = {"identity": _identity(cell, out, more, seed), "cell": str(cell), "rate_hz": recording[2]}
    result |= {"nets": nets, **facts}
    write_atomic(cell.folder(out) / RESULT, (json.dumps(result, indent=1) + "\n").encode())
    return result


def _identity(cell, out, more, seed):
    """What a result is of: recipe, seed, and the float net that training started from."""
    recipe = dataclasses.asdict(cell.plan(more)) | {"name": "", "note": ""}
    found = {"format": _FORMAT, "recipe": recipe, "seed": seed}
    if cell.start is not None:
        path = out / cell.recording / cell.start / "float.upm"
        found["start"] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    return found


def _tcn8(cell, out, recording, minutes, plan, seed):
    """({"float", "q15" where the float net is the cell's own, "q7": model}, facts)."""
    from .. import train_tcn8
    from . import packing

    dry, wet, rate_hz, split = recording
    start = None if cell.start is None else _float_net(cell, out)
    done = train_tcn8.train(
        dry, wet, rate_hz, plan, split=split, minutes=minutes, out_dir=cell.folder(out), seed=seed,
        progress=False, float_net=start,
    )  # fmt: skip
    models = {}
    if start is None:
        models["float"] = packing.float_model(done.float_net, done.front, rate_hz)
        models["q15"] = packing.q15_model(models["float"], dry, split)
    models["q7"] = packing.q7_model(done.net, done.front, done.scale)
    judged = {"float": done.float_esr, "q7": done.q7_esr} if start is None else {"q7": done.q7_esr}
    facts = {"minutes": _minutes(done.history), "judged": judged, "interrupted": done.interrupted}
    return models, facts | {"channels": plan.channels, "hidden": plan.hidden, "gain": done.front.gain}


def _wavenet(cell, out, recording, minutes, plan, seed):
    from . import packing, wavenets

    dry, wet, rate_hz, split = recording
    folder = cell.folder(out)
    done = wavenets.train(
        dry, wet, rate_hz, plan, split=split, minutes=minutes, out_dir=folder, seed=seed
    )
    facts = {"minutes": _minutes(done.history), "judged": {"float": done.esr}}
    model = packing.wavenet_model(done.net, rate_hz)
    return {"float": model}, facts | {"interrupted": done.interrupted}


def _float_net(cell, out):
    """The best float net of the cell that this one starts from."""
    import torch

    from ..checkpoint import TORN

    path = out / cell.recording / cell.start / "float.pt"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        net = recipes.Recipe(**content["identity"]["recipe"]).build()
        net.load_state_dict(content["best_state"])
    except TORN as e:
        raise UpedalError(f"{path}: not a checkpoint of upedal ({type(e).__name__}: {e})") from None
    return net.eval()


def _minutes(history):
    """{phase: minutes trained}."""
    found = {}
    for note in history:
        found[note["phase"]] = max(found.get(note["phase"], 0.0), note["seconds"] / 60.0)
    return found


def _figures(model, blob, recording):
    """What is measured of a .upm: played by the C kernels over the test ranges."""
    from .. import native, upm
    from ..tcn8_data import measure

    dry, wet, _, split = recording
    played = []

    def play(x):
        played.append(native.render(blob, x))
        return played[-1]

    error = measure(play, dry, wet, split.test)
    if not math.isfinite(error):
        raise UpedalError(f"{model.meta['name']}: ESR {error}; expected a number")
    apart = [float(np.mean(y[a - b :] - wet[a:b])) for y, (a, b) in zip(played, split.test)]
    return {
        "esr": error,  # without the means, as measure has it
        "dc": float(np.mean(apart)),  # how far the mean is off, of full scale
        "bytes": len(blob),
        "macs": int(sum(map(upm.macs, model.layers))),
        "parameters": int(sum(map(upm.parameters, model.layers))),
    }
