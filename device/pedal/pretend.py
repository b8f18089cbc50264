"""A stand-in for `machine` where there are no pins: converters, pins and serial ports that moves.py turns.

They start at rest: converters in the middle, pins high (a switch to ground that is open), no byte waiting.
"""

import sys

_adcs, _pins, _ports = {}, {}, {}


class ADC:
    def __init__(self, pin, **_):
        self._key = str(getattr(pin, "key", pin))
        _adcs.setdefault(self._key, 32768)

    def read_u16(self):
        return _adcs[self._key]


class Pin:
    IN, OUT, OPEN_DRAIN, PULL_UP, PULL_DOWN = 0, 1, 2, 1, 2

    def __init__(self, pin, mode=0, pull=None, *, value=1, **_):
        self.key = str(pin)
        _pins.setdefault(self.key, value)

    def value(self, level=None):
        if level is None:
            return _pins[self.key]
        _pins[self.key] = int(bool(level))

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def init(self, *_, **__):
        pass


class PWM:
    def __init__(self, pin, **_):
        self._duty = 0

    def duty_u16(self, duty=None):
        if duty is None:
            return self._duty
        self._duty = duty

    def freq(self, hz=None):
        pass


class UART:
    def __init__(self, port, *_, **__):
        self._bytes = _ports.setdefault(str(port), bytearray())

    def any(self):
        return len(self._bytes)

    def readinto(self, buf, most=None):
        n = min(len(buf) if most is None else most, len(self._bytes))
        buf[:n] = self._bytes[:n]
        self._bytes[:] = self._bytes[n:]
        return n or None

    def write(self, data):
        return len(data)

    def init(self, *_, **__):
        pass


class I2C:
    """Takes what is written; every address answers."""

    def __init__(self, *_, **__):
        pass

    def writeto(self, address, data, stop=True):
        return len(data)

    def writevto(self, address, parts, stop=True):
        return sum(len(part) for part in parts)

    def writeto_mem(self, address, register, data, **_):
        pass

    def readfrom_mem(self, address, register, count, **_):
        return bytes(count)

    def scan(self):
        return []


SoftI2C = I2C


class FrameBuffer:
    """Of `framebuf`: draws nothing."""

    def __init__(self, *_):
        pass

    def __getattr__(self, name):
        return _nothing


MONO_VLSB = 0


def _nothing(*_):
    pass


def turn(target, value):
    """adc.N 0..1, pin.N 0 or 1, midi.N hex bytes: what the outside does. False where it is none of these."""
    kind, _, key = target.partition(".")
    if kind == "adc":
        _adcs[key] = min(65535, max(0, round(float(value) * 65535)))
    elif kind == "pin":
        _pins[key] = int(value)
    elif kind == "midi":
        _ports.setdefault(key, bytearray()).extend(bytes(int(part, 16) for part in value.split()))
    else:
        return False
    return True


def install():
    """Let `import machine` find this, from now on; `import framebuf` too, where there is none."""
    sys.modules["machine"] = sys.modules[__name__]
    try:
        import framebuf  # noqa: F401
    except ImportError:
        sys.modules["framebuf"] = sys.modules[__name__]
