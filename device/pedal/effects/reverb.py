"""The sound of a spring, a plate or a hall."""

from pedal.effects.effect import parameters
from pedal.effects.lines import RIGHT, Lines

_LONGEST_S = 0.4825  # of the lines, all-passes and predelay of the hall, which has most
_CHAIN = 10 * 20 + 2 * (13 + 88)  # words: the spring's all-passes; rounding


@parameters
class Reverb(Lines):
    """Eight delay lines that feed each other through a Hadamard matrix (Jot and Chaigne, 1991).

    kind: "spring" drips, dark and dispersed; "plate" is dense at once; "hall" is wide and slow to
    build. Another kind fades out, clears, and fades in. decay_s: the time in which 1 kHz falls by
    60 dB. damp: at 6 kHz that time is 1 - 0.9 damp times as long. predelay_ms: before the first
    reflection. mix: at 0.5 both dry sound and reverb are whole, and noise has the same level in
    both, whatever decay_s is. send: what goes in; 0 mutes the input and lets it ring.

    stereo: `right`, a memoryview of 512 floats made by attach(), then holds the right channel of
    the first 512 frames of a block, as buf the left.

    Memory at 48 kHz: 94 kB; with small=True 48 kB: lines and longest predelay (50 ms) of the hall
    are half as long, those of spring and plate nearly; stereo takes 2 kB more. Cost on a
    Cortex-M7: 183 instructions a sample, spring 205, stereo 4 more.
    """

    PARAMS = (
        ("kind", "hall", ("spring", "plate", "hall")),
        ("decay_s", 2.0, 0.1, 20.0, "exp"),
        ("damp", 0.5, 0.0, 1.0),
        ("predelay_ms", 15.0, 0.0, 100.0),
        ("mix", 0.2, 0.0, 1.0),
        ("send", 1.0, 0.0, 1.0),
    )

    def __init__(self, *, small=False, stereo=False, **values):
        self.KERNEL = "reverb2" if stereo else "reverb"
        self.small = small
        self.stereo = stereo
        super().__init__(**values)

    def extra_words(self, rate_hz):
        words = int(_LONGEST_S * rate_hz)
        return (words // 2 if self.small else words) + _CHAIN + (RIGHT if self.stereo else 0)

    def _made(self):
        if self.stereo:
            self.view_right()

    def fits(self, words, rate_hz):
        return "not enough" if self.small else "small=True needs half"
