"""The two ways to use a machine.I2S object: calls that block, and callbacks.

An input has take() -> a raw block, dry() -> whether take() had to wait for the wire, so that nothing
is left in the ring, done() when the block is no longer needed, and close(); an output has room() -> a
raw block to fill, send(), silence() and close(). Callbacks run between two bytecodes of the main
program, so a plain list holds what they and the main program share.

Not tried on hardware.
"""

from pedal.const import const

_WRAP = const(0x3FFFFFFF)
_DONE = const(0)  # blocks that were filled, or sent; only the callback writes it
_TAKEN = const(1)  # blocks the main program has read, or handed over; only it writes this
_STOPPED = const(2)  # 1: the last callback found no block to go on with
_IDLE = const(3)  # how often that was
_LOST = const(4)  # callbacks that never came: MicroPython's scheduler was full
_WHEN = const(5)  # microseconds at which the input was asked last
_WAITING = const(6)  # 1: take() waits
_DRY = const(7)  # 1: the ring was empty at the last callback


class BlockingIn:
    idle = 0

    def __init__(self, i2s, size, ticks, patience_us, limit_us):
        """limit_us: a longer call had to wait; copying what is there takes far less."""
        self._i2s, self._raw = i2s, bytearray(size)
        self._readinto, self._ticks, self._limit = i2s.readinto, ticks, limit_us
        self._took = 0

    def take(self):
        ticks = self._ticks
        start = ticks()
        self._readinto(self._raw)
        self._took = (ticks() - start) & _WRAP
        return self._raw

    def dry(self):
        return self._took > self._limit

    def done(self):
        pass

    def close(self):
        self._i2s.deinit()


class BlockingOut:
    idle = 0

    def __init__(self, i2s, size, ticks, patience_us, silence):
        """silence: bytes of it that silence() plays."""
        self._i2s, self._raw, self._zeros = i2s, bytearray(size), bytearray(silence)
        self._pad, self._write = bytearray(size), i2s.write

    def room(self):
        return self._raw

    def send(self):
        self._write(self._raw)

    def silence(self, blocks):
        """So many blocks of it, then what the constructor was told."""
        for _ in range(blocks):
            self._write(self._pad)
        self._write(self._zeros)

    def close(self):
        self._i2s.deinit()


class _Irq:
    """What both directions have: _i2s and _n."""

    @property
    def idle(self):
        return self._n[_IDLE]

    @property
    def lost(self):
        return self._n[_LOST]

    def close(self):
        self._i2s.irq(None)
        self._i2s.deinit()


class IrqIn(_Irq):
    """Two blocks: one is filled while the other is read."""

    def __init__(self, i2s, size, ticks, patience_us, limit_us):
        """patience_us: after so long without a callback, it is taken as lost and asked for again.
        limit_us: what took longer from asking to callback was not in the ring yet."""
        self._i2s, self._readinto = i2s, i2s.readinto
        self._raws = (bytearray(size), bytearray(size))
        self._ticks, self._patience, self._limit = ticks, patience_us, limit_us
        self._n = [0] * 8
        self._call = self._filled  # a bound method made once
        i2s.irq(self._call)
        self._ask()

    def _ask(self):
        n = self._n
        n[_WHEN] = self._ticks()
        self._readinto(self._raws[n[_DONE] & 1])

    def _filled(self, _):
        n = self._n
        # A callback that finds take() waiting ran at once; one after a long call says nothing.
        waited = (self._ticks() - n[_WHEN]) & _WRAP
        n[_DRY] = 1 if n[_WAITING] and waited > self._limit else 0
        n[_DONE] = (n[_DONE] + 1) & _WRAP
        if (n[_DONE] - n[_TAKEN]) & _WRAP < 2:
            self._ask()
        else:
            n[_STOPPED] = 1
            n[_IDLE] = (n[_IDLE] + 1) & _WRAP

    def take(self):
        n, ticks = self._n, self._ticks
        start = ticks()
        n[_WAITING] = 1
        if n[_DONE] != n[_TAKEN]:
            n[_DRY] = 0
        while n[_DONE] == n[_TAKEN]:
            if (ticks() - start) & _WRAP > self._patience:
                n[_LOST] = (n[_LOST] + 1) & _WRAP
                start = ticks()
                self._ask()
        n[_WAITING] = 0
        return self._raws[n[_TAKEN] & 1]

    def dry(self):
        return self._n[_DRY]

    def done(self):
        n = self._n
        n[_TAKEN] = (n[_TAKEN] + 1) & _WRAP
        if n[_STOPPED]:
            n[_STOPPED] = 0
            self._ask()

    def ready(self):
        return self._n[_DONE] != self._n[_TAKEN]


class IrqOut(_Irq):
    """Two blocks: one is sent while the other is filled."""

    def __init__(self, i2s, size, ticks, patience_us, silence):
        self._i2s, self._write = i2s, i2s.write
        self._raws, self._zeros = (bytearray(size), bytearray(size)), bytearray(silence)
        self._pad = bytearray(size)
        self._ticks, self._patience = ticks, patience_us
        self._n = [0] * 5
        self._n[_STOPPED] = 1
        self._call = self._sent
        i2s.irq(self._call)

    def _sent(self, _):
        n = self._n
        n[_DONE] = (n[_DONE] + 1) & _WRAP
        if n[_DONE] != n[_TAKEN]:
            self._write(self._raws[n[_DONE] & 1])
        else:
            n[_STOPPED] = 1
            n[_IDLE] = (n[_IDLE] + 1) & _WRAP

    def _wait(self, most):
        """Until at most that many blocks are on their way."""
        n, ticks = self._n, self._ticks
        start = ticks()
        while (n[_TAKEN] - n[_DONE]) & _WRAP > most:
            if (ticks() - start) & _WRAP > self._patience:
                n[_LOST] = (n[_LOST] + 1) & _WRAP
                start = ticks()
                self._sent(None)

    def room(self):
        self._wait(1)
        return self._raws[self._n[_TAKEN] & 1]

    def send(self):
        n = self._n
        at = n[_TAKEN] & 1
        n[_TAKEN] = (n[_TAKEN] + 1) & _WRAP  # a callback from here on sends it
        if n[_STOPPED]:
            n[_STOPPED] = 0
            self._write(self._raws[at])

    def silence(self, blocks):
        for _ in range(blocks):
            self._start(self._pad)
        self._start(self._zeros)

    def _start(self, raw):
        """Send this when nothing else is on its way."""
        self._wait(0)
        n = self._n
        n[_TAKEN] = (n[_TAKEN] + 1) & _WRAP
        n[_STOPPED] = 0
        self._write(raw)
