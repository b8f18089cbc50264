"""Rig, engine, effects and WAV files: one text for CPython, MicroPython and emulated boards."""

import os
import struct
from array import array

from pedal import Engine, Gain, Neural, Rig, store
from pedal.io.wav import WavReader, WavWriter
from pedal.play import load_rig, play

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: nothing to lock

    def heap_lock():
        pass

    heap_unlock = heap_lock


def _model():
    """The first model among the fixtures that this rate and these tests can use."""
    for name in sorted(os.listdir(".")):
        if name.endswith(".upm"):
            try:
                Rig(Neural(name))
                return name
            except ValueError:
                pass
    raise AssertionError("no 48 kHz model that loads among the fixtures")


def _signal(frames):
    return array("f", [((at * 37) % 101 - 50) / 128 for at in range(frames)])


class _Source:
    """Blocks of one value, for ever."""

    def __init__(self, value=0.25):
        self.value = value
        self.closed = 0
        self.xruns = 3

    def readinto(self, buf):
        value = self.value
        for at in range(len(buf)):
            buf[at] = value
        return len(buf)

    def close(self):
        self.closed += 1


class _Sink:
    """Keeps a reference to the engine's buffer."""

    def __init__(self):
        self.blocks = 0

    def write(self, buf, frames):
        self.buf = buf
        self.blocks += 1


class _Faulty:
    """Raises in its third block, with half of it spoilt."""

    def __init__(self):
        self.calls = 0

    def process(self, buf):
        self.calls += 1
        buf[0] = 99.0
        if self.calls == 3:
            raise RuntimeError("third block")
        buf[0] = buf[1]

    def reset(self):
        self.calls = 0


def _raises(function, *words):
    """The call must raise ValueError, with all the words in its text."""
    try:
        function()
    except ValueError as error:
        text = str(error)
        for word in words:
            assert word in text, (word, text)
        return
    raise AssertionError(f"no ValueError with {words}")


def test_step_allocates_nothing():
    rig = Rig(Gain(db=6), Neural(_model()), Gain(db=-6))
    with WavWriter("heap.wav", 48000, bits=24, channels=2) as writer:
        writer.write(_signal(64 * 9 + 5), 64 * 9 + 5)
    engine = Engine(rig, WavReader("heap.wav"), WavWriter("heap_out.wav", 48000))
    steps = 0
    heap_lock()
    try:
        while engine.step():
            steps += 1
    finally:
        heap_unlock()
    engine.stop()
    assert steps == 10, steps
    assert engine.blocks == 10 and engine.frames == 64 * 9 + 5, (engine.blocks, engine.frames)


def test_faulting_effect_is_bypassed_and_counted_once():
    faulty = _Faulty()
    sink = _Sink()
    engine = Engine(Rig(Gain(db=0), faulty, Gain(db=20)), _Source(), sink, block=8)
    for _ in range(6):
        assert engine.step() == 8
        for at in range(8):
            assert abs(sink.buf[at] - 2.5) < 1e-5, (at, sink.buf[at])
    assert faulty.calls == 3, faulty.calls
    assert engine.faults == 1 and len(engine.reports) == 1, engine.reports
    for word in ("2", "_Faulty", "RuntimeError", "third block"):
        assert word in engine.reports[0], engine.reports
    assert sink.blocks == 6


def test_two_effects_faulting_in_one_block_are_both_bypassed():
    first, second = _Faulty(), _Faulty()
    sink = _Sink()
    engine = Engine(Rig(first, Gain(db=20), second, Gain(db=-20)), _Source(), sink, block=8)
    for _ in range(4):
        engine.step()
        for at in range(8):
            assert abs(sink.buf[at] - 0.25) < 1e-5, (at, sink.buf[at])
    assert engine.faults == 2 and (first.calls, second.calls) == (3, 3), engine.reports
    engine.reset()
    assert engine.faults == 0 and engine.blocks == 0
    engine.step()
    assert first.calls == 1, "reset() brings a bypassed effect back"


