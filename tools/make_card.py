"""Write model cards: make_card.py [--check] [FOLDER ...]         card.md of models/NAME (default: of all)
                     make_card.py --adopt RESULT.json FOLDER FOR   a trained model into the folder and its card.yaml

A card.md is made of the folder's card.yaml and of what its .upm files say themselves. --adopt copies the model that
training left with its result.json, as NAME-FOR.upm, and enters its figures; FOR is a board.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import yaml
from upedal import board as boards
from upedal import library, paths, upm
from upedal.errors import UpedalError


def text(folder):
    """The text of card.md."""
    card = library.card(folder)
    ours = [s for s in library.read(folder)]
    lines = [f"# {card['title']}", "", *([card["about"], ""] if card["about"] else [])]
    lines += [
        "| | |",
        "| --- | --- |",
        f"| gear | {card['gear']} |",
        f"| licence | {card['licence']} |",
    ]
    lines += [
        f"| recordings | {d['what']} ({d['seconds']:g} s, {d['licence']}) |" for d in card["data"]
    ]
    lines += [f"| judged on | {card['judged']} |", "", *_table(ours), "", *_training(ours)]
    if card["compared"]:
        lines += ["", "For comparison:", "", *(f"- {line}" for line in card["compared"])]
    lines += ["", "Known faults:", "", *(f"- {line}" for line in card["faults"])]
    return "\n".join(lines) + "\n"


def _table(ours):
    heads = ["file", "for", "net", "arithmetic", "rate", "bytes", "ESR", "instructions a sample"]
    heads += [f"load {name}" for name in library.BOARDS]
    yield "| " + " | ".join(heads) + " |"
    yield "| --- " * len(heads) + "|"
    for one in ours:
        f = library.facts(one)
        cells = [
            f"`{one.path.name}`",
            one.entry["for"],
            f["net"],
            f["arithmetic"],
            f"{f['rate_hz']:,} Hz",
        ]
        cells += [f"{f['bytes']:,}", _percent(f["esr"]), f"{f['instructions']:,} (estimate)"]
        if one.entry["counted"]:
            cells[-1] = f"{one.entry['counted']:,}"
        yield "| " + " | ".join(cells + [_load(share) for share in f["loads"].values()]) + " |"


def _training(ours):
    yield (
        "ESR is of the file as it is played by the kernels. Instructions are counted on an emulated Cortex-M7, block"
        " 64, where it does not say estimate; loads are estimates of the share of a board's cycles for effects."
    )
    yield ""
    for one in ours:
        more = (
            ""
            if one.entry["mrstft"] is None
            else f"; multi-resolution STFT distance {one.entry['mrstft']:.3g}"
        )
        yield f"- `{one.path.name}`: recipe `{one.entry['recipe']}`, {one.entry['training']}{more}"


def _percent(value):
    return f"{100 * value:.2f} %"


def _load(share):
    return "not known" if share is None else f"{share:.0%}"


def write(path, content):
    """The file as a whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def adopt(result_path, folder, board):
    """Copies the model of a result.json into the folder, and its figures into card.yaml."""
    result = json.loads(result_path.read_text(encoding="utf-8"))
    source = Path(result["output"])
    source = source if source.is_file() else result_path.parent / source.name
    boards.load(board)
    file = f"{folder.name}-{board}.upm"
    meta = upm.load(source).meta
    entry = {
        "file": file, "for": boards.load(board).title, "recipe": result["recipe"]["name"],
        "training": _spelled(result), "esr": float(meta["test_esr"]), "mrstft": round(result["test_mrstft"], 4),
        "counted": None,
    }  # fmt: skip
    path = folder / "card.yaml"
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    card["models"] = [m for m in card["models"] or () if m["file"] != file] + [entry]
    shutil.copy(source, folder / file)
    write(path, yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=120))
    print(
        f"{folder / file}: ESR {entry['esr']:.2%}, entered in {path}; add a `recipe.yaml` if it is none of upedal's"
    )


def _spelled(result):
    machine = result["environment"]
    return f"{result['train_seconds'] / 60:.1f} minutes, {machine['threads']} threads of {machine['cpu']}, seed {result['seed']}"


def main(arguments):
    if arguments[:1] == ["--adopt"]:
        if len(arguments) != 4:
            sys.exit(__doc__)
        adopt(Path(arguments[1]), Path(arguments[2]), arguments[3])
        arguments = [arguments[2]]
    check = "--check" in arguments
    named = [Path(a) for a in arguments if a != "--check"]
    stale = []
    for folder in named or sorted(p.parent for p in paths.MODELS.glob("*/card.yaml")):
        made, path = text(folder), folder / "card.md"
        if check and (not path.is_file() or path.read_text(encoding="utf-8") != made):
            stale.append(str(path))
        elif not check:
            write(path, made)
            print(path)
    if stale:
        sys.exit(f"{', '.join(stale)}: not as tools/make_card.py writes it")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UpedalError as e:
        sys.exit(f"make_card: {e}")
