# 44.1 <-> 48 kHz on any target: pedal_fx.resample() and Neural(resample=True). See tests/run.py.
import array
import binascii
import math

import pedal_fx
import target  # made by the runner
from pedal import Engine, Neural, Rig, store

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: nothing to lock

    def heap_lock():
        pass

    heap_unlock = heap_lock

PAIRS = ((44100, 48000), (48000, 44100))
TICKS_HZ = 7056000
DELAY_S = 3200 / TICKS_HZ
# CRC-32 of what test_bits_are_the_same_on_every_target plays: a change of these bits is a change of sound.
BITS = {44100: 0x78CA18C7, 48000: 0x3D7E5D1E}


def floats(name):
    with open(name, "rb") as file:
        return array.array("f", file.read())


def resampler(from_hz, to_hz, extra=0):
    state = store.aligned(pedal_fx.resample_size(from_hz, to_hz))
    pedal_fx.resample_init(state, from_hz, to_hz, extra)
    return state


def play(state, x, block, room):
    """All of x in blocks; a list of what came out of each."""
    out, parts = array.array("f", bytes(4 * room)), []
    for at in range(0, len(x), block):
        n = pedal_fx.resample(state, memoryview(x)[at : at + block], out)
        parts.append(bytes(memoryview(out)[:n]))
    return parts


def ceil_ratio(frames, from_hz, to_hz):
    return -(-frames * to_hz // from_hz)


def refused(word, function, *args):
    try:
        function(*args)
    except ValueError as e:
        assert word in str(e), (word, str(e))
        return
    raise AssertionError("no ValueError with " + word)


def test_any_split_gives_the_same_bits_and_the_promised_frames():
    x = floats("input.f32")
    for from_hz, to_hz in PAIRS:
        whole = b"".join(play(resampler(from_hz, to_hz, 30), x, len(x), 800))
        for block in (1, 7, 64, 65, 200):
            parts = play(resampler(from_hz, to_hz), x, block, 300)
            assert sum(len(p) for p in parts[:3]) // 4 == ceil_ratio(3 * block, from_hz, to_hz), (
                block
            )
            parts = play(resampler(from_hz, to_hz, 30), x, block, 300)
            assert b"".join(parts) == whole, (from_hz, block)


def test_a_sine_comes_out_a_sine_at_the_stated_delay():
    for from_hz, to_hz in PAIRS:
        for hz, limit in ((1000, 1e-4), (10000, 1e-4), (17500, 2e-4)):
            x = array.array("f", [math.sin(2 * math.pi * hz * k / from_hz) for k in range(250)])
            y = array.array("f", b"".join(play(resampler(from_hz, to_hz, 20), x, 64, 100)))
            delay = DELAY_S + 20 / TICKS_HZ
            for k in range(120, 220):
                want = math.sin(2 * math.pi * hz * (k / to_hz - delay))
                assert abs(y[k] - want) < limit, (from_hz, hz, k, y[k] - want)


def test_bits_are_the_same_on_every_target():
    x = floats("input.f32")
    for from_hz, to_hz in PAIRS:
        crc = binascii.crc32(b"".join(play(resampler(from_hz, to_hz), x, 64, 100)))
        assert crc == BITS[from_hz] or not target.EXACT, (from_hz, hex(crc))


def test_a_frame_that_is_not_finite_is_silence_and_leaves_no_trace():
    x = floats("input.f32")
    zeroed, broken = array.array("f", x), array.array("f", x)
    for at, value in ((5, "nan"), (80, "inf"), (81, "-inf")):
        zeroed[at] = 0.0
        broken[at] = float(value)
    for pair in PAIRS:
        assert play(resampler(*pair), broken, 64, 100) == play(
            resampler(*pair), zeroed, 64, 100
        ), pair


def test_reset_is_a_fresh_start():
    x = floats("input.f32")
    for pair in PAIRS:
        state = resampler(*pair)
        first = play(state, x, 64, 100)
        pedal_fx.resample_reset(state)
        assert play(state, x, 64, 100) == first, pair


def test_wrong_calls_are_refused():
    size = pedal_fx.resample_size(44100, 48000)
    refused("44100", pedal_fx.resample_size, 44100, 96000)
    refused("44100", pedal_fx.resample_size, 0, 48000)
    refused("44100", pedal_fx.resample_init, store.aligned(size), 48000, 48000, 0)
    refused("smaller", pedal_fx.resample_init, store.aligned(size - 16), 44100, 48000, 0)
    refused("ticks", pedal_fx.resample_init, store.aligned(size), 44100, 48000, 160)
    refused("ticks", pedal_fx.resample_init, store.aligned(size), 44100, 48000, -1)
    x = array.array("f", [0.0] * 64)
    refused("initialised", pedal_fx.resample, store.aligned(size), x, x)
    refused("initialised", pedal_fx.resample_reset, bytearray(8))
    state = resampler(44100, 48000)
    copied = store.aligned(len(state))
    copied[:] = state
    refused("moved", pedal_fx.resample, copied, x, x)
    refused("short", pedal_fx.resample, resampler(44100, 48000), x, array.array("f", [0.0] * 60))


