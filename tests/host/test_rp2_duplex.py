"""I2S both ways on a PIO: the program's bits in a PIO emulator, the driver on a stand-in for rp2.DMA.

Instruction words come from MicroPython's own assembler, rp2.py.
"""

import ctypes
import importlib.util
import subprocess
import sys
import types
from array import array
from collections import deque

import pytest
import rp2_standin
from pedal.engine import Engine
from pedal.rig import Rig
from upedal import paths

ASSEMBLER = paths.BUILD / "micropython" / "ports" / "rp2" / "modules" / "rp2.py"
BCLK, LRCK, DOUT, DIN = 10, 11, 12, 0  # the emulator's IN has no base: 0

needs_assembler = pytest.mark.skipif(
    not ASSEMBLER.is_file(), reason="no MicroPython; `make firmware`"
)


def addressof(memory):
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


@pytest.fixture(scope="module")
def rp2():
    """MicroPython's rp2.py over the stand-in for its C half; gone from sys.modules afterwards."""
    micropython = types.ModuleType("micropython")
    micropython.const = lambda value: value
    before = dict(sys.modules)
    sys.modules["micropython"], sys.modules["_rp2"] = micropython, rp2_standin
    try:
        spec = importlib.util.spec_from_file_location("rp2", ASSEMBLER)
        module = importlib.util.module_from_spec(spec)
        sys.modules["rp2"] = module
        spec.loader.exec_module(module)
        import pedal.io.rp2_programs  # noqa: F401
        from pedal.io import rp2_duplex  # noqa: F401

        for name in ("micropython", "_rp2"):
            del sys.modules[name]
        yield module
    finally:
        for name in ("rp2", "_rp2", "micropython", "pedal.io.rp2_programs"):
            if name in before:
                sys.modules[name] = before[name]
            else:
                sys.modules.pop(name, None)


# The program, cycle by cycle -----------------------------------------------------------------


class Wire:
    """Runs a program in the emulator and notes the pins of every cycle."""

    def __init__(self, program, words_out, cycles, data_in):
        """data_in(pins) -> level of DIN, from the pins as they are."""
        from pioemu import State, emulate

        code, execctrl, shiftctrl = list(program[0]), program[4], program[5]
        self.program = program
        queue = deque(words_out[:4])
        rest = deque(words_out[4:])
        state = State(transmit_fifo=queue, pin_directions=0b111 << BCLK)
        self.cycles = []  # (bclk, lrck, dout) at each
        self.words_in = []
        runs = emulate(
            code,
            stop_when=lambda _, state: state.clock >= cycles,
            initial_state=state,
            input_source=_typed(lambda state: data_in(state.pin_values) << DIN, State),
            auto_pull=bool(shiftctrl >> 17 & 1),
            auto_push=bool(shiftctrl >> 16 & 1),
            pull_threshold=shiftctrl >> 25 & 31 or 32,
            push_threshold=shiftctrl >> 20 & 31 or 32,
            shift_isr_right=bool(shiftctrl >> 18 & 1),
            shift_osr_right=bool(shiftctrl >> 19 & 1),
            out_base=DOUT,
            out_count=1,
            side_set_base=BCLK,
            side_set_count=len(program[8]),
            wrap_target=execctrl >> 7 & 31,
            wrap_top=execctrl >> 12 & 31,
        )
        for before, after in runs:
            pins = after.pin_values
            level = tuple(pins >> pin & 1 for pin in (BCLK, LRCK, DOUT))
            self.cycles += [level] * (after.clock - before.clock)
            self.words_in += after.receive_fifo
            after.receive_fifo.clear()
            while rest and len(after.transmit_fifo) < 4:
                after.transmit_fifo.append(rest.popleft())

    def rises(self):
        """Cycles at which BCLK goes up."""
        clock = [level[0] for level in self.cycles]
        return [at for at in range(1, len(clock)) if clock[at] and not clock[at - 1]]


def _typed(function, kind):
    function.__annotations__ = {"state": kind}
    return function


class Adc:
    """What a converter sends: it changes DOUT when BCLK falls, and begins a word one bit after LRCK
    changed. words: {LRCK: its words}."""

    def __init__(self, left, right):
        self.words = {0: deque(left), 1: deque(right)}
        self.was, self.side, self.next_side = 0, 0, None
        self.word, self.bit, self.sent = 0, 0, []

    def __call__(self, pins):
        bclk, lrck = pins >> BCLK & 1, pins >> LRCK & 1
        if self.was and not bclk:
            self.fall(lrck)
        self.was = bclk
        return self.word >> self.bit & 1

    def fall(self, lrck):
        if self.next_side is not None:
            self.word, self.bit = self.words[self.next_side].popleft(), 31
            self.sent.append(self.word)
            self.next_side = None
        elif self.bit:
            self.bit -= 1
        if lrck != self.side:
            self.side = self.next_side = lrck


