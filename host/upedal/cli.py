"""The command line: one do_<verb>() each, imports inside the verb, errors without a traceback."""

import argparse
import sys

from . import __version__
from .errors import UpedalError

TARGETS = "cpython, unix, unix-user, emu_m7 and the other emulated boards, emu_m7-user"


def _console():
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


def _print(*things):
    console = _console()
    for thing in things:
        console.print(thing, highlight=False)


def _knobs(text):
    try:
        return [float(v) for v in text.split(",")] if text else None
    except ValueError:
        raise UpedalError(f"--knobs {text!r}: expected numbers such as 0.5,0.7") from None


def do_demo(args):
    from . import demo

    if (args.dry is None) != (args.wet is None):
        raise UpedalError("demo: got one recording; expected none, or a dry and a wet one")
    result = demo.run(
        args.dry, args.wet, out=args.output, minutes=args.minutes, recipe=args.recipe, console=_console()
    )
    _print(demo.table(result), f"{args.output}/report.html shows and plays it.")
    return 0 if result["bit_identical"] and not result["faults"] else 1


def do_train(args):
    from . import audio, cost, upm
    from . import board as boards
    from . import recipe as recipes
    from .pack import pack
    from .train import render, train

    profile = boards.load(args.board) if args.board else None
    plan = recipes.load(args.recipe, args.set)
    (dry, rate), (wet, wet_rate) = audio.read(args.dry), audio.read(args.wet)
    for note in audio.check_pair(dry, wet, rate, wet_rate):
        _print(note)
    if profile and profile.rate_hz != rate:
        _print(f"note: {args.board} runs at {profile.rate_hz} Hz, the recordings at {rate} Hz")
    dry, wet, alignment = audio.align(dry, wet, rate)
    _print(f"wet is {alignment.lag_frames} frames late, polarity {alignment.polarity:+d}")
    out_dir = args.work or f"{args.output}.train"
    done = train(
        dry, wet, rate, plan, minutes=args.minutes, out_dir=out_dir, seed=args.seed, device=args.device,
        resume=not args.fresh,
    )  # fmt: skip
    meta = {"name": args.name, "author": args.author, "gear": args.gear, "licence": args.licence}
    meta |= {"recipe": plan.name, "seed": args.seed, "validation_esr": f"{done.val_esr:.5f}"}
    model = pack(done.net, rate, grade=profile.grade if profile else "accurate", meta=meta)
    size = upm.save(model, args.output)
    ended = "stopped by Ctrl-C; the best so far" if done.interrupted else "done"
    _print(f"{ended}: validation ESR {done.val_esr:.3%}, test ESR {done.test_esr:.3%}, {done.seconds:.0f} s")
    if done.val_esr > 0.2:
        _print("[bold]above 20 % something is wrong with the recordings[/]: latency over 40 ms, another take, an effect")
    if args.test:
        (x, _), (y, _) = audio.read(args.test[0]), audio.read(args.test[1])
        lag = alignment.lag_frames
        n = min(len(x), len(y)) - abs(lag)
        x, y = x[max(-lag, 0) :][:n], y[max(lag, 0) :][:n]
        _print(f"on {args.test[1]}: ESR {audio.esr(y, render(done.net, x)):.4%} (net)")
        _print(f"on {args.test[1]}: ESR {audio.esr(y, _render(args.output, x)):.4%} (simulator)")
    _print(f"{args.output}: {size} bytes")
    for board, share in cost.loads(model):
        if share is not None and (profile is None or board.name == profile.name):
            _print(f"  {board.name}: load about {share:.0%} (estimate)")


def _render(path, x, knobs=None, prewarm=None):
    from . import upm
    from .native import render

    return render(upm.read_blob(path), x, knobs=knobs, prewarm=prewarm)


def do_pack(args):
    from . import board as boards
    from . import upm
    from .pack import from_checkpoint, pack

    net, recipe, rate, val_esr = from_checkpoint(args.checkpoint)
    grade = args.grade or (boards.load(args.board).grade if args.board else "accurate")
    meta = {"name": args.name, "author": args.author, "gear": args.gear, "licence": args.licence}
    meta |= {"recipe": recipe.name, "validation_esr": f"{val_esr:.5f}"}
    size = upm.save(pack(net, rate, grade=grade, meta=meta), args.output)
    _print(f"{args.output}: {size} bytes, {grade} activations")


