"""All effects there are, found in device/pedal/effects: for what is measured or tested of each.

A call is Python text that makes one, such as "Tremolo()"; in it CAB stands for the path of an impulse response.
"""

import importlib
import sys

import numpy as np

from . import paths

# What a constructor must be given.
_ARGUMENTS = {"CabIR": "CAB, taps=1024", "Looper": "max_s=2.0"}  # the rest have defaults
# Calls that cost or sound otherwise than the one without arguments.
_VARIANTS = {
    "CabIR": ("CAB, taps=64", "CAB, taps=512", "CAB, taps=2048", "CAB, taps=8192"),
    "Chorus": ("voices=4",),
    "Delay": ("change='digital'", "ping_pong=True"),
    "Distortion": ("oversample=1", "oversample=8"),
    "Filter": ("mode='bandpass'",),
    "Flanger": ("through_zero='on'",),
    "Fuzz": ("octave=1.0",),
    "Looper": ("max_s=2.0, layers=1",),
    "Octave": ("up=0.8",),
    "Overdrive": ("oversample=1", "oversample=8"),
    "Phaser": ("stages=12",),
    "PitchShift": ("semitones=-12",),
    "Reverb": ("kind='spring'", "kind='plate'", "stereo=True"),
    "Tremolo": ("shape=1.0",),
    "Wah": ("mode='up'",),
}  # fmt: skip


def classes():
    """{name: class} of every effect with a kernel and parameters."""
    from . import native  # noqa: F401 - brings pedal_fx

    if str(paths.DEVICE) not in sys.path:
        sys.path.append(str(paths.DEVICE))
    from pedal.effects.effect import Effect

    found = {}
    for path in sorted((paths.DEVICE / "pedal" / "effects").glob("*.py")):
        module = importlib.import_module(f"pedal.effects.{path.stem}")
        for name, thing in vars(module).items():
            own = isinstance(thing, type) and thing.__module__ == module.__name__
            if own and issubclass(thing, Effect) and thing.PARAMS:
                found[name] = thing
    return found


def defaults():
    """{name: call} of every effect with as few arguments as it takes."""
    return {name: f"{name}({_ARGUMENTS.get(name, '')})" for name in classes()}


def calls():
    """Every effect with as few arguments as it takes, and its variants."""
    found = []
    for name, call in defaults().items():
        found += [call] + [f"{name}({arguments})" for arguments in _VARIANTS.get(name, ())]
    return found


def name_of(call):
    """ "Tremolo" of "Tremolo()"."""
    return call.partition("(")[0]


def label(call):
    """A short name: "Delay ping_pong=True" of a variant, "Delay" of the rest."""
    name = name_of(call)
    if call == defaults()[name]:
        return name
    return f"{name} {call[len(name) + 1 : -1].replace('CAB, ', '')}"


def import_line(call):
    """The statement that a call needs before it, on any target."""
    name = name_of(call)
    return f"from {classes()[name].__module__} import {name}"


def make(call, cab=None):
    """The effect that a call makes; cab: path of an impulse response, where it wants one."""
    return eval(call, {"CAB": str(cab), **classes()})  # the text is our own


def write_cabinet(path, rate_hz, seconds=0.2):
    """An impulse response as a test wants it: 0 dB on average from 100 to 2000 Hz, highs from 5 kHz on cut."""
    from scipy.signal import butter, sosfilt

    from . import audio

    n = round(seconds * rate_hz)
    rng = np.random.default_rng(5)
    h = rng.standard_normal(n) * np.exp(-np.arange(n) / (0.004 * rate_hz))
    h[0] = 4.0
    h = sosfilt(butter(4, [90, 5000], "band", fs=rate_hz, output="sos"), h)
    power = np.abs(np.fft.rfft(h, rate_hz)[100:2000]) ** 2  # a bin a hertz
    audio.write(path, h / np.sqrt(np.mean(power)), rate_hz)
    return path
