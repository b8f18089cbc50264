"""Integer twins of float layers, from what calibration saw of them and the units of the signals."""

import numpy as np

from . import layers as L
from . import qlayers as Q
from . import quant_rows as rows
from . import quant_tables as tables
from .errors import UpedalError
from .quant_scales import MARGIN, ONE, name, needs_table, steep


def _activation(activation, unit_in, unit_out, name):
    """QAct of an Act, from integers of unit_in to integers of unit_out (the same, where it has no table)."""
    a = activation
    if a.kind == "prelu" and np.abs(a.slopes).max() > 1:
        raise UpedalError(f"{name}: PReLU's slope {np.abs(a.slopes).max():.3g}; integers hold -1 to 1")
    limits_do = a.kind == "hard_tanh" and unit_in == unit_out == ONE
    if limits_do or (a.kind != "hard_tanh" and not needs_table(a)):
        slopes = {"leaky_relu": a.par[:1], "prelu": a.slopes}.get(a.kind)
        return Q.QAct(a.kind, slopes=None if slopes is None else _int16(np.ravel(slopes) * 32768.0))
    if steep(a):
        a = L.Act("leaky_hard_tanh", (0.0, 1e30, a.par[0], 1.0))
    elif a.kind == "hard_tanh":
        a = L.Act("leaky_hard_tanh", (-1.0, 1.0, 0.0, 0.0))
    return Q.QAct(a.kind, tables.table(a, unit_in, unit_out))


def _int16(values):
    return np.clip(np.rint(values), -32767, 32767).astype(np.int16)


def _slopes_of(act, channels):
    if act.slopes is not None and len(act.slopes) == 1:
        act.slopes = np.repeat(act.slopes, channels)
    return act


