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


@pytest.mark.parametrize("taps", (16, 17, 100, 256, 1024, 4096))
def test_convolves_as_numpy_does(cab, taps):
    h, x = response(taps), noise(0.2).astype(np.float32)
    y = play(cab(h, taps=taps), x)
    expected = np.convolve(x.astype(np.float64), h.astype(np.float64))[: len(x)]
    assert db(np.sqrt(np.mean((y - expected) ** 2) / np.mean(expected**2))) < -115


def test_any_split_gives_the_same_bits(cab):
    effect, x = cab(response(200), taps=200), noise(0.1)
    whole = play(effect, x)
    for blocks in ((1,), (7, 1, 200, 64), (8, 3), (216,), (4096,)):
        effect.reset()
        assert np.array_equal(play(effect, x, blocks=blocks), whole), blocks


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


def test_mix_and_level(cab):
    h, x = response(64), noise(0.05).astype(np.float32)
    wet = play(cab(h, taps=64), x)
    y = play(cab(h, taps=64, mix=0.25, level_db=-6.0), x)
    assert np.abs(y - (0.75 * x + 0.25 * 10 ** (-6 / 20) * wet)).max() < 1e-6


def test_a_level_that_jumps_makes_no_click(cab):
    effect, x = cab(np.eye(1, 64, dtype=np.float32)[0], taps=64), sine(100.0, 0.5)

    def turn(frame):
        effect.level_db = -40.0 if frame > 9600 else 0.0

    y = play(effect, x, between=turn)
    assert np.abs(np.diff(y)).max() < 1.3 * np.abs(np.diff(x)).max()
    assert np.abs(y[-4800:]).max() == pytest.approx(0.01 * 10 ** (-12 / 20), rel=0.01)


def test_reset_forgets_the_past_and_keeps_the_taps(cab):
    effect, x = cab(response(300), taps=300), noise(0.05)
    first = play(effect, x)
    effect.reset()
    assert not np.any(play(effect, np.zeros(1000)))
    effect.reset()
    assert np.array_equal(play(effect, x), first)


def test_bad_samples_are_gone_after_one_frame(cab):
    effect, x = cab(response(64), taps=64), noise(0.05)
    x[100], x[300] = np.nan, np.inf
    y = play(effect, x)
    assert np.isfinite(np.delete(y, (100, 300))).all()


def test_any_bytes_as_state_are_safe(cab):
    effect, rng = cab(response(64), taps=64), random.Random(1)
    effect.attach(RATE_HZ)
    kept = bytes(effect.state)
    for _ in range(300):
        effect.state = array("f", kept)
        raw = memoryview(effect.state).cast("B")
        for _ in range(rng.randrange(1, 8)):
            word = rng.randrange(16) if rng.random() < 0.8 else rng.randrange(len(raw) // 4)
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
    assert np.allclose(y[:100], response(300)[:100], atol=1e-7) and not y[100:].any()
    assert len(cab(response(20), taps=1024).state) < 100


def test_names_are_made_as_the_host_makes_them():
    from upedal import ir_rig

    for path in ("cab.wav", "a.b/cab", "x/y.flac", "4x12.v30.wav", ".wav"):
        for taps, phase in ((16, False), (2048, True)):
            assert prepared_name(path, taps, phase) == ir_rig.prepared_name(path, taps, phase)


def test_what_is_wrong_is_said(cab):
    h = response(64)
    cases = (
        (dict(h=h, taps=8), "taps=8; expected 16 to 4096"),
        (dict(h=h, taps=5000), "taps=5000; expected 16 to 4096"),
        (dict(h=h, taps=64.0), "taps=64.0; expected 16 to 4096"),
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
for taps in (256, 1024):
    cab = CabIR("/cab.wav", taps=taps)
    cab.attach(48000)
    for block in range(20):
        buf = array("f", [((block * 64 + i) * 37 % 101 - 50) / 128 for i in range(64)])
        run, a, b = cab.native(buf)
        spent = bench.insns(bench.measure(run, a, b)) - null
    print("@", taps, spent, bytes(buf).hex())
"""


@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_a_cortex_m7_plays_the_same_bits_for_little_more_than_an_instruction_a_tap(tmp_path):
    from upedal import paths
    from upedal.emulator import Emulator

    soundfile.write(tmp_path / "cab.wav", response(1024), RATE_HZ, subtype="FLOAT")
    device = paths.DEVICE
    card = {
        f"lib/{p.relative_to(device)}": p.read_bytes() for p in (device / "pedal").rglob("*.py")
    }
    card |= {f"lib/{p.name}": p.read_bytes() for p in (paths.NATMODS / "armv7emdp").glob("*.mpy")}
    card["cab.wav"] = (tmp_path / "cab.wav").read_bytes()
    with Emulator("emu_m7", card=card) as board:
        lines = [line.split() for line in board.run(_ON_BOARD).splitlines() if line[0] == "@"]
    assert [line[1] for line in lines] == ["256", "1024"]
    x = (np.arange(20 * 64) * 37 % 101 - 50) / 128
    for _, taps, spent, played in lines:
        assert int(spent) / 64 < 1.05 * int(taps) + 45
        if EXACT:
            here = play(CabIR(str(tmp_path / "cab.wav"), taps=int(taps)), x)[-64:]
            assert bytes.fromhex(played) == here.tobytes()
