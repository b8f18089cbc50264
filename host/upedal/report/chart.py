"""Charts as HTML and inline SVG that take the page's colours and width.

The drawing is stretched to its box and its strokes are not; ticks and labels are text placed by
per cent. So one chart serves a telephone and a desk, in light and in dark, without a script.
"""

import math
from dataclasses import dataclass, field
from html import escape

import numpy as np
from markupsafe import Markup


@dataclass
class Line:
    """x, y: sequences, NaN where there is nothing. style: a class of report.css."""

    label: str
    x: object
    y: object
    style: str = "target"
    kind: str = "line"  # or "bars" from 0, "dots", "area" (y and low between), "step"
    low: object = None
    links: list = field(default_factory=list)  # dots: (text, address or "")
    quiet: bool = False  # their texts appear when pointed at


@dataclass
class Chart:
    """One picture and the sentence that says what is seen in it."""

    title: str
    said: str
    x_label: str
    y_label: str
    lines: list
    marks: list = field(default_factory=list)  # {"x" or "y": value, "label": text}
    zone: tuple = ()  # (low, high) of y, shaded
    x_log: bool = False
    y_log: bool = False
    x_range: tuple = ()
    y_range: tuple = ()
    across: bool = False  # the page's whole width
    tall: bool = False
    roomy: bool = False  # room round the points, for labels


def from_picture(picture, said):
    """A chart of a check's picture (see checks.Finding), or None where it holds no point."""
    lines = picture.get("lines") or []
    styles = ("target", "model", "error", "good", "ink")
    drawn = [
        Line(str(each.get("label", "")), each["x"], each["y"], styles[k % len(styles)])
        for k, each in enumerate(lines)
        if len(each.get("x") or ()) and len(each["x"]) == len(each.get("y") or ())
    ]
    if not drawn:
        return None
    names = [str(picture.get(key) or "") for key in ("title", "x_label", "y_label")]
    marks = [m for m in picture.get("marks") or [] if _finite(m.get("x", m.get("y")))]
    return Chart(names[0], said, names[1], names[2], drawn, marks)


def _finite(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


def number(value):
    """A tick's text: 20k, 0.05, −12."""
    if abs(value) >= 1000 and value % 100 == 0 and abs(value) < 1e6:
        return f"{value / 1000:g}k".replace("-", "−")
    return f"{value:.6g}".replace("-", "−")


def ticks(low, high, log=False):
    """Round values within low…high, about six."""
    if log and high / low > 5:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        steps = (1, 2, 5) if last - first <= 3 else (1,)
        gap = max(1, (last - first) // 6)
        made = [m * 10.0**e for e in range(first, last + 1, gap) for m in steps]
        return [t for t in made if low * 0.999 <= t <= high * 1.001]
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= 0.9 * rough)
    start = math.ceil(low / step - 1e-6)
    return [round(k * step, 12) + 0.0 for k in range(start, math.floor(high / step + 1e-6) + 1)]


class _Scale:
    """Values to 0…1000 of the drawing, and to per cent of the box."""

    def __init__(self, values, wanted, log, upward, roomy):
        values = np.concatenate([np.ravel(np.asarray(v, np.float64)) for v in values])
        values = values[np.isfinite(values) & ((values > 0) if log else True)]
        if not len(values):
            values = np.array([1.0, 10.0])
        low, high = wanted or (float(values.min()), float(values.max()))
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        if roomy and not wanted:
            room = 0.06 * (math.log(high / low) if log else high - low)
            low, high = (low / math.exp(room), high * math.exp(room)) if log else (low - room, high + room)  # fmt: skip
        self.low, self.high, self.log, self.upward = low, high, log, upward

    def __call__(self, values):
        values = np.asarray(values, np.float64)
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.log(values / self.low) / math.log(self.high / self.low)
        else:
            share = (values - self.low) / (self.high - self.low)
        share = np.clip(share, -0.5, 1.5)
        return 1000 * ((1 - share) if self.upward else share)

    def ticks(self):
        return [(t, float(self(t)) / 10) for t in ticks(self.low, self.high, self.log)]


def _path(x, y):
    """An SVG path through the points; it breaks where one is not finite."""
    parts, pen = [], "M"
    for a, b in zip(x, y):
        if math.isfinite(a) and math.isfinite(b):
            parts.append(f"{pen}{a:.1f} {b:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


def _shape(line, sx, sy):
    x, y = sx(line.x), sy(line.y)
    if line.kind == "area":
        low = sy(line.low)
        d = _path([*x, *x[::-1]], [*y, *low[::-1]]) + "Z"
    elif line.kind == "bars":
        zero = float(sy(max(sy.low, 0)))
        half = 0.42 * float(np.median(np.diff(x))) if len(x) > 1 else 20
        d = "".join(
            f"M{a - half:.1f} {zero:.1f}V{b:.1f}H{a + half:.1f}V{zero:.1f}Z"
            for a, b in zip(x, y)
            if math.isfinite(b)
        )
    elif line.kind == "dots":
        d = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x, y) if math.isfinite(a + b))
    else:
        d = _path(x, y)
    return f'<path class="{line.kind} {line.style}" d="{d}"/>'


