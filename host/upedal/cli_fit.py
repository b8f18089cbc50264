"""Verbs that bring a model to a board it fits: fit, distil."""

import sys

from .cli_common import knob_values, show
from .errors import UpedalError


def verbs(add):
    p = add("fit", "which recipes fit a board, before anything is trained", do_fit)
    p.description = (
        "Builds every recipe's net untrained and counts what it would load a board, in float or 16-bit integers, and how "
        "much RAM it takes. `upedal train --board` takes the best that fits; docs/fit_and_distil.md explains the columns."
    )
    p.add_argument("--board", required=True, help="profile: see `upedal boards`")
    p.add_argument("--rate-hz", type=int, help="of the recordings (default: the board's)")
    p.add_argument("--json", action="store_true", help="the table as JSON")

    p = add("distil", "a large model, or anybody's file, teaches one that fits a board", do_distil)
    p.description = (
        "A model too large for a pedal, such as somebody's NAM capture, plays five minutes of built-in audio, and a net "
        "that fits the board is trained on what came out. The ESR it tells is against the teacher, on audio that was not "
        "trained on. The teacher's licence must allow it. Example: upedal distil amp.nam --board pico2 -o small.upm "
        "--minutes 10 --test my_guitar.wav"
    )
    p.add_argument("model", help="the teacher: any file that `upedal convert` reads")
    p.add_argument("-o", "--output", required=True, help="the .upm to write")
    p.add_argument("--board", help="the pedal: decides recipe, grade and arithmetic")
    p.add_argument("--recipe", help="name or YAML file (default: the best that fits the board)")
    p.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a recipe's key"
    )
    p.add_argument(
        "--audio", action="append", default=[], metavar="FILE",
        help="dry recording to learn from, besides the built-in test signal and guitar; again for more",
    )  # fmt: skip
    p.add_argument(
        "--test", action="append", default=[], metavar="FILE",
        help="dry recording that is kept from training, to judge by; again for more",
    )  # fmt: skip
    p.add_argument(
        "--knobs",
        help="values the teacher's knobs are held at, such as 0.5,0.7 (default: its own)",
    )
    p.add_argument(
        "--size", help="of a container's models: lite, full or 0..1 (default: the largest)"
    )
    p.add_argument(
        "--minutes", type=float, help="stop after so long (default: the recipe's epochs)"
    )
    p.add_argument(
        "--arithmetic", choices=("auto", "f32", "q15"), help="auto with --board, else f32"
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--device", default="auto", help="auto, cpu or cuda (8-bit recipes: always cpu)"
    )
    p.add_argument("--work", help="folder of checkpoints and result.json (default: OUTPUT.distil)")
    p.add_argument("--fresh", action="store_true", help="ignore a checkpoint of the same job")


def do_fit(args):
    from . import board as boards
    from . import fit, rates

    profile = boards.load(args.board)
    rate_hz = args.rate_hz or profile.rate_hz
    if not rates.LOWEST_HZ <= rate_hz <= rates.HIGHEST_HZ:
        limits = f"{rates.LOWEST_HZ} to {rates.HIGHEST_HZ}"
        raise UpedalError(f"--rate-hz {rate_hz}: expected {limits} Hz")
    if args.json:
        import dataclasses
        import json

        print(
            json.dumps([dataclasses.asdict(row) for row in fit.rows(profile, rate_hz)], indent=2)
        )
        return
    show(fit.choose(profile, rate_hz)[2])


def do_distil(args):
    import os

    from . import distil

    if os.path.isdir(args.output):
        raise UpedalError(f"{args.output}: is a folder; expected a file to write")
    for path in [args.model, *args.audio, *args.test]:
        if (
            os.path.exists(path)
            and os.path.exists(args.output)
            and os.path.samefile(path, args.output)
        ):
            raise UpedalError(
                f"{args.output}: is an input as well; expected another file to write"
            )
    common = set(args.audio) & set(args.test)
    if common:
        raise UpedalError(
            f"{sorted(common)[0]}: to learn from and to judge by; expected one of the two"
        )

    def warn(text):
        print(f"upedal: note: {text}", file=sys.stderr)

    result = distil.distil(
        args.model, output=args.output, board=args.board, recipe=args.recipe, changes=args.set, files=args.audio,
        tests=args.test, minutes=args.minutes, knobs=knob_values(args.knobs), size=args.size, warn=warn,
        arithmetic=args.arithmetic, work=args.work, seed=args.seed, device=args.device, resume=not args.fresh, tell=show,
    )  # fmt: skip
    show(*_lines(result, args.board))
    return 130 if result["interrupted"] else 0


def _lines(result, board):
    """What distilling came to, as text."""
    name = result["teacher"]
    yield from result["quantisation"]
    stopped = "stopped by Ctrl-C, the best so far: " if result["interrupted"] else ""
    yield f"{stopped}ESR against {name}, on audio not trained on: {result['test_esr']:.2%}, {result['train_seconds']:.0f} s of training"
    levels = ", ".join(
        f"{level} dBFS {esr:.2%}" for level, esr in result["test_esr_by_level_dbfs"].items()
    )
    yield f"  guitar by its peak: {levels}"
    for path, esr in result["test_esr_by_file"].items():
        yield f"  {path}: {esr:.2%}"
    if result["test_esr"] > 0.2:
        yield "[bold]above 20 % training was too short, or the small net is too small for this model[/]"
    counts = result["instructions_per_sample"]
    yield f"{result['output']}: {result['upm_bytes']} bytes, {result['arithmetic']}, {counts['student']:,} instructions a sample; the teacher's {counts['teacher']:,}"
    shares = {
        who: "not known" if x is None else f"about {x:.0%}"
        for who, x in result.get("load", {}).items()
    }
    if shares:
        yield f"  {board}: load {shares['student']}, the teacher's {shares['teacher']} (estimates)"
