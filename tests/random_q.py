"""Random integer models, valid by models/SPEC.md, lively and rough: the same for the same seed.

`model(seed, kind)`, kind one of KINDS, makes a QModel whose signals use their range and sometimes
leave it; some rows lie right at the bound of overflow. `audio(seed, n)` is something to feed it.
"""

import numpy as np
from upedal import ai8x, dither
from upedal import layers as L
from upedal import qlayers as Q

SUM = 1 << 31  # every row: |bias| + 32768 * sum |w| stays below
_CENTRES = np.arange(-512, 512) * 64


def audio(seed, n):
    """float32 [n]: noise of changing level, clicks, full scale and beyond, silence."""
    rng = np.random.default_rng([seed, 1])
    level = 10.0 ** rng.uniform(-4, 0.2, n // 50 + 1).repeat(50)[:n]
    x = rng.standard_normal(n) * level
    x[rng.random(n) < 0.01] = rng.choice([-1.0, 1.0, 0.5 / 32768, -3.0, 3.0])
    x[n // 3 : n // 3 + n // 10] = 0
    return x.astype(np.float32)


def lines(v):
    """int32 [1024]: the table that joins the 1,025 values v by lines."""
    v = np.asarray(v, np.int64)
    return (65536 * v[:-1] + np.diff(v)).astype(np.int32)


def function_table(kind, domain):
    """tanh or sigmoid, 1.0 as 32,767; the input's 32,768 means `domain`."""
    x = np.append(_CENTRES, 32768) * domain / 32768
    return lines(np.round(32767 * (1 / (1 + np.exp(-x)) if kind == "sigmoid" else np.tanh(x))))


def table(rng, kind="tanh", rough=False):
    """A function over a random domain, or a random walk; kind "sigmoid" stays in 0..32767."""
    if not rough:
        return function_table("sigmoid" if kind == "sigmoid" else "tanh", rng.choice([1, 2, 4, 8, 16]))
    v = np.cumsum(rng.integers(-4000, 4001, 1025)) + rng.integers(-8000, 8000)
    return lines(np.clip(v, 0 if kind == "sigmoid" else -32768, 32767))


def matrix(rng, rows, cols, edge=False):
    """Random rows; edge: the first at the bound of overflow, all weights as large as that allows."""
    most = max(1, min(32767, 65000 // cols)) if cols < 65000 else 0
    weight = rng.integers(-most, most + 1, (rows, cols)).astype(np.int16)
    bias = rng.integers(-20_000_000, 20_000_001, rows)
    if edge:
        weight[0] = np.where(rng.random(cols) < 0.5, most, -most)
        left = SUM - 1 - 32768 * int(np.abs(weight[0].astype(np.int64)).sum())
        bias[0] = rng.choice([-1, 1]) * left
    room = SUM - 1 - 32768 * np.abs(weight.astype(np.int64)).sum(1)
    bias = np.clip(bias, -room, room).astype(np.int32)
    swing = np.sqrt((weight.astype(float) ** 2).sum(1)) * 8000 + np.abs(bias) / 4 + 1
    aim = 10_000 * 2.0 ** rng.uniform(-2, 1.5, rows)
    mult = np.clip(aim / swing * 2**32, 0, 2**31 - 1).astype(np.int32)
    if rows > 3:
        mult[rng.integers(rows)] = rng.choice([0, 1, 2**31 - 1])
    return Q.Matrix(weight, bias, mult)


class Maker:
    """A model under construction: `width` holds the channels of each slot that int16 may be read from."""

    def __init__(self, seed, knobs=0):
        self.rng, self.mix = np.random.default_rng(seed), np.random.default_rng([*seed, 1])
        self.layers, self.width, self.tables = [], {0: 1 + knobs}, []

    def add(self, layer, channels, wide=False):
        self.layers.append(layer)
        self.width.pop(layer.dst, None)
        if not wide:
            self.width[layer.dst] = channels

    def chance(self, p):
        return self.rng.random() < p

    def scale(self):
        return float(np.float32(2.0 ** self.rng.uniform(-18, -8)))

    def slot(self, channels=None, least=None):
        """A random slot that was written, often the last; None where there is no fitting one."""
        last = self.layers[-1].dst if self.layers else None
        if channels is None and least is None and last in self.width and self.chance(0.6):
            return last
        fit = [
            s for s, c in self.width.items() if channels in (None, c) and (least is None or c >= least)
        ]
        return int(self.rng.choice(fit)) if fit else None

    def target(self, *taken):
        """A random slot to write, none of those named."""
        return int(self.rng.choice([s for s in range(1, 16) if s not in taken]))

    def channels(self, most=24):
        return int(self.rng.integers(1, most + 1))

    def table(self, kind="tanh"):
        """A table, sometimes one that was used before."""
        if self.tables and self.chance(0.4) and kind != "sigmoid":
            return self.tables[self.rng.integers(len(self.tables))]
        self.tables.append(table(self.rng, kind, rough=self.chance(0.3)))
        return self.tables[-1]

    def factors(self):
        """Of a sum: both 1, or any."""
        if self.mix.random() < 0.3:
            return (Q.FACTOR, Q.FACTOR)
        shifts = self.mix.choice([0.0, 14.0, *self.mix.uniform(0, 6, 4)], 2)
        return tuple(int(v) for v in np.ceil(Q.FACTOR * 2.0**-shifts))

    def act(self, channels, kind=None):
        kind = kind or str(self.rng.choice(L.ACTIVATIONS))
        slopes = None
        if kind in ("leaky_relu", "prelu"):
            slopes = self.rng.integers(-32767, 32768, channels).astype(np.int16)
        return Q.QAct(kind, None if kind in Q.NO_TABLE else self.table(kind), slopes)

    def conv(self, out=None, gate="none", side=False, wide=False, plus=None, kind=None, keep=None):
        src, out = self.slot(), out or self.channels()
        cin, rows = self.width[src], out * (1 if gate == "none" else 2)
        taps = int(self.rng.choice([1, 1, 2, 3, 5, 9, 40]))
        other = self.slot() if side else None
        extra = 0 if other is None else self.width[other]
        added = self.slot(out) if (self.chance(0.3) if plus is None else plus) and not wide else None
        layer = Q.QConv1d(
            matrix(self.rng, rows, cin * taps + extra, edge=self.chance(0.3)), cin, taps, self.scale(),
            dilation=int(self.rng.choice([1, 1, 2, 7, 64, 300])), src=src,
            dst=self.target(src, other, added, keep), side=other, side_channels=extra, gate=gate,
            plus=added, wide=wide,
        )  # fmt: skip
        if added is not None:
            layer.factor = self.factors()[1]
        if not wide:
            layer.activation = self.act(out, kind)
        if gate != "none":
            layer.gate_activation = self.act(out)
        self.add(layer, out, wide)

    def gru(self):
        src, hidden = self.slot(), self.channels()
        cin = self.width[src]
        self.add(Q.QGru(
            matrix(self.rng, 2 * hidden, cin + hidden), matrix(self.rng, hidden, cin, self.chance(0.3)),
            matrix(self.rng, hidden, hidden), self.table("sigmoid"), self.table(), cin, src=src,
            dst=self.target(src),
        ), hidden)  # fmt: skip

    def lstm(self):
        src, hidden = self.slot(), self.channels()
        cin, most = self.width[src], 2**30 - 1
        h, c = np.zeros(hidden, np.int16), np.zeros(hidden, np.int32)
        if self.chance(0.6):
            h = self.rng.integers(-32768, 32768, hidden).astype(np.int16)
            c = self.rng.integers(-most, most + 1, hidden).astype(np.int32)
        self.add(Q.QLstm(
            matrix(self.rng, 4 * hidden, cin + hidden, self.chance(0.3)), self.table("sigmoid"),
            self.table(), self.table(), int(self.rng.integers(0, 9)), cin, h, c, src=src,
            dst=self.target(src),
        ), hidden)  # fmt: skip

    def sum(self):
        src = self.slot()
        other = self.slot(least=self.width[src])
        dst = int(self.rng.choice([s for s in (src, other, self.target()) if s]))
        self.add(Q.QAdd(src, other, dst, self.scale(), self.factors()), self.width[src])

    def film(self):
        """Scales (and shifts) by a slot of one or two times the channels, made first where none is."""
        src = self.slot()
        n = self.width[src] * int(self.rng.integers(1, 3))
        if self.slot(n) is None:
            self.conv(n, kind="linear", plus=False, keep=src)
        mult_x, mult_m = (int(v) for v in self.rng.integers(0, 2**31, 2))
        mult_m = mult_m >> int(self.rng.integers(0, 16)) if n > self.width[src] else 0
        other = self.slot(n)
        made = Q.QFilm(src, other, self.target(other), self.scale(), mult_x, mult_m)
        self.add(made, self.width[src])

    def activation(self, kind=None):
        src = self.slot()
        channels = self.width[src]
        dst = src if src and self.chance(0.5) else self.target()
        self.add(Q.QActivation(self.act(channels, kind), src, dst, self.scale()), channels)

    def emphasis(self, src=None):
        src = self.slot() if src is None else src
        dst = src if src and self.chance(0.5) else self.target()
        coef = int(self.rng.integers(-32767, 32768))
        self.add(Q.QEmphasis(coef, self.scale(), src, dst), self.width[src])

    def head(self, deemphasis=0, wide=None):
        """A row for the output, wide or not, and so many de-emphases behind it."""
        wide = self.chance(0.7) if wide is None else wide
        gate = "none" if wide or self.chance(0.7) else str(self.rng.choice(L.GATES[1:]))
        self.conv(1, gate, side=self.chance(0.4), wide=wide)
        for _ in range(deemphasis):
            last = self.layers[-1].dst
            coef = int(self.rng.choice([27853, 31130, 32767, -32767, self.rng.integers(-32767, 32768)]))
            shift = int(self.rng.integers(0, 4 if last not in self.width else 16))
            dst = last if self.chance(0.5) else self.target()
            self.add(Q.QDeemphasis(coef, shift, self.scale(), last, dst), 1, wide=True)

    def accelerator(self):
        """Emphasis (or not), dither, convolutions of the MAX78000, the last one wide (or not)."""
        rng = self.rng
        if self.chance(0.7):
            self.emphasis(0)
        src, channels, kind = self.slot(1), self.channels(), str(rng.choice(dither.KINDS))
        filters = [(1385, 16812, 5968), (8192, 20000, -20000), (8192, -24000, 16000), (0, 0, 0)]
        made = Q.QDither(channels, kind, int(rng.integers(0, 2**32)), gain=int(rng.integers(0, 8)), src=src)
        made.filter = filters[rng.integers(4)] if kind == "shaped" else (0, 0, 0)
        made.dst, made.scale = self.target(src), self.scale()
        self.add(made, channels)
        for left in range(int(rng.integers(0, 4)), -1, -1):
            self.conv8(self.layers[-1].out, last=not left)

    def conv8(self, channels, last):
        rng, bits = self.rng, int(self.rng.choice([8, 8, 4, 2, 1]))
        low, high = ai8x.weight_range(bits)
        out, taps = 1 if last else self.channels(), int(rng.integers(1, 10))
        weight = rng.integers(low, high + 1, (out, channels, taps)).astype(np.int8)
        if self.chance(0.2):
            weight[:] = low
        bias = rng.integers(-128, 128, out).astype(np.int8) if self.chance(0.8) else None
        wide = last and self.chance(0.7)
        s = int(np.clip(np.round(7 - np.log2(np.sqrt(channels * taps) * -low) + rng.uniform(-2, 3)), -15, 15))
        s = int(rng.integers(-15, 16)) if self.chance(0.1) else s
        src = self.layers[-1].dst
        layer = ai8x.Layer(
            weight, bias, bits, s - 8 + bits, int(rng.choice([1, 1, 2, 5, 128])),
            relu=not wide and self.chance(0.6), wide=wide,
        )  # fmt: skip
        self.add(Q.Q7Conv1d(layer, self.scale(), src, self.target(src)), out, wide)


def _body(kind, m):
    """Layers of one kind, over a first convolution that makes channels, where the kind needs some."""
    several = int(m.rng.integers(1, 4))
    if kind in ("conv", "conv_gated", "conv_blended", "conv_side"):
        gate = kind[5:] if kind[5:] in L.GATES else "none"
        for _ in range(several):
            m.conv(gate=gate, side=kind == "conv_side")
    elif kind in ("gru", "lstm"):
        for _ in range(several):
            getattr(m, kind)()
    elif kind == "mixed":
        names = ("conv", "gru", "lstm", "sum", "film", "activation", "emphasis")
        for name in m.rng.choice(names, int(m.rng.integers(3, 12))):
            getattr(m, name)()
    else:
        m.conv(kind="linear")
        for _ in range(several):
            getattr(m, kind)()


KINDS = (
    "conv", "conv_gated", "conv_blended", "conv_side", "gru", "lstm", "sum", "film", "activation",
    "emphasis", "deemphasis", "mixed", "q7", "every_activation",
)  # fmt: skip


def model(seed, kind="mixed"):
    """A random QModel; kind: one of KINDS."""
    m = Maker([seed, KINDS.index(kind)], 0)
    knobs = int(m.rng.integers(0, 4)) if kind != "q7" and m.chance(0.3) else 0
    m.width[0] = 1 + knobs
    if kind == "q7":
        m.accelerator()
        if m.chance(0.6) and m.layers[-1].layer.wide:
            m.add(Q.QDeemphasis(29491, int(m.rng.integers(0, 8)), 2.0**-22, m.layers[-1].dst, 1), 1, True)
    else:
        if kind == "every_activation":
            for name in L.ACTIVATIONS:
                m.conv(kind=name)
                m.activation(name)
        elif kind != "deemphasis":
            _body(kind, m)
        m.head(deemphasis=1 + m.chance(0.3) if kind == "deemphasis" or m.chance(0.2) else 0)
    units = m.rng.choice([32768.0, 16384.0, 1000.5, 40000.0], 1 + knobs)
    made = Q.QModel(m.layers, units.astype(np.float32), 48000, "q7" if kind == "q7" else "q15")
    made.knobs = [(f"k{k}", "", 0.0, 1.0, float(np.float32(m.rng.random()))) for k in range(knobs)]
    made.meta = {"name": f"{kind} {seed}"}
    return made
