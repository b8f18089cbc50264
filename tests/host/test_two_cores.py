"""What two cores cost and where to cut: upedal.cost, the board's key, and the pedal's own choice."""

import dataclasses

import pytest
from upedal import board, cost, fit, native, upm, zoo

PICO, TEENSY = board.load("pico2"), board.load("teensy41")
NETS = zoo.models()


def layered():
    """{name: model} of the zoo's nets that are worth cutting."""
    floats = {name: NETS[name] for name in ("tcn-8", "nam-a1-nano", "nam-a2-lite", "nam-a2-full", "nam-a1-standard")}
    return floats | {f"{name}-q15": zoo.q15(model) for name, model in floats.items()} | {"q7": zoo.tinyml_q7()}


def parts(model, cut):
    """Estimated instructions of the part before and behind a cut."""
    total, each = cost.instructions(model)
    front = total - sum(each) + sum(each[:cut])
    return front, total - front


def test_the_cut_is_where_the_parts_are_most_alike():
    for name, model in layered().items():
        cut, share = cost.cut(model)
        heavier = [max(parts(model, at)) for at in range(1, len(model.layers))]
        assert max(parts(model, cut)) == min(heavier), name
        assert 0.5 < share < 0.6, (name, share)
        assert share == pytest.approx(max(parts(model, cut)) / sum(parts(model, cut)), abs=0.02), name


def test_the_pedals_own_cut_is_nearly_as_good():
    for name, model in layered().items():
        blob = bytearray(upm.dumps(model))
        net = native.pedal_nn.Model(blob, bytearray(native.pedal_nn.arena_size(blob)))
        split = native.pedal_nn.Split(net, 0, 64, bytearray(native.pedal_nn.split_size(net, 0, 64)))
        ours, best = max(parts(model, split.report()[0])), max(parts(model, cost.cut(model)[0]))
        assert ours <= 1.12 * best, (name, split.report()[0], cost.cut(model))


def test_a_cut_that_is_proposed_can_be_made():
    for name, model in (layered() | {"gru-16": NETS["gru-16"], "lstm-16": NETS["lstm-16"]}).items():
        blob = bytearray(upm.dumps(model))
        net = native.pedal_nn.Model(blob, bytearray(native.pedal_nn.arena_size(blob)))
        cut = cost.cut(model)[0]
        split = native.pedal_nn.Split(net, cut, 8, bytearray(native.pedal_nn.split_size(net, cut, 8)))
        assert split.report()[0] == cut, name


def test_only_boards_with_two_cores_tell_of_two():
    model = NETS["nam-a2-lite"]
    share, cut = cost.load_two(model, PICO)
    assert share == pytest.approx(cost.load(model, PICO) * cost.cut(model)[1]) and cut == cost.cut(model)[0]
    assert cost.load_two(model, TEENSY) is None and cost.told_two(model, TEENSY) == ""
    assert f"(cut={cut})" in cost.told_two(model, PICO)
    assert cost.load_two(model, dataclasses.replace(PICO, core="cortex-m0")) is None
    assert {b for b in board.names() if board.load(b).cores > 1} == {"pico2"}


@pytest.mark.parametrize("name", ["gru-16", "lstm-40"])
def test_no_cut_is_proposed_that_brings_nothing(name):
    for model in (NETS[name], zoo.q15(NETS[name])):
        assert cost.cut(model)[1] > 0.9  # there is one, behind the recurrent layer
        assert cost.load_two(model, PICO) is None and cost.told_two(model, PICO) == ""


def test_fit_tells_the_load_on_two_cores_and_the_cut():
    (row,) = fit.rows("pico2", 48000, ["nam-a1-nano"])
    assert row.two_cores[0] < 0.55 * row.load
    table = fit.table([row], PICO, 48000)
    assert "two cores" in [column.header for column in table.columns]
    assert "two cores" not in [column.header for column in fit.table([row], TEENSY, 48000).columns]
