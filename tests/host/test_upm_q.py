"""Integer models in the .upm file: round trips, the bytes that SPEC.md states, refusals, `upedal info`."""

import dataclasses
import struct
import zlib

import numpy as np
import pytest
from upedal import ai8x, cost, info, upm
from upedal import layers as L
from upedal import qlayers as Q
from upedal.errors import UpedalError

from tests import random_q

IDENTITY = Q.Matrix(np.full((1, 1), 16384, np.int16), np.zeros(1, np.int32), np.full(1, 1 << 18, np.int32))


def dense(**more):
    return Q.QConv1d(IDENTITY, 1, 1, 2.0**-15, **more)


def model(*chain, arithmetic="q15", inputs=1):
    return Q.QModel(list(chain), np.full(inputs, 32768, np.float32), 48000, arithmetic)


def ramp(rows, cols):
    """Weights 1, 2, 3, ..., biases 1000, 1001, ..., multipliers 2000, 2001, ..."""
    weight = np.arange(1, rows * cols + 1, dtype=np.int16).reshape(rows, cols)
    return Q.Matrix(weight, *(np.arange(at, at + rows, dtype=np.int32) for at in (1000, 2000)))


def parts(blob):
    """{tag: bytes} and the records."""
    count, at = struct.unpack_from("<HI", blob, 34)
    found = {}
    for i in range(count):
        tag, _, offset, size = struct.unpack_from("<4sIII", blob, at + 16 * i)
        found[tag] = blob[offset : offset + size]
    return found, [found[b"LAYR"][k : k + 64] for k in range(0, len(found[b"LAYR"]), 64)]


def assert_same(a, b, where="model"):
    assert type(a) is type(b) or not dataclasses.is_dataclass(a), (where, a, b)
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for k, (one, other) in enumerate(zip(a, b)):
            assert_same(one, other, f"{where}[{k}]")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and np.array_equal(a, b), where
    else:
        assert a == b, where


@pytest.mark.parametrize("kind", random_q.KINDS)
def test_every_layer_comes_back_as_it_was_and_packs_to_the_same_bytes(kind):
    for seed in range(12):
        made = random_q.model(seed, kind)
        blob = upm.dumps(made)
        back = upm.loads(blob)
        assert upm.dumps(back) == blob, (kind, seed)
        for layer in made.layers:  # an absent bias is stored as zeros
            if isinstance(layer, Q.Q7Conv1d) and layer.layer.bias is None:
                layer.layer = dataclasses.replace(layer.layer, bias=np.zeros(layer.out, np.int8))
        assert_same(made, back)


def test_a_matrix_lies_in_groups_of_four_rows_and_pairs_of_columns():
    chain = [
        Q.QConv1d(ramp(3, 3), 1, 3, 1.0),  # 1 channel: taps side by side, then padded
        Q.QConv1d(ramp(2, 7), 3, 2, 1.0, src=1, dst=2, side=0, side_channels=1),  # odd: each tap padded
        Q.QConv1d(ramp(1, 2), 2, 1, 0.5, src=2, dst=1, wide=True),
    ]
    found, records = parts(upm.dumps(model(*chain)))
    at = [struct.unpack_from("<II", r, 16) for r in records]
    words = [struct.unpack_from(f"<{size // 4}i", found[b"WGHT"], offset) for offset, size in at]

    def pair(low, high):
        return low + (high << 16)

    three = [pair(1, 2), pair(4, 5), pair(7, 8), 0, 3, 6, 9, 0]
    assert list(words[0]) == [1000, 1001, 1002, 0, *three, 2000, 2001, 2002, 0]
    two = [1000, 1001, 0, 0]
    for low, high in ((1, 2), (3, 0), (4, 5), (6, 0), (7, 0)):
        two += [pair(low, high), pair(low + 7, high and high + 7), 0, 0]
    assert list(words[1]) == two + [2000, 2001, 0, 0]
    assert list(words[2]) == [1000, pair(1, 2), 2000]
    assert [offset for offset, _ in at] == [0, 64, 176] and len(found[b"WGHT"]) == 192
    assert struct.unpack_from("<fBBH", records[2], 24) == (0.5, 0, 0, 1)  # wide
    assert struct.unpack_from("<fBBH", records[0], 24) == (1.0, 0, 0, 0)
    assert found[b"SCAL"] == struct.pack("<f", 32768)