def _links(line, sx, sy):
    for (text, address), a, b in zip(line.links, sx(line.x) / 10, sy(line.y) / 10):
        place = f'style="left:{a:.2f}%;top:{b:.2f}%"'
        side = " quiet" * line.quiet + " left" * bool(a > 60)
        label = f'<span class="tip" aria-hidden="true">{escape(text)}</span>'
        if address:
            yield f'<a class="spot{side}" {place} href="{escape(address)}" aria-label="{escape(text)}">{label}</a>'
        else:
            yield f'<span class="spot{side}" {place}>{label}</span>'


def _marks(marks, sx, sy):
    for mark in marks:
        way, scale, side = ("x", sx, "left") if "x" in mark else ("y", sy, "top")
        at = float(scale(mark[way])) / 10
        if 0 <= at <= 100:
            label = escape(str(mark.get("label", "")))
            side += f":{at:.2f}%"
            end = " end" if way == "x" and at > 70 else ""
            yield f'<span class="mark {way}{end}" style="{side}"><i>{label}</i></span>'


def render(chart):
    """The chart as markup."""
    lines = chart.lines
    sx = _Scale([each.x for each in lines], chart.x_range, chart.x_log, False, chart.roomy)
    ys = [each.y for each in lines] + [each.low for each in lines if each.low is not None]
    ys += [[0.0] for each in lines if each.kind == "bars"]
    ys += [[m["y"]] for m in chart.marks if "y" in m]
    sy = _Scale(ys, chart.y_range, chart.y_log, True, True)
    xt, yt = sx.ticks(), sy.ticks()
    grid = "".join(f"M0 {at * 10:.1f}H1000" for _, at in yt)
    grid += "".join(f"M{at * 10:.1f} 0V1000" for _, at in xt)
    drawing = [f'<path class="grid" d="{grid}"/>']
    if chart.zone:
        top, bottom = float(sy(chart.zone[1])), float(sy(chart.zone[0]))
        drawing.insert(0, f'<path class="zone" d="M0 {top:.1f}H1000V{bottom:.1f}H0Z"/>')
    drawing += [_shape(each, sx, sy) for each in lines]
    many = len(xt) > 6
    labels = [
        f'<span class="tx{" odd" if many and k % 2 else ""}" style="left:{at:.2f}%">{number(t)}</span>'
        for k, (t, at) in enumerate(xt)
    ]
    labels += [f'<span class="ty" style="top:{at:.2f}%">{number(t)}</span>' for t, at in yt]
    labels += _marks(chart.marks, sx, sy)
    spots = [spot for each in lines for spot in _links(each, sx, sy)]
    return Markup(_box(chart, "".join(drawing), "".join(labels), "".join(spots)))


def _box(chart, drawing, labels, spots):
    named = [each for each in chart.lines if each.label]
    keys = "".join(
        f'<span><svg viewBox="0 0 24 10" aria-hidden="true"><path class="{each.kind if each.kind != "area" else "bars"} '
        f'{each.style}" d="{"M3 1H21V9H3Z" if each.kind in ("bars", "area") else "M12 5h0" if each.kind == "dots" else "M1 5H23"}"/>'
        f"</svg>{escape(each.label)}</span>"
        for each in named
    )
    said = escape(f"{chart.title}. {chart.said}".strip())
    role = f'role="group" aria-label="{said}"' if spots else f'role="img" aria-label="{said}"'
    marked = " marked" * any("x" in mark for mark in chart.marks)
    flags = " many" * (len(named) > 1) + " tall" * chart.tall + " across" * chart.across
    legend = f'<div class="legend">{keys}</div>' if len(named) > 1 else ""
    return (
        f'<figure class="chart{flags}" {role}>'
        f"<figcaption>{escape(chart.title)}</figcaption>{legend}"
        f'<div class="unit">{escape(chart.y_label)}</div><div class="box{marked}">'
        f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{drawing}</svg>'
        f'{labels}{spots}</div><div class="unit below">{escape(chart.x_label)}</div></figure>'
    )
