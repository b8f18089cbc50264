"""Makes the vectors beside it: python -m tests.vectors.make. Seeded, so the same files every time.

NAME.upm is a small model, input.f32 what goes in, NAME.f32 what comes out of the float64 numpy
reference, NAME.sha256 the hash of what a target with fused multiply-add puts out, bit for bit.
Integer models, q_NAME, need no NAME.f32: their hash is of the numpy reference itself, for every target.
"""

import hashlib
from pathlib import Path

import numpy as np
from upedal import layers as L
from upedal import native, reference, reference_q, upm

from tests import random_q

HERE = Path(__file__).parent
FRAMES = 600


def uniform(rng, *shape, scale=1.0):
    return rng.uniform(-scale, scale, shape).astype(np.float32)


def gru(seed, hidden, *, grade, knobs=0, skip=True):
    """GRU + dense (+ the input added), weights of a lively size."""
    rng = np.random.default_rng(seed)
    s = hidden**-0.5
    cell = L.Gru(
        uniform(rng, 3 * hidden, 1 + knobs, scale=3 * s),
        uniform(rng, 3 * hidden, hidden, scale=1.5 * s),
        uniform(rng, 3 * hidden, scale=s),
        uniform(rng, 3 * hidden, scale=s),
    )
    head = L.Dense(uniform(rng, 1, hidden, scale=s), uniform(rng, 1, scale=s), "linear", 1, 2)
    chain = [cell, head] + ([L.Add(2, 0, 2)] if skip else [])
    table = [(f"knob{k}", "", 0.0, 1.0, 0.25) for k in range(knobs)]
    return L.Model(chain, 48000, grade, knobs=table)


def tcn(seed, channels, activation, *, grade, dilations=(1, 4, 64), emphasis=0.9):
    """Pre-emphasis, dilated convolutions with residual and skip sums, dense, de-emphasis."""
    rng = np.random.default_rng(seed)
    rows = 2 * channels if activation == "gated" else channels
    chain = [
        L.Emphasis(emphasis, 0, 5),
        L.Conv1d(uniform(rng, channels, 1, 3), uniform(rng, channels), 1, "linear", 5, 1),
        L.Add(1, 1, 3),
    ]
    for d in dilations:
        weight = uniform(rng, rows, channels, 3, scale=channels**-0.5)
        chain += [
            L.Conv1d(weight, uniform(rng, rows, scale=0.2), d, activation, 1, 2),
            L.Add(2, 1, 1),  # residual
            L.Add(3, 2, 3),  # skip
        ]
    head = L.Dense(uniform(rng, 1, channels, scale=0.1), uniform(rng, 1), "linear", 3, 4)
    return L.Model(chain + [head, L.Deemphasis(emphasis, 4, 4)], 44100, grade)


def two_grus(seed):
    """A stack: the first GRU's whole state feeds the second."""
    a, b = gru(seed, 6, grade="fast"), gru(seed + 1, 5, grade="fast", knobs=5)
    first, second, head = a.layers[0], b.layers[0], b.layers[1]
    second.src, second.dst, head.src, head.dst = 1, 2, 2, 3
    return L.Model([first, second, head], 48000, "fast")


