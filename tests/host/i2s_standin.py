"""A machine.I2S on a sample clock, for CPython and MicroPython: what extmod/machine_i2s.c of
MicroPython 1.26 does with its ring and pieces of 128 bytes, frame for frame.

Time passes while a call blocks, and by `cost_us` a look at the clock. A full input ring drops the new
piece; an output ring with less than a piece plays silence; both are counted here, and the port
itself tells nobody. Methods allocate nothing, so that they can run under heap_lock().
"""

PIECE = 128


class Clock:
    """Frames of all I2S objects, which share one PLL, and the microseconds Python sees."""

    def __init__(self, rate_hz, cost_us=2, ppm=0):
        """ppm: how much faster than the audio clock Python's is."""
        self.rate_hz, self.us, self.frame = rate_hz, 0, 0
        self.cost_us, self.units = cost_us, rate_hz * 1000000 // (1000000 + ppm)
        self.rest = 0
        self.devices = []

    def ticks_us(self):
        self.spend(self.cost_us)
        return self.us & 0x3FFFFFFF

    def spend(self, us):
        """Let us microseconds pass."""
        for _ in range(us):
            self.us += 1
            self.rest += self.units
            if self.rest >= 1000000:
                self.rest -= 1000000
                self.tick()

    def tick(self):
        """One frame."""
        self.frame += 1
        for device in self.devices:
            device.tick()

    def wait_frame(self):
        """Until the next frame: how a blocking call passes the time."""
        frame = self.frame
        while self.frame == frame:
            self.spend(1)


