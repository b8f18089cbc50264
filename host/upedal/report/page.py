"""Puts the report together: words and numbers, pictures, sound, in one HTML file."""

import base64
import io
from pathlib import Path

import numpy as np

from ..errors import UpedalError
from . import figures, plots

PLAYED_S = 5.0  # of audio in each player


def write(path, result, target, output, rate_hz, *, dry=None, history=None):
    """Write the report and return its path.

    result: the dict of result.json; any key may be missing. target, output, dry: float32 [n],
    full scale 1, what the real pedal gave, what the model gave, and (optional) what went in.
    history: the trainer's list of {"epoch", "val_esr", ...}, also taken from result["history"].
    """
    from jinja2 import Environment

    target, output = _signal(target, "target"), _signal(output, "output")
    if len(target) != len(output):
        raise UpedalError(
            f"report: target has {len(target)} samples and output {len(output)}; expected as many"
        )
    template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = page.from_string(template).render(
        title=figures.title(result),
        verdict=figures.verdict(result),
        tiles=figures.tiles(result),
        sections=figures.table(result),
        boards=_bars(figures.board_rows(result)),
        pictures=_pictures(target, output, rate_hz, history or result.get("history")),
        **_sounds(target, output, dry, rate_hz),
    )
    path = Path(path)
    path.write_text(text, encoding="utf-8")
    return path


def _signal(x, name):
    x = np.asarray(x, np.float32)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        raise UpedalError(
            f"report: {name} has shape {x.shape}; expected one channel of finite samples"
        )
    return x


def _pictures(target, output, rate_hz, history):
    made = [
        ("Waveform", "The whole, the difference, and the loudest 25 milliseconds.",
         plots.waveform(target, output, rate_hz)),
        ("Spectrum over time", "All three on the same scale.",
         plots.spectrograms(target, output, rate_hz)),
        ("Error over time", "In steps of 100 ms, over the target's level in grey; silence left out.",
         plots.esr_over_time(target, output, rate_hz)),
        ("Training", "Validation ESR after each epoch.", plots.training(history)),
    ]  # fmt: skip
    return [(heading, note, uri) for heading, note, uri in made if uri]


def _bars(rows):
    """Bars to a common scale that shows 100 % and no more than three times as much."""
    scale = min(3.0, max([1.15, *(r["load"] * 1.05 for r in rows if r["load"] is not None)]))
    for row in rows:
        share = 0 if row["load"] is None else min(1.0, row["load"] / scale)
        row["width"] = round(100 * share, 2)
        row["state"] = "none" if row["load"] is None else "over" if row["load"] > 1 else "fits"
        row["cut"] = row["load"] is not None and row["load"] > scale
    return {"rows": rows, "limit": round(100 / scale, 2)}


def _sounds(target, output, dry, rate_hz):
    """Players of the loudest stretch, and the gain common to them that avoids clipping."""
    length = int(PLAYED_S * rate_hz)
    at = plots.loudest(target, length)
    part = slice(at, at + length)
    named = [("Target", target[part]), ("Model", output[part]),
             ("Difference", (target - output)[part])]  # fmt: skip
    if dry is not None:
        named.insert(0, ("Dry", _signal(dry, "dry")[part]))
    peak = max(float(np.abs(x).max(initial=0)) for _, x in named)
    gain = min(1.0, 0.99 / peak) if peak > 0 else 1.0
    return {
        "players": [(name, _wav(gain * x, rate_hz)) for name, x in named],
        "played": f"{at / rate_hz:.1f} to {min(len(target), at + length) / rate_hz:.1f}",
        "gain_db": f"{-20 * np.log10(gain):.1f}" if gain < 1 else "",
    }


def _wav(signal, rate_hz):
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, signal, int(rate_hz), format="WAV", subtype="PCM_16")
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode()
