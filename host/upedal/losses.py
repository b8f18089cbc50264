"""What training minimises and validation reports. Signals are [batch, time]; sums run over both, so loud parts weigh."""

from functools import cache

import torch
from torch import nn

_VALIDATED_FFT = (512, 1024, 2048)


def emphasise(x, coef):
    """y[t] = x[t] - coef * x[t - 1] along the last axis; one frame shorter."""
    return x[..., 1:] - coef * x[..., :-1]


class Esr(nn.Module):
    """Error-to-signal ratio sum (y - p)^2 / (sum y^2 + eps), after pre-emphasis 1 - coef z^-1.

    Wright, Damskaegg and Valimaki, "Real-time black-box modelling with recurrent neural networks"
    (DAFx-19); coef 0 means no emphasis.
    """

    def __init__(self, coef=0.0, eps=1e-5):
        super().__init__()
        self.coef, self.eps = coef, eps

    def forward(self, output, target):
        if self.coef:
            output, target = emphasise(output, self.coef), emphasise(target, self.coef)
        energy = target.square().mean() + self.eps
        return (target - output).square().mean() / energy


class WeightedEsr(nn.Module):
    """ESR behind an A-weighting filter of 101 taps: what the ear hears least counts least.

    Wright and Valimaki, "Perceptual loss function for neural modelling of audio systems" (2019).
    """

    def __init__(self, rate_hz):
        super().__init__()
        from auraloss.perceptual import FIRFilter

        taps = FIRFilter("aw", fs=rate_hz).fir.weight.detach()
        self.register_buffer("taps", taps)
        self.esr = Esr()

    def forward(self, output, target):
        pair = torch.stack((output, target)).flatten(0, 1)[:, None]
        n = self.taps.shape[-1]
        if pair.shape[-1] > n:
            pair = nn.functional.conv1d(pair, self.taps)
        output, target = pair[:, 0].chunk(2)
        return self.esr(output, target)


class Dc(nn.Module):
    """Squared difference of the means of each sequence over the target's energy (same paper)."""

    def __init__(self, eps=1e-5):
        super().__init__()
        self.eps = eps

    def forward(self, output, target):
        apart = (target - output).mean(dim=-1).square().mean()
        return apart / (target.square().mean() + self.eps)


class MrStft(nn.Module):
    """Multi-resolution STFT distance of auraloss: spectral convergence plus log-magnitude.

    Yamamoto, Song and Kim, "Parallel WaveGAN" (ICASSP 2020). FFTs longer than half the signal are left out.
    """

    def forward(self, output, target):
        sizes = tuple(n for n in (256, *_VALIDATED_FFT) if 2 * n <= output.shape[-1])[-3:]
        return _stft(sizes or (64,), output.device)(output[:, None], target[:, None])


@cache
def _stft(sizes, device):
    from auraloss.freq import MultiResolutionSTFTLoss

    return MultiResolutionSTFTLoss(list(sizes), [n // 4 for n in sizes], list(sizes)).to(device)


def mrstft(target, output):
    """MrStft's distance of two recordings, float [n] each; a number, 0 where they agree."""
    pair = [torch.as_tensor(x, dtype=torch.float32).reshape(1, -1) for x in (output, target)]
    if pair[0].shape[-1] < 128:
        return float("nan")
    with torch.no_grad():
        return float(MrStft()(*pair))


class Mae(nn.Module):
    """Mean of |y - p| over that of |y|: free of the level."""

    def __init__(self, eps=1e-5):
        super().__init__()
        self.eps = eps

    def forward(self, output, target):
        return (target - output).abs().mean() / (target.abs().mean() + self.eps)


class Loss(nn.Module):
    """The sum of a recipe's parts, each with its weight: esr, emphasised, dc, mae, mse, mrstft.

    `emphasised` is ESR after the first-order emphasis, or A-weighting where recipe.weighting is "a".
    mse differs from esr only in not being divided by the target's energy.
    """

    def __init__(self, recipe, rate_hz):
        super().__init__()
        heard = WeightedEsr(rate_hz) if recipe.weighting == "a" else Esr(recipe.emphasis)
        parts = (
            (recipe.esr, Esr()), (recipe.emphasised, heard), (recipe.dc, Dc()), (recipe.mae, Mae()),
            (recipe.mse, nn.MSELoss()), (recipe.mrstft, MrStft()),
        )  # fmt: skip
        self.weights = [weight for weight, _ in parts if weight]
        self.parts = nn.ModuleList(part for weight, part in parts if weight)

    def forward(self, output, target):
        return sum(w * part(output, target) for w, part in zip(self.weights, self.parts))
