"""Random float convolutional nets of a few layers, for tests: odd shapes, side inputs, gates, and the chains that
kernels may take in one go (convolution, activation, sum to the heads, dense layer with residual)."""

import numpy as np
from upedal import layers as L

ACTIVATIONS = (
    "linear", "tanh", "sigmoid", "relu", "leaky_relu", "prelu", "softsign", "hard_tanh", "silu", "elu",
)  # fmt: skip


def _draw(rng, *shape):
    return (rng.uniform(-1, 1, shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)


def activation(rng, channels, kind=None):
    kind = kind or str(rng.choice(ACTIVATIONS))
    par = {"leaky_relu": (float(rng.choice([0.01, 0.3, 1.0, 0.0, -0.5])),), "elu": (0.7,)}.get(kind, ())
    return L.Act(kind, par, _draw(rng, channels) if kind == "prelu" else None)


def _conv(rng, rows, columns, src, dst, knobs, *, plain=False, kind=None, **more):
    """A convolution of any shape; plain: no gate, as in a WaveNet that is taken in one go."""
    taps = int(rng.choice([1, 2, 3, 3, 5, 6, 15, 16]))
    dilation = int(rng.choice([1, 2, 3, 8, 31, 32, 33, 40, 101]))
    gate = "none" if plain else str(rng.choice(["none", "none", "none", "gated", "blended"]))
    wide = rows if gate == "none" else 2 * rows
    side = int(rng.integers(0, 2))
    return L.Conv1d(
        _draw(rng, wide, columns, taps), _draw(rng, wide), dilation, activation(rng, rows, kind), src, dst, gate=gate,
        gate_activation=activation(rng, rows, None if gate == "blended" else "sigmoid") if gate != "none" else "linear",
        side=0 if side else None, side_weight=_draw(rng, wide, 1 + knobs) if side else None, **more,
    )  # fmt: skip


def shapes(seed):
    """Convolutions one behind the other, of 1 to 24 channels."""
    rng = np.random.default_rng(seed)
    knobs, widths = int(rng.integers(0, 3)), [int(w) for w in rng.integers(1, 25, 3)]
    if seed % 5 == 1:
        widths = [int(w) for w in rng.choice([4, 8, 16, 20, 24], 3)]  # whole groups of rows
    if seed % 3 == 0:
        widths = [int(w) for w in rng.integers(1, 6, 3)]
    chain = [L.Dense(_draw(rng, widths[0], 1 + knobs), _draw(rng, widths[0]), src=0, dst=1)]
    chain.append(_conv(rng, widths[1], widths[0], 1, 2, knobs))
    same = widths[1] == widths[2]
    chain.append(_conv(rng, widths[2], widths[1], 2, 3, knobs, plus=2 if same else None))
    last = _conv(rng, 1, widths[2], 3, 4, knobs, kind=str(rng.choice(["linear", "tanh", "leaky_relu"])))
    return _model(rng, [*chain, last], knobs)


def wavenet(seed):
    """Layers of 2 to 5 channels with residual and head sum, some of them broken up in ways that may not be fused."""
    rng = np.random.default_rng(seed)
    knobs, c = int(rng.integers(0, 2)), int(rng.integers(2, 6))
    chain, y = [L.Dense(_draw(rng, c, 1 + knobs), _draw(rng, c), src=0, dst=1)], 1
    for at in range(4):
        kind = str(rng.choice(["linear", "tanh", "sigmoid", "leaky_relu", "relu"]))
        way = int(rng.integers(0, 8))
        out = 4 if at == 0 else 3
        chain.append(_conv(rng, c, c, y, out, knobs, plain=True, kind=kind))
        if at:
            chain.append(L.Add(4, 3, 4) if way % 2 else L.Add(3, 4, 4))
        if way == 2:
            chain.append(L.Add(4, out, 4))  # a second reader
        plus = {3: None, 4: out}.get(way, y)
        chain.append(L.Dense(_draw(rng, c, c), _draw(rng, c), "tanh" if way == 5 else "linear", out, 3 - y, plus=plus))
        y = 3 - y
        if way == 6:
            chain.append(L.Add(4, out, 4))
    chain.append(L.Conv1d(_draw(rng, 1, c, 16), _draw(rng, 1), 1, "linear", 4, 5))
    return _model(rng, [*chain, L.Add(5, 0, 5)], knobs)


def wide(seed):
    """More columns than a table of pointers has room for."""
    rng = np.random.default_rng(seed)
    rows, columns, taps = [(24, 20, 40), (8, 30, 20), (4, 64, 5), (3, 33, 12), (2, 100, 7), (1, 20, 30)][seed % 6]
    first = L.Dense(_draw(rng, columns, 1), _draw(rng, columns))
    weight, bias, side = _draw(rng, rows, columns, taps), _draw(rng, rows), _draw(rng, rows, 1)
    dilation, act = int(rng.choice([1, 2, 40])), activation(rng, rows, ("tanh", "relu")[seed % 2])
    conv = L.Conv1d(weight, bias, dilation, act, 1, 2, side=0, side_weight=side)
    return _model(rng, [first, conv, L.Dense(_draw(rng, 1, rows), _draw(rng, 1), src=2, dst=3)], 0, "fast")


def fir(seed):
    rng = np.random.default_rng(seed)
    taps = int(rng.choice([2, 15, 16, 17, 31, 40, 64, 129, 300]))
    return _model(rng, [L.Conv1d(_draw(rng, 1, 1, taps), _draw(rng, 1))], 0)


def _model(rng, chain, knobs, grade=None):
    table = [(f"knob{k}", "", 0.0, 1.0, 0.25) for k in range(knobs)]
    return L.Model(chain, 48000, grade or str(rng.choice(["accurate", "fast", "fast"])), knobs=table)


def models(n):
    """{name: model}: n of the first two kinds, a few of the others."""
    kinds = {"shapes": (shapes, n), "wavenet": (wavenet, n), "fir": (fir, n // 3), "wide": (wide, 6)}
    return {f"{name}{seed}": make(seed) for name, (make, many) in kinds.items() for seed in range(many)}
