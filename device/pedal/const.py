"""const() for CPython, which has no use for it; MicroPython folds what it stands before."""

try:
    from micropython import const
except ImportError:

    def const(value):
        return value
