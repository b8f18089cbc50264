"""Neural nets from .upm files. The same on the pedal, on MicroPython's unix port and on a desktop.

Buffers are array('f'), bytearrays or memoryviews of native float32; no float crosses as an argument.
"""

def arena_size(blob) -> int:
    """Bytes of working memory Model(blob, arena) needs. Checks the whole file first.
    Raises ValueError with the name of the check that failed."""

def info(blob) -> tuple:
    """(rate_hz, prewarm frames, audio+knob inputs, outputs, arithmetic, grade)."""

class Model:
    def __init__(self, blob, arena) -> None:
        """One thread, and one arena, a model. blob: the .upm, 16-byte aligned, used in place; arena: a writable buffer of at least
        arena_size(blob) bytes. Both must stay as they are while the model lives."""

    def process(self, src, dst) -> None:
        """Run len(src) frames (any number); dst may be src. Allocates nothing.
        A frame that is not finite, or beyond +-1024 (60 dB over full scale), is read as 0."""

    def reset(self) -> None:
        """Back to the state after Model()."""

    def knobs(self, values) -> None:
        """values: array('f') of one value a knob, in the file's units. Raises ValueError where one is not finite."""

def split_size(model, cut, frames) -> int:
    """Bytes of memory Split(model, cut, frames, memory) needs."""

class Split:
    """A model in two parts for two cores: docs/two_cores.md. Plays what the model does, `frames` frames later, bit for bit."""

    def __init__(self, model, cut, frames, memory) -> None:
        """cut: layer of the file that is the first of the second part; 0: where both have about as much to do.
        frames, 1..4096: the longest block handed over, and the delay. memory: a writable buffer of at least split_size()
        bytes, 16-byte aligned. Until the split is done with, model.process() and model.reset() only after clear()."""

    def process(self, src, dst) -> None:
        """As Model.process, `frames` frames later. From one thread. Allocates nothing. RuntimeError, and what is left of dst
        as it was, where the second core hangs inside a block; calls after that look whether it has come back."""

    def clear(self) -> None:
        """Forgets what is under way: silence for `frames` frames. The model's state stays: model.reset() after it."""

    def report(self) -> tuple:
        """(cut, blocks handed over, of these run by the first core, blocks lost). Allocates."""

class Worker:
    """What a second core does: the second parts of up to four splits."""

    def __init__(self) -> None: ...
    def add(self, split) -> bool:
        """False where there is no room, or the split has another worker."""

    def remove(self, split) -> bool:
        """Waits for the block under way. False where it was not there; RuntimeError where the second core hangs in it."""

    def serve(self) -> None:
        """From the second core: runs what there is until stop(). No Python and no memory of the heap. A natmod holds the
        interpreter's lock meanwhile where a port has one: there call round()."""

    def round(self) -> bool:
        """From the second core: runs what there is now; False if there was nothing."""

    def stop(self) -> None:
        """Ends serve(), for good."""
