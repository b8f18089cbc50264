"""Whole convolutional nets in one call: the extension `_train_conv` where it fits, else PyTorch.

A net is a plan, a list of steps as native_modules/train/conv.h has them. It fits on the CPU and in
float32. The sequences of a batch are shared out to `threads` threads, so a batch should be a
multiple of that; PyTorch itself is best left with one. Gradients: for all weights and for x, not for the state.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

try:
    from . import _train_conv
except ImportError:  # not built: PyTorch does the work, slower
    _train_conv = None

_KINDS = ("linear", "tanh", "relu", "leaky_relu", "softsign", "gated", "clamp", "clamp_positive")
_TOTAL, _ADD, _RESIDUAL, _SIDE, _MIX, _BIAS = (1 << k for k in range(6))
_MOST_CHANNELS, _MOST_TERMS, _MOST_STEPS = 256, 8192, 256  # of conv.h


threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Plan:
    """Steps and weights of a net, in order; `tails` are (channels, frames) of what it remembers."""

    def __init__(self):
        self.rows, self.weights, self.tails = [], [], []
        self.batched = []  # of weights: whether there is one for every sequence

    def step(
        self, weight, bias=None, *, side=None, mix=None, dilation=1, kind="linear", flags=0, keeps=True
    ):  # fmt: skip
        """weight [wide, inputs, taps]; side [wide, x's channels]; mix: a layer of outputs x wide.

        weight and bias may be of one dimension more, the first: weights for every sequence.
        keeps: whether the state holds what the step remembers, be it nothing.
        """
        wide, inputs, taps = weight.shape[-3:]
        parts = [weight, bias, side] + ([mix.weight, mix.bias] if mix else [None])
        flags |= sum(f for f, p in zip((_BIAS, _SIDE, _MIX), parts[1:]) if p is not None)
        half = wide // 2 if kind == "gated" else wide
        outputs = mix.weight.shape[0] if mix else half
        self.rows.append((inputs, wide, outputs, taps, dilation, _KINDS.index(kind), flags))
        self.weights += [p for p in parts if p is not None]
        self.batched += [weight.dim() == 4 and k < 2 for k, p in enumerate(parts) if p is not None]
        if keeps:
            self.tails.append((inputs, (taps - 1) * dilation))

    def fits(self, x):
        """Whether the extension can run it on x."""
        if _train_conv is None or x.device.type != "cpu" or x.dtype != torch.float32:
            return False
        if not x.numel() or torch.is_autocast_enabled("cpu") or len(self.rows) > _MOST_STEPS:
            return False
        return all(
            max(i, o) <= _MOST_CHANNELS and w <= 2 * _MOST_CHANNELS and t <= _MOST_CHANNELS
            and max(i, w) * t <= _MOST_TERMS for i, w, o, t, *_ in self.rows
        )  # fmt: skip

    def run(self, x, state=None):
        """(y [batch, time], state) of x [batch, time] or [batch, time, inputs].

        state: a tensor [batch, channels, frames] for every step that looks back; None is silence.
        """
        x = x.unsqueeze(1) if x.dim() == 2 else x.transpose(1, 2)
        if state is not None:
            state = torch.cat([s.detach().flatten(1) for s in state], dim=1)
        numbers = np.array(self.rows, np.int32)
        y, last = _Fused.apply(x.contiguous(), state, numbers, self.batched, *self.weights)
        parts = last.split([c * n for c, n in self.tails], dim=1) if self.tails else ()
        return y[:, 0], [p.unflatten(1, shape) for p, shape in zip(parts, self.tails)]


def tcn_plan(net, knobs=None):
    """The plan of a nets.TcnNet; with knobs [batch, k], held still, of a nets_film.KnobTcn.

    A KnobTcn of "film" runs on the audio alone: its weights follow from the knobs.
    """
    plan, film = Plan(), knobs is not None and net.film
    trunk = torch.tanh(net.trunk(knobs)) if film else None
    for k, conv in enumerate(net.convs):
        weight, bias, side = conv.weight, conv.bias, None
        if film:
            scale, shift = net.films[k](trunk).chunk(2, 1)
            weight, bias = weight * (1.0 + scale)[..., None, None], bias * (1.0 + scale) + shift
        elif knobs is not None and k == 0:
            side = F.pad(net.mix.weight, (1, 0))
        flags = (_ADD if net.skip else 0) | (_RESIDUAL if net.residual and k else 0)
        options = {"dilation": conv.dilation[0], "kind": net.activation, "flags": flags}
        plan.step(weight, bias, side=side, **options)
    flags = _TOTAL if net.skip else 0
    plan.step(net.dense.weight.unsqueeze(-1), net.dense.bias, flags=flags, keeps=False)
    return plan


def wavenet_plan(net):
    """The plan of a nets_more.WaveNet."""
    plan = Plan()
    kind = "gated" if net.gated else net.activation
    for array in net.arrays:
        plan.step(array.rechannel.weight, keeps=False)
        for conv, side, mix in zip(array.convs, array.mixins, array.mixes):
            options = {"side": side.weight, "mix": mix, "dilation": conv.dilation[0]}
            plan.step(conv.weight, conv.bias, kind=kind, flags=_ADD | _RESIDUAL, **options)
        plan.step(array.head.weight, array.head.bias, flags=_TOTAL)
    return plan


def serves(net):
    """Whether the extension is there for a net of these plans: then one PyTorch thread is best."""
    return _train_conv is not None and all(p.device.type == "cpu" for p in net.parameters())


@cache
def bfloat16_is_faster():
    """Whether the CPU multiplies bfloat16 matrices (AMX): with 24 channels PyTorch is then the faster, by 1.2."""
    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(ask and ask())


def tcn8_plan(net):
    """The plan of the float phase of a tcn8.Tcn8: causal, so the first outputs see silence."""
    plan = Plan()
    for k, conv in enumerate(net.convs):
        last = k == len(net.convs) - 1
        kind = "linear" if last else "clamp_positive" if k else "clamp"
        plan.step(conv.weight[:, :, 0], conv.bias, dilation=conv.dilation[1], kind=kind)
    return plan


class _Fused(torch.autograd.Function):
    """x [batch, inputs, frames], tails [batch, n] or None, rows of a plan, which of its weights there
    are one a sequence of, the weights -> y, tails."""

    @staticmethod
    def forward(ctx, x, tails, numbers, batched, *weights):
        keep = any(ctx.needs_input_grad)
        (batch, inputs, frames), xs = x.shape, x.detach().numpy()
        copies = batch if any(batched) else 1
        flat = [
            w.reshape(batch if b else 1, -1).expand(copies, -1) for w, b in zip(weights, batched)
        ]
        packed = torch.cat(flat, dim=1)
        w = packed.numpy()
        _, tail_size, outputs, size = _train_conv.sizes(numbers, inputs, frames, keep)
        old = [None] * batch if tails is None else tails.detach().numpy()
        y, last = torch.empty(batch, outputs, frames), torch.empty(batch, tail_size)
        work = _take(batch if keep else min(batch, threads), size)
        blocks, y_out, last_out = list(work), y.numpy(), last.numpy()

        def run(k):
            block = blocks[k] if keep else blocks.pop()
            out = (y_out[k], last_out[k], block)
            _train_conv.forward(numbers, w[k % len(w)], xs[k], old[k], *out, inputs, frames, keep)
            if not keep:
                blocks.append(block)

        _share(run, batch)
        if keep:
            ctx.numbers, ctx.shape, ctx.work = numbers, (batch, inputs, frames), work
            ctx.save_for_backward(packed)
            ctx.shapes = [(p.shape, b) for p, b in zip(weights, batched)]
        else:
            _give(work)
        ctx.mark_non_differentiable(last)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx, dy, _):
        if ctx.work is None:
            raise RuntimeError("fastconv: backward a second time; its memory was given back")
        (packed,), numbers = ctx.saved_tensors, ctx.numbers
        batch, inputs, frames = ctx.shape
        dx = torch.empty(ctx.shape) if ctx.needs_input_grad[0] else None
        grads = torch.empty(batch, packed.shape[1])
        work, dys, gs = ctx.work, dy.contiguous().numpy(), grads.numpy()
        w, dxs = packed.numpy(), [None] * batch if dx is None else dx.numpy()

        def run(k):
            _train_conv.backward(
                numbers, w[k % len(w)], work[k], dys[k], gs[k], dxs[k], inputs, frames
            )

        _share(run, batch)
        _give(ctx.work)
        ctx.work = None
        return dx, None, None, None, *_parted(grads, ctx.shapes)


def _parted(grads, shapes):
    """Gradients of each weight, from those of all in a row for every sequence."""
    total, at, parts = grads.sum(0), 0, []
    for shape, batched in shapes:
        size = shape.numel() // (len(grads) if batched else 1)
        part = grads[:, at : at + size] if batched else total[at : at + size]
        parts.append(part.reshape(shape))
        at += size
    return parts


# What the last passes worked in: fresh memory of hundreds of MB costs as much time as the pass.
_spare = []
_MOST_SPARE = 4


def _take(rows, size):
    """Uninitialised memory, float32 [rows, size]."""
    for k, block in enumerate(list(_spare)):
        if block.shape == (rows, size):
            try:
                return _spare.pop(k)
            except IndexError:  # another thread took it
                break
    return np.empty((rows, size), np.float32)


def _give(block):
    _spare.append(block)
    del _spare[:-_MOST_SPARE]


@cache
def _pool():
    return ThreadPoolExecutor(threads, thread_name_prefix="fastconv")


def _share(run, count):
    """run(k) for every sequence. Idle threads take some; this one never waits for a busy one to
    begin, so that a loaded machine costs little more than the load."""
    left = iter(range(count))  # next() of it is atomic

    def work():
        for k in left:
            run(k)

    helpers = [_pool().submit(work) for _ in range(min(count, threads) - 1)]
    work()
    for helper in helpers:
        if not helper.cancel():
            helper.result()
