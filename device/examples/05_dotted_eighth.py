"""Dotted eighths: echoes that fall between the notes, in time with your foot.

Fits a Teensy 4.1 or an ESP32-S3 with PSRAM: the delay takes 192 kB. Wired: a footswitch to ground on D5 to
tap the tempo (long press: echoes off, they ring out), an LED on D9 that shows it, a pot on A0 for the mix.
Try it with --moves moves/05.csv.
"""

from pedal import Compressor, Delay, Rig
from pedal.controls import LED, Footswitch, Pot, Tempo

rig = Rig(
    Compressor(),
    Delay(division="1/8.", max_delay_ms=1000, decay=0.35, mix=0.35, change="digital"),
    tempo_bpm=108,
)
switch = rig.add_control(Footswitch("D5"))
rig.on(switch.pressed, rig.tap)
rig.on(switch.long_pressed, lambda: rig.toggle("delay"))
rig.add_control(LED("D9", Tempo(lambda: rig.clock.frames)))
rig.bind(Pot("A0"), "delay", "mix", low=0.0, high=0.5)
