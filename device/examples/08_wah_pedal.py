"""Wah in front of an overdrive, moved by foot.

Fits a Pico 2. Wired: an expression pedal's wiper on 27 (ends to 3V3 and ground), its toe switch on 2, an LED
on 6 that is lit while the wah is in. The calibration is one pedal's: hold heel and toe down in turn, call
pedal.learn("heel") and pedal.learn("toe"), print pedal.calibration.
"""

from pedal import Overdrive, Rig, Wah
from pedal.controls import LED, Expression, Footswitch, Lit

rig = Rig(Wah(q=5.0), Overdrive(drive_db=18, level_db=-2))
pedal = Expression(27, calibration={"heel": 2100, "toe": 63000, "dead_percent": 3})
rig.bind(pedal, "wah", "position")
toe = rig.add_control(Footswitch(2))
rig.on(toe.pressed, lambda: rig.toggle("wah"))
rig.add_control(LED(6, Lit(lambda: not rig.bypassed("wah"))))
