"""The command line: verbs by area, each with its do_<verb>() and its options; errors without a traceback."""

import argparse
import sys

from . import (
    __version__,
    cli_bench,
    cli_capture,
    cli_check,
    cli_demo,
    cli_fit,
    cli_library,
    cli_models,
    cli_pedal,
    cli_report,
    cli_sweep,
    cli_train,
)
from .errors import UpedalError

_AREAS = (
    cli_demo,
    cli_capture,
    cli_check,
    cli_train,
    cli_fit,
    cli_sweep,
    cli_report,
    cli_library,
    cli_models,
    cli_pedal,
    cli_bench,
)


def parser():
    top = argparse.ArgumentParser(
        prog="upedal", description="Neural amps and effects for MicroPython pedals."
    )
    top.add_argument("--version", action="version", version=f"upedal {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def add(name, text, do):
        p = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        p.set_defaults(do=do)
        return p

    for area in _AREAS:
        area.verbs(add)
    return top


def _keep_inputs(args):
    """An output that is one of the inputs would destroy it."""
    import os

    output = getattr(args, "output", None)
    if not output or not os.path.exists(output):
        return
    inputs = [
        (name, getattr(args, name, None))
        for name in ("dry", "wet", "input", "rig", "model", "checkpoint", "calibrate")
    ]
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
