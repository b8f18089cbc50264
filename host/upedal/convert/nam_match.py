"""layers.Model -> nam_net tree: which NAM net computes this?

The layers become a graph, whatever their slots. A WaveNet is found by its activations: in each of its
layers exactly one convolution has a side input, the mixed-in condition. What is found is a guess, until
nam.py has written it, read it back and compared that with the model, operation by operation.
"""

import numpy as np

from .. import layers as L
from ..errors import UpedalError
from . import nam_tcn
from .nam_graph import INPUT, act_key, graph
from .nam_net import Array, Cell, Chain, WaveNet


class NoMatch(Exception):
    """This is no such net; the message says what of it is not."""


def _need(good, why):
    if not good:
        raise NoMatch(why)


def _refuse_layers(nodes, name):
    """What no NAM net can have, by name."""
    for node in nodes:
        kind = type(node.layer)
        if kind is L.Gru:
            raise UpedalError(f"{name}: has a GRU; NAM has no GRU (LSTM, WaveNet, ConvNet, Linear)")
        if kind in (L.Emphasis, L.Deemphasis):
            raise UpedalError(f"{name}: has an emphasis filter in the model; NAM has none")
    lstm = any(isinstance(n.layer, L.Lstm) for n in nodes)
    if lstm and any(INPUT in (n.src, n.two) for n in nodes if isinstance(n.layer, L.Add)):
        raise UpedalError(f"{name}: adds the input to its output (skip); NAM's LSTM cannot")


def net_of(model, name):
    """The WaveNet or Chain that computes a model's layers. UpedalError says why there is none."""
    nodes = graph(model)
    _refuse_layers(nodes, name)
    try:
        return _match(nodes, nodes[-1])
    except NoMatch as e:
        net = nam_tcn.net_of(nodes)
        if net is None:
            raise UpedalError(f"{name}: no net that NAM has: {e}") from None
        return net


def _match(nodes, out):
    chain = _chain(out)
    if chain:
        return chain
    why = None
    for head1x1 in (False, True):  # undecided where the first array has a single layer
        try:
            return _wavenet(nodes, out, head1x1)
        except NoMatch as e:
            why = why or e
    raise why


# ---- chains --------------------------------------------------------------------------------------


def _chain(out):
    """Linear, ConvNet or LSTM, or None where it is not a plain chain of that kind."""
    nodes, node = [], out
    while node is not INPUT:
        if node.has_plus or node.two is not None or not isinstance(node.layer, (L.Conv1d, L.Lstm)):
            return None
        nodes.insert(0, node)
        node = node.src
    if any(getattr(n.layer, "side", None) is not None for n in nodes):
        return None
    *body, head = nodes
    if not body:
        return _linear(head)
    if not head.is_dense:
        return None
    found = [n.layer for n in nodes]
    if all(isinstance(n.layer, L.Lstm) for n in body):
        same = len({n.layer.w_hh.shape[1] for n in body}) == 1
        return Chain(found, head.layer.out) if same else None
    return Chain(found, head.layer.out) if _is_convnet(body) else None


def _linear(node):
    """A single convolution: its taps at their distances."""
    if not node.is_linear or node.layer.out != 1:
        return None
    weight = node.layer.weight
    if node.layer.dilation > 1 and weight.shape[2] > 1:
        return None
    return Chain([L.Conv1d(weight, node.layer.bias)])


def _is_convnet(body):
    if not all(isinstance(n.layer, L.Conv1d) for n in body):
        return False
    first = body[0].layer
    return all(
        n.layer.weight.shape[2] == 2 and n.layer.gate == "none" and n.layer.out == first.out
        and act_key(n.layer.activation) == act_key(first.activation) and first.activation.kind != "linear"
        for n in body
    )  # fmt: skip


# ---- WaveNet -------------------------------------------------------------------------------------


def _ancestors(node):
    seen, todo = set(), [node]
    while todo:
        node = todo.pop()
        if node is not INPUT and node not in seen:
            seen.add(node)
            todo += [node.src, node.two, node.plus]
    return seen


def _is_film(node, cond):
    """Is it FiLM of something by a dense layer of the condition?"""
    film = node is not INPUT and isinstance(node.layer, L.Film)
    return film and node.two is not INPUT and node.two.is_dense and not node.two.has_plus and node.two.src is cond