def dac(wire):
    """What a converter hears: [(LRCK, word)], bits read when BCLK rises, from one bit after LRCK."""
    heard, word, bits, side, started = [], 0, 0, 0, False
    for at in wire.rises():
        _, lrck, dout = wire.cycles[at]
        word, bits = word << 1 | dout, bits + 1
        if lrck != side:  # this was the last bit of the word before
            if started:
                assert bits == 32, bits
                heard.append((side, word))
            word, bits, side, started = 0, 0, lrck, True
    return heard


def words(count, seed):
    import random

    numbers = random.Random(seed)
    edges = [0, 0xFFFFFFFF, 0x80000000, 1, 0x55555555, 0xAAAAAAAA, 0x7FFFFFFF, 0xFFFFFFFE]
    return (edges + [numbers.getrandbits(32) for _ in range(count)])[:count]


@pytest.fixture(scope="module")
def wire(rp2):
    from pedal.io import rp2_programs

    adc = Adc(words(20, 1), words(20, 2))
    wire = Wire(rp2_programs.duplex, words(40, 3), 16 * 2 * 32 * 4 + 8, adc)
    wire.adc = adc
    return wire


@needs_assembler
def test_words_go_out_bit_by_bit_as_i2s_wants_them(wire):
    heard = dac(wire)
    sent = words(40, 3)
    assert len(heard) > 28
    # The first word began before LRCK ever changed, so no converter heard it.
    assert [word for _, word in heard] == sent[1 : len(heard) + 1]
    assert [side for side, _ in heard] == [(at + 1) % 2 for at in range(len(heard))]


@needs_assembler
def test_words_come_in_bit_by_bit_and_left_stays_left(wire):
    got = wire.words_in
    assert len(got) > 28
    assert got[1:] == wire.adc.sent[: len(got) - 1]
    assert wire.adc.sent[0] == words(20, 2)[0], "the first word heard is a right one"
    assert got[2::2] == words(20, 1)[: len(got[2::2])]


