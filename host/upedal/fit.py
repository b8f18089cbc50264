"""Fit first: what every recipe would cost on a board, before anything is trained.

A recipe's net is built with random weights, exported and, for the integers, quantised on a moment of noise: the
shape alone decides cost. Loads are estimates (docs/estimator.md); nothing is said of cores they do not know.
"""

from dataclasses import dataclass

from . import board as boards
from . import cost, upm
from . import layers as L
from . import recipe as recipes
from .errors import UpedalError

DEFAULT = "gru-16"  # where the board cannot decide
_NOISE_FRAMES = 256  # that scales are taken from
_FLASH_SHARE = 0.5  # of the flash that one model's file may take
_TIGHT = 0.9  # load from which an estimate that is 8 % off may not fit


@dataclass(frozen=True)
class Row:
    """What one recipe costs on one board, in the arithmetic that is cheaper there."""

    recipe: str
    arithmetic: str  # f32, q15 or q7
    load: float | None  # estimated share of the cycles for effects; None: not known
    memory_bytes: int  # RAM: cost.memory
    memory_budget: int | None  # cost.memory_budget
    fits: bool | None  # None: memory does, of the cycles nothing is known
    note: str  # what limits it, or what is not known
    macs: int  # a sample, of the float net
    instructions: int  # a sample, estimated
    quality: float  # the recipe's key: measured ESR, 0 where it was not
    two_cores: tuple | None = None  # (load of the heavier part, cut): cost.load_two


def rows(board, rate_hz, names=None, knobs=0):
    """[Row] of every recipe, or of `names` (recipes or their names), on a Board or the board of that name, for audio
    of rate_hz: those that fit first, the best first. knobs: how many the nets have; recipes that take none are left out."""
    profile = _profile(board)
    plans = [
        name if isinstance(name, recipes.Recipe) else recipes.load(name)
        for name in names or recipes.names()
    ]
    found = [
        _row(plan, rate_hz, profile, knobs) for plan in plans if not knobs or plan.net != "tcn8"
    ]
    return sorted(found, key=lambda row: (-(row.fits is True), row.fits is False, *_order(row)))


def best(found):
    """The Row of the best recipe that fits, or None. By the ESR measured for each recipe; of those without one,
    which come behind, by multiply-adds."""
    return min((row for row in found if row.fits), key=_order, default=None)


def _order(row):
    return (row.quality == 0.0, row.quality, -row.macs)


def choose(board, rate_hz, knobs=0):
    """(recipe's name, arithmetic, rich Table with the reason as its caption) for a board.

    Where the board's cycles are not known it is a recipe of the profile's 8-bit arithmetic, or the usual one.
    UpedalError where nothing fits."""
    profile = _profile(board)
    found = rows(profile, rate_hz, knobs=knobs)
    row, why = _pick(found, profile)
    return (
        row.recipe,
        row.arithmetic,
        table(found, profile, rate_hz, f"{row.recipe} in {row.arithmetic}: {why}"),
    )


def _pick(found, profile):
    """(Row, why)"""
    if profile.arithmetic == "q7":
        row = next((r for r in found if r.arithmetic == "q7" and r.fits is not False), None)
        if row:
            return row, f"{profile.title} is made for 8-bit nets"
    row = best(found)
    if row:
        how = f"lowest ESR measured, {row.quality:.2%}," if row.quality else "largest net"
        return row, f"{how} of those that fit {profile.title}"
    row = next((r for r in found if r.recipe == DEFAULT and r.fits is None), None)
    if row:
        return row, f"what fits {profile.title} is not known; this is what is usual"
    least = min(found, key=lambda r: (r.load is None, r.load or 0.0))
    share = (
        "" if least.load is None else f"; the smallest, {least.recipe}, loads it {least.load:.0%}"
    )
    raise UpedalError(
        f"{profile.name}: no recipe fits{share}. Take a recipe and a smaller net (--recipe gru-10 --set"
        " hidden=6), or let --fit-search find one"
    )


def table(found, profile, rate_hz, caption=None):
    """A rich Table of rows."""
    from rich.table import Table

    title = f"{profile.title}, {rate_hz} Hz: estimated load of each recipe, before training"
    out = Table(title=title, caption=caption, caption_justify="left")
    out.add_column("recipe", no_wrap=True)  # it has to be typed
    heads = ["in", "load", "RAM", "ESR", "fits", "note"]
    heads[2:2] = ["two cores"] if profile.cores > 1 else []
    for head in heads:
        out.add_column(head, justify="right" if head in ("load", "two cores", "RAM", "ESR") else "left")
    for row in found:
        fits = {True: "yes", False: "no", None: "not known"}[row.fits]
        two = [f"{row.two_cores[0]:.0%}" if row.two_cores else "-"] if profile.cores > 1 else []
        out.add_row(
            row.recipe, row.arithmetic, "-" if row.load is None else f"{row.load:.0%}", *two, _ram(row),
            f"{row.quality:.2%}" if row.quality else "-", fits, row.note, style={True: "green", False: "dim", None: ""}[row.fits],
        )  # fmt: skip
    return out


