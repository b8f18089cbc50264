"""The command line: one do_<verb>() each, imports inside the verb, errors without a traceback."""

import argparse
import math
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
        _print(note)
    if profile and profile.rate_hz != rate:
        _print(f"note: {args.board} runs at {profile.rate_hz} Hz, the recordings at {rate} Hz")
    dry, wet, alignment = audio.align(dry, wet, rate)
    _print(f"wet is {alignment.lag_frames} frames late, polarity {alignment.polarity:+d}")
    meta = {"name": args.name, "author": args.author, "gear": args.gear, "licence": args.licence}
    meta |= {"recipe": plan.name, "seed": args.seed}
    how = {"minutes": args.minutes, "out_dir": args.work or f"{args.output}.train", "seed": args.seed, "resume": not args.fresh}
    if plan.net == "tcn8":
        model, net, figures = _train_q7(dry, wet, rate, plan, how, meta, profile)
    else:
        done = train(dry, wet, rate, plan, device=args.device, **how)
        meta["validation_esr"] = f"{done.val_esr:.5f}"
        model = pack(done.net, rate, grade=profile.grade if profile else "accurate", meta=meta)
        figures = (done.val_esr, f"validation ESR {done.val_esr:.3%}, test ESR {done.test_esr:.3%}", done)

        def net(x):
            return render(done.net, x)

    size = upm.save(model, args.output)
    worst, told, done = figures
    ended = "stopped by Ctrl-C; the best so far" if done.interrupted else "done"
    _print(f"{ended}: {told}, {done.seconds:.0f} s")
    if worst > 0.2:
        _print("[bold]above 20 % training was too short, or something is wrong with the recordings[/]: latency over 40 ms, another take, an effect")
    if args.test:
        (x, _), (y, _) = audio.read(args.test[0]), audio.read(args.test[1])
        lag = alignment.lag_frames
        n = min(len(x), len(y)) - abs(lag)
        x, y = x[max(-lag, 0) :][:n], y[max(lag, 0) :][:n]
        _print(f"on {args.test[1]}: ESR {audio.esr(y, net(x)):.4%} (net)")
        _print(f"on {args.test[1]}: ESR {audio.esr(y, _render(args.output, x)):.4%} (simulator)")
    _print(f"{args.output}: {size} bytes, {model.arithmetic}")
    for board, share in cost.loads(model):
        if share is not None and (profile is None or board.name == profile.name):
            _print(f"  {board.name}: load about {share:.0%} (estimate)")


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


def _render(path, x, knobs=None, prewarm=None):
    from . import upm
    from .native import render

    return render(upm.read_blob(path), x, knobs=knobs, prewarm=prewarm)


def do_pack(args):
    from . import board as boards
    from . import upm
    from .pack import from_checkpoint, pack

    net, recipe, rate, val_esr = from_checkpoint(args.checkpoint)
    profile = boards.load(args.board) if args.board else None
    grade = args.grade or (profile.grade if profile else "accurate")
    meta = {"name": args.name, "author": args.author, "gear": args.gear, "licence": args.licence}
    meta |= {"recipe": recipe.name, "validation_esr": f"{val_esr:.5f}"}
    model, notes = _in_arithmetic(args, pack(net, rate, grade=grade, meta=meta), profile)
    size = upm.save(model, args.output)
    _print(*notes, f"{args.output}: {size} bytes, {model.arithmetic}, {model.grade} activations")


def _in_arithmetic(args, model, profile):
    """(the model in the arithmetic that was asked for or pays, [lines to print])"""
    from pathlib import Path

    from . import audio, rates
    from .pack import choose

    calibration = None
    if args.calibrate and not profile and args.arithmetic != "q15":
        raise UpedalError("--calibrate: the model stays f32; add --arithmetic q15 or --board")
    if args.calibrate:
        calibration, rate = audio.read(args.calibrate)
        if rate != model.rate_hz:
            calibration = rates.resample(calibration, rate, model.rate_hz)
    made, notes = choose(model, args.arithmetic, profile, calibration, args.calibrate and Path(args.calibrate).name)
    if args.grade == "accurate" and made is not model:
        notes.append("q15 has no grade: --grade accurate counts in f32 only")
    return made, notes


