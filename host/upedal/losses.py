"""What training minimises. Signals are [batch, time]; sums run over both, so loud parts weigh."""

from torch import nn


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


class Dc(nn.Module):
    """Squared difference of the means of each sequence over the target's energy (same paper)."""

    def __init__(self, eps=1e-5):
        super().__init__()
        self.eps = eps

    def forward(self, output, target):
        apart = (target - output).mean(dim=-1).square().mean()
        return apart / (target.square().mean() + self.eps)


class Loss(nn.Module):
    """esr * ESR + emphasised * ESR(pre-emphasis) + dc * DC, the weights a recipe names."""

    def __init__(self, *, esr=1.0, emphasised=0.0, emphasis=0.85, dc=0.0):
        super().__init__()
        parts = ((esr, Esr()), (emphasised, Esr(emphasis)), (dc, Dc()))
        self.parts = [(weight, part) for weight, part in parts if weight]

    def forward(self, output, target):
        return sum(weight * part(output, target) for weight, part in self.parts)
