"""The report's sections that come from the result's keys; the page and the plain text show both."""

from . import figures, made
from .chart import from_picture
from .figures import number, percent, show
from .section import Section, knob_text

OUTCOMES = {"ok": ("✓", "ok"), "fixed": ("↻", "fixed"), "warned": ("!", "warning"), "refused": ("✕", "refused")}  # fmt: skip


def from_result(result):
    """The sections that the result's keys allow."""
    makers = (checks, settings, boards, quantised, pedal, made.training, made.about, made.repeat)
    return [section for section in (make(result) for make in makers) if section]


def checks(result):
    findings = [f for f in result.get("checks") or [] if isinstance(f, dict)]
    notes = [str(note) for note in result.get("notes") or []]
    if not findings and not notes:
        return None
    shown, several = [], len({f.get("capture") for f in findings}) > 1
    for finding in sorted(findings, key=lambda f: -_weight(f)):
        icon, word = OUTCOMES.get(finding.get("outcome"), ("?", str(finding.get("outcome"))))
        chart = from_picture(finding.get("picture") or {}, str(finding.get("sentence", "")))
        shown.append(
            {
                "outcome": finding.get("outcome"), "icon": icon, "word": word, "chart": chart,
                "title": _titled(finding, several),
                "sentence": str(finding.get("sentence", "")), "advice": str(finding.get("advice") or ""),
            }
        )  # fmt: skip
    return Section(
        "checks", "The recordings", sentences=[*_summary(findings), *notes], findings=shown
    )


def _titled(finding, several):
    title = str(finding.get("title") or finding.get("check") or "check")
    return f"{title} ({finding['capture']})" if several and finding.get("capture") else title


def _weight(finding):
    return list(OUTCOMES).index(finding["outcome"]) if finding.get("outcome") in OUTCOMES else 9


def _summary(findings):
    if not findings:
        return []
    counted = {key: sum(f.get("outcome") == key for f in findings) for key in OUTCOMES}
    told = [f"{n} {OUTCOMES[key][1]}" for key, n in counted.items() if n]
    return [f"{len(findings)} checks of the recordings: {figures.joined(told)}."] if told else []


def settings(result):
    found = [s for s in result.get("settings") or [] if number(s.get("esr")) is not None]
    if len(found) < 2:
        return None
    knobs = result.get("knobs") or []
    head, table = ("setting", "knobs", "ESR", "used for"), []
    for each in found:
        use = "held out: never trained on" if each.get("held_out") else "training"
        table.append((str(each.get("name") or "–"), knob_text(each.get("knobs"), knobs), percent(each["esr"]), use))  # fmt: skip
    sentences = []
    for held, told in ((True, "held out, which training never saw"), (False, "trained on")):
        values = [s["esr"] for s in found if bool(s.get("held_out")) is held]
        if values:
            mean = sum(values) / len(values)
            sentences.append(
                f"Settings {told}: {len(values)}, mean ESR {percent(mean)}, the worst {percent(max(values))}."
            )
    if not any(s.get("held_out") for s in found):
        sentences.append(
            "No setting was held out, so nothing is known of knob positions in between."
        )
    return Section("settings", "Knob settings", sentences=sentences, head=head, table=table)


def boards(result):
    rows = figures.board_rows(result)
    if not rows:
        return None
    bars = []
    for row in rows:
        bars.append(_bar(row["title"], "load", row["load"], row["text"], row["budget"]))
        if row["memory"] is not None and row["memory_budget"]:
            share = row["memory"] / row["memory_budget"]
            text = f"{row['memory'] / 1024:,.1f} kB"
            bars.append(
                _bar("", "memory", share, text, f"of {row['memory_budget'] / 1024:,.0f} kB")
            )
    fit = [row["title"] for row in rows if figures.fits(row)]
    slow = [row["title"] for row in rows if (row["load"] or 0) > 1]
    small = [row["title"] for row in rows if not figures.holds(row)]
    told = (("Fits", fit), ("Too much work for", slow), ("Too large for the memory of", small))
    sentences = [f"{what} {figures.joined(names)}." for what, names in told if names]
    note = "Load of one core against what effects may use of it: an estimate from counted instructions, not measured on hardware. The dashed line is all there is."
    return Section("boards", "Where it fits", note=note, sentences=sentences, bars=scaled(bars))


def _bar(name, what, share, text, small):
    return {"name": name, "what": what, "share": share, "text": text, "small": small}


def scaled(bars):
    """The bars on one scale that shows 100 % and no more than three times as much."""
    shares = [b["share"] for b in bars if b["share"] is not None]
    scale = min(3.0, max([1.15, *(1.05 * share for share in shares)]))
    for bar in bars:
        share = bar["share"]
        bar["width"] = 0 if share is None else round(100 * min(1.0, share / scale), 2)
        bar["state"] = "none" if share is None else "over" if share > 1 else "fits"
        bar["word"] = {"none": "", "over": "too much", "fits": "fits"}[bar["state"]]
        bar["cut"] = share is not None and share > scale
        bar["limit"] = round(100 / scale, 2)
    return bars


def quantised(result):
    found = result.get("quantised") or {}
    esr, db = number(found.get("esr")), number(found.get("db"))
    if not found or (esr is None and db is None):
        return None
    kind, before = str(found.get("arithmetic") or "integer"), number(result.get("test_esr"))
    sentences, rows = [], [(f"ESR in {kind}", show(esr, "ratio"))]
    if before is not None and esr is not None:
        rows.insert(0, ("ESR in floating point", show(before, "ratio")))
        change = (
            "no more"
            if abs(esr - before) < 5e-5
            else f"{percent(abs(esr - before))} {'more' if esr > before else 'less'}"
        )
        sentences.append(
            f"In {kind} the error is {percent(esr)} of the signal's energy, {change} than in floating point."
        )
    if db is not None:
        rows.append(("Difference between the two, against the signal", show(db, "db")))
    return Section("quantised", f"What {kind} costs", sentences=sentences, rows=rows)


_PEDAL = (
    ("esr_net", "ESR, trained network", "ratio"), ("esr_sim", "ESR, simulator", "ratio"),
    ("esr_pedal", "ESR, pedal", "ratio"), ("sim_vs_net_db", "Simulator against network", "db"),
    ("pedal_vs_sim_db", "Pedal against simulator", "db"),
    ("bit_identical", "Pedal and simulator, bit for bit", "bool"),
    ("interpreter_instructions_per_block", "Interpreter's instructions a block", "count"),
    ("xruns", "Late blocks", "count"), ("arena_bytes", "RAM of the model", "bytes"),
    ("seconds", "Time taken in all", "seconds"),
)  # fmt: skip


def pedal(result):
    """What was played on an emulated pedal, as `upedal demo` does."""
    rows = [(label, show(result[key], kind)) for key, label, kind in _PEDAL if key in result]
    note = "Played by MicroPython on an emulated board; instructions were counted there."
    return Section("pedal", "On the pedal", note=note, rows=rows) if rows else None