def _before_film(node, cond):
    """(what was filmed, the FiLM's weights or None)"""
    return (node.src, node.two.pair) if _is_film(node, cond) else (node, None)


def _behind_film(node, cond):
    """(the FiLM that reads the node, its weights), or (node, None)"""
    for reader in node.readers:
        if _is_film(reader, cond) and reader.src is node:
            return reader, reader.two.pair
    return node, None


def _condition(gate):
    """The node that a gate's mixed-in condition comes from."""
    side = gate.two
    if side is not INPUT and isinstance(side.layer, L.Film):
        _need(side.two is not INPUT, "FiLM by the input itself")
        return side.two.src
    return side


def _is_eye(layer):
    weight = layer.weight
    square = weight.shape[2] == 1 and weight.shape[0] == weight.shape[1]
    return square and not np.any(layer.bias) and np.array_equal(weight[:, :, 0], np.eye(len(weight)))


class _Walk:
    """Where the matcher is: the residual y, the head sum, the arrays found."""

    def __init__(self, cond, head1x1):
        self.cond, self.head1x1 = cond, head1x1
        self.y = self.total = INPUT
        self.summing = False  # is `total` a node yet?
        self.rechannel, self.cells, self.arrays = None, [], []

    def close(self):
        """Ends an array: finds its head convolution; that is the next one's sum so far."""
        heads = [r for r in self.total.readers if r.is_linear and not r.has_plus and r.src is self.total]
        _need(len(heads) == 1, "a head sum without one head convolution")
        layer = heads[0].layer
        biased = bool(np.any(layer.bias))
        array = Array(self.rechannel, self.cells, (layer.weight, layer.bias), biased, layer.dilation)
        self.arrays.append(array)
        self.total, self.cells = heads[0], []


def _wavenet(nodes, out, head1x1):
    inside = _ancestors(out)
    gates = [n for n in nodes if n in inside and isinstance(n.layer, L.Conv1d) and n.layer.side is not None]
    _need(gates, "no layer mixes the input in again, as NAM's WaveNet does, nor is it a plain chain of LSTMs, "
                 "or of convolutions of two taps and one activation")  # fmt: skip
    cond = _condition(gates[-1])
    before = _ancestors(cond)
    walk = _Walk(cond, head1x1)
    for gate in gates:
        if gate not in before:
            _cell(walk, gate)
    walk.close()
    scale, post, act = _tail(walk.total, out)
    condition = None if cond is INPUT else _match(nodes, cond)
    return WaveNet(walk.arrays, scale, post, act, condition)


def _tail(head, out):
    """(head scale, post-stack convolutions, their activation) between the last head and the output."""
    path = []
    while out is not head:
        _need(out is not INPUT and isinstance(out.layer, L.Conv1d) and out.two is None, "no head scale at its end")
        path.insert(0, out)
        out = out.src
    _need(path, "no head scale at its end")
    weight, first = path[0].layer.weight, path[0].layer
    scale = np.float32(weight[0, 0, 0])
    square = weight.shape[2] == 1 and weight.shape[0] == weight.shape[1] and not np.any(first.bias)
    _need(square and np.array_equal(weight[:, :, 0], np.eye(len(weight)) * scale), "no head scale at its end")
    return scale, [(n.layer.weight, n.layer.bias) for n in path[1:]], first.activation if path[1:] else None


def _cell(walk, gate):
    cond, cell = walk.cond, Cell(None, None)
    _source(walk, cell, gate)
    p, plain = _activation(cond, cell, gate)
    walk.cells.append(cell)
    if plain.has_plus:  # goes into the head sum at once
        _need(walk.summing and plain.plus is walk.total, "a sum that is not the head's")
        walk.total = plain
        return
    p, film = _behind_film(p, cond)
    _set_film(cell, "activation_post_film", film)
    _head(walk, cell, p, _residual(walk, cell, p))


def _set_film(cell, name, film):
    if film is not None:
        cell.films[name] = film


