"""The pedal: a rig of effects, and the engine that plays it. MicroPython 1.26, or CPython.

Names come from their files when first asked for, so a pedal loads only what its rig uses.
"""

import sys

_FROM = {
    "Engine": "engine",
    "Rig": "rig",
    "Chain": "chain",
    "Split": "chain",
    "Blend": "chain",
    "LFO": "modulate",
    "Envelope": "modulate",
    "Clock": "clock",
    "Gain": "effects.gain",
    "Neural": "effects.neural",
    "Gate": "effects.gate",
    "Compressor": "effects.compressor",
    "Limiter": "effects.limiter",
    "Meter": "effects.meter",
    "Boost": "effects.boost",
    "Overdrive": "effects.overdrive",
    "Distortion": "effects.distortion",
    "Fuzz": "effects.fuzz",
    "Tone": "effects.tone",
    "EQ": "effects.eq",
    "Filter": "effects.filter",
    "Wah": "effects.wah",
    "Phaser": "effects.phaser",
    "Chorus": "effects.chorus",
    "Vibrato": "effects.vibrato",
    "Flanger": "effects.flanger",
    "CabIR": "effects.cab_ir",
    "Octave": "effects.octave",
    "PitchShift": "effects.pitch_shift",
    "Tuner": "effects.tuner",
    "Delay": "effects.delay",
    "Reverb": "effects.reverb",
    "Looper": "effects.looper",
    "Tremolo": "effects.tremolo",
}

__all__ = sorted(_FROM)


def __getattr__(name):
    if name not in _FROM:
        try:
            __import__("pedal." + name)  # MicroPython asks here for a file of the package, too
        except ImportError:
            raise AttributeError(f"pedal has no {name}; it has {', '.join(__all__)}")  # noqa: B904
        return sys.modules["pedal." + name]
    file = "pedal." + _FROM[name]
    __import__(file)
    return getattr(sys.modules[file], name)
