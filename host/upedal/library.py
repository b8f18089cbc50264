"""The models that come along: models/NAME/ holds card.yaml, the card.md made of it, and one or more .upm files."""

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import checked_yaml, paths
from .checked_yaml import choice, items, number, spare, text, whole
from .errors import UpedalError

# Whose works may be passed on, changed or not, by anyone: SPDX names.
LICENCES = (
    "MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "0BSD", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0",
)  # fmt: skip
BOARDS = ("pico2", "teensy41", "daisy_seed")  # of the table and the cards

_NOT_NEGATIVE = number(0, 1e9)
SCHEMA = {
    "title": text,
    "gear": text,
    "licence": choice(*LICENCES),
    "about": spare(text),
    "data": items({"what": text, "seconds": _NOT_NEGATIVE, "licence": choice(*LICENCES)}),
    "judged": text,  # what esr and mrstft were measured on
    "models": items({
        "file": text,
        "for": text,
        "recipe": text,  # of upedal, or a file of the folder
        "training": text,
        "esr": _NOT_NEGATIVE,  # of the .upm, on `judged`
        "mrstft": spare(_NOT_NEGATIVE),
        "counted": spare(whole(1, 10**9)),  # instructions a sample on an emulated Cortex-M7
    }),
    "compared": spare(items(text)),
    "faults": items(text),
}  # fmt: skip


@dataclass(frozen=True)
class Shipped:
    """A .upm that comes along. name: its file's stem; card: the dict of card.yaml; entry: its part of card["models"]."""

    name: str
    path: Path
    card: dict
    entry: dict

    def model(self):
        from . import upm

        return upm.load(self.path)

    def blob(self):
        from . import upm

        return upm.read_blob(self.path)


def card(folder):
    """The dict of a folder's card.yaml, checked; UpedalError names file, line, key and what was expected."""
    found = checked_yaml.read_mapping(folder / "card.yaml", SCHEMA)
    named = sorted(entry["file"] for entry in found["models"])
    there = sorted(path.name for path in folder.glob("*.upm"))
    if named != there:
        raise UpedalError(
            f"{folder / 'card.yaml'}: models: found {named}; expected the files {there}"
        )
    return found


def read(folder):
    """[Shipped] of a folder, in its card's order."""
    told = card(folder)
    files = [folder / entry["file"] for entry in told["models"]]
    return [Shipped(file.stem, file, told, entry) for file, entry in zip(files, told["models"])]


@cache
def shipped():
    """[Shipped] of all models, by folder."""
    return [one for path in sorted(paths.MODELS.glob("*/card.yaml")) for one in read(path.parent)]


def find(name, board=None):
    """The Shipped of a file's stem, or of a folder's name. board: of a folder the best that fits this board."""
    known = shipped()
    family = [s for s in known if s.path.parent.name == name]
    for one in known:
        if one.name == name and not (board and family):
            return one
    if not family:
        names = list(dict.fromkeys([s.path.parent.name for s in known] + [s.name for s in known]))
        near = difflib.get_close_matches(name, names, 3, 0.5)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(names)}"
        )
        raise UpedalError(f"model {name!r} does not come along; {hint}")
    if board:
        return _best(family, name, board)
    if len(family) == 1:
        return family[0]
    raise UpedalError(
        f"model {name!r}: there are {', '.join(s.name for s in family)}; name one, or a --board"
    )


def _best(family, name, board):
    from . import board as boards
    from . import cost

    profile = boards.load(board)
    loads = {s.name: cost.load(s.model(), profile) for s in family}
    fit = [s for s in family if loads[s.name] is not None and loads[s.name] <= 1]
    if not fit:
        told = ", ".join(
            f"{n} {'not known' if v is None else f'{v:.0%}'}" for n, v in loads.items()
        )
        raise UpedalError(f"model {name!r}: none fits {board}; loads: {told}")
    return min(fit, key=lambda s: s.entry["esr"])


def facts(one):
    """What the table and the card say of a Shipped, from its file: a dict."""
    from . import cost, upm

    model = one.model()
    loads = {profile.name: share for profile, share in cost.loads(model)}
    return {
        "name": one.name,
        "gear": one.card["gear"],
        "net": net(model),
        "arithmetic": model.arithmetic,
        "rate_hz": model.rate_hz,
        "bytes": one.path.stat().st_size,
        "parameters": int(sum(map(upm.parameters, model.layers))),
        "macs": int(sum(map(upm.macs, model.layers))),
        "instructions": cost.instructions(model)[0],
        "loads": {name: loads.get(name) for name in BOARDS},
        "esr": number_of(model.meta.get("test_esr")),
        "licence": one.card["licence"],
        "knobs": [knob[0] for knob in model.knobs],
    }


def number_of(words):
    """META's text as a number, None where it is none."""
    try:
        return float(words)
    except (TypeError, ValueError):
        return None


def net(model):
    """A model's architecture in a few words, from its layers: "GRU 32", "12 convolutions, 8 wide"."""
    from . import upm

    convolutions, recurrent = [], []
    for layer, (dims, _) in zip(model.layers, upm.widths(model)):
        kind = type(layer).__name__.removeprefix("Q7").removeprefix("Q")
        if kind in ("Gru", "Lstm"):
            recurrent.append(f"{kind.upper()} {dims[1]}")
        elif kind == "Conv1d" and dims[2] > 1:
            convolutions.append(dims[1])
    parts = [" + ".join(recurrent)] if recurrent else []
    if convolutions:
        wide = sorted(set(convolutions))
        told = f"{wide[0]} to {wide[-1]}" if len(wide) > 1 else f"{wide[0]}"
        parts.append(f"{len(convolutions)} convolutions, {told} wide")
    if model.knobs:
        parts.append(f"{len(model.knobs)} knobs" if len(model.knobs) > 1 else "1 knob")
    return ", ".join(parts) or "linear"
