"""Puts a model's report together: one HTML file with pictures and sound, or the same facts as text."""

import re
from pathlib import Path

import numpy as np

from ..errors import UpedalError
from ..files import write_atomic
from . import chart, figures, heard, sections, sound


def write_model(path, result, *, dry=None, target=None, output=None, play=None):
    """Writes the report of one model, whole or not at all; returns its path.

    result: the dict of result.json (docs/reports.md lists its keys); any key may be missing.
    target, output, dry: float32 [n] at result["rate_hz"], full scale 1: what the gear gave on the
    held-out part, what the packed model gives, and (optional) what went in. Without target and
    output the page has neither sound nor what is measured on it.
    play: x float32 [n] -> y [n], the packed model from its start; for harmonics and aliasing.
    """
    parts, faults, deck = gather(result, dry, target, output, play)
    text = render(
        "report.html",
        title=figures.title(result),
        verdict=figures.verdict(result, faults),
        tiles=figures.tiles(result),
        sections=parts,
        deck=deck,
    )
    return put(path, text)


def write(path, result, target, output, rate_hz, *, dry=None, history=None):
    """As write_model, of `upedal demo`: history is the trainer's list, else result["history"]."""
    result = {**result, "rate_hz": rate_hz, "history": history or result.get("history")}
    return write_model(path, result, dry=dry, target=target, output=output)


def gather(result, dry, target, output, play, sounding=True):
    """([Section] in the page's order, faults for the verdict, the players' dict or None)."""
    found, faults, deck = sections.from_result(result), [], None
    rate = figures.number(result.get("rate_hz"))
    if (target is not None or play is not None) and not (rate and rate > 0):
        raise UpedalError(
            f"report: rate_hz is {result.get('rate_hz')!r}; expected samples a second"
        )
    made = []
    if target is not None and output is not None:
        target, output = _signal(target, "target"), _signal(output, "output", len(target))
        dry = None if dry is None else _signal(dry, "dry", len(target))
        spectrum, faults = heard.spectrum(target, output, rate)
        made = [spectrum, heard.over_time(target, output, rate)]
        deck = sound.deck(dry, target, output, rate) if sounding else None
    if play is not None:
        peak = float(np.abs(dry).max()) if dry is not None else 0.0
        section, more = heard.harmonics(play, rate, 20 * np.log10(peak) if peak > 0 else 0.0)
        made.append(section)
        faults += more
    first = [s for s in found if s.id == "checks"]
    rest = [s for s in found if s.id != "checks"]
    return first + [s for s in made if s] + rest, faults, deck


def _signal(x, name, length=None):
    x = np.asarray(x, np.float32)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        raise UpedalError(
            f"report: {name} has shape {x.shape}; expected one channel of finite samples"
        )
    if length is not None and len(x) != length:
        raise UpedalError(
            f"report: target has {length} samples and {name} {len(x)}; expected as many"
        )
    return x


def render(template, **values):
    """A page of this folder's templates, its own size in it."""
    from jinja2 import Environment, FileSystemLoader

    from .. import __version__

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    pages.filters["glue"] = glue
    values |= {"render": chart.render, "version": __version__, "size": _SIZE}
    text = pages.get_template(template).render(values)
    kilobytes = len(text.encode()) / 1000
    size = f"{kilobytes / 1000:.1f} MB" if kilobytes >= 1000 else f"{kilobytes:.0f} kB"
    return text.replace(_SIZE, size)


_SIZE = "@size@"


def glue(text):
    """Text whose figures and units stay on one line."""
    return re.sub(r"(?<=[\d]) (?=%|dB|k?Hz|MB|kB|s\b)", "\u00a0", str(text))


def put(path, text):
    """Writes a text file, whole or not at all; returns its path."""
    write_atomic(path, text.encode())
    return Path(path)
