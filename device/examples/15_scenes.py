"""Three scenes and two footswitches: clean, rhythm and lead, each with all it needs.

Fits a Teensy 4.1. Wired: footswitches on D5 (next) and D6 (held: keep what the knobs now say in this scene,
there at the next power-on), LEDs on D9, D10 and D11, one a scene. Try it with --moves moves/15.csv.
"""

from pedal import Compressor, Delay, Distortion, Gate, Rig, Tone
from pedal.controls import LED, Footswitch, Lit

rig = Rig(Compressor(), Gate(), Distortion(post_gain_db=-8), Tone(), Delay(delay_ms=320, mix=0.3))
rig.scenes["1 clean"] = {"off": ["gate", "distortion", "delay"], "values": {"tone.treble_db": 3}}
rig.scenes["2 rhythm"] = {
    "off": ["compressor", "delay"],
    "values": {"distortion.drive": 0.5, "tone.treble_db": 0, "tone.mid_db": -2},
}
rig.scenes["3 lead"] = {
    "off": ["compressor"],
    "values": {"distortion.drive": 0.85, "tone.treble_db": 0, "tone.mid_db": 4},
}
rig.recall("1 clean")

forth, keep = rig.add_control(Footswitch("D5")), rig.add_control(Footswitch("D6"))
rig.on(forth.pressed, rig.next_scene)
rig.on(keep.long_pressed, lambda: rig.store_scene(rig.scene))
for pin, name in (("D9", "1 clean"), ("D10", "2 rhythm"), ("D11", "3 lead")):
    rig.add_control(LED(pin, Lit(lambda name=name: rig.scene == name)))
