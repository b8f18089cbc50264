"""More torch nets: stacks of LSTM or GRU, and the WaveNet of amp models. forward() and export(), as in nets.py."""

import torch
from torch import nn
from torch.nn import functional as F

from . import layers
from .nets import _array
from .wavenet import emit


class RecurrentNet(nn.Module):
    """`depth` layers of "lstm" or "gru", a linear layer to one channel, plus the input where `skip`."""

    recurrent = True

    def __init__(self, unit, hidden, depth=1, skip=True, inputs=1):
        super().__init__()
        self.unit, self.hidden, self.depth, self.skip = unit, hidden, depth, skip
        self.cells = {"lstm": nn.LSTM, "gru": nn.GRU}[unit](inputs, hidden, depth, batch_first=True)
        self.dense = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        """x [batch, time], or [batch, time, inputs] with the audio first."""
        from . import fastrnn

        audio = x if x.dim() == 2 else x[..., 0]
        y, state = fastrnn.run(x, state, self.cells, self.dense)
        return (y + audio if self.skip else y), state

    def _cell(self, k):
        w_ih, w_hh, b_ih, b_hh = (
            _array(getattr(self.cells, f"{name}_l{k}"))
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        if self.unit == "lstm":
            return layers.Lstm(w_ih, w_hh, b_ih + b_hh, src=k, dst=k + 1)
        return layers.Gru(w_ih, w_hh, b_ih, b_hh, src=k, dst=k + 1)

    def export(self):
        """The layers, reading slot 0; slot k holds the state of layer k."""
        n = self.depth
        out = [self._cell(k) for k in range(n)]
        weight, bias = _array(self.dense.weight), _array(self.dense.bias)
        out.append(layers.Dense(weight, bias, src=n, dst=n + 1))
        return out + ([layers.Add(n + 1, 0, n + 1)] if self.skip else [])


class _Array(nn.Module):
    """One array: rechannel, layers of convolution, condition and residual, head."""

    def __init__(self, inputs, condition, channels, kernels, dilations, head, head_taps, gated):
        super().__init__()
        wide = 2 * channels if gated else channels
        self.rechannel = nn.Conv1d(inputs, channels, 1, bias=False)
        self.convs = nn.ModuleList(
            nn.Conv1d(channels, wide, k, dilation=d) for k, d in zip(kernels, dilations)
        )
        self.mixins = nn.ModuleList(nn.Conv1d(condition, wide, 1, bias=False) for _ in dilations)
        self.mixes = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in dilations)
        self.head = nn.Conv1d(channels, head, head_taps)


_ACTIVATE = {"tanh": torch.tanh, "relu": F.relu, "softsign": F.softsign}
_ACTIVATE["leaky_relu"] = lambda x: F.leaky_relu(x, 0.01)


class WaveNet(nn.Module):
    """NAM's WaveNet. arrays: [{"channels", "dilations", "kernels" (an int or a list), "head"}], where
    "head" is the array's head outputs: the next array's channels, 1 for the last."""

    recurrent = False

    def __init__(self, arrays, activation="tanh", gated=False, head_taps=1, inputs=1):
        super().__init__()
        self.activation, self.gated = activation, gated
        self.arrays, before = nn.ModuleList(), inputs
        self.receptive_field = 1
        for a in arrays:
            n = len(a["dilations"])
            kernels = [a["kernels"]] * n if isinstance(a["kernels"], int) else list(a["kernels"])
            part = _Array(before, inputs, a["channels"], kernels, a["dilations"], a["head"], head_taps, gated)
            self.arrays.append(part)
            before = a["channels"]
            self.receptive_field += sum((k - 1) * d for k, d in zip(kernels, a["dilations"])) + head_taps - 1

    def forward(self, x, state=None):
        """x [batch, time] or [batch, time, inputs]; state: the tail of every convolution's input."""
        from . import fastconv

        plan = fastconv.wavenet_plan(self)
        return plan.run(x, state) if plan.fits(x) else self.plain(x, state)

    def plain(self, x, state=None):
        """forward() in PyTorch's own operations, for any device and type."""
        u = x.unsqueeze(1) if x.dim() == 2 else x.transpose(1, 2)
        tails, old = [], iter(state or [])

        def run(conv, h):
            reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
            tail = h.new_zeros(h.shape[0], h.shape[1], reach) if state is None else next(old)
            wide = torch.cat((tail, h), dim=2)
            tails.append(wide[:, :, wide.shape[2] - reach :].detach())
            return conv(wide)

        y, total = u, 0.0
        for array in self.arrays:
            y = array.rechannel(y)
            for conv, mixin, mix in zip(array.convs, array.mixins, array.mixes):
                z = run(conv, y) + mixin(u)
                top, *bottom = z.chunk(2, 1) if self.gated else (z,)
                p = _ACTIVATE[self.activation](top)
                p = p * torch.sigmoid(bottom[0]) if self.gated else p
                total = total + p
                y = y + mix(p)
            total = run(array.head, total)
        return total[:, 0], tails

    def export(self):
        """The layers, reading slot 0."""
        arrays = [
            {
                "rechannel": (_array(a.rechannel.weight)[:, :, 0], _array(torch.zeros(a.rechannel.out_channels))),
                "layers": [
                    (
                        _array(conv.weight), _array(conv.bias), conv.dilation[0], _array(mixin.weight)[:, :, 0],
                        _array(mix.weight)[:, :, 0], _array(mix.bias),
                    )
                    for conv, mixin, mix in zip(a.convs, a.mixins, a.mixes)
                ],
                "head": (_array(a.head.weight), _array(a.head.bias)),
            }
            for a in self.arrays
        ]  # fmt: skip
        activation = layers.Act("leaky_relu", (0.01,)) if self.activation == "leaky_relu" else self.activation
        return emit(arrays, activation, "gated" if self.gated else "none")