def test_gru_lstm_and_q7_lie_as_stated():
    sigmoid, tanh = random_q.function_table("sigmoid", 16), random_q.function_table("tanh", 8)
    lstm = Q.QLstm(
        ramp(4, 2), sigmoid, tanh, tanh, 2, 1, np.array([-5], np.int16), np.array([77], np.int32), dst=3
    )
    gru = Q.QGru(ramp(2, 2), ramp(1, 1), ramp(1, 1), sigmoid, tanh, 1, src=3, dst=2)
    found, records = parts(upm.dumps(model(lstm, gru)))
    sizes = [struct.unpack_from("<II", r, 16) for r in records]
    first, second = (found[b"WGHT"][at : at + size] for at, size in sizes)
    column = [1 + (0 << 16), 3, 5, 7, 2, 4, 6, 8]  # the input, padded; h, padded
    want = [1000, 1001, 1002, 1003, *column, 2000, 2001, 2002, 2003, 77, -5 & 0xFFFF]
    assert list(struct.unpack("<18i", first)) == want
    rz = [1000, 1001, 0, 0, 1, 3, 0, 0, 2, 4, 0, 0, 2000, 2001, 0, 0]
    assert list(struct.unpack("<22i", second)) == rz + 2 * [1000, 1, 2000]
    numbers = [struct.unpack_from("<8i", r, 32) for r in records]
    s, t = numbers[1][:2]
    assert numbers[0] == (s, t, t, 2, 0, 0, 0, 0)  # tables are there once
    assert found[b"WGHT"][s : s + 4096] == sigmoid.astype("<i4").tobytes()
    assert found[b"WGHT"][t : t + 4096] == tanh.astype("<i4").tobytes() and (s | t) % 16 == 0
    assert upm.table_bytes(model(lstm, gru)) == 8192

    weight = np.arange(6, dtype=np.int8).reshape(1, 2, 3)
    conv = Q.Q7Conv1d(ai8x.Layer(weight, np.array([-9], np.int8), 4, -2, 5, wide=True), 1.0, 1, 2)
    dither = Q.QDither(2, "shaped", 0xFFFFFFFE, (1385, 16812, 5968), 3)
    found, records = parts(upm.dumps(model(dither, conv, arithmetic="q7")))
    assert found[b"WGHT"] == bytes([0, 3, 1, 4, 2, 5, 247]) + bytes(9)  # padded to 16
    assert struct.unpack_from("<8i", records[0], 32) == (2, -2, 1385, 16812, 5968, 3, 0, 0)
    assert struct.unpack_from("<8i", records[1], 32) == (0, 0, 4, -2, 0, 0, 0, 0)


def test_factors_of_sums_lie_as_stated():
    table = random_q.function_table("tanh", 8)
    chain = [
        dense(plus=0, factor=5),
        Q.QConv1d(IDENTITY, 1, 1, 1.0, activation=Q.QAct("tanh", table), src=1, dst=2, plus=1, factor=16384),
        Q.QAdd(2, 0, 3, 1.0, (1, 16383)),
        Q.QAdd(3, 0, 3, 1.0),
    ]
    found, records = parts(upm.dumps(model(*chain)))
    numbers = [struct.unpack_from("<8i", r, 32) for r in records]
    at = found[b"WGHT"].index(table.astype("<i4").tobytes())
    assert numbers == [(0, 0, 5) + 5 * (0,), (at, 0, 16384) + 5 * (0,), (1, 16383) + 6 * (0,), 2 * (16384,) + 6 * (0,)]


def test_slopes_follow_the_weights_padded_to_even():
    act = Q.QAct("prelu", slopes=np.array([5, 6, 7], np.int16))
    gate = Q.QAct("leaky_relu", slopes=np.array([-9, -8, -7], np.int16))
    layer = Q.QConv1d(ramp(6, 1), 1, 1, 1.0, activation=act, gate="gated", gate_activation=gate)
    head = Q.QConv1d(ramp(1, 3), 3, 1, 1.0, src=1, dst=2)
    found, records = parts(upm.dumps(model(layer, head)))
    size = struct.unpack_from("<I", records[0], 20)[0]
    assert size == 2 * 4 * 4 * 3 + 16
    assert struct.unpack_from("<8h", found[b"WGHT"], size - 16) == (5, 6, 7, 0, -9, -8, -7, 0)


