"""Verbs that measure: bench, soak."""

import sys

from .cli_common import show
from .errors import UpedalError


def verbs(add):
    p = add(
        "bench", "instructions a sample on the emulated boards, and this CPU's speed", do_bench
    )
    p.add_argument("--board", action="append", help="emulated board (default: M7, M4F, M33)")
    p.add_argument("--block", type=int, default=64, help="of the printed table (%(default)s)")
    p.add_argument(
        "--json",
        metavar="FILE",
        help="write all rows, beside those of models or effects that are there",
    )
    p.add_argument("--effects", action="store_true", help="of the effects instead of the models")
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
    import json
    from pathlib import Path

    from . import bench, bench_fx

    boards, progress = args.board or bench.BOARDS, sys.stderr.isatty()
    if args.wav and not args.effects:
        raise UpedalError("bench: --wav goes with --effects")
    if args.effects:
        result = bench_fx.run(boards, args.wav, progress)
        show(bench_fx.table(result))
    else:
        result = bench.run(boards, progress=progress)
        show(bench.table(result, args.block), bench.desktop_table(result))
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
    show(*soak.tables(result), soak.summary(result))
    wrong = soak.faults(result)
    show(*wrong)
    return 1 if wrong else 0
