"""The accelerator's integer arithmetic: against the golden vectors, and against loops of plain integers."""

from math import floor
from pathlib import Path

import numpy as np
import pytest
from upedal import ai8x
from upedal.errors import UpedalError

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "formats" / "golden" / "ai8x"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason=f"no golden vectors: {GOLDEN} is absent"
)
CASES = ("ai8x_tinyguitar_8bit", "ai8x_tinyguitar_mixed")


def layer(rng, out, channels, taps, *, bits=8, bias=True, **more):
    low, high = ai8x.weight_range(bits)
    weight = rng.integers(low, high + 1, (out, channels, taps)).astype(np.int8)
    most = 40 if bits == 8 else 1  # a bias counts 128 times
    made = rng.integers(-most, most + 1, out).astype(np.int8) if bias else None
    return ai8x.Layer(weight, made, bits, **more)


def small_net(seed=1, wide=True):
    """Every kind of layer: widths, ReLU or none, bias or none, dilations; with seeds 1, 4, 7, 10 every channel lives on noise."""
    rng = np.random.default_rng(seed)
    return ai8x.Net(
        [
            layer(rng, 5, 3, 3, output_shift=-2),
            layer(rng, 6, 5, 3, bits=4, output_shift=-3, dilation=2, relu=True),
            layer(rng, 4, 6, 2, bits=2, output_shift=-1, dilation=5, bias=False),
            layer(rng, 4, 4, 3, bits=1, output_shift=-2, dilation=8, relu=True),
            layer(rng, 2, 4, 1, output_shift=-1, wide=wide),
        ]
    )


def noise(seed, channels, frames):
    return np.random.default_rng(seed).integers(-128, 128, (channels, frames)).astype(np.int8)


def by_loops(layer, x):
    """The definition, in Python's own integers and fractions of powers of two."""
    out, channels, taps = layer.weight.shape
    rows = []
    for o in range(out):
        row = []
        for t in range(x.shape[1] - layer.history):
            acc = 0 if layer.bias is None else 128 * int(layer.bias[o])
            for i in range(channels):
                for k in range(taps):
                    acc += int(layer.weight[o, i, k]) * int(x[i, t + k * layer.dilation])
            if not layer.wide:
                acc = floor(acc * 2.0**layer.total_shift / 128 + 0.5)
                acc = min(max(acc, 0 if layer.relu else -128), 127)
            row.append(acc)
        rows.append(row)
    return np.array(rows)


def golden_net(values):
    """(net, [acc], [out]) of a golden.npz."""
    count = len(values["bits"])
    layers = [
        ai8x.Layer(
            values[f"w{k}"],
            values[f"b{k}"] if f"b{k}" in values else None,
            int(values["bits"][k]),
            int(values["output_shift"][k]),
            int(values["dilation"][k]),
            relu=bool(values["relu"][k]),
            wide=k == count - 1 and int(values["last_output_width"]) == 32,
        )
        for k in range(count)
    ]
    return (
        ai8x.Net(layers),
        [values[f"acc{k}"] for k in range(count)],
        [values[f"out{k}"] for k in range(count)],
    )


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_every_sum_and_output_of_the_golden_nets_is_the_same_integer(case):
    with np.load(GOLDEN / case / "golden.npz") as values:
        net, sums, outputs = golden_net(values)
        x, compared = values["x"], 0
        assert [each.total_shift for each in net.layers] == values["total_shift"].tolist()
    for k, each in enumerate(net.layers):
        acc, x = ai8x.accumulate(each, x), ai8x.conv1d(each, x)
        assert acc.dtype == sums[k].dtype and x.dtype == outputs[k].dtype, f"layer {k}"
        assert acc.shape == sums[k].shape and x.shape == outputs[k].shape, f"layer {k}"
        assert np.count_nonzero(acc != sums[k]) + np.count_nonzero(x != outputs[k]) == 0, (
            f"layer {k}"
        )
        compared += acc.size + x.size
    assert compared == sum(a.size + b.size for a, b in zip(sums, outputs)) > 200_000


