"""The C core on the desktop against the numpy reference."""

import numpy as np
import pytest
from upedal import audio, native, reference, upm
from upedal import layers as L
from upedal.errors import UpedalError

from tests.vectors import make

NOISE = np.random.default_rng(0).standard_normal(2000).astype(np.float32) * 0.3


def error_db(blob, model, x=NOISE, **options):
    want = reference.render(model, x, options.get("knobs"))
    return audio.db(audio.esr(want, native.render(blob, x, prewarm=0, **options)))


@pytest.mark.parametrize("hidden", [1, 2, 3, 5, 8, 10, 12, 16, 20, 21, 32, 40, 64])
@pytest.mark.parametrize(("grade", "limit"), [("accurate", -100), ("fast", -75)])
def test_gru_of_any_size_is_near_the_reference(hidden, grade, limit):
    model = make.gru(hidden, hidden, grade=grade)
    assert error_db(upm.dumps(model), model) < limit


@pytest.mark.parametrize("activation", ["linear", "tanh", "sigmoid", "softsign", "relu", "gated"])
@pytest.mark.parametrize("channels", [1, 3, 4, 16, 22])
@pytest.mark.parametrize(("grade", "limit"), [("accurate", -100), ("fast", -75)])
def test_convolutions_are_near_the_reference(activation, channels, grade, limit):
    dilations = (1, 3) if activation in ("linear", "relu") else (1, 2, 300)  # unbounded ones grow
    model = make.tcn(channels, channels, activation, grade=grade, dilations=dilations)
    assert error_db(upm.dumps(model), model) < limit


def test_knobs_reach_the_net():
    model = make.gru(1, 8, grade="accurate", knobs=2)
    blob = upm.dumps(model)
    assert error_db(blob, model, knobs=[0.9, 0.1]) < -100
    assert audio.esr(native.render(blob, NOISE), native.render(blob, NOISE, knobs=[0.9, 0.1])) > 1e-4


@pytest.mark.parametrize("split", range(5))
def test_any_split_into_blocks_gives_the_same_bits(split):
    rng = np.random.default_rng(split)
    for name in make.MODELS:
        net = native.Net(upm.dumps(make.MODELS[name]), prewarm=0)
        whole = native.render(upm.dumps(make.MODELS[name]), NOISE, prewarm=0)
        cuts = np.sort(rng.integers(0, len(NOISE), 40))
        parts = [net.process(x) for x in np.split(NOISE, cuts)]
        assert np.concatenate(parts).tobytes() == whole.tobytes(), (name, split)


@pytest.mark.parametrize("gate", L.GATES)
@pytest.mark.parametrize("kind", L.ACTIVATIONS)
@pytest.mark.parametrize(("grade", "limit"), [("accurate", -100), ("fast", -60)])
def test_wavenet_layers_are_near_the_reference(kind, gate, grade, limit):
    model = make.wavenet(3, grade=grade, activation=full(kind, 5), gate=gate)
    blob = upm.dumps(model)
    assert error_db(blob, model) < limit
    assert upm.dumps(upm.loads(blob)) == blob


def full(kind, channels):
    """An activation with all the numbers it needs."""
    par = {"leaky_relu": (0.1,), "elu": (0.7,), "leaky_hard_tanh": (-0.5, 0.7, 0.1, 0.2)}
    slopes = np.linspace(-0.5, 0.5, channels, dtype=np.float32) if kind == "prelu" else None
    return L.Act(kind, par.get(kind, ()), slopes)


@pytest.mark.parametrize("hidden", [1, 3, 8, 16, 40])
@pytest.mark.parametrize(("grade", "limit"), [("accurate", -100), ("fast", -70)])
def test_lstm_of_any_size_is_near_the_reference(hidden, grade, limit):
    rng = np.random.default_rng(hidden)
    s = hidden**-0.5
    cell = L.Lstm(
        make.uniform(rng, 4 * hidden, 1), make.uniform(rng, 4 * hidden, hidden, scale=s), make.uniform(rng, 4 * hidden)
    )  # fmt: skip
    head = L.Dense(make.uniform(rng, 1, hidden, scale=s), make.uniform(rng, 1), src=1, dst=2, plus=0)
    model = L.Model([cell, head], 48000, grade)
    assert error_db(upm.dumps(model), model) < limit