def test_load_is_the_slowest_block_and_late_blocks_are_counted():
    times = [0, 100, 1000, 1500, 2000, 2200, 3000, 5000]  # start, end of four blocks, in us
    engine = Engine(
        Rig(Gain(db=0), rate_hz=48000), _Source(), _Sink(), block=48, clock_us=lambda: times.pop(0)
    )
    for expected in (0.1, 0.5, 0.5, 2.0):
        engine.step()
        assert abs(engine.load() - expected) < 1e-6, (engine.load(), expected)
    assert engine.late == 1 and engine.xruns == 3, (engine.late, engine.xruns)


def test_stopping_twice_is_fine():
    source = _Source()
    engine = Engine(Rig(), source, _Sink())
    engine.step()
    engine.stop()
    engine.stop()
    assert source.closed == 2
    engine.run()
    assert engine.blocks == 1, "a stopped engine does not run"


def test_gain_glides_and_then_stands():
    gain = Gain(db=0)
    gain.attach(48000)
    buf = array("f", [1.0] * 16)
    gain.process(buf)
    assert min(buf) == max(buf) == 1.0
    gain.db = 20
    last = 1.0
    for _ in range(300):
        buf = array("f", [1.0] * 16)
        gain.process(buf)
        for value in buf:
            assert last <= value < last + 0.03 and value < 10.001, (last, value)
            last = value
    assert abs(last - 10) < 5e-4, last
    gain.db = float("-inf")
    gain.reset()
    buf = array("f", [1.0] * 16)
    gain.process(buf)
    assert min(buf) == max(buf) == 0.0
    _raises(lambda: Gain(db=151), "151", "-150")


def test_wav_keeps_samples_of_every_kind():
    signal = _signal(100)
    for bits, step in ((16, 2.0**-15), (24, 2.0**-23), (32, 2.0**-23), (-32, 0.0)):
        with WavWriter("kinds.wav", 44100, bits=bits, channels=3) as writer:
            writer.write(signal, 100)
        with WavReader("kinds.wav", channel=2) as reader:
            facts = (reader.rate_hz, reader.channels, reader.bits, reader.frames)
            assert facts == (44100, 3, bits, 100), facts
            buf = array("f", [7.0] * 64)
            assert reader.readinto(buf) == 64
            for at in range(64):
                assert abs(buf[at] - signal[at]) <= step / 2, (bits, at)
            assert reader.readinto(buf) == 36
            for at in range(36):
                assert abs(buf[at] - signal[64 + at]) <= step / 2, (bits, at)
            assert max(buf[36:]) == min(buf[36:]) == 0.0, "zeros behind the end"
            assert reader.readinto(buf) == 0


def _wav(*chunks):
    body = b"WAVE"
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _fmt(tag=1, channels=1, rate_hz=48000, bits=16, more=b""):
    align = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * align, align, bits) + more


def _write(name, data):
    with open(name, "wb") as file:
        file.write(data)


def test_wav_takes_chunks_in_any_order_and_odd_sizes():
    samples = struct.pack("<hhh", 16384, -32768, 8192) + b"\x01"  # an odd byte too many
    extensible = _fmt(0xFFFE, more=struct.pack("<HHIH", 22, 16, 4, 1) + b"\0" * 14)
    for form in (_fmt(), extensible):
        junk = (b"LIST", b"odd")
        _write("order.wav", _wav(junk, (b"data", samples), junk, (b"fmt ", form), junk))
        with WavReader("order.wav") as reader:
            buf = array("f", [0.0] * 4)
            assert reader.readinto(buf) == 3, reader.frames
            assert list(buf) == [0.5, -1.0, 0.25, 0.0], buf


