"""An integer model as a list of layers over numbered slots, the twin of `layers.py`: what `quant.py`
makes, `upm.py` packs and `reference_q.py` runs. models/SPEC.md, "Integer models", defines each.

Slots, src, dst, side and plus are as in layers.py. `scale` is the real value of one unit of what a
layer writes. A table is int32 [1024]. Layers without weights (Add, Emphasis, ...) have integer twins
here too, as their numbers are integers.
"""

from dataclasses import dataclass, field

import numpy as np

TABLE = 1024
FACTOR = 1 << 14  # a sum's factor that stands for 1, and the largest
NO_TABLE = ("linear", "relu", "leaky_relu", "prelu", "hard_tanh")  # activations computed without one


@dataclass
class Matrix:
    """bias + weight · columns, then rq(·, mult): one row an output."""

    weight: np.ndarray  # int16 [rows][cols]
    bias: np.ndarray  # int32 [rows]
    mult: np.ndarray  # int32 [rows], 0 or more; not used where wide


@dataclass
class QAct:
    """An activation: its function by name (layers.ACTIVATIONS), with what computes it."""

    kind: str = "linear"
    table: np.ndarray | None = None  # int32 [1024], where kind is not in NO_TABLE
    slopes: np.ndarray | None = None  # int16 [channels], leaky_relu and prelu


@dataclass
class QConv1d:
    """q15 convolution. The matrix's columns are [tap][in], then the side channels (no padding here)."""

    matrix: Matrix
    inputs: int
    taps: int
    scale: float
    dilation: int = 1
    activation: QAct = field(default_factory=QAct)
    src: int = 0
    dst: int = 1
    side: int | None = None  # slot
    side_channels: int = 0
    gate: str = "none"
    gate_activation: QAct = field(default_factory=QAct)
    plus: int | None = None  # slot
    factor: int = FACTOR  # of plus
    wide: bool = False  # the output is the sum, int32

    @property
    def rows(self):
        return len(self.matrix.bias)

    @property
    def out(self):
        return self.rows if self.gate == "none" else self.rows // 2


@dataclass
class Q7Conv1d:
    """The accelerator's convolution: an ai8x.Layer with slots."""

    layer: object  # ai8x.Layer
    scale: float
    src: int = 0
    dst: int = 1

    @property
    def out(self):
        return self.layer.weight.shape[0]


@dataclass
class QGru:
    rz: Matrix  # [2*hidden][inputs + hidden], r then z
    n_in: Matrix  # [hidden][inputs]
    n_h: Matrix  # [hidden][hidden]
    sigmoid: np.ndarray  # table
    tanh: np.ndarray  # table
    inputs: int
    scale: float = 2.0**-15
    src: int = 0
    dst: int = 1

    @property
    def out(self):
        return len(self.n_h.bias)


@dataclass
class QLstm:
    matrix: Matrix  # [4*hidden][inputs + hidden], i, f, g, o
    sigmoid: np.ndarray  # tables
    tanh: np.ndarray
    tanh_c: np.ndarray
    exponent: int  # c = C * 2^(exponent - 30)
    inputs: int
    h: np.ndarray  # int16 [hidden], state before the first frame
    c: np.ndarray  # int32 [hidden]
    scale: float = 2.0**-15
    src: int = 0
    dst: int = 1

    @property
    def out(self):
        return len(self.h)


@dataclass
class QAdd:
    """x[src] · factors[0] + x[src2] · factors[1], rounded >> 14 and limited; src2 may have more channels."""

    src: int
    src2: int
    dst: int
    scale: float
    factors: tuple = (FACTOR, FACTOR)


@dataclass
class QFilm:
    src: int
    src2: int
    dst: int
    scale: float
    mult_x: int  # of s * x
    mult_m: int  # of m


@dataclass
class QActivation:
    activation: QAct
    src: int
    dst: int
    scale: float


@dataclass
class QEmphasis:
    coef: int  # c * 2^15
    scale: float
    src: int = 0
    dst: int = 1


@dataclass
class QDeemphasis:
    """Writes a wide slot, one channel; src may be wide."""

    coef: int
    shift: int
    scale: float
    src: int = 0
    dst: int = 1


@dataclass
class QDither:
    channels: int
    kind: str  # dither.KINDS
    seed: int
    filter: tuple = (0, 0, 0)  # b, a1, a2 in Q14, of kind "shaped"
    gain: int = 0  # left shift of the audio
    scale: float = 2.0**-7
    src: int = 0
    dst: int = 1

    @property
    def out(self):
        return self.channels


@dataclass
class QModel:
    """layers.Model's twin; `units` [inputs]: units that 1.0 has at each input."""

    layers: list
    units: np.ndarray
    rate_hz: int
    arithmetic: str = "q15"
    prewarm: int = 0
    meta: dict = field(default_factory=dict)
    latency: float = 0.0
    polarity: int = 1
    loudness_db: float | None = None
    input_dbu: float | None = None
    output_dbu: float | None = None
    knobs: list = field(default_factory=list)
    grade: str = "fast"
