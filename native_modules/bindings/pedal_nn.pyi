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
