"""The verb about the models that come along: models."""

from .cli_common import console, show


def verbs(add):
    p = add("models", "list the models that come along; show or fetch one", do_models)
    p.description += (
        " `upedal models NAME -o FILE.upm` makes a copy for a rig, for `upedal info` or to deploy."
    )
    p.add_argument("name", nargs="?", help="of one of them, or of its folder: shows its card")
    p.add_argument("-o", "--output", metavar="FILE.upm", help="copy it there")
    p.add_argument(
        "--board",
        help="of a NAME with several files the best that fits this board; of the list what fits",
    )
    p.add_argument("--json", action="store_true", help="the list for programs")


def do_models(args):
    import json

    from . import library
    from .errors import UpedalError

    if args.name is None:
        if args.output:
            raise UpedalError("models: -o without a name; expected upedal models NAME -o FILE.upm")
        found = [library.facts(one) for one in library.shipped()]
        if args.board:
            found = _fitting(found, args.board)
        print(json.dumps(found, indent=1)) if args.json else show(_table(found))
    elif args.output:
        _fetch(library.find(args.name, args.board), args.output)
    else:
        _card(args.name)


def _fitting(found, name):
    from . import board as boards
    from . import cost, library

    profile = boards.load(name)
    loads = {one.name: cost.load(one.model(), profile) for one in library.shipped()}
    return [
        f | {"loads": f["loads"] | {name: loads[f["name"]]}}
        for f in found if loads[f["name"]] is not None and loads[f["name"]] <= 1
    ]  # fmt: skip


def _table(found):
    import re

    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE,
        padding=0,
        pad_edge=False,
        caption="pico2 and so on: estimated load of that board; ?: not known",
    )
    boards = list(found[0]["loads"]) if found else []
    table.add_column("name", no_wrap=True)  # it has to be typed
    table.add_column("gear: net, licence")
    for head in ("ESR", *boards):
        table.add_column(head.replace("_", "\n"), justify="right", no_wrap=True)
    for f in found:
        gear = re.split(r"[;,(]", f["gear"])[0].strip()
        loads = ["?" if share is None else f"{share:.0%}" for share in f["loads"].values()]
        error = "?" if f["esr"] is None else f"{f['esr']:.2%}"
        table.add_row(
            f["name"],
            f"{gear}: {f['net']}, {f['arithmetic']}, {f['licence']}",
            error,
            *loads,
        )
    return table


def _card(name):
    """The card of a model's folder, drawn where it is read by a person."""
    from rich.markdown import Markdown

    from . import library

    family = [s for s in library.shipped() if s.path.parent.name == name] or [library.find(name)]
    words = (family[0].path.parent / "card.md").read_text(encoding="utf-8")
    on = console()
    if on.is_terminal:
        on.print(Markdown(words))
    else:
        print(words, end="")


def _fetch(one, output):
    from pathlib import Path

    from .files import write_atomic

    path = Path(output)
    path = path / one.path.name if path.is_dir() or output.endswith("/") else path
    write_atomic(path, one.blob())
    show(f"{path}: {one.name}, {one.path.stat().st_size:,} bytes, licence {one.card['licence']}")
