"""The index of a sweep: one table that sorts, a link to each report, and error against work."""

import math
import os
from pathlib import Path
from urllib.parse import quote

from . import figures, sections
from .chart import Chart, Line
from .figures import number, percent, show
from .page import put, render

_COLUMNS = (
    ("name", "Model", ""), ("recipe", "Recipe", "wide"), ("esr", "Test ESR", "n"),
    ("mrstft", "MR-STFT", "n wide"), ("instructions", "Instructions", "n"),
    ("bytes", "Bytes", "n wide"), ("kind", "Numbers", "wide"), ("fits", "Boards", "n wide"),
    ("time", "Training", "n wide"), ("checks", "Checks", "wide"),
)  # fmt: skip
_STYLES = ("target", "model", "error", "good", "ink")


def write_index(path, results, title="Models"):
    """Writes the index page of a list of result dicts; returns its path.

    result["report"]: where its report lies (absolute, or relative to the index's folder); without it
    there is no link. A result that failed has "error", a text, in place of figures.
    """
    folder = Path(path).parent
    rows = sorted((row(result, folder) for result in results), key=by_error)
    text = render(
        "index.html",
        title=title,
        told=told(rows),
        columns=_COLUMNS,
        rows=rows,
        picture=picture(rows),
    )
    return put(path, text)


def row(result, folder=Path()):
    """The figures of one result as the table and the picture need them."""
    esr, _ = figures.error(result)
    recipe = result.get("recipe")
    values = {
        "esr": esr, "mrstft": number(result.get("test_mrstft")), "time": number(result.get("train_seconds")),
        "instructions": number(result.get("instructions_per_sample")), "bytes": number(result.get("upm_bytes")),
    }  # fmt: skip
    loads = [b for b in figures.board_rows(result) if b["load"] is not None]
    fits = sum(map(figures.fits, loads))
    return {
        **values,
        "name": str(result.get("capture") or figures.title(result)),
        "recipe": str(recipe.get("name", "") if isinstance(recipe, dict) else recipe or "–"),
        "kind": str(result.get("arithmetic") or "–"),
        "fits": fits if loads else None,
        "link": _link(result.get("report"), folder),
        "state": f"failed: {result['error']}" if result.get("error") else "done",
        "checks": _worst(result.get("checks") or []),
        "esr_text": "–" if esr is None else percent(esr),
        "mrstft_text": "–" if values["mrstft"] is None else f"{values['mrstft']:.3g}",
        "instructions_text": show(values["instructions"], "count"),
        "bytes_text": show(values["bytes"], "count"),
        "time_text": show(values["time"], "seconds"),
        "fits_text": f"{fits} of {len(loads)}" if loads else "–",
    }


def _link(report, folder):
    """The report's address as seen from the index: relative, so that both can be moved together."""
    if not report:
        return ""
    where = Path(report)
    where = where if where.is_absolute() else Path(folder) / where
    return quote(os.path.relpath(where, folder or ".").replace(os.sep, "/"))


def _worst(findings):
    outcomes = [f.get("outcome") for f in findings]
    worst = next((o for o in reversed(sections.OUTCOMES) if o in outcomes), None)
    if worst is None:
        return "–"
    n = outcomes.count(worst)
    return "all ok" if worst == "ok" else f"{n} {sections.OUTCOMES[worst][1]}"


def by_error(row):
    return math.inf if row["esr"] is None else row["esr"]


def front(rows):
    """The rows that no other beats in both error and work, by rising work (a Pareto front)."""
    found = []
    for each in sorted(
        (r for r in rows if r["esr"] and r["instructions"]),
        key=lambda r: (r["instructions"], r["esr"]),
    ):
        if not found or each["esr"] < found[-1]["esr"]:
            found.append(each)
    return found


def told(rows):
    done = [r for r in rows if r["esr"] is not None]
    failed = [r for r in rows if r["state"] != "done"]
    text = f"{len(rows)} models" + (f", {len(failed)} failed" if failed else "")
    if done:
        best = min(done, key=by_error)
        text += f"; the least error has {best['name']} ({best['recipe']}), {best['esr_text']}"
    return text + "."


def picture(rows):
    """ESR against instructions, each gear's front joined; None where fewer than two have both.

    Up to five gears get a colour each; more are drawn alike, with the front of all.
    """
    shown = [r for r in rows if r["esr"] and r["instructions"]]
    if len(shown) < 2:
        return None
    names = list(dict.fromkeys(r["name"] for r in shown))
    if not 1 < len(names) <= len(_STYLES) or len(names) == len(shown):
        names = [None]
    lines = []
    for name, style in zip(names, _STYLES):
        group = [r for r in shown if name in (None, r["name"])]
        best = front(group)
        lines.append(Line(name or "nothing here is better at both", *_points(best), style))
        for dots, quiet in ((best, len(names) > 1), ([r for r in group if r not in best], True)):
            if dots:
                links = [(f"{r['name']}, {r['recipe']}: {r['esr_text']}", r["link"]) for r in dots]
                lines.append(Line("", *_points(dots), style, "dots", links=links, quiet=quiet))
    said = f"{len(front(shown))} of {len(shown)} models are beaten by none in both error and work."
    return Chart("Error against work", said, "instructions a sample", "test ESR, %", lines, x_log=True, y_log=True,
                 tall=True, roomy=True)  # fmt: skip


def _points(rows):
    return [r["instructions"] for r in rows], [100 * r["esr"] for r in rows]
