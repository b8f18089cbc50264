"""A net's weights, averaged, exchanged for a while, rounded for a while."""


def state(net):
    return {k: v.detach().clone() for k, v in net.state_dict().items()}


def average(mean, net, share):
    """Moves the mean of the weights, by 1 - share, to what they are now."""
    for name, value in net.state_dict().items():
        mean[name].lerp_(value.detach(), 1.0 - share)


class swapped:
    """The net with other weights, for the time of a `with`; None leaves its own."""

    def __init__(self, net, other):
        self.net, self.other = net, other

    def __enter__(self):
        if self.other is not None:
            self.own = state(self.net)
            self.net.load_state_dict(self.other)

    def __exit__(self, *_):
        if self.other is not None:
            self.net.load_state_dict(self.own)


class rounded:
    """Matrices rounded to int16, a scale a row, for the time of a `with`: gradients pass straight through
    (Bengio, Leonard and Courville 2013), since they are taken at the rounded weights and moved to the exact."""

    def __init__(self, net, wanted):
        self.weights = [p for p in net.parameters() if p.dim() > 1] if wanted else []

    def __enter__(self):
        self.exact = [p.detach().clone() for p in self.weights]
        for p in self.weights:
            top = p.detach().flatten(1).abs().amax(1).clamp_min(1e-12)
            step = (top / 32767.0).view(-1, *[1] * (p.dim() - 1))
            p.data.copy_((p.detach() / step).round() * step)

    def __exit__(self, *_):
        for p, exact in zip(self.weights, self.exact):
            p.data.copy_(exact)
