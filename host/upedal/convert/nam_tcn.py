"""A residual stack of convolutions, as trained here, as a NAM WaveNet.

The stack: h = f(conv(x)), then h += f(conv(h)) again and again, then a dense layer of h. In the WaveNet,
channel 0 of the residual stays the audio and the others hold h: the first layer reads channel 0, the later
ones the rest, nothing is mixed in, layer1x1 only copies, and the head sum is h.
"""

import numpy as np

from .. import layers as L
from .nam_graph import INPUT
from .nam_net import MOST_CHANNELS, Array, Cell, WaveNet


def net_of(nodes):
    """The WaveNet, or None where the graph is no such stack of at least two layers."""
    convs = _stack(nodes)
    if convs is None:
        return None
    *body, head = convs
    c = body[0].layer.out
    cells = [_cell(node.layer, c, first=k == 0) for k, node in enumerate(body)]
    rechannel = np.zeros((c + 1, 1), np.float32)
    rechannel[0] = 1
    return WaveNet([Array(rechannel, cells, (head.layer.weight, head.layer.bias))], np.float32(1))


def _stack(nodes):
    """The convolutions in order, the dense layer last, or None."""
    found, sums = [], {INPUT}  # sums: nodes that hold h as it is now
    for node in nodes:
        layer = node.layer
        if isinstance(layer, L.Add):
            continue  # seen to where its convolution is
        if not isinstance(layer, L.Conv1d) or layer.side is not None or node.has_plus or node.src not in sums:
            return None
        found.append(node)
        if len(found) == 1:
            sums = {node}
            continue
        old, sums = sums, {r for r in node.readers if isinstance(r.layer, L.Add)}
        if not all({r.src, r.two} <= old | {node} and node in (r.src, r.two) for r in sums):
            return None
    *body, head = found
    same = len({n.layer.out for n in body}) == 1 and all(n.layer.activation.kind != "linear" for n in body)
    good = len(body) > 1 and same and head is nodes[-1] and head.is_dense and head.layer.out == 1
    return found if good and body[0].layer.out < MOST_CHANNELS else None


def _cell(layer, c, first):
    rows, _, taps = layer.weight.shape
    weight = np.zeros((rows, c + 1, taps), np.float32)
    weight[:, :1 if first else None][:, 0 if first else 1 :] = layer.weight
    copy = np.eye(c + 1, c, -1, dtype=np.float32)
    cell = Cell((weight, layer.bias), np.zeros((rows, 1), np.float32), layer.dilation, layer.activation, layer.gate)
    cell.gate_activation, cell.layer1x1 = layer.gate_activation, (copy, np.zeros(c + 1, np.float32))
    return cell
