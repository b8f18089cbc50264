"""The 8-bit TCN of "TinyML guitar distortion" in PyTorch: float, with fake quantisation, and its export.

    audio -> pre-emphasis 1 - c z^-1 -> `channels` copies, each dithered, 8 bit
          -> conv channels -> hidden, limited to -1..127/128
          -> dilated convs hidden -> hidden, limited to 0..127/128
          -> conv hidden -> 1, one tap, wide -> times `norm` -> de-emphasis 1 / (1 - c z^-1)

Convolutions are Conv2d of height 1 in channels_last, which a CPU runs several times faster than Conv1d.
Float: one input channel, no noise (without noise all channels are one), inputs of full scale 1.
Fake quantisation: activations are whole numbers of 1/128, `Tcn8.quantised` computes them as integers in
floating point, exactly as `ai8x.run` does; gradients pass every rounding as if it were not there.
The rule for weights is that of `ai8x.quantise`: one power of two 2^f a layer. The wide layer's sum keeps
that factor, so `scale` (what `export` gives) is norm * 2^-f / 16384.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from . import ai8x, dither
from .errors import UpedalError

LIMIT = 127 / 128


@dataclass(frozen=True)
class FrontEnd:
    """What stands before and behind the convolutions, in integers.

    emphasis: c. kind, channels, seed: of `dither`. gain: left shift of the emphasised audio, 0 to 3."""

    emphasis: float = 0.9
    kind: str = "shaped"
    channels: int = 16
    seed: int = 1
    gain: int = 0
    rate_hz: int = 44100

    @property
    def coef(self):
        """c * 2^15, rounded: what host and pedal compute with."""
        return round(self.emphasis * 32768)


class _RoundClamp(torch.autograd.Function):
    """Whole numbers within low..high, with gradient 1 strictly inside: floor(z + 0.5), but in bfloat16, where
    half of all large numbers are ties, ties go to even: to go up shifts the mean, which de-emphasis
    amplifies."""

    @staticmethod
    def forward(ctx, z, low, high):
        y = z.round() if z.dtype == torch.bfloat16 else (z + 0.5).floor_()
        y = y.clamp_(low, high)
        ctx.save_for_backward(y)
        ctx.limits = low, high
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, y, *ctx.limits), None, None


class Tcn8(nn.Module):
    """The convolutions; `norm` is the emphasised audio that an output of 1 stands for."""

    def __init__(self, channels=1, hidden=24, kernel=3, dilations=(1, 2, 4, 8, 16, 32, 64, 128)):
        super().__init__()
        sizes = [(channels, hidden, kernel, 1)]
        sizes += [(hidden, hidden, kernel, d) for d in dilations] + [(hidden, 1, 1, 1)]
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, (1, k), dilation=(1, d)) for i, o, k, d in sizes
        )
        self.channels, self.hidden, self.kernel = channels, hidden, kernel
        self.dilations = tuple(dilations)
        self.register_buffer("norm", torch.tensor(1.0))
        for k, conv in enumerate(self.convs):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu" if k else "linear")
            nn.init.zeros_(conv.bias)

    @property
    def receptive_field(self):
        return 1 + (self.kernel - 1) * (1 + sum(self.dilations))

    def forward(self, x, dtype=torch.float32):
        """Float: x [batch][1][n], full scale 1 -> [batch][n - receptive_field + 1], 1 stands for norm."""
        from . import fastconv

        plan = fastconv.tcn8_plan(self)
        exact = dtype == torch.float32 or not fastconv.bfloat16_is_faster()
        if exact and plan.fits(x):
            return plan.run(x.transpose(1, 2))[0][:, self.receptive_field - 1 :]
        z = x[:, :, None].to(dtype, memory_format=torch.channels_last)
        for k, conv in enumerate(self.convs[:-1]):
            w, b = _fast(conv.weight, dtype), conv.bias.to(dtype)
            z = F.conv2d(z, w, b, dilation=conv.dilation)
            z = F.hardtanh(z, 0.0 if k else -1.0, LIMIT)
        return self.convs[-1](z.float())[:, 0, 0]

    def quantised(self, x, dtype=torch.float32):
        """As `forward` of x [batch][channels][n], whole numbers -128..127. Exact in float32; in bfloat16
        sums round to 8 significant bits, which is good enough for a gradient."""
        z = x[:, :, None].to(dtype, memory_format=torch.channels_last)
        for k, conv in enumerate(self.convs[:-1]):
            w, b = _quantised(conv)
            z = F.conv2d(z, _fast(w / 128, dtype), b.to(dtype), dilation=conv.dilation)
            z = _RoundClamp.apply(z, 0.0 if k else -128.0, 127.0)
        w, b = _quantised(self.convs[-1])
        return F.conv2d(z.float(), w / 16384, b / 128)[:, 0, 0]

    def with_channels(self, channels, seed=0):
        """A net for `channels` equal inputs with the weights of this one, which has one input.

        Each gets weight / channels and up to half a rounding step of its own, so that what one channel's
        weights lose in rounding others have."""
        if self.channels != 1:
            raise UpedalError(f"tcn8: a net of {self.channels} channels; expected 1 to start from")
        net = Tcn8(channels, self.hidden, self.kernel, self.dilations)
        state = {k: v.clone() for k, v in self.state_dict().items()}
        w = state["convs.0.weight"] / channels
        step = 2.0 ** ai8x.quantise(w[:, :, 0].numpy(), state["convs.0.bias"].numpy())[2] / 128
        random = torch.rand(w.shape[0], channels, *w.shape[2:], generator=_generator(seed)) - 0.5
        random -= random.mean(dim=1, keepdim=True)
        state["convs.0.weight"] = w + (step * random if channels > 1 else 0.0)
        net.load_state_dict(state)
        return net

    def levelled(self, x, peak=0.98, quantile=0.9999):
        """The same function with every layer's activations as large as 8 bits allow.

        x [batch][1][n] as `forward` takes it. Behind a ReLU a layer may be made a times larger when the
        next one's weights are divided by a, for any a above 0; a puts the quantile of the layer at
        `peak`. Changes what the limiter cuts off, nothing else."""
        net = Tcn8(self.channels, self.hidden, self.kernel, self.dilations)
        net.load_state_dict(self.state_dict())
        with torch.no_grad():
            z = x[:, :, None]
            for k, conv in enumerate(net.convs[:-1]):
                z = F.conv2d(z, conv.weight, conv.bias, dilation=conv.dilation)
                size = z.abs() if k == 0 else z.clamp(min=0.0)
                part = size.flatten()[:: max(1, size.numel() // 1_000_000)]
                a = peak / float(torch.quantile(part, quantile).clamp(min=1e-3))
                conv.weight *= a
                conv.bias *= a
                net.convs[k + 1].weight /= a
                z = (a * z).clamp(0.0 if k else -1.0, LIMIT)
        return net


def _fast(w, dtype):
    return w.to(dtype).contiguous(memory_format=torch.channels_last)


def _generator(seed):
    return torch.Generator().manual_seed(seed)


def _quantised(conv):
    """(weights, biases) as the integer layer has them, both times 2^-f: 128 stands for a real 1."""
    parts = [p.detach().cpu().numpy() for p in (conv.weight[:, :, 0], conv.bias)]
    weight, bias, shift = ai8x.quantise(*parts)
    out = []
    for p, whole in ((conv.weight, weight[:, :, None]), (conv.bias, bias)):
        done = torch.from_numpy(whole.astype(np.float32) * np.float32(2.0**shift))
        out.append(done.to(p.device) + 128 * (p - p.detach()))  # this value, the gradient of p
    return out


def digest(net):
    """SHA-256 of a net's weights, as text."""
    parts = [p.detach().cpu().numpy().tobytes() for p in net.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def export(net):
    """(ai8x.Net, scale) of a trained net: scale is the emphasised audio that one unit of the sum means."""
    layers, last = [], len(net.convs) - 1
    for k, conv in enumerate(net.convs):
        w = conv.weight.detach().cpu().numpy()[:, :, 0]
        weight, bias, shift = ai8x.quantise(w, conv.bias.detach().cpu().numpy())
        settings = {"dilation": conv.dilation[1], "relu": 0 < k < last, "wide": k == last}
        layers.append(ai8x.Layer(weight, bias, output_shift=shift, **settings))
    gain = ai8x.wide_gain(layers[-1], trained_wide=False)
    return ai8x.Net(layers), float(net.norm) * gain


def emphasised(x, coef):
    """Audio float [n] -> e, int32 [n] within int16: x as q15, then x[t] - coef x[t-1] / 2^15, rounded."""
    q = np.floor(np.asarray(x, np.float64) * 32768 + 0.5)
    q = np.clip(q, -32768, 32767).astype(np.int64)
    before = np.concatenate(([0], q[:-1]))
    return np.clip(q - ((coef * before + (1 << 14)) >> 15), -32768, 32767).astype(np.int32)


def eight_bit(front, x):
    """Audio float [n] -> int8 [channels][n]: emphasised, shifted left by `gain`, dithered."""
    source = dither.Ditherer(front.channels, front.seed, front.kind, rate_hz=front.rate_hz)
    audio = emphasised(x, front.coef).astype(np.int64) << front.gain
    steps = (64 * audio + dither.HALF + source.noise(len(audio))) >> 14
    return np.clip(steps, -128, 127).astype(np.int8)


def deemphasised(y, coef):
    """y[t] + c y[t-1] + c^2 y[t-2] ..., float64 [n], c = coef / 2^15."""
    from scipy.signal import lfilter

    return lfilter([1.0], [1.0, -coef / 32768], np.asarray(y, np.float64))


def deemphasise(y, c):
    """deemphasised(y) of each row [batch][n] of a tensor, with gradient; forgets what is below c^128.

    1 / (1 - c z^-1) is the product of 1 + c^m z^-m over m = 1, 2, 4, ..."""
    for k in range(7):
        m = 1 << k
        y = y + c**m * F.pad(y, (m, 0))[:, : y.shape[1]]
    return y


def render_q7(net, front, scale, x):
    """The integer net's output, float64 [n], of audio x float [n], from rest; ai8x.Net and FrontEnd.

    Integers up to the wide sum; de-emphasis in float."""
    sums = ai8x.Stream(net).process(eight_bit(front, x))[0]
    return scale * deemphasised(sums, front.coef)


def render_float(net, front, x):
    """The float net's output, float64 [n], of audio x float [n], from rest, in float32."""
    x = np.asarray(x, np.float64)
    c, context = front.coef / 32768, net.receptive_field - 1
    e = np.diff(x, prepend=0.0) + (1.0 - c) * np.concatenate(([0.0], x[:-1]))
    padded = torch.as_tensor(np.pad(e * 2.0**front.gain, (context, 0)), dtype=torch.float32)
    blocks = []
    with torch.no_grad():
        for at in range(0, len(x), 1 << 16):
            blocks.append(net(padded[None, None, at : at + (1 << 16) + context])[0])
    y = torch.cat(blocks)[: len(x)].numpy().astype(np.float64) * float(net.norm)
    return deemphasised(y, front.coef)
