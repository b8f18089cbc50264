"""Bass: the lows stay clean and even, the highs get the dirt, beside each other.

Fits a Pico 2. Wired: a pot on 26 for how much dirt there is.
"""

from pedal import Chain, Compressor, Distortion, Filter, Rig, Split
from pedal.controls import Pot

low = Chain(Filter(frequency_hz=300), Compressor(threshold_db=-26, ratio=4, makeup_db=12))
high = Chain(
    Filter(mode="highpass", frequency_hz=300),
    Distortion(drive=0.7, tone_hz=3500, post_gain_db=-2, oversample=2),
)
rig = Rig(Split(low, high, a=0.8, b=0.4))
rig.bind(Pot(26), "split", "b", low=0.0, high=0.8)