def wavenet(seed, *, grade, activation="tanh", gate="gated", channels=5):
    """Two layers of the general kind: side input, gate, residual, head sum, FiLM, an LSTM and a skip."""
    rng = np.random.default_rng(seed)
    rows = channels if gate == "none" else 2 * channels
    chain = [L.Dense(uniform(rng, channels, 1), uniform(rng, channels))]
    for at, dilation in enumerate((1, 9)):
        y, after = 1 + at, 2 + at
        chain.append(
            L.Conv1d(
                uniform(rng, rows, channels, 3, scale=0.5), uniform(rng, rows), dilation, activation, y, 5,
                side=0, side_weight=uniform(rng, rows, 1), gate=gate, gate_activation="sigmoid",
            )  # fmt: skip
        )
        chain.append(L.Add(5, 5, 4) if at == 0 else L.Add(4, 5, 4))
        chain.append(L.Dense(uniform(rng, channels, channels), uniform(rng, channels), src=5, dst=after, plus=y))
    slopes = L.Act("prelu", slopes=uniform(rng, channels))
    h = 4
    return L.Model(
        [
            *chain,
            L.Dense(uniform(rng, 2 * channels, 1), uniform(rng, 2 * channels), src=0, dst=6),
            L.Film(4, 6, 4),
            L.Activation(slopes, 4, 4),
            L.Lstm(
                uniform(rng, 4 * h, channels), uniform(rng, 4 * h, h), uniform(rng, 4 * h),
                uniform(rng, h), uniform(rng, h), 4, 7,
            ),  # fmt: skip
            L.Conv1d(uniform(rng, 1, h, 5), uniform(rng, 1), src=7, dst=8, plus=0),
        ],
        48000,
        grade,
    )


MODELS = {
    "gru4": gru(1, 4, grade="accurate"),
    "gru10": gru(2, 10, grade="fast"),
    "gru16": gru(3, 16, grade="fast"),
    "gru9_2knobs": gru(4, 9, grade="fast", knobs=2, skip=False),
    "gru6_gru5": two_grus(5),
    "tcn_tanh": tcn(6, 4, "tanh", grade="accurate"),
    "tcn_tanh_fast": tcn(6, 4, "tanh", grade="fast"),
    "tcn_gated": tcn(7, 6, "gated", grade="fast"),
    "tcn_relu": tcn(8, 22, "relu", grade="fast", dilations=(1, 2)),
    "tcn_softsign": tcn(9, 5, "softsign", grade="fast"),
    "wavenet": wavenet(10, grade="accurate"),
    "wavenet_fast": wavenet(10, grade="fast"),
    "wavenet_blended": wavenet(11, grade="fast", activation="silu", gate="blended"),
}


# Kinds of random integer models, and a seed each that makes a small one with sound in it.
INTEGERS = {
    "q_conv": ("conv", 6), "q_gated": ("conv_gated", 3), "q_blended": ("conv_blended", 2), "q_side": ("conv_side", 6),
    "q_gru": ("gru", 5), "q_lstm": ("lstm", 7), "q_film": ("film", 2), "q_act": ("activation", 4),
    "q_mixed": ("mixed", 25), "q_deemphasis": ("deemphasis", 5), "q7": ("q7", 5), "q7_narrow": ("q7", 2),
}  # fmt: skip


def signal():
    """A decaying chord with a burst of noise and some silence; peak 0.8."""
    rng = np.random.default_rng(0)
    t = np.arange(FRAMES) / 48000
    x = sum(np.sin(2 * np.pi * f * t) for f in (196.0, 247.0, 2960.0)) * np.exp(-t * 90)
    x[300:360] += rng.standard_normal(60)
    x[450:520] = 0
    return (0.8 * x / np.abs(x).max()).astype(np.float32)


def main():
    x = signal()
    (HERE / "input.f32").write_bytes(x.tobytes())
    for name, model in MODELS.items():
        upm.save(model, HERE / f"{name}.upm")
        blob = (HERE / f"{name}.upm").read_bytes()
        (HERE / f"{name}.f32").write_bytes(reference.render(model, x).astype(np.float32).tobytes())
        if not native.EXACT:
            raise SystemExit("hashes need a CPU with fused multiply-add")
        digest = hashlib.sha256(native.render(blob, x, prewarm=0).tobytes()).hexdigest()
        (HERE / f"{name}.sha256").write_text(digest + "\n")
    for name, (kind, seed) in INTEGERS.items():
        model = random_q.model(seed, kind)
        upm.save(model, HERE / f"{name}.upm")
        y = np.asarray(reference_q.render(model, x), np.float32)
        (HERE / f"{name}.sha256").write_text(hashlib.sha256(y.tobytes()).hexdigest() + "\n")


if __name__ == "__main__":
    main()
