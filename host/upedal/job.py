"""One model from recordings to .upm, with all that was found on the way: what `upedal train`, sweeps and searches run."""

import dataclasses
import json
import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from . import audio, job_q7, judge, upm
from .errors import UpedalError
from .files import write_atomic


@dataclass
class Job:
    """What to train. Either dry and wet, or captures: a CSV or folder of settings."""

    output: str  # the .upm to write
    dry: str | None = None
    wet: str | None = None
    captures: str | None = None
    knobs: list = field(default_factory=list)  # texts "name=low..high:default unit"
    held_out: list = field(default_factory=list)  # patterns of captures that only judge
    test: tuple | None = None  # a second pair (dry, wet), of the same lag
    recipe: object = "gru-16"  # a name, a file or a Recipe; None: the best that fits the board
    changes: list = field(default_factory=list)  # "key=value" of the recipe
    board: str | None = None
    arithmetic: str | None = None  # auto, f32, q15; None: auto with a board, else f32
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    work: str | None = None  # folder of checkpoint, result.json and report; None: OUTPUT.train
    resume: bool = True
    channel: str | None = None  # of stereo files: "2", or dry's and wet's, "1,2"
    force: bool = False  # go on in spite of what the checks refuse
    meta: dict = field(default_factory=dict)  # of the file
    input_dbu: float | None = None
    output_dbu: float | None = None
    report: bool = True
    command: str | None = None

    @property
    def folder(self):
        return Path(self.work or f"{self.output}.train")


def run(job, *, show=lambda *_: None, progress=True):
    """Everything, in order. Returns the result, as it is written to job.folder/result.json.

    show(text): told what happens, a line at a time; progress: as of train. Raises UpedalError for what
    is wrong with the recordings, the recipe or the board, before any training.
    """
    _check(job)
    show("looking the recordings over")
    captures = load(job)
    for note in captures.notes:
        show(f"note: {note}")
    test = _test_pair(job, captures.items[0])
    _tell(captures, show)
    plan = _plan(job, captures, show)
    profile = _profile(job, captures.rate_hz, show)
    plan = job_q7.as_board(plan, profile)
    made = _train(job, captures, plan, profile, progress)
    model = _finish(job, made, captures, plan)
    size = upm.save(model, job.output, **made.more)
    for line in made.told:
        show(line)
    result = _result(job, captures, plan, made, model, size)
    if test:
        result["second_test"] = _second(job, test, made.play)
    _write(job.folder / "result.json", result)
    if job.report:
        show("writing the report")
        _report(job, result, captures, made)
    return result


def _check(job):
    """UpedalError for what is wrong before any recording is looked at, which takes seconds."""
    from . import board, levels, recipe

    output = Path(job.output)
    if output.is_dir():
        raise UpedalError(f"{output}: is a folder; expected a file to write")
    if output.suffix != ".upm":
        raise UpedalError(
            f"{output}: ends in {output.suffix or 'nothing'}; expected a name that ends in .upm"
        )
    if not output.parent.is_dir():
        raise UpedalError(f"{output}: no folder {output.parent}; expected one that exists")
    levels.check(job.meta, input_dbu=job.input_dbu, output_dbu=job.output_dbu)
    if job.board:
        board.load(job.board)
    if not dataclasses.is_dataclass(job.recipe):
        recipe.load(job.recipe or "gru-16", job.changes).build()
    if not job.captures and not (job.dry and job.wet):
        raise UpedalError(
            "train: got one recording; expected a dry and a wet one, or a CSV or folder of captures"
        )
    if job.captures and job.channel:
        raise UpedalError("--channel: of one pair only; a CSV has a column channel")
    if not job.captures and (job.knobs or job.held_out):
        raise UpedalError(
            "--knob, --held-out: of several captures; expected a CSV or a folder, not one pair"
        )


# ---- the recordings ------------------------------------------------------------------------------


def load(job):
    """captures.Captures of what a job names, checked and aligned."""
    from . import checks
    from .captures import Capture, Captures

    if job.captures:
        from . import captures_read

        return captures_read.load(
            job.captures, knobs=job.knobs, held_out=job.held_out, force=job.force
        )
    pair = checks.load(job.dry, job.wet, force=job.force, channel=job.channel)
    item = Capture(
        pair.dry, pair.wet, (), Path(job.wet).stem, files=(str(job.dry), str(job.wet)), pair=pair
    )
    return Captures([item], pair.rate_hz)