def do_convert(args):
    from pathlib import Path

    from . import board as boards
    from . import convert, cost, measure, upm

    def warn(text):
        print(f"upedal: note: {text}", file=sys.stderr)

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
    if model.arithmetic != "f32":
        _only_copied(args, model, to)
    else:
        if args.rate_hz:
            from . import rates

            model = rates.scale(model, args.rate_hz)
        model.grade = args.grade or (profile.grade if profile else model.grade)
    if to in ("upm", "c"):
        measure.level(model)
        if model.arithmetic == "f32":
            model, notes = _in_arithmetic(args, model, profile)
            _print(*notes)
    elif args.arithmetic == "q15":
        raise UpedalError(f"{args.output}: {to} files hold floats only; --arithmetic q15 needs a .upm or C source")
    if folder:
        from .convert import csource

        csource.write_folder(model, args.output, Path(args.input).stem)
        _print(f"{args.output}: the model as a C header, the core, an example")
        return
    size = convert.write(model, args.output, to=to, warn=warn)
    total = cost.instructions(model)[0]
    _print(f"{args.output}: {size} bytes, {model.arithmetic}; {sum(map(upm.macs, model.layers)):,} MACs a sample")
    if profile and profile.budget_cycles_per_sample:
        if profile.rate_hz != model.rate_hz:
            warn(f"{profile.name} runs at {profile.rate_hz} Hz, the model at {model.rate_hz} Hz: see docs/models.md")
        cycles = cost.board_cycles(model, profile)
        share = "not known" if cycles is None else f"about {cycles / profile.budget_cycles_per_sample:.0%}"
        _print(f"  {profile.name}: load {share} (estimate), {total:,} instructions a sample")


def _only_copied(args, model, to):
    """Refuses what an integer model cannot become."""
    if to not in ("upm", "c"):
        raise UpedalError(f"{args.input}: {model.arithmetic}, and {to} files hold floats; convert the f32 file")
    for option in ("rate_hz", "grade", "calibrate"):
        if getattr(args, option):
            text = f"--{option.replace('_', '-')} changes floats"
            raise UpedalError(f"{args.input}: {model.arithmetic}, and {text}; convert the f32 file")
    if args.arithmetic not in (None, "auto", model.arithmetic):
        raise UpedalError(f"{args.input}: {model.arithmetic} already; for {args.arithmetic} convert the f32 file")


def _to_max78000(args, model):
    """A q7 model as a folder for the tools of the MAX78000's accelerator."""
    from pathlib import Path

    from .convert import max78000

    made = max78000.write_model(model, args.output, Path(args.input).stem, where=args.input)
    names = ", ".join(path.name for path in made)
    _print(f"{args.output}: {names}; README.txt says how a program is made of them")


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


def do_ir(args):
    from pathlib import Path

    from . import ir

    made = ir.prepare(
        args.input, taps=args.taps, minimum_phase=args.minimum_phase, rate_hz=args.rate_hz,
        channel=args.channel, trim=not args.keep_start, level=not args.keep_level,
    )  # fmt: skip
    Path(args.output).write_bytes(ir.wav(made))
    _print(f"{args.output}: {len(made.taps)} taps at {made.rate_hz} Hz; {made.trimmed} frames before the sound dropped")
    _print(f"  the cut took {made.lost_db:.1f} dB of the energy; level changed by {made.gain_db:+.1f} dB")


def do_sim(args):
    from . import sim

    result = sim.run(
        args.rig, args.input, args.output, on=args.on, block=args.block, moves=args.moves
    )
    _print(*(f"{key}: {value}" for key, value in result.items()))
    if result["peak"] > 1:
        _print(f"  {20 * math.log10(result['peak']):+.1f} dBFS: a converter would clip")
    return 1 if result.get("faults") else 0


def do_deploy(args):
    from .deploy import deploy
    from .emulator import Emulator

    if args.emulator:
        with Emulator(args.emulator) as board:
            _print(str(deploy(args.rig, emulator=board, board=args.board)))
    else:
        _print(str(deploy(args.rig, args.port, board=args.board)))


def do_live(args):
    from .board import load
    from .deploy import deploy
    from .emulator import Emulator
    from .live import loop, run

    if args.emulator:
        rate_hz = load(args.board or args.emulator).rate_hz
        card = {"in.wav": loop(args.input, rate_hz)} if args.input else None
        with Emulator(args.emulator, card=card) as board:
            deploy(args.rig, emulator=board, board=args.board)
            return 1 if run(args.rig, board.port, args.commands) else 0
    deploy(args.rig, args.port, board=args.board)
    return 1 if run(args.rig, args.port, args.commands) else 0


def do_flash(args):
    from .flash import flash

    flash(
        args.board, args.firmware, port=args.port, drive=args.drive, erase=args.erase, stub=not args.no_stub,
        dry_run=args.dry_run, yes=args.yes,
    )  # fmt: skip


def do_firmware(args):
    from .firmware import build

    if not args.emulator:
        raise UpedalError("firmware: builds for emulated boards (--emulator); docs/firmware.md tells how for real ones")
    build(args.board or (), user=args.user)


