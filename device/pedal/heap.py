"""The heap, put in order before sound."""

import gc
import sys

_HOLE = 2048  # bytes: from here on a hole serves whatever is called while it plays


def tidy():
    """Collect, then fill the holes."""
    gc.collect()
    fill()


def fill():
    """Fill the smaller holes with numbers that nobody keeps: after what made and dropped things, such as a recall.

    MicroPython looks for memory from the lowest hole on, and steps over one only when a number fills it. What plays
    makes no numbers, but a function with more than 11 words of variables takes and returns memory at each
    call, and would step each time over half a megabyte of delay lines behind a hole too small for it: 100,000
    instructions of a Cortex-M7. The next collection takes the numbers back.
    """
    if sys.implementation.name != "micropython":
        return
    from uctypes import addressof

    end, at = addressof(bytearray(_HOLE)), 0
    while at < end:
        at = id(at * 0.5)
