"""One nn.Module per architecture: forward() for training, export() as layers for packing.

Every net maps audio [batch, time] to audio [batch, time] and takes and returns its state, so that
a signal may be run in pieces: `y, state = net(x, state)`; state None is silence in every memory.
"""

import torch
from torch import nn
from torch.nn import functional as F

from . import layers


def _array(tensor):
    return tensor.detach().cpu().float().numpy().copy()


class GruNet(nn.Module):
    """GRU of `hidden` units, a linear layer to one channel, plus the input where `skip`."""

    recurrent = True

    def __init__(self, hidden, skip=True, inputs=1):
        super().__init__()
        self.hidden, self.skip, self.inputs = hidden, skip, inputs
        self.gru = nn.GRU(inputs, hidden, batch_first=True)
        self.dense = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        """x [batch, time], or [batch, time, inputs] with the audio first; state [batch, hidden]."""
        from . import fastrnn

        audio = x if x.dim() == 2 else x[..., 0]
        before = None if state is None else state.unsqueeze(0)
        y, state = fastrnn.run(x, before, self.gru, self.dense)
        return (y + audio if self.skip else y), state[0]

    def export(self):
        """The layers, reading slot 0."""
        gru, dense = self.gru, self.dense
        out = [
            layers.Gru(
                w_ih=_array(gru.weight_ih_l0),
                w_hh=_array(gru.weight_hh_l0),
                b_ih=_array(gru.bias_ih_l0),
                b_hh=_array(gru.bias_hh_l0),
                src=0,
                dst=1,
            ),
            layers.Dense(weight=_array(dense.weight), bias=_array(dense.bias), src=1, dst=2),
        ]
        if self.skip:
            out.append(layers.Add(src=2, src2=0, dst=2))
        return out


LEAK = 0.01  # slope of leaky_relu below 0, as fastconv has it
_ACTIVATE = {
    "tanh": torch.tanh,
    "softsign": F.softsign,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, LEAK),
    "gated": lambda x: torch.tanh(x.chunk(2, 1)[0]) * torch.sigmoid(x.chunk(2, 1)[1]),
}


def exported(activation):
    """An activation of _ACTIVATE as layers take it."""
    return layers.Act("leaky_relu", (LEAK,)) if activation == "leaky_relu" else activation


class TcnNet(nn.Module):
    """Causal dilated convolutions and a linear layer to one channel.

    `residual`: each layer but the first adds its input to its output. `skip`: the last layer reads
    the sum of all layers' activations instead of the last one's output.
    """

    recurrent = False

    def __init__(
        self, channels, kernel, dilations, activation="tanh", residual=True, skip=False, inputs=1
    ):
        super().__init__()
        self.activation, self.residual, self.skip = activation, residual, skip
        wide = 2 * channels if activation == "gated" else channels
        widths = [inputs] + [channels] * (len(dilations) - 1)
        self.convs = nn.ModuleList(
            nn.Conv1d(w, wide, kernel, dilation=d) for w, d in zip(widths, dilations)
        )
        self.dense = nn.Linear(channels, 1)
        self.receptive_field = 1 + (kernel - 1) * sum(dilations)

    def forward(self, x, state=None):
        """x [batch, time] or [batch, time, inputs]; state: the tail of every layer's input."""
        from . import fastconv

        plan = fastconv.tcn_plan(self)
        return plan.run(x, state) if plan.fits(x) else self.plain(x, state)

    def plain(self, x, state=None):
        """forward() in PyTorch's own operations, for any device and type."""
        h = x.unsqueeze(1) if x.dim() == 2 else x.transpose(1, 2)
        activate, tails, total = _ACTIVATE[self.activation], [], 0.0
        for k, conv in enumerate(self.convs):
            reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
            tail = h.new_zeros(h.shape[0], h.shape[1], reach) if state is None else state[k]
            wide = torch.cat((tail, h), dim=2)
            tails.append(wide[:, :, wide.shape[2] - reach :].detach())
            a = activate(conv(wide))
            total = total + a if self.skip else total
            h = a + h if self.residual and k else a
        h = total if self.skip else h
        return F.linear(h.transpose(1, 2), self.dense.weight, self.dense.bias)[..., 0], tails

    def export(self):
        """The layers, reading slot 0. Slots 1 and 2 hold the stream and an activation, 3 the sum."""
        out, stream, total = [], 1, 1
        for k, conv in enumerate(self.convs):
            old = stream if k else 0
            act = 3 - stream if k and (self.residual or self.skip) else stream
            out += self._convolve(k, conv, old, act)
            if k and self.skip:
                out.append(layers.Add(src=act, src2=total, dst=3))
                total = 3
            if k and self.residual:
                out.append(layers.Add(src=act, src2=old, dst=old))
            else:
                stream = act
        src = total if self.skip else stream
        weight, bias = _array(self.dense.weight), _array(self.dense.bias)
        last = 1 + max(layer.dst for layer in out)
        return out + [layers.Dense(weight=weight, bias=bias, src=src, dst=last)]

    def _convolve(self, k, conv, src, dst):
        """The layers of convolution k and its activation, from slot src to dst."""
        weight, bias = _array(conv.weight), _array(conv.bias)
        activation = exported(self.activation)
        return [layers.Conv1d(weight, bias, conv.dilation[0], activation, src, dst)]
