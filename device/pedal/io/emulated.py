"""Live audio of the emulated boards: their I2S, on a sample clock made of instructions."""

from array import array

from pedal.io.i2s_pair import I2SPair
from pedal.io.wav import WavReader

_INSTRUCTIONS = 9600  # a frame: 600 MHz at 48 kHz and 1.3 cycles an instruction, as a Teensy 4.1


class Emulated(I2SPair):
    """What arrives is `path`, over and over; silence where there is none. us: the board's microseconds."""

    def __init__(self, audio, rate_hz, *, path="/in.wav", instructions=_INSTRUCTIONS, **options):
        audio.source(_words(path))
        audio.clock(rate_hz, instructions)
        self.us, self.stats = audio.us, audio.stats
        rx, tx = {"id": 1, "sd": 1}, {"id": 2, "sd": 2}
        known = {"platform": "mimxrt", "clock_us": audio.us, "i2s": audio.I2S, "pin": _pin}
        known.update(options)
        super().__init__(rate_hz, rx=rx, tx=tx, **known)


def _pin(number):
    return number


def _words(path):
    """The file as 32-bit samples of full scale."""
    try:
        with WavReader(path) as reader:
            buf = array("f", bytes(4 * reader.frames))
            reader.readinto(buf)
    except OSError:
        return array("i", [0])
    import pedal_fx

    words = array("i", bytes(4 * len(buf)))
    pedal_fx.pack(buf, words, 32, 1)
    return words
