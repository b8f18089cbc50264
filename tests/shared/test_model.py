# The nets of pedal_nn on any target: CPython, MicroPython with natmods or user modules, any core.
# Plain functions and asserts: no test framework fits on a pedal. See tests/run.py.
import array
import hashlib
import sys

import pedal_nn
import target  # made by the runner: NAME, EXACT (has a fused multiply-add)

MICROPYTHON = sys.implementation.name == "micropython"
MODELS = (
    "gru4", "gru10", "gru16", "gru9_2knobs", "gru6_gru5",
    "tcn_tanh", "tcn_tanh_fast", "tcn_gated", "tcn_relu", "tcn_softsign",
    "wavenet", "wavenet_fast", "wavenet_blended",
)  # fmt: skip
INTEGERS = (
    "q_conv", "q_gated", "q_blended", "q_side", "q_gru", "q_lstm", "q_film", "q_act", "q_mixed", "q_deemphasis",
    "q7", "q7_narrow",
)  # fmt: skip
ALL = MODELS + INTEGERS


def read(name):
    with open(name, "rb") as f:
        return bytearray(f.read())


def floats(name):
    return array.array("f", bytes(read(name)))


def model(name):
    blob = read(name + ".upm")
    return pedal_nn.Model(blob, bytearray(pedal_nn.arena_size(blob)))


def play(net, x, block):
    y = array.array("f", bytes(4 * len(x)))
    src, dst = memoryview(x), memoryview(y)
    for at in range(0, len(x), block):
        net.process(src[at : at + block], dst[at : at + block])
    return y


def energy_ratio(y, want):
    """Error energy over signal energy; -100 dB is 1e-10."""
    error = signal = 0.0
    for a, b in zip(y, want):
        error += (a - b) * (a - b)
        signal += b * b
    return error / signal


def refused(blob):
    """The reader's word for why it refuses a file, or None if it takes it."""
    try:
        pedal_nn.Model(blob, bytearray(pedal_nn.arena_size(blob)))
    except ValueError as e:
        return str(e)
    return None


def test_output_is_near_the_float64_reference():
    x = floats("input.f32")
    for name in MODELS:
        accurate = pedal_nn.info(read(name + ".upm"))[5] == 0
        # fast tanh and sigmoid cost up to -75 dB on a whole net, accurate ones -100 dB
        limit = 1e-10 if accurate or "relu" in name or "softsign" in name else 3.2e-8
        ratio = energy_ratio(play(model(name), x, 64), floats(name + ".f32"))
        assert ratio <= limit, (name, ratio, limit)


def test_output_is_bit_identical_where_there_is_a_fused_multiply_add():
    x = floats("input.f32")
    for name in MODELS:
        y = play(model(name), x, 64)
        digest = "".join("%02x" % b for b in hashlib.sha256(bytes(y)).digest())
        with open(name + ".sha256") as f:
            want = f.read().strip()
        assert (digest == want) or not target.EXACT, (name, digest, want)


def test_integers_are_those_of_the_numpy_reference_on_every_target():
    x = floats("input.f32")
    for name in INTEGERS:
        y = play(model(name), x, 64)
        digest = "".join("%02x" % b for b in hashlib.sha256(bytes(y)).digest())
        with open(name + ".sha256") as f:
            assert digest == f.read().strip(), name


def test_any_block_size_gives_the_same_bits():
    x = floats("input.f32")[:400]
    for name in ALL:
        whole = bytes(play(model(name), x, len(x)))
        for block in (1, 7, 63, 65):
            assert bytes(play(model(name), x, block)) == whole, (name, block)


def test_in_place_gives_the_same_bits():
    x = floats("input.f32")
    for name in ALL:
        y = array.array("f", x)
        model(name).process(y, y)
        assert bytes(y) == bytes(play(model(name), x, 64)), name


def test_reset_is_a_fresh_start():
    x = floats("input.f32")
    for name in ALL:
        net = model(name)
        first = bytes(play(net, x, 64))
        net.reset()
        assert bytes(play(net, x, 64)) == first, name


def test_knobs_change_the_sound_and_are_checked():
    x = floats("input.f32")
    net = model("gru9_2knobs")
    default = bytes(play(net, x, 64))
    net.reset()
    net.knobs(array.array("f", [0.25, 0.25]))  # the defaults
    assert bytes(play(net, x, 64)) == default
    net.reset()
    net.knobs(array.array("f", [1.0, 0.0]))
    assert bytes(play(net, x, 64)) != default
    for wrong in ([0.5], [0.5, float("nan")]):
        try:
            net.knobs(array.array("f", wrong))
            assert False, wrong
        except ValueError:
            pass


