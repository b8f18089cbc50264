"""Octaver: the note below, as from a synthesiser, steadied by a compressor in front of it.

Fits a Pico 2. One note at a time. Wired: pots on 26 and 27 for the octave below and the dry sound.
"""

from pedal import Compressor, Limiter, Octave, Rig
from pedal.controls import Pot

rig = Rig(
    Compressor(threshold_db=-30, ratio=4, makeup_db=16),
    Octave(dry=0.6, down=0.9, tone_hz=500),
    Limiter(),
)
rig.bind(Pot(26), "octave", "down", low=0.0, high=1.2)
rig.bind(Pot(27), "octave", "dry", low=0.0, high=1.0)