def broken(change):
    made = model(dense())
    made.layers[0].matrix = dataclasses.replace(IDENTITY)
    change(made)
    return made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: setattr(m.layers[0].matrix, "weight", np.full((1, 2), 3, np.int16)), r"matrix is int16 \[1, 2\]; expected \[1, 1\]"),
        (lambda m: setattr(m.layers[0].matrix, "weight", np.full((1, 1), 0.5)), "16 bit"),
        (lambda m: setattr(m.layers[0].matrix, "weight", np.full((1, 1), 40000)), "16 bit"),
        (lambda m: setattr(m.layers[0].matrix, "bias", np.full(1, 1 << 31)), "32 bit"),
        (lambda m: setattr(m.layers[0], "activation", Q.QAct("tanh")), "tanh's table is absent"),
        (lambda m: setattr(m.layers[0], "activation", Q.QAct("prelu", slopes=np.zeros(2, np.int16))), "slopes"),
        (lambda m: setattr(m, "units", np.ones(2, np.float32)), "units"),
        (lambda m: setattr(m, "arithmetic", "f32"), "QConv1d in a model of f32"),
        (lambda m: m.layers.append(L.Add(1, 0, 1)), "Add in a model of q15"),
        (lambda m: m.layers.append(Q.QDither(1, "none", 1 << 33, src=1, dst=2)), "out of range"),
    ],
)  # fmt: skip
def test_the_packer_refuses_what_it_cannot_store(change, words):
    with pytest.raises(UpedalError, match=words):
        upm.dumps(broken(change))


def table(first, second):
    """All zeros but for the first two nodes' words."""
    made = np.zeros(1024, np.int32)
    made[:2] = first, second
    return made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: setattr(m.layers[0].matrix, "bias", np.array([2**31 - 32768 * 16384])), "overflow"),
        (lambda m: setattr(m.layers[0].matrix, "bias", np.array([-(2**31) + 32768 * 16384])), "overflow"),
        (lambda m: setattr(m.layers[0].matrix, "mult", np.array([-1])), "overflow"),
        (lambda m: setattr(m.layers[0], "activation", Q.QAct("tanh", table(32700 * 65536 + 69, 0))), "table"),
        (lambda m: setattr(m.layers[0], "activation", Q.QAct("tanh", table(0, -32700 * 65536 - 70))), "table"),
        (lambda m: setattr(m, "units", np.array([0.0])), "units"),
        (lambda m: setattr(m.layers[0], "scale", 0.0), "layer"),
        (lambda m: setattr(m.layers[0], "scale", float("nan")), "layer"),
        (lambda m: setattr(m, "grade", "accurate"), "header"),
        (lambda m: m.layers.append(Q.QEmphasis(40000, 1.0, 1, 2)), "layer"),
        (lambda m: m.layers.append(Q.QDeemphasis(3, 16, 1.0, 1, 2)), "layer"),
        (lambda m: m.layers.append(Q.QAdd(1, 0, 2, 1.0, (0, 1))), "layer"),
        (lambda m: m.layers.append(Q.QAdd(1, 0, 2, 1.0, (1, 16385))), "layer"),
        (lambda m: m.layers.append(dense(src=0, dst=2, plus=1, factor=0)), "layer"),
        (lambda m: m.layers.append(dense(src=0, dst=2, plus=1, factor=16385)), "layer"),
        (lambda m: m.layers.append(dense(src=0, dst=2, plus=1, factor=-1)), "layer"),
    ],
)  # fmt: skip
def test_the_reader_refuses_by_name_what_could_not_be_played_right(change, words):
    made = broken(change)
    upm.write(made)  # it can be stored
    with pytest.raises(UpedalError, match=words):
        upm.dumps(made)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.layers[0].matrix, "bias", np.array([2**31 - 1 - 32768 * 16384])),
        lambda m: setattr(m.layers[0], "activation", Q.QAct("tanh", table(32700 * 65536 + 68, 0))),
        lambda m: setattr(m.layers[0], "activation", Q.QAct("tanh", table(0, -32700 * 65536 - 69))),
    ],
)
def test_the_last_value_within_a_limit_is_accepted(change):
    made = broken(change)
    assert_same(upm.loads(upm.dumps(made)).layers[0].matrix.bias, made.layers[0].matrix.bias.astype(np.int32))


