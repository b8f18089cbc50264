"""Controls: soaks too long for a board, every bounce there is, and what they ask of `machine`."""

import itertools
import random
import sys
import types

import pytest

pytest.importorskip("upedal.native")
from upedal import paths

sys.path.insert(0, str(paths.DEVICE))

from pedal.controls import LED, Encoder, Expression, Footswitch, Lit, MidiIn, Pot, usb_port

RATE_HZ = 48000


class Level:
    """A pin or an ADC that reads `level`."""

    def __init__(self, level):
        self.level = level

    def value(self, *_):
        return self.level

    read_u16 = value


class Route:
    def __init__(self):
        self.puts = []

    def put(self, position):
        self.puts.append(position)


# ---- pots ----


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", ["uniform", "normal", "mains"])
def test_a_noisy_pot_left_alone_for_ten_minutes_settles_and_never_chatters(seed, noise):
    source, adc = random.Random(seed), Level(0)
    pot, route = Pot(adc), Route()
    pot.routes.append(route)
    pot.attach(RATE_HZ)
    level = source.randrange(1000, 64500)
    for poll in range(60000):  # every 10 ms
        if noise == "uniform":
            error = source.randint(-200, 200)
        elif noise == "normal":
            error = max(-200, min(200, round(source.gauss(0, 90))))
        else:  # hum, beating with the polls, under a little noise
            error = round(190 * (poll * 0.0101 % 1 * 4 - 2)) // 2 + source.randint(-10, 10)
        adc.level = level + error
        pot.poll(poll * 480 & 0x3FFFFFFF)
        if poll == 100:
            settled = len(route.puts)
    moves = [b - a for a, b in zip(route.puts[settled - 1 :], route.puts[settled:])]
    assert len(moves) <= 3, (seed, noise, moves)
    assert not moves or min(moves) > 0 or max(moves) < 0, (seed, noise, moves)


@pytest.mark.parametrize("seed", range(4))
def test_a_pot_turned_about_for_long_is_always_within_its_play(seed):
    source, adc = random.Random(seed), Level(0)
    pot = Pot(adc)
    pot.attach(RATE_HZ)
    level, target = 30000, 30000
    for poll in range(30000):
        if poll % 200 == 0:
            target = source.choice([0, 65535, source.randrange(65536)])
        if poll % 200 < 100:
            level += max(-3000, min(3000, target - level))
        adc.level = max(0, min(65535, level + source.randint(-200, 200)))
        pot.poll(poll * 480 & 0x3FFFFFFF)
        if poll % 200 == 199:
            exact = max(0, min(65535, (level - 800) * 65535 / 63935))
            assert abs(pot.position - exact) <= 450, (seed, poll, pot.position, exact)
            if target in (0, 65535):
                assert pot.position == target, (seed, poll)


# ---- switches ----


