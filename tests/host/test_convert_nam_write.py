"""Writing .nam and .namb: what goes out comes back the same, and what cannot is refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
from upedal import layers as L
from upedal import reference, upm
from upedal.convert import nam, nam_graph, namb
from upedal.errors import UpedalError

from tests.host import nam_files as files

SHARED = Path(__file__).resolve().parents[3] / "shared"
GOLDEN, MODELS = SHARED / "formats" / "golden" / "nam", SHARED / "data" / "models" / "nam"
REAL = sorted([*GOLDEN.glob("*.nam"), *MODELS.glob("*.nam")])
needs_shared = pytest.mark.skipif(not REAL, reason=f"no models: {GOLDEN} is absent")

OWN = {
    "a1": files.a1(), "a1_gated": files.a1(gated=True), "a1_relu": files.a1(activation="ReLU"),
    "a1_leaky": files.a1(activation="LeakyReLU"), "a2": files.a2(), "everything": files.everything(),
    "no_post": files.everything(post=False, condition=False), "no_film": files.everything(films=()),
    "blended": files.everything(gating=("blended",) * 3), "one_cell": files.a1(channels=(2,), dilations=((1,),)),
    **{film: files.everything(films=(film,), condition=k % 2 == 0) for k, film in enumerate(files.FILMS)},
    "lstm": files.lstm(), "convnet": files.convnet(batchnorm=False), "convnet_bn": files.convnet(),
    "linear": files.linear(), "linear_no_bias": files.linear(bias=False),
}  # fmt: skip


def quiet(text):
    pass


def load(obj):
    return nam.read(json.dumps(obj).encode(), "test.nam", warn=quiet)


def written(model, warn=quiet):
    return json.loads(nam.write(model, "test.nam", warn=warn))


@pytest.mark.parametrize("name", OWN)
def test_a_model_read_written_and_read_again_is_the_same(name):
    model = load(OWN[name])
    again = load(written(model))
    assert nam_graph.digest(again) == nam_graph.digest(model)
    assert (again.prewarm, again.rate_hz) == (model.prewarm, model.rate_hz)


@pytest.mark.parametrize("name", OWN)
def test_what_is_written_sounds_the_same_to_an_independent_reader(name):
    model, x = load(OWN[name]), 0.5 * np.random.default_rng(2).standard_normal(200)
    got, want = files.Player(written(model)).play(x)[0], files.Player(OWN[name]).play(x)[0]
    # A file's batch norm is folded in float32: -130 dB; all else is the same arithmetic.
    assert np.sum((got - want) ** 2) <= 1e-13 * np.sum(want**2)


@pytest.mark.parametrize("name", ["a1", "a1_gated", "a1_relu", "a2", "lstm", "convnet", "linear", "linear_no_bias"])
def test_config_and_weights_come_back_as_they_were(name):
    said, obj = [], OWN[name]
    back = written(load(obj), said.append)
    assert (back["version"], back["architecture"], back["config"]) == (obj["version"], obj["architecture"], _scaled(obj))
    a, b = np.float32(obj["weights"]), np.float32(back["weights"])
    if obj["architecture"] != "WaveNet":
        assert np.array_equal(a, b)
        return
    c = obj["config"]["layers"][-1]["channels"]
    tail = 1 + len(_head_weights(obj))
    at = len(a) - tail - (c * c + c)
    assert np.array_equal(a[:at], b[:at]) and np.array_equal(a[-tail:], b[-tail:])
    assert not b[at:-tail].any()  # the 1x1 of the last layer: never heard, and said so
    assert any("never heard" in text for text in said)


def _head_weights(obj):
    last = obj["config"]["layers"][-1]
    head = last.get("head") or {"out_channels": last["head_size"], "kernel_size": 1, "bias": last["head_bias"]}
    return [0] * (last["channels"] * head["kernel_size"] * head["out_channels"] + head["bias"])


def _scaled(obj):
    """The config with head_scale as the last weight, which is what counts."""
    config = obj["config"]
    return config | {"head_scale": obj["weights"][-1]} if "head_scale" in config else config


def test_a_packed_model_can_be_written_too():
    for name in ("a1_gated", "everything", "lstm", "convnet", "linear"):
        model = load(OWN[name])
        for grade in ("accurate", "fast"):
            model.grade = grade
            assert written(upm.loads(upm.dumps(model)))["weights"] == written(model)["weights"], (name, grade)


def test_every_printed_number_is_the_same_float32():
    weights = np.float32([1e-40, -0.0, 3.4e38, 1 / 3, 16777217, 1.1754944e-38, np.nextafter(np.float32(1), np.float32(2))])
    model = L.Model([L.Conv1d(weights[None, None], np.zeros(1, np.float32))], 48000)
    back = np.float32(written(model)["weights"])[::-1]
    assert back.tobytes() == weights.tobytes()


def test_slots_do_not_matter():
    model = load(OWN["a1"])
    shift = {0: 0} | {slot: 15 - slot for slot in range(1, 15)}
    for layer in model.layers:
        for key in ("src", "src2", "dst", "side", "plus"):
            if getattr(layer, key, None) is not None:
                setattr(layer, key, shift[getattr(layer, key)])
    assert written(model)["weights"] == written(load(OWN["a1"]))["weights"]


def test_metadata_and_levels_are_written():
    model = load(files.a1())
    model.meta = {"name": "x", "author": "y", "gear": "Marshall 1959", "licence": "MIT", "validation_esr": "0.02"}
    model.loudness_db, model.input_dbu, model.output_dbu, model.rate_hz = -18.5, 12.0, None, 44100
    back = written(model)
    want = {"name": "x", "modeled_by": "y", "gear_model": "Marshall 1959", "licence": "MIT", "loudness": -18.5,
            "input_level_dbu": 12.0, "training": {"validation_esr": 0.02}}  # fmt: skip
    assert back["metadata"] == want and back["sample_rate"] == 44100
    again = load(back)
    assert model.meta.items() <= again.meta.items()
    assert (again.loudness_db, again.input_dbu, again.output_dbu) == (-18.5, 12.0, None)


# ---- what NAM cannot hold ------------------------------------------------------------------------


def _dense(c, src, dst):
    return L.Dense(np.ones((1, c), np.float32), np.zeros(1, np.float32), "linear", src, dst)


def _lstm(c=2):
    rng = np.random.default_rng(0)
    w = [rng.standard_normal(s).astype(np.float32) for s in ((4 * c, 1), (4 * c, c), (4 * c,))]
    return L.Lstm(*w)


def _gru(c=2):
    z = [np.zeros(s, np.float32) for s in ((3 * c, 1), (3 * c, c), (3 * c,), (3 * c,))]
    return L.Gru(*z)


def _conv(rows, cin, taps, src, dst, activation="tanh"):
    return L.Conv1d(np.ones((rows, cin, taps), np.float32) / 9, np.zeros(rows, np.float32), 2, activation, src, dst)


def _elu():
    obj = load(files.a1())
    for layer in obj.layers:
        if getattr(layer, "side", None) is not None:
            layer.activation = L.Act("elu", (1.0,))
    return obj.layers


REFUSED = {
    "gru": ([_gru(), _dense(2, 1, 2)], "NAM has no GRU"),
    "skip": ([_lstm(), _dense(2, 1, 2), L.Add(2, 0, 2)], "adds the input"),
    "emphasis": ([L.Emphasis(0.5, 0, 1), _conv(1, 1, 2, 1, 2, "linear")], "emphasis"),
    "elu": (_elu(), "activation elu"),
    "a plain stack of three taps": ([_conv(2, 1, 3, 0, 1), _conv(2, 2, 3, 1, 2), _dense(2, 2, 3)], "no net that NAM has"),
    "two activations": (
        [_conv(2, 1, 2, 0, 1), _conv(2, 2, 2, 1, 2, "relu"), _dense(2, 2, 3)], "no net that NAM has"),
    "nothing but FiLM": ([_conv(1, 1, 1, 0, 1), L.Film(0, 1, 2)], "no net that NAM has"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("module", [nam, namb])
def test_what_nam_cannot_hold_is_refused_by_name(name, module):
    layers, says = REFUSED[name]
    with pytest.raises(UpedalError, match=f"^test.nam: .*{says}"):
        module.write(L.Model(layers, 48000), "test.nam", warn=quiet)


def test_knobs_are_refused_by_name():
    model = load(files.a1())
    model.knobs = [("gain", "", 0.0, 1.0, 0.5)]
    with pytest.raises(UpedalError, match=r"has knobs \(gain\)"):
        nam.write(model, "test.nam", warn=quiet)


def _first(model, kind):
    return next(k for k, layer in enumerate(model.layers) if isinstance(layer, kind))


def test_a_wavenet_wired_otherwise_is_refused():
    """Each change makes a net that looks much like NAM's and is none."""
    changes = {
        "a sum dropped": lambda m: m.layers.__delitem__(_first(m, L.Add)),
        "a sum of the wrong slots": lambda m: setattr(m.layers[_first(m, L.Add)], "src2", m.layers[4].dst),
        "another head scale bias": lambda m: setattr(m.layers[-1], "bias", np.ones(1, np.float32)),
        "a rechannel with bias": lambda m: setattr(m.layers[0], "bias", np.ones(4, np.float32)),
    }
    for name, change in changes.items():
        model = load(files.a1(channels=(4, 4)))
        change(model)
        with pytest.raises(UpedalError, match="no net that NAM has"):
            nam.write(model, name, warn=quiet)


