"""What a display shows: the scene's name, or, on a second page, how busy the board is.

Fits a Teensy 4.1. Wired: a display of 128 x 64 dots (SSD1306) on I2C 0: SCL D19, SDA D18; footswitches on D5
(next scene) and D6 (other page). Its firmware needs framebuf, which MicroPython's own has.
"""

from machine import I2C
from pedal import Compressor, Flanger, Meter, Rig
from pedal.controls import Display, Footswitch, LoadPage, PresetPage

rig = Rig(Compressor(), Flanger(), Meter())
rig.scenes["Clean"] = {"off": ["flanger"]}
rig.scenes["Jet"] = {"off": [], "values": {"flanger.feedback": 0.7}}
rig.scenes["Slow river"] = {
    "off": [],
    "values": {"flanger.feedback": 0.2, "flanger.speed_hz": 0.1},
}
rig.recall("Clean")

pages = [
    PresetPage(lambda: rig.scene, lambda: 1 + sorted(rig.scenes).index(rig.scene)),
    LoadPage(lambda: rig.engine.percent(), lambda: rig.engine.xruns),
]
display = rig.add_control(Display(I2C(0, freq=400_000), pages[0]))
forth, other = rig.add_control(Footswitch("D5")), rig.add_control(Footswitch("D6"))
rig.on(forth.pressed, rig.next_scene)


@other.pressed.add
def turn():
    pages.reverse()
    display.show(pages[0])
