"""Verbs that make a model: demo, train, pack, reproduce."""

from .cli_common import arithmetic_options, console, in_arithmetic, meta_options, render_file, show
from .errors import UpedalError


def verbs(add):
    p = add("demo", "the whole way: pair, training, .upm, emulated pedal, report", do_demo)
    p.add_argument("dry", nargs="?", help="dry recording (default: a synthesised guitar)")
    p.add_argument("wet", nargs="?", help="the same take through the gear")
    p.add_argument(
        "-o", "--output", default="demo", help="folder to leave everything in (%(default)s)"
    )
    p.add_argument("--minutes", type=float, default=1.5, help="of training (%(default)s)")
    p.add_argument("--recipe", default="gru-16", help="name or YAML file (%(default)s)")

    p = add("train", "train a model from a dry and a wet recording", do_train)
    p.add_argument("dry")
    p.add_argument("wet")
    p.add_argument("-o", "--output", required=True, help="the .upm to write")
    p.add_argument("--recipe", default="gru-16", help="name or YAML file (%(default)s)")
    p.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a recipe's key"
    )
    p.add_argument(
        "--board",
        help="profile that decides the grade (8-bit recipes: emphasis, dither) and is checked for budget",
    )
    p.add_argument(
        "--minutes", type=float, help="stop after so long (default: the recipe's epochs)"
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--device", default="auto", help="auto, cpu or cuda (8-bit recipes: always cpu)"
    )
    p.add_argument("--work", help="folder of checkpoints (default: OUTPUT.train)")
    p.add_argument("--fresh", action="store_true", help="ignore a checkpoint of the same job")
    p.add_argument(
        "--test",
        nargs=2,
        metavar=("DRY", "WET"),
        help="a second pair, of the same lag, to judge by",
    )
    meta_options(p)

    p = add("pack", "write a .upm from a training checkpoint", do_pack)
    p.add_argument("checkpoint")
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--board", help="profile that decides grade and arithmetic")
    p.add_argument("--grade", choices=("accurate", "fast"), help="of tanh and sigmoid")
    arithmetic_options(p)
    meta_options(p)

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


def do_train(args):
    from pathlib import Path

    from . import audio, cost, upm
    from . import board as boards
    from . import recipe as recipes
    from .pack import pack
    from .train import render, train

    profile = boards.load(args.board) if args.board else None
    if Path(args.output).is_dir():
        raise UpedalError(f"{args.output}: is a folder; expected a file to write")
    plan = recipes.load(args.recipe, args.set)
    (dry, rate), (wet, wet_rate) = audio.read(args.dry), audio.read(args.wet)
    for note in audio.check_pair(dry, wet, rate, wet_rate):
        show(note)
    if profile and profile.rate_hz != rate:
        show(f"note: {args.board} runs at {profile.rate_hz} Hz, the recordings at {rate} Hz")
    dry, wet, alignment = audio.align(dry, wet, rate)
    show(f"wet is {alignment.lag_frames} frames late, polarity {alignment.polarity:+d}")
    meta = {"name": args.name, "author": args.author, "gear": args.gear, "licence": args.licence}
    meta |= {"recipe": plan.name, "seed": args.seed}
    how = {
        "minutes": args.minutes,
        "out_dir": args.work or f"{args.output}.train",
        "seed": args.seed,
        "resume": not args.fresh,
    }
    if plan.net == "tcn8":
        model, net, figures = _train_q7(dry, wet, rate, plan, how, meta, profile)
    else:
        done = train(dry, wet, rate, plan, device=args.device, **how)
        meta["validation_esr"] = f"{done.val_esr:.5f}"
        model = pack(done.net, rate, grade=profile.grade if profile else "accurate", meta=meta)
        figures = (
            done.val_esr,
            f"validation ESR {done.val_esr:.3%}, test ESR {done.test_esr:.3%}",
            done,
        )

        def net(x):
            return render(done.net, x)

    size = upm.save(model, args.output)
    worst, told, done = figures
    ended = "stopped by Ctrl-C; the best so far" if done.interrupted else "done"
    show(f"{ended}: {told}, {done.seconds:.0f} s")
    if worst > 0.2:
        show(
            "[bold]above 20 % training was too short, or something is wrong with the recordings[/]: latency over 40 ms, another take, an effect"
        )
    if args.test:
        (x, _), (y, _) = audio.read(args.test[0]), audio.read(args.test[1])
        lag = alignment.lag_frames
        n = min(len(x), len(y)) - abs(lag)
        x, y = x[max(-lag, 0) :][:n], y[max(lag, 0) :][:n]
        show(f"on {args.test[1]}: ESR {audio.esr(y, net(x)):.4%} (net)")
        show(f"on {args.test[1]}: ESR {audio.esr(y, render_file(args.output, x)):.4%} (simulator)")
    show(f"{args.output}: {size} bytes, {model.arithmetic}")
    for board, share in cost.loads(model):
        if share is not None and (profile is None or board.name == profile.name):
            show(f"  {board.name}: load about {share:.0%} (estimate)")


def _train_q7(dry, wet, rate, plan, how, meta, profile):
    """(QModel, audio -> output, (ESR, text, result)) of a net of 8 bits; emphasis and dither are the board's, where it
    has them."""
    import dataclasses

    from . import pack, tcn8, train_tcn8
    from .reproduce.packing import q7_model

    if profile and profile.pre_emphasis is not None:
        plan = dataclasses.replace(plan, emphasis=profile.pre_emphasis, dither=profile.dither)
    done = train_tcn8.train(dry, wet, rate, plan, **how)
    model = q7_model(done.net, done.front, done.scale)
    seen = [note["val_esr"] for note in done.history if note["phase"] == "q7"]
    model.meta |= pack.made_now(meta | {"validation_esr": f"{min(seen):.5f}" if seen else None})
    told = f"test ESR {done.q7_esr:.3%} (float {done.float_esr:.3%})"

    def play(x):
        return tcn8.render_q7(done.net, done.front, done.scale, x)

    return model, play, (done.q7_esr, told, done)


def do_pack(args):
    from . import board as boards
    from . import upm
    from .pack import from_checkpoint, pack

    net, recipe, rate, val_esr = from_checkpoint(args.checkpoint)
    profile = boards.load(args.board) if args.board else None
    grade = args.grade or (profile.grade if profile else "accurate")
    meta = {"name": args.name, "author": args.author, "gear": args.gear, "licence": args.licence}
    meta |= {"recipe": recipe.name, "validation_esr": f"{val_esr:.5f}"}
    model, notes = in_arithmetic(args, pack(net, rate, grade=grade, meta=meta), profile)
    size = upm.save(model, args.output)
    show(*notes, f"{args.output}: {size} bytes, {model.arithmetic}, {model.grade} activations")


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
