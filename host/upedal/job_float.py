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
    louder = np.concatenate([c.dry for c in captures.training])[: 20 * captures.rate_hz]
    model, notes = choose(floats, arithmetic, profile, louder, "the recording")
    blob = upm.dumps(model)

    def play(x, knobs=None):
        return play_file(blob, np.asarray(x, np.float32), knobs=knobs)

    tests = _tests(captures, play)
    esrs = [audio.esr(target, output) for _, target, output in tests]
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
            choose(small, arithmetic, profile, louder, "the recording"), captures, plan.slim[0]
        )
        notes = notes + told
    return made(
        model, play, tests, done.history, done.seconds, figures, done.settings, done.interrupted, done.resumed,
        notes, more,
    )  # fmt: skip


def _tests(captures, play):
    """(Capture, target, output of the packed model) over each test part."""
    found = []
    for item in captures.training:
        part = audio.split(len(item.dry), captures.rate_hz)[2]
        found.append((item, item.wet[part], play(item.dry, item.knobs or None)[part]))
    return found