@pytest.mark.parametrize("step", [48, 64, 128, 240])
def test_every_bounce_of_up_to_5_ms_is_one_press_and_one_release(step):
    polls = 240 // step
    for press, release in itertools.product(itertools.product((0, 1), repeat=polls), repeat=2):
        pin, heard = Level(1), []
        switch = Footswitch(pin)
        switch.pressed.add(lambda heard=heard: heard.append("pressed"))
        switch.released.add(lambda heard=heard: heard.append("released"))
        switch.attach(RATE_HZ)
        quiet = -(-480 // step) + 2
        now = 0
        for level in [1] * 2 + list(press) + [0] * quiet + list(release) + [1] * quiet:
            pin.level = level
            now += step
            switch.poll(now)
        assert heard == ["pressed", "released"], (press, release, heard)


# ---- MIDI ----


def reference(stream, channel):
    """[(controller, value) or (program,)], read in another way: real-time bytes out first, then cut
    into messages at each status byte."""
    stream = [byte for byte in stream if byte < 0xF8]
    starts = [at for at, byte in enumerate(stream) if byte >= 0x80] + [len(stream)]
    found = []
    for start, end in zip(starts, starts[1:]):
        kind, data = stream[start] >> 4, stream[start + 1 : end]
        if channel and stream[start] & 15 != channel - 1:
            continue
        if kind == 0xB:
            found += [(data[at], data[at + 1]) for at in range(0, len(data) - 1, 2)]
        elif kind == 0xC:
            found += [(program,) for program in data]
    return found


class Chunks:
    """A port that gives its bytes in random chunks."""

    def __init__(self, source, stream):
        self.source, self.stream, self.at = source, bytes(stream), 0

    def any(self):
        return min(self.source.randint(0, 7), len(self.stream) - self.at)

    def readinto(self, buf):
        count = self.source.randint(0, len(buf))
        buf[:count] = self.stream[self.at : self.at + count]
        self.at += count
        return count


@pytest.mark.parametrize("channel", [None, 5])
@pytest.mark.parametrize("seed", range(20))
def test_any_stream_in_any_chunks_is_read_as_the_reference_reads_it(seed, channel):
    source = random.Random(seed)
    common = [0xB0, 0xB4, 0xC0, 0xC4, 0xF0, 0xF7, 0xF8, 0xFE, 0x90, 0xB4, 0xC4, 0xF2]
    stream = [
        source.choice(common)
        if source.random() < 0.3
        else source.randrange(256 if seed % 2 else 128)
        for _ in range(5000)
    ]
    port = Chunks(source, stream)
    midi = MidiIn(port, channel=channel, limit=source.choice([1, 3, 32, 256]))
    knobs = [midi.cc(number) for number in range(120)]
    programs = []
    midi.program.add(programs.append)
    midi.attach(RATE_HZ)
    now = 0
    while port.at < len(stream):
        now += 64
        midi.poll(now)
    values, last = {}, []
    for message in reference(stream, channel):
        if len(message) == 2:
            values[message[0]] = message[1]
        else:
            last = [message[0]]
    for knob in knobs:
        expected = values.get(knob.number)
        got = knob.position >> 9 if knob.position >= 0 else None
        assert got == expected, (seed, knob.number)
    assert programs[-1:] == last and len(values) > 20


# ---- what is asked of MicroPython's own modules ----


class FakePin:
    OUT, IN, PULL_UP, IRQ_RISING, IRQ_FALLING = "out", "in", "up", 1, 2
    made = []
    hard = True

    def __init__(self, *args, **options):
        self.made.append((args, options))
        self.level = 1

    def value(self, *level):
        return self.level

    def irq(self, **options):
        if options.pop("hard", False) and not self.hard:
            raise TypeError("extra keyword arguments given")
        self.handler, self.trigger = options["handler"], options["trigger"]


@pytest.fixture
def machine(monkeypatch):
    calls = []

    def maker(name, **attributes):
        def make(*args, **options):
            calls.append((name, args, options))
            return types.SimpleNamespace(**attributes)

        return make

    fake = types.ModuleType("machine")
    monkeypatch.setattr(FakePin, "made", [])
    monkeypatch.setattr(FakePin, "hard", True)
    fake.Pin = FakePin
    fake.ADC = maker("ADC", read_u16=lambda: 30000)
    fake.UART = maker("UART", any=lambda: 0, readinto=lambda buf: 0)
    fake.PWM = maker("PWM", duty_u16=lambda level: calls.append(("duty", level)))
    fake.calls = calls
    monkeypatch.setitem(sys.modules, "machine", fake)
    return fake


def test_numbers_become_pins_adcs_uarts_and_pwms(machine):
    Pot(26)
    Expression("A1")
    MidiIn(1)
    Footswitch(15)
    Footswitch("D3", pull_up=False)
    led = LED(25, Lit(lambda: True, 1000), pwm_hz=2000)
    led.attach(RATE_HZ)
    led.poll(0)
    assert [call[:2] for call in machine.calls] == [
        ("ADC", (26,)),
        ("ADC", ("A1",)),
        ("UART", (1, 31250)),
        ("PWM", machine.calls[3][1]),
        ("duty", 1000),
    ]
    assert machine.calls[3][2] == {"freq": 2000, "duty_u16": 0}
    assert FakePin.made == [
        ((15, "in", "up"), {}),
        (("D3", "in"), {}),
        ((25, "out"), {"value": 0}),
    ]


@pytest.mark.parametrize("hard", [True, False])
def test_an_encoder_on_numbered_pins_counts_by_interrupt(machine, monkeypatch, hard):
    pins = []
    real = FakePin.__init__
    monkeypatch.setattr(FakePin, "hard", hard)
    monkeypatch.setattr(
        FakePin, "__init__", lambda self, *args: (real(self, *args), pins.append(self))[0]
    )
    encoder, turned = Encoder(2, 3), []
    encoder.turned.add(turned.append)
    encoder.attach(RATE_HZ)
    a, b = pins
    assert a.trigger == b.trigger == 3
    for levels in [(0, 1), (0, 0), (1, 0), (1, 1)] * 7:  # between two polls
        for pin, level in zip(pins, levels):
            if pin.level != level:
                pin.level = level
                pin.handler(pin)
    encoder.poll(480)
    assert turned == [7], turned


def test_usb_port_hands_the_drivers_packets_over(monkeypatch):
    made = []

    class MIDIInterface:
        pass

    device = types.SimpleNamespace(
        init=lambda interface, **options: made.append((interface, options))
    )
    usb, usb_device, usb_midi = (
        types.ModuleType(n) for n in ("usb", "usb.device", "usb.device.midi")
    )
    usb.device, usb_device.midi = usb_device, usb_midi
    usb_device.get = lambda: device
    usb_midi.MIDIInterface = MIDIInterface
    for module in (usb, usb_device, usb_midi):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    port = usb_port()
    (interface, options) = made[0]
    assert isinstance(interface, MIDIInterface) and options == {"builtin_driver": True}
    midi = MidiIn(port)
    seven = midi.cc(7)
    seven.attach(RATE_HZ)  # as a rig does that was given only the controller
    interface.on_midi_event(0x0B, 0xB0, 7, 127)
    seven.poll(480)
    assert seven.position == 65535
    midi.cc(8).attach(RATE_HZ)  # a second one leaves the polling to the first


def test_the_package_offers_what_it_lists():
    import pedal.controls

    for name in pedal.controls.__all__:
        assert getattr(pedal.controls, name).__name__ == name
    with pytest.raises(ImportError):
        from pedal.controls import Potentiometer  # noqa: F401