def _ram(row):
    """Memory as a share of what there is for models, or in bytes where that is not known."""
    if row.memory_budget and row.memory_bytes:
        return f"{row.memory_bytes / row.memory_budget:.0%}"
    return f"{row.memory_bytes:,} B" if row.memory_bytes else "-"


# ---- one recipe ----------------------------------------------------------------------------------


def _profile(board):
    return board if isinstance(board, boards.Board) else boards.load(board)


def _row(plan, rate_hz, profile, knobs):
    """As measure; a recipe that cannot be at this rate or with these knobs fits nothing, and says why."""
    try:
        return measure(plan, rate_hz, profile, knobs)
    except UpedalError as e:
        room = cost.memory_budget(profile)
        return Row(plan.name, "-", None, 0, room, False, str(e), 0, 0, plan.quality)


def measure(plan, rate_hz, profile, knobs=0):
    """The Row of a recipes.Recipe, untrained."""
    made = shapes(plan, rate_hz, profile.grade, knobs)
    model, told = cheapest(made, profile)
    blob = upm.dumps(model)
    memory, room = cost.memory(model, blob), cost.memory_budget(profile)
    load = cost.load(model, profile)
    why_not = []
    if load is not None and load > 1:
        why_not.append("too slow")
    if room and memory > room:
        why_not.append("too much RAM")
    if profile.flash_bytes and len(blob) > _FLASH_SHARE * profile.flash_bytes:
        why_not.append("too large a file")
    notes = why_not or ([told] if told else [])
    two = cost.load_two(model, profile)
    if two and load > 1 >= two[0]:
        notes = notes + [f"two cores: cut={two[1]}"]
    if load is None:
        notes = notes + [_unknown(model, profile)]
    elif _TIGHT < load <= 1:
        notes = notes + ["tight"]
    fits = False if why_not else None if load is None else True
    return Row(
        plan.name, model.arithmetic, load, memory, room, fits, "; ".join(notes), sum(map(upm.macs, next(iter(made.values())).layers)),
        cost.instructions(model)[0], plan.quality, two,
    )  # fmt: skip


def _unknown(model, profile):
    if not profile.clock_hz:
        return "no clock to count by"
    if model.arithmetic == profile.arithmetic == "q7":
        return "its accelerator's cycles are not known"
    return f"cycles on {profile.core} are not known"


def shapes(plan, rate_hz, grade, knobs=0):
    """{arithmetic: model} of a recipe's untrained net: f32 and, where it can be quantised, q15; or q7."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = plan.build(knobs)
    if plan.net == "tcn8":
        return {"q7": _q7(net, plan, rate_hz)}
    model = L.Model(
        net.export(), int(rate_hz), grade, prewarm=1
    )  # packing sets how much; that it does counts here
    model.knobs = [(f"knob {k + 1}", "", 0.0, 1.0, 0.5) for k in range(knobs)]
    return both(model)


def both(model):
    """{"f32": the model, "q15": its shape in integers, quantised on noise: good for costs alone, not to be played}."""
    import numpy as np

    from . import quant

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, _NOISE_FRAMES)
    try:
        return {"f32": model, "q15": quant.quantise(model, noise)}
    except UpedalError:
        return {"f32": model}


def _q7(net, plan, rate_hz):
    from . import quant, tcn8

    net, scale = tcn8.export(net.with_channels(plan.channels))
    return quant.from_ai8x(
        net, emphasis=plan.emphasis, rate_hz=rate_hz, scale=scale, kind=plan.dither
    )


def cheapest(made, profile):
    """(model, note) by the rule of pack.choose: fewest cycles; the profile's arithmetic where they are not known."""
    if len(made) == 1:
        only = next(iter(made.values()))
        return only, "int16 cannot hold it" if only.arithmetic == "f32" else ""
    cycles = {name: cost.board_cycles(model, profile) for name, model in made.items()}
    if None in cycles.values():
        return made["q15" if profile.arithmetic == "q15" else "f32"], ""
    return made[min(cycles, key=cycles.get)], ""