def test_arena_fits_exactly():
    for name in ALL:
        blob = read(name + ".upm")
        size = pedal_nn.arena_size(blob)
        pedal_nn.Model(blob, bytearray(size))
        try:
            pedal_nn.Model(blob, bytearray(size - 16))
            assert False, name
        except ValueError as e:
            assert "arena" in str(e)


def test_a_frame_that_is_not_finite_is_silence_and_leaves_no_trace():
    x = floats("input.f32")
    for name in ALL:
        zeroed, broken = array.array("f", x), array.array("f", x)
        for at, value in ((5, "nan"), (80, "inf"), (81, "-inf")):
            zeroed[at] = 0.0
            broken[at] = float(value)
        assert bytes(play(model(name), broken, 64)) == bytes(play(model(name), zeroed, 64)), name


def test_lengths_that_differ_are_refused():
    net = model("gru4")
    try:
        net.process(array.array("f", [0.0] * 4), array.array("f", [0.0] * 5))
        assert False
    except ValueError:
        pass


def test_damaged_files_name_the_check_that_failed():
    for name in ("gru10", "tcn_gated"):
        good = read(name + ".upm")
        assert refused(good) is None
        cases = (
            (good[:40], "shorter"),
            (good[:-16], "shorter"),
            (good + bytes(16), "size"),
            (b"RIFF" + good[4:], "magic"),
            (good[:4] + b"\x02" + good[5:], "version"),
            (good[:200] + bytes([good[200] ^ 1]) + good[201:], "CRC"),
            (b"", "shorter"),
        )
        for blob, word in cases:
            why = refused(bytearray(blob))
            assert why and word in why, (name, word, why)


def test_a_misaligned_file_is_refused():
    blob = read("gru10.upm")
    shifted = bytearray(4) + blob
    why = refused(memoryview(shifted)[4:])
    assert why and "aligned" in why, why


def test_thousands_of_flipped_bits_never_crash():
    blob = read("gru4.upm")
    state = 1
    for _ in range(300):
        state = (state * 1103515245 + 12345) & 0x3FFFFFFF
        at, bit = (state >> 8) % len(blob), 1 << (state >> 5) % 8
        blob[at] ^= bit
        assert refused(blob) is not None, (at, bit)  # the CRC finds any one bit
        blob[at] ^= bit


def test_process_allocates_nothing():
    if not MICROPYTHON:
        return  # CPython has no heap_lock
    import micropython

    x = floats("input.f32")[:64]
    for name in ALL:
        net = model(name)
        micropython.heap_lock()
        try:
            net.process(x, x)
        finally:
            micropython.heap_unlock()


def test_an_arena_that_moved_is_refused():
    if not MICROPYTHON:
        return  # CPython locks exported buffers
    blob = read("gru4.upm")
    arena = bytearray(pedal_nn.arena_size(blob))
    net = pedal_nn.Model(blob, arena)
    keep = []
    for _ in range(64):  # something behind it, so that growing moves it
        keep.append(bytearray(64))
    arena.extend(bytes(8192))
    x = array.array("f", [0.0] * 8)
    try:
        net.process(x, x)
    except ValueError as e:
        assert "moved" in str(e)


def test_an_arena_given_to_two_models_is_refused():
    a, b = read("gru10.upm"), read("gru4.upm")
    arena = bytearray(pedal_nn.arena_size(a))
    first = pedal_nn.Model(a, arena)
    second = pedal_nn.Model(b, arena)
    x = array.array("f", [0.1] * 8)
    second.process(x, x)
    try:
        first.process(x, x)
        assert False
    except ValueError as e:
        assert "arena" in str(e)


def test_a_huge_knob_is_refused_and_an_overflow_heals():
    net = model("gru9_2knobs")
    try:
        net.knobs(array.array("f", [3.0e38, 0.0]))
        assert False
    except ValueError as e:
        assert "2^20" in str(e)
    x = floats("input.f32")
    net.knobs(array.array("f", [1048576.0, -1048576.0]))
    net.process(x, array.array("f", x))
    net.knobs(array.array("f", [0.25, 0.25]))
    y = play(net, x, 64)
    assert all(v == v and abs(v) < 100 for v in y)
