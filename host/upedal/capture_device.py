"""A sound card through the package sounddevice (PortAudio): list, play and record at once. The only file that knows it.

What can be tested without a card is in Tape; the rest hands it blocks.
"""

import threading
from dataclasses import dataclass

import numpy as np

from .errors import UpedalError

# Asked for of the device: at its own choice (some 20 ms) a busy machine loses blocks; at 0.4 s PulseAudio runs dry by itself.
_BUFFER_S = 0.1
_STARTS = 3  # a stream may fail before the signal begins: then it is started again
_STALL_S = 5.0  # without a block: the device is gone
_HELP = {
    ImportError: "the package sounddevice is not installed; pip install 'upedal[capture]'",
    OSError: "the library PortAudio is not found; on Debian or Ubuntu: apt install libportaudio2",
}


@dataclass(frozen=True)
class Device:
    number: int
    name: str
    inputs: int
    outputs: int
    rate_hz: int


class Tape:
    """Plays `signal` (float32 [n]) and records as much, block by block; made before the stream starts, so that its
    callback allocates no audio.

    before, after: frames of silence around the signal: a stream that starts reports xruns of its own, which count only
    once the signal begins; and what comes late is recorded to its end.
    """

    def __init__(self, signal, before, after, input_channel=1, output_channel=1):
        silence = [np.zeros(n, np.float32) for n in (before, after)]
        self.out = np.concatenate([silence[0], np.asarray(signal, np.float32), silence[1]])
        self.before = before
        self.recorded = np.zeros(len(self.out), np.float32)
        self.at, self.xruns = 0, []
        self.input, self.output = input_channel - 1, output_channel - 1

    def step(self, indata, outdata, status=None):
        """One block, [frames][channels] each; True when the tape is at its end."""
        n = min(len(outdata), len(self.out) - self.at)
        outdata[:] = 0.0
        outdata[:n, self.output] = self.out[self.at : self.at + n]
        self.recorded[self.at : self.at + n] = indata[:n, self.input]
        if status and self.at >= self.before:
            self.xruns.append((self.at - self.before, str(status)))
        self.at += n
        return self.at >= len(self.out)


def _module():
    try:
        import sounddevice
    except (ImportError, OSError) as e:
        kind = ImportError if isinstance(e, ImportError) else OSError
        raise UpedalError(f"capture: {_HELP[kind]}") from None
    return sounddevice


def devices():
    """[Device] in PortAudio's order; it numbers them."""
    sd = _module()
    return [
        Device(
            k,
            d["name"],
            d["max_input_channels"],
            d["max_output_channels"],
            int(d["default_samplerate"]),
        )
        for k, d in enumerate(sd.query_devices())
    ]


def choose(wanted, side, channel, found):
    """The number of the device for side "input" or "output"; wanted: None (the system's own choice), a number, or a
    part of a name that only one device has. channel: 1 or more, which it must have."""
    able = [d for d in found if getattr(d, f"{side}s") > 0]
    if wanted is None:
        number = _module().default.device[side == "output"]
        picked = [d for d in able if d.number == number] or able[:1]
    elif str(wanted).isdigit():
        picked = [d for d in able if d.number == int(wanted)]
    else:
        exact = [d for d in able if d.name.lower() == str(wanted).lower()]
        picked = exact or [d for d in able if str(wanted).lower() in d.name.lower()]
    if len(picked) != 1:
        names = "; ".join(f"{d.number} {d.name}" for d in (picked or able)) or "there is none"
        asked = "a default" if wanted is None else repr(wanted)
        raise UpedalError(
            f"capture: {len(picked)} {side} devices fit {asked}, expected one of: {names}"
        )
    have = getattr(picked[0], f"{side}s")
    if not 1 <= channel <= have:
        raise UpedalError(
            f"capture: {side} channel {channel} of {picked[0].name!r}; it has 1 to {have}"
        )
    return picked[0].number


class Card:
    """An input and an output of chosen devices and channels (counted from 1)."""

    def __init__(self, rate_hz, device=(None, None), input_channel=1, output_channel=1):
        found = devices()
        self.rate_hz, self.channels = rate_hz, (input_channel, output_channel)
        self.device = tuple(
            choose(name, side, channel, found)
            for name, side, channel in zip(device, ("input", "output"), self.channels, strict=True)
        )
        self._check()

    def _check(self):
        sd = _module()
        for side, number, channel, ask in (
            ("input", self.device[0], self.channels[0], sd.check_input_settings),
            ("output", self.device[1], self.channels[1], sd.check_output_settings),
        ):
            try:
                ask(device=number, channels=channel, samplerate=self.rate_hz, dtype="float32")
            except (sd.PortAudioError, ValueError) as e:
                raise UpedalError(
                    f"capture: {side} device {number} refuses {channel} channels at {self.rate_hz} Hz ({e});"
                    " try the other --rate-hz"
                ) from None

    def play(self, signal, after_s=0.0, progress=None):
        """Plays `signal` (float [n], full scale 1) and records: (float32 [n + after], [(frame, text)] of xruns).

        progress(frames done, frames in all) is called some ten times a second.
        """
        for _ in range(_STARTS):
            tape = Tape(signal, self.rate_hz, int(after_s * self.rate_hz), *self.channels)
            why = self._run(tape, progress)
            if tape.at > tape.before:
                break
        if why or tape.at < len(tape.out):
            raise UpedalError(
                f"capture: the sound device stopped after {tape.at} of {len(tape.out)} frames{why}"
            )
        return tape.recorded[tape.before :], tape.xruns

    def _run(self, tape, progress):
        """Until the stream ends, by itself or at the tape's end; the error of our own callback as text, or ""."""
        sd = _module()
        done, failed = threading.Event(), []

        def callback(indata, outdata, frames, time, status):
            try:
                ended = tape.step(indata, outdata, status)
            except Exception as e:  # PortAudio's thread would swallow it
                failed.append(f" ({e})")
                raise sd.CallbackAbort from None
            if ended:
                raise sd.CallbackStop

        try:
            with sd.Stream(
                samplerate=self.rate_hz, device=self.device, channels=self.channels, dtype="float32",
                latency=_BUFFER_S, callback=callback, finished_callback=done.set,
            ):  # fmt: skip
                _wait(tape, done, progress)
        except sd.PortAudioError as e:
            raise UpedalError(f"capture: the sound device failed ({e})") from None
        return failed[0] if failed else ""


def _wait(tape, done, progress):
    """Until the tape has ended, or no block has come for so long that the device is gone."""
    before, quiet_s = -1, 0.0
    while not done.wait(0.1):
        quiet_s = 0.0 if tape.at != before else quiet_s + 0.1
        before = tape.at
        if quiet_s >= _STALL_S:
            raise UpedalError(
                f"capture: no block came from the sound device for {_STALL_S:g} s; is it still plugged in?"
            )
        if progress:
            progress(tape.at, len(tape.out))
    if progress:
        progress(tape.at, len(tape.out))
