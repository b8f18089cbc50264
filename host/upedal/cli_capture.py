"""The verb capture: the test signal, and playing it through the gear while recording."""

from .cli_common import console, show
from .errors import UpedalError


def verbs(add):
    p = add(
        "capture",
        "write a test signal, and with --play send it through the gear and record it",
        do_capture,
    )
    p.description = (
        "Writes a test signal (clicks, sweeps, noise, playing, silence) to send through an amp or pedal; --play does"
        " that with a sound card and records what comes back, into FILE-wet.wav. Training takes any dry and wet"
        " recording of one take: FILE may be your own playing, which --play then sends instead. docs/capture.md"
    )
    p.add_argument(
        "dry",
        nargs="?",
        metavar="FILE.wav",
        help="the signal: written, or with --play played if it is there",
    )
    p.add_argument(
        "--minutes", type=int, default=3, choices=(1, 3, 5), help="of the signal (%(default)s)"
    )
    p.add_argument(
        "--rate-hz", type=int, default=48000, choices=(44100, 48000), help="(%(default)s)"
    )
    p.add_argument(
        "--seed", type=int, default=0, help="of its noise and playing, 0 to 65535 (%(default)s)"
    )
    p.add_argument("--show", action="store_true", help="explain FILE: which section lies where")
    p.add_argument("--list", action="store_true", help="the sound devices, numbered")
    p.add_argument(
        "--play",
        action="store_true",
        help="play FILE and record at once (pip install 'upedal[capture]')",
    )
    p.add_argument(
        "--device", nargs="+", default=[], metavar="DEVICE",
        help="number or part of the name, as --list shows: one for both, or input then output (default: the system's)",
    )  # fmt: skip
    p.add_argument(
        "--input-channel",
        type=int,
        default=1,
        help="the gear comes back here, from 1 (%(default)s)",
    )
    p.add_argument(
        "--output-channel",
        type=int,
        default=1,
        help="the gear is fed from here, from 1 (%(default)s)",
    )
    p.add_argument(
        "-o",
        "--output",
        metavar="WET.wav",
        help="where the recording goes (default: FILE-wet.wav)",
    )
    p.add_argument(
        "--force",
        action="store_true",
        help="go on at a wrong level; replace a recording, or another test signal of ours",
    )


def do_capture(args):
    if args.list:
        return _list()
    if not args.dry:
        raise UpedalError("capture: which FILE.wav? (--list shows the sound devices)")
    if args.show:
        return _show(args.dry)
    return _play(args) if args.play else _write(args)


def _list():
    from . import capture_device

    found = capture_device.devices()
    for d in found:
        show(f"{d.number:3} {d.name}: {d.inputs} in, {d.outputs} out, {d.rate_hz} Hz")
    if not found:
        raise UpedalError("capture: no sound device is there")


def _write(args):
    from pathlib import Path

    from . import capture
    from .capture_signal import Spec

    spec = Spec(args.minutes, args.rate_hz, args.seed)
    before = Path(args.dry).stat() if Path(args.dry).exists() else None
    capture.write(args.dry, spec, args.force)
    there = before and Path(args.dry).stat().st_ino == before.st_ino
    show(
        f"{args.dry}:{' already there:' if there else ''} {args.minutes} min at {args.rate_hz} Hz, 24 bits, peak -1 dBFS, test signal version {spec.version}"
    )
    show(
        "Play it through the gear and record on the same interface, at the same rate; then: upedal train DRY WET -o NAME.upm"
    )


def _show(path):
    from . import audio, capture
    from . import capture_signal as signal

    x, rate = audio.read(path)
    found = signal.recognise(x)
    if found is None:
        raise UpedalError(f"{path}: no test signal of upedal (train takes it all the same)")
    spec = found.spec
    show(
        f"{path}: test signal version {spec.version}, {spec.minutes} min at {spec.rate_hz} Hz, seed {spec.seed}"
    )
    if abs(found.scale - 1.0) > 1e-3 or rate != spec.rate_hz:
        show(
            f"the file says {rate} Hz and lasts {found.scale:.4f} times as many frames: it was resampled or mislabelled"
        )
    if found.offset:
        show(f"it begins at frame {found.offset}")
    for name, part, start, end in capture.layout_table(spec):
        show(f"  {start:8.3f} {end:8.3f} s  {part:10} {name}")


def _play(args):
    from pathlib import Path

    from . import audio, capture, capture_take
    from . import capture_signal as signal
    from .capture_device import Card

    wet = Path(args.output) if args.output else capture.wet_path(args.dry)
    capture.must_be_wav(wet)
    if wet.exists() and not args.force:
        raise UpedalError(f"{wet}: is there already; --force replaces it, -o names another")
    if len(args.device) > 2:
        raise UpedalError(
            f"--device: {len(args.device)} names; expected one, or input then output"
        )
    if Path(args.dry).exists():
        x, rate = audio.read(args.dry)
        found = signal.recognise(x)
        spec = (
            found.spec
            if found and found.offset == 0 and found.scale == 1.0 and found.spec.rate_hz == rate
            else None
        )
        show(
            f"{args.dry}: {'our test signal' if spec else 'a recording of your own'}, {len(x) / rate:.0f} s at {rate} Hz"
        )
    else:
        spec = signal.Spec(args.minutes, args.rate_hz, args.seed)
        x, rate = capture.write(args.dry, spec), spec.rate_hz
    names = (args.device * 2)[:2] or (None, None)
    card = Card(rate, names, args.input_channel, args.output_channel)
    if (fault := capture_take.check_level(card)) is not None:
        if not args.force:
            raise UpedalError(f"capture: {fault} (--force records all the same)")
        show(f"note: {fault}")
    with _bar() as bar:
        task = bar.add_task("playing and recording", total=len(x))
        take = capture_take.record(
            card, x, spec, lambda done, total: bar.update(task, completed=done, total=total)
        )
    capture_take.keep(wet, take, rate)
    show(
        *capture_take.sentences(take, rate),
        f"{wet}: {len(take.wet) / rate:.1f} s; next: upedal train {args.dry} {wet} -o NAME.upm",
    )
    return 1 if capture_take.spoiled(take) else 0


def _bar():
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console()
    )
