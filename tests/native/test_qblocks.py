"""16-bit WaveNets of few channels: layers that run whole in one routine on Cortex-M, against the desktop's C, bit for bit."""

import hashlib

import numpy as np
import pytest
from upedal import native, paths, upm
from upedal import qlayers as Q
from upedal.emulator import BOARDS, Emulator

from tests import random_q
from tests.native.test_conv_shapes import BLOCKS, SCRIPT

FRAMES = 400
TAPS, DILATIONS = (2, 3, 6, 6, 9, 15, 17), (1, 2, 3, 7, 17, 31, 32, 41, 101, 239)


class _Net(random_q.Maker):
    """Layers as WaveNets have them: a dilated convolution, the heads' sum, a 1x1 with the residual."""

    def __init__(self, seed):
        super().__init__([seed, 3])
        self.channels = 3 if seed % 4 else int(self.rng.integers(1, 5))

    def conv(self, src, dst, taps, dilation=1, *, inputs=None, side=None, slopes=True, plus=None):
        rows, cin = self.channels, inputs or self.channels
        matrix = random_q.matrix(self.rng, rows, cin * taps + (side is not None), edge=False)
        layer = Q.QConv1d(
            matrix, cin, taps, self.scale(), dilation=dilation, src=src, dst=dst, side=side,
            side_channels=int(side is not None), plus=plus,
        )  # fmt: skip
        if slopes:
            drawn = self.rng.integers(-16384, 16384, rows).astype(np.int16)
            layer.activation = Q.QAct("prelu", None, drawn)
        if plus is not None:
            layer.factor = self.factors()[1]
        self.add(layer, rows)

    def blob(self):
        self.conv(0, 4, int(self.rng.integers(1, 7)), inputs=1)
        self.conv(4, 2, 1, slopes=False)
        src = 2
        for _ in range(int(self.rng.integers(1, 6))):
            taps, dilation = int(self.rng.choice(TAPS)), int(self.rng.choice(DILATIONS))
            self.conv(src, 3, taps, dilation, side=self.rng.choice([0, None]))
            self.add(Q.QAdd(4, 3, 4, self.scale(), self.factors()), self.channels)
            self.conv(3, 3 - src, 1, slopes=False, plus=self.rng.choice([src, None]))
            src = 3 - src
        head = random_q.matrix(self.rng, 1, 16 * self.channels)
        self.add(
            Q.QConv1d(head, self.channels, 16, self.scale(), src=4, dst=5, wide=True), 1, True
        )
        return upm.dumps(Q.QModel(self.layers, np.float32([32768.0]), 48000, "q15"))


@pytest.fixture(scope="module")
def nets():
    return {f"net{seed}": _Net(seed).blob() for seed in range(16)}


@pytest.mark.parametrize("board", ["emu_m7", "emu_m4", "emu_m33"])
@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_boards_give_the_bits_of_the_desktop(board, nets):
    x = random_q.audio(1, FRAMES).astype(np.float32)
    files = {f"{name}.upm": blob for name, blob in nets.items()} | {"input.f32": x.tobytes()}
    modules = (paths.NATMODS / BOARDS[board].arch).glob("*.mpy")
    files |= {f"lib/{path.name}": path.read_bytes() for path in modules}
    with Emulator(board, card=files) as emulator:
        out = emulator.run(SCRIPT.format(names=list(nets), blocks=BLOCKS, many=len(BLOCKS)))
    found = dict(line.split()[1:] for line in out.splitlines() if line.startswith("HASH"))
    heard = {name: native.render(blob, x, prewarm=0) for name, blob in nets.items()}
    assert all(len(np.unique(y)) > 20 for y in heard.values()), (
        "a net that says nothing shows nothing"
    )
    assert found == {name: hashlib.sha256(y.tobytes()).hexdigest() for name, y in heard.items()}
