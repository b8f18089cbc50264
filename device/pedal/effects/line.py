"""The memory of delay lines that are read at a moving place."""

_AROUND = (
    96 + 48
)  # frames: the line's tail in up_modulation.h, and what it may read and write beside


def line_words(rate_hz, ms):
    """Words for a delay of at most so many ms."""
    return rate_hz * ms // 1000 + _AROUND
