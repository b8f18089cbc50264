"""Auto-wah: the harder you play, the wider it opens. Funk wants the compressor behind it.

Fits a Pico 2. Wired: a pot on 26 for how easily it opens, a switch on 2 that turns it upside down.
"""

from pedal import Compressor, Rig, Wah
from pedal.controls import Footswitch, Pot

rig = Rig(
    Wah(mode="up", sensitivity_db=12, q=4.0, release_ms=180, mix=0.9),
    Compressor(threshold_db=-22, makeup_db=5),
)
rig.bind(Pot(26), "wah", "sensitivity_db", low=0, high=30)
switch = rig.add_control(Footswitch(2, latching=True))
rig.on(switch.changed, lambda down: rig.set("wah.mode", "down" if down else "up"))
