"""The rig of `upedal soak`: a guitarist's whole chain. Its model and its cabinet are made for the run."""

from pedal import CabIR, Delay, Gate, Neural, Reverb, Rig, Tone

rig = Rig(
    Gate(threshold_db=-60),
    Neural("soak.upm"),
    Tone(bass_db=2, mid_db=-1.5, treble_db=3),
    CabIR("cab.wav", taps=1024),
    Delay(delay_ms=350, mix=0.25),
    Reverb(kind="plate", mix=0.2),
)
