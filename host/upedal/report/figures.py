"""What the report says in words and numbers, from the keys of `result.json`; any may be missing."""

import math

# (heading, [(key, label, kind)]) of the table; kinds are those of `show`.
_TABLE = [
    ("Sound", [
        ("esr_net", "ESR, trained network", "ratio"),
        ("esr_sim", "ESR, simulator", "ratio"),
        ("esr_pedal", "ESR, pedal", "ratio"),
        ("sim_vs_net_db", "Simulator against network", "db"),
        ("pedal_vs_sim_db", "Pedal against simulator", "db"),
        ("bit_identical", "Pedal and simulator, bit for bit", "bool"),
    ]),
    ("Speed", [
        ("instructions_per_sample", "Instructions a sample, counted", "count"),
        ("estimated_cycles_per_sample", "Cycles a sample, estimated", "count"),
        ("interpreter_instructions_per_block", "Interpreter's instructions a block", "count"),
    ]),
    ("Size and time", [
        ("upm_bytes", "Model file", "bytes"),
        ("seconds", "Time taken in all", "seconds"),
    ]),
]  # fmt: skip
# Keys with a place of their own on the page.
_PLACED = {"boards", "title", "history"} | {key for _, rows in _TABLE for key, _, _ in rows}


def number(value):
    """The value as a float, or None where it is missing, not finite or no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def percent(ratio):
    """0.01234 -> "1.23 %", with two figures where it is small."""
    share = 100 * ratio
    digits = 0 if share >= 100 else 1 if share >= 10 else 2 if share >= 0.1 else 4
    return f"{share:.{digits}f} %"


def decibels(x):
    return f"{x:.1f} dB".replace("-", "−")


def show(value, kind="plain"):
    """A figure as text; "–" where there is none."""
    if kind == "bool" or isinstance(value, bool):
        return "–" if value is None else "yes" if value else "no"
    if kind == "db" and value == -math.inf:
        return "no difference"
    x = number(value)
    if x is None:
        return value if isinstance(value, str) else "–"
    if kind == "ratio":
        return percent(x) + (f" ({decibels(10 * math.log10(x))})" if x > 0 else "")
    if kind == "db":
        return decibels(x)
    if kind == "bytes":
        return f"{x:,.0f} bytes"
    if kind == "seconds":
        return f"{x:.1f} s" if x < 60 else f"{int(x // 60)} min {x % 60:.0f} s"
    return f"{x:,.0f}" if kind == "count" or abs(x) >= 1000 else f"{x:,.6g}"


def title(result):
    return str(result.get("title") or "Captured pedal")


def verdict(result):
    """One sentence: how near the sound is, whether pedal and simulator agree, where it fits."""
    parts = []
    esr = next(
        (number(result.get(k)) for k in ("esr_pedal", "esr_sim", "esr_net") if result.get(k)), None
    )
    if esr is not None:
        parts.append(f"the error is {percent(esr)} of the signal's energy")
    apart = number(result.get("pedal_vs_sim_db"))
    if result.get("bit_identical"):
        parts.append("the pedal plays what the simulator plays, bit for bit")
    elif apart is not None:
        parts.append(f"pedal and simulator differ by {show(apart, 'db')}")
    loads = [row["load"] for row in board_rows(result) if row["load"] is not None]
    if loads:
        fit = sum(load <= 1 for load in loads)
        parts.append(f"the model is estimated to fit {fit} of {len(loads)} boards")
    if not parts:
        return "Nothing was measured."
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + ", and " + parts[-1]
    return text[0].upper() + text[1:] + "."


def tiles(result):
    """The four figures at the top: [(label, text, note)]."""
    esr = next((k for k in ("esr_pedal", "esr_sim", "esr_net") if number(result.get(k))), None)
    found = []
    if esr:
        db = decibels(10 * math.log10(result[esr]))
        found.append(("Error to signal", percent(result[esr]), db))
    for key, label, note in (
        ("instructions_per_sample", "Instructions a sample", "counted"),
        ("estimated_cycles_per_sample", "Cycles a sample", "estimated"),
        ("upm_bytes", "Model file", "bytes"),
    ):
        if number(result.get(key)) is not None:
            found.append((label, f"{result[key]:,.0f}", note))
    return found


def table(result):
    """[(heading, [(label, text)])]: known figures in order, then every further plain value."""
    sections = [
        (heading, [(label, show(result[key], kind)) for key, label, kind in rows if key in result])
        for heading, rows in _TABLE
    ]
    more = [
        (key.replace("_", " "), show(value))
        for key, value in result.items()
        if key not in _PLACED and isinstance(value, (str, int, float))
    ]
    return [(heading, rows) for heading, rows in [*sections, ("Further", more)] if rows]


def board_rows(result):
    """[{name, load, text, budget}]: load as a fraction of the budget, None where not estimated.

    A board without `load` gets estimated cycles (its own, else the result's) over its budget.
    """
    rows = []
    for board in result.get("boards") or []:
        budget = number(board.get("budget_cycles_per_sample"))
        cycles = number(
            board.get("estimated_cycles_per_sample", result.get("estimated_cycles_per_sample"))
        )
        load = number(board.get("load"))
        if "load" not in board and budget and cycles is not None:
            load = cycles / budget
        text = "no estimate" if load is None else f"{100 * load:.0f} %"
        budget_text = f"{budget:,.0f} cycles a sample" if budget else ""
        rows.append(
            {
                "name": str(board.get("name", "?")),
                "load": load,
                "text": text,
                "budget": budget_text,
            }
        )
    return rows