def _test_pair(job, first):
    """(dry, wet) of the second pair, moved as the first one was; or None."""
    if not job.test:
        return None
    (x, rate), (y, wet_rate) = (_side(job, at, path) for at, path in enumerate(job.test))
    if {rate, wet_rate} != {first.pair.rate_hz}:
        raise UpedalError(
            f"{job.test[0]}: {rate} Hz, {job.test[1]}: {wet_rate} Hz; expected {first.pair.rate_hz} Hz as {job.dry}"
        )
    lag = first.pair.cut_frames
    n = min(len(x), len(y)) - abs(lag)
    if n < rate:
        raise UpedalError(
            f"{job.test[0]}: {n / rate:.2f} s in common with {job.test[1]}; expected at least 1 s"
        )
    return x[max(-lag, 0) :][:n], y[max(lag, 0) :][:n]


def _side(job, at, path):
    """(mono [n], rate in Hz) of one side of the second pair: the channel that was asked for, or the only one."""
    from .checks import files

    wanted = files.numbers(job.channel)[at]
    data, rate = files.read(path)
    if wanted is None or data.shape[1] < wanted:
        return audio.read(path)
    return data[:, wanted - 1], rate


def _tell(captures, show):
    """What the checks found, but for what is well; of several captures a line a kind."""
    found = {}
    for item in captures.items:
        for finding in item.pair.findings if item.pair else ():
            if finding.outcome != "ok":
                found.setdefault((finding.outcome, finding.check), []).append((item, finding))
    for (outcome, _), group in found.items():
        item, finding = group[0]
        name = f"{item.name}: " if len(captures.items) > 1 else ""
        advice = f" {finding.advice}" if finding.advice else ""
        more = f" (likewise {len(group) - 1} more: the report has them)" if len(group) > 1 else ""
        show(f"{outcome}: {name}{finding.sentence}{advice}{more}")


# ---- recipe and board ----------------------------------------------------------------------------


def _plan(job, captures, show):
    """The Recipe; where none was named, the best that fits the board."""
    from . import recipe as recipes

    if dataclasses.is_dataclass(job.recipe):
        return job.recipe
    if job.recipe or not job.board:
        return recipes.load(job.recipe or "gru-16", job.changes)
    from . import fit

    name, _, table = fit.choose(job.board, captures.rate_hz, knobs=len(captures.knobs))
    show(table)
    return recipes.load(name, job.changes)


def _profile(job, rate_hz, show):
    from . import board as boards

    if not job.board:
        return None
    profile = boards.load(job.board)
    if profile.rate_hz != rate_hz:
        show(
            f"note: {job.board} runs at {profile.rate_hz} Hz, the recordings at {rate_hz} Hz; a rig may run at either"
        )
    return profile


# ---- training and packing ------------------------------------------------------------------------


@dataclass
class _Made:
    """A trained model and its figures, whichever loop it came from."""

    model: object
    play: object  # float32 [n], (knob values) -> output of the packed model
    history: list
    seconds: float
    figures: dict
    settings: list = field(default_factory=list)
    interrupted: bool = False
    resumed: int = 0
    told: list = field(default_factory=list)
    more: dict = field(default_factory=dict)  # of upm.save


def _train(job, captures, plan, profile, progress):
    from . import job_float

    how = {
        "minutes": job.minutes, "out_dir": job.folder, "seed": job.seed, "resume": job.resume, "progress": progress,
    }  # fmt: skip
    if plan.net == "tcn8":
        if captures.knobs or len(captures.items) > 1:
            raise UpedalError(
                f"recipe {plan.name}: an 8-bit net takes one dry and one wet recording; expected another recipe for knobs"
            )
        return job_q7.make(_Made, captures, plan, how)
    grade = profile.grade if profile else "accurate"
    return job_float.make(
        _Made, captures, plan, profile, grade, job.arithmetic, {**how, "device": job.device}
    )


