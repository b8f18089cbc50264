"""The report's pictures, each a data URI: SVG for lines, PNG for spectrograms."""

import base64
import io
from itertools import pairwise

import numpy as np

TARGET, MODEL, DIFFERENCE, INK, FAINT = "#27476e", "#e07a32", "#a8325e", "#2a2a2a", "#c9c4ba"
WIDTH = 10.4  # inches


def _figure(rows=1, columns=1, height=3.0, **options):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    style = {
        "font.size": 9.5,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.8,
        "xtick.color": "#666",
        "ytick.color": "#666",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "upedal",
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    figure.patch.set_alpha(0)
    return figure, axes


def _uri(figure, kind="svg"):
    buffer = io.BytesIO()
    options = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 130}
    figure.savefig(buffer, format=kind, **options)
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _envelope(signal, points=1400):
    """Start (in samples), minimum and maximum of each of at most `points` equal stretches."""
    edges = np.linspace(0, len(signal), min(points, len(signal)) + 1).astype(int)[:-1]
    return edges, np.minimum.reduceat(signal, edges), np.maximum.reduceat(signal, edges)


def loudest(signal, length):
    """First sample of the stretch of `length` samples with the most energy."""
    if len(signal) <= length:
        return 0
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[:-length]))


def waveform(target, output, rate_hz):
    """Envelopes of the whole, of the difference, and 25 ms about the loudest moment."""
    figure, ((whole,), (apart,), (near,)) = _figure(
        3, 1, height=6.6, gridspec_kw={"height_ratios": [5, 3, 5]}
    )
    for axis, signal, colour, label in (
        (whole, target, TARGET, "target"),
        (whole, output, MODEL, "model"),
        (apart, target - output, DIFFERENCE, "difference"),
    ):
        start, low, high = _envelope(signal)
        axis.fill_between(start / rate_hz, low, high, color=colour, alpha=0.8, lw=0, label=label)
        axis.set(xlim=(0, len(target) / rate_hz), ylabel="amplitude")
        axis.legend(loc="lower right", ncols=2, frameon=False, bbox_to_anchor=(1, 0.96))
    apart.set(xlabel="seconds", ylim=whole.get_ylim())
    whole.set_xticklabels([])
    length = min(len(target), max(2, int(0.025 * rate_hz)))
    at = loudest(target, length)
    part, ms = slice(at, at + length), 1000 * np.arange(length) / rate_hz
    near.axhline(0, color=FAINT, lw=0.8)
    near.plot(ms, target[part], color=TARGET, lw=2.6, alpha=0.85)
    near.plot(ms, output[part], color=MODEL, lw=1.5)
    near.plot(ms, (target - output)[part], color=DIFFERENCE, lw=1.2)
    near.set(
        xlim=(0, ms[-1]), xlabel=f"milliseconds from {at / rate_hz:.2f} s", ylabel="amplitude"
    )
    return _uri(figure)


