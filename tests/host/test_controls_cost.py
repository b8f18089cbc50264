"""What a poll of each control takes on an emulated Cortex-M7, in instructions: the same every run.

`python tests/host/test_controls_cost.py` prints the table.
"""

import json

import pytest
from upedal import paths

NEEDS = ("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")

# case: the most that a poll may take, a tenth above what it takes. Pins, ADCs and routes are generators,
# which cost what a call into C does, about 350; a port's methods are Python's, and cost twice that.
LIMITS = {
    "pot, still": 2500,
    "pot, turned, 1 route": 9700,
    "pot, turned, 3 routes": 13500,
    "expression, still": 2500,
    "footswitch, idle": 1500,
    "footswitch, at a press": 13900,
    "encoder, idle, polled": 3500,
    "encoder, idle, by interrupt": 800,
    "encoder, a detent": 15400,
    "LED, on or off": 3000,
    "LED, clip, overload, tempo, bypass": 9400,
    "MIDI, nothing waiting": 1200,
    "MIDI, one controller message": 19200,
    "MIDI, one clock tick": 13600,
    "MIDI, flood of controllers, 40 bytes": 55000,
    "MIDI, flood of notes, 40 bytes": 34000,
    "display, nothing new": 7100,
    "display, part of the tuner": 71000,
    "display, piece of 32 bytes": 10700,
}

SCRIPT = """
import io, json, sys
sys.path.append("/lib")
import bench
from pedal.controls import (
    LED, Blink, Display, Encoder, Expression, Footswitch, Hold, Lit, MidiIn, Pot, Tempo, TunerPage,
)

measure, insns = bench.measure, bench.insns
null = insns(measure(bench.null))
now = 0

class Line:
    def __init__(self, level):
        self.level = level
        def read():
            while True:
                yield level[0]
        self.value = self.read_u16 = read().__next__

class Noisy:
    def __init__(self):
        def read():
            while True:
                for each in noisy:
                    yield each
        self.read_u16 = read().__next__

def sink():
    while True:
        yield

class Route:
    def __init__(self):
        going = sink()
        next(going)
        self.put = going.send

class Out:
    def __init__(self):
        going = sink()
        next(going)
        self.value = going.send

class Port:
    def send(self, data):
        self.left = len(data)
        self.readinto_ = io.BytesIO(data).readinto
    def any(self):
        return self.left
    def readinto(self, buf):
        self.left -= len(buf)
        return self.readinto_(buf)

def poll(control):
    global now
    now = (now + 480) & 0x3FFFFFFF
    return insns(measure(control.poll, now)) - null

def cost(name, control, routes=1, before=None, warm=40, count=32):
    for _ in range(routes):
        control.routes.append(Route())
    control.attach(48000)
    worst = 0
    for at in range(warm + count):
        if before:
            before(at)
        spent = poll(control)
        if at >= warm:
            worst = max(worst, spent)
    print(json.dumps([name, worst]))

noisy = [30000 + (k * 331) % 401 - 200 for k in range(97)]
cost("pot, still", Pot(Noisy()))
cost("expression, still", Expression(Noisy()))
for routes in 1, 3:
    line = Line([0])
    def turn(at):
        line.level[0] = (5000 + at * 700) & 0xFFFF
    cost("pot, turned, %d route%s" % (routes, "s" * (routes > 1)), Pot(line), routes, turn)
cost("footswitch, idle", Footswitch(Line([1])))
line = Line([1])
def press(at):
    line.level[0] = at >> 3 & 1
cost("footswitch, at a press", Footswitch(line), 1, press)
cost("encoder, idle, polled", Encoder(Line([1]), Line([1])))
encoder = Encoder(Line([1]), Line([1]))
encoder._polled = False
cost("encoder, idle, by interrupt", encoder)
a, b = Line([1]), Line([1])
def turn(at):
    a.level[0] = at >> 1 & 1
    b.level[0] = at + 1 >> 1 & 1
encoder = Encoder(a, b)
encoder.routes.append(Route())
encoder._positions.append(30000)
cost("encoder, a detent", encoder, 0, turn)
cost("LED, on or off", LED(Out(), Lit(lambda: 1)))
sources = Hold(lambda: 0), Blink(lambda: 0), Tempo(lambda: 0), Lit(lambda: 1)
cost("LED, clip, overload, tempo, bypass", LED(Out(), *sources))
for name, data in (
    ("nothing waiting", b""),
    ("one controller message", b"\\xb0\\x07\\x00"),
    ("one clock tick", b"\\xf8"),
    ("flood of controllers, 40 bytes", b"\\xb0\\x07" + b"\\x01\\x07" * 19),
    ("flood of notes, 40 bytes", b"\\x90\\x40\\x41\\x91" * 10),
):
    port = Port()
    midi = MidiIn(port)
    midi.cc(7).routes.append(Route())
    data = bytearray(data)
    def feed(at):
        if len(data) > 1:
            data[2] = at & 127
            data[-1] = data[-1] ^ 1
        port.send(bytes(data))
    cost("MIDI, " + name, midi, 0, feed)
class Bus:
    def writeto(self, address, data):
        pass
pitch = [6900]
display = Display(Bus(), TunerPage(lambda: pitch[0]))
cost("display, nothing new", display, 0, None, 200)
worst = {"display, part of the tuner": 0, "display, piece of 32 bytes": 0}
sent = [0]
def writeto(address, data):
    sent[0] = 1
bus = Bus()
bus.writeto = writeto
display = Display(bus, TunerPage(lambda: pitch[0]))
display.attach(48000)
for at in range(600):
    pitch[0] += at & 15 == 0 and 37
    sent[0] = 0
    spent = poll(display)
    name = "display, piece of 32 bytes" if sent[0] else "display, part of the tuner"
    if at > 40:
        worst[name] = max(worst[name], spent)
for name in worst:
    print(json.dumps([name, worst[name]]))
"""


def measured():
    """{case: instructions of the dearest poll}."""
    from upedal.emulator import BOARDS, Emulator

    files = {
        f"lib/{path.relative_to(paths.DEVICE)}": path.read_bytes()
        for path in sorted((paths.DEVICE / "pedal").rglob("*.py"))
    }
    natmods = paths.NATMODS / BOARDS["emu_m7"].arch
    files |= {f"lib/{path.name}": path.read_bytes() for path in natmods.glob("*.mpy")}
    with Emulator("emu_m7", card=files) as board:
        out = board.run(SCRIPT)
    return dict(json.loads(line) for line in out.splitlines() if line.startswith("["))


@pytest.mark.toolchain(*NEEDS)
def test_no_poll_takes_longer_than_its_limit():
    found = measured()
    assert found.keys() == LIMITS.keys(), found.keys() ^ LIMITS.keys()
    over = {name: (found[name], limit) for name, limit in LIMITS.items() if found[name] > limit}
    assert not over, over


if __name__ == "__main__":
    for name, instructions in measured().items():
        print(f"{name:40}{instructions:>10,}")
