"""Slimmable training: one net whose first units or channels also work on their own, as a smaller net.

Every step adds up the losses of all sizes (Yu and others, "Slimmable neural networks", ICLR-19). A smaller net's
weights are the first rows and columns of the full one's, of each gate; its last layer is its own.
"""

import torch
from torch import nn
from torch.func import functional_call


class SlimNet(nn.Module):
    """build(size) -> a net of nets.py; build(None) the full one. sizes: the smaller ones.

    Where gradients are kept, forward() returns a tuple of outputs, the full net's first, then those of `sizes`;
    else the full net's output. The state is a list, one for each.
    """

    def __init__(self, build, sizes):
        super().__init__()
        self.sizes, self._build = tuple(sizes), build
        self.full = build(None)
        self._small = [
            build(size) for size in sizes
        ]  # in a list: only their shapes and heads are of use
        self.heads = nn.ModuleList(net.get_submodule(_head(net)) for net in self._small)
        self.recurrent = self.full.recurrent
        if not self.recurrent:
            self.receptive_field = self.full.receptive_field

    def forward(self, x, state=None):
        """x as the full net takes it."""
        states = state or [None] * (1 + len(self.sizes))
        y, after = self.full(x, states[0])
        outputs, kept = [y], [after]
        for at, net in enumerate(self._small):
            y, after = functional_call(net, self._weights(at), (x, states[1 + at]))
            outputs.append(y)
            kept.append(after)
        return (tuple(outputs) if torch.is_grad_enabled() else outputs[0]), kept

    def _weights(self, at):
        """{name: tensor} of the smaller net `at`: parts of the full one's, differentiable."""
        net, head = self._small[at], _head(self._small[at])
        full = dict(self.full.named_parameters())
        found = {f"{head}.{name}": p for name, p in self.heads[at].named_parameters()}
        for name, p in net.named_parameters():
            if name not in found:
                found[name] = _part(full[name], p.shape, _blocks(net, name))
        return found

    def sized(self, size=None):
        """A plain net of that size, weights copied; None: the full one."""
        net = self._build(size)
        found = (
            self._weights(self.sizes.index(size)) if size else dict(self.full.named_parameters())
        )
        net.load_state_dict({name: p.detach() for name, p in found.items()})
        return net.eval()

    def export(self):
        """The full net's layers."""
        return self.full.export()


def judged(chosen, captures, size):
    """(model, {"size", "esr", "upm_bytes", "macs", ...}, [lines]) of a smaller model as pack.choose() gave it.

    ESR: of the model as it will play, the mean over the captures' test parts.
    """
    from . import knobs, upm

    model, notes = chosen
    blob = upm.dumps(model)
    esr = knobs.mean_esr(knobs.evaluate(blob, captures), held_out=False)
    figures = {
        "size": size, "esr": esr, "upm_bytes": len(blob), "arithmetic": model.arithmetic,
        "macs": sum(map(upm.macs, model.layers)),
    }  # fmt: skip
    return (
        model,
        figures,
        [f"lite, size {size}: {note}" for note in [*notes, f"test ESR {esr:.3%}"]],
    )


def _head(net):
    """The last layer's name."""
    return "dense" if hasattr(net, "dense") else f"arrays.{len(net.arrays) - 1}.head"


def _blocks(net, name):
    """How many parts of equal size the rows of a parameter have, each for all units: gates, scale and shift."""
    kind = name.split(".")[-2]
    if kind in ("gru", "cells"):
        return 4 if getattr(net, "unit", "gru") == "lstm" else 3
    if kind.isdigit():
        kind = name.split(".")[-3]
    gated = getattr(net, "gated", getattr(net, "activation", "") == "gated")
    return 2 if kind == "films" or (gated and kind in ("convs", "mixins", "mix")) else 1


def _part(full, shape, blocks):
    """The first rows of each block and the first columns of `full`, as `shape` says."""
    cut = full.view(blocks, full.shape[0] // blocks, *full.shape[1:])
    ends = (blocks, shape[0] // blocks, *shape[1:])
    return cut[tuple(slice(0, end) for end in ends)].reshape(shape)