def do_convert(args):
    from pathlib import Path

    from . import board as boards
    from . import convert, cost, measure, upm

    def warn(text):
        print(f"upedal: note: {text}", file=sys.stderr)

    model = convert.read(args.input, size=args.size, warn=warn)
    profile = boards.load(args.board) if args.board else None
    if args.rate_hz:
        from . import rates

        model = rates.scale(model, args.rate_hz)
    model.grade = args.grade or (profile.grade if profile else model.grade)
    if args.output.endswith("/") or Path(args.output).is_dir():
        if args.to not in (None, "c"):
            raise UpedalError(f"{args.output} is a folder; only --to c fills one")
        from .convert import csource

        measure.level(model)
        csource.write_folder(model, args.output, Path(args.input).stem)
        _print(f"{args.output}: the model as a C header, the core, an example")
        return
    to = convert.target(args.output, args.to)
    if to in ("upm", "c"):
        measure.level(model)
    size = convert.write(model, args.output, to=to, warn=warn)
    total = cost.instructions(model)[0]
    _print(f"{args.output}: {size} bytes; {sum(map(upm.macs, model.layers)):,} MACs a sample")
    if profile and profile.budget_cycles_per_sample:
        if profile.rate_hz != model.rate_hz:
            warn(f"{profile.name} runs at {profile.rate_hz} Hz, the model at {model.rate_hz} Hz: see docs/models.md")
        cycles = cost.cycles(model, profile.core)
        share = "not known" if cycles is None else f"about {cycles / profile.budget_cycles_per_sample:.0%}"
        _print(f"  {profile.name}: load {share} (estimate), {total:,} instructions a sample")


def do_info(args):
    import json

    from . import info

    if args.json:
        print(json.dumps(info.facts(args.model), indent=2))
    else:
        info.show(args.model, _console())


def do_render(args):
    from . import audio, upm

    x, rate = audio.read(args.input)
    model = upm.load(args.model)
    given = rate
    if model.rate_hz != rate:
        from . import rates

        if not args.resample:
            advice = "; ".join(rates.advice(model, rate))
            raise UpedalError(f"{args.input}: {rate} Hz; {args.model} expects {model.rate_hz} Hz. Ways: {advice}")
        x, rate = rates.resample(x, rate, model.rate_hz), model.rate_hz
    if args.on == "cpython":
        y = _render(args.model, x, _knobs(args.knobs), args.prewarm)
    else:
        y = _render_on(args, x, model)
    if given != rate:
        y, rate = rates.resample(y, rate, given), given
    audio.write(args.output, y, rate)
    _print(f"{args.output}: {len(y)} frames, {rate} Hz, peak {abs(y).max():.3f}")


def _render_on(args, x, model):
    """The model in a rig of its own, on another target."""
    import shutil
    import tempfile
    from pathlib import Path

    import numpy as np

    from . import audio, sim

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        shutil.copy(args.model, folder / "model.upm")
        knobs = _knobs(args.knobs)
        text = "from pedal import Neural, Rig\n"
        text += f"rig = Rig(Neural('model.upm', knobs={knobs!r}), rate_hz={model.rate_hz})\n"
        (folder / "rig.py").write_text(text)
        extra = 0 if args.prewarm is None else args.prewarm
        if args.prewarm is not None and args.prewarm < model.prewarm:
            raise UpedalError(f"--prewarm {args.prewarm}: off CPython at least the file's {model.prewarm}")
        extra = max(extra - model.prewarm, 0)
        audio.write(folder / "in.wav", np.concatenate([np.zeros(extra, np.float32), x]), model.rate_hz)
        sim.run(folder / "rig.py", folder / "in.wav", folder / "out.wav", on=args.on)
        return audio.read(folder / "out.wav")[0][extra:]


def do_sim(args):
    from . import sim

    result = sim.run(args.rig, args.input, args.output, on=args.on, block=args.block)
    _print(*(f"{key}: {value}" for key, value in result.items()))
    return 1 if result.get("faults") else 0


def do_deploy(args):
    from .deploy import deploy
    from .emulator import Emulator

    if args.emulator:
        with Emulator(args.emulator) as board:
            _print(str(deploy(args.rig, emulator=board, board=args.board)))
    else:
        _print(str(deploy(args.rig, args.port, board=args.board)))


def do_bench(args):
    import json
    from pathlib import Path

    from . import bench

    result = bench.run(args.board or bench.BOARDS, progress=sys.stderr.isatty())
    _print(bench.table(result, args.block), bench.desktop_table(result))
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")


def do_boards(args):
    from . import board

    _print(board.table())


def do_doctor(args):
    from . import doctor

    return doctor.run()


def _meta(p):
    for key in ("name", "author", "gear", "licence"):
        p.add_argument(f"--{key}", help=f"{key}, kept in the file")


