"""The cabinet's convolution, against numpy's; its file, against what may be wrong with one."""

import random
from array import array

import numpy as np
import pytest
import soundfile
from pedal.effects.cab_ir import CabIR, prepared_name
from pedal.rig import Rig
from upedal.native import EXACT

from tests.host.effects import RATE_HZ, db, noise, play, sine

# Direct, and on either side of where a stage of 64 and one of 256 frames come in.
DIRECT, STAGES = (16, 17, 96), (97, 128, 384, 385, 1024, 2048, 2049, 4096, 8192)
EACH = (64, 300, 700, 2500)  # one with no stage, one, two, three


def response(n, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(n) * np.exp(-4.0 * np.arange(n) / n)).astype(np.float32)


@pytest.fixture
def cab(tmp_path, monkeypatch):
    """cab(h, **options): a CabIR of these taps."""
    monkeypatch.chdir(tmp_path)

    def make(h, rate_hz=RATE_HZ, name="cab.wav", **options):
        soundfile.write(name, h, rate_hz, subtype="FLOAT")
        return CabIR(name, **options)

    return make


@pytest.mark.parametrize("taps", DIRECT + STAGES)
def test_convolves_as_scipy_does_without_delay(cab, taps):
    from scipy.signal import oaconvolve

    h, x = response(taps), noise(0.4).astype(np.float32)
    y = play(cab(h, taps=taps), x)
    expected = oaconvolve(x.astype(np.float64), h.astype(np.float64))[: len(x)]
    error = y - expected
    assert db(np.sqrt(np.mean(error**2) / np.mean(expected**2))) < (-125 if taps > 96 else -115)
    assert db(np.abs(error).max() / np.abs(expected).max()) < -110


@pytest.mark.parametrize("taps", (16, 500, 8192))
def test_a_single_frame_brings_out_each_tap_in_its_place(cab, taps):
    h, one = response(taps), np.eye(1, taps + 900, 37)[0]  # in the middle of a block
    y = play(cab(h, taps=taps), one, blocks=(64,))
    assert not y[:37].any()
    assert db(np.abs(y[37 : 37 + taps] - h).max() / np.abs(h).max()) < -115
    assert db(np.abs(y[37 + taps :]).max() / np.abs(h).max()) < -125  # what rounding leaves


@pytest.mark.parametrize("taps", EACH)
def test_any_split_gives_the_same_bits(cab, taps):
    effect, x = cab(response(taps), taps=taps), noise(0.1)
    whole = play(effect, x)
    for blocks in ((1,), (7, 1, 200, 64), (8, 3), (216,), (4096,)):
        effect.reset()
        assert np.array_equal(play(effect, x, blocks=blocks), whole), blocks


def test_any_split_gives_the_same_bits_while_parameters_glide(cab):
    effect, x = cab(response(2500), taps=2500), noise(0.1)

    def turn(frame):
        effect.level_db, effect.mix = (-20.0, 0.3) if frame >= 960 else (0.0, 1.0)

    whole = play(effect, x, blocks=(64,), between=turn)
    for blocks in ((16,), (960,), (5, 11, 48)):
        effect.reset()
        turn(0)
        assert np.array_equal(play(effect, x, blocks=blocks, between=turn), whole), blocks


def test_the_sum_is_in_one_accumulator_newest_tap_first(cab):
    if not EXACT:
        pytest.skip("no fused multiply-add here")
    h, x = response(48), noise(0.005).astype(np.float32)
    y = play(cab(h, taps=48), x)
    past = np.concatenate([np.zeros(47, np.float32), x])
    for t in range(len(x)):
        total = np.float32(0)
        for k in range(
            48
        ):  # a product of two float32 is exact in float64; so is nearly every sum here
            total = np.float32(np.float64(h[k]) * np.float64(past[t + 47 - k]) + np.float64(total))
        assert total == y[t], t


@pytest.mark.parametrize("taps", EACH)
def test_mix_and_level(cab, taps):
    h, x = response(taps), noise(0.1).astype(np.float32)
    wet = play(cab(h, taps=taps), x)
    y = play(cab(h, taps=taps, mix=0.25, level_db=-6.0), x)
    assert np.abs(y - (0.75 * x + 0.25 * 10 ** (-6 / 20) * wet)).max() < 2e-6 * np.abs(wet).max()


def test_a_level_that_jumps_makes_no_click(cab):
    effect, x = cab(np.eye(1, 64, dtype=np.float32)[0], taps=64), sine(100.0, 0.5)

    def turn(frame):
        effect.level_db = -40.0 if frame > 9600 else 0.0

    y = play(effect, x, between=turn)
    assert np.abs(np.diff(y)).max() < 1.3 * np.abs(np.diff(x)).max()
    assert np.abs(y[-4800:]).max() == pytest.approx(0.01 * 10 ** (-12 / 20), rel=0.01)