@pytest.mark.parametrize("more", [{}, {"skip": True}, {"activation": "gated"}, {"activation": "softsign"}])
def test_a_residual_stack_trained_here_becomes_a_wavenet(more):
    torch = pytest.importorskip("torch")
    from upedal import nets

    torch.manual_seed(3)
    net = nets.TcnNet(5, 3, [1, 2, 4, 8], **more)
    model = L.Model(net.export(), 48000, prewarm=net.receptive_field)
    x = 0.5 * np.random.default_rng(4).standard_normal(300)
    got, want = files.Player(written(model)).play(x)[0], reference.render(model, x)
    assert np.sum((got - want) ** 2) <= 1e-12 * np.sum(want**2)


def test_two_tap_stacks_trained_here_become_a_convnet():
    torch = pytest.importorskip("torch")
    from upedal import nets

    torch.manual_seed(3)
    model = L.Model(nets.TcnNet(5, 2, [1, 2, 4], residual=False).export(), 44100)
    back = written(model)
    assert (back["architecture"], back["sample_rate"]) == ("ConvNet", 44100)
    assert nam_graph.digest(load(back)) == nam_graph.digest(model)


# ---- .namb ---------------------------------------------------------------------------------------

FLAT = [name for name, obj in OWN.items() if not obj["config"].get("head")]


