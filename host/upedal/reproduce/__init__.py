"""`upedal reproduce tinyml-distortion`: the paper's experiments, trained, measured and drawn.

Each training is a cell with a folder of its own; what is done is not done again, what was broken off goes on.
"""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

from ..errors import UpedalError

MINUTES = 10.0  # a net
BUILT_IN = ("overdrive", "distortion", "fuzz")  # the recordings that need no folder
STUDIED = "overdrive"  # whose channels are varied, where it is among the recordings
_SET_BY_PLAN = ("channels", "hidden", "net")  # what the figures are named after


def run(out, *, data=None, only=None, minutes=MINUTES, full=False, changes=(), seed=0, console=None):
    """Trains what is missing, writes report.html, results.json and results.md in `out`; the result, a dict.

    data: folder of the recordings; without it only the built-in pedals are trained. only: names of
    recordings. minutes: what each net gets. full: all widths in Fig. 4. changes: "key=value" for the 8-bit
    recipe, but for channels and hidden. Ctrl-C keeps what is done: result["interrupted"] is then true."""
    from . import experiments, page

    out = Path(out)
    if not 0 < minutes <= 1e5:
        raise UpedalError(f"reproduce: minutes is {minutes}; expected more than 0")
    for change in changes:
        if change.partition("=")[0].strip() in _SET_BY_PLAN:
            raise UpedalError(f"reproduce: {change}: the figures say what that is; expected another key")
    sources = _Recordings(data)
    recordings = _recordings(sources, only, console)
    studied = STUDIED if STUDIED in recordings else recordings[0]
    cells = experiments.plan(recordings, studied, full)
    for cell in cells:
        cell.plan(changes)  # a wrong change is refused before anything is trained
    todo = [c for c in cells if not experiments.done(c, out, minutes, changes, seed)]
    interrupted = False
    with _progress(todo, minutes, changes, console) as shown:
        try:
            for cell in todo:
                with shown(cell):
                    made = experiments.train(cell, out, sources[cell.recording], minutes, changes, seed)
                if made["interrupted"]:
                    interrupted = True
                    break
        except KeyboardInterrupt:
            interrupted = True
    found = {str(c): experiments.read(c, out, changes, seed) for c in cells}
    result = _result(out, found, recordings, studied, sources)
    settled = [experiments.done(c, out, minutes, changes, seed) for c in cells]
    result |= {"minutes": minutes, "planned": len(cells), "finished": sum(settled), "interrupted": interrupted}
    page.write(out, result)
    return result


def _recordings(sources, only, console):
    """Names of what is to be trained: `only`, else all that can be had."""
    from .. import tinyml_data

    every = tinyml_data.names()
    for name in only or ():
        if name not in every:
            raise UpedalError(f"recording {name!r}; expected one of {', '.join(every)}")
        if name not in BUILT_IN and sources.folder is None:
            raise UpedalError(f"recording {name!r}: needs --data, the folder with the recordings")
    found = []
    for name in only or every:
        try:
            if name not in BUILT_IN and sources.folder is not None:
                sources[name]  # noqa: B018 - reads it
        except UpedalError as e:
            if only:
                raise
            if console:
                console.print(f"left out: {e}", highlight=False, markup=False)
            continue
        if name in BUILT_IN or sources.folder is not None:
            found.append(name)
    return sorted(set(found), key=every.index)


class _Recordings(dict):
    """Recordings by name, each loaded when it is first asked for."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def __missing__(self, name):
        from .. import tinyml_data

        self[name] = tinyml_data.load(name, self.folder)
        return self[name]


def _result(out, cells, recordings, studied, sources):
    """The dict of results.json from what is there."""
    from . import page, speed

    found = {name: cell for name, cell in cells.items() if cell}
    mine = {n.split("/")[1]: c for n, c in found.items() if n.startswith(f"{studied}/")}
    grid = {n: c for n, c in mine.items() if "q7" in c["nets"] and not n.startswith("no-")}
    files = {n: _file(out, studied, n, "q7") for n in grid}
    speeds, note = speed.measure(files, out) if files else ({}, "")
    noise = _noise(out, studied, mine, sources)
    return {
        "recordings": recordings,
        "studied": studied,
        "table": page.table(found, recordings),
        "paper": list(page.PAPER),
        "grid": page.grid(found, studied, speeds),
        "speed_note": note,
        "ablations": page.ablations(found, studied, noise),
        "noise": noise,
        "noise_gain_db": _noise_gain(noise),
        "cells": cells,
    }


def _file(out, recording, name, kind):
    return out / recording / ("" if name == "base" else name) / f"{kind}.upm"


def _noise(out, studied, cells, sources):
    """noise.study of what is trained, or None; what was measured before is taken from results.json."""
    import json

    from .. import tcn8
    from . import noise
    from .experiments import CHANNELS

    if "base" not in cells:
        return None
    variants = {}
    for name in cells:
        own = "no-emphasis" if name == "no-emphasis" else "base"
        if name in ("base", "no-dither", "no-emphasis", *(f"c{c}" for c in CHANNELS)):
            variants[name] = (_file(out, studied, name, "q7"), _file(out, studied, own, "float"))
    base = cells["base"]
    plan = base["identity"]["recipe"]
    front = tcn8.FrontEnd(
        plan["emphasis"], plan["dither"], plan["channels"], base["identity"]["seed"] + 1, base["gain"],
        base["rate_hz"],
    )  # fmt: skip
    try:
        before = json.loads((out / "results.json").read_text(encoding="utf-8"))["noise"]
    except (OSError, ValueError, LookupError, TypeError):
        before = None
    return noise.study(studied, variants, front, sources[studied], list(CHANNELS), before)


def _noise_gain(noise):
    """Noise of the net of one channel over that of 16, on the louder tone, dB; None where either lacks."""
    nets = noise["nets"] if noise else {}
    if not {"base", "c1"} <= nets.keys():
        return None
    one, many = (nets[n]["tones"]["-40"]["noise_dbfs"] for n in ("c1", "base"))
    return None if one is None or many is None else one - many


@contextmanager
def _progress(cells, minutes, changes, console):
    """A function that gives a context in which a cell counts as being trained; a bar of all of them."""
    from rich.progress import BarColumn, Progress, TextColumn

    shares = {c: c.minutes(minutes, changes) for c in cells}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]} left"))
    whole, done = sum(shares.values()), [0.0]
    with Progress(*columns, console=console, disable=console is None or not cells) as bar:
        task = bar.add_task("reproduce", total=whole or 1.0, left="")

        @contextmanager
        def shown(cell):
            start, ended = time.monotonic(), threading.Event()

            def tick():
                while True:
                    at = done[0] + min(shares[cell], (time.monotonic() - start) / 60.0)
                    bar.update(task, completed=at, left=_left(whole - at), description=str(cell))
                    if ended.wait(1.0):
                        return

            ticker = threading.Thread(target=tick, daemon=True)
            ticker.start()
            try:
                yield
            finally:
                ended.set()
                ticker.join()
                done[0] += shares[cell]

        yield shown


def _left(minutes):
    hours, rest = divmod(max(0, round(minutes)), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"
