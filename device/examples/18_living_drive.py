"""A drive that breathes: an LFO turns the knob of a net, a bar for each turn.

Fits a Pico 2. Wired: a pot on 26 for the net's level. drive.upm is a net with written weights and
one knob, "drive" (make_parts.py); any model trained with knobs goes in its place.
"""

from pedal import LFO, Gain, Neural, Rig
from pedal.controls import Pot

rig = Rig(Gain(db=0), Neural("drive.upm", knobs=[0.2]), tempo_bpm=90)
rig.modulate(LFO(division="1/1", shape="triangle"), "neural", "drive", low=0.0, high=1.0)
rig.bind(Pot(26), "gain", "db", low=-18, high=6)