def _verbs(add):
    p = add("demo", "the whole way: pair, training, .upm, emulated pedal, report")
    p.add_argument("dry", nargs="?", help="dry recording (default: a synthesised guitar)")
    p.add_argument("wet", nargs="?", help="the same take through the gear")
    p.add_argument("-o", "--output", default="demo", help="folder to leave everything in (%(default)s)")
    p.add_argument("--minutes", type=float, default=1.5, help="of training (%(default)s)")
    p.add_argument("--recipe", default="gru-16", help="name or YAML file (%(default)s)")

    p = add("train", "train a model from a dry and a wet recording")
    p.add_argument("dry")
    p.add_argument("wet")
    p.add_argument("-o", "--output", required=True, help="the .upm to write")
    p.add_argument("--recipe", default="gru-16", help="name or YAML file (%(default)s)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a recipe's key")
    p.add_argument("--board", help="profile that decides the grade and is checked for budget")
    p.add_argument("--minutes", type=float, help="stop after so long (default: the recipe's epochs)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="auto", help="auto, cpu or cuda")
    p.add_argument("--work", help="folder of checkpoints (default: OUTPUT.train)")
    p.add_argument("--fresh", action="store_true", help="ignore a checkpoint of the same job")
    p.add_argument("--test", nargs=2, metavar=("DRY", "WET"), help="a second pair, of the same lag, to judge by")
    _meta(p)

    p = add("pack", "write a .upm from a training checkpoint")
    p.add_argument("checkpoint")
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--board", help="profile that decides the grade")
    p.add_argument("--grade", choices=("accurate", "fast"), help="of tanh and sigmoid")
    _meta(p)

    p = add("convert", "model files of other programs, in and out (docs/models.md)")
    p.add_argument("input", help=".upm, .nam, .namb, GuitarML, AIDA-X or RTNeural .json, NeuralSeed .h")
    p.add_argument("output", help=".upm, .nam, .namb, .json, .aidax, .h; or FOLDER/ for C source")
    p.add_argument("--to", help="upm, nam, namb, guitarml, aidax or c (default: by the ending)")
    p.add_argument("--size", help="of a container's models: lite, full or 0..1 (default: the largest)")
    p.add_argument("--board", help="profile that decides the grade and tells the load")
    p.add_argument("--grade", choices=("accurate", "fast"), help="of tanh and sigmoid")
    p.add_argument("--rate-hz", type=int, help="scale a convolutional net to a multiple of its rate")

    p = add("info", "explain a .upm file in full")
    p.add_argument("model")
    p.add_argument("--json", action="store_true")

    p = add("render", "one model, WAV in, float32 WAV out")
    p.add_argument("model")
    p.add_argument("input")
    p.add_argument("output")
    p.add_argument("--knobs", help="values, such as 0.5,0.7 (default: the file's)")
    p.add_argument("--prewarm", type=int, help="frames of silence first (default: the file's)")
    p.add_argument("--resample", action="store_true", help="to the model's rate and back, where they differ")
    p.add_argument("--on", default="cpython", help=TARGETS)

    p = add("sim", "a rig script, WAV in, float32 WAV out")
    p.add_argument("rig")
    p.add_argument("input")
    p.add_argument("output")
    p.add_argument("--on", default="cpython", help=TARGETS)
    p.add_argument("--block", type=int, help="frames, instead of the rig's")

    p = add("deploy", "put a rig, its models and upedal on a pedal")
    p.add_argument("rig")
    where = p.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", help="such as /dev/ttyACM0 or socket://HOST:PORT")
    where.add_argument("--emulator", help="an emulated board, to try it, such as emu_m7")
    p.add_argument("--board", help="profile, where the device does not tell which it is")

    p = add("bench", "instructions a sample on the emulated boards, and this CPU's speed")
    p.add_argument("--board", action="append", help="emulated board (default: M7, M4F, M33)")
    p.add_argument("--block", type=int, default=64, help="of the printed table (%(default)s)")
    p.add_argument("--json", metavar="FILE", help="write all rows")

    add("boards", "the board profiles: budget, and what was verified how")
    add("doctor", "what is installed, what is missing, and the command that brings it")


def parser():
    top = argparse.ArgumentParser(prog="upedal", description="Neural amps and effects for MicroPython pedals.")
    top.add_argument("--version", action="version", version=f"upedal {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def add(name, text):
        p = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        p.set_defaults(do=globals()[f"do_{name}"])
        return p

    _verbs(add)
    return top


def _keep_inputs(args):
    """An output that is one of the inputs would destroy it."""
    import os

    output = getattr(args, "output", None)
    if not output or not os.path.exists(output):
        return
    for name in ("dry", "wet", "input", "rig", "model", "checkpoint"):
        path = getattr(args, name, None)
        if path and os.path.exists(path) and os.path.samefile(path, output):
            raise UpedalError(f"{output}: is the {name} as well; expected another file to write")


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        _keep_inputs(args)
        return args.do(args) or 0
    except ModuleNotFoundError as e:
        if e.name != "torch":
            raise
        print("upedal: training needs PyTorch; run: pip install torch", file=sys.stderr)
        return 1
    except UpedalError as e:
        print(f"upedal: {e}", file=sys.stderr)
        if output := getattr(e, "output", ""):
            print(output.rstrip()[-2000:], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("upedal: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
