"""Two machine.I2S objects as one source and sink, on a stand-in whose rings lose what is late."""

import subprocess
from array import array

import i2s_standin
import pedal_fx
import pytest
from pedal.engine import Engine
from pedal.io.i2s_pair import I2SPair
from pedal.rig import Rig
from upedal import paths

RATE = 48000
RX = {"id": 1, "sck": "D21", "ws": "D20", "sd": "D8", "mck": "D23"}
TX = {"id": 2, "sck": "D4", "ws": "D3", "sd": "D2"}
LEVEL = 8  # bits below a frame's number in a sample


class Bench:
    """A pair on a fresh clock. The input's left sample is the frame's number, the right one minus it;
    heard holds what came out: {frame: (left, right)}."""

    def __init__(self, block=64, shift=0, rate=RATE, ppm=0, **keys):
        self.clock = i2s_standin.Clock(rate, ppm=ppm)
        esp = keys.get("platform") == "esp32"
        base = i2s_standin.EspI2S if esp else i2s_standin.I2S
        self.kind = i2s_standin.maker(self.clock, base, shift_tx=shift, mck=not esp)
        self.heard = {}
        self.bits = keys.get("bits", 32)
        keys.setdefault("platform", "mimxrt")
        keys.setdefault("rx", RX)
        keys.setdefault("tx", TX)
        self.pair = I2SPair(
            rate, i2s=self.kind, pin=i2s_standin.Pin, clock_us=self.clock.ticks_us, **keys
        )
        keep, self.pair._on_clocks = self.pair._on_clocks, self.connect
        self.then = keep
        self.pair.prepare(block)
        self.buf = array("f", [0.0] * block)

    def connect(self):
        self.tx, self.rx = self.kind.made
        self.rx.hook = lambda frame, channel: (frame << LEVEL) * (-1 if channel else 1)
        self.tx.hook = self.hear
        if self.then:
            self.then()

    def hear(self, frame, dma, at):
        width = self.tx.sample
        words = [
            int.from_bytes(dma[at + k * width : at + (k + 1) * width], "little", signed=True)
            for k in (0, 1)
        ]
        self.heard[frame] = tuple(words)

    def steps(self, count, busy_us=0):
        for _ in range(count):
            assert self.pair.readinto(self.buf) == len(self.buf)
            self.clock.spend(busy_us)
            self.pair.write(self.buf, len(self.buf))

    def delays(self, since=0):
        """The different delays of all that was heard, silence apart."""
        step = 1 << (LEVEL - (32 - 8 * self.tx.sample if self.tx.sample == 2 else 0))
        return {
            frame - left // step
            for frame, (left, _) in self.heard.items()
            if left and frame >= since
        }

    def holes(self, since):
        """Frames of silence heard from then on."""
        return sum(1 for frame, words in self.heard.items() if frame >= since and words[0] == 0)

    @property
    def lost(self):
        return self.rx.dropped


MODES = [{"irq": False}, {"irq": True}]


