"""The simulator: the same rig script and the same bits, whichever interpreter or core runs them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from upedal import native, sim, upm
from upedal.errors import UpedalError
from upedal.sim.run import EMULATED

VECTORS = Path(__file__).parent.parent / "vectors"
RATE_HZ = 48000
PREWARM = 700
FRAMES = 1500  # no multiple of any block used here
FUSED = ("emu_m4", "emu_m7", "emu_m33", "emu_m55")  # cores with fused multiply-add


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A rig, its model (prewarmed, in a folder of its own) and a dry file."""
    folder = tmp_path_factory.mktemp("sim")
    model = upm.load(VECTORS / "gru16.upm")
    model.prewarm = PREWARM
    (folder / "models").mkdir()
    upm.save(model, folder / "models" / "net.upm")
    rig = "from pedal import Gain, Neural, Rig\n\nrig = Rig({})\n"
    (folder / "rig.py").write_text(rig.format("Gain(db=6), Neural('models/net.upm')"))
    (folder / "bare.py").write_text(rig.format("Neural('net.upm'), block=16"))
    (folder / "slow.py").write_text(rig.format("Gain(db=6), rate_hz=44100"))
    (folder / "broken.py").write_text("from pedal import Rig\nrig = Rig(6)\n")
    (folder / "nothing.py").write_text("import pedal\n")
    (folder / "faulty.py").write_text(
        "from pedal import Rig\n"
        "class Fuzz:\n"
        "    def process(self, buf):\n"
        "        buf[0] = 1.0\n"
        "        raise ValueError('burnt')\n"
        "    def reset(self):\n"
        "        pass\n"
        "rig = Rig(Fuzz())\n"
    )
    dry = np.random.default_rng(5).uniform(-0.4, 0.4, FRAMES)
    soundfile.write(folder / "dry.wav", dry, RATE_HZ, subtype="PCM_24")
    return folder


@pytest.fixture(scope="module")
def reference(folder):
    """What CPython plays."""
    return play(folder, "rig.py", "cpython")[0]


UNIX = pytest.mark.toolchain("unix port", "native modules x64")


def play(folder, rig, on, **options):
    out = folder / f"{on}.wav"
    options = {"progress": False, **options}
    counters = sim.run(folder / rig, folder / "dry.wav", out, on=on, **options)
    info = soundfile.info(out)
    assert (info.subtype, info.samplerate, info.channels) == ("FLOAT", RATE_HZ, 1)
    return soundfile.read(out, dtype="float32")[0], counters


def error_db(wet, reference):
    """Energy of the difference over that of the reference."""
    error = np.sum((wet.astype(float) - reference) ** 2)
    return 10 * np.log10(error / np.sum(reference.astype(float) ** 2) + 1e-30)


