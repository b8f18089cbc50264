"""The verb that looks a pair over before anything is trained on it."""

from .errors import UpedalError

_STYLE = {"ok": "green", "fixed": "cyan", "warned": "yellow", "refused": "bold red"}


def verbs(add):
    p = add(
        "check",
        "look a dry and a wet recording over: latency, drift, clipping, noise and more",
        do_check,
    )
    p.add_argument("dry", help="the clean recording (WAV, FLAC, AIFF)")
    p.add_argument("wet", help="the same take through the gear")
    p.add_argument("--channel", metavar="N", help="of stereo files: 2, or dry's and wet's: 1,2")
    p.add_argument(
        "--force",
        action="store_true",
        help="say what is wrong, but succeed, as training with --force does",
    )
    p.add_argument(
        "--json", action="store_true", help="findings with figures and pictures, for programs"
    )
    p.add_argument(
        "-o", "--output", metavar="FOLDER", help="write the mended pair there: dry.wav and wet.wav"
    )
    p.epilog = "Exit code 1 where the pair is refused. docs/checks.md tells what each check means."


def do_check(args):
    from . import checks

    pair = None
    try:
        pair = checks.load(args.dry, args.wet, force=args.force, channel=args.channel)
        findings = pair.findings
    except checks.Refused as e:
        findings = e.findings
    if args.json:
        _print_json(pair, findings)
    else:
        _print_table(args, pair, findings)
    if args.output and pair:
        paths = _write(args.output, pair, (args.dry, args.wet))
        if not args.json:
            print(f"wrote {paths[0]} and {paths[1]}")
    return 0 if pair else 1


def _print_json(pair, findings):
    import json

    out = {"refused": pair is None, "findings": [f.as_dict() for f in findings]}
    if pair:
        out["alignment"] = {
            "lag_frames": pair.lag_frames,
            "cut_frames": pair.cut_frames,
            "polarity": pair.polarity,
        }
        out |= {"rate_hz": pair.rate_hz, "frames": len(pair.dry)}
    print(json.dumps(out, indent=2))


def _print_table(args, pair, findings):
    from rich import box
    from rich.table import Table

    from .cli_common import show

    table = Table(box=box.SIMPLE)
    for column in ("check", "", "what was found, and what to do"):
        table.add_column(column, overflow="fold")
    for f in findings:
        style = _STYLE[f.outcome]
        told = f"{f.sentence} [dim]{f.advice}[/]" if f.outcome != "ok" and f.advice else f.sentence
        table.add_row(f.title, f"[{style}]{f.outcome}[/]", told)
    show(table)
    if pair is None:
        show("[bold red]Refused.[/] --force goes on all the same, where there is sound at all.")
    else:
        seconds = len(pair.dry) / pair.rate_hz
        show(f"{seconds:.1f} s at {pair.rate_hz} Hz are ready: {_next(args)}")


def _next(args):
    """The command that trains on what was looked at, as a shell takes it."""
    import shlex

    words = ["upedal", "train", args.dry, args.wet]
    words += ["--channel", args.channel] if args.channel else []
    words += ["--force"] if args.force else []
    return shlex.join([*words, "-o", "amp.upm"])


def _write(folder, pair, inputs):
    from pathlib import Path

    from . import audio

    if Path(folder).is_file():
        raise UpedalError(
            f"{folder}: is a file; expected a folder to write dry.wav and wet.wav to"
        )
    paths = [Path(folder) / f"{name}.wav" for name in ("dry", "wet")]
    for path in paths:
        if any(path.exists() and path.samefile(given) for given in inputs):
            raise UpedalError(f"{path}: is the recording that was given; expected another folder")
    for path, x in zip(paths, (pair.dry, pair.wet)):
        audio.write(path, x, pair.rate_hz)
    return paths
