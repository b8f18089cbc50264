"""Verbs about model files: pack, convert, info, render."""

import sys

from . import levels
from .cli_common import (
    TARGETS,
    arithmetic_options,
    console,
    in_arithmetic,
    knob_values,
    render_file,
    show,
)
from .errors import UpedalError


def verbs(add):
    p = add("pack", "write a .upm from a training checkpoint", do_pack)
    p.add_argument("checkpoint")
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--board", help="profile that decides grade and arithmetic")
    p.add_argument("--grade", choices=("accurate", "fast"), help="of tanh and sigmoid")
    arithmetic_options(p)
    levels.options(p)

    p = add("convert", "model files of other programs, in and out (docs/models.md)", do_convert)
    p.add_argument(
        "input", help=".upm, .nam, .namb, GuitarML, AIDA-X or RTNeural .json, NeuralSeed .h"
    )
    p.add_argument(
        "output",
        help=".upm, .nam, .namb, .json, .aidax, .h; or FOLDER/ for C source or the MAX78000",
    )
    p.add_argument(
        "--to", help="upm, nam, namb, guitarml, aidax, c or max78000 (default: by the ending)"
    )
    p.add_argument(
        "--size",
        help="of a container's models: lite, full or 0..1 (default: the largest); both: two in one .upm",
    )
    p.add_argument("--board", help="profile that decides grade and arithmetic, and tells the load")
    p.add_argument("--grade", choices=("accurate", "fast"), help="of tanh and sigmoid")
    arithmetic_options(p)
    p.add_argument(
        "--rate-hz", type=int, help="scale a convolutional net to a multiple of its rate"
    )

    p = add("info", "explain a .upm file in full", do_info)
    p.add_argument("model")
    p.add_argument("--json", action="store_true")

    p = add("render", "one model, WAV in, float32 WAV out", do_render)
    p.add_argument("model")
    p.add_argument("input")
    p.add_argument("output")
    p.add_argument("--knobs", help="values, such as 0.5,0.7 (default: the file's)")
    p.add_argument("--prewarm", type=int, help="frames of silence first (default: the file's)")
    p.add_argument("--size", choices=("full", "lite"), help="of a file that holds two models")
    p.add_argument(
        "--resample", action="store_true", help="to the model's rate and back, where they differ"
    )
    p.add_argument("--on", default="cpython", help=TARGETS)


def do_pack(args):
    from . import board as boards
    from . import upm
    from .pack import from_checkpoint, pack

    net, recipe, rate, val_esr, knobs = from_checkpoint(args.checkpoint)
    profile = boards.load(args.board) if args.board else None
    grade = args.grade or (profile.grade if profile else "accurate")
    told = levels.given(args)
    meta = {"recipe": recipe.name, "validation_esr": f"{val_esr:.5f}"}

    def made(part):
        model, notes = in_arithmetic(
            args, pack(part, rate, grade=grade, meta=meta, knobs=knobs), profile
        )
        show(*notes)
        return levels.apply(model, **told)

    model = made(net)
    size = upm.save(model, args.output, made(net.sized(recipe.slim[0])) if recipe.slim else None)
    show(f"{args.output}: {size} bytes, {model.arithmetic}, {model.grade} activations")


def do_convert(args):
    from pathlib import Path

    from . import board as boards
    from . import convert, cost, upm

    def warn(text):
        print(f"upedal: note: {text}", file=sys.stderr)

    lite = None
    if args.size == "both":
        model, lite = convert.read_both(args.input, warn=warn)
    else:
        model = convert.read(args.input, size=args.size, warn=warn)
    if args.to == "max78000":
        if model.arithmetic != "f32":
            _only_copied(args, model, "c")
        return _to_max78000(args, model)
    profile = boards.load(args.board) if args.board else None
    folder = args.output.endswith("/") or Path(args.output).is_dir()
    if folder and args.to not in (None, "c"):
        raise UpedalError(f"{args.output} is a folder; only --to c and --to max78000 fill one")
    to = "c" if folder else convert.target(args.output, args.to)
    if lite is not None and to != "upm":
        raise UpedalError(f"{args.output}: --size both needs a .upm; {to} files hold one model")
    model = _fitted(args, model, to, profile)
    if folder:
        from .convert import csource

        csource.write_folder(model, args.output, Path(args.input).stem)
        show(f"{args.output}: the model as a C header, the core, an example")
        return
    if lite is None:
        size = convert.write(model, args.output, to=to, warn=warn)
    else:
        size = upm.save(model, args.output, _fitted(args, lite, to, profile))
    total = cost.instructions(model)[0]
    show(
        f"{args.output}: {size} bytes, {model.arithmetic}; {sum(map(upm.macs, model.layers)):,} MACs a sample"
    )
    if profile and profile.budget_cycles_per_sample:
        if profile.rate_hz != model.rate_hz:
            warn(
                f"{profile.name} runs at {profile.rate_hz} Hz, the model at {model.rate_hz} Hz: see docs/models.md"
            )
        cycles = cost.board_cycles(model, profile)
        share = (
            "not known"
            if cycles is None
            else f"about {cycles / profile.budget_cycles_per_sample:.0%}"
        )
        two = cost.told_two(model, profile)
        show(f"  {profile.name}: load {share}{two} (estimate), {total:,} instructions a sample")


