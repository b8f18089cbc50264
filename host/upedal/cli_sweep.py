"""The verb that trains many models: sweep."""

from .cli_common import console, show


def verbs(add):
    p = add(
        "sweep",
        "train many captures by many recipes, side by side, into one table (docs/sweeps.md)",
        do_sweep,
    )
    p.description += " The same command goes on where it was broken off and trains only what is missing; start with --dry-run."
    p.add_argument(
        "jobs", metavar="JOBS.yaml", help="captures, recipes, seeds, minutes, board, output"
    )
    p.add_argument(
        "-o",
        "--output",
        help="folder for everything (default: the file's, else JOBS.sweep beside it)",
    )
    p.add_argument(
        "--processes", type=int, metavar="N", help="at once (default: the file's, else one a core)"
    )
    p.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of a Ray cluster that trains them (pip install ray)",
    )
    p.add_argument(
        "--dry-run",
        action="store_true",
        help="list the jobs and about how long they take; train nothing",
    )


def do_sweep(args):
    import dataclasses
    from pathlib import Path

    from . import sweep
    from .errors import UpedalError

    if args.processes is not None and not 1 <= args.processes <= 1024:
        raise UpedalError(f"--processes {args.processes}; expected 1 to 1024")
    plan = sweep.load(args.jobs)
    if args.output:
        plan = dataclasses.replace(plan, output=Path(args.output))
    if plan.output.exists() and not plan.output.is_dir():
        raise UpedalError(f"{plan.output}: is a file; expected a folder to fill")
    if args.dry_run:
        from .sweep.estimate import table

        show(*table(plan, args.processes, args.address))
        return 0
    result = sweep.run(plan, processes=args.processes, address=args.address, console=console())
    for name, why in result["failed"].items():
        show(f"[red]{name}[/] failed, its log ends:")
        print("\n".join(why.splitlines()[-8:]))
    show(f"{plan.output}/index.html has them all.")
    if result["interrupted"]:
        show("interrupted; the same command goes on")
        return 130
    return 1 if result["failed"] else 0
