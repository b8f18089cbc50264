"""The picture of a fit search: validation ESR against instructions a sample, and the line of the best trades."""

from .files import replacing

_MARKS = {"gru": "o", "lstm": "s", "tcn": "^", "wavenet": "D"}


def draw(rows, profile, minutes, folder):
    """Writes folder/pareto.png and .svg of the rows of fit_search.pareto; -> their paths."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for kind, mark in _MARKS.items():
        mine = [row for row in rows if row["name"].split("-")[0] == kind]
        if mine:
            axes.plot(*_xy(mine), mark, label=kind, alpha=0.75)
    front = [row for row in rows if row["pareto"]]
    axes.plot(*_xy(front), "-", color="0.4", linewidth=1, label="best trades", zorder=0)
    for row in front:
        axes.annotate(
            row["name"],
            (row["instructions"], 100 * row["val_esr"]),
            fontsize=7,
            xytext=(4, 4),
            textcoords="offset points",
        )
    axes.set(
        xscale="log", yscale="log", xlabel="instructions a sample (estimate)", ylabel="validation ESR, %",
        title=f"What {profile.title} can play, {minutes:g} minutes of training each",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,g}")
        axis.set_minor_formatter(lambda value, _: f"{value:,g}" if str(value)[0] in "25" else "")
    axes.grid(True, which="both", alpha=0.3)
    axes.tick_params(which="both", length=3, pad=4)
    axes.legend()
    return [_save(figure, folder, kind) for kind in ("png", "svg")]


def _xy(rows):
    return [row["instructions"] for row in rows], [100 * row["val_esr"] for row in rows]


def _save(figure, folder, kind):
    path = folder / f"pareto.{kind}"
    with replacing(path) as beside:
        figure.savefig(beside, format=kind, dpi=130)
    return str(path)
