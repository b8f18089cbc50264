"""Trains a recipe's WaveNet on the very windows that the 8-bit nets train on, for comparison with them.

The loss is what the recipe weighs of ESR and DC of the audio, with train_tcn8's optimiser, schedule and
checkpoints. In training nothing is padded: windows come with the net's whole memory ahead, and every
convolution is a Conv2d of height 1 in channels_last, which a CPU runs several times faster than Conv1d.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import tcn8, train_tcn8
from ..tcn8_data import Windows, measure


class Framed(nn.Module):
    """nets_more.WaveNet with the interface of tcn8.Tcn8: audio [batch][1][n] -> [batch][n - receptive_field + 1],
    of which 1 stands for `norm`."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.register_buffer("norm", torch.tensor(1.0))

    @property
    def receptive_field(self):
        return self.net.receptive_field

    def forward(self, x, dtype=None):
        """dtype is not looked at: in bfloat16 this net is hardly faster."""
        u = x[:, :, None].contiguous(memory_format=torch.channels_last)
        out, y, total = x.shape[-1] - self.receptive_field + 1, u, None
        for array in self.net.arrays:
            y = _conv(array.rechannel, y)
            for conv, mixin, mix in zip(array.convs, array.mixins, array.mixes):
                z = _conv(conv, y)
                z = z + _conv(mixin, u[..., u.shape[-1] - z.shape[-1] :])
                p = self._activate(z)
                total = p if total is None else total[..., total.shape[-1] - p.shape[-1] :] + p
                y = y[..., y.shape[-1] - p.shape[-1] :] + _conv(mix, p)
            total = _conv(array.head, total)
        return total[:, 0, 0, total.shape[-1] - out :]

    def _activate(self, z):
        from ..nets_more import _ACTIVATE

        if not self.net.gated:
            return _ACTIVATE[self.net.activation](z)
        top, bottom = z.chunk(2, 1)
        return _ACTIVATE[self.net.activation](top) * torch.sigmoid(bottom)

    def export(self):
        """The layers, with `norm` in the last one's weights."""
        layers = self.net.export()
        layers[-1].weight = layers[-1].weight * np.float32(self.norm)
        layers[-1].bias = layers[-1].bias * np.float32(self.norm)
        return layers


def _conv(conv, x):
    weight = conv.weight[:, :, None].contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, weight, conv.bias, dilation=(1, conv.dilation[0]))


@dataclass
class Result:
    """The best net by validation ESR."""

    esr: float  # over the test ranges, in PyTorch
    net: Framed
    history: list  # of dicts: phase, step, seconds, loss, val_esr
    interrupted: bool = False


def train(dry, wet, rate_hz, recipe, *, split, minutes, out_dir, seed=0, resume=True):
    """A Result from an aligned pair, float [n] each, and a tinyml_data.Split; see train_tcn8.train.

    recipe: of a wavenet, with emphasis 0 and input_gain 0: the signals are the audio itself."""
    torch.manual_seed(seed)
    dry, wet = np.asarray(dry, np.float32), np.asarray(wet, np.float32)
    longest = max(b - a for a, b in split.train)
    if recipe.segment > longest:  # no window reaches over a cut
        recipe = dataclasses.replace(recipe, segment=longest)
    data = Windows(dry, wet, rate_hz, recipe, split, seed)
    net = Framed(recipe.build())
    net.norm.fill_(data.norm)
    run = train_tcn8._Run(recipe, data, Path(out_dir), resume, minutes)
    phase = run.phase("float", net, 1.0, lambda phase: None)
    net = phase.best_net()
    error = measure(lambda x: tcn8.render_float(net, data.front, x), dry, wet, split.test)
    return Result(error, net, phase.history, run.interrupted)
