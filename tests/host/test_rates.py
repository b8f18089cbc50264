"""Rates that differ: what is offered, dilations scaled, recordings converted."""

import numpy as np
import pytest
from upedal import audio, native, rates, reference, upm
from upedal import layers as L
from upedal.errors import UpedalError

from tests.vectors import make

NOISE = np.random.default_rng(3).uniform(-0.5, 0.5, 900).astype(np.float32)


def net(rate_hz=48000):
    """Two dilated layers with a side input, a residual and a dense head."""
    rng = np.random.default_rng(4)

    def w(*shape):
        return make.uniform(rng, *shape, scale=0.6)

    chain = [
        L.Dense(w(4, 1), w(4), src=0, dst=1),
        L.Conv1d(w(8, 4, 3), w(8), 5, "gated", 1, 2, side=0, side_weight=w(8, 1), plus=1),
        L.Conv1d(w(4, 4, 2), w(4), 7, "tanh", 2, 3),
        L.Film(3, 1, 3),
        L.Dense(w(1, 4), w(1), "linear", 3, 4),
    ]
    return L.Model(chain, rate_hz, prewarm=90, latency=1.5)


@pytest.mark.parametrize("factor", [2, 4])
def test_scaled_net_is_the_original_on_every_nth_frame(factor):
    model = net()
    scaled = rates.scale(model, 48000 * factor)
    want = reference.render(model, NOISE)
    spread = np.zeros(len(NOISE) * factor, np.float32)
    spread[factor - 1 :: factor] = NOISE
    got = native.render(upm.dumps(scaled), spread, prewarm=0)[factor - 1 :: factor]
    assert audio.db(audio.esr(want, got)) < -100


def test_scaling_leaves_the_original_and_dense_layers_alone():
    model = net()
    before = upm.dumps(model)
    scaled = rates.scale(model, 96000)
    assert upm.dumps(model) == before
    assert (scaled.rate_hz, scaled.prewarm, scaled.latency) == (96000, 180, 3.0)
    convs = [(a, b) for a, b in zip(model.layers, scaled.layers) if isinstance(a, L.Conv1d)]
    assert any(a.weight.shape[2] > 1 for a, _ in convs) and any(
        a.weight.shape[2] == 1 for a, _ in convs
    )
    for a, b in convs:
        assert b.dilation == a.dilation * (2 if a.weight.shape[2] > 1 else 1)


def test_the_same_rate_is_the_same_net():
    assert upm.dumps(rates.scale(net(), 48000)) == upm.dumps(net())


def conv(dilation, taps=2):
    weight = np.ones((1, 1, taps), np.float32)
    return L.Model([L.Conv1d(weight, np.zeros(1, np.float32), dilation)], 48000)


@pytest.mark.parametrize(
    ("model", "rate_hz", "words"),
    [
        (make.gru(1, 4, grade="accurate"), 96000, "GRU"),
        (make.tcn(1, 4, "tanh", grade="accurate"), 88200, "emphasis"),
        (net(), 44100, "not a multiple of 48000"),
        (net(), 72000, "not a multiple of 48000"),
        (net(), 24000, "not a multiple of 48000"),
        (net(), 480000, "8000 to 384000"),
        (net(), 0, "8000 to 384000"),
        (conv(dilation=40000), 96000, "80000"),
    ],
)
def test_what_cannot_be_scaled_is_refused_by_name(model, rate_hz, words):
    with pytest.raises(UpedalError, match=words):
        rates.scale(model, rate_hz)


def test_a_history_beyond_the_reader_is_refused():
    model = conv(dilation=30000, taps=130)
    native.Net(upm.dumps(model), prewarm=0)
    with pytest.raises(UpedalError):
        rates.scale(model, 96000)


def test_advice_names_every_way_and_only_those():
    assert rates.advice(net(), 48000) == []
    up = "\n".join(rates.advice(net(), 96000))
    assert (
        "--rate-hz 96000" in up
        and "--resample" in up
        and "resample=True" not in up
        and "not possible" not in up
    )
    pair = "\n".join(rates.advice(net(), 44100))
    assert "resample=True" in pair and "--rate-hz" not in pair and "not possible" in pair
    gru = "\n".join(rates.advice(make.gru(1, 4, grade="accurate"), 96000))
    assert "GRU" in gru and "--rate-hz" not in gru and "resample=True" not in gru


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(44100, 48000), (48000, 44100), (96000, 48000), (48000, 22050)]
)
def test_recordings_are_converted_without_delay(from_hz, to_hz):
    at = np.arange(from_hz) / from_hz
    x = np.sin(2 * np.pi * 997 * at)
    y = rates.resample(x, from_hz, to_hz)
    assert y.dtype == np.float32 and len(y) == to_hz
    want = np.sin(2 * np.pi * 997 * np.arange(to_hz) / to_hz)
    inner = slice(1000, -1000)
    assert audio.db(audio.esr(want[inner], y[inner])) < -120


@pytest.mark.parametrize(("top_hz", "limit"), [(10000, -130), (17700, -85)])
def test_a_round_trip_of_a_recording_is_clean(top_hz, limit):
    from scipy.signal import firwin, lfilter

    x = np.random.default_rng(1).standard_normal(48000)
    x = lfilter(firwin(1023, top_hz, fs=48000, window=("kaiser", 14)), 1, x).astype(np.float32)
    y = rates.resample(rates.resample(x, 48000, 44100), 44100, 48000)
    inner = slice(2000, -2000)
    error = audio.db(audio.esr(x[inner], y[inner]))
    assert len(y) == len(x) and error < limit, error


def test_odd_recordings_are_handled():
    assert len(rates.resample(np.zeros(0), 44100, 48000)) == 0
    assert np.array_equal(rates.resample(NOISE, 48000, 48000), NOISE)
    with pytest.raises(UpedalError, match="not finite"):
        rates.resample(np.array([0.0, np.nan]), 44100, 48000)
    with pytest.raises(UpedalError, match="Hz"):
        rates.resample(NOISE, 0, 48000)
