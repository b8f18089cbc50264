"""Live audio through two machine.I2S objects, one a direction (Teensy 4.x, Pyboard D, ESP32).

Not tried on hardware; written from the sources of MicroPython 1.26 and tested against a stand-in.

What machine.I2S lets one know is little. Both directions have a ring of `ibuf` bytes that interrupts
fill and empty in pieces of 16 frames (ESP32: 256). A full input ring drops the newest piece, an empty
output ring plays silence, and neither is reported: readinto() and write() block until done and always
return everything. So losses are worked out from time. A read that had to wait leaves the input ring
empty; from there on, time that passed less time that was read is what waits in the ring. More than the
ring takes is an overrun; a block ready later than the output can wait is an underrun. Right after a
wait the estimate is exact within a piece; it can count a block that was only just in time, and it
misses nothing longer than a piece. Dropped frames are not counted one by one: xruns are events.

After either, both directions are aligned again as at the start: input is thrown away until a read has
to wait, then the output gets `ahead` frames of silence. So the latency is the same after every xrun.
"""

import time

import pedal_fx

from pedal.const import const
from pedal.io.i2s_modes import BlockingIn, BlockingOut, IrqIn, IrqOut
from pedal.io.i2s_plan import Plan, check

_WRAP = const(0x3FFFFFFF)  # where small ints and microseconds of a 32-bit MicroPython wrap

# Places in I2SPair._n: writing an attribute of a class with properties is slow.
_OVERRUNS = const(0)
_UNDERRUNS = const(1)
_BEHIND = const(2)  # microseconds by which the last read returned later than its block was there
_SINCE = const(3)  # when that was
_REST = const(4)  # of a block's length in microseconds, in 1 / rate_hz
_ASTRAY = const(5)  # 1: directions must be aligned before the next block
_RUNNING = const(6)  # 1: they were, once
_PLACE = const(7)  # blocks written to the ESP32's DMA buffer that is not full yet

_ALIGN_READS = const(64)  # a read that never waits means no time for effects is left at all


def _ticks_us():
    return time.perf_counter_ns() // 1000


