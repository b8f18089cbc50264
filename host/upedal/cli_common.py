"""What the verbs share: printing, options that come in groups, values out of texts."""

import sys

from .errors import UpedalError

TARGETS = "cpython, unix, unix-user, emu_m7 and the other emulated boards, emu_m7-user, emu_m55-user"


def console():
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


def show(*things):
    on = console()
    for thing in things:
        on.print(thing, highlight=False)


def knob_values(text):
    try:
        return [float(v) for v in text.split(",")] if text else None
    except ValueError:
        raise UpedalError(f"--knobs {text!r}: expected numbers such as 0.5,0.7") from None


def render_file(path, x, knobs=None, prewarm=None, size=None):
    from . import upm
    from .native import render

    return render(upm.read_blob(path, size), x, knobs=knobs, prewarm=prewarm)


def in_arithmetic(args, model, profile):
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
    made, notes = choose(
        model, args.arithmetic, profile, calibration, args.calibrate and Path(args.calibrate).name
    )
    if args.grade == "accurate" and made is not model:
        notes.append("q15 has no grade: --grade accurate counts in f32 only")
    return made, notes


def arithmetic_options(p):
    p.add_argument(
        "--arithmetic", choices=("auto", "f32", "q15"), help="auto with --board, else f32"
    )
    p.add_argument(
        "--calibrate",
        metavar="FILE.wav",
        help="q15: audio to choose the scales by (default: built in)",
    )
