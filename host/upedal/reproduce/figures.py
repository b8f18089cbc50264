"""The plots of `upedal reproduce`, each a data URI, from the keys of results.json."""

import numpy as np

from ..report.plots import DIFFERENCE, FAINT, INK, MODEL, TARGET, _figure, _uri

GREEN, VIOLET = "#3c7a57", "#6d4b94"
# (column of the table, label, colour, marker)
_NETS = (
    ("float", "float", TARGET, "o"),
    ("q15", "q15", GREEN, "D"),
    ("q7", "q7", MODEL, "s"),
    ("wavenet1", "WaveNet1", FAINT, "^"),
    ("wavenet3", "WaveNet3", INK, "v"),
)
_VARIANTS = (
    ("base", "16 channels", MODEL),
    ("c1", "1 channel", TARGET),
    ("no-dither", "no dither", DIFFERENCE),
    ("no-emphasis", "no emphasis", GREEN),
)
_FEW = (20, 100, 500, 2000, 10000)  # ticks of a narrow plot
_WIDTHS = {8: TARGET, 16: GREEN, 24: MODEL, 32: DIFFERENCE}


def _percent(axis, which):
    """A logarithmic axis of per cent, ticks 0.1, 0.2, 0.5, ..."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    getattr(axis, f"set_{which}scale")("log")
    ticks = getattr(axis, f"{which}axis")
    low, high = getattr(axis, f"get_{which}lim")()
    ticks.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,)))
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ticks.set_minor_locator(NullLocator())


def table(rows, paper):
    """ESR of every net by recording, the paper's beside them; None where nothing is trained."""
    shown = [r for r in rows if any(r[key] for key, *_ in _NETS)]
    if not shown:
        return None
    every = [*shown, *paper]
    figure, ((axis,),) = _figure(height=0.9 + 0.42 * len(every))
    for key, label, colour, marker in _NETS:
        points = [(100 * r[key]["esr"], k) for k, r in enumerate(every) if r.get(key)]
        if points:
            x, y = zip(*points)
            axis.plot(x, y, marker, color=colour, mec=INK, mew=0.6, ms=8, label=label)
    axis.axhline(len(shown) - 0.5, color=FAINT, lw=0.8)
    axis.set_yticks(range(len(every)), [r["title"] for r in every])
    axis.set(ylim=(len(every) - 0.5, -0.5), xlabel="ESR, %")
    axis.grid(axis="y", color=FAINT, lw=0.4)
    axis.set_axisbelow(True)
    _percent(axis, "x")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return _uri(figure)


def channels(points):
    """Fig. 4: ESR against dithered channels, and against cost: instructions where all have them, else MACs."""
    if len(points) < 2:
        return None
    key = "instructions" if all(p["instructions"] for p in points) else "macs"
    figure, (axes,) = _figure(1, 2, height=3.4, sharey=True)
    for hidden in sorted({p["hidden"] for p in points}):
        row = sorted((p for p in points if p["hidden"] == hidden), key=lambda p: p["channels"])
        esr = [100 * p["esr"] for p in row]
        style = {"color": _WIDTHS.get(hidden, INK), "marker": "o", "ms": 6, "lw": 1.4}
        axes[0].plot([p["channels"] for p in row], esr, label=f"{hidden} wide", **style)
        axes[1].plot([p[key] for p in row], esr, **style)
        for p in row:
            axes[1].annotate(str(p["channels"]), (p[key], 100 * p["esr"]), xytext=(5, 5),
                             textcoords="offset points", fontsize=8.5, color=INK)  # fmt: skip
        if row[-1]["float_esr"]:
            level = 100 * row[-1]["float_esr"]
            axes[0].axhline(level, color=style["color"], ls=(0, (4, 3)), lw=1.0)
            axes[0].annotate("float", (1, level), xycoords=("axes fraction", "data"), fontsize=8.5,
                             xytext=(-2, 3), textcoords="offset points", ha="right")  # fmt: skip
    counts = sorted({p["channels"] for p in points})
    axes[0].set_xscale("log", base=2)
    axes[0].set_xticks(counts, counts)
    axes[0].set(xlabel="dithered channels", ylabel="ESR, %")
    name = "instructions a sample, Cortex-M7" if key == "instructions" else "MACs a sample"
    axes[1].set(xlabel=f"{name} (figures: channels)")
    _percent(axes[0], "y")
    axes[0].legend(frameon=False)
    return _uri(figure)


