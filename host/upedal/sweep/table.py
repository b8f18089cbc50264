"""All results of a sweep as one table: on the screen, results.json, results.csv, index.html."""

import csv
import io
import json
import math

from ..files import write_atomic
from ..report import write_index
from .drive import finished

# Columns of results.csv; the keys of a row. esr: of the model as it is packed, on the test part; held_out_esr: the
# mean over the settings that were not trained on.
COLUMNS = (
    "capture", "recipe", "seed", "state", "esr", "test_esr", "val_esr", "held_out_esr", "test_mrstft", "linear_esr",
    "upm_bytes", "arithmetic", "instructions_per_sample", "load", "train_seconds", "upm", "report", "folder", "why",
)  # fmt: skip


def rows(plan, failed):
    """A dict of COLUMNS for each job: by capture, the best ESR first; jobs without a result last."""
    made = [_row(plan, job, finished(job, plan.output), failed.get(job)) for job in plan.jobs]
    at = {capture: k for k, capture in enumerate(dict.fromkeys(job.capture for job in plan.jobs))}
    return sorted(
        made, key=lambda r: (at[r["capture"]], math.inf if r["esr"] is None else r["esr"])
    )


def _row(plan, job, result, why):
    row = dict.fromkeys(COLUMNS) | {"capture": job.capture, "recipe": job.recipe, "seed": job.seed}
    row |= {"folder": f"jobs/{job.folder}", "why": why, "state": "failed" if why else "left"}
    if result is None:
        return row
    row |= {key: _plain(result[key]) for key in COLUMNS if key in result and row[key] is None}
    held_out = [setting["esr"] for setting in result["settings"] if setting["held_out"]]
    loads = {board["name"]: board.get("load") for board in result["boards"]}
    return row | {
        "state": "done", "esr": esr(result), "held_out_esr": _mean(held_out),
        "load": loads.get(job.spec["board"]),
        "upm": f"{row['folder']}/{job.name}.upm", "report": _page(plan, job),
    }  # fmt: skip


def _mean(values):
    return _plain(sum(values) / len(values)) if values else None


def _page(plan, job):
    path = f"jobs/{job.folder}/report.html"
    return path if (plan.output / path).is_file() else None


def esr(result):
    """On the test part, of the model as it is packed; None where it is no number."""
    return _plain(result.get("packed_esr", result["test_esr"]))


def _plain(value):
    """The value, or None for NaN and infinity, which JSON lacks."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def percent(value):
    """0.0123 -> "1.23%"; a dash for None."""
    return "–" if value is None else f"{value:.2%}"


def write(plan, made, failed):
    """results.json, results.csv and index.html in the plan's output, from rows()."""
    write_atomic(plan.output / "results.json", (json.dumps(made, indent=1) + "\n").encode())
    text = io.StringIO()
    sheet = csv.DictWriter(text, COLUMNS)
    sheet.writeheader()
    sheet.writerows(made)
    write_atomic(plan.output / "results.csv", text.getvalue().encode())
    write_index(
        plan.output / "index.html",
        [_told(plan, job, failed.get(job)) for job in plan.jobs],
        plan.path.stem,
    )


def _told(plan, job, why):
    """A job's result as the index has it."""
    result = finished(job, plan.output)
    if result is None:
        return {"name": job.name, "recipe": job.recipe, "error": why or "not trained yet"}
    return result | {"name": job.name, "report": _page(plan, job)}


def shown(plan, made):
    """The rich Table."""
    from rich.table import Table

    board = next((job.spec["board"] for job in plan.jobs), None)
    table = Table(
        title=f"{plan.path.name}: {sum(r['state'] == 'done' for r in made)} of {len(made)} done"
    )
    heads = (
        "capture",
        "recipe",
        "seed",
        "test ESR",
        "bytes",
        "instructions",
        f"load {board}" * bool(board),
        "trained",
    )
    for head in heads:
        if head:
            table.add_column(head, justify="left" if head in ("capture", "recipe") else "right")
    before = None
    for row in made:
        if before not in (None, row["capture"]):
            table.add_section()
        before = row["capture"]
        table.add_row(*_cells(row, board))
    return table


def _cells(row, board):
    cells = [row["capture"], row["recipe"], str(row["seed"])]
    if row["state"] != "done":
        return [*cells, f"[red]{row['state']}[/]" if row["why"] else "not yet"]
    cells += [
        percent(row["esr"]),
        _count(row["upm_bytes"]),
        _count(row["instructions_per_sample"]),
    ]
    if board:
        cells.append("not known" if row["load"] is None else f"{row['load']:.0%}")
    return [*cells, f"{row['train_seconds']:.0f} s"]


def _count(value):
    return "–" if value is None else f"{value:,}"