@needs_golden
def test_rounding_of_one_weight_is_the_same_for_all_190464_values():
    compared = 0
    with np.load(GOLDEN / "rounding.npz") as values:
        x = values["x"].astype(np.int8)[None]
        for name in values.files:
            if not name.startswith("w"):
                continue
            weight, bias = name[1:].split("_b")
            bias = None if bias == "None" else np.array([int(bias)], np.int8)
            for shift, want in zip(values["shift"], values[name]):
                one = ai8x.Layer(np.full((1, 1, 1), int(weight), np.int8), bias, 8, int(shift))
                got = ai8x.conv1d(one, x)[0]
                assert np.array_equal(got, want), f"{name}, shift {shift}"
                compared += len(want)
    assert compared == 190_464


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_golden_net_streamed_in_uneven_blocks_gives_its_192_outputs(case):
    with np.load(GOLDEN / case / "golden.npz") as values:
        net, _, outputs = golden_net(values)
        x = values["x"]
    got = np.concatenate(
        list(ai8x.stream(net, np.split(x, [1, 65, 257, 448, 640], axis=1))), axis=1
    )
    assert got.shape[1] == 704
    assert np.array_equal(got[:, 512:], outputs[-1])


@pytest.mark.parametrize("wide", [True, False])
def test_matches_loops_of_plain_integers(wide):
    net, x = small_net(10, wide), noise(1, 3, 120)
    seen = set()
    for k, each in enumerate(net.layers):
        want, x = by_loops(each, x), ai8x.conv1d(each, x)
        assert x.dtype == (np.int32 if each.wide else np.int8)
        assert np.array_equal(x, want), f"layer {k}"
        assert len(np.unique(x)) > 10, (
            f"layer {k} has hardly any values: the test would show little"
        )
        seen |= {each.weight_bits}
    assert seen == set(ai8x.WEIGHT_BITS)


def test_halves_round_up_for_negative_sums_too():
    acc = np.array([-192, -64, -65, 64, 63, 192])
    assert ai8x.requantise(acc, 0).tolist() == [-1, 0, -1, 1, 0, 2]


def test_clamps_at_both_ends_and_at_0_with_relu():
    acc = np.array([-(1 << 30), -1, 0, 127, 128, 1 << 30])
    assert ai8x.requantise(acc, 7).tolist() == [-128, -1, 0, 127, 127, 127]
    assert ai8x.requantise(acc, 7, relu=True).tolist() == [0, 0, 0, 127, 127, 127]


@pytest.mark.parametrize("shift", range(8, 16))
def test_clamping_before_a_left_shift_changes_nothing(shift):
    acc = np.r_[np.arange(-300, 301), -(1 << 30), 1 << 30]
    assert np.array_equal(
        ai8x.requantise(acc, shift), ai8x.requantise(np.clip(acc, -128, 128), shift)
    )


@pytest.mark.parametrize("block", [1, 7, 64, 192])
def test_streaming_equals_recomputing_the_receptive_field_for_each_frame(block):
    net, frames = small_net(4), 400
    x = noise(2, net.inputs, frames)
    parts = [x[:, at : at + block] for at in range(0, frames, block)]
    got = np.concatenate(list(ai8x.stream(net, parts)), axis=1)
    reach = net.receptive_field
    before = np.concatenate((np.zeros((net.inputs, reach - 1), np.int8), x), axis=1)
    want = np.concatenate([ai8x.run(net, before[:, t : t + reach]) for t in range(frames)], axis=1)
    assert got.dtype == want.dtype and got.shape == want.shape == (2, frames)
    assert np.array_equal(got, want)
    assert all(len(np.unique(row)) > 50 for row in got), (
        "hardly any values: this would show little"
    )


