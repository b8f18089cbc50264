"""From a trained net to a layers.Model, ready to be written as .upm, in float or in integers."""

from datetime import date

from . import __version__, measure, upm
from . import layers as L
from .errors import UpedalError
from .knobs import fold

ARITHMETICS = ("auto", "f32", "q15")
_WORST_DB = -40.0  # of quantisation, that auto takes
_JUDGED_S = 3.0  # of audio that the error of quantisation is measured on
_SETTLE_S = 0.25  # of silence that brings a recurrent net to rest


def pack(net, rate_hz, *, grade="accurate", meta=None, knobs=()):
    """net: a module of nets.py; grade: of tanh and sigmoid; meta: {key: text} that travels in the file;
    knobs: captures.Knob of each of the net's inputs behind the audio."""
    model = L.Model(fold(net.export(), knobs), int(rate_hz), grade)
    model.knobs = [knob.row() for knob in knobs]
    field = upm.receptive_field(model)
    model.prewarm = int(_SETTLE_S * rate_hz) if field is None else field - 1
    model.meta = made_now(meta)
    return measure.level(model)


def made_now(meta):
    """{key: text} of a file that is made now: meta's that are known, who made it and when."""
    made = {"made_by": f"upedal {__version__}", "made_on": date.today().isoformat()}
    return made | {k: str(v) for k, v in (meta or {}).items() if v is not None}


def quantised(model, audio=None, source=None):
    """The q15 model of a float one, with META keys quantised_db (error against f32) and quantised_on.

    audio: float [n] to calibrate and judge with, `source` its name; without it the built-in calibration, and a
    synthesised guitar that was no part of it as the judge.
    """
    from . import quant, synth

    made = quant.quantise(model, audio)
    if audio is None:
        judge, source = synth.dry_guitar(_JUDGED_S, max(model.rate_hz, 8000), seed=1), "a synthesised guitar"
    else:
        judge = audio[: int(10 * model.rate_hz)]
    made.meta |= {"quantised_db": f"{quant.compare(model, made, judge):.1f}", "quantised_on": source}
    return made


def choose(model, arithmetic, profile=None, audio=None, source=None):
    """(model in f32 or q15, [lines that say why]). arithmetic: one of ARITHMETICS, or None: auto where there is a
    board, else f32. auto: the one of fewer estimated cycles on the board's core, or the profile's where that is
    not known; f32 where a layer cannot be quantised or more than -40 dB would be lost."""
    from . import cost

    arithmetic = arithmetic or ("auto" if profile else "f32")
    if model.arithmetic != "f32":
        raise UpedalError(f"the model is {model.arithmetic} already; convert the f32 file")
    if arithmetic == "f32":
        return model, []
    if arithmetic == "auto" and profile is None:
        return model, ["f32, as there is no board to choose by"]
    try:
        made = quantised(model, audio, source)
    except UpedalError as e:
        if arithmetic == "q15":
            raise
        return model, [f"f32, as q15 cannot hold it: {e}"]
    lost = f"quantisation {made.meta['quantised_db']} dB against f32, on {made.meta['quantised_on']}"
    if arithmetic == "q15":
        return made, [lost]
    cycles = [cost.cycles(m, profile.core) for m in (model, made)]
    if None in cycles:
        better = profile.arithmetic == "q15"
        told = f"{profile.core}: cycles not known; the profile says {profile.arithmetic}"
    else:
        better = cycles[1] < cycles[0]
        told = f"{profile.name}: f32 {cycles[0]:,.0f}, q15 {cycles[1]:,.0f} cycles a sample (estimates)"
    if better and float(made.meta["quantised_db"]) > _WORST_DB:
        return model, [told, f"f32, as q15 would lose too much: {lost}"]
    return (made, [told, lost]) if better else (model, [told])


def from_checkpoint(path):
    """(net, recipe, rate_hz, best validation ESR, [Knob]) of a checkpoint that training left."""
    import torch

    from .captures import Knob
    from .recipe import Recipe

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        identity = content["identity"]
        recipe = Recipe(**identity["recipe"])
        if recipe.net == "tcn8":
            raise UpedalError(f"{path}: of an 8-bit recipe; the same upedal train goes on from it and writes the .upm")
        knobs = [Knob(*row) for row in identity["knobs"]]
        net = recipe.build(len(knobs))
        net.load_state_dict(content["best_state"])
        return net.eval(), recipe, identity["rate_hz"], content["best"], knobs
    except UpedalError:
        raise
    except OSError as e:
        raise UpedalError(f"{path}: {e.strerror or e}") from None
    except Exception as e:  # a torn or foreign file raises nearly anything
        raise UpedalError(f"{path}: not a checkpoint of upedal ({type(e).__name__}: {e})") from None