def do_bench(args):
    import json
    from pathlib import Path

    from . import bench, bench_fx

    boards, progress = args.board or bench.BOARDS, sys.stderr.isatty()
    if args.wav and not args.effects:
        raise UpedalError("bench: --wav goes with --effects")
    if args.effects:
        result = bench_fx.run(boards, args.wav, progress)
        _print(bench_fx.table(result))
    else:
        result = bench.run(boards, progress=progress)
        _print(bench.table(result, args.block), bench.desktop_table(result))
    if args.json:
        path = Path(args.json)  # models and effects have their own keys
        known = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps(known | result, indent=1) + "\n")


def do_soak(args):
    import json
    from pathlib import Path

    from . import soak

    def progress(text):
        print(text, file=sys.stderr, flush=True)

    result = soak.run(
        args.rig, minutes=args.minutes, board=args.board, cpi=args.cpi, ring=args.ring, ahead=args.ahead,
        seed=args.seed, without=args.without, progress=progress,
    )  # fmt: skip
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _print(*soak.tables(result), soak.summary(result))
    wrong = soak.faults(result)
    _print(*wrong)
    return 1 if wrong else 0


def do_reproduce(args):
    from pathlib import Path

    from . import reproduce

    result = reproduce.run(
        args.output, data=args.data, only=args.only, minutes=args.minutes, full=args.full,
        changes=args.set, seed=args.seed, console=_console(),
    )  # fmt: skip
    print((Path(args.output) / "results.md").read_text(encoding="utf-8"), end="")
    done = f"{result['finished']} of {result['planned']} trainings are done"
    _print(f"{args.output}/report.html: {done}" + ("; the same command goes on" if result["interrupted"] else ""))
    return 130 if result["interrupted"] else 0


def do_boards(args):
    from . import board

    _print(board.table())


def do_doctor(args):
    from . import doctor

    return doctor.run()


def _meta(p):
    for key in ("name", "author", "gear", "licence"):
        p.add_argument(f"--{key}", help=f"{key}, kept in the file")


