"""Drive on a footswitch; held down, it mutes the pedal and a display shows the note.

Fits a Pico 2. Wired: a footswitch on 2, a display of 128 x 64 dots (SSD1306) on I2C 0: SCL 5, SDA 4.
"""

from math import log

from machine import I2C, Pin
from pedal import Overdrive, Rig, Tuner
from pedal.controls import Display, Footswitch, PresetPage, TunerPage

tuner = Tuner(mute="on")
rig = Rig(tuner, Overdrive())
rig.bypass("tuner")


def pitch():
    hz = tuner.frequency_hz
    return round(6900 + 1200 * log(hz / 440) / log(2)) if hz else -1


name = PresetPage(lambda: "clean" if rig.bypassed("overdrive") else "drive")
display = rig.add_control(Display(I2C(0, scl=Pin(5), sda=Pin(4), freq=400_000), name))


def tune():
    rig.toggle("tuner")
    display.show(name if rig.bypassed("tuner") else TunerPage(pitch))


switch = rig.add_control(Footswitch(2))
rig.on(switch.single_pressed, lambda: rig.toggle("overdrive"))
rig.on(switch.long_pressed, tune)
