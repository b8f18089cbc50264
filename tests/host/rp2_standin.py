"""What io/rp2_duplex needs of MicroPython's `_rp2` and `machine` modules, on a word clock.

State machine, queues of four words and DMA channels with rings, chains and flags, as the RP2040's and
RP2350's data sheets describe them. Works on CPython and MicroPython; a word's time allocates nothing.
"""

INTR = 0x50000400
INTS0 = 0x5000040C
FIELDS = {
    "enable",
    "high_pri",
    "size",
    "inc_read",
    "inc_write",
    "ring_size",
    "ring_sel",
    "chain_to",
    "treq_sel",
    "irq_quiet",
}


class PIO:
    IN_LOW, IN_HIGH, OUT_LOW, OUT_HIGH = 0, 1, 2, 3
    SHIFT_LEFT, SHIFT_RIGHT = 0, 1
    JOIN_NONE, JOIN_TX, JOIN_RX = 0, 1, 2


class Chip:
    """The one chip of a test; reset() makes it new."""

    def reset(self, addressof):
        self.addressof = addressof
        self.flags = 0
        self.dmas = []
        self.machines = {}
        self.words = 0  # that were on the wire
        self.heard = None  # called with (word number, value) of each word out
        self.spoken = None  # called with the word number: the word in
        self.clock_hz = 150000000
        self.per_look = 0  # words that pass at each look at the flags
        self.stalled = 0

    def __getitem__(self, address):  # machine.mem32
        if address != INTR:
            raise AssertionError(f"read of {address}")
        self.run(self.per_look)
        return self.flags

    def __setitem__(self, address, value):
        if address != INTS0:
            raise AssertionError(f"write to {address}")
        self.flags &= ~value

    def freq(self, hz):
        self.clock_hz = hz

    def run(self, words):
        """Let words pass on the wire: half a frame each."""
        main = self.machines.get(0)
        for _ in range(words):
            if main and main.on:
                main.word()


CHIP = Chip()


class Pin:
    IN = 0

    def __init__(self, number, mode=None):
        self.number, self.mode = number, mode


class StateMachine:
    def __init__(self, number, program, freq=-1, **keys):
        self.number, self.program, self.freq, self.keys = number, program, freq, keys
        self.on = 0
        self.queue = [0] * 5  # four words and the shift register
        self.count = 0
        CHIP.machines[number] = self

    def active(self, on=None):
        if on is not None:
            self.on = on
        return bool(self.on)

    def fill(self):
        for dma in CHIP.dmas:
            while dma.busy and dma.sends and self.count < 5:
                self.queue[self.count] = dma.next_read()
                self.count += 1

    def word(self):
        """32 bits out and in. Without a word to send the machine and its clocks stop."""
        self.fill()
        if not self.count:
            CHIP.stalled += 1
            return
        value = self.queue[0]
        for at in range(4):
            self.queue[at] = self.queue[at + 1]
        self.count -= 1
        if CHIP.heard:
            CHIP.heard(CHIP.words, value)
        word = CHIP.spoken(CHIP.words) if CHIP.spoken else 0
        CHIP.words += 1
        for dma in CHIP.dmas:
            if dma.busy and not dma.sends:
                dma.next_write(word)
                break
        self.fill()


class DMA:
    def __init__(self):
        self.channel = len(CHIP.dmas)
        self.busy = False
        self.ctrl = {"enable": 1, "chain_to": self.channel}
        self.read = self.write = None
        self.left = self.total = self.at = 0
        self.sends = False
        CHIP.dmas.append(self)

    def pack_ctrl(self, default=None, **keys):
        if not set(keys) <= FIELDS:
            raise TypeError(f"unknown fields {sorted(set(keys) - FIELDS)}")
        start = {"enable": 1, "size": 2, "inc_read": 1, "inc_write": 1, "ring_size": 0}
        start.update({"ring_sel": 0, "chain_to": self.channel, "irq_quiet": 1})
        start.update(default or {})
        start.update(keys)
        return start

    def config(self, read=None, write=None, count=None, ctrl=None, trigger=False):
        if read is not None:
            self.read, self.at = read, 0
        if write is not None:
            self.write, self.at = write, 0
        if count is not None:
            self.total = count
        if ctrl is not None:
            self.ctrl = ctrl
        self._check()
        if trigger:
            self.start()

    def _check(self):
        """A ring wraps at multiples of its size, so memory must begin at one and be as long."""
        self.sends = isinstance(self.write, StateMachine)
        memory = self.read if self.sends else self.write
        if not self.ctrl["enable"]:
            return
        size = 1 << self.ctrl["ring_size"]
        if bool(self.ctrl["ring_sel"]) == self.sends:
            raise AssertionError("the ring is on the wire's side")
        if bool(self.ctrl["inc_read"]) != self.sends or bool(self.ctrl["inc_write"]) == self.sends:
            raise AssertionError("the wire's address moves, or memory's does not")
        machine = self.write if self.sends else self.read
        want = (machine.number // 4 << 3) + machine.number % 4 + (0 if self.sends else 4)
        if self.ctrl["treq_sel"] != want:
            raise AssertionError("paced by {}; expected {}".format(self.ctrl["treq_sel"], want))
        if len(memory) != size or self.total * 4 != size or CHIP.addressof(memory) % size:
            raise AssertionError(f"ring of {size} bytes on {len(memory)}, {self.total} words")

    def start(self):
        if self.ctrl["enable"]:
            self.busy, self.left = True, self.total

    def active(self, on=None):
        if on is not None:
            if on:
                self.start()
            else:
                self.busy = False
        return self.busy

    def close(self):
        if self in CHIP.dmas:
            CHIP.dmas.remove(self)

    def moved(self):
        """After a word: the address goes on in its ring, the count down, at 0 the chain starts."""
        self.at = (self.at + 4) & ((1 << self.ctrl["ring_size"]) - 1)
        self.left -= 1
        if self.left:
            return
        self.busy = False
        if not self.ctrl["irq_quiet"]:
            CHIP.flags |= 1 << self.channel
        other = self.ctrl["chain_to"]
        if other != self.channel:
            for dma in CHIP.dmas:
                if dma.channel == other:
                    dma.start()

    def next_read(self):
        value = 0
        for byte in range(4):
            value |= self.read[self.at + byte] << (8 * byte)
        self.moved()
        return value

    def next_write(self, value):
        for byte in range(4):
            self.write[self.at + byte] = (value >> (8 * byte)) & 255
        self.moved()
