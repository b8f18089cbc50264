"""The section LITE of a .upm: a smaller model of the same gear, a whole .upm of its own inside the file."""

import struct

from .errors import UpedalError

SIZES = ("full", "lite")
TAG = b"LITE"


def checked(blob, parts, name):
    """The bytes of LITE, or None; parts: the file's sections. UpedalError where a pedal would refuse it."""
    from . import upm

    inner = parts.get(TAG)
    if inner is None:
        return None
    where = f"{name}: section LITE"
    upm.check(inner, where)
    inside = upm.sections(inner)
    if TAG in inside:
        raise UpedalError(f"{where}: holds another LITE; expected one at most")
    rate, own = (struct.unpack_from("<I", b, 16)[0] for b in (inner, blob))
    if rate != own:
        raise UpedalError(f"{where}: {rate} Hz; expected {own}, as the model around it")
    if inside.get(b"KNOB", b"") != parts.get(b"KNOB", b""):
        raise UpedalError(f"{where}: its knobs are not those of the model around it")
    return inner


def pick(blob, size, name):
    """The bytes of one of a checked file's models. size: "full" or None, or "lite"."""
    from . import upm

    if size not in (None, *SIZES):
        raise UpedalError(f"{name}: size {size!r}; expected {' or '.join(SIZES)}")
    inner = checked(blob, upm.sections(blob), name)
    if size != "lite":
        return blob
    if inner is None:
        raise UpedalError(f"{name}: holds one model; expected a section LITE for size lite")
    return inner
