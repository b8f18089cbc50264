"""The TCN with knobs: they shift the first layer ("concat") or scale and shift every layer ("film").

Knobs are held still, so they need no taps: beside a convolution they enter with one weight each. In training
they go from 0 to 1; knobs.fold() takes their units into the exported weights.
"""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from . import layers
from .nets import _ACTIVATE, TcnNet, _array, exported

_TRUNK = 8  # units of the dense layer between knobs and FiLM
_AUDIO, _KNOBS, _FILM, _LINEAR = 5, 6, 7, 8  # slots beside TcnNet's 1, 2 and 3


class KnobTcn(TcnNet):
    """nets.TcnNet of [audio, knobs]. "concat": the first layer is act(conv(audio) + W knobs).
    "film" (Perez et al., "FiLM", AAAI-18): every layer is act(s * conv(x) + m), where [s - 1, m] is a linear
    layer on tanh(W knobs + b) of 8 units, which all layers share."""

    def __init__(
        self,
        knobs,
        channels,
        kernel,
        dilations,
        activation="tanh",
        residual=True,
        skip=False,
        knob_input="concat",
    ):
        super().__init__(channels, kernel, dilations, activation, residual, skip)
        self.knobs, self.film = knobs, knob_input == "film"
        if self.film:
            self.trunk = nn.Linear(knobs, _TRUNK)
            self.films = nn.ModuleList(nn.Linear(_TRUNK, 2 * channels) for _ in dilations)
            for film in self.films:  # starts as a net without knobs
                nn.init.normal_(film.weight, std=0.1)
                nn.init.zeros_(film.bias)
        else:
            self.mix = nn.Linear(knobs, self.convs[0].out_channels, bias=False)

    def forward(self, x, state=None):
        """x [batch, time, 1 + knobs], the audio first; state: the tail of every layer's input."""
        from . import fastconv

        knobs = x[:, 0, 1:]
        if bool((x[..., 1:] == knobs[:, None]).all()):  # held still, as fastconv takes them
            plan, wide = fastconv.tcn_plan(self, knobs), x[..., 0] if self.film else x
            if plan.fits(wide):
                return plan.run(wide, state)
        return self.plain(x, state)

    def plain(self, x, state=None):
        """forward() in PyTorch's own operations, for any device and type, and knobs that move."""
        h, knobs = x[..., :1].transpose(1, 2), x[..., 1:]
        if self.film:
            trunk = torch.tanh(self.trunk(knobs))
        activate, tails, total = _ACTIVATE[self.activation], [], 0.0
        for k, conv in enumerate(self.convs):
            reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
            tail = h.new_zeros(h.shape[0], h.shape[1], reach) if state is None else state[k]
            wide = torch.cat((tail, h), dim=2)
            tails.append(wide[:, :, wide.shape[2] - reach :].detach())
            z = conv(wide)
            if self.film:
                scale, shift = self.films[k](trunk).transpose(1, 2).chunk(2, 1)
                z = z + scale * z + shift
            elif k == 0:
                z = z + self.mix(knobs).transpose(1, 2)
            a = activate(z)
            total = total + a if self.skip else total
            h = a + h if self.residual and k else a
        h = total if self.skip else h
        return F.linear(h.transpose(1, 2), self.dense.weight, self.dense.bias)[..., 0], tails

    def export(self):
        """The layers, reading slot 0, knobs from 0 to 1."""
        first = torch.zeros(1, 1 + self.knobs)
        first[0, 0] = 1.0
        out = [layers.Dense(_array(first), _array(torch.zeros(1)), src=0, dst=_AUDIO)]
        if self.film:
            weight = _array(F.pad(self.trunk.weight, (1, 0)))
            out.append(layers.Dense(weight, _array(self.trunk.bias), "tanh", src=0, dst=_KNOBS))
        return out + super().export()

    def _convolve(self, k, conv, src, dst):
        """TcnNet's layers, with the knobs."""
        (made,) = super()._convolve(k, conv, src if k else _AUDIO, dst)
        if not self.film:
            if k == 0:
                made.side, made.side_weight = 0, _array(F.pad(self.mix.weight, (1, 0)))
            return [made]
        bias = self.films[k].bias + F.pad(
            torch.ones(made.out), (0, made.out)
        )  # scale is 1 + what it gives
        film = layers.Dense(_array(self.films[k].weight), _array(bias), src=_KNOBS, dst=_FILM)
        made = replace(made, activation="linear", dst=_LINEAR)
        return [
            film,
            made,
            layers.Film(_LINEAR, _FILM, _LINEAR),
            layers.Activation(exported(self.activation), _LINEAR, dst),
        ]
