"""upedal: neural amps and effects on microcontrollers that run MicroPython (the desktop half)."""

from .errors import UpedalError

__version__ = "0.1.0"
__all__ = ["UpedalError", "__version__"]
