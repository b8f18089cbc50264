"""The pedal without a pedal: device/ unchanged, under CPython, MicroPython or on an emulated board."""

from upedal.sim.run import TARGETS, run

__all__ = ("TARGETS", "run")
