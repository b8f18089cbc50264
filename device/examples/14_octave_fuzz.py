"""Fuzz with its octave: play single notes high on the neck. Some of the dry sound stays beside it.

Fits a Teensy 4.1. Wired: a footswitch on D5 for the octave alone, a pot on A0 for the bias that starves it.
"""

from pedal import Blend, Chain, Fuzz, Gate, Rig, Tone
from pedal.controls import Footswitch, Pot

fuzz = Fuzz(sustain_db=44, octave=0.8, tone_hz=3500, level_db=-3)
rig = Rig(Gate(), Blend(Chain(fuzz, Tone(mid_db=-3)), mix=0.85))
rig.bind(Footswitch("D5", latching=True), "fuzz", "octave", low=0.8, high=0.0)
rig.bind(Pot("A0"), "fuzz", "bias", low=0.0, high=0.6)