def test_overlapping_windows_give_the_stream():
    net, hop = small_net(7), 48
    x = noise(3, net.inputs, 5 * hop)
    reach = net.receptive_field - 1
    before = np.concatenate((np.zeros((net.inputs, reach), np.int8), x), axis=1)
    windows = [ai8x.run(net, before[:, at : at + reach + hop]) for at in range(0, 5 * hop, hop)]
    assert np.array_equal(
        np.concatenate(windows, axis=1), np.concatenate(list(ai8x.stream(net, [x])), axis=1)
    )


def test_a_cold_start_agrees_after_the_receptive_field_of_silence_and_not_before():
    net, x = small_net(10), noise(4, 3, 30)
    silence = np.zeros((net.inputs, net.receptive_field - 1), np.int8)
    cold, settled = ai8x.Stream(net, settled=False), ai8x.Stream(net)
    assert not np.array_equal(cold.process(silence), settled.process(silence))
    assert np.array_equal(cold.process(x), settled.process(x))


def test_a_block_of_any_length_is_one_run():
    net, x = small_net(7), noise(6, 3, 3000)
    assert np.array_equal(
        ai8x.Stream(net).process(x)[:, net.receptive_field - 1 :], ai8x.run(net, x)
    )


def test_an_empty_block_changes_nothing():
    net, x = small_net(1), noise(5, 3, 40)
    blocks = [x[:, :0], x[:, :20], x[:, 20:20], x[:, 20:]]
    parts = list(ai8x.stream(net, blocks))
    assert [p.shape[1] for p in parts] == [0, 20, 0, 20]
    assert np.array_equal(np.concatenate(parts, axis=1), ai8x.Stream(net).process(x))


@pytest.mark.parametrize("low,high", [(-128, 127), (0, 127)])
def test_accumulator_bound_is_reached_and_never_passed(low, high):
    rng = np.random.default_rng(9)
    each = layer(rng, 4, 6, 3, dilation=2)
    reached = 0
    for o in range(4):
        for sign in (1, -1):
            x = np.zeros((6, 5), np.int8)
            x[:, ::2] = np.where(sign * each.weight[o].astype(int) > 0, high, low)
            reached = max(reached, int(np.abs(ai8x.accumulate(each, x)).max()))
    assert reached == ai8x.accumulator_bound(each, low, high)
    some = rng.integers(low, high + 1, (6, 2000)).astype(np.int8)
    assert np.abs(ai8x.accumulate(each, some)).max() < reached


def test_the_largest_layer_there_can_be_fits_32_bits_with_its_rounding():
    shape = (1, ai8x.MOST_CHANNELS, ai8x.MOST_TAPS)
    largest = ai8x.Layer(np.full(shape, -128, np.int8), np.full(1, 127, np.int8))
    x = np.full((ai8x.MOST_CHANNELS, ai8x.MOST_TAPS), -128, np.int8)
    bound = ai8x.accumulator_bound(largest)
    assert ai8x.accumulate(largest, x).tolist() == [[bound]] == [[151_011_200]]
    assert bound + (1 << (6 + ai8x.MOST_SHIFT)) < 1 << 31


def quantised_by_hand(values, bits, f):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return [min(max(floor(v * 2 ** (bits - 1) * 2.0**f + 0.5), low), high) for v in values]


@pytest.mark.parametrize("bits", ai8x.WEIGHT_BITS)
@pytest.mark.parametrize(
    "largest,f", [(1.0, 0), (0.9, 0), (0.5, 1), (0.3, 1), (3.0, -2), (1e-9, 99), (1e9, -99)]
)
def test_quantise_scales_by_the_power_of_two_that_keeps_the_largest_within_one(bits, largest, f):
    rng = np.random.default_rng(bits)
    weight = rng.uniform(-1, 1, (3, 4, 2)).astype(np.float32) * np.float32(largest * 0.999)
    weight[1, 2, 0] = -largest
    bias = np.array([0.5, -0.25, 0.1], np.float32) * np.float32(largest)
    w, b, shift = ai8x.quantise(weight, bias, bits)
    f = min(max(f, -7 - bits), 23 - bits)
    assert shift == -f
    assert (w.dtype, b.dtype) == (np.int8, np.int8)
    assert w.ravel().tolist() == quantised_by_hand(weight.ravel().tolist(), bits, f)
    assert b.tolist() == quantised_by_hand(bias.tolist(), bits, f)
    ai8x.Layer(w, b, bits, shift)  # every such shift is one the hardware has


