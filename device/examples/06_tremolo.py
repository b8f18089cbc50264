"""Tremolo by tempo: the level goes up and down in eighths, and a slow one in the tone behind it.

Fits a Pico 2. Wired: a footswitch on 2 to tap the tempo, a pot on 26 for the depth.
"""

from pedal import LFO, Filter, Gain, Rig
from pedal.controls import Footswitch, Pot

rig = Rig(Gain(), Filter(mode="lowpass", frequency_hz=5000), tempo_bpm=100)
pulse = rig.modulate(LFO(division="1/8", shape="sine"), "gain", "db", low=-14, high=0)
rig.modulate(LFO(division="1/1", shape="triangle"), "filter", "frequency_hz", low=1800, high=7000)

switch = rig.add_control(Footswitch(2))
rig.on(switch.pressed, rig.tap)


# Which of the LFO's ends a pot moves is no parameter: a function of its position, 0..65535, does it.
def deepen(position):
    pulse.aim(rig["gain"], "db", low=-20 * position / 65535, high=0)


depth = rig.add_control(Pot(26))
rig.on(depth.moved, deepen)