def test_without_its_input_scales_a_file_is_refused():
    blob = upm.dumps(model(dense()))
    at = blob.index(b"SCAL")
    with pytest.raises(UpedalError, match="section"):
        upm.loads(_sealed(blob[:at] + b"NOPE\0" + blob[at + 5 :]), "x.upm")


def _sealed(blob):
    import zlib

    return blob[:12] + struct.pack("<I", zlib.crc32(blob[:12] + blob[16:])) + blob[16:]


def test_costs_are_counted_as_for_the_float_twin():
    chain = [
        Q.QEmphasis(29491, 1.0, 0, 1),
        Q.QConv1d(ramp(4, 3), 1, 3, 1.0, 8, src=1, dst=2),
        Q.QAdd(2, 2, 2, 1.0),
        Q.QConv1d(ramp(2, 9), 4, 2, 1.0, 16, src=2, dst=3, side=1, side_channels=1),
        Q.QConv1d(ramp(1, 2), 2, 1, 1.0, src=3, dst=4, wide=True),
    ]
    made = model(*chain)
    assert upm.receptive_field(made) == 1 + 1 + 2 * 8 + 16
    assert [upm.macs(layer) for layer in chain] == [1, 12, 0, 18, 2]
    assert [upm.parameters(layer) for layer in chain] == [0, 16, 0, 20, 3]
    assert upm.stored_bytes(made) == [0, 64, 0, 16 * 7, 12] and upm.table_bytes(made) == 0
    assert upm.receptive_field(model(*chain, Q.QDeemphasis(5, 0, 1.0, 4, 4))) is None
    total, each = cost.instructions(made)
    assert len(each) == 5 and total > sum(each) > 34 * 0.5
    assert cost.cycles(made, "cortex-m7") > 0 and cost.cycles(made, "no such core") is None
    gru = random_q.model(3, "gru").layers[0]
    hidden, inputs = gru.out, gru.inputs
    assert upm.macs(gru) == 3 * hidden * (hidden + inputs)
    assert upm.parameters(gru) == upm.macs(gru) + 4 * hidden


def test_info_says_what_an_integer_file_is(tmp_path, capsys):
    from rich.console import Console

    made = random_q.model(5, "q7")
    made.meta = {"quantised_db": "-64.1", "name": "x"}
    upm.save(made, tmp_path / "x.upm")
    facts = info.facts(tmp_path / "x.upm")
    assert facts["arithmetic"] == "q7" and facts["instructions"] > 0 and facts["table_bytes"] == 0
    assert facts["macs"] == sum(map(upm.macs, made.layers))
    info.show(tmp_path / "x.upm", Console(width=200, force_terminal=False))
    text = capsys.readouterr().out
    assert "-64.1 dB against f32" in text and "q7, exact" in text and "dither" in text


@pytest.mark.parametrize("kind", random_q.KINDS)
def test_info_describes_every_layer(tmp_path, kind):
    for seed in range(3):
        made = random_q.model(seed, kind)
        upm.save(made, tmp_path / "x.upm")
        facts = info.facts(tmp_path / "x.upm")
        assert len(facts["layers"]) == len(made.layers)
        stored = sum(row["bytes"] for row in facts["layers"]) + facts["table_bytes"]
        assert 0 < stored < facts["bytes"]


@pytest.mark.parametrize("inputs,side", [(3, 0), (2, 3), (1, 3)])
def test_weights_of_padding_are_refused(inputs, side):
    """What a signal has in its padding is left from other layers: the output would depend on it."""
    columns = inputs + side
    first = Q.QConv1d(ramp(3, 1), 1, 1, 2.0**-15, dst=1)
    second = Q.QConv1d(ramp(inputs, 3), 3, 1, 2.0**-15, src=1, dst=2)
    last = Q.QConv1d(ramp(1, columns), inputs, 1, 2.0**-15, src=2, dst=3, side=1 if side else None, side_channels=side)
    blob = bytearray(upm.dumps(model(first, second, last)))
    matrix = upm.weights(last, "fast", 1)  # bias, words, multiplier
    at = bytes(blob).rindex(matrix) + len(matrix) - 6
    assert blob[at : at + 2] == bytes(2), "the last column is padding"
    blob[at] = 1
    struct.pack_into("<I", blob, 12, zlib.crc32(bytes(blob[16:]), zlib.crc32(bytes(blob[:12]))))
    with pytest.raises(UpedalError, match="reserved field is not zero"):
        upm.loads(blob)
