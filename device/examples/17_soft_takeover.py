"""One pot, two scenes: after a scene the knob does nothing until it has met the scene's value.

Fits a Pico 2. Wired: a pot on 26 for the drive, a footswitch on 2 for the next scene, an LED on 6 that blinks
while the knob waits. Try it with --moves moves/17.csv.
"""

from pedal import Overdrive, Rig, Tone
from pedal.controls import LED, Blink, Footswitch, Pot

rig = Rig(Overdrive(level_db=-3), Tone())
rig.scenes["hard"] = {"values": {"overdrive.drive_db": 40, "tone.mid_db": 3}}
rig.scenes["soft"] = {"values": {"overdrive.drive_db": 8, "tone.mid_db": 0}}

drive = Pot(26)
rig.bind(drive, "overdrive", "drive_db", low=0, high=46)
switch = rig.add_control(Footswitch(2))
rig.on(switch.pressed, rig.next_scene)
rig.add_control(LED(6, Blink(lambda: drive.waiting)))
