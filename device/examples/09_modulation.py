"""Phaser, flanger, chorus or vibrato: one box, an encoder that goes from one to the next.

Fits a Pico 2. Wired: an encoder on 8 and 9, a pot on 26 for the speed of whichever is in.
"""

from pedal import Chorus, Flanger, Phaser, Rig, Vibrato
from pedal.controls import Encoder, Pot

ALL = ["chorus", "flanger", "phaser", "vibrato"]

rig = Rig(Phaser(), Flanger(), Chorus(), Vibrato())
for name in ALL:
    rig.scenes[name] = {"off": [other for other in ALL if other != name]}
rig.recall("phaser")

encoder = rig.add_control(Encoder(8, 9))
rig.on(encoder.turned, rig.next_scene)
speed = Pot(26)
for name in ALL:
    rig.bind(speed, name, "speed_hz", low=0.1, high=6.0)
