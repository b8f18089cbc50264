"""What a model says of itself beside its weights: levels, loudness, names and licence; checked, and put into the file.

0 dBFS is a full-scale sample; dBu is the voltage of a sine of that peak at the interface's socket (0 dBu: 0.775 V
RMS). Knowing both, a player can give the model the voltage that the gear had.
"""

import math
import unicodedata

from .errors import UpedalError

LOW_DBU, HIGH_DBU = -60.0, 60.0
MOST_LETTERS = 200  # of a text; other formats' readers cut there
# What NAM's players know; others are refused there.
GEAR_TYPES = ("amp", "pedal", "pedal_amp", "amp_cab", "amp_pedal_cab", "preamp", "studio")
TONE_TYPES = ("clean", "overdrive", "crunch", "hi_gain", "fuzz")
TEXTS = ("name", "author", "gear", "gear_type", "tone_type", "licence")
_CHOICES = {"gear_type": GEAR_TYPES, "tone_type": TONE_TYPES}


# ---- checking ------------------------------------------------------------------------------------


def dbu(value, what="level"):
    """A level in dBu as a float, or None for None. Raises UpedalError outside -60 to 60 dBu."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not LOW_DBU <= number <= HIGH_DBU:
        raise UpedalError(
            f"{what} is {str(value)[:40]!r}; expected {LOW_DBU:g} to {HIGH_DBU:g} dBu, the level at which the interface"
            " reaches 0 dBFS (docs/capture.md says how to measure it)"
        )
    return number


def text(value, key):
    """A text that may travel, or None for None. Raises UpedalError for an empty or long one, or control characters."""
    if value is None:
        return None
    value = str(value)
    if key in _CHOICES and value not in _CHOICES[key]:
        raise UpedalError(f"{key} is {value[:40]!r}; expected one of {', '.join(_CHOICES[key])}")
    bad = [c for c in value if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    if bad:
        raise UpedalError(
            f"{key} holds the control character U+{ord(bad[0]):04X}; expected one line of text"
        )
    if not value.strip() or len(value) > MOST_LETTERS:
        raise UpedalError(
            f"{key} has {len(value)} letters; expected 1 to {MOST_LETTERS} (of a licence: its name, or an address)"
        )
    return value


def check(meta, *, input_dbu=None, output_dbu=None):
    """(checked texts of meta's keys that are not None, input_dbu, output_dbu); UpedalError at the first wrong one.
    Keys beyond TEXTS are left as they are."""
    kept = {k: text(v, k) if k in TEXTS else v for k, v in meta.items() if v is not None}
    return kept, dbu(input_dbu, "input_dbu"), dbu(output_dbu, "output_dbu")


# ---- into the model ------------------------------------------------------------------------------


def apply(model, *, input_dbu=None, output_dbu=None, meta=None, lag_frames=0.0, polarity=1):
    """The model (layers.Model or qlayers.QModel, changed in place) with its levels, measured and told, and its words.

    Measured: latency, polarity, loudness, gain. lag_frames, polarity: of the recording, by which the wet side was
    moved and whether it was turned over; the model has neither, but a reader may want to know.
    """
    from . import measure

    meta, input_dbu, output_dbu = check(meta or {}, input_dbu=input_dbu, output_dbu=output_dbu)
    measure.level(model)
    model.loudness_db, gain = measure.loudness(model)
    model.input_dbu, model.output_dbu = input_dbu, output_dbu
    model.meta |= {k: str(v) for k, v in meta.items()}
    model.meta["gain"] = f"{gain:.3f}"
    if lag_frames:
        model.meta["recorded_lag_frames"] = f"{lag_frames:.2f}"
    if polarity < 0:
        model.meta["recorded_polarity"] = "-1"
    return model


# ---- options -------------------------------------------------------------------------------------


def options(p):
    """Adds the options of name, licence and levels to an argparse parser; given() reads them."""
    group = p.add_argument_group("what travels in the file")
    for key, told in (
        ("name", "of the model"), ("author", "who made it"), ("gear", "make and model of what was recorded"),
        ("licence", "under which the model may be used: a name such as CC-BY-4.0, or an address"),
    ):  # fmt: skip
        group.add_argument(f"--{key}", type=_typed(text, key), help=told)
    for key, known in _CHOICES.items():
        group.add_argument(f"--{key.replace('_', '-')}", choices=known, help="as NAM names it")
    for side, told in (("input", "into the gear"), ("output", "out of it")):
        group.add_argument(
            f"--{side}-dbu", type=_typed(dbu, f"{side}_dbu"), metavar="DBU",
            help=f"level that 0 dBFS stood for on the way {told} ({LOW_DBU:g} to {HIGH_DBU:g} dBu)",
        )  # fmt: skip


def given(args):
    """{"meta": {key: text}, "input_dbu": .., "output_dbu": ..} of parsed options, as Job and apply take them."""
    meta = {k: getattr(args, k) for k in TEXTS if getattr(args, k) is not None}
    return {"meta": meta, "input_dbu": args.input_dbu, "output_dbu": args.output_dbu}


def _typed(check_one, what):
    """An argparse type that says what was wrong."""
    import argparse

    def convert(value):
        try:
            return check_one(value, what)
        except UpedalError as e:
            raise argparse.ArgumentTypeError(str(e)) from None

    return convert
