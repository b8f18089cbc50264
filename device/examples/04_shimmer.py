"""Ambient shimmer: an octave above, repeated, that swells out of what you play and makes way for it.

Fits a Teensy 4.1 or an ESP32-S3 with PSRAM: delay and reverb take 190 kB. Stereo out. Nothing is wired.
"""

from pedal import Delay, Envelope, Gain, PitchShift, Reverb, Rig, Split

octave = [
    PitchShift(semitones=12, mix=1.0),
    Delay(delay_ms=420, decay=0.6, mix=1.0, tone_hz=2500),
    Gain(),
]
rig = Rig(
    Split(None, octave, a=0.8, b=0.6),
    Reverb(kind="hall", decay_s=6.0, damp=0.3, mix=0.45, stereo=True),
)
# The louder the guitar, the softer the octaves.
rig.modulate(Envelope(release_ms=600), "gain", "db", low=0, high=-15)
