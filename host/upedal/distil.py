"""A large model, or anybody's file, teaches a small one: the way onto a pedal that cannot play the large one.

The teacher plays dry audio with the pedal's own kernels, at its own rate; the student is trained on what it heard and
what came out. There is nothing to align. What the student is judged by was no part of its training.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import __version__, audio, convert, cost, job_q7, measure, upm
from . import board as boards
from . import recipe as recipes
from .distil_audio import LEVELS_DB, guitar, material, recording
from .errors import UpedalError
from .files import write_atomic

_SETTLE_S = 0.5  # of silence the teacher plays first, or more where its file says so
_ABOUT = (
    "author",
    "gear",
    "gear_type",
    "tone_type",
    "licence",
)  # of the teacher, true of the student too


@dataclass
class Teacher:
    """A model file as something that plays. knobs: held at these values, one each, or None for its defaults."""

    path: Path
    model: object  # layers.Model or qlayers.QModel
    knobs: list | None = None

    @property
    def rate_hz(self):
        return self.model.rate_hz

    def play(self, x):
        """float32 [n] of dry audio float [n] at the teacher's rate, from rest."""
        from . import native

        prewarm = max(self.model.prewarm, int(_SETTLE_S * self.rate_hz))
        y = native.render(upm.dumps(self.model), x, knobs=self.knobs, prewarm=prewarm)
        if not np.all(np.isfinite(y)):
            raise UpedalError(f"{self.path}: plays NaN or infinity; nothing can be learnt from it")
        if np.max(np.abs(y)) < audio.SILENCE:
            raise UpedalError(f"{self.path}: plays silence; nothing can be learnt from it")
        return y

    def held(self):
        """{knob: value} it plays with."""
        rows = self.model.knobs
        values = [row[4] for row in rows] if self.knobs is None else self.knobs
        return {row[0]: float(v) for row, v in zip(rows, values)}


def read(path, *, knobs=None, size=None, warn=print):
    """The Teacher of any model file that `upedal convert` reads; knobs: one value each in the file's units."""
    model = convert.read(path, size=size, warn=warn)
    if knobs is not None:
        if len(knobs) != len(model.knobs):
            names = ", ".join(row[0] for row in model.knobs) or "none"
            raise UpedalError(
                f"{path}: {len(knobs)} knob values; expected {len(model.knobs)} ({names})"
            )
        for (name, unit, low, high, _), value in zip(model.knobs, knobs):
            if not low <= value <= high:
                raise UpedalError(
                    f"{path}: {name} {value:g}; expected {low:g} to {high:g} {unit}".rstrip()
                )
    return Teacher(Path(path), model, knobs)


def distil(
    path, *, output, board=None, recipe=None, changes=(), files=(), tests=(), minutes=None, knobs=None, size=None,
    arithmetic=None, signal_minutes=3, work=None, seed=0, device="auto", resume=True, progress=True, warn=print, tell=None,
):  # fmt: skip
    """Trains a small model to do what the model file `path` does; writes output (.upm) and work/result.json.

    board: the pedal, which decides recipe, grade and arithmetic; recipe, changes: name and "key=value" texts instead;
    files: dry recordings to learn from besides the built-in audio; tests: recordings kept from training, to judge by;
    knobs: values a teacher's knobs are held at; work: folder of checkpoints (default OUTPUT.distil); tell: called with
    what there is to say before training, texts and a rich Table. -> result dict, every ESR of it against the teacher,
    of the written file unless said."""
    tell = tell or (lambda thing: None)
    profile = boards.load(board) if board else None
    teacher = read(path, knobs=knobs, size=size, warn=warn)
    heard = {str(name): recording(name, teacher.rate_hz) for name in tests}
    plan = job_q7.as_board(_plan(recipe, changes, profile, teacher, warn, tell), profile)
    dry, sources = material(teacher.rate_hz, files, minutes=signal_minutes, seed=seed)
    seconds = round(len(dry) / teacher.rate_hz, 1)
    tell(f"{seconds:.0f} s of audio: {'; '.join(sources)}")
    tell(f"{Path(path).name} plays them, which takes a large model a while")
    wet = teacher.play(dry)
    tell(f"{plan.name} learns from it")
    work = Path(work or f"{output}.distil")
    how = {
        "minutes": minutes,
        "out_dir": work,
        "seed": seed,
        "resume": resume,
        "progress": progress,
    }
    student, done, notes = _train(dry, wet, plan, teacher, profile, arithmetic, how, device)
    result = {
        "teacher": str(path), "knobs": teacher.held(), "rate_hz": teacher.rate_hz, "board": board, "recipe": plan.name,
        "arithmetic": student.arithmetic, "quantisation": notes, "audio": sources, "seconds_of_audio": seconds,
        "seed": seed, "signal_minutes": signal_minutes,
    } | done  # fmt: skip
    upm.save(student, output)  # whatever judging may meet, the model is there
    tell(
        f"judging {output}: both play guitar at {len(LEVELS_DB)} levels and what was kept from training"
    )
    result |= judge(teacher, student, dry, wet, heard, seed)
    student.meta["esr"] = f"{result['test_esr']:.5f} against {Path(path).name}"
    result |= {"output": str(output), "upm_bytes": upm.save(student, output), "meta": student.meta}
    result |= _costs(teacher, student, profile)
    _write(work / "result.json", result)
    return result