class I2S:
    """One direction. Made by maker(): a class whose clock, port and hooks are set."""

    RX, TX, MONO, STEREO = 0, 1, 0, 1
    clock = None
    piece = PIECE
    shift_tx = 0  # frames by which the output's interrupts follow the input's
    mck = True  # this port knows the argument mck
    widths = (16, 32)
    made = []

    def __init__(self, number, **keys):
        names = {"sck", "ws", "sd", "mode", "bits", "format", "rate", "ibuf"}
        if not names <= set(keys) or not set(keys) <= names | ({"mck"} if self.mck else set()):
            raise TypeError(f"extra or missing keyword arguments: {sorted(keys)}")
        for key in ("sck", "ws", "sd"):
            if not isinstance(keys[key], Pin):
                raise ValueError(f"{key} not a Pin type")
        if keys["bits"] not in self.widths:
            raise ValueError("invalid bits")
        if keys["format"] not in (0, 1) or keys["mode"] not in (0, 1) or keys["ibuf"] <= 0:
            raise ValueError("invalid format, mode or ibuf")
        for other in list(self.clock.devices):
            if other.number == number:
                other.deinit()
        self.number, self.keys = number, keys
        self.tx, self.bits = keys["mode"] == 1, keys["bits"]
        self.sample = self.bits // 8
        self.stereo = keys["format"] == 1
        self.ring, self.size = bytearray(keys["ibuf"]), keys["ibuf"]
        self.head = self.tail = 0
        self.dma = bytearray(2 * PIECE)  # two halves
        self.at = 0
        self.half = PIECE // (2 * self.sample if self.tx else 8)  # frames of a half
        self.phase = -self.shift_tx if self.tx else 0
        self.dropped = self.silences = self.pieces = 0
        self.first_fed = None
        self.handler = None
        self.app, self.index, self.busy, self.pending = None, 0, False, False
        self.hook = None  # input: called with (frame, channel) for a sample
        self.made.append(self)
        self.clock.devices.append(self)

    def deinit(self):
        if self in self.clock.devices:
            self.clock.devices.remove(self)

    def irq(self, handler):
        self.handler = handler

    # The ring, as in extmod/machine_i2s.c

    def data(self):
        return (self.tail - self.head + self.size) % self.size

    def space(self):
        return self.size - self.data() - 1

    def push(self, byte):
        self.ring[self.tail] = byte
        self.tail = (self.tail + 1) % self.size

    def pop(self):
        byte = self.ring[self.head]
        self.head = (self.head + 1) % self.size
        return byte

    # The hardware: one frame, and an interrupt at the end of each half

    def tick(self):
        self.phase += 1
        if self.phase <= 0:
            return
        frame = self.phase - 1
        at = frame % (2 * self.half)
        if self.tx:
            self.play(at)
        else:
            self.record(at)
        if (frame + 1) % self.half == 0:
            self.interrupt(at // self.half * PIECE)
        if self.pending and self.handler:
            self.pending = False
            self.handler(self)

    def play(self, at):
        if self.hook:
            width = 2 * self.sample
            self.hook(self.clock.frame, self.dma, at * width)

    def record(self, at):
        for channel in (0, 1):
            value = self.hook(self.clock.frame, channel) if self.hook else 0
            for byte in range(4):
                self.dma[at * 8 + channel * 4 + byte] = (value >> (8 * byte)) & 255

    def interrupt(self, half):
        if self.tx:
            self.copy_out()
            self.feed(half)
        else:
            self.empty(half)
            self.copy_in()

    def empty(self, half):
        self.pieces += 1
        if self.space() >= PIECE:
            for at in range(half, half + PIECE):
                self.push(self.dma[at])
        else:
            self.dropped += 1

    def feed(self, half):
        """The half just played is filled anew; it sounds when the other half has."""
        if self.data() >= PIECE:
            if self.first_fed is None:
                self.first_fed = self.clock.frame
            step = self.sample if self.stereo else 2 * self.sample
            at = half  # no range() with a step: MicroPython puts that on the heap
            while at < half + PIECE:
                for byte in range(self.sample):
                    self.dma[at + byte] = self.pop()
                    if not self.stereo:
                        self.dma[at + self.sample + byte] = self.dma[at + byte]
                at += step
        else:
            self.silences += 1
            for at in range(half, half + PIECE):
                self.dma[at] = 0

    # Callback mode

    def copy_out(self):
        if not self.busy:
            return
        n = min(4 * PIECE, len(self.app) - self.index)
        if self.space() >= n:
            for at in range(self.index, self.index + n):
                self.push(self.app[at])
            self.advance(n)

    def copy_in(self):
        if not self.busy:
            return
        frame = self.sample * (2 if self.stereo else 1)
        n = min(4 * PIECE, (len(self.app) - self.index) * 8 // frame)
        if self.data() >= n:
            at = self.index
            while at < self.index + n * frame // 8:
                self.frame_out(self.app, at)
                at += frame
            self.advance(n * frame // 8)

    def advance(self, n):
        self.index += n
        if self.index >= len(self.app):
            self.busy, self.pending = False, True

    def ask(self, buf):
        if self.busy:
            raise AssertionError("asked again before the callback: the first transfer is lost")
        self.app, self.index, self.busy = buf, 0, True

    # Calls

    def frame_out(self, buf, at):
        """A frame of 8 bytes from the ring into buf, as this object's bits and format want it."""
        skip = 4 - self.sample
        for channel in range(2):
            for byte in range(4):
                value = self.pop()
                if byte >= skip and (self.stereo or channel == 0):
                    buf[at + channel * self.sample + byte - skip] = value

    def readinto(self, buf):
        if self.tx:
            raise OSError(1)  # EPERM
        if self.handler:
            self.ask(buf)
            return len(buf)
        at = 0
        while at < len(buf):
            while self.data() < 8:
                self.clock.wait_frame()
            self.frame_out(buf, at)
            at += self.sample * (2 if self.stereo else 1)
        return len(buf)

    def write(self, buf):
        if not self.tx:
            raise OSError(1)
        if self.handler:
            self.ask(buf)
            return len(buf)
        for at in range(len(buf)):
            while self.space() < 1:
                self.clock.wait_frame()
            self.push(buf[at])
        return len(buf)


class EspI2S(I2S):
    """As the ESP32's port and ESP-IDF have it: at least two DMA buffers of 256 frames in a circle, and a
    queue of all but the one in use: of those that were sent and are free, next to be played first, or of
    those that were filled, oldest first. A queue that is full forgets its oldest entry."""

    def __init__(self, number, **keys):
        super().__init__(number, **keys)
        self.frame = 8
        if self.tx:
            self.frame = self.sample * (2 if self.stereo else 1)
        count = max(2, keys["ibuf"] // (256 * self.frame))
        self.buffers = [bytearray(256 * self.frame) for _ in range(count)]
        self.queue = []
        self.now = 0  # the buffer the DMA is at
        self.part, self.place = None, 0  # the buffer calls are at, and where in it

    def tick(self):
        self.phase += 1
        if self.phase <= 0:
            return
        at = (self.phase - 1) % 256
        buffer = self.buffers[self.now]
        if self.tx and self.hook:
            left = buffer[at * self.frame : at * self.frame + self.sample]
            right = buffer[(at + 1) * self.frame - self.sample : (at + 1) * self.frame]
            self.hook(self.clock.frame, left + right, 0)
        elif not self.tx:
            self.dma = buffer
            self.record(at)
        if at == 255:
            self.turn()
        if self.busy:
            self.index += self.move(self.app, self.index)
            if self.index == len(self.app):
                self.busy = False
                self.handler(self)

    def turn(self):
        if self.tx:
            if not any(self.buffers[self.now]):
                self.silences += 1
            self.buffers[self.now][:] = bytes(len(self.buffers[self.now]))  # auto_clear
        self.queue.append(self.now)
        if len(self.queue) == len(self.buffers):
            self.queue.pop(0)
            self.dropped += not self.tx
        self.now = (self.now + 1) % len(self.buffers)

    def move(self, buf, start):
        """Copy what can be copied now, from buf[start:] on. -> bytes"""
        frame = self.sample * (2 if self.stereo else 1)
        done = start
        while done < len(buf):
            if self.part is None or self.place == 256:
                if not self.queue:
                    break
                self.part, self.place = self.queue.pop(0), 0
            at = self.place * self.frame
            if self.tx:
                self.buffers[self.part][at : at + frame] = buf[done : done + frame]
            else:
                self.give(buf, done, self.buffers[self.part][at : at + 8])
            self.place += 1
            done += frame
        return done - start

    def give(self, buf, at, words):
        for channel in range(2 if self.stereo else 1):
            word = words[channel * 4 + 4 - self.sample : channel * 4 + 4]
            buf[at + channel * self.sample : at + (channel + 1) * self.sample] = word

    def wait(self, buf):
        if self.handler:
            self.ask(buf)
            return len(buf)
        done = self.move(buf, 0)
        while done < len(buf):
            self.clock.wait_frame()
            done += self.move(buf, done)
        return done

    readinto = write = wait


class Pin:
    def __init__(self, name):
        self.name = name


def maker(clock, base=I2S, **keys):
    """A class I2S of that clock, as machine.I2S would be."""

    class Made(base):
        pass

    Made.clock, Made.made = clock, []
    for key, value in keys.items():
        setattr(Made, key, value)
    return Made