def _finish(job, made, captures, plan):
    """The model with its levels and words."""
    from . import levels
    from .pack import made_now

    pair = captures.items[0].pair
    meta = {
        **job.meta,
        "recipe": plan.name,
        "seed": job.seed,
        "validation_esr": f"{made.figures['val_esr']:.5f}",
        "test_esr": f"{made.figures['packed_esr']:.5f}",
    }
    same = {
        "input_dbu": job.input_dbu, "output_dbu": job.output_dbu,
        "lag_frames": pair.lag_frames if pair else 0.0, "polarity": pair.polarity if pair else 1,
    }  # fmt: skip
    if "lite" in made.more:
        own = {"test_esr": f"{made.figures['lite']['esr']:.5f}", "size": "lite"}
        made.more["lite"] = levels.apply(made.more["lite"], meta=made_now(meta | own), **same)
    return levels.apply(made.model, meta=made_now(meta), **same)


# ---- the result ----------------------------------------------------------------------------------


def _result(job, captures, plan, made, model, size):
    from . import cost

    first = captures.items[0]
    part = audio.split(len(first.dry), captures.rate_hz)[2]
    return {
        "name": job.meta.get("name") or Path(job.output).stem,
        "output": str(job.output),
        "recipe": dataclasses.asdict(plan),
        "seed": job.seed,
        "rate_hz": captures.rate_hz,
        "seconds_of_audio": captures.seconds(),
        "data": _data(job, captures),
        "knobs": [dataclasses.asdict(knob) for knob in captures.knobs],
        "notes": captures.notes,
        "checks": _checks(captures),
        "alignment": _alignment(first),
        "history": made.history,
        "train_seconds": made.seconds,
        "interrupted": made.interrupted,
        "resumed_epochs": made.resumed,
        **made.figures,
        "linear_esr": judge.linear_esr(first.dry, first.wet, captures.rate_hz),
        "test_part_s": [part.start / captures.rate_hz, part.stop / captures.rate_hz],
        "settings": made.settings,
        "upm_bytes": size,
        "arithmetic": model.arithmetic,
        "grade": model.grade,
        "macs": sum(map(upm.macs, model.layers)),
        "instructions_per_sample": cost.instructions(model)[0],
        "boards": judge.boards(model, job.board),
        "environment": judge.environment(),
        "command": job.command or "",
        "meta": {k: v for k, v in job.meta.items() if v},
    }


def _data(job, captures):
    found = [
        {"file": str(path), "sha256": judge.sha256(path), "knobs": list(item.knobs)}
        for item in captures.items
        for path in item.files or ()
    ]
    return found + [
        {"file": str(p), "sha256": judge.sha256(p), "knobs": [], "test": True}
        for p in job.test or ()
    ]


def _checks(captures):
    """The findings of every capture, as dicts; of several captures only what is not well."""
    several = len(captures.items) > 1
    found = []
    for item in captures.items:
        for finding in item.pair.findings if item.pair else ():
            if not several or finding.outcome != "ok":
                found.append({**dataclasses.asdict(finding), "capture": item.name})
    return found


def _alignment(item):
    if not item.pair:
        return None
    return {key: getattr(item.pair, key) for key in ("lag_frames", "cut_frames", "polarity")}


def _second(job, test, play):
    x, y = test
    return {"dry": str(job.test[0]), "wet": str(job.test[1]), "esr": audio.esr(y, play(x))}


def _write(path, result):
    """The result as JSON; the file appears whole or not at all."""
    write_atomic(path, (json.dumps(_finite(result), indent=1, default=_plain) + "\n").encode())


def _finite(value):
    """The same with None for NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value):
    """NumPy's numbers and arrays as Python's."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _report(job, result, captures, made):
    from . import report
    from .report import saved

    item = captures.items[0]
    part = audio.split(len(item.dry), captures.rate_hz)[2]
    output = made.play(item.dry, item.knobs or None)[part]
    saved.save_signals(
        job.folder, captures.rate_hz, dry=item.dry[part], target=item.wet[part], output=output
    )
    report.write_model(
        job.folder / "report.html", result, dry=item.dry[part], target=item.wet[part], output=output,
        play=lambda x: made.play(x, item.knobs or None),
    )  # fmt: skip


def command_line(argv):
    """What was typed, to be typed again."""
    return shlex.join(["upedal", *argv])
