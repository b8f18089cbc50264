"""A slicer, written here: it opens and shuts the sound in sixteenths of the tempo, after a pattern.

Fits a Pico 2. Wired: a footswitch on 2 to tap the tempo. An effect needs process(buf) and reset(). What it does a
block at a time can be Python; what it does a sample at a time is better left to a kernel, here Gain's,
which glides from level to level by itself.
"""

from pedal import Delay, Gain, Rig
from pedal.controls import Footswitch


class Slicer:
    PATTERN = (0.0, -60.0, 0.0, 0.0, -60.0, 0.0, -60.0, 0.0)  # dB, one a sixteenth

    def attach(self, rate_hz):
        self._gain = Gain()
        self._gain.attach(rate_hz)
        self.reset()

    def set_clock(self, frames):  # of a beat; called when the tempo changes
        self._step = frames // 4

    def reset(self):
        self._at = self._turn = 0
        self._gain.reset()

    def process(self, buf):  # allocates nothing: whole numbers, and floats that are there already
        self._at += len(buf)
        if self._at >= self._step:
            self._at -= self._step
            self._turn = (self._turn + 1) % len(self.PATTERN)
            self._gain.state[1] = self.PATTERN[self._turn]
        self._gain.process(buf)


rig = Rig(Slicer(), Delay(division="1/8.", mix=0.25), tempo_bpm=112)
switch = rig.add_control(Footswitch(2))
rig.on(switch.pressed, rig.tap)
