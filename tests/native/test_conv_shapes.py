"""Convolutions of every kernel's shapes: the desktop near the reference, emulated boards on the desktop's bits."""

import hashlib

import numpy as np
import pytest
from upedal import audio, native, paths, reference, upm
from upedal.emulator import BOARDS, Emulator

from tests import random_conv

FRAMES = 400
BLOCKS = (64, 1, 7, 32, 33, 5, 16, 3, 8, 100)  # again and again
MODELS = random_conv.models(40)

SCRIPT = """
import array, hashlib, pedal_nn
with open("/input.f32", "rb") as f:
    x = array.array("f", f.read())
for name in {names}:
    with open("/" + name + ".upm", "rb") as f:
        blob = bytearray(f.read())
    net = pedal_nn.Model(blob, bytearray(pedal_nn.arena_size(blob)))
    y, at, k = array.array("f", x), 0, 0
    while at < len(x):
        n = {blocks}[k % {many}]
        k += 1
        part = memoryview(y)[at : at + n]
        net.process(part, part)
        at += n
    print("HASH", name, "".join("%02x" % b for b in hashlib.sha256(y).digest()))
"""


def signal():
    return (0.5 * np.random.default_rng(1).standard_normal(FRAMES)).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_nets_of_odd_shapes_are_near_the_reference(name):
    model, x = MODELS[name], signal()
    want = reference.render(model, x)
    assert audio.db(audio.esr(want, native.render(upm.dumps(model), x, prewarm=0))) < -75


@pytest.mark.parametrize("name", MODELS)
def test_odd_blocks_give_the_same_bits(name):
    blob, x = upm.dumps(MODELS[name]), signal()
    whole, net = native.render(blob, x, prewarm=0), native.Net(blob, prewarm=0)
    cuts = np.cumsum([BLOCKS[k % len(BLOCKS)] for k in range(40)])
    parts = [net.process(part) for part in np.split(x, cuts[cuts < FRAMES])]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("board", ["emu_m7", "emu_m4", "emu_m33"])
@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_boards_give_the_bits_of_the_desktop(board):
    if not native.EXACT:
        pytest.skip("this desktop has no fused multiply-add")
    blobs, x = {name: upm.dumps(model) for name, model in MODELS.items()}, signal()
    files = {f"{name}.upm": blob for name, blob in blobs.items()} | {"input.f32": x.tobytes()}
    files |= {f"lib/{p.name}": p.read_bytes() for p in (paths.NATMODS / BOARDS[board].arch).glob("*.mpy")}
    with Emulator(board, card=files) as emulator:
        out = emulator.run(SCRIPT.format(names=list(blobs), blocks=BLOCKS, many=len(BLOCKS)), timeout_s=900)
    found = dict(line.split()[1:] for line in out.splitlines() if line.startswith("HASH"))
    want = {
        name: hashlib.sha256(native.render(blob, x, prewarm=0).tobytes()).hexdigest() for name, blob in blobs.items()
    }
    assert found.keys() == want.keys(), out
    assert not [name for name in want if found[name] != want[name]]