def _plan(recipe, changes, profile, teacher, warn, tell):
    """The Recipe that is asked for, or the best that fits the board."""
    from . import fit

    if profile:
        share = cost.load(_on_board(teacher, profile), profile)
        if share is not None and share <= 1:
            warn(
                f"{teacher.path} itself would load {profile.name} {share:.0%}: `upedal convert` is enough for that"
            )
        if profile.rate_hz != teacher.rate_hz:
            text = (
                f"{profile.name} runs at {profile.rate_hz} Hz, the model at {teacher.rate_hz} Hz"
            )
            warn(f"{text}: see docs/models.md")
    if recipe:
        return recipes.load(recipe, changes)
    if profile is None:
        raise UpedalError(
            "distil: neither a board nor a recipe; expected --board, which decides, or --recipe"
        )
    name, _, table = fit.choose(profile, teacher.rate_hz)
    tell(table)
    return recipes.load(name, changes)


def _on_board(teacher, profile):
    """The teacher's model in the arithmetic that is cheaper on the board."""
    from . import fit

    model = teacher.model
    return fit.cheapest(fit.both(model), profile)[0] if model.arithmetic == "f32" else model


def _train(dry, wet, plan, teacher, profile, arithmetic, how, device):
    """(student, its figures, lines about its arithmetic)"""
    from . import pack

    meta, rate_hz = _meta(teacher, plan), teacher.rate_hz
    if plan.net == "tcn8":
        from . import train_tcn8
        from .reproduce.packing import q7_model

        made = train_tcn8.train(dry, wet, rate_hz, plan, **how)
        student, notes = q7_model(made.net, made.front, made.scale), []
        student.meta |= pack.made_now(meta)
        figures = {"net_test_esr": made.q7_esr}
    else:
        from .train import train

        made = train(dry, wet, rate_hz, plan, device=device, **how)
        packed = pack.pack(
            made.net, rate_hz, grade=profile.grade if profile else "accurate", meta=meta
        )
        student, notes = pack.choose(packed, arithmetic, profile)
        figures = {"validation_esr": made.val_esr, "net_test_esr": made.test_esr}
    student.loudness_db, _ = measure.loudness(student)
    for level in ("input_dbu", "output_dbu"):
        setattr(student, level, getattr(teacher.model, level))
    ended = {
        "epochs": len(made.history),
        "train_seconds": round(made.seconds, 1),
        "interrupted": made.interrupted,
    }
    return student, figures | ended, notes


def _meta(teacher, plan):
    """What travels on in the student's file."""
    old = teacher.model.meta
    meta = {key: old[key] for key in _ABOUT if key in old}
    meta["name"] = f"{old.get('name') or teacher.path.stem} (distilled)"
    meta["distilled"] = f"by upedal {__version__} from {teacher.path.name}, recipe {plan.name}"
    if teacher.model.knobs:
        meta["distilled"] += ", " + ", ".join(
            f"{name} {value:g}" for name, value in teacher.held().items()
        )
    return meta | {"source": old.get("source") or teacher.path.name, "recipe": plan.name}


def judge(teacher, student, dry, wet, heard, seed):
    """ESR of the student as a pedal plays it, against the teacher: test part, guitar at each level, and
    recordings heard: {name: float [n]}."""
    from . import native

    blob, test = upm.dumps(student), audio.split(len(dry), teacher.rate_hz)[2]
    by_level, by_file = {}, {}
    for level in LEVELS_DB:
        x = guitar(teacher.rate_hz, level, seed)["test"]
        by_level[f"{level:g}"] = audio.esr(teacher.play(x), native.render(blob, x))
    for name, x in heard.items():
        by_file[name] = audio.esr(teacher.play(x), native.render(blob, x))
    esr = audio.esr(wet[test], native.render(blob, dry)[test])
    return {"test_esr": esr, "test_esr_by_level_dbfs": by_level, "test_esr_by_file": by_file}


def _costs(teacher, student, profile):
    each = {
        "teacher": _on_board(teacher, profile) if profile else teacher.model,
        "student": student,
    }
    costs = {
        "instructions_per_sample": {
            name: cost.instructions(model)[0] for name, model in each.items()
        }
    }
    if profile:
        costs["load"] = {name: cost.load(model, profile) for name, model in each.items()}
        costs["memory_bytes"] = cost.memory(student)
    return costs


def _write(path, result):
    write_atomic(path, (json.dumps(result, indent=2) + "\n").encode())
