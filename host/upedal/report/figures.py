"""Figures as text, and the words at the report's top, from a result's keys; any may be missing."""

import math

_NOTHING_DB = -300.0  # stands for minus infinity, which JSON does not have


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
    x = number(value)
    if kind == "db" and (value == -math.inf or (x is not None and x <= _NOTHING_DB)):
        return "no difference"
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


def joined(parts):
    """["a", "b", "c"] -> "a, b and c"."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def title(result):
    name = result.get("title") or result.get("name") or (result.get("meta") or {}).get("name")
    return str(name or "Captured pedal")


def error(result):
    """(ESR on the held-out part, whose it is): the file as it is shipped goes before the network."""
    for key, whose in (("esr_pedal", "the pedal"), ("esr_sim", "the simulator")):
        if number(result.get(key)) is not None:
            return number(result[key]), whose
    quantised = result.get("quantised") or {}
    if number(quantised.get("esr")) is not None:
        return number(quantised["esr"]), f"the {quantised.get('arithmetic', 'integer')} model"
    for key in ("test_esr", "esr_net", "val_esr"):
        if number(result.get(key)) is not None:
            return number(result[key]), "the model"
    return None, ""


# What an ESR is called. The bounds are ours, for guidance: ears judge, see the blind test.
_GRADES = ((0.01, "Very close"), (0.05, "Close"), (0.15, "Rough"), (math.inf, "Far off"))


def grade(esr):
    return next(word for bound, word in _GRADES if esr < bound or bound == math.inf)


def verdict(result, faults=()):
    """One sentence: how near the sound is, what is wrong with it (`faults`), and where it fits."""
    parts = []
    esr, whose = error(result)
    if esr is not None:
        told = f"{grade(esr)}: the error of {whose} is {percent(esr)} of the signal's energy"
        linear = number(result.get("linear_esr"))
        parts.append(told + (f" (a linear filter leaves {percent(linear)})" if linear else ""))
    parts += [fault for fault in faults if fault]
    apart = number(result.get("pedal_vs_sim_db"))
    if result.get("bit_identical"):
        parts.append("the pedal plays what the simulator plays, bit for bit")
    elif apart is not None:
        parts.append(f"pedal and simulator differ by {show(apart, 'db')}")
    known = [row for row in board_rows(result) if row["load"] is not None]
    if len(known) == 1:
        parts.append(
            f"it is estimated {'to fit' if fits(known[0]) else 'too much for'} {known[0]['title']}"
        )
    elif known:
        parts.append(f"it is estimated to fit {sum(map(fits, known))} of {len(known)} boards")
    if not parts:
        return "Nothing was measured."
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + ", and " + parts[-1]
    return text[0].upper() + text[1:] + "."


def tiles(result):
    """The figures at the top: [(label, text, note)]."""
    esr, whose = error(result)
    found = []
    if esr is not None:
        db = decibels(10 * math.log10(esr)) if esr > 0 else "no error"
        found.append(("Error to signal", percent(esr), db))
    spectral = number(result.get("test_mrstft"))
    if spectral is not None:
        found.append(("Spectral error", f"{spectral:.3g}", "MR-STFT"))
    work = "counted" if "esr_pedal" in result else "estimated"
    for key, label, note in (
        ("instructions_per_sample", "Instructions a sample", work),
        ("estimated_cycles_per_sample", "Cycles a sample", "estimated"),
        ("upm_bytes", "Model file", "bytes"),
        ("train_seconds", "Training", ""),
    ):
        value = number(result.get(key))
        if value is not None:
            text = show(value, "seconds") if key == "train_seconds" else f"{value:,.0f}"
            found.append((label, text, note))
    return found


def board_rows(result):
    """[{name, title, load, text, budget, memory, memory_budget}], None where nothing is known.

    load: a fraction of the budget. A board without `load` gets estimated cycles (its own, else the
    result's) over its budget. memory, memory_budget: bytes.
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
        name = str(board.get("name", "?"))
        rows.append(
            {
                "name": name,
                "title": str(board.get("title") or name),
                "load": load,
                "text": "no estimate" if load is None else f"{100 * load:.0f} %",
                "budget": f"{budget:,.0f} cycles a sample" if budget else "",
                "memory": number(board.get("memory_bytes")),
                "memory_budget": number(board.get("memory_budget")),
            }
        )
    return rows


def holds(row):
    """Whether a board of board_rows has the memory, as far as is known."""
    return not row["memory_budget"] or (row["memory"] or 0) <= row["memory_budget"]


def fits(row):
    """Whether a board of board_rows is known to have the time, and has the memory."""
    return row["load"] is not None and row["load"] <= 1 and holds(row)