class I2SPair:
    """Source and sink of pedal.engine.Engine: Engine(rig, pair, pair).

    readinto() and write() take float buffers; write2() a left and a right one.
    """

    realtime = True  # a rig gets lighter when its limit is passed

    def __init__(
        self,
        rate_hz,
        *,
        rx,
        tx,
        bits=32,
        stereo=True,
        channel=0,
        irq=False,
        ahead=None,
        ring=4,
        on_clocks=None,
        i2s=None,
        pin=None,
        clock_us=None,
        platform=None,
    ):
        """rx, tx: {"id", "sck", "ws", "sd"} and perhaps "mck", with pin names or numbers; different ids,
        since a second object of one id ends the first.

        bits: 16, 24 or 32; 24 goes in the upper bits of 32. stereo: False carries the left channel,
        and plays it on both. channel: the input's, 0 left, 1 right. irq: callbacks fill and
        empty the rings, and `ready` tells whether a step would wait. ahead: frames of silence
        before the output, instead of the least that gives effects a whole block of time. ring:
        blocks the input may wait. on_clocks: called when the clocks run, such as a codec's start.
        i2s, pin, clock_us, platform: what stands in for machine.I2S, machine.Pin, time.ticks_us
        and sys.platform.
        """
        import sys

        self._platform = platform or sys.platform
        check(self._platform, rx, tx, bits, stereo, channel)
        if i2s is None or pin is None:
            import machine
        self._i2s, self._pin = i2s or machine.I2S, pin or machine.Pin
        self.rate_hz, self.bits, self.channel = rate_hz, bits, channel
        self._pins = (rx, tx)
        self._width = 16 if bits == 16 else 32
        self._channels = 2 if stereo else 1
        self._irq, self._wish, self._ring, self._on_clocks = irq, ahead, ring, on_clocks
        self._ticks = clock_us or getattr(time, "ticks_us", _ticks_us)
        self.block = 0
        self._in = self._out = None
        self._n = [0] * 8

    # Before audio ----------------------------------------------------------------------------

    def prepare(self, block):
        """Open both directions for blocks of `block` frames and align them. Twice is fine."""
        if self._in and block == self.block:
            return
        self.close()
        plan = Plan(
            self._platform,
            self.rate_hz,
            block,
            self._width,
            self._channels,
            self._irq,
            self._wish,
            self._ring,
        )
        self.block, self._plan, self.ahead = block, plan, plan.ahead
        self._per, self._drop = plan.per, plan.drop
        self._ring_us, self._spare_us, self._early_us = plan.ring_us, plan.spare_us, plan.early_us
        self._block_us, self._part = plan.block_us, plan.part
        frame = self._channels * self._width // 8
        ends = (IrqIn, IrqOut) if self._irq else (BlockingIn, BlockingOut)
        # The output first: until it has samples, hardware plays silence. Then the input, since
        # the second constructor sets the clock both share.
        sound_out = self._open(1, plan.frames_out * frame)
        sound_in = self._open(0, plan.frames_in * 8)
        patience = 2 * plan.ring_us
        self._out = ends[1](sound_out, block * frame, self._ticks, patience, plan.ahead * frame)
        self._in = ends[0](sound_in, block * frame, self._ticks, patience, plan.limit_us)
        if self._on_clocks:
            self._on_clocks()
        self._n[_ASTRAY], self._n[_RUNNING] = 1, 0

    def _open(self, way, size):
        """A machine.I2S with a ring of `size` bytes; way 0 in, 1 out."""
        pins = dict(self._pins[way])
        number = pins.pop("id")
        for key in pins:
            pins[key] = self._pin(pins[key])
        kind = self._i2s
        return kind(
            number,
            mode=kind.TX if way else kind.RX,
            bits=self._width,
            format=kind.STEREO if self._channels == 2 else kind.MONO,
            rate=self.rate_hz,
            ibuf=size,
            **pins,
        )

    def close(self):
        """End both directions. Twice is fine."""
        for end in (self._in, self._out):
            if end:
                end.close()
        self._in = self._out = None

    # Every block -----------------------------------------------------------------------------

    def readinto(self, buf):
        """Fill buf from the input. Returns its length: live audio has no end."""
        n, ticks = self._n, self._ticks
        start = ticks()
        waiting = n[_BEHIND] + ((start - n[_SINCE]) & _WRAP)
        if n[_RUNNING] and waiting > self._ring_us:
            n[_OVERRUNS] = (n[_OVERRUNS] + 1) & _WRAP
            n[_ASTRAY] = 1
        if n[_ASTRAY]:
            self._align()
            start = n[_SINCE]
            waiting = 0
        raw = self._in.take()
        end = ticks()
        if self._in.dry():
            n[_BEHIND] = n[_REST] = 0
        else:
            self._reckon(waiting + ((end - start) & _WRAP) - self._block_us)
        n[_SINCE] = end
        pedal_fx.unpack(raw, buf, self._width, self._channels, self.channel)
        self._in.done()
        return len(buf)

    def _reckon(self, waiting):
        """What waits after a block was read, its length not being whole microseconds."""
        n = self._n
        n[_REST] += self._part
        if n[_REST] >= self.rate_hz:
            n[_REST] -= self.rate_hz
            waiting -= 1
        n[_BEHIND] = waiting if waiting > self._early_us else self._early_us

    def write(self, buf, frames):
        """The block to all channels of the output; what is behind `frames` is silence."""
        if frames != self.block:
            _silence(buf, frames)
        pedal_fx.pack(buf, self._out.room(), self._width, self._channels)
        self._send()

    def write2(self, left, right, frames):
        """As write(), each channel its own block; for stereo only."""
        if frames != self.block:
            _silence(left, frames)
            _silence(right, frames)
        pedal_fx.pack2(left, right, self._out.room(), self._width)
        self._send()

    def _send(self):
        n = self._n
        if n[_BEHIND] + ((self._ticks() - n[_SINCE]) & _WRAP) <= self._spare_us:
            n[_PLACE] = (n[_PLACE] + 1) % self._per
            self._out.send()
            return
        n[_UNDERRUNS] = (n[_UNDERRUNS] + 1) & _WRAP
        n[_ASTRAY] = 1  # not sent: aligning needs an output that has run dry

    def pause(self):
        """Blocks were let go on purpose, in silence: no xrun, but align both directions anew."""
        self._n[_ASTRAY], self._n[_RUNNING] = 1, 0

    def _align(self):
        """Throw input away until a read waits, then let the output play `ahead` frames of silence."""
        n = self._n
        for count in range(_ALIGN_READS):
            self._in.take()
            n[_SINCE] = self._ticks()
            self._in.done()
            if count >= self._drop and self._in.dry():
                break
        n[_BEHIND] = n[_REST] = n[_ASTRAY] = 0
        n[_RUNNING] = 1
        per = self._per
        self._out.silence((per - n[_PLACE]) % per)
        n[_PLACE] = self.ahead // self.block % per

    # What is known ---------------------------------------------------------------------------

    @property
    def ready(self):
        """Whether readinto() has a block without waiting; None where that is not known (irq=False)."""
        return self._in.ready() if self._irq else None

    @property
    def latency(self):
        """Frames from the input's wire to the output's, codecs apart: at least this, at most
        latency + latency_spread, and the same from start or xrun to the next."""
        return self._plan.latency

    @property
    def latency_spread(self):
        """Frames: the phase of two interrupts, which nobody can set, and what a read leaves in the
        ring where blocks and interrupts do not fit."""
        return self._plan.latency_spread

    @property
    def idle(self):
        """Callbacks that found no block to go on with; the rings still had, so it is no loss.
        Always 0 without irq."""
        return self._in.idle + self._out.idle

    @property
    def overruns(self):
        return self._n[_OVERRUNS]

    @property
    def underruns(self):
        return self._n[_UNDERRUNS]

    @property
    def xruns(self):
        return self._n[_OVERRUNS] + self._n[_UNDERRUNS]


def _silence(buf, start):
    for at in range(start, len(buf)):
        buf[at] = 0.0
