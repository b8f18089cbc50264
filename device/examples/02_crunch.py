"""Crunch: the Boss DS-1 that comes along, pushed less than its owner did, and a tone stack behind it.

Fits a Teensy 4.1 (the model alone is 83 % of its budget, an estimate). Wired: a pot for the level into the
model on A0. The model is found where this file stands in the source tree; a copy of it beside the rig
will do as well.
"""

from pedal import Gain, Neural, Rig, Tone
from pedal.controls import Pot

rig = Rig(
    Gain(db=-9),
    Neural("../../models/boss_ds1/boss_ds1.upm"),
    Tone(bass_db=3, treble_db=-4),
    Gain(db=-3),
)
rig.bind(Pot("A0"), "gain", "db", low=-24, high=6)
