"""GRU with a linear head over whole sequences: the extension `_train` where it fits, else PyTorch.

It fits on the CPU, in float32, for one input, and where nothing asks for the gradient of the
input. The sequences of a batch are the lanes of the machine's vectors, so batches should be
multiples of 32.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch.nn import functional as F

try:
    from . import _train
except ImportError:  # not built: PyTorch's own GRU does the work, slower
    _train = None


def gru_dense(x, state, gru, dense):
    """(y [batch, time], state [batch, hidden]) of x [batch, time] or [batch, time, inputs].

    gru, dense: torch.nn.GRU of one layer and torch.nn.Linear to one channel. The state comes back
    without its history.
    """
    if not fits(x, gru):
        wide = x.unsqueeze(-1) if x.dim() == 2 else x
        h, last = gru(wide, None if state is None else state.unsqueeze(0))
        return F.linear(h, dense.weight, dense.bias)[..., 0], last[0].detach()
    audio = x if x.dim() == 2 else x[..., 0]
    if state is None:
        state = x.new_zeros(len(x), gru.hidden_size)
    return _Fused.apply(audio, state.detach(), _pack(gru, dense), gru.hidden_size)


def fits(x, gru):
    """Whether the extension can run it."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad
    return _train is not None and plain and gru.input_size == 1 and x.shape[1] > 0


def _padded(hidden):
    return -(-hidden // 4) * 4


def _pack(gru, dense):
    """All weights as one vector, as native_modules/train/gru.h lays them out; differentiable."""
    hidden = gru.hidden_size
    extra = _padded(hidden) - hidden

    def rows(t):  # a zero row per gate for every padded unit
        return F.pad(t.view(3, hidden), (0, extra)).flatten()

    w_hh = F.pad(gru.weight_hh_l0.view(3, hidden, hidden), (0, extra, 0, extra))
    head = F.pad(dense.weight[0], (0, extra))
    parts = (rows(gru.weight_ih_l0), rows(gru.bias_ih_l0), rows(gru.bias_hh_l0))
    return torch.cat((*parts, w_hh.flatten(), head, dense.bias))


class _Fused(torch.autograd.Function):
    """x [batch, time], state [batch, hidden], packed weights -> y, last state (no gradient)."""

    @staticmethod
    def forward(ctx, x, state, weights, hidden):
        keep = ctx.needs_input_grad[2]
        batch, frames = x.shape
        rows, w = _padded(hidden), weights.detach().numpy()
        lanes = _to_lanes(x)
        chunks = len(lanes)
        h = torch.empty(chunks, frames + 1 if keep else 1, rows, _train.LANES)
        gates = torch.empty(chunks, frames if keep else 1, 4 * rows, _train.LANES)
        h[:, 0] = _to_lanes(F.pad(state, (0, rows - hidden)))
        y = torch.empty_like(lanes)

        def run(part):
            arrays = (t[part].numpy() for t in (lanes, h, gates, y))
            count = part.stop - part.start
            _train.gru_forward(w, *arrays, rows, frames, count, keep)

        _share(run, chunks)
        last = _from_lanes(h[:, -1], batch)[:, :hidden].clone()
        if keep:
            ctx.rows = rows
            ctx.save_for_backward(weights.detach(), lanes, h, gates)
        ctx.mark_non_differentiable(last)
        return _from_lanes(y, batch).contiguous(), last

    @staticmethod
    def backward(ctx, dy, _):
        weights, lanes, h, gates = ctx.saved_tensors
        dy, chunks = _to_lanes(dy), len(lanes)
        grads = torch.empty(chunks, len(weights))

        def run(part):
            arrays = (t[part].numpy() for t in (lanes, h, gates, dy, grads))
            count = part.stop - part.start
            _train.gru_backward(weights.numpy(), *arrays, ctx.rows, lanes.shape[1], count)

        _share(run, chunks)
        return None, None, grads.sum(0), None


def _to_lanes(x):
    """[batch, frames] -> [chunks][frames][LANES], the last chunk filled up with zeros."""
    lanes = _train.LANES
    x = F.pad(x, (0, 0, 0, -len(x) % lanes))
    return x.view(-1, lanes, x.shape[1]).transpose(1, 2).contiguous()


def _from_lanes(y, batch):
    """The inverse: [batch, frames]."""
    return y.transpose(1, 2).reshape(-1, y.shape[1])[:batch]


@cache
def _pool():
    """Worker threads, one a core: chunks of a batch share nothing."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="fastgru")


def _share(run, chunks):
    """run(slice) for every chunk. Idle cores take some; this thread never waits for a busy one
    to begin, so that a loaded machine costs little more than the load."""
    left = iter(range(chunks))  # next() of it is atomic

    def work():
        for k in left:
            run(slice(k, k + 1))

    helpers = [_pool().submit(work) for _ in range(min(chunks, os.cpu_count() or 1) - 1)]
    work()
    for helper in helpers:
        if not helper.cancel():
            helper.result()