def test_frames_without_room_wait_for_the_next_call():
    x = floats("input.f32")[:100]
    whole = b"".join(play(resampler(44100, 48000), x, 100, 200))
    state, y = resampler(44100, 48000), array.array("f", bytes(4 * 120))
    assert pedal_fx.resample(state, x, memoryview(y)[:106]) == 106
    n = pedal_fx.resample(state, memoryview(x)[:0], memoryview(y)[106:])
    assert n == 3 and bytes(memoryview(y)[:109]) == whole, n


# ---- Neural ----

CASES = (("gru10.upm", 44100, 40), ("tcn_tanh.upm", 48000, 44))  # model, the rig's rate, latency


def through(name, rig_hz, x, block):
    net = Neural(name, resample=True)
    Rig(net, rate_hz=rig_hz)
    y = array.array("f", x)
    for at in range(0, len(x), block):
        net.process(memoryview(y)[at : at + block])
    return bytes(y)


def test_neural_gives_a_frame_for_a_frame_whatever_the_blocks():
    x = floats("input.f32")[:300]
    for name, rig_hz, _ in CASES:
        whole = through(name, rig_hz, x, len(x))
        for block in (1, 7, 64, 65):
            assert through(name, rig_hz, x, block) == whole, (name, block)


def test_neural_is_resampler_net_resampler_with_a_whole_latency():
    x = floats("input.f32")
    for name, rig_hz, latency in CASES:
        net = Neural(name, resample=True)
        assert net.latency == 0
        Rig(net, rate_hz=rig_hz)
        assert net.latency == latency, (name, net.latency)
        bare = Neural(name)
        extra = latency * (TICKS_HZ // rig_hz) - 6400
        mid = array.array("f", b"".join(play(resampler(rig_hz, net.rate_hz), x, len(x), 700)))
        bare.process(mid)
        state, y = resampler(net.rate_hz, rig_hz, extra), array.array("f", x)
        assert pedal_fx.resample(state, mid, y) == len(y)
        assert through(name, rig_hz, x, 64) == bytes(y), name


def test_neural_reset_is_a_fresh_start():
    for name, rig_hz, _ in CASES:
        net = Neural(name, resample=True)
        Rig(net, rate_hz=rig_hz)
        first, second = floats("input.f32"), floats("input.f32")
        net.process(first)
        net.reset()
        net.process(second)
        assert bytes(first) == bytes(second), name


def test_neural_resampling_allocates_nothing_once_it_knows_the_block():
    for name, rig_hz, _ in CASES:
        net = Neural(name, resample=True)
        Rig(net, rate_hz=rig_hz)
        buf = floats("input.f32")[:64]
        ((function, a, b),) = net.natives(buf)
        net.process(buf)
        heap_lock()
        try:
            for _ in range(20):  # blocks of both lengths come by
                net.process(buf)
                function(a, b)
        finally:
            heap_unlock()


class Source:
    def __init__(self, blocks):
        self.left = blocks

    def readinto(self, buf):
        for at in range(len(buf)):
            buf[at] = 0.25
        self.left -= 1
        return len(buf) if self.left >= 0 else 0


class Sink:
    def write(self, buf, frames):
        self.last = array.array("f", buf)


def test_engine_plays_a_model_of_the_other_rate():
    rig = Rig(Neural("tcn_tanh.upm", resample=True), rate_hz=48000, block=32)
    sink = Sink()
    engine = Engine(rig, Source(30), sink)
    engine.run()
    assert engine.blocks == 30 and engine.faults == 0, engine.reports
    want = floats("input.f32")
    for at in range(len(want)):
        want[at] = 0.25
    bare = Neural("tcn_tanh.upm")
    for _ in range(3):
        settled = array.array("f", want)
        bare.process(settled)
    # a constant passes both filters as it is
    assert abs(sink.last[31] - settled[-1]) < 1e-3 * max(1.0, abs(settled[-1])), (
        sink.last[31],
        settled[-1],
    )


def test_a_mismatch_without_resample_says_what_helps():
    refused("resample=True", lambda: Rig(Neural("gru10.upm"), rate_hz=44100))
    refused("44100 and 48000", lambda: Rig(Neural("gru10.upm", resample=True), rate_hz=96000))
    net = Neural("gru10.upm", resample=True)
    Rig(net, rate_hz=48000)
    buf = array.array("f", [0.0] * 8)
    assert net.latency == 0 and net.natives(buf)[0][1] is buf and net.natives(buf)[0][2] is buf
