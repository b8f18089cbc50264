"""A loudspeaker cabinet: an impulse response of up to 8,192 taps, without latency."""

from array import array
from struct import pack_into, unpack_from

import pedal_fx

from pedal import store
from pedal.effects.effect import parameters
from pedal.effects.lines import Lines
from pedal.io.wav import WavReader

_STEP = 16  # taps: the kernel's UP_FIR_STEP
_MAX = 8192  # UP_FIR_MAX
_PART = 256  # frames read at a time
# Words of the state: up_fir_t's n_taps, words, past and loaded.
_TAPS, _WORDS, _PAST, _LOADED = 3, 4, 5, 6
_LARGEST = 1e6
_ZERO = array("f", [0.0])


@parameters
class CabIR(Lines):
    """y = (1 - mix) x + mix g (h * x): exact convolution with the first `taps` frames of a WAV file, no latency.

    Up to 96 taps are convolved directly. Of more, the first 16 are, and what lies behind them is multiplied as
    spectra, in partitions of 16, 64 and 256 frames whose work is spread evenly over the blocks (the worst one
    costs 2 % more than the mean, in blocks of 16 frames 7 %). Instructions a sample on a Cortex-M7 in blocks of
    64 frames, and estimated cycles there and on an M33: 512 taps 285, 320, 580; 2,048 taps 405, 480, 970; 8,192
    taps 545, 640, 1,250. Memory: 11, 36 and 143 kB, in one piece. Opening 8,192 taps takes six million
    instructions, 512 taps a tenth of that.

    path names a recording on the host. `upedal sim` and `upedal deploy` make of it what the pedal plays, at the
    rig's rate and as loud as other cabinets (`upedal ir` says how), and put it with the models as
    prepared_name(path, taps, minimum_phase): for that, taps and minimum_phase are written as plain numbers.
    Where that file is missing, a file `path` among the models is played as it is: its first channel, at its
    level, cut hard behind `taps`.
    """

    KERNEL = "fir"
    KEPT = 4  # taps, words, past, loaded
    PARAMS = (
        ("level_db", 0.0, -60.0, 24.0),
        ("mix", 1.0, 0.0, 1.0),
    )

    def __init__(self, path, *, taps=1024, minimum_phase=False, **values):
        """path: of a WAV file; taps: 16..8192 frames of it; minimum_phase: all sound as early as its spectrum
        allows, so that fewer taps do."""
        super().__init__(**values)
        if not isinstance(taps, int) or not _STEP <= taps <= _MAX:
            raise ValueError(f"CabIR: taps={taps!r}; expected {_STEP} to {_MAX}")
        self.path = path
        self.taps = taps
        self._load = pedal_fx.kernel("fir_load")[0]
        self._file = _find(path, taps, bool(minimum_phase))
        with WavReader(self._file) as reader:
            length = -(-min(taps, reader.frames) // _STEP) * _STEP
        if not length:
            raise ValueError(f"{self._file}: holds no frames; expected an impulse response")
        pack_into("I", self.state, 4 * _TAPS, length)
        self._load(_ZERO, self.state)  # there is no room for it: says how much they take

    def _word(self, at):
        return unpack_from("I", self.state, 4 * at)[0]

    def extra_words(self, rate_hz):
        return self._word(_WORDS)

    def attach(self, rate_hz):
        """Read the file, which has to be at the rig's rate."""
        if self.state[0] == rate_hz:
            return
        with WavReader(self._file) as reader:
            if reader.rate_hz != rate_hz:
                text = "{}: {} Hz, the rig runs at {} Hz; `upedal ir` converts"
                raise ValueError(text.format(self._file, reader.rate_hz, rate_hz))
            super().attach(rate_hz)
            self.state[0] = 0.0  # until all is well
            self.state[_LOADED] = 0.0
            self.reset()
            self._read(reader)
        self.state[0] = rate_hz

    def _read(self, reader):
        """The first `taps` frames to the kernel, silence behind the file's end."""
        part, peak = array("f", bytes(4 * _PART)), array("f", [0.0])
        for at in range(0, self._word(_TAPS), _PART):
            reader.readinto(part)
            for behind in range(max(self.taps - at, 0), _PART):
                part[behind] = 0.0
            pedal_fx.peak(part, peak)
            if not peak[0] < _LARGEST:
                self._refuse(part, at)
            self._load(part, self.state)
        if not peak[0]:
            raise ValueError(f"{self._file}: silent; expected an impulse response")

    def _refuse(self, part, first):
        for at, value in enumerate(part):
            if not -_LARGEST < value < _LARGEST:
                raise ValueError(
                    f"{self._file}: frame {first + at} is {value}; expected within 1e6 of 0"
                )

    def fits(self, words, rate_hz):
        taps = min(words // 7, _MAX) // _STEP * _STEP  # at most 27 bytes each
        return f"taps={taps} fits" if taps else "not enough"

    def reset(self):
        """Forget the past; parameters and taps stay."""
        super().reset()
        if len(self.state) > self.words:
            pedal_fx.clear(self.state, self.words + self._word(_PAST))


def prepared_name(path, taps, minimum_phase):
    """What the host calls the file it makes for these arguments: cab.flac, 1024, True -> cab-1024m.wav"""
    dot = path.rfind(".")
    stem = path[:dot] if dot > path.rfind("/") else path
    return "{}-{}{}.wav".format(stem, taps, "m" if minimum_phase else "")


def _find(path, taps, minimum_phase):
    name = prepared_name(path, taps, minimum_phase)
    for candidate in (name, path):
        try:
            found = store.find(candidate)
        except ValueError:
            continue
        if candidate == path and minimum_phase:
            text = "{}: not minimum phase as it is; expected {}, which `upedal ir` makes"
            raise ValueError(text.format(found, name))
        return found
    places = ", ".join(store.folders + ["."])
    raise ValueError(f"{path}: no such impulse response, nor {name}; looked in {places}")