def _fitted(args, model, to, profile):
    """The model at the rate, in the grade and arithmetic that are asked for, or of the board."""
    from . import measure, rates

    if model.arithmetic != "f32":
        _only_copied(args, model, to)
    else:
        if args.rate_hz:
            model = rates.scale(model, args.rate_hz)
        model.grade = args.grade or (profile.grade if profile else model.grade)
    if to in ("upm", "c"):
        measure.level(model)
        if model.arithmetic == "f32":
            model, notes = in_arithmetic(args, model, profile)
            show(*notes)
    elif args.arithmetic == "q15":
        raise UpedalError(
            f"{args.output}: {to} files hold floats only; --arithmetic q15 needs a .upm or C source"
        )
    return model


def _only_copied(args, model, to):
    """Refuses what an integer model cannot become."""
    if to not in ("upm", "c"):
        raise UpedalError(
            f"{args.input}: {model.arithmetic}, and {to} files hold floats; convert the f32 file"
        )
    for option in ("rate_hz", "grade", "calibrate"):
        if getattr(args, option):
            text = f"--{option.replace('_', '-')} changes floats"
            raise UpedalError(
                f"{args.input}: {model.arithmetic}, and {text}; convert the f32 file"
            )
    if args.arithmetic not in (None, "auto", model.arithmetic):
        raise UpedalError(
            f"{args.input}: {model.arithmetic} already; for {args.arithmetic} convert the f32 file"
        )


def _to_max78000(args, model):
    """A q7 model as a folder for the tools of the MAX78000's accelerator."""
    from pathlib import Path

    from .convert import max78000

    made = max78000.write_model(model, args.output, Path(args.input).stem, where=args.input)
    names = ", ".join(path.name for path in made)
    show(f"{args.output}: {names}; README.txt says how a program is made of them")


def do_info(args):
    import json

    from . import info

    if args.json:
        print(json.dumps(info.facts(args.model), indent=2))
    else:
        info.show(args.model, console())


def do_render(args):
    from . import audio, upm

    x, rate = audio.read(args.input)
    model = upm.load(args.model, args.size)
    given = rate
    if model.rate_hz != rate:
        from . import rates

        if not args.resample:
            advice = "; ".join(rates.advice(model, rate))
            raise UpedalError(
                f"{args.input}: {rate} Hz; {args.model} expects {model.rate_hz} Hz. Ways: {advice}"
            )
        x, rate = rates.resample(x, rate, model.rate_hz), model.rate_hz
    if args.on == "cpython":
        y = render_file(args.model, x, knob_values(args.knobs), args.prewarm, args.size)
    else:
        y = _render_on(args, x, model)
    if given != rate:
        y, rate = rates.resample(y, rate, given), given
    audio.write(args.output, y, rate)
    show(f"{args.output}: {len(y)} frames, {rate} Hz, peak {abs(y).max():.3f}")


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
        knobs = knob_values(args.knobs)
        text = "from pedal import Neural, Rig\n"
        text += f"rig = Rig(Neural('model.upm', knobs={knobs!r}, size={args.size!r}), rate_hz={model.rate_hz})\n"
        (folder / "rig.py").write_text(text)
        extra = 0 if args.prewarm is None else args.prewarm
        if args.prewarm is not None and args.prewarm < model.prewarm:
            raise UpedalError(
                f"--prewarm {args.prewarm}: off CPython at least the file's {model.prewarm}"
            )
        extra = max(extra - model.prewarm, 0)
        audio.write(
            folder / "in.wav", np.concatenate([np.zeros(extra, np.float32), x]), model.rate_hz
        )
        sim.run(folder / "rig.py", folder / "in.wav", folder / "out.wav", on=args.on)
        return audio.read(folder / "out.wav")[0][extra:]
