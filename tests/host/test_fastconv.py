"""The fused convolutional nets: PyTorch's outputs, gradients and states, on every kind of vectors."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from upedal import fastconv, nets, nets_film, nets_more, recipe, tcn8

built = pytest.mark.skipif(
    fastconv._train_conv is None, reason="extension upedal._train_conv is not built"
)
LEVELS = {"avx512": 2, "avx2": 1, "plain": 0}

# channels, kernel, dilations, activation, residual, skip, inputs; batch, frames
TCNS = {
    "one channel": ((1, 1, (1, 1), "tanh", True, True), 1, 1),
    "three": ((3, 15, (1, 13), "relu", True, False), 2, 63),
    "five": ((5, 4, (1, 2, 7), "softsign", True, True), 3, 129),
    "no residual": ((5, 3, (4, 9), "tanh", False, False), 1, 65),
    "gated": ((6, 2, (1, 50), "gated", True, True), 2, 100),
    "gated, plain": ((3, 3, (2, 1), "gated", False, False), 2, 70),
    "long memory": ((16, 3, (512, 1), "relu", True, False), 1, 301),
    "wide": ((24, 3, (1, 64), "tanh", True, False), 1, 257),
    "knobs": ((4, 3, (1, 8), "tanh", True, True, 3), 2, 130),
}
ARRAYS = [
    {"channels": 7, "kernels": [6, 15], "dilations": [3, 1], "head": 2},
    {"channels": 2, "kernels": 3, "dilations": [1, 128], "head": 1},
]
WAVENETS = {
    "wavenet tanh": ((ARRAYS, "tanh", False, 1), 2, 150),
    "wavenet leaky, wide head": ((ARRAYS, "leaky_relu", False, 16), 1, 1301),
    "wavenet gated": ((ARRAYS, "tanh", True, 1), 3, 66),
    "wavenet relu with knobs": ((ARRAYS, "relu", False, 4, 3), 2, 90),
    "wavenet softsign": ((ARRAYS, "softsign", False, 1), 1, 64),
}


def case(name):
    """(net, batch, frames, inputs) of a row above."""
    torch.manual_seed(5)
    if name in TCNS:
        args, batch, frames = TCNS[name]
        return nets.TcnNet(*args), batch, frames, args[6] if len(args) > 6 else 1
    args, batch, frames = WAVENETS[name]
    return nets_more.WaveNet(*args), batch, frames, args[4] if len(args) > 4 else 1


def signal(batch, frames, inputs):
    return 0.5 * torch.randn(*((batch, frames) if inputs == 1 else (batch, frames, inputs)))


def passes(run, net, x, state, weights):
    """Output, state, gradients of the weighted output by x and every weight."""
    x = x.clone().requires_grad_()
    net.zero_grad(set_to_none=True)
    y, state = run(x, state)
    (y * weights).sum().backward()
    grads = {n: p.grad for n, p in net.named_parameters() if p.grad is not None}
    return y.detach(), [s for s in state if s.numel()], x.grad, grads


def apart(got, wanted):
    return float((got - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))


@pytest.fixture(params=LEVELS)
def level(request):
    fastconv._train_conv.limit(LEVELS[request.param])
    yield request.param
    fastconv._train_conv.limit(2)


@built
@pytest.mark.parametrize("name", [*TCNS, *WAVENETS])
def test_fused_net_has_the_outputs_and_gradients_of_float64(level, name):
    net, batch, frames, inputs = case(name)
    exact = copy.deepcopy(net).double()
    x, before = signal(batch, frames, inputs), signal(batch, 700, inputs).double()
    weights = torch.randn(batch, frames)
    with torch.no_grad():
        state = exact(before)[1]
    wanted = passes(exact, exact, x.double(), state, weights)
    got = passes(net, net, x, [s.float() for s in state], weights)
    assert apart(got[0], wanted[0]) < 1e-5, level
    for mine, theirs in zip(got[1], wanted[1], strict=True):
        assert apart(mine, theirs) < 1e-5, level
    assert apart(got[2], wanted[2]) < 1e-5, level
    for key, grad in got[3].items():
        if key in wanted[3]:
            assert apart(grad, wanted[3][key]) < 3e-5, f"{key}, {level}"
        else:  # of a layer that nothing reads
            assert not grad.any(), key
    assert set(wanted[3]) <= set(got[3])


@built
@pytest.mark.parametrize("name", ["five", "gated", "wavenet leaky, wide head", "wavenet gated"])
def test_pieces_any_threads_and_no_gradient_give_the_same_signal(monkeypatch, name):
    net, _, _, inputs = case(name)
    x = signal(5, 400, inputs)
    whole = net(x)[0].detach()
    for threads in (1, 3):
        monkeypatch.setattr(fastconv, "threads", threads)
        with torch.no_grad():
            state, parts = None, []
            for piece in x.split((1, 63, 64, 272), dim=1):
                y, state = net(piece, state)
                parts.append(y)
        assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-6)


@built
def test_gradients_do_not_depend_on_threads(monkeypatch):
    net, _, _, inputs = case("wavenet tanh")
    x, weights = signal(6, 90, inputs), torch.randn(6, 90)
    monkeypatch.setattr(fastconv, "threads", 1)
    one = passes(net, net, x, None, weights)
    monkeypatch.setattr(fastconv, "threads", 3)
    three = passes(net, net, x, None, weights)
    for key, grad in one[3].items():
        assert torch.equal(grad, three[3][key]), key


@pytest.mark.parametrize("name", ["five", "wavenet gated"])
def test_without_the_extension_numbers_are_the_same(monkeypatch, name):
    net, batch, frames, inputs = case(name)
    x, weights = signal(batch, frames, inputs), torch.randn(batch, frames)
    fused = passes(net, net, x, None, weights)
    monkeypatch.setattr(fastconv, "_train_conv", None)
    plain = passes(net, net, x, None, weights)
    assert apart(fused[0], plain[0]) < 1e-5 and apart(fused[2], plain[2]) < 1e-5
    for key, grad in plain[3].items():
        assert apart(fused[3][key], grad) < 3e-5, key


@built
def test_what_does_not_fit_is_left_to_pytorch():
    def fits(net, **kind):
        return fastconv.tcn_plan(net).fits(torch.zeros(2, 9, **kind))

    net = case("five")[0]
    assert fits(net)
    assert not fits(net, dtype=torch.float64) and not fits(net, device="meta")
    assert not fastconv.tcn_plan(net).fits(torch.zeros(2, 0))
    assert not fits(nets.TcnNet(200, 50, (1,)))  # products of 10,000 terms
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not fits(net)
    assert net.double()(torch.zeros(2, 9).double())[0].dtype == torch.float64


@built
def test_every_convolutional_recipe_fits():
    for name in recipe.names():
        net, x = recipe.load(name).build(), torch.zeros(1, 5)
        if isinstance(net, nets.TcnNet):
            assert fastconv.tcn_plan(net).fits(x), name
        elif isinstance(net, nets_more.WaveNet):
            assert fastconv.wavenet_plan(net).fits(x), name


@built
@pytest.mark.parametrize("knob_input", ["concat", "film"])
def test_knobs_that_stand_still_need_no_frames(knob_input):
    torch.manual_seed(2)
    net = nets_film.KnobTcn(2, 5, 3, (1, 4), "tanh", True, True, knob_input)
    knobs = torch.rand(3, 2)
    x = torch.cat((signal(3, 90, 1)[..., None], knobs[:, None].expand(-1, 90, -1)), dim=2)
    state, weights = [0.3 * torch.randn(3, 1, 2), 0.3 * torch.randn(3, 5, 8)], torch.randn(3, 90)

    def fused(x, state):
        return fastconv.tcn_plan(net, knobs).run(x[..., 0] if net.film else x, state)

    exact = copy.deepcopy(net).double()
    doubles = [s.double() for s in state]
    wanted = passes(exact, exact, x.double(), doubles, weights)
    got = passes(fused, net, x, state, weights)
    assert apart(got[0], wanted[0]) < 1e-5
    assert apart(got[2][..., 0], wanted[2][..., 0]) < 1e-5
    for key, grad in wanted[3].items():
        assert apart(got[3][key], grad) < 3e-5, key


@built
def test_paper_net_in_float32_is_what_pytorch_computes(monkeypatch):
    torch.manual_seed(1)
    net = tcn8.Tcn8(1, 24, 3, (1, 2, 4, 32))
    x = torch.randn(3, 1, 200 + net.receptive_field - 1) * 2.0  # some of it is limited
    weights = torch.randn(3, 200)

    def both():
        net.zero_grad()
        y = net(x)
        (y * weights).sum().backward()
        return [y.detach()] + [p.grad.clone() for p in net.parameters()]

    fused = both()
    monkeypatch.setattr(fastconv, "bfloat16_is_faster", lambda: False)
    assert torch.equal(net(x, torch.bfloat16), fused[0]), "where bfloat16 is slow it is not used"
    monkeypatch.setattr(fastconv, "_train_conv", None)
    for mine, theirs in zip(fused, both(), strict=True):
        assert mine.shape == theirs.shape and apart(mine, theirs) < 1e-4


@built
def test_activations_are_as_exact_as_said(level):
    x = torch.linspace(-30, 30, 20001)
    gate = torch.nn.functional.softsign
    for kind, f, most in (("tanh", torch.tanh, 3e-7), ("softsign", gate, 3e-7)):
        plan = fastconv.Plan()
        plan.step(torch.ones(1, 1, 1), kind=kind)
        assert float((plan.run(x[None])[0] - f(x.double())).abs().max()) < most, (kind, level)
    plan = fastconv.Plan()
    plan.step(torch.ones(2, 1, 1), kind="gated")
    wanted = torch.tanh(x.double()) * torch.sigmoid(x.double())
    assert float((plan.run(x[None])[0] - wanted).abs().max()) < 4e-7, level
    assert torch.isnan(plan.run(torch.full((1, 3), torch.nan))[0]).all()


@built
def test_backward_twice_is_refused():
    net, batch, frames, inputs = case("five")
    y = net(signal(batch, frames, inputs))[0].sum()
    y.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


@built
def test_extension_refuses_buffers_and_plans_that_do_not_match():
    plan = np.array([[1, 2, 2, 3, 1, 1, 32], [2, 1, 1, 1, 1, 0, 0]], np.int32)
    weights, tails, outputs, work = fastconv._train_conv.sizes(plan, 1, 10, True)
    assert (weights, tails, outputs) == (2 * 3 + 2 + 2, 2, 1)

    def call(plan=plan, **sizes):
        full = {"w": weights, "x": 10, "t": tails, "y": 10, "o": tails, "k": work} | sizes
        arrays = [np.zeros(full[k], np.float32) for k in "wxtyok"]
        fastconv._train_conv.forward(plan, *arrays, 1, 10, True)
        grads, dx = np.zeros(full["w"], np.float32), np.zeros(full["x"], np.float32)
        fastconv._train_conv.backward(plan, arrays[0], arrays[5], arrays[3], grads, dx, 1, 10)

    call()
    for name in "wxtyok":
        with pytest.raises(ValueError, match="expected"):
            call(**{name: 1})
    for row, column, value in ((0, 0, 2), (0, 1, 3), (0, 3, 0), (0, 4, -1), (0, 5, 99), (0, 6, 64),
                               (0, 6, 4), (1, 0, 3), (1, 6, 1), (1, 3, 1 << 20)):  # fmt: skip
        wrong = plan.copy()
        wrong[row, column] = value
        with pytest.raises(ValueError, match="plan"):
            call(wrong)
    with pytest.raises(ValueError, match="rows of 7"):
        call(plan.ravel()[:-1].copy())
