"""Looper with one footswitch, and a clean tone to loop.

Press: record, play, overdub, play ... Double press: what the last overdub added goes, or comes back.
Long press: empty. Fits an ESP32-S3 with PSRAM: 20 s in two layers take 3.8 MB; elsewhere make max_s smaller.
Wired: the switch on 11, an LED on 13: lit while it records, blinking while it overdubs, dim nowhere.
Try it with --moves moves/10.csv.
"""

from pedal import Compressor, Looper, Rig
from pedal.controls import LED, Blink, Footswitch, Lit

looper = Looper(max_s=20, layers=2, level=0.9)
rig = Rig(Compressor(makeup_db=4), looper)

switch = rig.add_control(Footswitch(11))
rig.on(switch.pressed, looper.tap)
rig.on(switch.double_pressed, looper.undo)
rig.on(switch.long_pressed, looper.clear)
recording = Lit(lambda: looper.status == "recording")
rig.add_control(LED(13, recording, Blink(lambda: looper.status == "overdubbing")))
