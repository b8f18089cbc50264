"""GRU and LSTM in integers: the paths of the DSP assembly that hang on the size, against the desktop's C, bit for bit."""

import hashlib

import numpy as np
import pytest
from upedal import paths, upm
from upedal import qlayers as Q
from upedal.emulator import BOARDS, Emulator
from upedal.native import pedal_nn

from tests import random_q
from tests.native.test_targets import needs

# Rows in eights and a rest of four, columns that fill a block or do not, and rows too long for the unrolled code.
SIZES = (1, 2, 3, 4, 5, 7, 8, 11, 15, 16, 18, 21, 24, 29, 32, 37, 40, 43, 46, 47, 48, 50, 94, 97)
BLOCKS = (1, 2, 3, 31, 33, 10)

SCRIPT = """
import array, hashlib, sys
sys.path.append("/lib")
import pedal_nn
x = array.array("f", open("/x.bin", "rb").read())
for name in %r:
    with open("/" + name, "rb") as f:
        blob = bytearray(f.read())
    arena = bytearray(pedal_nn.arena_size(blob))
    net, seen, at = pedal_nn.Model(blob, arena), hashlib.sha256(), 0
    for n in %r:
        y = array.array("f", bytes(4 * n))
        net.process(x[at : at + n], y)
        seen.update(y)
        at += n
    print("HASH", name, "".join("%%02x" %% b for b in seen.digest()))
    del net, arena, blob
"""


def _net(kind, hidden, inputs):
    m = random_q.Maker([hidden, inputs])
    m.width[0] = inputs
    if kind == "gru":
        r = [
            random_q.matrix(m.rng, n * hidden, c)
            for n, c in ((2, inputs + hidden), (1, inputs), (1, hidden))
        ]
        m.add(Q.QGru(*r, m.table("sigmoid"), m.table(), inputs, src=0, dst=1), hidden)
    else:
        h = m.rng.integers(-32768, 32768, hidden).astype(np.int16)
        c = m.rng.integers(1 - 2**30, 2**30, hidden).astype(np.int32)
        gates = random_q.matrix(m.rng, 4 * hidden, inputs + hidden)
        shift = int(m.rng.integers(0, 9))
        m.add(
            Q.QLstm(
                gates, m.table("sigmoid"), m.table(), m.table(), shift, inputs, h, c, src=0, dst=1
            ),
            hidden,
        )
    m.add(
        Q.QConv1d(
            random_q.matrix(m.rng, 1, hidden), hidden, 1, m.scale(), src=1, dst=2, wide=True
        ),
        1,
        True,
    )
    made = Q.QModel(m.layers, np.full(inputs, 32768.0, np.float32), 48000, "q15")
    made.knobs = [
        (f"k{k}", "", 0.0, 1.0, float(np.float32(m.rng.random()))) for k in range(inputs - 1)
    ]
    return upm.dumps(made)


def _here(blob, x):
    net = pedal_nn.Model(bytearray(blob), bytearray(pedal_nn.arena_size(blob)))
    seen, at = hashlib.sha256(), 0
    for n in BLOCKS:
        y = np.zeros(n, np.float32)
        net.process(np.ascontiguousarray(x[at : at + n]), y)
        seen.update(y.tobytes())
        at += n
    return seen.hexdigest()


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize(
    "board",
    [pytest.param(b, marks=pytest.mark.toolchain(*needs(b))) for b in ("emu_m7", "emu_m33")],
)
def test_any_size_gives_the_desktops_bits(board, kind):
    x = random_q.audio(5, sum(BLOCKS))
    nets = {
        f"{n}.upm": _net(kind, n, 1 + 5 * k % 8 if k % 3 == 2 else 1) for k, n in enumerate(SIZES)
    }
    card = {**nets, "x.bin": x.tobytes()}
    for path in (paths.NATMODS / BOARDS[board].arch).glob("*.mpy"):
        card[f"lib/{path.name}"] = path.read_bytes()
    with Emulator(board, card=card) as emulator:
        out = emulator.run(SCRIPT % (list(nets), BLOCKS))
    found = dict(line.split()[1:] for line in out.splitlines() if line.startswith("HASH"))
    for name, blob in nets.items():
        assert found.get(name) == _here(blob, x), (board, kind, name)
