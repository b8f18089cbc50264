"""GRU and LSTM of many sizes: the desktop against numpy, boards against the desktop bit for bit."""

import hashlib

import numpy as np
import pytest
from upedal import layers as L
from upedal import native, paths, reference, upm

X = (0.6 * np.random.default_rng(0).standard_normal(70)).astype(np.float32)
BLOCKS = (33, 1)

SCRIPT = """
import array, gc, hashlib, sys
sys.path.append("/lib")
import pedal_nn
with open("/x.f32", "rb") as f:
    x = array.array("f", f.read())
for name in %r:
    gc.collect()
    with open("/" + name + ".upm", "rb") as f:
        blob = bytearray(f.read())
    arena = bytearray(pedal_nn.arena_size(blob))
    for block in %r:
        net, y = pedal_nn.Model(blob, arena), array.array("f", x)
        src = memoryview(y)
        for at in range(0, len(y), block):
            net.process(src[at : at + block], src[at : at + block])
        print(name, "".join("%%02x" %% b for b in hashlib.sha256(bytes(y)).digest()))
"""


def net(kind, hidden, inputs=1, grade="fast", head=True, loud=1.0):
    """A recurrent layer and a dense one; without `head` a softsign keeps the two from being fused."""
    rng = np.random.default_rng([hidden, inputs, head, kind == "gru"])

    def draw(*shape):
        return (rng.uniform(-3, 3, shape) * loud * hidden**-0.5).astype(np.float32)

    rows = (3 if kind == "gru" else 4) * hidden
    weights = draw(rows, inputs), draw(rows, hidden), draw(rows)
    cell = (
        L.Gru(*weights, draw(rows))
        if kind == "gru"
        else L.Lstm(*weights, draw(hidden), draw(hidden), 0, 1)
    )
    chain = [cell, L.Dense(draw(1, hidden), draw(1), "linear", 1 if head else 3, 2)]
    if not head:
        chain.insert(1, L.Activation(L.Act("softsign"), 1, 3))
    knobs = [(f"k{i}", "", -2.0, 2.0, 0.3 * i + 0.2) for i in range(inputs - 1)]
    return L.Model(chain, 48000, grade, knobs=knobs)


def nets():
    made = {}
    for kind in ("gru", "lstm"):
        made |= {f"{kind}{h}": net(kind, h) for h in range(1, 49)}
        for h in (1, 2, 3, 7, 10, 16, 21):
            made |= {f"{kind}{h}_{n}": net(kind, h, inputs=n) for n in (2, 3, 8)}
            made[f"{kind}{h}_accurate"] = net(kind, h, grade="accurate")
            made[f"{kind}{h}_bare"] = net(kind, h, head=False)
        made |= {
            f"{kind}{h}_loud": net(kind, h, loud=20.0) for h in (7, 16, 21)
        }  # beyond the tables' ends
    return made


def on(board, arch):
    needs = ("qemu-system-arm", f"firmware {board}", f"native modules {arch}")
    return pytest.param(board, marks=pytest.mark.toolchain(*needs), id=board)


@pytest.mark.parametrize(
    "board", [on("emu_m7", "armv7emdp"), on("emu_m4", "armv7emsp"), on("emu_m33", "armv7emsp")]
)
def test_boards_play_the_desktops_bits_for_every_hidden_size(board):
    from upedal.emulator import BOARDS, Emulator

    made = {name: upm.dumps(model) for name, model in nets().items()}
    card = {f"{name}.upm": blob for name, blob in made.items()} | {"x.f32": X.tobytes()}
    for path in (paths.NATMODS / BOARDS[board].arch).glob("*.mpy"):
        card[f"lib/{path.name}"] = path.read_bytes()
    with Emulator(board, card=card) as emulator:
        lines = emulator.run(SCRIPT % (list(made), BLOCKS), timeout_s=600).splitlines()
    want = [
        (name, native.render(blob, X, prewarm=0)) for name, blob in made.items() for _ in BLOCKS
    ]
    assert len(lines) == len(want)
    for line, (name, y) in zip(lines, want):
        assert line.split() == [
            name,
            hashlib.sha256(y.astype(np.float32).tobytes()).hexdigest(),
        ], name
        assert len(set(y.tolist())) > 5, name  # not merely silence


def test_the_desktop_is_near_the_float64_reference_for_every_hidden_size():
    for name, model in nets().items():
        if "loud" in name:
            continue  # amplifies rounding beyond measure
        y, want = native.render(upm.dumps(model), X, prewarm=0), reference.render(model, X)
        error = np.sum((y - want) ** 2) / np.sum(want**2)
        assert error < (1e-9 if "accurate" in name else 1e-5), (name, error)
