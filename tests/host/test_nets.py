"""Nets run in pieces as in one, and what they export computes the same as they do."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import fastgru, layers, losses, nets, nets_more, reference

SHAPES = [
    ("tanh", True, False),
    ("softsign", False, False),
    ("relu", True, True),
    ("gated", True, False),
    ("tanh", False, True),
    ("gated", False, True),
]


def tcn(activation, residual, skip):
    torch.manual_seed(3)
    return nets.TcnNet(4, 3, (1, 2, 4, 8), activation, residual, skip)


def gru(hidden=10, skip=True):
    torch.manual_seed(3)
    return nets.GruNet(hidden, skip)


ARRAYS = [
    {"channels": 4, "kernels": 3, "dilations": [1, 2, 4], "head": 2},
    {"channels": 2, "kernels": [6, 2], "dilations": [3, 8], "head": 1},
]


def more():
    torch.manual_seed(3)
    stacks = [nets_more.RecurrentNet(unit, 5, depth, skip) for unit in ("lstm", "gru") for depth in (1, 3) for skip in (True, False)]
    shapes = [("tanh", False, 1), ("leaky_relu", False, 4), ("tanh", True, 1)]
    return stacks + [nets_more.WaveNet(ARRAYS, *shape) for shape in shapes]


def everything():
    return [gru(), gru(5, False)] + [tcn(*shape) for shape in SHAPES] + more()


@pytest.mark.parametrize("net", everything(), ids=lambda n: type(n).__name__)
def test_export_computes_what_the_net_computes(net):
    x = torch.randn(1, 300) * 0.5
    with torch.no_grad():
        wanted = net(x)[0][0].numpy()
    output = reference.render(layers.Model(net.export(), 48000), x[0].numpy())
    worst = np.max(np.abs(output - wanted))
    assert worst < 5e-6, f"{worst:.1e} apart"
    assert np.std(wanted - x[0].numpy()) > 1e-3, "the net does nothing: nothing was compared"


@pytest.mark.parametrize("net", everything(), ids=lambda n: type(n).__name__)
def test_pieces_give_the_same_signal_as_the_whole(net):
    x = torch.randn(3, 200)
    with torch.no_grad():
        whole, state, pieces = net(x)[0], None, []
        for part in x.split((1, 7, 64, 128), dim=1):
            y, state = net(part, state)
            pieces.append(y)
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-6)


def test_receptive_field_is_exact():
    net = tcn("tanh", True, False)
    x = torch.randn(1, 100)
    with torch.no_grad():
        y = net(x)[0]
        for back in (net.receptive_field - 1, net.receptive_field):
            changed = x.clone()
            changed[0, 99 - back] += 10.0
            seen = bool((net(changed)[0][0, 99] != y[0, 99]).item())
            assert seen == (back < net.receptive_field), back


def gradients(net, x, state):
    net.zero_grad()
    y, last = net(x, state)
    (y * torch.sin(0.1 * torch.arange(x.shape[1]))).square().mean().backward()
    return y.detach(), last, {k: p.grad.clone() for k, p in net.named_parameters()}


@pytest.mark.skipif(fastgru._train is None, reason="extension upedal._train is not built")
@pytest.mark.parametrize(
    "hidden,batch,frames", [(16, 64, 100), (10, 50, 33), (1, 3, 5), (40, 33, 65), (8, 97, 16)]
)
def test_fused_gru_has_pytorchs_outputs_and_gradients(monkeypatch, hidden, batch, frames):
    net = gru(hidden)
    x, state = torch.randn(batch, frames) * 0.5, torch.randn(batch, hidden) * 0.3
    fused = gradients(net, x, state)
    monkeypatch.setattr(fastgru, "_train", None)
    plain = gradients(net, x, state)
    assert torch.allclose(fused[0], plain[0], atol=2e-6)
    assert torch.allclose(fused[1], plain[1], atol=2e-6)
    for name, wanted in plain[2].items():
        apart = float((fused[2][name] - wanted).abs().max() / wanted.abs().max())
        assert apart < 1e-5, f"{name}: {apart:.1e}, hidden {hidden}, batch {batch}"


@pytest.mark.skipif(fastgru._train is None, reason="extension upedal._train is not built")
def test_fused_gru_is_left_alone_where_it_does_not_fit():
    net = gru(4)
    assert fastgru.fits(torch.zeros(2, 9), net.gru)
    assert not fastgru.fits(torch.zeros(2, 9, dtype=torch.float64), net.gru)
    assert not fastgru.fits(torch.zeros(2, 9, requires_grad=True), net.gru)
    knobs = nets.GruNet(4, inputs=2)
    assert not fastgru.fits(torch.zeros(2, 9, 2), knobs.gru)
    assert knobs(torch.randn(2, 9, 2))[0].shape == (2, 9)


@pytest.mark.skipif(fastgru._train is None, reason="extension upedal._train is not built")
def test_extension_refuses_buffers_of_the_wrong_size():
    def call(**changed):
        size = {"w": 9 * 4 + 3 * 16 + 5, "x": 32, "h": 2 * 4 * 32, "g": 16 * 32, "y": 32} | changed
        arrays = [np.zeros(size[k], np.float32) for k in "wxhgy"]
        fastgru._train.gru_forward(*arrays, changed.get("hidden", 4), 1, 1, True)

    call()
    for name in "wxhgy":
        with pytest.raises(ValueError, match="expected"):
            call(**{name: 31})
    for hidden in (0, 3, 1 << 20):
        with pytest.raises(ValueError, match="multiple of 4"):
            call(hidden=hidden)
    read_only = np.zeros(32, np.float32)
    read_only.setflags(write=False)
    with pytest.raises((ValueError, BufferError, TypeError)):
        fastgru._train.gru_forward(*[read_only] * 5, 4, 1, 1, True)


def test_losses_match_their_definitions():
    y, p = torch.randn(4, 500), torch.randn(4, 500)
    ratio = ((y - p) ** 2).mean() / ((y**2).mean() + 1e-5)
    assert torch.allclose(losses.Esr()(p, y), ratio)
    e, d = y[:, 1:] - 0.85 * y[:, :-1], (y - p)[:, 1:] - 0.85 * (y - p)[:, :-1]
    assert torch.allclose(losses.Esr(0.85)(p, y), (d**2).mean() / ((e**2).mean() + 1e-5))
    dc = ((y - p).mean(1) ** 2).mean() / ((y**2).mean() + 1e-5)
    assert torch.allclose(losses.Dc()(p, y), dc)
    both = losses.Loss(esr=2.0, dc=0.5)(p, y)
    assert torch.allclose(both, 2.0 * ratio + 0.5 * dc)