@needs_assembler
def test_every_bit_takes_four_cycles_and_lrck_changes_as_bclk_falls(wire):
    rises = wire.rises()
    steps = {b - a for a, b in zip(rises, rises[1:])}
    assert steps == {4}, steps
    clock = [level[0] for level in wire.cycles[rises[0] :]]
    assert clock[: len(clock) // 4 * 4] == [1, 1, 0, 0] * (len(clock) // 4)
    changes = [
        at
        for at in range(rises[0], len(wire.cycles))
        if wire.cycles[at][1] != wire.cycles[at - 1][1]
    ]
    assert {b - a for a, b in zip(changes, changes[1:])} == {32 * 4}
    for at in changes:
        assert wire.cycles[at][0] == 0 and wire.cycles[at - 1][0] == 1
    data = [
        at
        for at in range(rises[0], len(wire.cycles))
        if wire.cycles[at][2] != wire.cycles[at - 1][2]
    ]
    assert data and all(wire.cycles[at][0] == 0 and wire.cycles[at - 1][0] == 1 for at in data)


@needs_assembler
def test_the_program_is_short_enough_to_share_a_pio(rp2):
    from pedal.io import rp2_programs

    assert len(rp2_programs.duplex[0]) == 13
    assert len(rp2_programs.duplex[0]) + len(rp2_programs.mclk[0]) <= 32


@needs_assembler
def test_the_master_clock_is_high_and_low_for_a_cycle_each(rp2):
    from pedal.io import rp2_programs
    from pioemu import State, emulate

    program = rp2_programs.mclk
    runs = emulate(
        list(program[0]),
        stop_when=lambda _, state: state.clock >= 20,
        initial_state=State(pin_directions=1),
        set_base=0,
        set_count=1,
        wrap_target=program[4] >> 7 & 31,
        wrap_top=program[4] >> 12 & 31,
    )
    levels = [after.pin_values & 1 for _, after in runs]
    assert levels == [1, 0] * 10
    assert rp2_programs.MCLK_CYCLES == 2


# The driver ----------------------------------------------------------------------------------


class Bench:
    """A Duplex whose chip passes `per_look` words at each look at the DMA's flags. The left input
    is the frame's number in the upper 24 bits, the right one its negative."""

    def __init__(self, rp2, block=64, per_look=3, **keys):
        from pedal.io.rp2_duplex import Duplex

        self.chip = chip = rp2_standin.CHIP
        chip.reset(addressof)
        chip.spoken = lambda n: (n // 2 * 256 if n % 2 == 0 else -(n // 2) * 256) & 0xFFFFFFFF
        self.heard = []
        chip.heard = lambda n, value: self.heard.append(value - (value >> 31 << 32))
        keys.setdefault("mclk", 14)
        self.duplex = Duplex(
            48000, bclk=BCLK, dout=DOUT, din=DIN, rp2=rp2, pin=rp2_standin.Pin,
            freq=chip.freq, mem32=chip, addressof=addressof, **keys,
        )  # fmt: skip
        self.duplex.prepare(block)
        chip.per_look = per_look
        self.buf = array("f", [0.0] * block)

    def steps(self, count, busy_words=0):
        for _ in range(count):
            assert self.duplex.readinto(self.buf) == len(self.buf)
            self.chip.run(busy_words)
            self.duplex.write(self.buf, len(self.buf))

    def delays(self, since=0):
        """The different delays in frames of all that was heard from a frame on, silence apart."""
        left = self.heard[::2]
        return {at - left[at] // 256 for at in range(since, len(left)) if left[at]}


@needs_assembler
@pytest.mark.parametrize("block", [8, 16, 64, 256])
def test_every_frame_is_heard_once_two_blocks_later(rp2, block):
    bench = Bench(rp2, block, per_look=1)
    bench.steps(1000 // block + 10, busy_words=block)
    duplex = bench.duplex
    assert duplex.latency == 2 * block and duplex.latency_spread == 0
    assert bench.delays() == {2 * block}
    assert all(bench.heard[2 * at] for at in range(2 * block + 1, len(bench.heard) // 2))
    assert duplex.xruns == 0 and bench.chip.stalled == 0


@needs_assembler
def test_the_other_channel_can_be_the_input(rp2):
    bench = Bench(rp2, channel=1)
    bench.steps(10)
    assert {at + left // 256 for at, left in enumerate(bench.heard[::2]) if left} == {128}
    assert bench.heard[::2] == bench.heard[1::2] or bench.heard[:-1:2] == bench.heard[1::2]


@needs_assembler
def test_effects_may_take_a_block_less_what_the_queue_holds(rp2):
    bench = Bench(rp2, 64, per_look=1)
    bench.steps(20, 128 - 8)
    assert bench.duplex.xruns == 0
    bench.steps(20, 128 + 4)
    assert bench.duplex.underruns > 0


@needs_assembler
@pytest.mark.parametrize("late_blocks", [1.1, 1.9, 2.5, 3.2, 4.5, 21])
def test_a_late_block_is_counted_and_the_delay_stays(rp2, late_blocks):
    bench = Bench(rp2, 64, per_look=1)
    bench.steps(10)
    bench.steps(1, int(128 * late_blocks))
    assert bench.duplex.underruns == 1
    bench.steps(10)
    since = len(bench.heard) // 2
    bench.steps(10)
    assert bench.delays(since) == {128}
    assert bench.duplex.overruns == (1 if late_blocks > 2 else 0)
    assert bench.duplex.xruns == bench.duplex.overruns + bench.duplex.underruns
    assert bench.chip.stalled == 0, "the clocks never stop"


@needs_assembler
def test_a_read_that_is_overwritten_meanwhile_is_an_overrun(rp2, monkeypatch):
    import pedal_fx
    from pedal.io import rp2_duplex

    bench = Bench(rp2, 64)
    bench.steps(5)

    class Slow:
        pack = pedal_fx.pack

        @staticmethod
        def unpack(*args):
            bench.chip.run(130)
            return pedal_fx.unpack(*args)

    monkeypatch.setattr(rp2_duplex, "pedal_fx", Slow)
    bench.steps(1)
    assert bench.duplex.overruns == 1


@needs_assembler
def test_an_engine_plays_through_it_and_stops_it(rp2):
    bench = Bench(rp2)
    duplex = bench.duplex
    ticks = iter(range(0, 10**6, 10))
    engine = Engine(Rig(rate_hz=48000), duplex, duplex, clock_us=lambda: next(ticks))
    assert len(bench.chip.dmas) == 4
    for _ in range(20):
        assert engine.step() == 64
    engine.stop()
    engine.stop()
    assert bench.chip.dmas == [] and not any(m.on for m in bench.chip.machines.values())


@needs_assembler
def test_pins_clocks_and_order_of_the_start(rp2):
    order = []
    bench = Bench(rp2, on_clocks=lambda: order.append([m.on for m in bench_machines()]))
    main, second = bench_machines()
    assert order == [[1, 1]]
    assert [main.keys[key].number for key in ("in_base", "out_base", "sideset_base")] == [
        DIN,
        DOUT,
        BCLK,
    ]
    assert second.keys["set_base"].number == 14
    hz = bench.chip.clock_hz
    assert hz == 147_600_000
    assert bench.duplex.rate_hz == hz / 12 / 256 == 48046.875
    for machine, cycles in ((main, 256), (second, 512)):
        divider = hz * 256 // machine.freq  # as MicroPython computes it, in 1/256
        assert divider % 256 == 0, "a divider with a fraction jitters"
        assert hz / (divider / 256) == bench.duplex.rate_hz * cycles


def bench_machines():
    machines = rp2_standin.CHIP.machines
    return machines[0], machines[1]


@needs_assembler
def test_clocks_are_whole_multiples_that_the_pll_can_make(rp2):
    from pedal.io.rp2_duplex import best_clock

    for rate in (32000, 44100, 48000, 96000):
        for ratio in (256, 512):
            clock, real = best_clock(rate, ratio=ratio)
            steps = clock / ratio / real
            assert abs(steps - round(steps)) < 1e-9 and clock <= 150_000_000
            assert abs(real / rate - 1) <= 0.001, (rate, real)
            assert clock % 1000 == 0
            assert any(
                clock == 12_000_000 * feedback / (a * b)
                for feedback in range(63, 134)
                for a in range(1, 8)
                for b in range(1, 8)
            )
    with pytest.raises(ValueError, match="192000 Hz; no clock up to 20000000 Hz"):
        best_clock(192000, 20_000_000)


@needs_assembler
@pytest.mark.parametrize(
    "block, keys, words",
    [
        (100, {}, ("100 frames", "power of two")),
        (8192, {}, ("8192", "8 to 4096")),
        (64, {"channel": 2}, ("channel 2", "0 or 1")),
        (64, {"machine_id": 7}, ("state machine 7", "mclk")),
    ],
)
def test_wrong_arguments_say_what_is_right(rp2, block, keys, words):
    with pytest.raises(ValueError) as error:
        Bench(rp2, block, **keys)
    for word in words:
        assert word in str(error.value)


ON_UNIX = """
import micropython, sys, uctypes
from array import array
import rp2_standin
sys.modules["_rp2"] = rp2_standin
import rp2
from pedal.io.rp2_duplex import Duplex
chip = rp2_standin.CHIP
chip.reset(uctypes.addressof)
duplex = Duplex(48000, bclk=10, dout=12, din=13, mclk=14, rp2=rp2, pin=rp2_standin.Pin,
    freq=chip.freq, mem32=chip, addressof=uctypes.addressof)
duplex.prepare(64)
chip.per_look = 5
buf = array("f", [0.0] * 64)
readinto, write = duplex.readinto, duplex.write
micropython.heap_lock()
for at in range(40):
    readinto(buf)
    if at == 10:
        chip.run(400)
    write(buf, 64)
micropython.heap_unlock()
assert duplex.underruns == 1 and duplex.overruns == 1, (duplex.underruns, duplex.overruns)
print("PASS", [hex(word) for word in __import__("pedal.io.rp2_programs", None, None, ["x"]).duplex[0]])
"""


@needs_assembler
def test_a_block_allocates_nothing_on_micropython(rp2):
    from pedal.io import rp2_programs

    micropython = paths.BUILD / "unix" / "micropython"
    if not micropython.is_file():
        pytest.skip("no unix port; `make firmware` builds it")
    folders = [paths.DEVICE, paths.ROOT / "tests" / "host", paths.NATMODS / "x64"]
    folders += [ASSEMBLER.parent, ".frozen"]
    done = subprocess.run(
        [str(micropython), "-c", ON_UNIX],
        env={"MICROPYPATH": ":".join(str(folder) for folder in folders)},
        capture_output=True,
        text=True,
    )
    assert "PASS" in done.stdout, done.stdout + done.stderr
    assert str([hex(word) for word in rp2_programs.duplex[0]]) in done.stdout
