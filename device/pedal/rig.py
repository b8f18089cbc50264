"""A rig: effects in the order the signal meets them, and the rate and block they run at."""

try:
    from pedal import board  # written by `upedal deploy` from the board's profile
except ImportError:
    board = None

_RATE_HZ = 48000
_BLOCK = 64


class Rig:
    def __init__(self, *effects, block=None, rate_hz=None):
        """block: frames at a time, 1..4096; rate_hz: frames a second. Default: the board's."""
        self.block = block or getattr(board, "BLOCK", _BLOCK)
        self.rate_hz = rate_hz or getattr(board, "RATE_HZ", _RATE_HZ)
        if not 1 <= self.block <= 4096:
            raise ValueError(f"block of {self.block} frames; expected 1 to 4096")
        for at, effect in enumerate(effects):
            _check(effect, at + 1, effects[:at])
            if hasattr(effect, "attach"):
                effect.attach(self.rate_hz)
        self.effects = effects

    def reset(self):
        for effect in self.effects:
            effect.reset()


def _check(effect, position, before):
    for method in ("process", "reset"):
        if not hasattr(effect, method):
            text = "effect {} is {}, which has no {}(); expected an effect such as Gain(db=6)"
            raise ValueError(text.format(position, repr(effect), method))
    for other in before:
        if other is effect:
            raise ValueError(f"effect {position} is in the rig twice; make a second one")