def test_a_bias_larger_than_the_weights_sets_the_shift():
    weight, bias = np.full((1, 1, 1), 0.2, np.float32), np.array([3.0], np.float32)
    w, b, shift = ai8x.quantise(weight, bias)
    assert (w.item(), b.item(), shift) == (6, 96, 2)
    assert ai8x.quantise(weight)[2] == -2


def test_a_quantile_below_one_clamps_the_few_largest_and_gains_resolution():
    weight = np.linspace(-0.24, 0.24, 201, dtype=np.float32).reshape(1, 201, 1)[:, :200]
    weight[0, 0, 0] = 0.9
    w, _, shift = ai8x.quantise(weight, shift_quantile=0.985)
    assert shift == -2 and w[0, 0, 0] == 127
    assert ai8x.quantise(weight)[2] == 0


def test_all_zero_weights_quantise_to_zero():
    w, b, shift = ai8x.quantise(np.zeros((2, 1, 3)), None, 4)
    assert not w.any() and b is None and shift == -19


def test_quantised_layer_computes_nearly_what_the_float_layer_does():
    rng = np.random.default_rng(11)
    weight, bias = rng.normal(0, 0.12, (4, 6, 3)), rng.normal(0, 0.1, 4)
    w, b, shift = ai8x.quantise(weight, bias)
    x = noise(12, 6, 500) // 2
    one = ai8x.Layer(w, b, 8, shift, relu=True)
    want = np.stack(
        [
            bias[o] + sum(np.convolve(x[i] / 128, weight[o, i, ::-1], "valid") for i in range(6))
            for o in range(4)
        ]
    )
    error = ai8x.conv1d(one, x) / 128 - np.clip(want, 0, 127 / 128)
    assert np.abs(error).max() < 0.03
    wide = ai8x.Layer(w, b, 8, shift, wide=True)
    assert (
        np.abs(ai8x.conv1d(wide, x) * ai8x.wide_gain(wide, trained_wide=False) - want).max() < 0.03
    )


@pytest.mark.parametrize(
    "changes,words",
    [
        ({"weight_bits": 3}, "weights of 3 bits"),
        ({"weight_bits": 4}, "smallest 4-bit weight 100; expected -8 to 7"),
        ({"output_shift": 16}, "total shift .* 16; expected -15 to 15"),
        ({"dilation": 1024}, "dilation 1024; expected 1 to 1023"),
        ({"relu": True, "wide": True}, "ReLU on a 32-bit output"),
        ({"bias": np.zeros(3, np.int8)}, r"bias of int8 \[2\]"),
        ({"weight": np.zeros((2, 1, 10), np.int8)}, "taps 10; expected 1 to 9"),
        ({"weight": np.zeros((2, 1, 1))}, r"weights int8 \[out\]\[in\]\[tap\]"),
    ],
)
def test_what_the_hardware_has_not_is_refused(changes, words):
    with pytest.raises(UpedalError, match=words):
        ai8x.Layer(**{"weight": np.full((2, 1, 3), 100, np.int8), **changes})


def test_layers_that_do_not_fit_each_other_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(UpedalError, match="layer 0 has 4 channels out, layer 1 takes 3"):
        ai8x.Net([layer(rng, 4, 1, 1), layer(rng, 1, 3, 1)])
    with pytest.raises(UpedalError, match="layer 0 is wide"):
        ai8x.Net([layer(rng, 1, 1, 1, wide=True), layer(rng, 1, 1, 1)])
    with pytest.raises(UpedalError, match=r"input int64 \[3, 4\]; expected int8 \[3\]\[n\]"):
        ai8x.Stream(small_net()).process(np.zeros((3, 4), np.int64))
