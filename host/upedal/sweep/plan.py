"""jobs.yaml: captures x recipes x seeds, checked, as a list of Jobs. docs/sweeps.md explains the keys."""

import dataclasses
import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .. import board as boards
from .. import recipe as recipes
from ..checked_yaml import choice, items, number, read_mapping, short, spare, text, whole
from ..errors import UpedalError
from ..pack import ARITHMETICS
from .data import read

FORMAT = 1  # of what a job's hash is made of
MOST_JOBS = 10_000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_META = ("author", "gear", "licence")


@dataclass(frozen=True, eq=False)
class Job:
    """One training.

    spec: JSON-able, all that its result follows from; inputs: {"dry", "wet", ... or "captures": path}; files:
    {path: SHA-256} of all it reads; wets: those it learns from; paths relative to `base`, the folder of jobs.yaml."""

    capture: str
    recipe: str
    seed: int
    spec: dict
    inputs: dict
    files: dict
    wets: tuple
    base: Path
    plan: str  # the name of jobs.yaml
    report: bool = True  # whether a page is made of it

    @property
    def name(self):
        return f"{self.capture}.{self.recipe}.{self.seed}"

    @functools.cached_property
    def hash(self):
        """SHA-256 of the spec, hexadecimal."""
        return hashlib.sha256(json.dumps(self.spec, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self):
        """The name of its folder: another one as soon as anything in the spec is another."""
        return f"{self.name}.{self.hash[:8]}"


@dataclass(frozen=True)
class Plan:
    """A jobs.yaml. output: Path; processes, threads: int or None (chosen); address: of a Ray cluster or None;
    gpus: the share of a GPU that a job takes there."""

    path: Path
    jobs: tuple
    output: Path
    processes: int | None
    threads: int | None
    address: str | None
    gpus: float


def load(path):
    """The Plan of a file; UpedalError names file, line, key, what was found and what was expected."""
    path = Path(path)
    raw = read_mapping(path, _schema(path.parent))
    captures = _unique(path, "captures", [c["name"] for c in raw["captures"]], raw["captures"])
    planned = [_recipe(path, at, entry) for at, entry in enumerate(raw["recipes"])]
    planned = _unique(path, "recipes", [name for name, *_ in planned], planned)
    seeds = sorted({0} if raw["seeds"] is None else set(raw["seeds"]))
    count = len(captures) * len(planned) * len(seeds)
    if not 0 < count <= MOST_JOBS:
        raise UpedalError(
            f"{path}: {len(captures)} captures x {len(planned)} recipes x {len(seeds)} seeds are {count:,} jobs;"
            f" expected 1 to {MOST_JOBS:,}"
        )
    data = [read(path, at, capture) for at, capture in enumerate(captures)]
    jobs = [
        _job(raw, path, capture, found, *recipe, seed)
        for capture, found in zip(captures, data) for recipe in planned for seed in seeds
    ]  # fmt: skip
    output = path.parent / (raw["output"] or f"{path.stem}.sweep")
    return Plan(
        path,
        tuple(jobs),
        output,
        raw["processes"],
        raw["threads"],
        raw["address"],
        raw["gpus"] or 0.0,
    )


def _schema(base):
    """base: the folder that paths in the file start from."""
    audio, minutes = _file(base, "a recording"), spare(number(0.001, 100_000))
    return {
        "captures": items({
            "name": _name,
            "dry": spare(audio),
            "wet": spare(audio),
            "captures": spare(_captures(base)),
            "knobs": spare(items(text)),
            "held_out": spare(items(text)),
            "test": spare({"dry": audio, "wet": audio}),
            "force": spare(_yes_or_no),
            "input_dbu": spare(number(-60, 60)),
            "output_dbu": spare(number(-60, 60)),
            "minutes": minutes,
            **{key: spare(text) for key in _META},
        }),
        "recipes": items(short({
            "recipe": _recipe_name(base),
            "name": spare(_name),
            "set": spare(items(text)),
            "minutes": minutes,
        })),
        "seeds": spare(items(whole(0, 2**31 - 1))),
        "minutes": minutes,
        "board": spare(choice(*boards.names())),
        "arithmetic": spare(choice(*ARITHMETICS)),
        "device": spare(choice("auto", "cpu", "cuda")),
        "output": spare(text),
        "report": spare(_yes_or_no),
        "processes": spare(whole(1, 1024)),
        "threads": spare(whole(1, 1024)),
        "address": spare(text),
        "gpus": spare(number(0, 64)),
    }  # fmt: skip


def _name(value):
    """What may become part of a folder's name on any machine."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value.endswith("."):
        raise ValueError("a name of letters, digits and _ . + -, at most 64")
    return value


def _yes_or_no(value):
    if type(value) is not bool:
        raise ValueError("true or false")
    return value


def _file(base, what):
    def check(value):
        if not isinstance(value, str) or "\0" in value or not (base / value).is_file():
            raise ValueError(f"{what} that exists; paths start from {base.resolve()}")
        return value

    return check


def _captures(base):
    def check(value):
        if not isinstance(value, str) or "\0" in value or not (base / value).exists():
            raise ValueError(f"a CSV or folder of captures; paths start from {base.resolve()}")
        return value

    return check


def _recipe_name(base):
    """A shipped recipe's name, or a file beside jobs.yaml as a path."""
    yaml_file = _file(base, "a recipe's file")

    def check(value):
        if isinstance(value, str) and value.endswith((".yaml", ".yml")):
            return str(base / yaml_file(value))
        return choice(*recipes.names())(value)

    return check


def _recipe(path, at, entry):
    """(name, Recipe as dict, minutes) of one of `recipes`."""
    try:
        plan = recipes.load(entry["recipe"], entry["set"] or ())
        plan.build()
    except UpedalError as e:
        raise UpedalError(f"{path}: recipes[{at}]: {e}") from None
    name = entry["name"] or "-".join([plan.name, *map(_short, entry["set"] or ())])
    if not _NAME.fullmatch(name):
        raise UpedalError(f"{path}: recipes[{at}]: found the name {name!r}; give it one by name:")
    told = {
        "name": name,
        "note": "",
        "expect": "",
        "quality": 0.0,
    }  # nothing that training follows from
    return name, dataclasses.asdict(plan) | told, entry["minutes"]


def _short(change):
    """hidden=12 as a part of a name."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", change.replace(" ", "")).strip("_")


def _unique(path, key, names, entries):
    for name in names:
        # Folders of some systems do not tell capitals from small letters.
        if sum(name.lower() == other.lower() for other in names) > 1:
            raise UpedalError(f"{path}: {key}: found {name!r} twice; expected each name once")
    return entries


def _named(inputs):
    return [
        name
        for value in inputs.values()
        for name in ([value] if isinstance(value, str) else value)
    ]


def _job(raw, path, capture, data, recipe_name, recipe, minutes, seed):
    inputs, sums, wets = data
    kept = ("knobs", "held_out", "force", "input_dbu", "output_dbu")
    spec = {
        "format": FORMAT,
        # Of a folder or CSV the names matter too: they carry the knobs' values.
        "data": sorted(sums.items())
        if capture["captures"]
        else [sums[name] for name in _named(inputs)],
        "meta": {"name": capture["name"]} | {key: capture[key] for key in _META if capture[key]},
        "options": {key: capture[key] for key in kept if capture[key] is not None},
        "recipe": recipe,
        "minutes": minutes or capture["minutes"] or raw["minutes"],
        "seed": seed,
        "board": raw["board"],
        "arithmetic": raw["arithmetic"],
        "device": raw["device"] or "auto",
    }
    return Job(
        capture["name"],
        recipe_name,
        seed,
        spec,
        inputs,
        sums,
        tuple(wets),
        path.parent.resolve(),
        path.name,
        raw["report"] is not False,
    )
