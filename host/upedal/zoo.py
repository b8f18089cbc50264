"""Nets of known shapes with random weights, for `upedal bench`: what they cost depends on the shape alone."""

import numpy as np

from . import layers as L
from .wavenet import emit

A1_DILATIONS = tuple(2**k for k in range(10))
A1_SMALL = (tuple(2**k for k in range(7)), (128, 256, 512, *A1_DILATIONS))  # lite, feather, nano
A2_CYCLE = (1, 3, 7, 17, 41, 101, 239)
A2_DILATIONS = (*A2_CYCLE, *A2_CYCLE, 1, 13, *A2_CYCLE)
A2_KERNELS = (6,) * 14 + (15, 15) + (6,) * 7


def _draw(rng, *shape):
    """Weights of the size training starts from: uniform in +-1 / sqrt(inputs)."""
    return (rng.uniform(-1, 1, shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)


def gru(hidden, grade="fast"):
    """GRU, dense and the input added, as the recipes train."""
    rng = np.random.default_rng(0)
    cell = L.Gru(
        _draw(rng, 3 * hidden, 1), _draw(rng, 3 * hidden, hidden), _draw(rng, 3 * hidden), _draw(rng, 3 * hidden)
    )  # fmt: skip
    head = L.Dense(_draw(rng, 1, hidden), _draw(rng, 1), src=1, dst=2)
    return L.Model([cell, head, L.Add(2, 0, 2)], 48000, grade)


def lstm(hidden, grade="fast"):
    rng = np.random.default_rng(0)
    cell = L.Lstm(_draw(rng, 4 * hidden, 1), _draw(rng, 4 * hidden, hidden), _draw(rng, 4 * hidden))
    head = L.Dense(_draw(rng, 1, hidden), _draw(rng, 1), src=1, dst=2)
    return L.Model([cell, head, L.Add(2, 0, 2)], 48000, grade)


def tcn(channels=8, taps=3, dilations=(1, 2, 4, 8, 16, 32, 64, 128), grade="fast"):
    """A small TCN with tanh, a residual and a skip path a layer."""
    rng = np.random.default_rng(0)
    chain = [L.Conv1d(_draw(rng, channels, 1, taps), _draw(rng, channels), 1, "tanh", 0, 1), L.Add(1, 1, 3)]
    for d in dilations:
        conv = L.Conv1d(_draw(rng, channels, channels, taps), _draw(rng, channels), d, "tanh", 1, 2)
        chain += [conv, L.Add(2, 1, 1), L.Add(3, 2, 3)]
    head = L.Dense(_draw(rng, 1, channels), _draw(rng, 1), src=3, dst=4)
    return L.Model([*chain, head], 48000, grade)


def tinyml(channels=16, hidden=24):
    """The 8-bit TCN of the MAX78000 paper, in float: k3 C->H, 8 dilated k3 with ReLU, k1 H->1."""
    rng = np.random.default_rng(0)
    first = L.Dense(_draw(rng, channels, 1), _draw(rng, channels))  # stands for the dithered copies
    chain = [first, L.Conv1d(_draw(rng, hidden, channels, 3), _draw(rng, hidden), 1, "linear", 1, 2)]
    for k in range(8):
        src, dst = (2, 3) if k % 2 == 0 else (3, 2)
        weight = _draw(rng, hidden, hidden, 3)
        chain.append(L.Conv1d(weight, _draw(rng, hidden), 2**k, "relu", src, dst))
    return L.Model([*chain, L.Dense(_draw(rng, 1, hidden), _draw(rng, 1), src=2, dst=4)], 44100, "fast")


def tinyml_q7(channels=16, hidden=24):
    """The same net as the paper has it: emphasis, dither, 8-bit layers, de-emphasis."""
    from . import ai8x, quant

    rng = np.random.default_rng(0)

    def layer(rows, columns, taps, dilation=1, **more):
        weight = rng.integers(-40, 41, (rows, columns, taps)).astype(np.int8)
        return ai8x.Layer(weight, rng.integers(-20, 21, rows).astype(np.int8), 8, -2, dilation, **more)

    body = [layer(hidden, hidden, 3, 2**k, relu=True) for k in range(8)]
    net = ai8x.Net((layer(hidden, channels, 3), *body, layer(1, hidden, 1, wide=True)))
    return quant.from_ai8x(net, emphasis=0.9, rate_hz=44100, scale=2.0**-14)


def q15(model):
    """The same model in q15; calibrated on noise, as its weights are noise too."""
    from . import quant

    audio = 0.3 * np.random.default_rng(0).standard_normal(model.rate_hz // 4)
    return quant.quantise(model, np.clip(audio, -1, 1))


def fir(taps):
    rng = np.random.default_rng(0)
    return L.Model([L.Conv1d(_draw(rng, 1, 1, taps), np.zeros(1, np.float32))], 48000, "fast")


def wavenet(arrays, activation, head_taps=1, grade="fast"):
    """A NAM WaveNet. arrays: [(channels, kernels, dilations, head outputs)]."""
    rng, inputs, made = np.random.default_rng(0), 1, []
    for channels, kernels, dilations, outputs in arrays:
        nothing = np.zeros(channels, np.float32)
        made.append(
            {
                "rechannel": (_draw(rng, channels, inputs), nothing),
                "layers": [
                    (
                        _draw(rng, channels, channels, taps), _draw(rng, channels), dilation,
                        _draw(rng, channels, 1), _draw(rng, channels, channels), _draw(rng, channels),
                    )
                    for taps, dilation in zip(kernels, dilations)
                ],
                "head": (_draw(rng, outputs, channels, head_taps), np.zeros(outputs, np.float32)),
            }
        )  # fmt: skip
        inputs = channels
    return L.Model(emit(made, activation), 48000, grade)


def _a1(first, second, dilations):
    one, two = dilations
    arrays = [(first, (3,) * len(one), one, second), (second, (3,) * len(two), two, 1)]
    return wavenet(arrays, "tanh")


def _a2(channels):
    act = L.Act("leaky_relu", (0.01,))
    return wavenet([(channels, A2_KERNELS, A2_DILATIONS, 1)], act, head_taps=16)


# Goals, instructions and estimated M7 cycles a sample at block 64; None: not set.
GOALS = {
    "gru-10": (850, 1000), "gru-40": (7800, 7000), "lstm-16": (2300, 2300), "lstm-40": (10000, 9500),
    "nam-a1-nano": (1600, 1600), "nam-a1-feather": (4800, 4600), "nam-a1-standard": (18500, 18000),
    "nam-a2-lite": (2600, 2600), "nam-a2-full": (15500, 15000), "ir-512": (780, 600), "ir-2048": (900, None),
    "gru-40-q15": (4500, 4000), "lstm-40-q15": (6000, 5400), "nam-a1-feather-q15": (3200, 2900),
    "nam-a1-standard-q15": (12000, 10500), "nam-a2-lite-q15": (2200, 2000), "nam-a2-full-q15": (10500, 8500),
    "tinyml-16x24-q7": (13500, 8300),
}  # fmt: skip


_STANDARD = (A1_DILATIONS, A1_DILATIONS)
_WAVENET_8 = [(8, (3,) * 10, A1_DILATIONS, 8), (8, (3,) * 10, A1_DILATIONS, 1)]  # the recipe's
# Row name -> its float model, made when it is asked for.
_FLOATS = {
    **{f"gru-{h}": (gru, h) for h in (8, 10, 16, 32, 40)},
    "gru-16-accurate": (gru, 16, "accurate"),
    **{f"lstm-{h}": (lstm, h) for h in (8, 16, 20, 40)},
    "lstm-16-accurate": (lstm, 16, "accurate"),
    "tcn-8": (tcn,),
    "wavenet-8": (wavenet, _WAVENET_8, L.Act("leaky_relu", (0.01,))),
    "nam-a1-nano": (_a1, 4, 2, A1_SMALL),
    "nam-a1-feather": (_a1, 8, 4, A1_SMALL),
    "nam-a1-lite": (_a1, 12, 6, A1_SMALL),
    "nam-a1-standard": (_a1, 16, 8, _STANDARD),
    "nam-a2-lite": (_a2, 3),
    "nam-a2-full": (_a2, 8),
    "tinyml-16x24": (tinyml,),
    "ir-512": (fir, 512),
    "ir-2048": (fir, 2048),
}
_INTEGERS = ("gru-16-q15", "gru-40-q15", "lstm-16-q15", "lstm-40-q15", "wavenet-8-q15",
             "nam-a1-nano-q15", "nam-a1-feather-q15", "nam-a1-lite-q15", "nam-a1-standard-q15",
             "nam-a2-lite-q15", "nam-a2-full-q15", "tinyml-16x24-q7")  # fmt: skip
# Those that tests hold the cost model of `upedal info` to.
_MODELS = ("gru-10", "gru-16", "gru-32", "gru-40", "gru-16-accurate", "lstm-16", "lstm-40", "tcn-8",
           "nam-a1-nano", "nam-a1-feather", "nam-a1-standard", "nam-a2-lite", "nam-a2-full",
           "tinyml-16x24", "ir-512", "ir-2048")  # fmt: skip


def names():
    """Row names of all nets, floats first."""
    return [*_FLOATS, *_INTEGERS]


def build(name):
    """The model of a row: layers.Model or qlayers.QModel. q15 takes a second, for the calibration."""
    if name == "tinyml-16x24-q7":
        return tinyml_q7()
    if name.endswith("-q15"):
        return q15(build(name.removesuffix("-q15")))
    make, *arguments = _FLOATS[name]
    return make(*arguments)


def models():
    """{row name: layers.Model}"""
    return {name: build(name) for name in _MODELS}


def integer_models():
    """{row name: qlayers.QModel} of those with a goal; takes seconds, for the calibration."""
    return {name: build(name) for name in GOALS if name.endswith(("-q15", "-q7"))}