def _arithmetic(p):
    p.add_argument("--arithmetic", choices=("auto", "f32", "q15"), help="auto with --board, else f32")
    p.add_argument("--calibrate", metavar="FILE.wav", help="q15: audio to choose the scales by (default: built in)")


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
    p.add_argument("--board", help="profile that decides the grade (8-bit recipes: emphasis, dither) and is checked for budget")
    p.add_argument("--minutes", type=float, help="stop after so long (default: the recipe's epochs)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="auto", help="auto, cpu or cuda (8-bit recipes: always cpu)")
    p.add_argument("--work", help="folder of checkpoints (default: OUTPUT.train)")
    p.add_argument("--fresh", action="store_true", help="ignore a checkpoint of the same job")
    p.add_argument("--test", nargs=2, metavar=("DRY", "WET"), help="a second pair, of the same lag, to judge by")
    _meta(p)

    p = add("pack", "write a .upm from a training checkpoint")
    p.add_argument("checkpoint")
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--board", help="profile that decides grade and arithmetic")
    p.add_argument("--grade", choices=("accurate", "fast"), help="of tanh and sigmoid")
    _arithmetic(p)
    _meta(p)

    p = add("convert", "model files of other programs, in and out (docs/models.md)")
    p.add_argument("input", help=".upm, .nam, .namb, GuitarML, AIDA-X or RTNeural .json, NeuralSeed .h")
    p.add_argument("output", help=".upm, .nam, .namb, .json, .aidax, .h; or FOLDER/ for C source or the MAX78000")
    p.add_argument("--to", help="upm, nam, namb, guitarml, aidax, c or max78000 (default: by the ending)")
    p.add_argument("--size", help="of a container's models: lite, full or 0..1 (default: the largest)")
    p.add_argument("--board", help="profile that decides grade and arithmetic, and tells the load")
    p.add_argument("--grade", choices=("accurate", "fast"), help="of tanh and sigmoid")
    _arithmetic(p)
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

    p = add("ir", "a cabinet's impulse response, ready for CabIR")
    p.add_argument("input", help="WAV, FLAC or AIFF")
    p.add_argument("-o", "--output", required=True, help="the float32 WAV to write")
    p.add_argument("--taps", type=int, default=1024, help="16 to 4096 (%(default)s)")
    p.add_argument("--minimum-phase", action="store_true", help="all sound as early as its spectrum allows")
    p.add_argument("--rate-hz", type=int, default=48000, help="of the rig (%(default)s)")
    p.add_argument("--channel", type=int, help="from 0 (default: the first that sounds)")
    p.add_argument("--keep-start", action="store_true", help="keep the silence before the sound")
    p.add_argument("--keep-level", action="store_true", help="do not make it as loud as other cabinets")

    p = add("sim", "a rig, audio file in, float32 WAV out")
    p.add_argument("rig", help="a script, or a table in a .json")
    p.add_argument("input")
    p.add_argument("output")
    p.add_argument("--on", default="cpython", help=TARGETS)
    p.add_argument("--block", type=int, help="frames, instead of the rig's")
    p.add_argument("--moves", help="what a player does meanwhile: lines of seconds, target, value")

    p = add("deploy", "put a rig, its models and upedal on a pedal")
    p.add_argument("rig")
    where = p.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", help="such as /dev/ttyACM0 or socket://HOST:PORT")
    where.add_argument("--emulator", help="an emulated board, to try it, such as emu_m7")
    p.add_argument("--board", help="profile, where the device does not tell which it is")

    p = add("live", "change a rig while it plays, and save what you keep")
    p.add_argument("rig", help="the script or table; it is deployed first")
    where = p.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", help="such as /dev/ttyACM0")
    where.add_argument("--emulator", help="an emulated board, to try it, such as emu_m7")
    p.add_argument("--board", help="profile, where the device does not tell which it is")
    p.add_argument("--input", help="with --emulator: a recording; its first second plays over and over")
    p.add_argument("--do", dest="commands", action="append", default=[], help="a command instead of typing; repeatable")

    p = add("flash", "put stock MicroPython on a board (docs/firmware.md)")
    p.add_argument("firmware", nargs="?", help="the file (default: tells which to fetch)")
    p.add_argument("--board", required=True, help="profile, such as esp32s3")
    p.add_argument("--port", help="ESP32: serial port, such as /dev/ttyACM0")
    p.add_argument("--drive", metavar="FOLDER", help="Pico: where its drive is mounted (default: looked for)")
    p.add_argument("--erase", action="store_true", help="ESP32: all of the flash first, files and settings too")
    p.add_argument("--no-stub", action="store_true", help="ESP32: only the chip's own loader; slower")
    p.add_argument("--dry-run", action="store_true", help="check everything, tell, write nothing")
    p.add_argument("--yes", action="store_true", help="do not ask before writing")

    p = add("firmware", "build MicroPython for the emulated boards")
    p.add_argument("--emulator", action="store_true", help="for the emulated boards (real ones: docs/firmware.md)")
    p.add_argument("--board", action="append", help="one of them (default: all)")
    p.add_argument("--user", action="store_true", help="with the C core compiled in (emu_m7)")

    p = add("bench", "instructions a sample on the emulated boards, and this CPU's speed")
    p.add_argument("--board", action="append", help="emulated board (default: M7, M4F, M33)")
    p.add_argument("--block", type=int, default=64, help="of the printed table (%(default)s)")
    p.add_argument("--json", metavar="FILE", help="write all rows, beside those of models or effects that are there")
    p.add_argument("--effects", action="store_true", help="of the effects instead of the models")
    p.add_argument("--wav", metavar="FOLDER", help="with --effects: a guitar through each of them")

    p = add("soak", "a whole pedal played for minutes while all goes on at once that can, on an emulated board")
    p.add_argument("rig", nargs="?", help="a script (default: gate, A2-Lite, tone, cabinet, delay, reverb)")
    p.add_argument("--minutes", type=float, default=10.0, help="of sound (%(default)s)")
    p.add_argument("--board", default="teensy41", help="profile whose clock it is (%(default)s)")
    p.add_argument("--cpi", type=float, help="cycles an instruction (default: the estimate for this rig)")
    p.add_argument("--ring", type=int, default=24, help="blocks the input may wait (%(default)s)")
    p.add_argument("--ahead", type=int, default=24, help="blocks the output is filled beforehand (%(default)s)")
    p.add_argument("--without", action="append", default=[], metavar="EVENT", help="such as gc.collect; repeatable")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--json", metavar="FILE", help="write all figures")

    p = add("reproduce", "a paper's experiments, trained, measured and drawn on one page")
    p.add_argument("experiment", choices=("tinyml-distortion",))
    p.add_argument("--data", metavar="FOLDER", help="of recordings (default: only the built-in pedals)")
    p.add_argument("--only", nargs="+", metavar="NAME", help="recordings: ds1 overdrive diode distortion klon fuzz jvm410h")
    p.add_argument("--minutes", type=float, default=10.0, help="of training a net (%(default)s)")
    p.add_argument("--full", action="store_true", help="Fig. 4 with nets 8, 16, 24 and 32 wide")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the 8-bit recipe")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("-o", "--output", default="tinyml-distortion", help="folder to leave everything in (%(default)s)")

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
    inputs = [(name, getattr(args, name, None)) for name in ("dry", "wet", "input", "rig", "model", "checkpoint", "calibrate")]
    for name, path in [*inputs, *(("test", path) for path in getattr(args, "test", None) or ())]:
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
        print("upedal: this needs PyTorch; run: pip install torch", file=sys.stderr)
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
    except OSError as e:  # a folder that cannot be written, a full disk
        print(f"upedal: {e.filename or 'file'}: {e.strerror or e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