def _source(walk, cell, gate):
    """Sets the convolution, the mixin and what films them; steps into the next array where it begins."""
    cond, layer = walk.cond, gate.layer
    x, film = _before_film(gate.src, cond)
    real = layer
    if film is not None and _is_eye(layer) and x is not INPUT and x.is_linear and not x.has_plus:
        _set_film(cell, "conv_post_film", film)
        real = x.layer
        x, film = _before_film(x.src, cond)
    _set_film(cell, "conv_pre_film", film)
    cell.conv, cell.dilation = (real.weight, real.bias), real.dilation
    cell.gate = layer.gate
    m, film = _before_film(gate.two, cond)
    cell.mixin = layer.side_weight
    if film is not None and m is not cond:
        _need(m is not INPUT and m.is_dense and not m.has_plus, "a side input that is no mixed-in condition")
        _set_film(cell, "input_mixin_post_film", film)
        cell.mixin = m.layer.weight[:, :, 0]
        m, film = _before_film(m.src, cond)
    _need(m is cond, "side inputs from several places")
    _set_film(cell, "input_mixin_pre_film", film)
    if x is not walk.y or not (walk.cells or walk.arrays):
        _need(x is not INPUT and x.is_dense and not x.has_plus and x.src is walk.y and not np.any(x.layer.bias),
              "a layer that reads neither the one before it nor a rechannel")  # fmt: skip
        if walk.cells:
            walk.close()
        walk.rechannel, walk.y = x.layer.weight[:, :, 0], x


def _activation(cond, cell, gate):
    """(the node of p, the convolution that has the activation)"""
    plain = gate
    if gate.layer.activation.kind == "linear" and gate.layer.gate == "none":
        z, film = _behind_film(gate, cond)
        _need(film is not None and len(z.readers) == 1, "a layer without activation")
        _set_film(cell, "activation_pre_film", film)
        plain = z.readers[0]
        good = isinstance(plain.layer, L.Conv1d) and plain.layer.side is None and _is_eye_any(plain.layer)
        _need(good, "FiLM without an activation behind it")
    layer = plain.layer
    cell.activation, cell.gate, cell.gate_activation = layer.activation, layer.gate, layer.gate_activation
    _need(layer.activation.kind != "linear", "a layer without activation")
    return plain, plain


def _is_eye_any(layer):
    return layer.weight.shape[2] == 1 and _is_eye(layer)


def _residual(walk, cell, p):
    """Sets layer1x1 and steps y on; the node of that convolution, or None."""
    for reader in p.readers:
        if not reader.is_dense or reader.src is not p:
            continue
        if reader.has_plus and reader.plus is walk.y:
            cell.layer1x1, walk.y = reader.pair, reader
            return reader
        filmed, film = _behind_film(reader, walk.cond)
        for add in filmed.readers if film is not None else ():
            if isinstance(add.layer, L.Add) and {add.src, add.two} == {walk.y, filmed}:
                cell.layer1x1, walk.y = reader.pair, add
                _set_film(cell, "layer1x1_post_film", film)
                return reader
    return None


def _head(walk, cell, p, residual):
    """Adds p, or its head1x1, to the head sum."""
    if walk.summing:
        _add_to_sum(walk, cell, p)
        return
    walk.summing = True
    summed = any(isinstance(r.layer, L.Add) or (r.has_plus and r.plus is p) for r in p.readers)
    heads = [r for r in p.readers if r.is_dense and not r.has_plus and r is not residual]
    if summed or not heads or not walk.head1x1:
        walk.total = p
        return
    cell.head1x1 = heads[0].pair
    walk.total, film = _behind_film(heads[0], walk.cond)
    _set_film(cell, "head1x1_post_film", film)


def _add_to_sum(walk, cell, p):
    for reader in p.readers:
        if isinstance(reader.layer, L.Add) and {reader.src, reader.two} == {walk.total, p}:
            walk.total = reader
            return
        if not reader.is_dense or reader.src is not p:
            continue
        if reader.has_plus and reader.plus is walk.total:
            cell.head1x1, walk.total = reader.pair, reader
            return
        h, film = _behind_film(reader, walk.cond)
        for add in h.readers if film is not None else ():
            if isinstance(add.layer, L.Add) and {add.src, add.two} == {walk.total, h}:
                cell.head1x1, walk.total = reader.pair, add
                _set_film(cell, "head1x1_post_film", film)
                return
    raise NoMatch("a layer whose output does not go into the head sum")
