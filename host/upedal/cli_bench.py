"""Verbs that measure: bench, soak."""

import json
import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from pathlib import Path

from .cli_common import show
from .errors import UpedalError
from .files import write_atomic

_LONGEST = 4096  # frames a call
_BENCH = """\
Speed of nets and cabinets, a row each: in real MicroPython on emulated Cortex-M7, M4F and M33 boards,
and of the simulator on this CPU. Instructions a sample are counted: exact, the same on every run and
every machine. Cycles are an ESTIMATE by a model of the core's pipeline with memory that never waits;
low and high are what hardware took where the two could be compared (docs/estimator.md). The budget is
the share of a board's cycles for effects (boards/*.yaml) that a row would take; unknown where there
is no estimate. All rows take a little over a minute of CPU time, one row a few seconds."""
_EXAMPLES = """\
examples:
  upedal bench                              all rows, the table for blocks of 64 frames
  upedal bench gru-40 lstm-40 --block 16    two rows in blocks of 16 frames
  upedal bench --json bench.json            all figures, in blocks of 16, 48, 64, 128 and 192
  upedal bench --histogram nam-a2-lite      which instructions, and what the inner loop cannot go below
  upedal bench --effects                    the effects instead
  upedal bench --baseline                   accept today's counts (tests fail when one grows by 1 %)"""


def verbs(add):
    p = add(
        "bench",
        "speed: instructions and estimated cycles a sample on emulated boards, and this CPU's",
        do_bench,
    )
    p.formatter_class = RawDescriptionHelpFormatter
    p.description, p.epilog = _BENCH, _EXAMPLES
    p.add_argument("row", nargs="*", metavar="ROW", help="such as gru-40; default: all of them")
    mode = p.add_mutually_exclusive_group()
    mode.add_argument("--list", action="store_true", help="the names of all rows")
    p.add_argument(
        "--board",
        action="append",
        help="emulated board, repeatable (default: emu_m7, emu_m4, emu_m33)",
    )
    p.add_argument(
        "--block",
        type=_frames,
        action="append",
        metavar="FRAMES",
        help="frames a call, repeatable (default: 16, 48, 64, 128, 192; the table shows 64)",
    )
    p.add_argument(
        "--json",
        metavar="FILE",
        help="write all figures, beside those of models or effects that are there",
    )
    mode.add_argument(
        "--histogram",
        metavar="ROW",
        help="what the instructions of a row are, and its hottest loop against its floor",
    )
    mode.add_argument(
        "--baseline",
        action="store_true",
        help="write tests/bench/baseline.json, which CI holds instruction counts to (half a minute)",
    )
    mode.add_argument("--effects", action="store_true", help="of the effects instead of the nets")
    p.add_argument("--wav", metavar="FOLDER", help="with --effects: a guitar through each of them")

    p = add(
        "soak",
        "a whole pedal played for minutes while all goes on at once that can, on an emulated board",
        do_soak,
    )
    p.add_argument(
        "rig", nargs="?", help="a script (default: gate, A2-Lite, tone, cabinet, delay, reverb)"
    )
    p.add_argument("--minutes", type=float, default=10.0, help="of sound (%(default)s)")
    p.add_argument("--board", default="teensy41", help="profile whose clock it is (%(default)s)")
    p.add_argument(
        "--cpi", type=float, help="cycles an instruction (default: the estimate for this rig)"
    )
    p.add_argument("--ring", type=int, default=24, help="blocks the input may wait (%(default)s)")
    p.add_argument(
        "--ahead",
        type=int,
        default=24,
        help="blocks the output is filled beforehand (%(default)s)",
    )
    p.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="EVENT",
        help="such as gc.collect; repeatable",
    )
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--json", metavar="FILE", help="write all figures")


def do_bench(args):
    from rich.console import Console

    from . import bench, bench_table

    if args.wav and not args.effects:
        raise UpedalError("bench: --wav goes with --effects")
    if args.row and (args.effects or args.baseline):
        raise UpedalError("bench: --effects and --baseline are of all rows")
    if args.row and args.histogram:
        raise UpedalError(f"bench: --histogram is of one row, {args.histogram}")
    if args.baseline and (args.board or args.block or args.json):
        raise UpedalError("bench: --baseline has its own boards and blocks, and its own file")
    if args.json and (args.list or args.histogram):
        raise UpedalError("bench: --json goes with the tables, not with --list or --histogram")
    _check_boards(args.board)
    _known(args.json)
    boards, progress = list(dict.fromkeys(args.board or bench.BOARDS)), sys.stderr.isatty()
    if args.list:
        print("\n".join(bench.names()))
    elif args.histogram:
        _histogram(args, boards[0])
    elif args.baseline:
        _baseline(progress)
    elif args.effects:
        from . import bench_fx

        result = bench_fx.run(boards, args.wav, progress)
        _write(args.json, result)
        show(bench_fx.table(result))
    else:
        blocks = tuple(sorted(set(args.block or bench.BLOCKS)))
        result = bench.run(boards, blocks, args.row, progress)
        _write(args.json, result)
        shown = blocks if args.row or args.block else (64,)
        on = Console(width=None if sys.stdout.isatty() else bench_table.WIDE)
        on.print(bench_table.table(result, shown, on.width), bench_table.desktop_table(result))


def _frames(text):
    """A number of frames that a call takes: 1 to 4,096."""
    frames = int(text) if text.isdigit() else 0
    if not 1 <= frames <= _LONGEST:
        raise ArgumentTypeError(f"{text!r}; expected 1 to {_LONGEST}")
    return frames


def _check_boards(boards):
    from .emulator import BOARDS

    for board in boards or ():
        if board not in BOARDS:
            raise UpedalError(f"bench: no board '{board}'; there are {', '.join(BOARDS)}")


def _known(file):
    """What --json's file holds already; asked for before anything is measured, as that takes a minute."""
    path = Path(file or "none.json")
    if (path.exists() and not path.is_file()) or not path.parent.is_dir():
        raise UpedalError(f"bench: --json {file}: expected a file in a folder that is there")
    if not file or not path.is_file():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        known = None
    if not isinstance(known, dict):
        raise UpedalError(
            f"bench: --json {file}: holds something else; expected figures, or no file"
        )
    return known


def _write(file, result):
    """Models and effects have their own keys."""
    if file:
        text = json.dumps(_known(file) | result, indent=1) + "\n"
        write_atomic(Path(file), text.encode())


def _histogram(args, board):
    from . import bench, bench_histogram

    bench.check([args.histogram])
    if board not in bench.ESTIMATED:
        known = ", ".join(bench.ESTIMATED)
        raise UpedalError(
            f"bench: --histogram on {board}: no estimate for its core; expected {known}"
        )
    for block in args.block or (64,):
        print("\n".join(bench_histogram.text(board, args.histogram, block)))


def _baseline(progress):
    from . import bench_baseline

    before, now = bench_baseline.load(), bench_baseline.measure(progress)
    print("\n".join(bench_baseline.difference(before, now)))
    print(f"{bench_baseline.write(now)}: commit it with the change that it measures")


def do_soak(args):
    from . import soak

    def progress(text):
        print(text, file=sys.stderr, flush=True)

    result = soak.run(
        args.rig, minutes=args.minutes, board=args.board, cpi=args.cpi, ring=args.ring, ahead=args.ahead,
        seed=args.seed, without=args.without, progress=progress,
    )  # fmt: skip
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(*soak.tables(result), soak.summary(result))
    wrong = soak.faults(result)
    show(*wrong)
    return 1 if wrong else 0
