"""Sample-rate work of the effects. Buffers of native float32; no float crosses as an argument."""

def clear(words, first) -> None:
    """Zeros to the words of an array('f') from number first on."""

def unpack(raw, dst, bits, channels, channel) -> int:
    """Interleaved little-endian PCM (bits 16, 24 or 32) or float32 (bits -32) in raw, one channel of it
    to float in dst, full scale = 1.0. Returns the frames written: min of what raw holds and dst takes."""

def pack(src, raw, bits, channels) -> int:
    """The reverse: src to all channels of raw, saturating, rounded to nearest. Returns bytes written."""

def peak(buf, par) -> None:
    """par[0] = max(par[0], max|buf|); a sample that is not finite counts as infinite."""

def resample_size(from_hz, to_hz) -> int:
    """Bytes of a resampler's state. The rates are 44100 and 48000, in either order."""

def resample_init(state, from_hz, to_hz, extra) -> None:
    """Makes a resampler in state, 16-byte aligned, which must not move or be copied afterwards. It
    delays by 3200 ticks of 1/7056000 s (160 a frame at 44100 Hz, 147 at 48000 Hz) and by extra, less
    than an input frame's ticks. Takes about 0.4 million multiply-adds."""

def resample_reset(state) -> None:
    """Forgets the past: silence before the next frame."""

def resample(state, src, dst) -> int:
    """Takes all of src, writes what is then ready to dst, at most its length; returns the frames
    written: after A frames of src, the A * to / from of them, rounded up, whatever the blocks.
    Up to 4 frames of src wait where dst has no room. src and dst do not overlap. A frame that is not
    finite counts as silence."""

def pack2(left, right, raw, bits) -> int:
    """As pack(), two signals to the channels of stereo frames."""

def kernel(name) -> tuple:
    """(function, bytes): an effect's kernel, called function(buf, state), and the least size of its state, an
    array('f') of which word 0 is the rate in Hz and the next are the parameters (core/up_*.h say which; the
    classes in pedal.effects do all this). buf is changed in place. Raises ValueError for an unknown name."""

def put(dest, route, position) -> None:
    """Writes dest[index], a parameter in an effect's state: low + (high - low) * position / 65535, or where
    curve > 0 low * (high / low) ** (position / 65535). route: array('f', [index, low, high, curve]);
    position: 0..65535. No float is made, so controls may call it during sound."""
