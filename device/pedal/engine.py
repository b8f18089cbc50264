"""Source -> effects -> sink, a block at a time. All memory is made in the constructor."""

import time
from array import array

from pedal.const import const
from pedal.heap import tidy
from pedal.links import Links
from pedal.overload import Overload
from pedal.parts import stereo

_WRAP = const(0x3FFFFFFF)  # where small ints, frames and microseconds of a 32-bit MicroPython wrap
_POLL_HZ = const(100)  # every control is read so often at least
_NEVER = const(0x3FFFFFFF)
_REPORTS = const(20)  # kept in memory

# Places in Engine._counts, a list since writing an attribute of a class with properties costs
# 1,500 instructions on a Cortex-M7.
_BLOCKS = const(0)
_SHORT = const(1)  # frames missing from the last block
_LATE = const(2)
_WORST = const(3)  # microseconds
_HOT = const(4)  # blocks in a row above the rig's limit
_FRAME = const(5)
_TURN = const(6)  # of the control that is read next


def _clock_us():
    return time.perf_counter_ns() // 1000


class Engine:
    """Plays `source` through `rig` into `sink`.

    source.readinto(buf) -> frames read, 0 at the end; sink.write(buf, frames), and write2(left, right,
    frames) for a rig whose last effect is stereo. Both may have prepare(block), called once beforehand,
    close(), pause(), which says that what comes late now is meant to, and `xruns`, the blocks they lost.
    A source that waits for real sound has `realtime` set: only there does a rig get lighter when its
    limit is passed.

    step() plays one block: frames played, 0 at the end of the source. It allocates nothing.
    """

    def __init__(self, rig, source, sink, *, block=None, clock_us=None, log=None, watchdog=None):
        """block: frames, instead of the rig's; clock_us: a function giving microseconds; log: note(text)
        gets the errors; watchdog: feed() is called once a block."""
        self.rig = rig
        self.block = block or rig.block
        self.faults = 0  # effects bypassed and controls left out because they raised
        self.reports = []  # one short text for each
        self._source, self._sink, self._log, self._watchdog = source, sink, log, watchdog
        self._buf = array("f", [0.0] * self.block)
        self._counts = [0, 0, 0, 0, 0, 0, 0]
        self._limit_us = self.block * 1000000 // rig.rate_hz
        self._calls = []  # those that step() makes: (function, argument, argument)
        self._polls = []  # of controls, called with the frame
        self._right = [None]  # the second channel
        stereo(rig.effects, self.block)
        self._links = Links(rig, self._buf, self._fault, self._quiet)
        self._realtime = getattr(source, "realtime", False)
        self.overload = Overload(rig, self)
        for end in (source, sink):
            if hasattr(end, "prepare"):
                end.prepare(self.block)
        self._running = True
        self._ticks = clock_us or getattr(time, "ticks_us", _clock_us)
        self.refresh()
        self.step = self._make_step()
        rig.engine = self
        tidy()

    # ---- one block ----

    def _make_step(self):
        steps = self._steps()
        next(steps)  # runs up to its first yield: all it needs is then made
        return steps.__next__

    def _steps(self):
        """The loop behind step(). A generator's locals outlive a step: nothing is looked up in self,
        at 100 instructions a time, and no frame goes to the heap, where MicroPython puts that of any
        function with more than 11 words of state."""
        readinto, write, polls = self._source.readinto, self._sink.write, self._polls
        write2 = getattr(self._sink, "write2", None)
        ticks, bypass, slow, poll = self._ticks, self._bypass, self._slow, self._poll
        buf, block, calls, counts, right = (
            self._buf,
            self.block,
            self._calls,
            self._counts,
            self._right,
        )
        hot_us = int(self._limit_us * self.rig.limit) if self._realtime else _NEVER
        feed = self._watchdog.feed if self._watchdog else None
        mark = 0  # microseconds from which a block is worth a note
        due = 0  # frames until a control is read
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
                if spent > hot_us:
                    counts[_HOT] += 1
                elif counts[_HOT]:
                    counts[_HOT] = 0
                if spent > mark:
                    mark = slow(spent, counts)
                if right[0] and write2:
                    write2(buf, right[0], n)
                else:
                    write(buf, n)
                counts[_BLOCKS] = (counts[_BLOCKS] + 1) & _WRAP
                counts[_FRAME] = (counts[_FRAME] + n) & _WRAP
                if n != block:
                    counts[_SHORT] = block - n
                if feed:
                    feed()
                due -= n
                while due <= 0:
                    due += poll(polls, counts)
            yield n

    def _slow(self, spent, counts):
        """Note a block slower than all before, or late. -> from where on a block is worth a note"""
        limit = self._limit_us
        counts[_WORST] = max(counts[_WORST], spent)
        if spent > limit:
            counts[_LATE] = (counts[_LATE] + 1) & _WRAP
            return limit
        return spent

    # ---- between blocks ----

    def _poll(self, polls, counts):
        """Read the control whose turn it is. -> frames until the next one's"""
        turn = counts[_TURN]
        if turn >= len(polls):
            turn = 0
        counts[_TURN] = turn + 1
        try:
            polls[turn](counts[_FRAME])
        except Exception as error:  # noqa: BLE001 - a faulty control must not stop the sound
            self._drop(turn, error)
        return self._gap

    def _tend(self, now):
        """What else is due: fades that have ended, changes that wait for silence, overload."""
        if self._links.tend(now):
            self._gather()
        if self._log:
            self._log.write(now)
        if self._counts[_HOT] or self.overload.level:
            self.overload.poll(now, self._counts[_HOT])

    def _drop(self, turn, error):
        poll = self._polls[turn]
        name = "engine" if poll == self._tend else type(self.rig.controls[turn]).__name__
        self._note("control {} ({}) raised: {}: {}", turn + 1, name, error)
        if name != "engine":
            self.rig.controls.pop(turn)
            self.refresh()

    def refresh(self):
        """Take up what changed in the rig: effects, modulators, controls."""
        self._links.build()
        self._gather()
        if self.rig.controls:
            import pedal.controls.events as events

            events.on_error[:] = [self._event_error]
        self._polls[:] = [control.poll for control in self.rig.controls] + [self._tend]
        self._gap = max(1, self.rig.rate_hz // (_POLL_HZ * len(self._polls)))

    def _gather(self):
        self._calls[:] = self._links.calls()
        self._right[0] = self._links.right()

    @property
    def frame(self):
        """Frames played, modulo 2^30: what controls take for the time."""
        return self._counts[_FRAME]

    def switch(self, effect, on):
        """Fade an effect in or out."""
        if on and self.overload.level == 2 and hasattr(effect, "lighter"):
            return  # it comes back when there is room
        self._links.switch(effect, on, self.frame)
        self._gather()

    def change(self, function, *args):
        """Fade the output out, call function(*args), take up what it changed, fade in again."""
        self._links.change(function, args, self.frame)
        self._gather()

    def _quiet(self):
        """The rig was changed in silence, which may have taken long: the moment to collect, too."""
        tidy()
        for end in (self._source, self._sink):
            if hasattr(end, "pause"):
                end.pause()

    # ---- faults ----

    def _bypass(self, failed, error):
        """Take the effect that raised out of the chain, undo its half-done work, run the rest."""
        while failed:
            link = self._links.owner(failed)
            self._fault(link, error)
            if link is None:
                return  # what joins branches: there is nothing to go without
            self._links.fail(link)
            failed, error = self._attempt(self._links.calls(after=link))
        self._gather()

    def _attempt(self, calls):
        """Make the calls; the one that raised and its error, or None and None."""
        call = None
        try:
            for call in calls:
                call[0](call[1], call[2])
        except Exception as error:  # noqa: BLE001 - as in step()
            return call, error
        return None, None

    def _fault(self, link, error):
        if link is None:
            self._note("{}{} raised: {}: {}", "a change", "", error)
        else:
            kind = type(link.effect).__name__
            self._note("effect {} ({}) bypassed: {}: {}", link.number, kind, error)

    def _event_error(self, error):
        self._note("a function that {} called{} raised: {}: {}", "a control", "", error)

    def _note(self, text, number, name, error):
        self.faults += 1
        text = text.format(number, name, type(error).__name__, error)
        if len(self.reports) < _REPORTS:
            self.reports.append(text)
        if self._log:
            self._log.note(text, self.frame)

    # ---- from outside ----

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
        for effect in self.rig.leaves:
            if hasattr(effect, "release"):
                effect.release()

    def reset(self):
        """Effects as new, failed ones back in, counters at zero; the time goes on."""
        self.rig.reset()
        frame = self.frame
        self._counts[:] = [0] * len(self._counts)
        self._counts[_FRAME] = frame
        self.faults = 0
        self.reports = []
        self.overload.reset()
        self._links.revive()
        self.step = self._make_step()
        self.refresh()

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
        lost = getattr(self._source, "xruns", 0)
        if self._sink is not self._source:
            lost += getattr(self._sink, "xruns", 0)
        return lost

    def percent(self):
        """load() in percent, as an int: what a display takes without making a float."""
        return self._counts[_WORST] * 100 // self._limit_us

    def load(self):
        """The slowest block's share of the time it lasts: 0..1, above 1 it was too slow."""
        return self._counts[_WORST] * self.rig.rate_hz / (self.block * 1000000)
