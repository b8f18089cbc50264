"""The fused GRU and LSTM give what PyTorch in double precision gives, on every kind of CPU here."""

import copy
import types

import pytest

torch = pytest.importorskip("torch")

from torch import nn
from upedal import fastrnn, nets, nets_more

built = pytest.mark.skipif(fastrnn._train is None, reason="extension upedal._train is not built")
KINDS = {"gru": nn.GRU, "lstm": nn.LSTM}
# unit, hidden, inputs, batch, frames: odd sizes, chunks in part, one frame, several blocks
CASES = [
    ("gru", 16, 1, 64, 100),
    ("gru", 10, 2, 50, 33),
    ("gru", 1, 1, 3, 5),
    ("gru", 13, 4, 1, 1),
    ("gru", 40, 8, 33, 65),
    ("gru", 8, 3, 97, 16),
    ("gru", 127, 5, 7, 40),
    ("gru", 12, 1, 40, 1500),
    ("lstm", 16, 1, 64, 100),
    ("lstm", 10, 2, 50, 33),
    ("lstm", 1, 1, 3, 5),
    ("lstm", 13, 4, 1, 1),
    ("lstm", 40, 8, 33, 65),
    ("lstm", 128, 5, 7, 40),
    ("lstm", 9, 7, 65, 17),
    ("lstm", 12, 1, 40, 1500),
]


@pytest.fixture(params=["plain C", "AVX2", "AVX-512"])
def cpu(request, monkeypatch):
    """Only the kernels for one kind of CPU."""
    number = ["plain C", "AVX2", "AVX-512"].index(request.param)
    if number > fastrnn._train.CPU:
        pytest.skip(f"this CPU has no {request.param}")
    names = [n for n in dir(fastrnn._train) if not n.startswith("_")]
    chosen = types.SimpleNamespace(**{n: getattr(fastrnn._train, n) for n in names})
    chosen.CPU = number
    monkeypatch.setattr(fastrnn, "_train", chosen)


