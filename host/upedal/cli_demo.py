"""Verbs that show all of it: demo, reproduce."""

from .cli_common import console, show
from .errors import UpedalError


def verbs(add):
    p = add("demo", "the whole way: pair, training, .upm, emulated pedal, report", do_demo)
    p.add_argument("dry", nargs="?", help="dry recording (default: a synthesised guitar)")
    p.add_argument("wet", nargs="?", help="the same take through the gear")
    p.add_argument(
        "-o", "--output", default="demo", help="folder to leave everything in (%(default)s)"
    )
    p.add_argument("--minutes", type=float, default=0.5, help="of training (%(default)s)")
    p.add_argument("--recipe", default="gru-16", help="name or YAML file (%(default)s)")

    p = add(
        "reproduce", "a paper's experiments, trained, measured and drawn on one page", do_reproduce
    )
    p.add_argument("experiment", choices=("tinyml-distortion",))
    p.add_argument(
        "--data", metavar="FOLDER", help="of recordings (default: only the built-in pedals)"
    )
    p.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="recordings: ds1 overdrive diode distortion klon fuzz jvm410h",
    )
    p.add_argument("--minutes", type=float, default=10.0, help="of training a net (%(default)s)")
    p.add_argument("--full", action="store_true", help="Fig. 4 with nets 8, 16, 24 and 32 wide")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the 8-bit recipe",
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "-o",
        "--output",
        default="tinyml-distortion",
        help="folder to leave everything in (%(default)s)",
    )


def do_demo(args):
    from . import demo

    if (args.dry is None) != (args.wet is None):
        raise UpedalError("demo: got one recording; expected none, or a dry and a wet one")
    result = demo.run(
        args.dry,
        args.wet,
        out=args.output,
        minutes=args.minutes,
        recipe=args.recipe,
        console=console(),
    )
    show(demo.table(result), f"{args.output}/report.html shows and plays it.")
    return 0 if result["bit_identical"] and not result["faults"] else 1


def do_reproduce(args):
    from pathlib import Path

    from . import reproduce

    result = reproduce.run(
        args.output, data=args.data, only=args.only, minutes=args.minutes, full=args.full,
        changes=args.set, seed=args.seed, console=console(),
    )  # fmt: skip
    print((Path(args.output) / "results.md").read_text(encoding="utf-8"), end="")
    done = f"{result['finished']} of {result['planned']} trainings are done"
    show(
        f"{args.output}/report.html: {done}"
        + ("; the same command goes on" if result["interrupted"] else "")
    )
    return 130 if result["interrupted"] else 0
