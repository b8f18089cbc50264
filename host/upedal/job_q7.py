"""The 8-bit path of a job: float weights, fake quantisation, the integer model; emphasis and dither as the board has them."""

import dataclasses
import math

from . import audio, judge


def as_board(plan, profile):
    """The recipe with the emphasis and dither that the board has in front of its net."""
    if plan.net != "tcn8" or not profile or profile.pre_emphasis is None:
        return plan
    return dataclasses.replace(plan, emphasis=profile.pre_emphasis, dither=profile.dither)


def make(made, captures, plan, how):
    """A job._Made (the class, given as `made`) of an 8-bit recipe, from one capture."""
    from . import tcn8, train_tcn8
    from .losses import mrstft
    from .reproduce.packing import q7_model

    item = captures.items[0]
    done = train_tcn8.train(item.dry, item.wet, captures.rate_hz, plan, **how)
    model = q7_model(done.net, done.front, done.scale)

    def play(x, knobs=None):
        return tcn8.render_q7(done.net, done.front, done.scale, x)

    part = audio.split(len(item.dry), captures.rate_hz)[2]
    target, output = item.wet[part], play(item.dry)[part]
    floats = tcn8.render_float(done.float_net, done.front, item.dry)[part]
    seen = [note["val_esr"] for note in done.history if note["phase"] == "q7"]
    quantised = audio.esr(target, output)
    figures = {
        "val_esr": min(seen, default=math.inf),
        "test_esr": audio.esr(target, floats),
        "test_mrstft": mrstft(target, output),
        "test_esr_emphasised": judge.emphasised_esr(target, output),
        "packed_esr": quantised,
        "quantised": {
            "arithmetic": "q7",
            "esr": quantised,
            "db": audio.db(audio.esr(floats, output)),
        },
    }
    settings = [{"name": item.name, "knobs": [], "esr": quantised, "held_out": False}]
    return made(model, play, done.history, done.seconds, figures, settings, done.interrupted)
