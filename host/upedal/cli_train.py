"""The verb that makes a model: train."""

import sys

from . import levels
from .cli_common import show
from .errors import UpedalError

_TRAIN = """\
Trains a model from a dry recording and the same take through the gear, or from several takes at
different knob settings, and writes one .upm. What is wrong with the recordings is said first, and
mended where it can be. Examples:

  upedal train dry.wav wet.wav -o amp.upm --board teensy41 --minutes 10
  upedal train captures.csv -o amp.upm --recipe gru-32 --held-out "drive=5"

In OUTPUT.train it leaves report.html, result.json and the checkpoint that the same command goes on from."""


def verbs(add):
    _train_options(add("train", "train a model from recordings", do_train))


def _train_options(p):
    import argparse

    p.description, p.formatter_class = _TRAIN, argparse.RawDescriptionHelpFormatter
    p.add_argument(
        "dry",
        metavar="DRY | CAPTURES",
        help="recording, or a CSV or folder of captures (docs/knobs.md)",
    )
    p.add_argument("wet", nargs="?", help="the same take through the gear")
    p.add_argument("-o", "--output", required=True, help="the .upm to write")
    p.add_argument(
        "--recipe", help="name or YAML file (default: the best that fits --board, else gru-16)"
    )
    p.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a recipe's key"
    )
    p.add_argument(
        "--board",
        help="profile to fit: chooses recipe, arithmetic (mostly q15) and fast activations; without it gru-16, f32, accurate",
    )
    p.add_argument(
        "--arithmetic", choices=("auto", "f32", "q15"), help="auto with --board, else f32"
    )
    p.add_argument(
        "--minutes", type=float, help="stop after so long (default: the recipe's epochs)"
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--device", default="auto", help="auto, cpu or cuda (8-bit recipes: always cpu)"
    )
    p.add_argument("--work", help="folder of checkpoint and report (default: OUTPUT.train)")
    p.add_argument("--fresh", action="store_true", help="ignore a checkpoint of the same job")
    p.add_argument("--force", action="store_true", help="go on in spite of what the checks refuse")
    p.add_argument(
        "--channel", metavar="N[,N]", help="of stereo files: one for both, or dry and wet, from 1"
    )
    p.add_argument(
        "--test",
        nargs=2,
        metavar=("DRY", "WET"),
        help="a second pair, of the same lag, to judge by",
    )
    p.add_argument(
        "--knob",
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH:DEFAULT",
        help="a knob's range; repeatable",
    )
    p.add_argument(
        "--held-out",
        action="append",
        default=[],
        metavar="PATTERN",
        help="captures that only judge; repeatable",
    )
    p.add_argument(
        "--fit-search",
        type=int,
        metavar="N",
        help="first try N sizes of net for --board (pip install 'upedal[search]')",
    )
    levels.options(p)


def do_train(args):
    from . import job

    dry, wet, captures = (args.dry, args.wet, None) if args.wet else (None, None, args.dry)
    plan = job.Job(
        output=args.output, dry=dry, wet=wet, captures=captures, knobs=args.knob, held_out=args.held_out,
        test=args.test, recipe=args.recipe, changes=args.set, board=args.board, arithmetic=args.arithmetic,
        minutes=args.minutes, seed=args.seed, device=args.device, work=args.work, resume=not args.fresh,
        force=args.force, channel=args.channel, **levels.given(args),
        command=job.command_line(sys.argv[1:]),
    )  # fmt: skip
    if args.fit_search:
        plan.recipe = _searched(args, plan)
    result = job.run(plan, show=show)
    _tell_trained(result, plan)
    return 130 if result["interrupted"] else 0


def _searched(args, plan):
    """The recipe that the search names, after it has shown what it found."""
    from . import fit_search, job

    if not args.board or not args.wet:
        raise UpedalError("--fit-search: expected --board and one pair of recordings")
    first = job.load(plan).items[0]
    found = fit_search.run(
        first.dry, first.wet, first.pair.rate_hz, board=args.board, trials=args.fit_search,
        minutes_each=(args.minutes or 10.0) / 10, out_dir=plan.folder / "search", seed=args.seed,
        device=args.device, tell=show,
    )  # fmt: skip
    show(fit_search.table(found))
    if found["interrupted"]:
        raise KeyboardInterrupt
    return found["recipe"]


def _tell_settings(result):
    """ESR of each setting, in the order of the knobs; of a trained one over the last tenth of its take."""
    names = [knob["name"] for knob in result["knobs"]]
    for setting in sorted(result["settings"], key=lambda s: s["knobs"]):
        at = (
            ", ".join(f"{name}={value:g}" for name, value in zip(names, setting["knobs"]))
            or setting["name"]
        )
        how = "held out, all of the take" if setting["held_out"] else "the take's last tenth"
        show(f"  {at}: ESR {setting['esr']:.3%} ({how})")


def _tell_trained(result, plan):
    ended = (
        "stopped; the best so far is kept, the same command goes on"
        if result["interrupted"]
        else "done"
    )
    show(
        f"{ended}: validation ESR {result['val_esr']:.3%}, test ESR {result['packed_esr']:.3%}, {result['train_seconds']:.0f} s"
    )
    if len(result["settings"]) > 1:
        _tell_settings(result)
    if second := result.get("second_test"):
        show(f"on {second['wet']}: ESR {second['esr']:.4%}")
    if quantised := result.get("quantised"):
        show(
            f"in {quantised['arithmetic']}: test ESR {quantised['esr']:.3%}; {quantised['db']:.1f} dB against float"
        )
    if result["test_esr"] > 0.2 and not result["interrupted"]:
        show(
            "[bold]above 20 %[/]: train longer (the same command with more --minutes goes on), or see in the report what"
            " the checks say of the recordings"
        )
    show(f"{result['output']}: {result['upm_bytes']} bytes, {result['arithmetic']}")
    for board in result["boards"]:
        if board["load"] is not None:
            over = " [bold]does not fit[/]" if board["load"] > 1 else ""
            show(f"  {board['name']}: load about {board['load']:.0%} (estimate){over}")
    show(f"{plan.folder}/report.html shows and plays it.")