@pytest.mark.parametrize("name", FLAT)
def test_a_namb_read_again_is_the_same_model(name):
    model = load(OWN[name])
    if name in ("no_post",):  # its second head is dilated, which .namb does not know
        with pytest.raises(UpedalError, match="head of dilation 2"):
            namb.write(model, "x.namb", warn=quiet)
        return
    again = namb.read(namb.write(model, "x.namb", warn=quiet), "x.namb", warn=quiet)
    assert nam_graph.digest(again) == nam_graph.digest(model)
    assert (again.prewarm, again.rate_hz) == (model.prewarm, model.rate_hz)


def test_a_namb_with_a_condition_comes_back():
    obj = files.everything(post=False)
    obj["config"]["layers"][1]["head"]["head_dilation"] = 1
    model = load(obj)
    again = namb.read(namb.write(model, "x.namb", warn=quiet), "x.namb", warn=quiet)
    assert nam_graph.digest(again) == nam_graph.digest(model)


def test_a_namb_keeps_levels_and_says_which_text_it_loses():
    said, model = [], load(files.a1())
    model.meta, model.loudness_db, model.output_dbu = {"name": "x", "author": "y"}, -18.5, 3.0
    again = namb.read(namb.write(model, "x.namb", warn=said.append), "x.namb", warn=quiet)
    assert (again.loudness_db, again.input_dbu, again.output_dbu) == (-18.5, None, 3.0)
    assert any("modeled_by, name" in text for text in said)


def test_a_head_behind_the_arrays_is_refused_by_namb():
    with pytest.raises(UpedalError, match="head behind its layer arrays"):
        namb.write(load(files.everything(condition=False)), "x.namb", warn=quiet)


# ---- real files ----------------------------------------------------------------------------------


@needs_shared
@pytest.mark.parametrize("path", REAL, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_real_file_goes_out_and_back_the_same(path):
    model = nam.read(path.read_bytes(), path.name, warn=quiet)
    again = load(written(model))
    assert nam_graph.digest(again) == nam_graph.digest(model)


@needs_shared
@pytest.mark.parametrize("stem", ["a1_standard", "a1_nano", "a2_lite", "a2_full", "lstm_2x12_synth", "linear_2000_synth"])
def test_a_real_file_s_config_is_written_as_it_was(stem):
    obj = json.loads((GOLDEN / f"{stem}.nam").read_bytes())
    back = written(load(obj))
    for config in (obj["config"], back["config"]):
        config.pop("head_scale", None)  # in A1 files the field is not what counts
    assert back["config"] == obj["config"]
    assert len(back["weights"]) == len(obj["weights"])


@needs_shared
@pytest.mark.parametrize("stem", ["lstm_1x3", "linear_64_bias_synth"])
def test_a_namb_is_byte_for_byte_the_official_converter_s(stem):
    official = (GOLDEN.parent / "namb" / f"{stem}.namb").read_bytes()
    model = nam.read((GOLDEN / f"{stem}.nam").read_bytes(), stem, warn=quiet)
    assert namb.write(model, stem, warn=quiet) == official