def _plain_log(axis):
    """A logarithmic axis whose ticks read 5, 10, 20 and not 10 to a power."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_yscale("log")
    low, high = axis.get_ylim()
    steps = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axis.yaxis.set_major_locator(LogLocator(subs=steps))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_locator(NullLocator())


def _spectrogram(signal, rate_hz, bins=220, size=4096, frames=420):
    """Level in dB [bins][frames] on logarithmic frequencies, their Hz, and the frames' seconds."""
    padded = np.pad(signal, (0, max(0, size - len(signal))))
    starts = np.linspace(0, len(padded) - size, min(frames, len(padded) // 64)).astype(int)
    window = np.hanning(size)
    power = np.stack(
        [np.abs(np.fft.rfft(padded[s : s + size] * window)) ** 2 for s in starts], axis=1
    )
    power /= (0.5 * window.sum()) ** 2  # a full-scale sine reads 0 dB
    edges = np.geomspace(40, min(20000, rate_hz / 2), bins + 1)
    columns = np.clip(np.round(edges * size / rate_hz).astype(int), 0, len(power) - 1)
    bands = [power[a : max(a + 1, b)].max(axis=0) for a, b in pairwise(columns)]
    return 10 * np.log10(np.array(bands) + 1e-14), edges, (starts + size / 2) / rate_hz


def spectrograms(target, output, rate_hz):
    """Target, model and difference on one scale of 90 dB."""
    figure, (axes,) = _figure(1, 3, height=3.5, sharey=True)
    shown = [("target", target), ("model", output), ("difference", target - output)]
    top = None
    for axis, (label, signal) in zip(axes, shown):
        level, edges, seconds = _spectrogram(signal, rate_hz)
        top = level.max() if top is None else top
        mesh = axis.pcolormesh(
            np.append(seconds, seconds[-1] + 1e-3), edges, level, cmap="magma", vmin=top - 90,
            vmax=top, rasterized=True,
        )  # fmt: skip
        axis.set(yscale="log", xlabel="seconds")
        axis.set_title(label, fontsize=10, color=INK, loc="left")
    ticks = [t for t in (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000) if t <= edges[-1]]
    axes[0].set_yticks(ticks, [f"{t // 1000}k" if t >= 1000 else str(t) for t in ticks])
    axes[0].minorticks_off()
    axes[0].set_ylabel("Hz")
    figure.colorbar(mesh, ax=list(axes), label="dB", pad=0.01, aspect=28).outline.set_visible(
        False
    )
    return _uri(figure, "png")


def esr_over_time(target, output, rate_hz, window_s=0.1):
    """ESR of each 100 ms in percent, where the target is above -60 dB of its loudest; its level."""
    size = max(1, int(window_s * rate_hz))
    n = len(target) // size
    if n == 0:
        return None
    signal = np.square(target[: n * size], dtype=np.float64).reshape(n, size).mean(1)
    error = np.square((target - output)[: n * size], dtype=np.float64).reshape(n, size).mean(1)
    seconds = (np.arange(n) + 0.5) * size / rate_hz
    heard = signal > 1e-6 * signal.max()
    if not heard.any() or not error[heard].max() > 0:
        return None
    figure, ((axis,),) = _figure(height=2.7)
    ratio = np.where(heard, 100 * np.maximum(error, 1e-12 * signal) / np.where(heard, signal, 1),
                     np.nan)  # fmt: skip
    axis.plot(seconds, ratio, color=DIFFERENCE, lw=1.3)
    mean = 100 * error.sum() / signal.sum()
    axis.axhline(mean, color=INK, lw=0.9, ls=(0, (4, 3)))
    axis.annotate(f"whole: {mean:.3g} %", (1, mean), xycoords=("axes fraction", "data"),
                  xytext=(-4, 4), textcoords="offset points", ha="right", color=INK)  # fmt: skip
    axis.set(xlim=(0, n * size / rate_hz), xlabel="seconds", ylabel="ESR, %")
    _plain_log(axis)
    level = axis.twinx()
    level.fill_between(
        seconds, 10 * np.log10(signal + 1e-12), -120, color=FAINT, alpha=0.35, lw=0, step="mid"
    )
    level.set(ylim=(-80, 0), ylabel="target's level, dB")
    level.tick_params(colors="#666")
    level.spines[["top", "right"]].set_visible(False)
    axis.set_zorder(level.get_zorder() + 1)
    axis.patch.set_visible(False)
    return _uri(figure)


def training(history):
    """Validation ESR and loss of each epoch; `history` as the trainer keeps it."""
    points = [h for h in history or [] if h.get("val_esr", 0) > 0]
    if len(points) < 2:
        return None
    figure, ((axis,),) = _figure(height=2.7)
    epochs = [h["epoch"] for h in points]
    esr = np.array([100 * h["val_esr"] for h in points])
    best = int(np.argmin(esr))
    axis.plot(epochs, esr, color=TARGET, lw=1.6)
    axis.plot(epochs[best], esr[best], "o", color=MODEL, ms=7)
    axis.annotate(f"best {esr[best]:.3g} %", (epochs[best], esr[best]), xytext=(-4, 10),
                  textcoords="offset points", ha="right", color=INK)  # fmt: skip
    axis.set(xlim=(epochs[0], epochs[-1]), xlabel="epoch", ylabel="validation ESR, %")
    _plain_log(axis)
    return _uri(figure)
