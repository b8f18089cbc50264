"""What `upedal bench` prints: rows of nets and cabinets, and this CPU's speed."""

from . import zoo

_CORES = {"Cortex-M7F": "M7", "Cortex-M4F": "M4F", "Cortex-M33F": "M33"}
WIDE, MIDDLE = 168, 104  # columns a terminal needs for everything; for the bars, too
_TITLE = "instructions a sample in MicroPython; cycles are an ESTIMATE"
_BARS = " (low - high: what hardware may take)"


def table(result, blocks=(64,), width=WIDE):
    """A rich table of some blocks' rows; a narrow terminal gets the columns that matter most."""
    from rich.table import Table

    out = Table(title=_TITLE + (_BARS if width >= MIDDLE else ""), pad_edge=False)
    columns = [c for c in _COLUMNS if width >= c[2]]
    if len(blocks) < 2:
        columns = [c for c in columns if c[0] != "block"]
        out.caption = f"blocks of {blocks[0]} frames; budget: of a board's cycles for effects"
    for head, _, _ in columns:
        text = head in ("row", "core", "budget")
        wrap = head == "budget"
        out.add_column(
            head,
            justify="left" if text else "right",
            no_wrap=not wrap,
            min_width=14 if wrap else None,
        )
    last = None
    for row in result["boards"]:
        if row["block"] in blocks:
            if last not in (None, row["board"]):
                out.add_section()
            last = row["board"]
            out.add_row(*(cell(row) for _, cell, _ in columns))
    return out


def _int(value):
    return "-" if value is None else f"{value:,.0f}"


def _bars(row):
    low, high = row["estimated_cycles_low"], row["estimated_cycles_high"]
    return "-" if low is None else f"{low:,.0f} - {high:,.0f}"


def share(value):
    """Of a board's budget: 43 %, or unknown."""
    return "unknown" if value is None else f"{100 * value:.0f}\N{NO-BREAK SPACE}%"


def budget(row):
    return (
        ", ".join(
            f"{board}\N{NO-BREAK SPACE}{share(value)}" for board, value in row["budget"].items()
        )
        or "unknown"
    )


def goal(row):
    """The goal of a row, stated for the M7 and, in instructions, for the rest."""
    i, cycles = zoo.GOALS.get(row["model"], (None, None))
    return "" if i is None else f"{i:,} / {cycles:,}" if cycles else f"{i:,}"


# head, cell of a row, columns of a terminal that shows it
_COLUMNS = (
    ("row", lambda row: row["model"], 0),
    ("core", lambda row: _CORES.get(row["core"], row["core"]), 0),
    ("block", lambda row: str(row["block"]), 0),
    ("i", lambda row: _int(row["instructions_per_sample"]), 0),
    ("est.", lambda row: _int(row["estimated_cycles_per_sample"]), 0),
    ("(low - high)", _bars, MIDDLE),
    ("goal i / est.", goal, WIDE),
    ("MACs", lambda row: _int(row["macs_per_sample"]), WIDE),
    ("i/MAC", lambda row: f"{row['instructions_per_sample'] / row['macs_per_sample']:.2f}", 0),
    ("code", lambda row: _int(row["code_bytes"]), WIDE),
    ("state", lambda row: _int(row["state_bytes"]), WIDE),
    ("weights", lambda row: _int(row["weight_bytes"]), WIDE),
    ("budget", budget, 0),
)


def desktop_table(result):
    from rich.table import Table

    out = Table(title="this CPU, one thread")
    for head in ("row", "times real time, 48 kHz"):
        out.add_column(head, justify="left" if head == "row" else "right")
    for row in result["desktop"]:
        out.add_row(row["model"], f"{row['times_real_time']:.0f}")
    return out
