"""The report as text, for terminals and screen readers: the same facts in the same order."""

import textwrap

from . import figures, index
from .page import gather

WIDTH = 78


def model_text(result, *, dry=None, target=None, output=None, play=None):
    """What write_model shows, without pictures and sound; arguments as there."""
    parts, faults, _ = gather(result, dry, target, output, play, sounding=False)
    lines = [figures.title(result), "=" * len(figures.title(result)), ""]
    lines += _wrapped(figures.verdict(result, faults))
    lines += [
        "",
        *(f"{label}: {text} {note}".strip() for label, text, note in figures.tiles(result)),
    ]
    for section in parts:
        lines += ["", section.heading, "-" * len(section.heading), *_body(section)]
    return "\n".join(lines) + "\n"


def _body(section):
    for sentence in section.sentences:
        yield from _wrapped(sentence)
    for finding in section.findings:
        advice = f" {finding['advice']}" if finding["advice"] else ""
        yield from _wrapped(
            f"{finding['word']}: {finding['title']}. {finding['sentence']}{advice}", "  "
        )
    for chart in section.charts:
        yield from _wrapped(f"{chart.title}: {chart.said}", "  ")
    who = ""
    for bar in section.bars:
        who = bar["name"] or who
        word = f", {bar['word']}" if bar["word"] else ""
        yield f"  {who}, {bar['what']}: {bar['text']}{word} ({bar['small'] or 'budget not known'})"
    if section.table:
        yield from table(section.head, section.table)
    yield from (f"  {label}: {text}" for label, text in section.rows)
    if section.block:
        yield section.block


def _wrapped(text, indent=""):
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  " if indent else ""
    )


def table(head, rows):
    """Columns as wide as their widest cell."""
    widths = [max(len(str(row[k])) for row in [head, *rows]) for k in range(len(head))]
    for row in [head, *rows]:
        yield "  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()


def index_text(results):
    """The table of write_index, the best first."""
    rows = sorted(map(index.row, results), key=index.by_error)
    shown = [
        (r["name"], r["recipe"], r["esr_text"], r["instructions_text"], r["checks"], r["state"])
        for r in rows
    ]
    told = index.told(rows)
    return (
        "\n".join(
            [
                told,
                "",
                *table(("name", "recipe", "test ESR", "instructions", "checks", "state"), shown),
            ]
        )
        + "\n"
    )
