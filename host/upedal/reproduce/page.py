"""The figures of `upedal reproduce` as results.json, a markdown table and one page that needs nothing else."""

import json
from pathlib import Path

from ..files import write_atomic
from ..report.figures import percent
from . import figures
from .experiments import CHANNELS, HIDDEN, grid_name

# What the paper and the one it compares with report for their own recordings, which are not to be had.
PAPER = (
    {"title": "paper: TS808", "float": {"esr": 0.0015}, "q7": {"esr": 0.0044}, "wavenet3": {"esr": 0.0011}},
    {"title": "paper: OD Glove", "float": {"esr": 0.0053}, "q7": {"esr": 0.0074}, "wavenet3": {"esr": 0.0021}},
    {"title": "paper: Big Muff", "float": {"esr": 0.1196}, "q7": {"esr": 0.1258}, "wavenet3": {"esr": 0.083}},
)  # fmt: skip
TITLES = {
    "overdrive": "overdrive (built in)", "distortion": "hard clipping (built in)", "fuzz": "fuzz (built in)",
    "ds1": "Boss DS-1", "diode": "diode clipper", "klon": "Klon Centaur (SPICE)", "jvm410h": "Marshall JVM410H",
}  # fmt: skip
NETS = ("float", "q15", "q7", "wavenet1", "wavenet3")
HEADS = ("recording", "float", "q15", "q7", "WaveNet1", "WaveNet3")
VARIANTS = (
    ("base", "16 channels, as the paper"), ("c1", "1 channel"), ("no-dither", "no dither"), ("no-emphasis", "no emphasis"),
)  # fmt: skip
_PHASES = {"float": "float", "q7": "8 bit"}


def table(cells, recordings):
    """Rows of Table I, one a recording: each net's figures, or None where it is not trained.

    cells: {"recording/cell": result of experiments.train}."""
    rows = []
    for name in recordings:
        base = cells.get(f"{name}/base")
        row = {"recording": name, "title": TITLES.get(name, name)}
        row |= {kind: _net(base, kind) for kind in ("float", "q15", "q7")}
        row |= {kind: _net(cells.get(f"{name}/{kind}"), "float") for kind in ("wavenet1", "wavenet3")}
        rows.append(row)
    return rows


def _net(cell, kind):
    """A net's figures with the minutes that its weights were trained."""
    if not cell or kind not in cell["nets"]:
        return None
    spent = cell["minutes"]
    share = {key: spent[key] for key in (("float", "q7") if kind == "q7" else ("float",)) if key in spent}
    return cell["nets"][kind] | {"minutes": share, "stopped": cell["interrupted"]}


def grid(cells, studied, speeds):
    """Points of Fig. 4: {"channels", "hidden", "esr", "float_esr", "macs", "bytes", "instructions", "cycles"}."""
    points = []
    for hidden in HIDDEN:
        top = cells.get(f"{studied}/{grid_name(16, hidden) or 'base'}")
        for c in CHANNELS:
            name = grid_name(c, hidden) or "base"
            cell = cells.get(f"{studied}/{name}")
            if cell:
                figures = {key: cell["nets"]["q7"][key] for key in ("esr", "macs", "bytes")}
                speed = speeds.get(name, {"instructions": None, "cycles": None})
                known = top and top["nets"]["float"]["esr"]
                points.append({"channels": c, "hidden": hidden, "float_esr": known, "minutes": cell["minutes"], **figures, **speed})
    return points


def ablations(cells, studied, noise):
    """[{"name", "title", "cell", "noise"}] of what was trained."""
    nets = (noise or {}).get("nets", {})
    found = [(key, title, cells.get(f"{studied}/{key}")) for key, title in VARIANTS]
    return [
        {"name": key, "title": title, "float": (cell["nets"].get("float") or {}).get("esr"),
         "q7": cell["nets"]["q7"]["esr"], "minutes": cell["minutes"], "noise": nets.get(key)}
        for key, title, cell in found if cell
    ]  # fmt: skip


