"""The float path of a job: train, pack, quantise where it pays, judge."""

import numpy as np

from . import audio, judge, upm
from .native import render as play_file


def make(made, captures, plan, profile, grade, arithmetic, how):
    """A job._Made (the class, given as `made`) of a float recipe."""
    from .losses import mrstft
    from .pack import choose, pack
    from .train import train_captures

    done = train_captures(captures, plan, **how)
    floats = pack(done.net, captures.rate_hz, grade=grade, knobs=captures.knobs)
    heard = [c.dry[audio.split(len(c.dry), captures.rate_hz)[0]] for c in captures.training]
    heard = np.concatenate(heard)[: 20 * captures.rate_hz]
    model, notes = choose(floats, arithmetic, profile, heard, "the recording")
    blob = upm.dumps(model)

    def play(x, knobs=None):
        return play_file(blob, np.asarray(x, np.float32), knobs=knobs)

    tests = _tests(captures, play)
    esrs = [audio.esr(target, output) for _, target, output in tests]
    pairs = [*zip(captures.training, esrs)]
    pairs += [(c, audio.esr(c.wet, play(c.dry, c.knobs or None))) for c in captures.held_out]
    settings = [
        {"name": c.name, "knobs": list(c.knobs), "esr": e, "held_out": c.held_out}
        for c, e in pairs
    ]
    figures = {
        "val_esr": done.val_esr,
        "test_esr": done.test_esr,
        "test_mrstft": float(np.mean([mrstft(t, o) for _, t, o in tests])),
        "test_esr_emphasised": float(np.mean([judge.emphasised_esr(t, o) for _, t, o in tests])),
        "packed_esr": float(np.mean(esrs)),
    }
    if model is not floats:
        figures["quantised"] = {
            "arithmetic": model.arithmetic, "esr": figures["packed_esr"], "db": float(model.meta["quantised_db"]),
        }  # fmt: skip
    more = {}
    if plan.slim:
        from . import slim

        small = pack(
            done.net.sized(plan.slim[0]), captures.rate_hz, grade=grade, knobs=captures.knobs
        )
        more["lite"], figures["lite"], told = slim.judged(
            choose(small, arithmetic, profile, heard, "the recording"), captures, plan.slim[0]
        )
        notes = notes + told
    return made(
        model, play, done.history, done.seconds, figures, settings, done.interrupted, done.resumed,
        notes, more,
    )  # fmt: skip


def _tests(captures, play):
    """(Capture, target, output of the packed model) over each test part."""
    found = []
    for item in captures.training:
        part = audio.split(len(item.dry), captures.rate_hz)[2]
        found.append((item, item.wet[part], play(item.dry, item.knobs or None)[part]))
    return found
