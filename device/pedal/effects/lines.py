"""What effects with much memory share: delays, reverbs, loopers."""

import gc
from array import array

from pedal.effects.effect import Effect

RIGHT = 512  # frames of the right channel, at the end of the state
_AROUND = (
    96 + 48
)  # frames: a moving line's tail in up_modulation.h, and what it may read and write beside


def line_words(rate_hz, ms):
    """Words for a delay of at most so many ms that is read at a moving place."""
    return rate_hz * ms // 1000 + _AROUND


class Lines(Effect):
    """An effect whose kernel has memory behind its struct, and clears it itself when at rest.

    KEPT: words behind the parameters that reset() leaves alone.
    """

    KEPT = 0
    right = None

    def attach(self, rate_hz):
        """Join a rig of this rate: make the memory, be at rest. MemoryError says what it takes."""
        words = self.words + self.extra_words(rate_hz)
        if len(self.state) != words:
            kept = self.state[: self._first()]
            self.state = self.right = None
            try:
                self.state = array("f", range(words))  # bytes() would take the memory twice
            except MemoryError:
                self.state = array("f", bytes(4 * self.words))
                self._keep(kept)
                text = self._too_much(4 * words, rate_hz)
                raise MemoryError(text)  # noqa: B904 - MicroPython has no chaining
            self._keep(kept)
            self._made()
            self.reset()
        self.state[0] = rate_hz

    def _made(self):
        """Called when there is a new state."""

    def _first(self):
        return 1 + len(self.PARAMS) + self.KEPT

    def _keep(self, kept):
        for at, value in enumerate(kept):
            self.state[at] = value

    def _too_much(self, size, rate_hz):
        gc.collect()
        text = f"{type(self).__name__} needs {size} bytes at {rate_hz} Hz"
        if hasattr(gc, "mem_free"):
            free = gc.mem_free()
            fits = self.fits(max(0, free // 4 - self.words), rate_hz)
            text += f"; {free} are free: {fits}"
        return text

    def fits(self, words, rate_hz):
        """What to ask for where there are so many words behind the struct, as a text."""
        return "ask for less"

    def view_right(self):
        """Make `right`, the last RIGHT words of the state."""
        self.right = memoryview(self.state)[len(self.state) - RIGHT :]

    def reset(self):
        """Forget the past; parameters stay. The kernel clears the memory when it next runs."""
        state = self.state
        for at in range(self._first(), self.words):
            state[at] = 0.0
        if self.right is not None:
            for at in range(RIGHT):
                self.right[at] = 0.0