def _spectra(axis, named, title, ticks=(20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)):
    for label, colour, spectrum in named:
        axis.plot(spectrum["hz"], spectrum["db"], color=colour, lw=1.4, label=label)
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{t // 1000}k" if t >= 1000 else str(t) for t in ticks])
    axis.minorticks_off()
    top = max(max(s["db"]) for *_, s in named)
    low = min(min(s["db"]) for *_, s in named)
    axis.set(xlabel="Hz", xlim=(20, max(s["hz"][-1] for *_, s in named)))
    axis.set_ylim(max(low, top - 110) - 3, top + 3)
    axis.set_title(title, fontsize=10, color=INK, loc="left")
    axis.grid(color=FAINT, lw=0.4)


def ablations(noise):
    """Spectra of the error against the float net: a quiet tone, and music."""
    nets = (noise or {}).get("nets", {})
    known = [(label, colour, nets[key]) for key, label, colour in _VARIANTS if key in nets]
    if not known:
        return None
    figure, (axes,) = _figure(1, 2, height=3.8)
    for axis, key, title in zip(axes, ("tone", "music"), ("a tone of −40 dBFS", "music")):
        _spectra(axis, [(n, c, net["spectra"][key]) for n, c, net in known], title)
    axes[0].set_ylabel("error, dBFS a hertz")
    axes[0].legend(frameon=False)
    return _uri(figure)


def noise(result):
    """One dithered channel against sixteen: the requantisation alone, its gain by channels, trained nets."""
    if not result:
        return None
    figure, (axes,) = _figure(1, 3, height=3.6)
    alone = result["requantisation"]
    named = [
        (f"{c} channel" + ("s" if c != "1" else ""), TARGET if c == "1" else MODEL, s)
        for c, s in alone["spectra"].items()
    ]
    _spectra(axes[0], named, "requantisation, de-emphasised", _FEW)
    axes[0].set_ylabel("noise, dBFS a hertz")
    axes[0].legend(frameon=False)
    count = np.array(alone["channels"])
    axes[1].plot(count, alone["expected_db"], color=FAINT, lw=4, label="10 log10 C")
    axes[1].plot(count, alone["gain_db"], "o-", color=MODEL, lw=1.2, label="requantisation")
    float_net = result["behind_dither"]
    if None not in float_net:
        less = [float_net[0] - v for v in float_net]
        axes[1].plot(count, less, "^-", color=GREEN, lw=1.2, label="float net behind it")
    nets = [(c, _tone_noise(result, "base" if c == 16 else f"c{c}")) for c in alone["channels"]]
    if nets[0][1] is not None:
        x, y = zip(*[(c, nets[0][1] - v) for c, v in nets if v is not None])
        axes[1].plot(x, y, "s--", color=DIFFERENCE, lw=1.2, label="8-bit nets")
    axes[1].set_xscale("log", base=2)
    axes[1].set_xticks(count, count)
    axes[1].set(xlabel="dithered channels", ylabel="less noise than one channel, dB")
    axes[1].legend(frameon=False)
    known = [v for v in _VARIANTS[:2] if v[0] in result["nets"]]
    if known:
        named = [(n, c, result["nets"][k]["spectra"]["noise"]) for k, n, c in reversed(known)]
        _spectra(axes[2], named, "trained nets, a tone of −40 dBFS", _FEW)
    return _uri(figure)


def _tone_noise(result, name):
    net = result["nets"].get(name)
    return net and net["tones"]["-40"]["noise_dbfs"]