class Maker:
    """Integer twins of layers, one method a kind. limit: of the last row's sums, where they are the output."""

    def __init__(self, layers, seen, units, ends_wide, limit=rows.LIMIT):
        self.layers, self.seen, self.units = layers, seen, units
        self.ends_wide, self.limit = ends_wide, limit

    def make(self, k):
        layer = self.layers[k]
        return getattr(self, "_" + type(layer).__name__.lower())(k, layer, name(k, layer))

    def _unit(self, k, key):
        return self.units.of[self.units.reads[k][key]]

    def _out(self, k):
        return float(self.units.of[k].max())

    def _conv1d(self, k, layer, title):
        weight = np.asarray(layer.weight, np.float64)
        weight = weight.transpose(0, 2, 1).reshape(layer.rows, -1)
        unit_in = np.tile(self._unit(k, "src"), layer.weight.shape[2])
        if layer.side is not None:
            weight = np.concatenate([weight, np.asarray(layer.side_weight, np.float64)], axis=1)
            unit_in = np.concatenate([unit_in, self._unit(k, "side")])
        bias, seen = np.asarray(layer.bias, np.float64), self.seen[k].columns["all"]
        common = {
            "inputs": layer.weight.shape[1], "taps": layer.weight.shape[2], "dilation": layer.dilation,
            "src": layer.src, "dst": layer.dst, "side": layer.side, "gate": layer.gate, "plus": layer.plus,
            "side_channels": weight.shape[1] - layer.weight[0].size,
        }  # fmt: skip
        if self.ends_wide and k == len(self.layers) - 1:
            first = layer.weight[0].size
            whole = first if layer.side is not None and layer.side_weight[0, 0] == 1 else None
            matrix, unit = rows.quantise_wide(weight, bias, unit_in, seen, title, whole=whole, limit=self.limit)
            return Q.QConv1d(matrix, scale=unit, wide=True, **common)
        unit_z, f, g = self._gate(k, layer, title)
        matrix = rows.quantise(weight, bias, unit_in, unit_z, seen, title)
        if layer.plus is not None:
            common["factor"] = self.units.factors(k)[0]
        return Q.QConv1d(matrix, scale=self._out(k), activation=f, gate_activation=g, **common)

    def _gate(self, k, layer, title):
        """(units of the rows' results, activation, gate activation)"""
        out, seen, unit = layer.out, self.seen[k], self.units.of[k]
        if layer.gate == "none":
            unit_z, f = self._half(layer.activation, seen.z, unit, title)
            return unit_z, _slopes_of(f, out), Q.QAct()
        gate_unit = self.units.gate_unit(k)
        bottom, g = self._half(layer.gate_activation, seen.z[out:], np.full(out, gate_unit), title)
        if layer.gate == "gated":
            top, f = self._half(layer.activation, seen.z[:out], unit / (gate_unit * 2.0**15), title)
        else:
            top, f = unit, _activation(layer.activation, unit[0], unit[0], title)
        return np.concatenate([top, bottom]), _slopes_of(f, out), _slopes_of(g, out)

    def _half(self, activation, peaks, unit, title):
        """(units of the sums, QAct) of an activation whose results have `unit`."""
        limits_do = activation.kind == "hard_tanh" and unit[0] == ONE
        if limits_do or (not needs_table(activation) and activation.kind != "hard_tanh"):
            return unit, _activation(activation, unit[0], unit[0], title)
        unit_z = tables.domain(activation.kind, float(peaks.max()), MARGIN) / 32768
        return np.full(len(unit), unit_z), _activation(activation, unit_z, unit[0], title)

    def _gru(self, k, layer, title):
        w_ih, w_hh, b_ih, b_hh = (
            np.asarray(a, np.float64) for a in (layer.w_ih, layer.w_hh, layer.b_ih, layer.b_hh)
        )
        hidden, seen = w_hh.shape[1], self.seen[k]
        rz, n, unit_x, unit_h = slice(0, 2 * hidden), slice(2 * hidden, None), self._unit(k, "src"), np.full(hidden, ONE)
        sigmoid = tables.domain("sigmoid", seen.peaks["rz"], MARGIN) / 32768
        # Both terms of the sum inside n must fit, while the sum itself may leave where tanh is flat.
        tanh = tables.domain("", max(seen.peaks["terms"], min(seen.peaks["n"], tables.FLAT["tanh"] / MARGIN)), MARGIN) / 32768

        def matrix(weight, bias, unit, out, key):
            return rows.quantise(weight, bias, unit, np.full(len(bias), out), seen.columns[key], title)

        both = np.concatenate([w_ih[rz], w_hh[rz]], axis=1)
        return Q.QGru(
            matrix(both, b_ih[rz] + b_hh[rz], np.concatenate([unit_x, unit_h]), sigmoid, "rz"),
            matrix(w_ih[n], b_ih[n], unit_x, tanh, "n_in"),
            matrix(w_hh[n], b_hh[n], unit_h, tanh, "n_h"),
            tables.table("sigmoid", sigmoid, ONE, 0), tables.table("tanh", tanh, ONE),
            w_ih.shape[1], src=layer.src, dst=layer.dst,
        )  # fmt: skip

    def _lstm(self, k, layer, title):
        hidden, seen = layer.w_hh.shape[1], self.seen[k]
        sigmoid = tables.domain("sigmoid", seen.peaks["ifo"], MARGIN) / 32768
        tanh = tables.domain("tanh", seen.peaks["g"], MARGIN) / 32768
        unit_z = np.repeat([sigmoid, sigmoid, tanh, sigmoid], hidden)
        unit_in = np.concatenate([self._unit(k, "src"), np.full(hidden, ONE)])
        weight = np.concatenate([layer.w_ih, layer.w_hh], axis=1).astype(np.float64)
        matrix = rows.quantise(weight, np.asarray(layer.bias, np.float64), unit_in, unit_z, seen.columns["all"], title)
        # A cell beyond 256 stops there, where its tanh has long been flat.
        exponent = int(np.clip(np.ceil(np.log2(max(2 * seen.peaks["c"], 1.0))), 0, 8))
        h, c = (np.zeros(hidden) if v is None else np.asarray(v, np.float64) for v in (layer.h, layer.c))
        return Q.QLstm(
            matrix, tables.table("sigmoid", sigmoid, ONE, 0), tables.table("tanh", tanh, ONE),
            tables.table("tanh", 8 / 32768, ONE), exponent, layer.w_ih.shape[1], _int16(h * 32768),
            np.clip(np.rint(c * 2.0 ** (30 - exponent)), 1 - 2**30, 2**30 - 1).astype(np.int32), src=layer.src, dst=layer.dst,
        )  # fmt: skip

    def _add(self, k, layer, title):
        return Q.QAdd(layer.src, layer.src2, layer.dst, self._out(k), self.units.factors(k))

    def _film(self, k, layer, title):
        x, s, y = self._unit(k, "src")[0], self._unit(k, "src2")[0], self._out(k)
        factors = s * x / y * 2.0**32, s / y * 2.0**16
        if max(factors) >= 2**31 - 1:
            raise UpedalError(f"{title}: its inputs are {max(factors) / 2**31:.2g} times too large for its result")
        return Q.QFilm(layer.src, layer.src2, layer.dst, y, *map(round, factors))

    def _activation(self, k, layer, title):
        unit = self.units.of[k]
        q = _activation(layer.activation, self._unit(k, "src")[0], unit[0], title)
        return Q.QActivation(_slopes_of(q, len(unit)), layer.src, layer.dst, self._out(k))

    def _emphasis(self, k, layer, title):
        return Q.QEmphasis(coefficient(layer.coef, title), self._out(k), layer.src, layer.dst)

    def _deemphasis(self, k, layer, title):
        raise UpedalError(f"{title}: de-emphasis inside the net; in integers it can only come last")


def coefficient(coef, title):
    whole = round(coef * 32768)
    if not -32768 < whole < 32768:
        raise UpedalError(f"{title}: coefficient {coef:g}; expected less than 1")
    return whole


def deemphasis(coef, bound, scale, src, dst, title="de-emphasis"):
    """QDeemphasis of inputs within ±bound, of unit `scale`: the largest shift that keeps it from its limits."""
    room, shift = (2**31 - 1) * (1 - abs(coef)) / bound, 0
    while shift < 15 and 2 ** (shift + 1) <= room:
        shift += 1
    return Q.QDeemphasis(coefficient(coef, title), shift, scale * 2.0**-shift, src, dst)
