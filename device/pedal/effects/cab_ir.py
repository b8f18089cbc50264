"""A loudspeaker cabinet: an impulse response, convolved directly."""

from array import array
from struct import pack_into

import pedal_fx

from pedal import store
from pedal.effects.effect import Effect, parameters
from pedal.io.wav import WavReader

_STEP = 16  # taps: the kernel's UP_FIR_STEP
_MAX = 4096
_PART = 256  # frames read at a time
_TAPS_WORD = 3  # of the state: how many taps there are


@parameters
class CabIR(Effect):
    """y = (1 - mix) x + mix g (h * x): exact convolution with the first `taps` frames of a WAV file, no latency.

    On a Cortex-M7 about 1.05 instructions and an estimated 1.2 cycles a tap and sample (1,024 taps: 1,110 and
    1,240), on M4F and M33 an estimated 3.3 cycles, in blocks of a multiple of 8 frames; 12 bytes a tap.

    path names a recording on the host. `upedal sim` and `upedal deploy` make of it what the pedal plays, at the
    rig's rate and as loud as other cabinets (`upedal ir` says how), and put it with the models as
    prepared_name(path, taps, minimum_phase): for that, taps and minimum_phase are written as plain numbers.
    Where that file is missing, a file `path` among the models is played as it is: its first channel, at its
    level, cut hard behind `taps`.
    """

    KERNEL = "fir"
    PARAMS = (
        ("level_db", 0.0, -60.0, 24.0),
        ("mix", 1.0, 0.0, 1.0),
    )

    def __init__(self, path, *, taps=1024, minimum_phase=False, **values):
        """path: of a WAV file; taps: 16..4096 frames of it; minimum_phase: all sound as early as its spectrum
        allows, so that fewer taps do."""
        super().__init__(**values)
        if not isinstance(taps, int) or not _STEP <= taps <= _MAX:
            raise ValueError(f"CabIR: taps={taps!r}; expected {_STEP} to {_MAX}")
        self.path = path
        self.taps = taps
        self._file = _find(path, taps, bool(minimum_phase))
        with WavReader(self._file) as reader:
            self._length = -(-min(taps, reader.frames) // _STEP) * _STEP
        if not self._length:
            raise ValueError(f"{self._file}: holds no frames; expected an impulse response")

    def extra_words(self, rate_hz):
        return 3 * self._length + 3 * _STEP

    def attach(self, rate_hz):
        """Read the file, which has to be at the rig's rate."""
        if self.state[0] == rate_hz:
            return
        with WavReader(self._file) as reader:
            if reader.rate_hz != rate_hz:
                text = "{}: {} Hz, the rig runs at {} Hz; `upedal ir` converts"
                raise ValueError(text.format(self._file, reader.rate_hz, rate_hz))
            super().attach(rate_hz)
            taps = memoryview(self.state)[self.words : self.words + self._length]
            _read(reader, taps, self.taps)
        _check(self._file, taps)
        pack_into("I", self.state, 4 * _TAPS_WORD, self._length)

    def reset(self):
        """Forget the past; parameters and taps stay."""
        state = self.state
        for at in range(_TAPS_WORD, self.words):
            state[at] = 0.0
        if len(state) > self.words:
            pedal_fx.clear(state, self.words + self._length)
            pack_into("I", state, 4 * _TAPS_WORD, self._length)


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


def _read(reader, taps, wanted):
    """The first `wanted` frames, zeros behind them and behind the file's end."""
    part = array("f", bytes(4 * _PART))
    at = 0
    while at < len(taps):
        reader.readinto(part)
        for value in part:
            if at < len(taps):
                taps[at] = value if at < wanted else 0.0
            at += 1


def _check(path, taps):
    heard = False
    for at, value in enumerate(taps):
        if not -1e6 < value < 1e6:
            raise ValueError(f"{path}: frame {at} is {value}; expected within 1e6 of 0")
        heard = heard or value != 0.0
    if not heard:
        raise ValueError(f"{path}: silent; expected an impulse response")
