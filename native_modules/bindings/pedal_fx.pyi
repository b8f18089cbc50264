"""Sample-rate work of the effects. Buffers of native float32; no float crosses as an argument."""

def gain(buf, par) -> None:
    """In place: buf *= g, with g gliding linearly over the block from par[1] to par[0];
    then par[1] = par[0]. par: array('f', [target, current])."""

def unpack(raw, dst, bits, channels, channel) -> int:
    """Interleaved little-endian PCM (bits 16, 24 or 32) or float32 (bits -32) in raw, one channel of it
    to float in dst, full scale = 1.0. Returns the frames written: min of what raw holds and dst takes."""

def pack(src, raw, bits, channels) -> int:
    """The reverse: src to all channels of raw, saturating, rounded to nearest. Returns bytes written."""

def peak(buf, par) -> None:
    """par[0] = max(par[0], max|buf|); a sample that is not finite counts as infinite."""