@pytest.mark.parametrize("taps", EACH)
def test_reset_forgets_the_past_and_keeps_the_taps(cab, taps):
    effect, x = cab(response(taps), taps=taps), noise(0.1)
    first = play(effect, x)
    effect.reset()
    assert not np.any(play(effect, np.zeros(4000)))
    effect.reset()
    assert np.array_equal(play(effect, x), first)


@pytest.mark.parametrize("taps", EACH)
def test_bad_samples_are_silence_to_the_frames_after_them(cab, taps):
    effect, x, bad = cab(response(taps), taps=taps), noise(0.1), (100, 300)
    x[list(bad)] = 0.0
    clean = play(effect, x)
    effect.reset()
    x[list(bad)] = np.nan, np.inf
    assert np.array_equal(np.delete(play(effect, x), bad), np.delete(clean, bad))


@pytest.mark.parametrize("taps", EACH)
def test_any_bytes_as_state_are_safe(cab, taps):
    effect, rng = cab(response(taps), taps=taps), random.Random(1)
    effect.attach(RATE_HZ)
    kept = bytes(effect.state)
    for _ in range(200):
        effect.state = array("f", kept)
        raw = memoryview(effect.state).cast("B")
        for _ in range(rng.randrange(1, 8)):
            word = rng.randrange(effect.words if rng.random() < 0.8 else len(raw) // 4)
            raw[4 * word : 4 * word + 4] = rng.choice(
                [
                    rng.randbytes(4),
                    b"\0\0\0\0",
                    b"\xff\xff\xff\xff",
                    b"\0\0\xc0\x7f",
                    b"\x40\0\0\0",
                ]
            )
        buf = array("f", [0.1] * rng.choice((1, 16, 64, 200)))
        effect.process(buf)
    effect.state = array("f", kept)
    effect.reset()
    assert np.abs(play(effect, noise(0.01))).max() > 0


def test_a_prepared_file_goes_before_the_recording(cab):
    soundfile.write("cab-64m.wav", response(64, 2), RATE_HZ, subtype="FLOAT")
    effect = cab(response(64), taps=64, minimum_phase=True)
    y = play(effect, np.eye(1, 64)[0])
    assert np.allclose(y, response(64, 2), atol=1e-7)


def test_longer_files_are_cut_and_shorter_ones_cost_less(cab):
    one = np.eye(1, 400)[0]
    y = play(cab(response(300), taps=100), one)
    assert np.allclose(y[:100], response(300)[:100], atol=1e-6) and np.abs(y[100:]).max() < 1e-6
    short = cab(response(20), taps=1024)
    short.attach(RATE_HZ)
    assert 4 * len(short.state) < 700


def test_memory_is_what_the_documentation_says(cab):
    for taps, kilobytes in ((64, 1.05), (512, 11.4), (2048, 36), (8192, 144)):
        effect = cab(response(taps), taps=taps)
        effect.attach(RATE_HZ)
        assert 0.97 * kilobytes < 4 * len(effect.state) / 1000 <= kilobytes, taps


def test_as_many_taps_as_a_full_memory_is_said_to_take_fit(cab):
    h = response(8192)
    for words in (112, 700, 2000, 2700, 14400, 40000, 60000):
        said = cab(h, taps=8192).fits(words, RATE_HZ)
        effect = cab(h, taps=int(said[len("taps=") : -len(" fits")]))
        assert effect.extra_words(RATE_HZ) <= words, said
    assert cab(h, taps=64).fits(100, RATE_HZ) == "not enough"


def test_a_file_that_was_refused_is_refused_again_and_one_put_right_plays(cab):
    h = response(700)
    effect = cab(np.where(np.arange(700) == 690, np.inf, h), taps=700)
    for _ in range(2):
        with pytest.raises(ValueError, match="frame 690 is inf"):
            effect.attach(RATE_HZ)
    soundfile.write("cab.wav", h, RATE_HZ, subtype="FLOAT")
    x = noise(0.05)
    assert np.array_equal(play(effect, x), play(cab(h, taps=700), x))


def test_names_are_made_as_the_host_makes_them():
    from upedal import ir_rig

    for path in ("cab.wav", "a.b/cab", "x/y.flac", "4x12.v30.wav", ".wav"):
        for taps, phase in ((16, False), (2048, True)):
            assert prepared_name(path, taps, phase) == ir_rig.prepared_name(path, taps, phase)


def test_what_is_wrong_is_said(cab):
    h = response(64)
    cases = (
        (dict(h=h, taps=8), "taps=8; expected 16 to 8192"),
        (dict(h=h, taps=9000), "taps=9000; expected 16 to 8192"),
        (dict(h=h, taps=64.0), "taps=64.0; expected 16 to 8192"),
        (dict(h=h, minimum_phase=True), "cab-1024m.wav, which `upedal ir` makes"),
        (dict(h=h, rate_hz=44100), "cab.wav: 44100 Hz, the rig runs at 48000 Hz"),
        (dict(h=0 * h), "cab.wav: silent"),
        (dict(h=np.where(np.arange(64) == 9, np.nan, h)), "cab.wav: frame 9 is nan"),
        (dict(h=h[:0]), "cab.wav: holds no frames"),
    )
    for options, words in cases:
        with pytest.raises(ValueError) as caught:
            Rig(cab(**options), rate_hz=RATE_HZ)
        assert words in str(caught.value)
    with pytest.raises(ValueError, match="gone.wav: no such impulse response, nor gone-1024.wav"):
        CabIR("gone.wav")


_ON_BOARD = """
import sys, bench
sys.path.append("/lib")
from array import array
from pedal.effects.cab_ir import CabIR
null = bench.insns(bench.measure(bench.null))
for taps, block in PLAN:
    cab = CabIR("/cab.wav", taps=taps)
    opened = bench.insns(bench.measure(cab.attach, 48000))
    total = worst = 0
    for turn in range(1280 // block):
        buf = array("f", [((turn * block + i) * 37 % 101 - 50) / 128 for i in range(block)])
        run, a, b = cab.native(buf)
        spent = bench.insns(bench.measure(run, a, b)) - null
        total += spent
        worst = max(worst, spent)
    print("@", taps, block, opened, total, worst, bytes(buf).hex())
    cab = buf = run = a = b = None
"""
# taps: instructions a sample at most, on a Cortex-M with FPU
_MOST = {64: 109, 96: 142, 300: 224, 512: 288, 2048: 409, 8192: 551}
_BLOCKS = (16, 48, 64, 128, 192)


def _played_on(board, path, plan):
    """(taps, block, instructions that opening took, of all blocks, of the worst, bytes of the last) of each."""
    from upedal import paths
    from upedal.emulator import BOARDS, Emulator

    device = paths.DEVICE
    card = {
        f"lib/{p.relative_to(device)}": p.read_bytes() for p in (device / "pedal").rglob("*.py")
    }
    natmods = paths.NATMODS / BOARDS[board].arch
    card |= {f"lib/{p.name}": p.read_bytes() for p in natmods.glob("*.mpy")}
    card["cab.wav"] = path.read_bytes()
    with Emulator(board, card=card) as emulator:
        lines = emulator.run(_ON_BOARD.replace("PLAN", str(plan))).splitlines()
    found = [line.split() for line in lines if line[0] == "@"]
    assert [(int(row[1]), int(row[2])) for row in found] == plan
    return [(*map(int, row[1:6]), bytes.fromhex(row[6])) for row in found]


def _same_bits_in_few_instructions(tmp_path, board):
    path = tmp_path / "cab.wav"
    soundfile.write(path, response(8192), RATE_HZ, subtype="FLOAT")
    x = (np.arange(1280) * 37 % 101 - 50) / 128
    for taps, block, opened, total, _, played in _played_on(board, path, [(t, 64) for t in _MOST]):
        assert total / (1280 // block * block) < _MOST[taps], taps
        assert opened < 7e6, taps  # 50 ms of a Pico 2; most of it is MicroPython making the array
        if EXACT:
            here = play(CabIR(str(path), taps=taps), x[: 1280 // block * block])[-block:]
            assert played == here.tobytes(), taps


@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_a_cortex_m7_plays_the_same_bits_in_few_instructions(tmp_path):
    _same_bits_in_few_instructions(tmp_path, "emu_m7")


@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m33", "native modules armv7emsp")
def test_a_cortex_m33_plays_the_same_bits_in_few_instructions(tmp_path):
    _same_bits_in_few_instructions(tmp_path, "emu_m33")


@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_no_block_costs_much_more_than_the_mean(tmp_path):
    path = tmp_path / "cab.wav"
    soundfile.write(path, response(8192), RATE_HZ, subtype="FLOAT")
    plan = [(taps, block) for taps in (512, 2048, 8192) for block in _BLOCKS]
    for taps, block, _, total, worst, _ in _played_on("emu_m7", path, plan):
        most = 1.09 if block == 16 else 1.03
        assert worst < most * total / (1280 // block), (taps, block)
