"""Every kernel of an effect on states nobody should write; UPEDAL_FUZZ_RUNS for longer campaigns."""

import os
import subprocess

import pytest
from pedal.modulate import LFO, Envelope
from upedal import catalogue, paths

RUNS = int(os.environ.get("UPEDAL_FUZZ_RUNS", "60000")) // 6
NATIVE = paths.ROOT / "native_modules"
RATE_HZ = 48000

# Kernels that no effect of the catalogue has: name, words behind the struct, flags, ranges. up_route.h has what they are.
BLOCK = 300
INNER = (
    ("knobs", 8, "b", ()),
    ("keep", BLOCK, "b", ((0, 1), (0, 100))),
    ("blend", BLOCK, "b", ((0, 1), (0, 100))),
    ("fork", BLOCK, "b", ((-2, 2), (-2, 2))),
    ("join", BLOCK, "b", ((-2, 2), (-2, 2))),
    ("fir_load", 16000, "i3", ()),
)
WORDS = {"fir": 16000}  # behind the struct, in place of what the effect takes: all of its stages


def _ends(spec):
    return (0, len(spec[2]) - 1) if isinstance(spec[2], tuple) else spec[2:4]


def _flags(name, effect):
    found = {"CabIR": "i3", "Looper": "c4"}.get(name, "-")
    if isinstance(effect, (LFO, Envelope)):
        return "b"
    return found


def _effects(cab):
    for call in catalogue.calls():
        effect = catalogue.make(call, cab)
        effect.attach(RATE_HZ)
        yield catalogue.name_of(call), effect
    yield "LFO", LFO()
    yield "Envelope", Envelope()


def rows(cab):
    """{kernel: (words behind its struct, flags, ranges)}, for fuzz_fx."""
    found = {name: (words, flags, ends) for name, words, flags, ends in INNER}
    for name, effect in _effects(cab):
        extra = WORDS.get(effect.KERNEL, len(effect.state) - effect.words)
        ends = tuple(_ends(spec) for spec in effect.PARAMS)
        found.setdefault(effect.KERNEL, (extra, _flags(name, effect), ends))
    found["send"] = found["follow"]
    return found


@pytest.fixture(scope="session")
def ranges(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz_fx")
    text = ""
    for name, (words, flags, ends) in rows(
        catalogue.write_cabinet(folder / "cab.wav", RATE_HZ)
    ).items():
        text += f"{name} {words} {flags} {' '.join(f'{low} {high}' for low, high in ends)}\n"
    (folder / "ranges.txt").write_text(text)
    return folder / "ranges.txt"


@pytest.fixture(scope="session")
def fuzzer():
    subprocess.run(["make", "-s", "-C", NATIVE, "fuzz"], check=True)
    return paths.BUILD / "fuzz" / "fuzz_fx"


@pytest.mark.parametrize("seed", [1, 1000000])
def test_kernels_stay_in_their_memory_whatever_it_holds(fuzzer, ranges, seed):
    done = subprocess.run(
        [fuzzer, str(RUNS), str(seed), ranges], capture_output=True, text=True, timeout=3000
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.startswith(f"{RUNS} runs of "), done.stdout
