"""MIDI clock: 24 ticks a beat in, a steady tempo in frames a beat out."""

from pedal.const import const
from pedal.controls.control import WRAP, frames
from pedal.controls.events import Event

_TICKS = const(24)
_START = const(0xFA)
_CONTINUE = const(0xFB)
_STOP = const(0xFC)
_GAP_MS = const(250)  # between ticks: slower than 10 beats a minute is no clock

# Places in Clock._counts
_SEEN = const(0)  # ticks since the clock appeared, at most 24
_NEXT = const(1)  # place of the oldest tick in the ring
_BEAT = const(2)  # 16ths of a frame a beat, 0 when unknown
_TOLD = const(3)  # frames, as last fired
_LAST = const(4)  # tick, in frames
_RUNS = const(5)


class Clock:
    """tempo(frames): event, frames a beat, at the first whole beat and when it changes by 0.5 %.
    started(), stopped(): events of the sender's transport, the first also where it goes on after
    a stop; running: whether it plays.

    A tick comes with the error of the poll that finds it, up to 10 ms. So a beat is measured over
    24 ticks, then smoothed by 1/32 a tick; a change of more than 1/16 is followed at once.
    """

    def __init__(self):
        self.tempo = Event(value=True)
        self.started, self.stopped = Event(), Event()
        self._ring = [0] * _TICKS
        self._counts = [0, 0, 0, 0, 0, 0]

    def attach(self, rate_hz):
        self._gap = frames("gap", _GAP_MS, rate_hz)

    def beat_frames(self):
        """Frames a beat; 0 before the first whole beat."""
        return self._counts[_BEAT] >> 4

    @property
    def running(self):
        return bool(self._counts[_RUNS])

    def transport(self, byte):
        """A system real-time byte: start or continue, or stop; others say nothing."""
        if byte == _START or byte == _CONTINUE:
            self._counts[_RUNS] = 1
            self.started.fire()
        elif byte == _STOP:
            self._counts[_RUNS] = 0
            self.stopped.fire()

    def tick(self, now):
        counts, ring = self._counts, self._ring
        if counts[_SEEN] and (now - counts[_LAST]) & WRAP > self._gap:
            counts[_SEEN] = 0
            counts[_BEAT] = 0
        counts[_LAST] = now
        at = counts[_NEXT]
        if counts[_SEEN] == _TICKS:
            self._smooth(((now - ring[at]) & WRAP) << 4)
        else:
            counts[_SEEN] += 1
        ring[at] = now
        counts[_NEXT] = at + 1 if at + 1 < _TICKS else 0

    def _smooth(self, span):
        """span: frames of the last 24 ticks, in 16ths."""
        counts = self._counts
        beat = counts[_BEAT]
        away = span - beat
        if -(beat >> 4) <= away <= beat >> 4:
            beat += away >> 5
        else:
            beat = span
        counts[_BEAT] = beat
        told = counts[_TOLD]
        if abs((beat >> 4) - told) * 200 > told:
            counts[_TOLD] = beat >> 4
            self.tempo.fire(beat >> 4)
