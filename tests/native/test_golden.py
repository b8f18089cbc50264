"""Other programs' models and outputs, through convert and the core: ../shared/formats/golden."""

import json
from pathlib import Path

import numpy as np
import pytest
from upedal import audio, convert, native, paths, upm

GOLDEN = paths.ROOT.parent / "shared" / "formats" / "golden"
KINDS = ("nam", "namb", "guitarml", "guitarml-wavenet", "neuralseed-h", "aidax")
FRAMES = 2048  # on the emulated board
# One of each architecture that fits an emulated Cortex-M7.
ON_BOARD = (
    "nam/a1_nano.nam", "nam/a2_lite.nam", "nam/a2_features_synth.nam", "nam/lstm_1x16.nam",
    "nam/convnet_bn_synth.nam", "nam/linear_64_bias_synth.nam", "namb/lstm_1x3.namb", "guitarml/gru8_ts9.json",
    "guitarml/lstm12_cond2_synth.json", "guitarml-wavenet/ts9_fullD.json", "aidax/rtneural_full_model.json",
)  # fmt: skip
# Fast tanh and sigmoid cost more than -60 dB here, measured: nets that amplify rounding.
WORSE_WHEN_FAST = {}


def cases():
    if not GOLDEN.is_dir():
        return []
    listed = json.loads((GOLDEN / "manifest.json").read_text())["cases"]
    sounds = {case["expected"]: case for case in listed if "expected" in case}
    for case in listed:
        if "same_sound_as" in case:  # another file of the same net
            case["expected"] = case["same_sound_as"]
            case["prewarm_zeros"] = sounds[case["expected"]]["prewarm_zeros"]
    return [case for case in listed if case["kind"] in KINDS]


def name(case):
    size = "" if case.get("slim") is None else f"@{case['slim']}"
    return case["file"] + size + ("+prewarm" if "prewarm2048" in case["expected"] else "")


def read(file, size=None):
    return convert.read(GOLDEN / file, size=size, warn=lambda text: None)


def render(case, grade):
    model = read(case["file"], None if case.get("slim") is None else str(case["slim"]))
    model.grade = grade
    x = audio.read(GOLDEN / "input.wav")[0]
    knobs = case.get("params") or None
    return native.render(upm.dumps(model), x, knobs=knobs, prewarm=case["prewarm_zeros"])


needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/formats/golden is absent")


@needs_golden
@pytest.mark.parametrize("case", cases(), ids=name)
@pytest.mark.parametrize(("grade", "limit"), [("accurate", -90), ("fast", -60)])
def test_output_is_that_of_the_original_program(case, grade, limit):
    want = audio.read(GOLDEN / case["expected"])[0]
    error = audio.db(audio.esr(want, render(case, grade)))
    limit = WORSE_WHEN_FAST.get(name(case), limit) if grade == "fast" else limit
    assert error <= limit, (name(case), grade, error)


SCRIPT = """
import array, sys
sys.path.append("/lib")
import pedal_nn
with open("/x.f32", "rb") as f:
    x = array.array("f", f.read())
for name in %r:
    with open("/" + name + ".upm", "rb") as f:
        blob = bytearray(f.read())
    net = pedal_nn.Model(blob, bytearray(pedal_nn.arena_size(blob)))
    y = array.array("f", x)
    src = memoryview(y)
    for at in range(0, len(y), 64):
        net.process(src[at:at + 64], src[at:at + 64])
    with open("/" + name + ".f32", "wb") as f:
        f.write(y)
"""


@needs_golden
@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_an_emulated_cortex_m7_plays_the_same_bits():
    from upedal.emulator import Emulator

    x = audio.read(GOLDEN / "input.wav")[0][:FRAMES]
    blobs = {Path(file).stem: upm.dumps(read(file)) for file in ON_BOARD}
    card = {f"{stem}.upm": blob for stem, blob in blobs.items()} | {"x.f32": x.tobytes()}
    for path in (paths.NATMODS / "armv7emdp").glob("*.mpy"):
        card[f"lib/{path.name}"] = path.read_bytes()
    with Emulator("emu_m7", card=card) as board:
        board.run(SCRIPT % (list(blobs),), timeout_s=600)
        files = board.read_card()
    for stem, blob in blobs.items():
        here = native.render(blob, x, prewarm=0)
        assert np.frombuffer(files[f"{stem}.f32"], np.float32).tobytes() == here.tobytes(), stem
        assert np.any(here), stem
