"""GRU or LSTM with a linear head over whole sequences: the extension `_train` where it fits, else
PyTorch.

It fits on the CPU, in float32, for one layer of up to 128 units and 8 inputs, and where nothing
asks for the gradient of the input. The sequences of a batch are the lanes of the machine's
vectors, 32 to a chunk, and a thread takes a chunk at a time: batches should be multiples of 32,
best 32 for every core. docs/training_speed.md has what that gives.
"""

import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

try:
    from . import _train
except ImportError:  # not built: PyTorch's own nets do the work, slower
    _train = None


def _threads():
    wanted = os.environ.get("OMP_NUM_THREADS", "")  # as PyTorch reads it
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


threads = _threads()  # that share the chunks of a batch; may be changed at any time
MAX_HIDDEN = 128
_MAX_FRAMES = 1 << 24
_SOLO = 10  # so few sequences are faster one after another than as lanes (measured)
# Where torch's gates lie in the packed rows (native_modules/train/rnn.h), by input and by state.
_ROWS = {False: ([1, 2, 3], [1, 2, 0]), True: ([0, 1, 2, 3], [0, 1, 2, 3])}


def run(x, state, cell, dense):
    """(y [batch, time], state) of x [batch, time] or [batch, time, inputs], any state of `cell`.

    cell, dense: torch.nn.GRU or LSTM (batch first) and torch.nn.Linear to one channel. The state
    has torch's own form, None for zeros; it comes back without its history, and no gradient goes
    into the one given.
    """
    if not fits(x, cell, dense):
        return _plain(x, state, cell, dense)
    lstm = isinstance(cell, nn.LSTM)
    if state is None:
        parts = [x.new_zeros(len(x), cell.hidden_size)] * (1 + lstm)
    else:
        parts = [s[0].detach() for s in (state if lstm else (state,))]
    weights = [
        getattr(cell, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    weights += [dense.weight, dense.bias]
    keep = torch.is_grad_enabled() and any(w.requires_grad for w in weights)
    wide = x.unsqueeze(-1) if x.dim() == 2 else x
    y, *last = _Fused.apply(lstm, keep, wide, torch.stack(parts, 1), *weights)
    last = last[0].unsqueeze(0).unbind(2)
    return y, tuple(s.contiguous() for s in last) if lstm else last[0].contiguous()


def fits(x, cell, dense):
    """Whether the extension can run it."""
    if _train is None or x.device.type != "cpu" or not 0 < x.shape[1] <= _MAX_FRAMES:
        return False
    floats = (x, cell.weight_ih_l0, dense.weight)
    asked = x.requires_grad and torch.is_grad_enabled()
    return (
        all(t.dtype == torch.float32 and t.device == x.device for t in floats)
        and not asked
        and len(x) > 0
        and cell.num_layers == 1
        and not cell.bidirectional
        and cell.proj_size == 0
        and cell.bias
        and cell.input_size == (1 if x.dim() == 2 else x.shape[-1]) <= _train.INPUTS
        and cell.hidden_size <= MAX_HIDDEN
        and dense.out_features == 1
        and dense.bias is not None
    )


def _plain(x, state, cell, dense):
    wide = x.unsqueeze(-1) if x.dim() == 2 else x
    if isinstance(cell, nn.LSTM):
        h, last = cell(wide, None if state is None else tuple(s.detach() for s in state))
        last = tuple(s.detach() for s in last)
    else:
        h, last = cell(wide, None if state is None else state.detach())
        last = last.detach()
    return F.linear(h, dense.weight, dense.bias)[..., 0], last


class _Net:
    """Sizes of a net, and its packed weights as rnn.h lays them out."""

    def __init__(self, lstm, inputs, hidden):
        self.lstm, self.inputs, self.hidden = lstm, inputs, hidden
        self.rows = -(-hidden // 4) * 4
        self.depth = 1 + inputs + self.rows
        self.matrix = 4 * self.rows * self.depth
        self.floats = self.matrix + self.rows + 1
        self.by_input, self.by_state = _ROWS[lstm]

    def _views(self, packed):
        """(W's bias, columns of x and of h [gate][hidden][…], head) of packed weights."""
        w = packed[: self.matrix].reshape(4, self.rows, self.depth)[:, : self.hidden]
        at = 1 + self.inputs
        head = packed[self.matrix : self.matrix + self.hidden]
        return w[:, :, 0], w[:, :, 1:at], w[:, :, at : at + self.hidden], head

    def pack(self, weights):
        w_ih, w_hh, b_ih, b_hh, head, bias = (w.detach().numpy() for w in weights)
        n, packed = self.hidden, np.zeros(self.floats, np.float32)
        b, x, h, out = self._views(packed)
        x[self.by_input] = w_ih.reshape(-1, n, self.inputs)
        h[self.by_state] = w_hh.reshape(-1, n, n)
        b[self.by_input] = b_ih.reshape(-1, n)
        b[self.by_state] += b_hh.reshape(-1, n)
        out[:], packed[-1] = head[0], bias[0]
        return packed

    def unpack(self, grads):
        """Gradients in the order of pack's weights, tensors of their shapes."""
        b, x, h, head = self._views(grads)
        flat = x[self.by_input], h[self.by_state], b[self.by_input], b[self.by_state]
        shapes = (-1, self.inputs), (-1, self.hidden), (-1,), (-1,)
        out = [g.reshape(shape) for g, shape in zip(flat, shapes)]
        out += [head.reshape(1, -1).copy(), grads[-1:].copy()]
        return [torch.from_numpy(g) for g in out]


class _Fused(torch.autograd.Function):
    """x [batch, time, inputs], state [batch, 1 or 2, hidden], weights -> y, the last state."""

    @staticmethod
    def forward(ctx, lstm, keep, x, state, *weights):
        net = _Net(lstm, x.shape[2], state.shape[2])
        packed = net.pack(weights)
        if not keep and len(x) <= _SOLO:
            y, last = _solo(net, packed, x, state)
        else:
            y, last, history = _lanes(net, packed, x, state, keep)
            if keep:
                ctx.net = net
                ctx.save_for_backward(torch.from_numpy(packed), torch.from_numpy(history))
        ctx.mark_non_differentiable(last)
        return y, last

    @staticmethod
    def backward(ctx, dy, _):
        net = ctx.net
        packed, history = (t.numpy() for t in ctx.saved_tensors)
        dy = _to_lanes(dy.unsqueeze(-1)).numpy()
        grads = np.empty((len(dy), net.floats), np.float32)
        sizes = net.inputs, net.rows, dy.shape[1]

        def chunk(k):
            _train.backward(net.lstm, _train.CPU, packed, history[k], dy[k], grads[k], *sizes)

        _share(chunk, len(dy))
        return None, None, None, None, *net.unpack(grads.sum(0))


def _lanes(net, packed, x, state, keep):
    """(y, last state, history [chunks][floats]) with sequences side by side."""
    batch, frames, _ = x.shape
    lanes, rows = _to_lanes(x).numpy(), F.pad(state, (0, net.rows - net.hidden))
    last = _to_lanes(rows.unsqueeze(-1).flatten(1, 2))
    out = torch.empty(len(lanes), frames, _train.LANES)
    y, last_rows, sizes = out.numpy(), last.numpy(), (net.inputs, net.rows, frames, keep)
    history = _history(len(lanes), _train.history(net.lstm, *sizes))

    def chunk(k):
        arrays = lanes[k], last_rows[k], history[k], y[k]
        _train.forward(net.lstm, _train.CPU, packed, *arrays, *sizes)

    _share(chunk, len(lanes))
    last = _from_lanes(last, batch).view(batch, -1, net.rows)[..., : net.hidden]
    return _from_lanes(out, batch), last.contiguous(), history


def _solo(net, packed, x, state):
    """(y, last state) with sequences one after another."""
    batch, frames, _ = x.shape
    last = F.pad(state, (0, net.rows - net.hidden)).contiguous()
    out = torch.empty(batch, frames)
    y, rows, x = out.numpy(), last.numpy(), x.detach().contiguous().numpy()

    def sequence(k):
        sizes = net.inputs, net.rows, frames
        _train.solo(net.lstm, _train.CPU, packed, x[k], rows[k], y[k], *sizes)

    _share(sequence, batch)
    return out, last[..., : net.hidden].contiguous()


def _to_lanes(x):
    """[batch, frames, inputs] or [batch, rows] -> [chunks][frames][inputs][LANES], the last chunk
    filled up with zeros."""
    lanes = _train.LANES
    x = x.detach().reshape(len(x), -1, x.shape[-1] if x.dim() == 3 else 1)
    if len(x) % lanes:
        x = F.pad(x, (0, 0, 0, 0, 0, -len(x) % lanes))
    return x.view(-1, lanes, *x.shape[1:]).permute(0, 2, 3, 1).contiguous()


def _from_lanes(y, batch):
    """[chunks][frames][LANES] -> [batch, frames]."""
    y = y.reshape(len(y), -1, _train.LANES)
    return y.transpose(1, 2).reshape(-1, y.shape[1])[:batch].contiguous()


_spare = []  # histories to use again: a fresh one costs more in page faults than the arithmetic


def _history(chunks, floats):
    """[chunks][floats] on 64-byte addresses, back in `_spare` when nobody holds it any more."""
    size = chunks * floats
    fitting = [k for k, base in enumerate(_spare) if len(base) == size + 16]
    base = _spare.pop(fitting[0]) if fitting else np.empty(size + 16, np.float32)
    at = -base.ctypes.data % 64 // 4
    view = base[at : at + size].reshape(chunks, floats)
    weakref.finalize(view, _give_back, base).atexit = False
    return view


def _give_back(base):
    _spare.append(base)
    del _spare[:-2]


@cache
def _pool():
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="fastrnn")


def _share(work, count):
    """work(k) for k below count. Idle cores take some; this thread never waits for a busy one to
    begin, so that a loaded machine costs little more than the load."""
    left, held = iter(range(count)), [work]  # next() of an iterator is atomic

    def some():
        for k in left:
            held[0](k)

    helpers = [_pool().submit(some) for _ in range(min(count, threads) - 1)]
    try:
        some()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    finally:
        held.clear()  # the pool's queue may know of `some` for longer; not so of work's memory
