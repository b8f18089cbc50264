"""A model as a list of layers over numbered slots, in numpy: what nets and importers make, what
`upm.py` packs and `reference.py` runs.

A slot is a signal of some channels. Slot 0 is the model's input: the audio, then one channel a knob.
The model's output is what the last layer writes. A layer reads `src`, writes `dst`.
Weights have PyTorch's shapes and gate order, float32.
"""

from dataclasses import dataclass, field

import numpy as np

ACTIVATIONS = (
    "linear", "tanh", "sigmoid", "softsign", "relu", "leaky_relu", "prelu", "hard_tanh",
    "leaky_hard_tanh", "silu", "hard_swish", "rational_tanh", "elu",
)  # fmt: skip
GATES = ("none", "gated", "blended")


@dataclass
class Act:
    """An activation by name, with the numbers some have.

    par: leaky_relu, elu: (slope,); leaky_hard_tanh: (low, high, slope below, slope above).
    slopes: prelu: [channels], the slope below 0 of each.
    """

    kind: str = "linear"
    par: tuple = ()
    slopes: np.ndarray | None = None


def act(activation):
    """An Act from an Act or a name."""
    return activation if isinstance(activation, Act) else Act(activation)


@dataclass
class Conv1d:
    """z[o, t] = bias[o] + sum_k sum_i weight[o, i, k] * x[i, t - (K - 1 - k) * dilation]
                         + sum_s side_weight[o, s] * side[s, t]
    y = f(z), or of 2C rows, f on the first C (top) and g on the last C:
    gated f(top) * g(bottom); blended w f(top) + (1 - w) top with w = g(bottom).
    Then the slot `plus`, if any, is added. activation "gated" is short for gated tanh and sigmoid.
    """

    weight: np.ndarray  # [out][in][tap], tap 0 the oldest sample, as torch.nn.Conv1d has it
    bias: np.ndarray  # [out]
    dilation: int = 1
    activation: Act | str = "linear"
    src: int = 0
    dst: int = 1
    side: int | None = None  # slot
    side_weight: np.ndarray | None = None  # [out][channels of side]
    gate: str = "none"
    gate_activation: Act | str = "linear"
    plus: int | None = None  # slot

    def __post_init__(self):
        if self.activation == "gated":
            self.activation, self.gate, self.gate_activation = "tanh", "gated", "sigmoid"
        self.activation, self.gate_activation = act(self.activation), act(self.gate_activation)

    @property
    def rows(self):
        return self.weight.shape[0]

    @property
    def out(self):
        return self.rows if self.gate == "none" else self.rows // 2


def Dense(weight, bias, activation="linear", src=0, dst=1, **more):  # noqa: N802 - a layer like the rest
    """y[o, t] = act(bias[o] + sum_i weight[o, i] * x[i, t]): a Conv1d of one tap. weight [out][in]."""
    return Conv1d(np.asarray(weight)[:, :, None], bias, 1, activation, src, dst, **more)


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
class Lstm:
    """torch.nn.LSTM's equations, one layer; gate order input, forget, cell, output. Output: h."""

    w_ih: np.ndarray  # [4*hidden][in]
    w_hh: np.ndarray  # [4*hidden][hidden]
    bias: np.ndarray  # [4*hidden], PyTorch's two summed
    h: np.ndarray | None = None  # [hidden], the state before the first frame; None: zeros
    c: np.ndarray | None = None
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
class Film:
    """y = s * x[src] + m; slot src2 holds [s], or [s, m] one behind the other."""

    src: int
    src2: int
    dst: int


@dataclass
class Activation:
    """y = act(x), channel by channel."""

    activation: Act | str
    src: int
    dst: int

    def __post_init__(self):
        self.activation = act(self.activation)


@dataclass
class Emphasis:
    """y[t] = x[t] - coef * x[t-1], per channel."""

    coef: float
    src: int = 0
    dst: int = 1


@dataclass
class Deemphasis:
    """y[t] = x[t] + coef * y[t-1], per channel."""

    coef: float
    src: int = 0
    dst: int = 1


@dataclass
class Model:
    """Layers and what else a `.upm` says of a model (levels in dB, latency in frames)."""

    layers: list
    rate_hz: int
    grade: str = "accurate"  # of tanh and sigmoid: "accurate" (<= 3e-7) or "fast" (<= 2e-5)
    arithmetic: str = "f32"
    prewarm: int = 0  # frames of silence to run before the first sample counts
    meta: dict = field(default_factory=dict)  # name, author, gear, licence, esr, ... (text)
    latency: float = 0.0  # frames the model delays the signal
    polarity: int = 1  # -1: the model inverts
    loudness_db: float | None = None
    input_dbu: float | None = None  # level of 0 dBFS at the input
    output_dbu: float | None = None
    knobs: list = field(default_factory=list)  # (name, unit, low, high, default)
