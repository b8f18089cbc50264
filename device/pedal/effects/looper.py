"""Records what you play, plays it over and over, and adds to it."""

from struct import unpack_from

from pedal.effects.effect import parameters
from pedal.effects.lines import Lines

_STATUS = ("empty", "recording", "playing", "overdubbing", "stopped")
_RECORD, _PLAY, _DUB, _UNDO, _STOP, _CLEAR, _TAP = range(1, 8)
_COMMAND = 4  # words of the kernel's state, behind the parameters
_AT = 5  # status, position, length: integers


@parameters
class Looper(Lines):
    """A loop of 16-bit samples; what you play passes through and the loop is added at `level`.

    record(), play(), overdub(), undo(), stop() and clear() act within 64 frames of the next block,
    and allocate nothing; of two in one block the last one counts. tap() is one button for all:
    record, play, overdub, play, overdub ... A recording lasts at least 1,024 frames and ends by
    itself, playing, after max_s.

    The loop's seam is a crossfade of 480 frames; play, stop and overdub fade in 5 ms, undo in 256
    frames. undo() takes back the last overdub and a second one brings it back; a loop that was
    undone is what it was, sample for sample. An overdub begun before the loop has come round since
    the last one began is part of that one. stop() goes back to the start; record() on a loop makes
    a new one. speed "half" plays an octave lower, and overdubs as slowly; direction "reverse"
    waits until an overdub's first lap is over. Both wait while recording. Full scale of the loop
    is 6 dB above 1.0, its noise -95 dBFS.

    Memory: 2 bytes a frame and layer, two layers, or one with layers=1, which has no undo(): at 48
    kHz 192 kB a second, 96 kB with one layer. Cost on a Cortex-M7: playing 18 instructions a
    sample, recording 26, overdubbing 38; at half speed 38 to 51.
    """

    PARAMS = (
        ("level", 1.0, 0.0, 2.0),
        ("speed", "normal", ("normal", "half")),
        ("direction", "forward", ("forward", "reverse")),
    )

    def __init__(self, *, max_s=10.0, layers=2, **values):
        """max_s: 0.1..600, the longest loop; layers: 2, or 1 for half the memory and no undo()."""
        if layers not in (1, 2):
            raise ValueError(f"Looper: layers={layers!r}; expected 1 or 2")
        if not 0.1 <= max_s <= 600:
            raise ValueError(f"Looper: max_s={max_s!r}; expected 0.1 to 600")
        self.KERNEL = "looper" if layers == 2 else "looper1"
        self.layers = layers
        self.max_s = max_s
        super().__init__(**values)

    def extra_words(self, rate_hz):
        return (int(self.max_s * rate_hz) * self.layers + 1) // 2

    def fits(self, words, rate_hz):
        tenths = words * 20 // (rate_hz * self.layers)
        return f"enough for max_s={tenths / 10}"

    def record(self):
        self.state[_COMMAND] = _RECORD

    def play(self):
        self.state[_COMMAND] = _PLAY

    def overdub(self):
        self.state[_COMMAND] = _DUB

    def undo(self):
        self.state[_COMMAND] = _UNDO

    def stop(self):
        self.state[_COMMAND] = _STOP

    def clear(self):
        self.state[_COMMAND] = _CLEAR

    def tap(self):
        self.state[_COMMAND] = _TAP

    @property
    def status(self):
        """One of "empty", "recording", "playing", "overdubbing", "stopped"."""
        return _STATUS[self._word(0)]

    @property
    def position_s(self):
        """Seconds from the loop's start; 0 while recording."""
        return self._word(1) / self.state[0]

    @property
    def length_s(self):
        """Seconds of the loop; while recording, so far."""
        return self._word(2) / self.state[0]

    def _word(self, at):
        return unpack_from("I", self.state, 4 * (_AT + at))[0]
