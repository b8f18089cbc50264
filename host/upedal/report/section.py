"""What a part of the report consists of, whether it ends as a page or as text."""

from dataclasses import dataclass, field


@dataclass
class Section:
    """One part of the report. sentences: plain text, the facts; the rest shows them."""

    id: str
    heading: str
    note: str = ""
    sentences: list = field(default_factory=list)
    charts: list = field(default_factory=list)
    head: tuple = ()  # of the table
    table: list = field(default_factory=list)  # rows of text; the first cell names the row
    rows: list = field(default_factory=list)  # (label, text)
    findings: list = field(default_factory=list)
    bars: list = field(default_factory=list)
    block: str = ""  # to be copied


def knob_text(values, knobs=()):
    """ "drive 0.5, tone 20 kΩ" of a dict, or of a list of values and the knobs' {"name", "unit"}."""
    if isinstance(values, dict):
        told = [(name, value, "") for name, value in values.items()]
    else:
        values = list(values or [])
        knobs = [k if isinstance(k, dict) else {"name": k} for k in knobs] + [{}] * len(values)
        told = [(k.get("name") or "", v, k.get("unit") or "") for k, v in zip(knobs, values)]
    parts = (f"{name} {_plain(value)} {unit}".strip() for name, value, unit in told)
    return ", ".join(parts) or "–"


def _plain(value):
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
