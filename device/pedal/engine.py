"""Source -> effects -> sink, a block at a time. All memory is made in the constructor."""

import gc
import time
from array import array

import pedal_fx

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


_WRAP = const(0x3FFFFFFF)  # where small ints and microseconds of a 32-bit MicroPython wrap

# Places in Engine._counts, a list since writing an attribute of a class with properties costs
# 1,500 instructions on a Cortex-M7.
_BLOCKS = const(0)
_SHORT = const(1)  # frames missing from the last block
_LATE = const(2)
_WORST = const(3)  # microseconds


def _clock_us():
    return time.perf_counter_ns() // 1000


def _python(process, buf):
    process(buf)


class Engine:
    """Plays `source` through `rig` into `sink`.

    source.readinto(buf) -> frames read, 0 at the end; sink.write(buf, frames). Both may have
    prepare(block), called once beforehand, close(), and `xruns`, the blocks they lost.

    step() plays one block: frames played, 0 at the end of the source. It allocates nothing.
    """

    def __init__(self, rig, source, sink, *, block=None, clock_us=None):
        """block: frames, instead of the rig's; clock_us: a function giving microseconds."""
        self.rig = rig
        self.block = block or rig.block
        self.faults = 0  # effects bypassed because they raised
        self.reports = []  # one short text for each
        self._source, self._sink = source, sink
        self._buf = array("f", [0.0] * self.block)
        self._kept = bytearray(4 * self.block)
        self._counts = [0, 0, 0, 0]
        self._limit_us = self.block * 1000000 // rig.rate_hz
        self._bypassed = [False] * len(rig.effects)
        self._chain = []  # (number of the effect, its call)
        self._calls = []  # those of the chain that step() makes: (function, argument, argument)
        for at, effect in enumerate(rig.effects):
            self._link(at, effect)
        self._calls[:] = self._on(0)
        for end in (source, sink):
            if hasattr(end, "prepare"):
                end.prepare(self.block)
        self._running = True
        self._ticks = clock_us or getattr(time, "ticks_us", _clock_us)
        self.step = self._make_step()
        gc.collect()

    def _link(self, at, effect):
        """Add an effect's call, after one that keeps a copy of the block if it needs one."""
        if not getattr(effect, "atomic", False):
            self._chain.append((at, (_python, self._keep, self._buf)))
        if hasattr(effect, "native"):
            call = effect.native(self._buf)
        else:
            call = (_python, effect.process, self._buf)
        self._chain.append((at, call))

    def _on(self, first):
        """The calls of the effects from number `first` on that are not bypassed."""
        return [call for at, call in self._chain if at >= first and not self._bypassed[at]]

    def _keep(self, buf):
        pedal_fx.pack(buf, self._kept, -32, 1)

    def _make_step(self):
        steps = self._steps()
        next(steps)  # runs up to its first yield: all it needs is then made
        return steps.__next__

    def _steps(self):
        """The loop behind step(). A generator's locals outlive a step: nothing is looked up in self,
        at 100 instructions a time, and no frame goes to the heap, where MicroPython puts that of any
        function with more than 11 words of state."""
        readinto, write = self._source.readinto, self._sink.write
        ticks, bypass, slow = self._ticks, self._bypass, self._slow
        buf, block, calls, counts = self._buf, self.block, self._calls, self._counts
        mark = 0  # microseconds from which a block is worth a note
        yield 0
        while True:
            n = readinto(buf)
            if n:
                start = ticks()
                try:
                    for call in calls:
                        function, a, b = call
                        function(a, b)
                except Exception as error:  # noqa: BLE001 - whatever it is, audio goes on
                    bypass(call, error)
                spent = (ticks() - start) & _WRAP
                if spent > mark:
                    mark = slow(spent, counts)
                write(buf, n)
                counts[_BLOCKS] = (counts[_BLOCKS] + 1) & _WRAP
                if n != block:
                    counts[_SHORT] = block - n
            yield n

    def _slow(self, spent, counts):
        """Note a block slower than all before, or late. -> from where on a block is worth a note"""
        limit = self._limit_us
        counts[_WORST] = max(counts[_WORST], spent)
        if spent > limit:
            counts[_LATE] = (counts[_LATE] + 1) & _WRAP
            return limit
        return spent

    def _bypass(self, failed, error):
        """Take the effect that raised out of the chain, undo its half-done work, run the rest."""
        while failed:
            at = self._owner(failed)
            effect = self.rig.effects[at]
            self._bypassed[at] = True
            self._report(at, effect, error)
            if not getattr(effect, "atomic", False):
                pedal_fx.unpack(self._kept, self._buf, -32, 1, 0)
            failed, error = self._attempt(self._on(at + 1))
        self._calls[:] = self._on(0)

    def _owner(self, failed):
        for at, call in self._chain:
            if call is failed:
                return at

    def _attempt(self, calls):
        """Make the calls; the one that raised and its error, or None and None."""
        call = None
        try:
            for call in calls:
                call[0](call[1], call[2])
        except Exception as error:  # noqa: BLE001 - as in step()
            return call, error
        return None, None

    def _report(self, at, effect, error):
        self.faults += 1
        text = "effect {} ({}) bypassed: {}: {}"
        name = type(effect).__name__
        self.reports.append(text.format(at + 1, name, type(error).__name__, error))

    def run(self):
        """Play until the source ends or stop() is called."""
        step = self.step
        while self._running and step():
            pass
        self.stop()

    def stop(self):
        """Stop and close both ends. Twice is fine."""
        self._running = False
        for end in (self._source, self._sink):
            if hasattr(end, "close"):
                end.close()

    def reset(self):
        """Effects as new, bypassed ones back in, counters at zero."""
        self.rig.reset()
        self._bypassed = [False] * len(self._bypassed)
        self._counts[:] = [0, 0, 0, 0]
        self.faults = 0
        self.reports = []
        self.step = self._make_step()
        self._calls[:] = self._on(0)

    @property
    def blocks(self):
        return self._counts[_BLOCKS]

    @property
    def frames(self):
        return self._counts[_BLOCKS] * self.block - self._counts[_SHORT]

    @property
    def late(self):
        """Blocks that took longer than they last."""
        return self._counts[_LATE]

    @property
    def xruns(self):
        """Blocks that source and sink lost."""
        return getattr(self._source, "xruns", 0) + getattr(self._sink, "xruns", 0)

    def load(self):
        """The slowest block's share of the time it lasts: 0..1, above 1 it was too slow."""
        return self._counts[_WORST] * self.rig.rate_hz / (self.block * 1000000)
