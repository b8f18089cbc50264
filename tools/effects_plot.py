"""How the pictures of docs/effects.md are played, measured and drawn."""

from array import array

import numpy as np

RATE_HZ = 48000
COLOURS = ("#27476e", "#e07a32", "#3f8f5f", "#a8325e", "#7a6a9a", "#8a8a30")
INK, FAINT = "#2a2a2a", "#c9c4ba"
_SIZE = (6.4, 2.5)  # inches


# ---- playing ----


def play(effect, x, at=None, rate_hz=RATE_HZ):
    """x through the effect in blocks of 16; at: {frame: function}. -> float64 [n], or [2, n] of a stereo one"""
    effect.attach(rate_hz)
    out, due = [], sorted((at or {}).items(), key=lambda item: item[0])
    for start in range(0, len(x) - 15, 16):
        while due and due[0][0] <= start:
            due.pop(0)[1]()
        buf = array("f", np.asarray(x[start : start + 16], np.float32).tobytes())
        effect.process(buf)
        right = getattr(effect, "right", None)
        out.append(np.array(buf) if right is None else np.array([buf, right[:16]]))
    return np.concatenate(out, axis=-1)


def seconds(n):
    return np.arange(n) / RATE_HZ


def sine(hz, length_s, level=0.5):
    return level * np.sin(2 * np.pi * hz * seconds(round(length_s * RATE_HZ)))


def db(x):
    return 20 * np.log10(np.maximum(np.abs(x), 1e-7))


def response(effect, after_s=0.0, length_s=0.5, even=False):
    """(Hz, dB) of an impulse that comes after so much silence; even: at all frequencies, not by equal ratios."""
    x = np.zeros(round((after_s + length_s) * RATE_HZ))
    start = round(after_s * RATE_HZ) // 16 * 16
    x[start] = 0.5
    y = play(effect, x)[..., start:]
    hz = np.fft.rfftfreq(len(y), 1 / RATE_HZ)
    keep = np.unique(np.geomspace(20, 20000, 400).astype(int) * len(y) // RATE_HZ)
    keep = np.arange(1, len(hz)) if even else keep[keep > 0]
    return hz[keep], db(np.fft.rfft(y)[keep] / 0.5)


def levels(y, step=480):
    """(seconds, peak in dBFS) every 10 ms."""
    n = len(y) // step
    return np.arange(n) * step / RATE_HZ, db(np.abs(y[: n * step]).reshape(n, step).max(axis=1))


# ---- drawing ----


class Plot:
    """One picture of one or two axes."""

    def __init__(self, columns=1):
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure

        style = {
            "font.size": 8.5, "axes.edgecolor": FAINT, "axes.labelcolor": INK, "xtick.color": "#555",
            "ytick.color": "#555", "axes.spines.top": False, "axes.spines.right": False, "grid.color": "#e6e2da",
            "axes.grid": True, "svg.fonttype": "none", "svg.hashsalt": "upedal", "lines.linewidth": 1.3,
            "legend.frameon": False, "legend.fontsize": 8, "path.simplify_threshold": 0.3,
        }  # fmt: skip
        self._style = style
        with matplotlib.rc_context(style):
            self.figure = Figure(figsize=_SIZE, layout="constrained")
            self.axes = self.figure.subplots(1, columns, squeeze=False)[0]
        self.figure.patch.set_facecolor("white")

    def line(self, x, y, label=None, axis=0, colour=None, **more):
        lines = self.axes[axis].lines
        colour = colour or COLOURS[len(lines) % len(COLOURS)]
        self.axes[axis].plot(x, y, label=label, color=colour, **more)

    def say(self, x, y, axis=0, log=False, low=None, high=None, left=None, right=None):
        axes = self.axes[axis]
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if log:
            axes.set_xscale("log")
            ticks = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]
            axes.set_xticks(
                ticks, ["20", "50", "100", "200", "500", "1k", "2k", "5k", "10k", "20k"]
            )
            axes.minorticks_off()
            axes.set_xlim(20, 20000)
        axes.set_ylim(low, high)
        if left is not None:
            axes.set_xlim(left, right)

    def save(self, path):
        import matplotlib

        with matplotlib.rc_context(self._style):
            handles, labels = self.axes[0].get_legend_handles_labels()
            if handles:
                columns = 3 if len(handles) > 5 else 5
                self.figure.legend(handles, labels, loc="outside upper center", ncols=columns)
            self.figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def responses(entries, low=-30, high=15, **more):
    """Frequency responses: (label, effect) each."""
    plot = Plot()
    for label, effect in entries:
        plot.line(*response(effect, **more), label)
    plot.say("Hz", "dB", log=True, low=low, high=high)
    return plot


def moments(make, times_s, low=-30, high=10):
    """What a moving effect lets through at a few moments."""
    plot = Plot()
    for at in times_s:
        plot.line(*response(make(), after_s=at, length_s=0.25), f"{at:g} s")
    plot.say("Hz", "dB", log=True, low=low, high=high)
    return plot


def waves(entries, hz=220, level=0.5):
    """Two periods of a sine as it comes out, and the spectrum of the last entry."""
    plot = Plot(2)
    x = sine(hz, 1.0, level)
    t, some = 1000 * seconds(round(2 * RATE_HZ / hz)), round(2 * RATE_HZ / hz)
    plot.line(t, x[-some:], "in", colour=FAINT)
    for number, (label, effect) in enumerate(entries):
        y = play(effect, x)
        plot.line(t, y[-some:], label, colour=COLOURS[number])
        spectrum = db(np.fft.rfft(y[-24000:] * np.blackman(24000)) / 12000 * 2 / 0.84)
        peaks = np.arange(1, 21) * hz // 2  # bins of 2 Hz
        heights = [spectrum[p - 2 : p + 3].max() for p in peaks]
        plot.line(
            np.arange(1, 21), heights, axis=1, colour=COLOURS[number], marker="o", ms=3, ls=""
        )
    plot.say("ms", "of full scale")
    plot.say("harmonic", "dBFS", axis=1, low=-100, high=0)
    return plot