def test_wav_errors_name_file_finding_and_expectation():
    data = (b"data", b"\0" * 64)
    whole = _wav((b"fmt ", _fmt()), data)
    cases = (
        (b"RIFX" + whole[4:], "RIFX"),
        (b"", "expected RIFF"),
        (whole[:-1], "64 bytes", "holds 63"),
        (whole[:30], "fmt"),
        (_wav(data), "no fmt chunk"),
        (_wav((b"fmt ", _fmt())), "no data chunk"),
        (_wav((b"fmt ", _fmt()[:14]), data), "14 bytes"),
        (_wav((b"fmt ", _fmt(bits=8)), data), "8 bits", "16, 24 or 32"),
        (_wav((b"fmt ", _fmt(tag=85)), data), "format 85"),
        (_wav((b"fmt ", _fmt(0xFFFE)), data), "extensible"),
        (_wav((b"fmt ", _fmt(channels=0)), data), "0 channels"),
        (_wav((b"fmt ", _fmt(rate_hz=0)), data), "0 Hz"),
    )
    for case in cases:
        _write("bad.wav", case[0])
        _raises(lambda: WavReader("bad.wav"), "bad.wav", "expected", *case[1:])
    _write("good.wav", whole)
    _raises(lambda: WavReader("good.wav", channel=1), "channel 1", "0 to 0")


def test_models_lie_where_sixteen_divides():
    for size in (1, 16, 1000):
        buf = store.aligned(size)
        assert len(buf) == size and store.addressof(buf) % 16 == 0
    blob = store.load(_model())
    assert bytes(blob[:4]) == b"UPMD" and store.addressof(blob) % 16 == 0
    _raises(lambda: store.load("absent.upm"), "absent.upm", "no such model")


def test_neural_is_prewarmed_and_reset_brings_the_start_back():
    neural = Neural(_model())
    first = _signal(200)
    neural.process(first)
    again = _signal(200)
    neural.process(again)
    neural.reset()
    third = _signal(200)
    neural.process(third)
    assert bytes(first) == bytes(third), "after reset() the output is that of a new model"
    assert max(first) > min(first), "the model is silent"


def test_model_of_another_rate_is_refused():
    name = _model()
    _raises(lambda: Rig(Neural(name), rate_hz=44100), name, "48000", "44100")


def test_damaged_model_is_refused_by_name():
    blob = bytearray(store.load(_model()))
    blob[len(blob) // 2] ^= 1
    _write("damaged.upm", blob)
    _raises(lambda: Neural("damaged.upm"), "damaged.upm")
    os.remove("damaged.upm")


def test_rig_refuses_what_is_no_effect():
    _raises(lambda: Rig(Gain(db=1), 6), "effect 2", "process")
    gain = Gain(db=1)
    _raises(lambda: Rig(gain, gain), "effect 2", "twice")
    _raises(lambda: Rig(block=5000), "5000", "1 to 4096")


def test_play_gives_the_same_file_for_any_block():
    with open("plain_rig.py", "w") as file:
        file.write("from pedal import Gain, Neural, Rig\n")
        file.write(f"rig = Rig(Gain(db=-3), Neural('{_model()}'), rate_hz=48000)\n")
    with WavWriter("play_in.wav", 48000, bits=24) as writer:
        writer.write(_signal(300), 300)
    outputs = []
    for block in (1, 16, 64, 500):
        counters = play(load_rig("plain_rig.py"), "play_in.wav", "play_out.wav", block=block)
        assert counters["frames"] == 300 and counters["faults"] == 0, counters
        assert counters["blocks"] == -(-300 // block), counters
        with open("play_out.wav", "rb") as file:
            outputs.append(file.read())
    for output in outputs[1:]:
        assert output == outputs[0]
    with WavWriter("play_44.wav", 44100) as writer:
        writer.write(_signal(10), 10)
    rig = load_rig("plain_rig.py")
    _raises(lambda: play(rig, "play_44.wav", "play_out.wav"), "play_44.wav", "44100", "48000")


def test_knobs_change_the_sound_and_survive_reset():
    name = "gru9_2knobs.upm"
    plain, turned = Neural(name), Neural(name, knobs=(0.9, 0.1))
    one, two = _signal(100), _signal(100)
    plain.process(one)
    turned.process(two)
    assert bytes(one) != bytes(two)
    turned.reset()
    three = _signal(100)
    turned.process(three)
    assert bytes(two) == bytes(three), "reset() keeps the knobs where they are"
    _raises(lambda: Neural(name, knobs=(0.9,)))