def test_a_long_impulse_response_is_a_convolution():
    h = make.uniform(np.random.default_rng(0), 1, 1, 1500, scale=0.1)
    model = L.Model([L.Conv1d(h, np.zeros(1, np.float32))], 48000)
    want = np.convolve(NOISE.astype(np.float64), h[0, 0, ::-1].astype(np.float64))[: len(NOISE)]
    assert audio.db(audio.esr(want, native.render(upm.dumps(model), NOISE, prewarm=0))) < -100


# What core/up_act.h states: accurate within 3e-7, fast within 2e-5 (SiLU: times x).
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softsign", "relu", "hard_tanh", "elu"])
@pytest.mark.parametrize(("grade", "limit"), [(0, 3e-7), (1, 2e-5)])
def test_activations_keep_their_stated_error(name, grade, limit):
    edges = np.array([0, -0.0, 1e-30, 0.625, -0.625, 88, -88, 1.2e5, -1.2e5], np.float32)
    x = np.concatenate([np.linspace(-40, 40, 2_000_001, dtype=np.float32), edges])
    y = x.copy()
    native.pedal_nn._activation(L.ACTIVATIONS.index(name), grade, y, 0.7)
    with np.errstate(over="ignore"):  # fast: |x| < 2^17, far beyond any sum of a net
        want = reference.activate(L.Act(name, (0.7,)), x.astype(np.float64))
    worst = np.abs(y - want) / np.maximum(1, np.abs(want))
    assert worst.max() <= limit, (name, grade, x[worst.argmax()], worst.max())


def test_accurate_tanh_keeps_quiet_signals():
    x = np.geomspace(1e-12, 0.5, 100_000).astype(np.float32)
    y = x.copy()
    native.pedal_nn._activation(1, 0, y)
    assert np.max(np.abs(y / np.tanh(x.astype(np.float64)) - 1)) < 5e-7


def test_both_builds_of_the_extension_agree():
    from upedal import _native

    for name, model in make.MODELS.items():
        blob = upm.dumps(model)
        plain = _native.pedal_nn.Model(blob, bytearray(_native.pedal_nn.arena_size(blob)))
        y = np.empty_like(NOISE)
        plain.process(NOISE, y)
        assert audio.db(audio.esr(native.render(blob, NOISE, prewarm=0), y)) < -100, name


def test_packing_saturates():
    fx = native.pedal_fx
    raw = bytearray(2 * 6)
    fx.pack(np.array([1.5, 1.0, -1.5, 0.5 / 32768, np.nan, -1.0], np.float32), raw, 16, 1)
    assert np.frombuffer(raw, "<i2").tolist() == [32767, 32767, -32768, 1, 0, -32768]


@pytest.mark.parametrize("bits", [16, 24, 32, -32])
def test_samples_survive_packing(bits):
    fx, x = native.pedal_fx, np.clip(NOISE, -1, 0.999)
    raw = bytearray(len(x) * 2 * abs(bits) // 8)
    assert fx.pack(x, raw, bits, 2) == len(raw)
    y = np.empty_like(x)
    assert fx.unpack(raw, y, bits, 2, 1) == len(x)
    assert np.max(np.abs(x - y)) <= (0 if bits < 0 else max(2.0**-bits, 2e-8))


def test_a_wrong_arena_is_refused():
    blob = upm.dumps(make.MODELS["gru4"])
    with pytest.raises(ValueError, match="arena"):
        native.pedal_nn.Model(blob, bytearray(native.pedal_nn.arena_size(blob) - 16))
    with pytest.raises(UpedalError, match="knob"):
        native.Net(blob, knobs=[1.0])
