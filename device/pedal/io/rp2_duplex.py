"""Live audio on RP2040 and RP2350: one state machine shifts I2S in and out, four DMA channels carry it.

Not tried on hardware; programs tested in a PIO emulator, the rest against a stand-in for rp2.DMA.

Each direction has two halves of a block, and a channel for each; a channel that is done starts the
other one and wraps to the start of its half, so no processor time goes into samples. Both directions
run from one state machine and cannot drift apart. The DMA controller keeps a flag for each channel
that finished. A flag of the other half, set before this half was dealt with, is an xrun: of the input,
if frames were overwritten before they were read, of the output, if old frames were played again: while
nothing is written, the output repeats its last two blocks.
"""

import pedal_fx

from pedal.const import const

_WRAP = const(0x3FFFFFFF)
_HALF = const(0)  # which half is read next, and written after that
_OVERRUNS = const(1)
_UNDERRUNS = const(2)
_FRAME = const(8)  # bytes: two words of 32 bits

_CRYSTAL_HZ = 12000000
_INTR = 0x50000400  # DMA: flags of channels that finished; both chips
_INTS0 = 0x5000040C  # writing a flag here clears it


def best_clock(rate_hz, limit_hz=150000000, ratio=512):
    """The system clock in Hz from which rate_hz comes by whole dividers, and the rate it then is.

    Dividers with fractions would make the converters' clock jitter by a cycle. Of the clocks the PLL
    can make of 12 MHz, at most limit_hz, the fastest that is within 0.1 %; else the nearest.
    ratio: cycles a frame that must come out whole, 512 with MCLK, 256 without.
    """
    best = None
    for feedback in range(63, 134):  # 756 to 1596 MHz
        for post in range(1, 50):
            if not _is_post(post):
                continue
            clock = _CRYSTAL_HZ * feedback // post
            if clock > limit_hz or _CRYSTAL_HZ * feedback % (post * 1000):
                continue
            steps = (clock + ratio * rate_hz // 2) // (ratio * rate_hz)
            if not steps:
                continue
            off = abs(clock / (ratio * steps) / rate_hz - 1)
            key = (off > 0.001, -clock if off <= 0.001 else off)
            if best is None or key < best[0]:
                best = key, clock, clock / (ratio * steps)
    if not best:
        raise ValueError(f"{rate_hz} Hz; no clock up to {limit_hz} Hz gives it")
    return best[1:]


def _is_post(post):
    """Two dividers of 1 to 7 make this one."""
    return any(post % a == 0 and post // a <= 7 for a in range(1, 8))


class Duplex:
    """Source and sink of pedal.engine.Engine: Engine(rig, duplex, duplex).

    rate_hz afterwards is the rate there really is. latency: frames from wire to wire, always
    two blocks. Words are of 32 bits; converters of fewer bits use the upper ones.
    """

    realtime = True
    bits = 32

    def __init__(
        self,
        rate_hz,
        *,
        bclk,
        dout,
        din,
        mclk=None,
        channel=0,
        machine_id=0,
        exact=True,
        on_clocks=None,
        rp2=None,
        pin=None,
        freq=None,
        mem32=None,
        addressof=None,
    ):
        """bclk, dout, din, mclk: GPIO numbers; LRCK is the one after bclk. mclk: 256 times the rate,
        or None. channel: the input's, 0 left, 1 right. machine_id: state machine; with mclk the
        next one, too, so not the last of a PIO. exact: set the system clock to best_clock().
        on_clocks: called when the clocks run, such as a codec's start. The last five stand in for the
        modules rp2, machine.Pin, machine.freq, machine.mem32, uctypes.addressof.
        """
        if channel not in (0, 1):
            raise ValueError(f"channel {channel}; expected 0 or 1")
        if mclk is not None and machine_id % 4 == 3:
            raise ValueError(f"state machine {machine_id} with mclk; expected one with a next")
        if rp2 is None:
            import machine
            import rp2
            import uctypes

            pin, freq, mem32 = machine.Pin, machine.freq, machine.mem32
            addressof = uctypes.addressof
        self._rp2, self._pin, self._mem, self._addressof = rp2, pin, mem32, addressof
        self._ratio = 256 if mclk is None else 512
        self.rate_hz = rate_hz
        if exact:
            clock, self.rate_hz = best_clock(rate_hz, ratio=self._ratio)
            freq(clock)
        self._id, self._on_clocks, self.channel = machine_id, on_clocks, channel
        self._pins = (bclk, dout, din, mclk)
        self._dma = []
        self._machines = []
        self._n = [0, 0, 0]
        self.block = 0

    # Before audio ----------------------------------------------------------------------------

    def prepare(self, block):
        """Start for blocks of `block` frames, a power of two, 8 to 4096. Twice is fine."""
        if self._dma and block == self.block:
            return
        if not 8 <= block <= 4096 or block & (block - 1):
            raise ValueError(f"blocks of {block} frames; expected a power of two, 8 to 4096")
        self.close()
        self.block = block
        size = block * _FRAME
        whole = _aligned(4 * size, size, self._addressof)
        halves = [whole[at * size : (at + 1) * size] for at in range(4)]
        self._ins, self._outs = halves[:2], halves[2:]
        self._start_machines()
        self._start_dma(size)
        self._n[_HALF] = 0
        self._machines[0].active(1)
        if self._on_clocks:
            self._on_clocks()
            self._catch_up()

    def _start_machines(self):
        from pedal.io import rp2_programs as programs

        bclk, dout, din, mclk = self._pins
        pin, kind = self._pin, self._rp2.StateMachine
        pin(din, pin.IN)
        cycles = round(self.rate_hz * 64 * programs.CYCLES_PER_BIT)
        main = kind(
            self._id,
            programs.duplex,
            freq=cycles,
            in_base=pin(din),
            out_base=pin(dout),
            sideset_base=pin(bclk),
        )
        self._machines.append(main)
        if mclk is not None:
            cycles = round(self.rate_hz * 256 * programs.MCLK_CYCLES)
            second = kind(self._id + 1, programs.mclk, freq=cycles, set_base=pin(mclk))
            self._machines.append(second)
            second.active(1)

    def _start_dma(self, size):
        """A ring each: two channels that start each other, input first."""
        request = (self._id // 4 << 3) + self._id % 4
        ring = 0
        while 1 << ring < size:
            ring += 1
        self._dma = [self._rp2.DMA() for _ in range(4)]
        wire = self._machines[0]
        for at, dma in enumerate(self._dma):
            reads = at < 2  # the wire, into memory
            ctrl = dma.pack_ctrl(
                inc_read=not reads,
                inc_write=reads,
                ring_sel=reads,
                ring_size=ring,
                chain_to=self._dma[at ^ 1].channel,
                treq_sel=request + (4 if reads else 0),
                irq_quiet=False,
            )
            half = self._ins[at] if reads else self._outs[at - 2]
            read, write = (wire, half) if reads else (half, wire)
            dma.config(read=read, write=write, count=size // 4, ctrl=ctrl)
        flags = [1 << dma.channel for dma in self._dma]
        self._in_flags, self._out_flags = flags[:2], flags[2:]
        self._all = flags[0] | flags[1] | flags[2] | flags[3]
        self._mem[_INTS0] = self._all
        self._dma[2].active(1)  # fills the state machine's queue with silence
        self._dma[0].active(1)

    def close(self):
        """Stop. Twice is fine."""
        for machine in self._machines:
            machine.active(0)
        for dma in self._dma:
            # A channel that is stopped may start the other: a chain to itself starts none.
            dma.config(ctrl=dma.pack_ctrl(default=dma.ctrl, chain_to=dma.channel, enable=0))
        for dma in self._dma:
            dma.active(0)
            dma.close()
        self._machines, self._dma = [], []

    # Every block -----------------------------------------------------------------------------

    def readinto(self, buf):
        """Fill buf from the input. Returns its length: live audio has no end."""
        n, mem, flags = self._n, self._mem, self._in_flags
        half = n[_HALF]
        mine, other = flags[half], flags[1 - half]
        if mem[_INTR] & mine and mem[_INTR] & other:
            n[_OVERRUNS] = (n[_OVERRUNS] + 1) & _WRAP
            self._catch_up()
            half = n[_HALF]
            mine, other = flags[half], flags[1 - half]
        while not mem[_INTR] & mine:
            pass
        mem[_INTS0] = mine
        pedal_fx.unpack(self._ins[half], buf, 32, 2, self.channel)
        if mem[_INTR] & other:
            n[_OVERRUNS] = (n[_OVERRUNS] + 1) & _WRAP  # overwritten while it was read
        return len(buf)

    def pause(self):
        """Blocks were let go on purpose, in silence: no xrun."""
        self._catch_up()

    def _catch_up(self):
        """Go on with the half that is being filled now."""
        self._n[_HALF] = 0 if self._dma[0].active() else 1
        self._mem[_INTS0] = self._all

    def write(self, buf, frames):
        """The block to both channels of the output; what is behind `frames` is silence."""
        if frames != self.block:
            _silence(buf, frames)
        half = self._n[_HALF]
        self._mem[_INTS0] = self._out_flags[half]
        pedal_fx.pack(buf, self._outs[half], 32, 2)
        self._written(half)

    def write2(self, left, right, frames):
        """As write(), each channel its own block."""
        if frames != self.block:
            _silence(left, frames)
            _silence(right, frames)
        half = self._n[_HALF]
        self._mem[_INTS0] = self._out_flags[half]
        pedal_fx.pack2(left, right, self._outs[half], 32)
        self._written(half)

    def _written(self, half):
        n = self._n
        if self._mem[_INTR] & self._out_flags[1 - half]:
            n[_UNDERRUNS] = (n[_UNDERRUNS] + 1) & _WRAP  # this half plays already
        n[_HALF] = 1 - half

    # What is known ---------------------------------------------------------------------------

    @property
    def ready(self):
        """Whether readinto() has a block without waiting."""
        return bool(self._mem[_INTR] & self._in_flags[self._n[_HALF]])

    @property
    def latency(self):
        return 2 * self.block

    latency_spread = 0

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


def _aligned(size, to, addressof):
    """A memoryview of size bytes whose address is a multiple of `to`: DMA rings wrap at those."""
    whole = bytearray(size + to)
    start = -addressof(whole) % to
    return memoryview(whole)[start : start + size]
