"""Verbs about the pedal: ir, sim, deploy, live, flash, firmware, boards, doctor."""

import math

from .cli_common import TARGETS, show
from .errors import UpedalError


def verbs(add):
    p = add("ir", "a cabinet's impulse response, ready for CabIR", do_ir)
    p.add_argument("input", help="WAV, FLAC or AIFF")
    p.add_argument("-o", "--output", required=True, help="the float32 WAV to write")
    p.add_argument("--taps", type=int, default=1024, help="16 to 8192 (%(default)s)")
    p.add_argument(
        "--minimum-phase", action="store_true", help="all sound as early as its spectrum allows"
    )
    p.add_argument("--rate-hz", type=int, default=48000, help="of the rig (%(default)s)")
    p.add_argument("--channel", type=int, help="from 0 (default: the first that sounds)")
    p.add_argument("--keep-start", action="store_true", help="keep the silence before the sound")
    p.add_argument(
        "--keep-level", action="store_true", help="do not make it as loud as other cabinets"
    )

    p = add("sim", "a rig, audio file in, float32 WAV out", do_sim)
    p.add_argument("rig", help="a script, or a table in a .json")
    p.add_argument("input")
    p.add_argument("output")
    p.add_argument("--on", default="cpython", help=TARGETS)
    p.add_argument("--block", type=int, help="frames, instead of the rig's")
    p.add_argument("--moves", help="what a player does meanwhile: lines of seconds, target, value")

    p = add("deploy", "put a rig, its models and upedal on a pedal", do_deploy)
    p.add_argument("rig")
    where = p.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", help="such as /dev/ttyACM0 or socket://HOST:PORT")
    where.add_argument("--emulator", help="an emulated board, to try it, such as emu_m7")
    p.add_argument("--board", help="profile, where the device does not tell which it is")

    p = add("live", "change a rig while it plays, and save what you keep", do_live)
    p.add_argument("rig", help="the script or table; it is deployed first")
    where = p.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", help="such as /dev/ttyACM0")
    where.add_argument("--emulator", help="an emulated board, to try it, such as emu_m7")
    p.add_argument("--board", help="profile, where the device does not tell which it is")
    p.add_argument(
        "--input", help="with --emulator: a recording; its first second plays over and over"
    )
    p.add_argument(
        "--do",
        dest="commands",
        action="append",
        default=[],
        help="a command instead of typing; repeatable",
    )

    p = add("flash", "put stock MicroPython on a board (docs/firmware.md)", do_flash)
    p.add_argument("firmware", nargs="?", help="the file (default: tells which to fetch)")
    p.add_argument("--board", required=True, help="profile, such as esp32s3")
    p.add_argument("--port", help="ESP32: serial port, such as /dev/ttyACM0")
    p.add_argument(
        "--drive", metavar="FOLDER", help="Pico: where its drive is mounted (default: looked for)"
    )
    p.add_argument(
        "--erase",
        action="store_true",
        help="ESP32: all of the flash first, files and settings too",
    )
    p.add_argument(
        "--no-stub", action="store_true", help="ESP32: only the chip's own loader; slower"
    )
    p.add_argument("--dry-run", action="store_true", help="check everything, tell, write nothing")
    p.add_argument("--yes", action="store_true", help="do not ask before writing")

    p = add("firmware", "build MicroPython for the emulated boards", do_firmware)
    p.add_argument(
        "--emulator",
        action="store_true",
        help="for the emulated boards (real ones: docs/firmware.md)",
    )
    p.add_argument("--board", action="append", help="one of them (default: all)")
    p.add_argument("--user", action="store_true", help="with the C core compiled in (emu_m7, emu_m55)")

    add("boards", "the board profiles: budget, and what was verified how", do_boards)
    add("doctor", "what is installed, what is missing, and the command that brings it", do_doctor)


def do_ir(args):
    from pathlib import Path

    from . import ir

    made = ir.prepare(
        args.input, taps=args.taps, minimum_phase=args.minimum_phase, rate_hz=args.rate_hz,
        channel=args.channel, trim=not args.keep_start, level=not args.keep_level,
    )  # fmt: skip
    Path(args.output).write_bytes(ir.wav(made))
    show(
        f"{args.output}: {len(made.taps)} taps at {made.rate_hz} Hz; {made.trimmed} frames before the sound dropped"
    )
    show(
        f"  the cut took {made.lost_db:.1f} dB of the energy; level changed by {made.gain_db:+.1f} dB"
    )


def do_sim(args):
    from . import sim

    result = sim.run(
        args.rig, args.input, args.output, on=args.on, block=args.block, moves=args.moves
    )
    show(*(f"{key}: {value}" for key, value in result.items()))
    if result["peak"] > 1:
        show(f"  {20 * math.log10(result['peak']):+.1f} dBFS: a converter would clip")
    return 1 if result.get("faults") else 0


def do_deploy(args):
    from .deploy import deploy
    from .emulator import Emulator

    if args.emulator:
        with Emulator(args.emulator) as board:
            show(str(deploy(args.rig, emulator=board, board=args.board)))
    else:
        show(str(deploy(args.rig, args.port, board=args.board)))


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
        raise UpedalError(
            "firmware: builds for emulated boards (--emulator); docs/firmware.md tells how for real ones"
        )
    build(args.board or (), user=args.user)


def do_boards(args):
    from . import board

    show(board.table())


def do_doctor(args):
    from . import doctor

    return doctor.run()
