"""A model as a list of layers over numbered slots, in numpy: what nets export, `upm.py` packs
and `reference.py` runs.

A slot is a signal of some channels. Slot 0 is the model's audio input; the model's output is
what the last layer writes. A layer reads `src`, writes `dst` (which may be `src`).
Weights have PyTorch's shapes and gate order, float32.
"""

from dataclasses import dataclass, field

import numpy as np

ACTIVATIONS = ("linear", "tanh", "softsign", "relu", "gated", "sigmoid")
# "gated": of 2C rows the first C go through tanh, the last C through sigmoid; the product is output.


@dataclass
class Conv1d:
    """y[o, t] = act(bias[o] + sum_k sum_i weight[o, i, k] * x[i, t - (K - 1 - k) * dilation])"""

    weight: np.ndarray  # [out][in][tap], tap 0 the oldest sample, as torch.nn.Conv1d has it
    bias: np.ndarray  # [out]
    dilation: int = 1
    activation: str = "linear"
    src: int = 0
    dst: int = 1


@dataclass
class Dense:
    """y[o, t] = act(bias[o] + sum_i weight[o, i] * x[i, t])"""

    weight: np.ndarray  # [out][in]
    bias: np.ndarray  # [out]
    activation: str = "linear"
    src: int = 0
    dst: int = 1


@dataclass
class Gru:
    """torch.nn.GRU's equations, one layer; gate order reset, update, new. Output: h, [hidden]."""

    w_ih: np.ndarray  # [3*hidden][in]
    w_hh: np.ndarray  # [3*hidden][hidden]
    b_ih: np.ndarray  # [3*hidden]
    b_hh: np.ndarray  # [3*hidden]
    src: int = 0
    dst: int = 1


@dataclass
class Add:
    """y = x[src] + x[src2], channel by channel (a residual or skip path). src2 may have more channels:
    its first ones count, as where the audio is added to a net that also has knobs."""

    src: int
    src2: int
    dst: int


@dataclass
class Emphasis:
    """y[t] = x[t] - coef * x[t-1], per channel."""

    coef: float
    src: int = 0
    dst: int = 0


@dataclass
class Deemphasis:
    """y[t] = x[t] + coef * y[t-1], per channel."""

    coef: float
    src: int = 0
    dst: int = 0


@dataclass
class Model:
    """Layers and what else a `.upm` says of a model (levels in dB, latency in frames)."""

    layers: list
    rate_hz: int
    grade: str = "accurate"  # of tanh and sigmoid: "accurate" (<= 3e-7) or "fast" (<= 1e-4)
    arithmetic: str = "f32"
    prewarm: int = 0  # frames of silence to run before the first sample counts
    meta: dict = field(default_factory=dict)  # name, author, gear, licence, esr, ... (text)
    latency: float = 0.0  # frames the model delays the signal
    polarity: int = 1  # -1: the model inverts
    loudness_db: float | None = None
    input_dbu: float | None = None  # level of 0 dBFS at the input
    output_dbu: float | None = None
    knobs: list = field(default_factory=list)  # (name, unit, low, high, default)
