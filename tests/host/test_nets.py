"""Nets run in pieces as in one, and what they export computes the same as they do."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import layers, losses, native, nets, nets_film, nets_more, recipe, reference, upm

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


def of_every_activation():
    """A net of each kind with each activation that recipes allow."""
    made = []
    for activation in recipe._FIELDS["activation"].metadata["choices"]:
        torch.manual_seed(3)
        shape = ["channels=4", "dilations=[1, 2, 4]", f"activation={activation}"]
        made.append((activation, recipe.load("tcn-small", shape).build()))
        made.append((activation, recipe.load("tcn-small", shape).build(knobs=2)))
        if activation != "gated":  # film has none
            made.append((activation, recipe.load("tcn-small", [*shape, "knob_input=film"]).build(knobs=2)))
        arrays = "arrays=[{channels: 4, kernels: 3, dilations: [1, 2], head: 1}]"
        made.append((activation, recipe.load("wavenet-8", [arrays, f"activation={activation}"]).build()))
    return made


@pytest.mark.parametrize("activation, net", of_every_activation(), ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_the_file_plays_what_the_net_does_for_every_activation(activation, net):
    knobs = [0.3, 0.8] if isinstance(net, nets_film.KnobTcn) else []
    quiet = net.receptive_field
    x = torch.cat((torch.zeros(1, quiet), 2.0 * torch.randn(1, 300)), dim=1)
    wide = torch.cat([x[..., None]] + [torch.full_like(x, k)[..., None] for k in knobs], dim=2) if knobs else x
    model = layers.Model(net.export(), 48000, prewarm=quiet)
    model.knobs = [(f"knob {k}", "", 0.0, 1.0, 0.5) for k in range(len(knobs))]
    played = native.render(upm.dumps(model), x[0].numpy(), knobs=knobs or None)
    with torch.no_grad():
        for wanted in (net(wide)[0][0].numpy(), net.plain(wide)[0][0].numpy()):
            worst = np.max(np.abs(played - wanted)[quiet:])
            assert worst < 2e-5 * max(1.0, np.max(np.abs(wanted))), f"{activation}: {worst:.1e} apart"
            assert np.std(wanted[quiet:]) > 1e-3


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


def test_losses_match_their_definitions():
    y, p = torch.randn(4, 500), torch.randn(4, 500)
    ratio = ((y - p) ** 2).mean() / ((y**2).mean() + 1e-5)
    assert torch.allclose(losses.Esr()(p, y), ratio)
    e, d = y[:, 1:] - 0.85 * y[:, :-1], (y - p)[:, 1:] - 0.85 * (y - p)[:, :-1]
    assert torch.allclose(losses.Esr(0.85)(p, y), (d**2).mean() / ((e**2).mean() + 1e-5))
    dc = ((y - p).mean(1) ** 2).mean() / ((y**2).mean() + 1e-5)
    assert torch.allclose(losses.Dc()(p, y), dc)
    both = losses.Loss(recipe.Recipe(esr=2.0, dc=0.5), 48000)(p, y)
    assert torch.allclose(both, 2.0 * ratio + 0.5 * dc)
