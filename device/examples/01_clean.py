"""Clean: even, round, with a spring behind it.

Fits a Pico 2, an ESP32-S3 or a Teensy 4.1. Nothing is wired but the converters.
"""

from pedal import Compressor, Reverb, Rig, Tone

rig = Rig(
    Compressor(threshold_db=-26, ratio=3, makeup_db=6),
    Tone(bass_db=2, mid_db=-2, treble_db=3),
    Reverb(kind="spring", decay_s=1.8, mix=0.2, small=True),
)