@pytest.mark.parametrize("keys", MODES)
@pytest.mark.parametrize("block", [8, 16, 24, 48, 64, 128, 200])
@pytest.mark.parametrize("shift", [0, 5, 15])
def test_every_frame_arrives_once_and_at_the_delay_that_latency_says(keys, block, shift):
    if keys["irq"] and block < 32:
        with pytest.raises(ValueError, match="expected at least 32"):
            Bench(block, shift, **keys)
        return
    bench = Bench(block, shift, **keys)
    bench.steps(2000 // block + 20)
    pair = bench.pair
    delays = bench.delays()
    assert len(delays) == 1, delays
    delay = delays.pop()
    assert pair.latency <= delay <= pair.latency + pair.latency_spread, (delay, pair.latency)
    first = min(frame for frame, words in bench.heard.items() if words[0])
    assert bench.holes(first) == 0
    assert bench.lost == 0
    assert pair.xruns == 0


@pytest.mark.parametrize("keys", MODES)
def test_effects_may_take_a_whole_block_and_no_more(keys):
    block_us = 64 * 1000000 // RATE
    bench = Bench(64, 7, **keys)
    bench.steps(5)
    since = bench.clock.frame + bench.pair.latency + 64
    bench.steps(400, block_us - 60)
    assert bench.pair.xruns == 0
    assert len(bench.delays()) == 1
    assert bench.holes(since) == 0
    bench.steps(200, block_us + 200)
    assert bench.pair.xruns > 0


@pytest.mark.parametrize("keys", MODES)
@pytest.mark.parametrize("late_blocks", [1.6, 3, 4.5, 6.5, 7, 20])
def test_one_late_block_is_counted_and_the_delay_is_as_before(keys, late_blocks):
    bench = Bench(64, 3, **keys)
    bench.steps(20)
    before = bench.delays()
    fed = bench.tx.silences
    bench.steps(1, int(late_blocks * 64 * 1000000 / RATE))
    bench.steps(20)
    since = bench.clock.frame
    bench.steps(20)
    assert bench.tx.silences > fed, "the stand-in's output ran dry"
    pair = bench.pair
    assert pair.underruns == 1, pair.underruns
    assert pair.overruns == (1 if bench.lost else 0), (pair.overruns, bench.lost)
    assert pair.xruns == pair.underruns + pair.overruns
    assert len(bench.delays(since)) == 1
    assert abs(bench.delays(since).pop() - before.pop()) <= pair.latency_spread


@pytest.mark.parametrize("keys", MODES)
def test_a_late_read_that_the_ring_holds_is_no_overrun_and_one_it_does_not_is(keys):
    for blocks, overruns in ((3.5, 0), (8, 1)):
        bench = Bench(64, 0, **keys)
        bench.steps(10)
        bench.clock.spend(int(blocks * 64 * 1000000 / RATE))
        bench.steps(10)
        assert (bench.pair.overruns, bench.lost > 0) == (overruns, overruns == 1), blocks


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_clock_that_is_not_the_audio_clock_makes_no_xruns(ppm):
    bench = Bench(64, 0, ppm=ppm)
    bench.steps(4000, 900)
    assert bench.pair.xruns == 0
    assert bench.tx.silences <= 60 and bench.lost == 0


def test_a_step_does_not_wait_when_ready_says_so():
    bench = Bench(64, irq=True)
    bench.steps(3)
    pair, clock = bench.pair, bench.clock
    assert pair.ready is False
    start = clock.frame
    while not pair.ready:
        clock.spend(10)
    assert clock.frame - start <= 64
    start = clock.frame
    bench.steps(1)
    assert clock.frame - start <= 1
    assert pair.ready is False
    assert Bench(64).pair.ready is None


def test_callbacks_that_found_nothing_are_counted_and_are_no_xruns():
    bench = Bench(64, irq=True, ahead=400)
    bench.steps(20)
    before = bench.pair.idle
    bench.clock.spend(3 * 64 * 1000000 // RATE)  # less than ring and silence hold
    bench.steps(20)
    assert bench.pair.idle > before
    assert bench.pair.xruns == 0 and bench.lost == 0
    assert len(bench.delays()) == 1


@pytest.mark.parametrize("way", ["rx", "tx"])
def test_a_lost_callback_does_not_stop_the_pedal(way):
    bench = Bench(64, irq=True)
    bench.steps(10)
    device = getattr(bench, way)
    handler, device.handler = device.handler, lambda _: setattr(device, "handler", handler)
    bench.steps(40)
    end = bench.pair._in if way == "rx" else bench.pair._out
    assert end.lost == 1
    assert bench.pair.xruns >= 1
    since = bench.clock.frame - 640
    assert len(bench.delays(since)) == 1


@pytest.mark.parametrize(
    "bits, stereo, channel",
    [(16, True, 0), (16, True, 1), (16, False, 0), (24, True, 1), (32, True, 1), (32, False, 0)],
)
@pytest.mark.parametrize("keys", MODES)
def test_widths_and_channels(bits, stereo, channel, keys):
    bench = Bench(64, bits=bits, stereo=stereo, channel=channel, **keys)
    made = {device.keys["mode"]: device.keys for device in bench.kind.made}
    assert made[0]["bits"] == made[1]["bits"] == (16 if bits == 16 else 32)
    assert made[0]["format"] == made[1]["format"] == (1 if stereo else 0)
    gain = 64 if bits == 16 else 1  # so that 16 bits hold the frame's number

    def sample(frame, ch):
        return (frame * gain << (16 if bits == 16 else LEVEL)) // gain * (-1 if ch else 1)

    bench.rx.hook = sample
    bench.steps(20)
    heard = [words for words in bench.heard.values() if words[0]]
    assert len(heard) > 700
    sign = -1 if channel else 1
    step = 1 if bits == 16 else 1 << LEVEL
    frames = [words[0] * sign // step for words in heard]
    assert frames[100:] == list(range(frames[100], frames[100] + len(frames) - 100))
    assert all(left == right for left, right in heard)


def test_two_channels_out(monkeypatch):
    def pack2(left, right, raw, bits):
        both = array("f", [0.0] * (2 * len(left)))
        both[0::2], both[1::2] = left, right
        return pedal_fx.pack(both, raw, bits, 1)

    if not hasattr(pedal_fx, "pack2"):
        monkeypatch.setattr(pedal_fx, "pack2", pack2, raising=False)
    bench = Bench(64)
    left, right = array("f", [0.25] * 64), array("f", [-0.5] * 64)
    for _ in range(10):
        bench.pair.readinto(bench.buf)
        bench.pair.write2(left, right, 64)
    assert {words for words in bench.heard.values()} == {(0, 0), (1 << 29, -(1 << 30))}


def test_a_short_last_block_ends_in_silence():
    bench = Bench(64)
    bench.pair.readinto(bench.buf)
    bench.buf[:] = array("f", [0.5] * 64)
    bench.pair.write(bench.buf, 40)
    bench.clock.spend(20000)
    heard = [words for words in bench.heard.values() if words != (0, 0)]
    assert len(heard) == 40


def test_an_engine_plays_through_it():
    bench = Bench(64)
    pair = bench.pair
    engine = Engine(Rig(rate_hz=RATE), pair, pair, clock_us=bench.clock.ticks_us)
    assert pair._in and len(bench.kind.made) == 2, "the second prepare() opened it again"
    for _ in range(50):
        assert engine.step() == 64
    assert len(bench.delays()) == 1
    engine.stop()
    engine.stop()
    assert bench.clock.devices == []


def test_arguments_are_those_of_machine_i2s():
    order = []
    bench = Bench(64, ring=4, on_clocks=lambda: order.append("clocks"))
    tx, rx = bench.kind.made
    assert order == ["clocks"]
    assert tx.keys["mode"] == 1 and tx.number == 2 and "mck" not in tx.keys
    assert rx.keys["mode"] == 0 and rx.number == 1 and rx.keys["mck"].name == "D23"
    assert {name: rx.keys[name].name for name in ("sck", "ws", "sd")} == {
        "sck": "D21",
        "ws": "D20",
        "sd": "D8",
    }
    assert rx.keys["rate"] == tx.keys["rate"] == RATE
    assert rx.keys["ibuf"] >= 4 * 64 * 8 and tx.keys["ibuf"] > (bench.pair.ahead + 64) * 8


ESP = {
    "platform": "esp32",
    "rx": {"id": 0, "sck": 4, "ws": 5, "sd": 6},
    "tx": {"id": 1, "sck": 15, "ws": 16, "sd": 17},
}


@pytest.mark.parametrize("keys", MODES)
@pytest.mark.parametrize("block", [32, 64, 128, 256, 512])
@pytest.mark.parametrize("shift", [0, 100, 255])
def test_esp32_has_long_pieces_and_a_longer_delay(keys, block, shift):
    bench = Bench(block, shift, **ESP, **keys)
    bench.steps(4000 // block + 20, block * 1000000 // RATE * 3 // 4)
    pair = bench.pair
    delays = bench.delays()
    assert len(delays) == 1, delays
    assert pair.latency_spread == 256
    assert pair.latency <= delays.pop() <= pair.latency + 256
    first = min(frame for frame, words in bench.heard.items() if words[0])
    assert bench.holes(first) == 0
    assert bench.lost == 0 and pair.xruns == 0


@pytest.mark.parametrize("keys", MODES)
@pytest.mark.parametrize("late_blocks", [7, 20])
def test_esp32_counts_a_late_block_and_aligns_again(keys, late_blocks):
    bench = Bench(64, 17, **ESP, **keys)
    bench.steps(60)
    bench.steps(1, int(late_blocks * 64 * 1000000 / RATE))
    assert bench.pair.underruns == 1
    bench.steps(60)
    since = bench.clock.frame
    bench.steps(60)
    assert len(bench.delays(since)) == 1
    delay = bench.delays(since).pop()
    assert bench.pair.latency <= delay <= bench.pair.latency + 256
    assert bench.pair.underruns == 1


@pytest.mark.parametrize(
    "keys, words",
    [
        ({"bits": 20}, ("20 bits", "16, 24 or 32")),
        ({"channel": 2}, ("channel 2", "0 or 1")),
        ({"stereo": False, "channel": 1}, ("channel 1 of a mono input", "0")),
        ({"rx": {**RX, "id": 2}}, ("id 2", "two")),
        ({"bits": 16, "platform": "pyboard"}, ("16 bits", "24 or 32")),
        ({"platform": "esp32", "ahead": 600}, ("ahead of 600", "a multiple of 64")),
        ({"platform": "samd"}, ("samd", "mimxrt")),
        ({"ahead": 70}, ("ahead of 70", "at least 80", "64")),
    ],
)
def test_wrong_arguments_say_what_is_right(keys, words):
    with pytest.raises(ValueError) as error:
        Bench(64, **keys)
    for word in words:
        assert word in str(error.value)


ON_UNIX = """
import micropython
from array import array
import i2s_standin
from pedal.io.i2s_pair import I2SPair
import pedal_fx
if not hasattr(pedal_fx, "pack2"):
    pedal_fx_pack2 = None
rx, tx = {rx}, {tx}
for irq in (False, True):
    for bits, stereo in ((32, True), (16, True), (24, False)):
        clock = i2s_standin.Clock(48000, 20)
        kind = i2s_standin.maker(clock)
        pair = I2SPair(48000, rx=rx, tx=tx, bits=bits, stereo=stereo, irq=irq, i2s=kind,
            pin=i2s_standin.Pin, clock_us=clock.ticks_us, platform="mimxrt")
        pair.prepare(64)
        buf = array("f", [0.0] * 64)
        readinto, write = pair.readinto, pair.write
        micropython.heap_lock()
        for at in range(30):
            readinto(buf)
            if at == 10:
                clock.spend(30000)
            write(buf, 64)
        micropython.heap_unlock()
        assert pair.underruns == 1 and pair.overruns == 1, (pair.underruns, pair.overruns)
        print("PASS", irq, bits, stereo)
"""


def test_a_block_allocates_nothing_on_micropython():
    """With an xrun and what follows it."""
    micropython = paths.BUILD / "unix" / "micropython"
    if not micropython.is_file():
        pytest.skip("no unix port; `make firmware` builds it")
    folders = (paths.DEVICE, paths.ROOT / "tests" / "host", paths.NATMODS / "x64", ".frozen")
    done = subprocess.run(
        [str(micropython), "-c", ON_UNIX.format(rx=RX, tx=TX)],
        env={"MICROPYPATH": ":".join(str(folder) for folder in folders)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("PASS") == 6, done.stdout + done.stderr