def minutes(spent):
    """{"float": 5.5, "q7": 4.5} -> "float 5.5 + 8 bit 4.5 min"."""
    if not spent:
        return "untrained"
    return " + ".join(f"{_PHASES.get(k, k)} {v:.2g}" for k, v in spent.items()) + " min"


def reported(ratio):
    """As the paper writes it, in per cent with two digits."""
    return f"{100 * ratio:.2f} %"


def decibels(value):
    return "–" if value is None else f"{value:.1f} dB".replace("-", "−")


def count(value):
    return "–" if value is None else f"{value:,.0f}"


def markdown(result):
    """Table I, Fig. 4 and the ablations as plain tables."""
    lines = [_row(("ESR on the test part", *HEADS[1:])), _row(["---"] * len(HEADS))]
    for row in (*result["table"], *PAPER):
        nets = (row.get(key) for key in NETS)
        show = reported if row in PAPER else percent
        lines.append(_row([row["title"], *(show(n["esr"]) if n else "-" for n in nets)]))
    for what in ("bytes", "macs"):
        first = {key: next((r[key] for r in result["table"] if r[key]), None) for key in NETS}
        label = "bytes of the .upm" if what == "bytes" else "MACs a sample"
        lines.append(_row([label, *(count(n[what]) if n else "-" for n in first.values())]))
    if result["grid"]:
        lines += ["", _row(("channels", "wide", "ESR q7", "MACs", "bytes", "instructions"))]
        lines.append(_row(["---"] * 6))
    for p in result["grid"]:
        figures = (p["channels"], p["hidden"], percent(p["esr"]), count(p["macs"]), count(p["bytes"]))
        lines.append(_row([*figures, count(p["instructions"])]))
    if result["ablations"]:
        lines += ["", _row(("variant", "ESR q7", "noise", "distortion", "tone", "error on music"))]
        lines.append(_row(["---"] * 6))
    for a in result["ablations"]:
        lines.append(_row([a["title"], percent(a["q7"]), *_noise_texts(a["noise"])]))
    if result["noise"]:
        alone = result["noise"]["requantisation"]
        gain, expected = decibels(alone["gain_db"][-1]), decibels(alone["expected_db"][-1])
        text = f"{alone['channels'][-1]} dithered channels against 1, less noise: requantisation alone {gain}"
        lines += ["", f"{text} (expected {expected}), trained nets {decibels(result['noise_gain_db'])}"]
    return "\n".join(lines) + "\n"


def _row(values):
    return "| " + " | ".join(str(v) for v in values) + " |"


def _noise_texts(net):
    """Noise, distortion and level of the tone of -40 dBFS, error on music."""
    if not net:
        return ["–"] * 4
    tone = net["tones"]["-40"]
    noise = "none" if tone["noise_dbfs"] is None else decibels(tone["noise_dbfs"]) + "FS"
    level = "lost" if tone["tone_db"] is None else decibels(tone["tone_db"])
    return [noise, decibels(tone["distortion_db"]), level, decibels(net["error_db"])]


def write(out, result):
    """results.json, results.md and report.html in `out`; the page's path."""
    from jinja2 import Environment

    write_atomic(out / "results.json", (json.dumps(result, indent=1) + "\n").encode())
    write_atomic(out / "results.md", markdown(result).encode())
    pictures = {
        "table": figures.table(result["table"], PAPER),
        "channels": figures.channels(result["grid"]),
        "ablations": figures.ablations(result["noise"]),
        "noise": figures.noise(result["noise"]),
    }
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"percent": percent, "count": count, "db": decibels, "minutes": minutes, "reported": reported}
    text = page.from_string(template).render(
        result=result, pictures=pictures, paper=PAPER, nets=NETS, heads=HEADS,
        noise_texts=_noise_texts, studied=TITLES.get(result["studied"], result["studied"]),
    )  # fmt: skip
    path = out / "report.html"
    write_atomic(path, text.encode("utf-8"))
    return path
