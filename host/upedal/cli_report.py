"""The verb that makes reports of what training left."""

from .errors import UpedalError


def verbs(add):
    p = add("report", "the HTML report of a training, or the index of many", do_report)
    p.add_argument(
        "result",
        help="a result.json, or a folder: one result in it gives a report, more give an index with links",
    )
    p.add_argument(
        "-o",
        "--output",
        help="file to write (default: report.html or index.html beside the result)",
    )
    p.add_argument(
        "--plain",
        action="store_true",
        help="the same facts as text, printed unless -o names a file",
    )
    p.add_argument("--title", default="Models", help="heading of an index (%(default)s)")


def do_report(args):
    from pathlib import Path

    from . import report
    from .report import saved

    paths = saved.results(args.result)
    found = [saved.read_result(path) for path in paths]
    if args.output and Path(args.output).is_file():
        _keep(Path(args.output), paths, found, (".txt", ".md") if args.plain else (".html",))
    many = len(paths) > 1
    if args.plain:
        text = (
            report.index_text(found)
            if many
            else report.model_text(found[0], **saved.sources(paths[0], found[0]))
        )
        return print(text, end="") if not args.output else print(report.put(args.output, text))
    if many:
        folder = Path(args.result)
        rows = [saved.linked(path, result) for path, result in zip(paths, found)]
        print(report.write_index(args.output or folder / "index.html", rows, title=args.title))
        return None
    sources = saved.sources(paths[0], found[0])
    output = Path(args.output or paths[0].parent / "report.html")
    lacking = [
        name for name, key in (("sound", "target"), ("harmonics", "play")) if key not in sources
    ]
    if lacking and output.exists() and not args.output:
        raise UpedalError(
            f"{output}: is there, and a new one would be without {' and '.join(lacking)}, for {paths[0].parent}"
            " lacks target.flac and output.flac, or the .upm; name another file with -o"
        )
    print(report.write_model(output, found[0], **sources))
    if lacking:
        print(
            f"without {' and '.join(lacking)}: {paths[0].parent} lacks target.flac and output.flac, or the .upm"
        )
    return None


def _keep(output, paths, found, endings):
    """UpedalError where the file that would be replaced is no report."""
    from .report import saved

    if output.suffix.lower() not in endings:
        raise UpedalError(
            f"{output}: is there already and does not end in {' or '.join(endings)}; expected another file to write"
        )
    inputs = [*paths, *(f for p, r in zip(paths, found) for f in saved.files(p, r).values())]
    if any(output.samefile(file) for file in inputs):
        raise UpedalError(
            f"{output}: the report is made of this file; expected another file to write"
        )
