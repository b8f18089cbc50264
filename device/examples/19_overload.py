"""A board that cannot keep up plays a smaller net instead of noise, and tells so.

Fits a Teensy 4.1. Above 95 % load spare.upm takes over from the DS-1's net, which is tried again after 2 s. Wired:
an LED on D9, which blinks meanwhile and is lit for a second after each block that came late. If nothing
was played for two seconds, the watchdog starts the board anew.
"""

from pedal import Gain, Neural, Rig
from pedal.controls import LED, Blink, Hold

rig = Rig(
    Gain(db=-6),
    Neural("../../models/boss_ds1/boss_ds1.upm", fallback="spare.upm"),
    Gain(db=-6),
    limit=0.95,
    watchdog_ms=2000,
)
rig.add_control(LED("D9", Blink(lambda: rig.engine.overload.level), Hold(lambda: rig.engine.late)))
