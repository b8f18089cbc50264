"""High gain: tight, quiet between the notes, through a cabinet.

Fits a Teensy 4.1. Nothing is wired but the converters. cab.wav is synthesised (make_parts.py); put a
recording of a real cabinet in its place.
"""

from pedal import EQ, Boost, CabIR, Distortion, Gate, Overdrive, Rig

rig = Rig(
    Gate(threshold_db=-52),
    Overdrive(drive_db=6, tone=0.6, level_db=6),  # tightens the bass, as in front of an amp
    Distortion(drive=0.9, mode="asymmetric", tone_hz=6000, post_gain_db=-4),
    EQ(low_cut_hz=90, mid1_hz=600, mid1_db=-4, mid2_hz=2200, mid2_db=2),
    CabIR("cab.wav", taps=512),
    Boost(gain_db=-3),
)
