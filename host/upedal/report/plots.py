"""Matplotlib figures as data URIs, for pages that need more than chart.py draws."""

import base64
import io

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
