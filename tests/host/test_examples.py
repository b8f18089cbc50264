"""The examples under device/examples: each plays a guitar, everywhere the same."""

import re

import numpy as np
import pytest
import soundfile
from upedal import paths, sim, synth

EXAMPLES = paths.DEVICE / "examples"
RIGS = sorted(path.name for path in EXAMPLES.glob("[0-9][0-9]_*"))
MOVES = {path.stem: path for path in (EXAMPLES / "moves").glob("*.csv")}
RATE_HZ = 48000
SECONDS = 2.0
ON_M7 = ("01_clean.py", "15_scenes.py", "22_table.json")  # the rest is the same code
PINS = re.compile(r'\b(?:Pot|Footswitch|Expression|LED|MidiIn|Encoder)\(("\w+"|\d+)')


@pytest.fixture(scope="module")
def guitar(tmp_path_factory):
    """Two seconds of notes, without the rests."""
    path = tmp_path_factory.mktemp("examples") / "dry.wav"
    x = synth.dry_guitar(SECONDS + 0.1, RATE_HZ, seed=3)[round(0.1 * RATE_HZ) :]
    soundfile.write(path, x, RATE_HZ, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def played(guitar):
    """{rig: what CPython played}, filled as it is asked for."""
    done = {}

    def get(name):
        if name not in done:
            done[name] = play(name, guitar, "cpython")
        return done[name]

    return get


def play(name, guitar, on):
    out = guitar.with_name(f"{name}.{on}.wav")
    moves = MOVES.get(name[:2])
    counters = sim.run(EXAMPLES / name, guitar, out, on=on, moves=moves, progress=False)
    assert counters["faults"] == 0, counters["reports"]
    return soundfile.read(out, dtype="float32")[0]


def test_there_are_twenty_and_each_says_what_it_is():
    assert len(RIGS) >= 20
    for name in RIGS:
        text = (EXAMPLES / name).read_text()
        if name.endswith(".json"):
            continue
        lines = text.splitlines()
        assert lines[0].startswith('"""') and 8 <= len(lines) <= 50, name
        doc = re.sub(r"\s+", " ", text.split('"""')[1])
        assert "Fits a" in doc and re.search(r"[Ww]ired", doc), name
        for pin in PINS.findall(text):
            assert re.search(rf"\b{pin.strip(chr(34))}\b", doc), (name, pin)


def test_the_list_names_them_all():
    text = (EXAMPLES / "README.md").read_text()
    for name in RIGS:
        assert f"]({name})" in text, name


@pytest.mark.parametrize("name", RIGS)
def test_an_example_sounds(played, guitar, name):
    x = soundfile.read(guitar, dtype="float32")[0]
    y = played(name)
    assert len(y) == len(x) and np.isfinite(y).all()
    assert np.abs(y).max() < 1.0, "clipped"
    # Every half second: neither silent, nor the input as it was.
    for at in range(0, len(y), RATE_HZ // 2):
        part = y[at : at + RATE_HZ // 2]
        assert 20 * np.log10(np.sqrt(np.mean(part**2))) > -50, (at, "silent")
    left = y if y.ndim == 1 else y[:, 0]
    assert np.abs(left - x).max() > 1e-3, "the rig does nothing"


@pytest.mark.toolchain("unix port", "native modules x64")
@pytest.mark.parametrize("name", RIGS)
def test_micropython_plays_the_same_bits(played, guitar, name):
    y = play(name, guitar, "unix")
    assert y.tobytes() == played(name).tobytes()


@pytest.mark.toolchain("qemu-system-arm", "native modules armv7emdp", "firmware emu_m7")
@pytest.mark.parametrize("name", ON_M7)
def test_an_emulated_board_plays_the_same_bits(played, guitar, name):
    y = play(name, guitar, "emu_m7")
    assert y.tobytes() == played(name).tobytes()


@pytest.mark.parametrize("number", sorted(MOVES))
def test_moves_are_heard(played, guitar, number):
    name = next(name for name in RIGS if name.startswith(number))
    out = guitar.with_name("still.wav")
    sim.run(EXAMPLES / name, guitar, out, progress=False)
    still = soundfile.read(out, dtype="float32")[0]
    assert np.abs(still - played(name))[: RATE_HZ // 20].max() == 0.0, "nobody has moved yet"
    assert np.abs(still - played(name)).max() > 0.01
