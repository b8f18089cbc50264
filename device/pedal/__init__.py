"""The pedal: a rig of effects, and the engine that plays it. MicroPython 1.26, or CPython."""

from pedal.effects.gain import Gain
from pedal.effects.neural import Neural
from pedal.engine import Engine
from pedal.rig import Rig

__all__ = ("Engine", "Gain", "Neural", "Rig")