@pytest.fixture(autouse=True)
def one_thread():
    """PyTorch's own nets, at these sizes, wait for each other where another program runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(unit, hidden, inputs, batch, frames):
    torch.manual_seed(hidden * frames)
    cell, dense = KINDS[unit](inputs, hidden, batch_first=True), nn.Linear(hidden, 1)
    x, h = 0.8 * torch.randn(batch, frames, inputs), 0.3 * torch.randn(1, batch, hidden)
    return cell, dense, x, (h, torch.randn(1, batch, hidden)) if unit == "lstm" else h


def tensors(state):
    return state if isinstance(state, tuple) else (state,)


def mapped(state, change):
    parts = tuple(change(s) for s in tensors(state))
    return parts if isinstance(state, tuple) else parts[0]


def gradients(run, x, state, cell, dense):
    """(y, last state, gradients) of a loss that weights every frame of every sequence its own way."""
    weights = [*cell.named_parameters(), *dense.named_parameters(prefix="dense")]
    y, last = run(x, state, cell, dense)
    marks = torch.arange(y.numel(), dtype=y.dtype).view(y.shape)
    loss = (y * (2.0 + torch.sin(0.7 * marks))).square().mean()
    grads = torch.autograd.grad(loss, [w for _, w in weights])
    return y.detach(), last, dict(zip([name for name, _ in weights], grads))


def in_double(case):
    cell, dense, x, state = case
    wide = copy.deepcopy(cell).double(), copy.deepcopy(dense).double()
    return gradients(fastrnn._plain, x.double(), mapped(state, torch.Tensor.double), *wide)


def apart(a, b):
    return float((a - b).abs().max() / b.abs().max())


@built
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_state_and_all_gradients_are_pytorchs(cpu, case):
    cell, dense, x, state = made(*case)
    assert fastrnn.fits(x, cell, dense)
    y, last, grads = gradients(fastrnn.run, x, state, cell, dense)
    wanted_y, wanted_last, wanted = in_double((cell, dense, x, state))
    assert float((y - wanted_y).abs().max()) < 2e-6
    for got, want in zip(tensors(last), tensors(wanted_last)):
        assert got.shape == want.shape and not got.requires_grad and got.grad_fn is None
        assert float((got - want).abs().max()) < 2e-6
    for name, want in wanted.items():
        assert grads[name].shape == want.shape
        assert apart(grads[name], want) < 1e-4, f"{name}: {apart(grads[name], want):.1e}"


@built
@pytest.mark.parametrize("unit", KINDS)
@pytest.mark.parametrize("batch", [1, 10, 40])  # one after another; as lanes
def test_a_render_in_pieces_is_pytorchs_and_keeps_no_history(cpu, monkeypatch, unit, batch):
    cell, dense, x, state = made(unit, 11, 3, batch, 300)
    sizes = []
    kept = fastrnn._history
    monkeypatch.setattr(fastrnn, "_history", lambda *size: sizes.append(size) or kept(*size))
    with torch.no_grad():
        wanted, wanted_last = fastrnn._plain(x, state, cell, dense)
        pieces = []
        for part in x.split(77, dim=1):
            y, state = fastrnn.run(part, state, cell, dense)
            pieces.append(y)
    assert torch.allclose(torch.cat(pieces, 1), wanted, atol=2e-6)
    for got, want in zip(tensors(state), tensors(wanted_last)):
        assert got.shape == want.shape and torch.allclose(got, want, atol=2e-6)
    one_frame = fastrnn._train.history(unit == "lstm", 3, 12, 1, False)
    assert all(size == (2, one_frame) for size in sizes) and bool(sizes) == (batch == 40)


@built
@pytest.mark.parametrize("unit", KINDS)
def test_nets_without_the_extension_give_the_same(monkeypatch, unit):
    torch.manual_seed(5)
    net = (
        nets_more.RecurrentNet(unit, 10, inputs=2) if unit == "lstm" else nets.GruNet(10, inputs=2)
    )
    x = torch.randn(33, 50, 2)

    def both():
        """Two pieces, the state carried."""
        net.zero_grad()
        first, state = net(x[:, :30])
        second, state = net(x[:, 30:], state)
        (first.square().mean() + second.square().mean()).backward()
        grads = [p.grad.clone() for p in net.parameters()]
        return [first.detach(), second.detach(), *tensors(state), *grads]

    fused = both()
    monkeypatch.setattr(fastrnn, "_train", None)
    for got, want in zip(fused, both()):
        assert got.shape == want.shape and apart(got, want) < 1e-5


@built
def test_is_left_alone_where_it_does_not_fit():
    cell, dense, x, _ = made("lstm", 4, 2, 3, 9)
    assert fastrnn.fits(x, cell, dense)
    asked = x.clone().requires_grad_()
    wide = nn.LSTM(2, 129, batch_first=True), nn.Linear(129, 1)
    others = {
        "double": (x.double(), cell.double(), dense.double()),
        "the input's gradient": (asked, *made("lstm", 4, 2, 3, 9)[:2]),
        "two layers": (x, nn.LSTM(2, 4, 2, batch_first=True), nn.Linear(4, 1)),
        "two channels out": (x, nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 2)),
        "many units": (x, *wide),
        "many inputs": (torch.zeros(3, 9, 9), nn.LSTM(9, 4, batch_first=True), nn.Linear(4, 1)),
        "another device": (x.to("meta"), nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 1)),
    }
    for name, (x, cell, dense) in others.items():
        assert not fastrnn.fits(x, cell, dense), name
    y, _ = fastrnn.run(asked, None, *others["the input's gradient"][1:])
    y.sum().backward()
    assert asked.grad.abs().min() > 0
    with torch.no_grad():
        assert fastrnn.fits(asked, *others["the input's gradient"][1:])


@built
@pytest.mark.parametrize("unit", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_come_through_and_stay_in_their_sequence(cpu, unit, bad):
    cell, dense, x, state = made(unit, 6, 1, 40, 60)
    x[3, 20] = bad
    y, last, grads = gradients(fastrnn.run, x, state, cell, dense)
    plain, _ = fastrnn._plain(x, state, cell, dense)
    with torch.no_grad():
        alone, _ = fastrnn.run(x[3:4], mapped(state, lambda s: s[:, 3:4]), cell, dense)
    others = [k for k in range(40) if k != 3]
    for got in (y, alone):  # of infinity PyTorch may make a number, here it may be NaN
        one = got[3 if len(got) > 1 else 0]
        assert torch.allclose(one[:20], plain[3, :20], atol=2e-6)
        assert (one[20:].isnan() | torch.isclose(one[20:], plain[3, 20:], atol=2e-6)).all()
        assert bad == bad or one[20:].isnan().all()
    assert torch.allclose(y[others], plain[others], atol=2e-6)
    for s in tensors(last):
        assert s[:, others].isfinite().all()
    if bad != bad:
        assert all(g.isnan().any() for g in grads.values())


@built
@pytest.mark.parametrize("unit", KINDS)
def test_extreme_inputs_and_weights_saturate_as_pytorchs(cpu, unit):
    cell, dense, x, state = made(unit, 6, 1, 40, 60)
    with torch.no_grad():
        cell.weight_hh_l0 *= 30.0
    y, _, grads = gradients(fastrnn.run, 1e4 * x, state, cell, dense)
    wanted, _, wanted_grads = in_double((cell, dense, 1e4 * x, state))
    assert float((y - wanted).abs().max()) < 1e-4
    assert all(g.isfinite().all() for g in grads.values())
    assert apart(grads["dense.weight"], wanted_grads["dense.weight"]) < 1e-4


@built
def test_memory_is_used_again_and_a_second_backward_still_right():
    cell, dense, x, state = made("gru", 8, 1, 64, 200)
    fastrnn._spare.clear()
    y, _ = fastrnn.run(x, state, cell, dense)
    first = torch.autograd.grad(y.square().sum(), cell.weight_hh_l0, retain_graph=True)[0]
    other, _ = fastrnn.run(-x, state, cell, dense)  # must not write where y's history is
    assert not fastrnn._spare
    second = torch.autograd.grad(y.square().sum(), cell.weight_hh_l0)[0]
    assert torch.equal(first, second)
    assert len(fastrnn._spare) == 1
    again, _ = fastrnn.run(x, state, cell, dense)
    assert not fastrnn._spare and torch.equal(again, y)


@built
def test_a_state_and_an_input_that_are_views_are_read_as_they_stand():
    cell, dense, x, (h, c) = made("lstm", 5, 2, 35, 20)
    wanted, _ = fastrnn.run(x, (h, c), cell, dense)
    views = (
        x.transpose(0, 1).contiguous().transpose(0, 1),
        tuple(s.mT.contiguous().mT for s in (h, c)),
    )
    assert torch.equal(fastrnn.run(*views, cell, dense)[0], wanted)


@built
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_share_all_the_work_and_report_what_fails(monkeypatch, threads):
    monkeypatch.setattr(fastrnn, "threads", threads)
    done = []
    fastrnn._share(done.append, 100)
    assert sorted(done) == list(range(100))

    def fails(k):
        raise ValueError(f"chunk {k}")

    with pytest.raises(ValueError, match="chunk"):
        fastrnn._share(fails, 4)


@built
def test_the_number_of_threads_is_the_environments(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert fastrnn._threads() == 3
    for odd in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", odd)
        assert fastrnn._threads() >= 1