def test_the_simulator_plays_what_the_kernels_compute_behind_the_prewarm(folder):
    wet, counters = play(folder, "bare.py", "cpython", model_dir=folder / "models")
    dry = soundfile.read(folder / "dry.wav", dtype="float32")[0]
    expected = native.render((folder / "models" / "net.upm").read_bytes(), dry)
    assert wet.tobytes() == expected.tobytes()
    cold = native.render((folder / "models" / "net.upm").read_bytes(), dry, prewarm=0)
    assert wet.tobytes() != cold.tobytes(), "prewarming this model makes no difference: bad test"
    assert counters["frames"] == FRAMES and counters["block"] == 16
    assert counters["blocks"] == -(-FRAMES // 16)
    assert (counters["faults"], counters["xruns"], counters["on"]) == (0, 0, "cpython")


@pytest.mark.parametrize("block", [1, 37, 4096])
def test_any_block_gives_the_same_bits(folder, reference, block):
    wet, counters = play(folder, "rig.py", "cpython", block=block)
    assert counters["block"] == block
    assert wet.tobytes() == reference.tobytes()


def test_a_fault_is_reported_and_the_dry_signal_passes(folder):
    wet, counters = play(folder, "faulty.py", "cpython")
    assert counters["faults"] == 1 and "burnt" in counters["reports"][0], counters
    dry = soundfile.read(folder / "dry.wav", dtype="float32")[0]
    assert wet.tobytes() == dry.tobytes()


@pytest.mark.parametrize(
    "rig, words",
    [
        ("slow.py", "dry.wav: 48000 Hz; expected 44100 Hz"),
        ("broken.py", "effect 1 is 6"),
        ("nothing.py", "nothing.py: defines no `rig`"),
        ("absent.py", "absent.py: no such file; expected a rig script"),
        ("bare.py", "net.upm: no such model"),
    ],
)
def test_errors_of_the_rig_reach_the_user_in_one_line(folder, rig, words):
    with pytest.raises(UpedalError, match=words) as caught:
        play(folder, rig, "cpython")
    assert "\n" not in str(caught.value)


def test_unknown_target_names_the_known_ones(folder):
    with pytest.raises(UpedalError, match="'emu_m8' is not known; expected one of cpython"):
        play(folder, "rig.py", "emu_m8")


@pytest.mark.toolchain("unix port", "native modules x64")
def test_the_unix_port_plays_the_same_bits(folder, reference):
    wet, counters = play(folder, "rig.py", "unix")
    assert counters["frames"] == FRAMES
    if native.EXACT:
        assert wet.tobytes() == reference.tobytes()


@pytest.mark.toolchain("unix port, user modules")
def test_the_unix_port_with_user_modules_plays_the_same(folder, reference):
    wet, counters = play(folder, "rig.py", "unix-user")
    assert counters["frames"] == FRAMES
    assert error_db(wet, reference) <= -100


@pytest.mark.toolchain("unix port")
@pytest.mark.parametrize("target", ["cpython", pytest.param("unix", marks=UNIX)])
def test_an_error_in_a_rig_names_its_file_and_line(folder, target):
    with pytest.raises(UpedalError, match=r"broken\.py, line 2: effect 1 is 6, .*on " + target):
        play(folder, "broken.py", target)


MOVES = """
# seconds, target, value
0.02, gain.db, -12
0.05, adc.26, 0.25
0.08, gain, off
"""


@pytest.mark.parametrize("target", ["cpython", pytest.param("unix", marks=UNIX)])
def test_moves_are_made_in_time(folder, target):
    (folder / "moves.csv").write_text(MOVES)
    (folder / "ones.py").write_text(
        "from pedal import Gain, Rig\nrig = Rig(Gain(db=0), rate_hz=48000)\n"
    )
    soundfile.write(folder / "ones.wav", np.full(9600, 0.5), 48000, subtype="FLOAT")
    out = folder / "moved.wav"
    sim.run(folder / "ones.py", folder / "ones.wav", out, on=target, moves=folder / "moves.csv")
    y = soundfile.read(out)[0] / 0.5
    assert np.all(y[:900] == 1.0), "nothing moves before its time"
    assert abs(y[3800] - 10 ** (-12 / 20)) < 1e-3 and abs(y[9000] - 1.0) < 1e-3
    assert np.abs(np.diff(y)).max() < 0.006, "values glide and bypass fades"
    (folder / "moves.csv").write_text("0.1, gian.db, 3\n")
    with pytest.raises(
        UpedalError, match=r"moves\.csv, at 0\.1 s: no effect 'gian'; expected gain"
    ):
        sim.run(
            folder / "ones.py", folder / "ones.wav", out, on=target, moves=folder / "moves.csv"
        )


def _boards():
    from upedal.emulator import BOARDS

    for name in (*EMULATED, "emu_m7-user", "emu_m55-user"):
        board = name.removesuffix("-user")
        firmware = f"firmware {board}" + (", user modules" if name != board else "")
        natmod = [f"native modules {BOARDS[board].arch}"] if name == board else []
        needs = pytest.mark.toolchain(BOARDS[board].qemu, firmware, *natmod)
        yield pytest.param(name, marks=needs)


@pytest.mark.parametrize("on", list(_boards()))
def test_an_emulated_pedal_plays_what_the_simulator_plays(folder, reference, on):
    wet, counters = play(folder, "rig.py", on)
    assert counters["frames"] == FRAMES and counters["faults"] == 0
    level = error_db(wet, reference)
    assert level <= -100, f"{on}: {level:.1f} dB"
    if native.EXACT and on.removesuffix("-user") in FUSED:
        assert wet.tobytes() == reference.tobytes(), f"{on}: {level:.1f} dB, not the same bits"
    if on == "emu_m7":
        spent = counters["interpreter_instructions_per_block"]
        assert 500 < spent <= 8000, f"interpreter: {spent} instructions a block of two effects"
        native_names = [name for name, _ in counters["native_instructions_per_block"]]
        assert native_names == ["Gain", "Neural"]
