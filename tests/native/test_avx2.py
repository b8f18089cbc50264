"""The extension's AVX2 kernels against the plain C of the same functions, built here with a fused multiply-add: every
bit is the same, whatever the net's sizes and the blocks'."""

import importlib.util
import shutil
import subprocess
import sysconfig

import numpy as np
import pytest
from upedal import layers as L
from upedal import native, paths, upm, zoo

from tests import random_q

AVX2 = native._native.__name__.endswith("_v3") and native.EXACT
pytestmark = pytest.mark.skipif(
    not AVX2 or not shutil.which("gcc"), reason="needs an x86-64 CPU with AVX2, and gcc"
)
FLAGS = "-std=c99 -O1 -mfma -DUP_NO_ASM -ffp-contract=off -fno-math-errno -fno-trapping-math -fPIC -shared".split()
ACTIVATIONS = (
    "linear", "tanh", "sigmoid", "relu", "silu", "hard_tanh", L.Act("leaky_relu", (0.1,)), L.Act("leaky_relu", (-0.3,)),
)  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """pedal_nn without a line of AVX2."""
    path = tmp_path_factory.mktemp("plain") / "_native.so"
    root = paths.ROOT / "native_modules"
    where = [f"-I{root / 'core'}", f"-I{sysconfig.get_paths()['include']}"]
    subprocess.run(
        ["gcc", *FLAGS, *where, root / "bindings" / "pypedal.c", "-o", path], check=True
    )
    spec = importlib.util.spec_from_file_location("_native", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.exact
    return module.pedal_nn


def draw(rng, *shape):
    return zoo._draw(rng, *shape) * np.float32(2)


def model(layers, n):
    return upm.dumps(L.Model(layers, 48000, ("fast", "accurate")[n % 2]))


def recurrent(hidden, kind, inputs):
    """A net of two inputs has a first layer for them; its head is fused or, behind it, a second reader's."""
    rng = np.random.default_rng([hidden, inputs])
    gates = 3 if kind is L.Gru else 4
    biases = [draw(rng, gates * hidden) for _ in range(2 if kind is L.Gru else 1)]
    layers = [L.Conv1d(draw(rng, inputs, 1, 1), draw(rng, inputs), dst=1)] if inputs > 1 else []
    src = len(layers)
    layers.append(
        kind(
            draw(rng, gates * hidden, inputs),
            draw(rng, gates * hidden, hidden),
            *biases,
            src=src,
            dst=2,
        )
    )
    layers.append(L.Dense(draw(rng, 1, hidden), draw(rng, 1), src=2, dst=3))
    if hidden % 3 == 0:
        layers += [L.Dense(draw(rng, 1, hidden), draw(rng, 1), src=2, dst=4), L.Add(3, 4, 3)]
    return model([*layers, L.Add(3, 0, 3)], hidden // 2)


def convolution(n):
    rng = np.random.default_rng(n)
    width, taps, gate = int(rng.integers(1, 29)), int(rng.integers(1, 9)), L.GATES[n % 3]
    rows, act = width * (1 + (n % 3 > 0)), ACTIVATIONS[n // 3 % len(ACTIVATIONS)]
    middle = L.Conv1d(
        draw(rng, rows, width, taps), draw(rng, rows), int(rng.choice([1, 2, 7, 31, 32, 33, 100])), act, 1, 2, side=0,
        side_weight=draw(rng, rows, 1), gate=gate, gate_activation="sigmoid", plus=1 if n % 4 else None,
    )  # fmt: skip
    first = L.Conv1d(draw(rng, width, 1, 3), draw(rng, width), 2, dst=1)
    head = L.Conv1d(
        draw(rng, 1 + n % 4, width, int(rng.integers(1, 17))), draw(rng, 1 + n % 4), src=3, dst=4
    )
    last = L.Dense(draw(rng, 1, 1 + n % 4), draw(rng, 1), src=4, dst=5)
    return model([first, middle, L.Add(2, 1, 3), head, last], n)


def cabinet(taps):
    return model(
        [L.Conv1d(draw(np.random.default_rng(taps), 1, 1, taps), np.zeros(1, np.float32))], 0
    )


def played(nn, blob, x, blocks):
    net, y, at = nn.Model(blob, bytearray(nn.arena_size(blob))), x.copy(), 0
    for n in blocks:
        net.process(x[at : at + n], y[at : at + n])
        at += n
    return y.tobytes()


def in_place(nn, blob, x, n):
    net, y = nn.Model(blob, bytearray(nn.arena_size(blob))), x.copy()
    for at in range(0, len(y), n):
        net.process(y[at : at + n], y[at : at + n])
    return y.tobytes()


def same_bits(plain, blob, seed, name):
    x = random_q.audio(seed, 600)
    x[500] = np.nan
    x[550:] *= np.float32(1e-38)
    want = played(plain, blob, x, [len(x)])
    for n in (len(x), 1, 3, 8, 12, 17, 32, 33):
        blocks = [n] * (len(x) // n) + [len(x) % n]
        assert played(native.pedal_nn, blob, x, blocks) == want, (name, n)
    blocks = np.random.default_rng(seed).integers(0, 34, 100).tolist()
    assert sum(blocks) >= len(x)
    assert played(native.pedal_nn, blob, x, blocks) == want, (name, seed)
    assert in_place(native.pedal_nn, blob, x, 27) == want, (name, "in place")


@pytest.mark.parametrize("kind", [L.Gru, L.Lstm])
def test_recurrent_nets(plain, kind):
    for hidden in [*range(1, 34), 40, 60, 64, 84, 100]:
        for inputs in (1, 2 + hidden % 2):
            same_bits(
                plain, recurrent(hidden, kind, inputs), hidden, (kind.__name__, hidden, inputs)
            )


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_convolutions(plain, first):
    for n in range(first, first + 30):
        same_bits(plain, convolution(n), n, n)


def test_cabinets(plain):
    for taps in (2, 15, 16, 17, 23, 24, 31, 100, 517):
        same_bits(plain, cabinet(taps), taps, taps)


@pytest.mark.parametrize("kind", random_q.KINDS)
def test_integer_nets(plain, kind):
    for seed in range(12):
        same_bits(plain, upm.dumps(random_q.model(seed, kind)), seed, (kind, seed))


@pytest.mark.parametrize("net", [zoo.gru, zoo.lstm])
def test_integer_recurrent_nets(plain, net):
    for hidden in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 40):
        same_bits(plain, upm.dumps(zoo.q15(net(hidden))), hidden, (net.__name__, hidden))
