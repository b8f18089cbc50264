"""GuitarML, NeuralSeed, AIDA-X and RTNeural files: what is read plays as the original programs do, what is
written plays as the model did, and a damaged file is an error that says so."""

import copy
import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upedal import layers as L
from upedal import native, reference, upm
from upedal.convert import aidax, guitarml, guitarml_wavenet, neuralseed
from upedal.errors import UpedalError

SHARED = Path(__file__).parents[2].parent / "shared"
GOLDEN, DATA = SHARED / "formats" / "golden", SHARED / "data"
KINDS = ("guitarml", "guitarml-wavenet", "neuralseed-h", "aidax")
MODULES = (guitarml, guitarml_wavenet, aidax, neuralseed)
ACCURATE_DB, FAST_DB, WRITTEN_DB = -90, -60, -120

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/formats/golden beside the tree")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data beside the tree")


def parse(data, name, warn=lambda text: None, **options):
    for module in MODULES:
        if module.detect(data, name):
            return module.read(data, name, warn=warn, **options)
    raise UpedalError(f"{name}: no format that is known")


def read(path, **options):
    return parse(Path(path).read_bytes(), str(path), **options)


def play(model, x, *, grade="accurate", knobs=None, prewarm=0):
    model.grade = grade
    return native.render(upm.dumps(model), x, knobs=knobs or None, prewarm=prewarm)


def error_db(y, want):
    """Energy of the difference over that of the wanted signal, dB."""
    want = np.asarray(want, np.float64)
    return 10 * np.log10(np.sum((y - want) ** 2) / np.sum(want**2) + 1e-30)


def sound(path):
    import soundfile

    return soundfile.read(path, dtype="float32")[0]


def signal(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 48000
    x = np.sin(2 * np.pi * 130 * t) + 0.4 * np.sin(2 * np.pi * 1700 * t) + 0.1 * rng.standard_normal(n)
    return (0.6 * x * np.sin(np.pi * np.arange(n) / n)).astype(np.float32)


# ---- golden and real files -----------------------------------------------------------------------


def golden():
    if not GOLDEN.is_dir():
        return []
    cases = json.loads((GOLDEN / "manifest.json").read_text())["cases"]
    by_sound = {c.get("expected"): c for c in cases}
    cases = [by_sound[c["same_sound_as"]] | c if "same_sound_as" in c else c for c in cases]
    return [pytest.param(c, id=Path(c["expected"]).stem + c["kind"][-2:]) for c in cases if c["kind"] in KINDS]


@needs_golden
@pytest.mark.parametrize("case", golden())
def test_golden_file_plays_as_the_original_program(case):
    x, want = sound(GOLDEN / "input.wav"), sound(GOLDEN / case["expected"])
    options = {"knobs": case.get("params"), "prewarm": case["prewarm_zeros"]}
    y = play(read(GOLDEN / case["file"]), x, **options)
    assert error_db(y, want) <= ACCURATE_DB
    assert np.max(np.abs(y - want)) <= case["suggested_max_abs_tolerance"]
    fast = play(read(GOLDEN / case["file"]), x, grade="fast", **options)
    assert error_db(fast, want) <= FAST_DB


@needs_golden
def test_golden_files_of_these_formats_are_all_there():
    assert len(golden()) == 15


REFUSED = {"Bassman": "cannot be streamed", "TubeClean": "cannot be streamed", "klon_teensy": "rec_weight_ih_l0"}


def model_files():
    folders = ("agam_json", "aidax", "rtneural_keras", "wavenetva", "smartamppro", "c_header")
    return [p for f in folders for p in sorted((DATA / "models" / f).glob("*"))]


@needs_data
@pytest.mark.parametrize("path", model_files(), ids=lambda p: p.name)
def test_real_file_loads_or_is_refused_with_the_reason(path):
    reason = next((why for start, why in REFUSED.items() if path.name.startswith(start)), None)
    if reason:
        with pytest.raises(UpedalError, match=reason):
            read(path)
        return
    warnings = []
    y = play(read(path, warn=warnings.append), signal())
    assert np.all(np.isfinite(y))
    assert np.std(y) > 1e-4
    assert not [w for w in warnings if "self-test" in w]


@needs_data
@pytest.mark.parametrize("path", sorted((DATA / "conformance/agam_torch").glob("*_*.wav")), ids=lambda p: p.stem)
def test_real_guitarml_file_agrees_with_torch(path):
    name, _, knob = path.stem.partition("__knobs")
    x, want = sound(path.with_name("input.wav")), sound(path)
    file = DATA / "models" / "agam_json" / f"{name}.json"
    for grade, most in (("accurate", ACCURATE_DB), ("fast", FAST_DB)):
        model = read(file)
        y = play(model, x, grade=grade, knobs=[float(knob)] * len(model.knobs) if knob else None)
        assert error_db(y, want) <= most, grade


@needs_data
@pytest.mark.parametrize("name", ["conv", "gru", "lstm", "gru_torch", "lstm_torch"])
def test_rtneurals_own_vectors_are_reproduced(name):
    x, want = (np.loadtxt(DATA / "conformance/rtneural" / f"{name}_{s}_python.csv") for s in "xy")
    y = play(read(DATA / "models/rtneural_keras" / f"rtneural_{name}.json"), x.astype(np.float32))
    assert error_db(y, want) <= -110


@needs_data
def test_knob_of_a_proteus_capture_means_what_its_player_means():
    # The recordings are of the amplifier at gain 0.25, so what is left is the capture's own error.
    folder = DATA / "conformance/proteus_bogner_cond025"
    model = read(DATA / "models/agam_json/Proteus_Bogner_EcstasyBlue_GainKnob.json")
    x, want = sound(folder / "input_0.wav"), sound(folder / "render_0.flac")
    errors = {knob: error_db(play(model, x, knobs=[knob]), want) for knob in (0.0, 0.2, 0.25, 0.3, 0.5)}
    assert min(errors, key=errors.get) == 0.25
    assert errors[0.25] < -30


@needs_data
@pytest.mark.parametrize("path", sorted((DATA / "models/agam_json").glob("*")), ids=lambda p: p.stem)
def test_guitarml_file_written_again_holds_the_same_numbers(path):
    before, after = json.loads(path.read_text()), json.loads(guitarml.write(read(path), path.name, warn=print))
    assert after["model_data"] == before["model_data"]
    old, new = ({k: np.array(v, np.float32) for k, v in d["state_dict"].items()} for d in (before, after))
    assert old.keys() == new.keys()
    for key in old:
        if before["model_data"]["unit_type"] == "LSTM" and "bias_" in key:
            continue  # an LSTM's two biases count only as their sum
        assert np.array_equal(old[key], new[key]), key
    if before["model_data"]["unit_type"] == "LSTM":
        sums = [d["rec.bias_ih_l0"].astype(float) + d["rec.bias_hh_l0"] for d in (old, new)]
        assert np.max(np.abs(sums[0] - sums[1])) < 3e-7


# ---- own models, judged by readers written from the formats' descriptions -------------------------


def net(kind="GRU", hidden=6, count=1, knobs=0, skip=True, gains=(1.0, 1.0), seed=1):
    """A recurrent layers.Model of random weights."""
    rng = np.random.default_rng(seed)
    gates, inputs, layers, src = {"GRU": 3, "LSTM": 4}[kind], 1 + knobs, [], 0

    def weights(*shape):
        return (rng.standard_normal(shape) * 1.4 / np.sqrt(hidden + 2)).astype(np.float32)

    if gains[0] != 1:
        layers.append(L.Dense(np.diag([gains[0]] + [1.0] * knobs).astype("f"), np.zeros(inputs, "f"), dst=5))
        src = 5
    audio = src
    for k in range(count):
        shape = weights(gates * hidden, hidden if k else inputs), weights(gates * hidden, hidden)
        biases = [weights(gates * hidden) for _ in range(2 if kind == "GRU" else 1)]
        cell = L.Gru(*shape, *biases) if kind == "GRU" else L.Lstm(*shape, biases[0])
        cell.src, cell.dst = src, 1 + k % 2
        src = cell.dst
        layers.append(cell)
    layers.append(L.Dense(weights(1, hidden), weights(1), src=src, dst=3))
    layers += [L.Add(3, audio, 3)] if skip else []
    layers += [L.Dense(np.array([[gains[1]]], "f"), np.zeros(1, "f"), src=3, dst=4)] if gains[1] != 1 else []
    names = [(f"knob{k + 1}", "", 0.0, 1.0, 0.5) for k in range(knobs)]
    return L.Model(layers, 44100, knobs=names)


def sg(x):
    return 1 / (1 + np.exp(-x))


def gru_step(p, q, h, order):
    part = dict(zip(order, zip(np.split(p, 3), np.split(q, 3))))
    r, u = (sg(sum(part[k])) for k in "ru")
    n = np.tanh(part["n"][0] + r * part["n"][1])
    return (1 - u) * n + u * h


def lstm_step(z, c):
    i, f, g, o = np.split(z, 4)
    c = sg(f) * c + sg(i) * np.tanh(g)
    return sg(o) * np.tanh(c), c


def inputs_of(x, knobs):
    return np.stack([np.asarray(x, float)] + [np.full(len(x), float(k)) for k in knobs], axis=1)


def play_guitarml(data, x, knobs=()):
    """float64, from the JSON's tensors by their PyTorch names."""
    top = json.loads(data)
    info, w = top["model_data"], {k: np.array(v) for k, v in top["state_dict"].items()}
    v = inputs_of(x, knobs)
    audio = v[:, 0]
    for n in range(info["num_layers"]):
        h = c = np.zeros(info["hidden_size"])
        out = []
        for row in v:
            p = w[f"rec.weight_ih_l{n}"] @ row + w[f"rec.bias_ih_l{n}"]
            q = w[f"rec.weight_hh_l{n}"] @ h + w[f"rec.bias_hh_l{n}"]
            if info["unit_type"] == "GRU":
                h = gru_step(p, q, h, "run")
            else:
                h, c = lstm_step(p + q, c)
            out.append(h)
        v = np.array(out)
    y = v @ w["lin.weight"][0] + (w["lin.bias"][0] if info["bias_fl"] else 0)
    return y + audio * info["skip"]


def play_aidax(data, x, knobs=()):
    """float64, from the JSON's layers in Keras' orientation."""
    top = json.loads(data)
    v = inputs_of(x, knobs)
    v[:, 0] *= 10 ** (top.get("in_gain", 0) / 20)
    audio = v[:, 0].copy()
    for spec in top["layers"]:
        w = [np.array(a) for a in spec["weights"]]
        v = {"gru": keras_gru, "lstm": keras_lstm, "dense": keras_dense, "conv1d": keras_conv}.get(
            spec["type"], keras_rest
        )(spec, w, v)
    return (v[:, 0] + audio * top.get("in_skip", 0)) * 10 ** (top.get("out_gain", 0) / 20)


def keras_gru(spec, w, v):
    h, out = np.zeros(len(w[1])), []
    for row in v:
        h = gru_step(row @ w[0] + w[2][0], h @ w[1] + w[2][1], h, "urn")
        out.append(h)
    return np.array(out)


def keras_lstm(spec, w, v):
    h = c = np.zeros(len(w[1]))
    out = []
    for row in v:
        h, c = lstm_step(row @ w[0] + h @ w[1] + w[2], c)
        out.append(h)
    return np.array(out)


def keras_act(spec, y):
    return {
        "": lambda a: a,
        "tanh": np.tanh,
        "relu": lambda a: np.maximum(a, 0),
        "sigmoid": sg,
        "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    }[spec.get("activation", "")](y)


def keras_dense(spec, w, v):
    return keras_act(spec, v @ w[0] + (w[1] if len(w) > 1 else 0))


def keras_conv(spec, w, v):
    taps, d, groups = spec["kernel_size"][0], spec["dilation"][0], spec.get("groups", 1)
    n_in, n_out = v.shape[1] // groups, spec["shape"][-1] // groups
    y = np.zeros((len(v), spec["shape"][-1])) + w[1]
    for i in range(taps):
        delay = (taps - 1 - i) * d
        past = np.concatenate([np.zeros((delay, v.shape[1])), v[: len(v) - delay]])
        for g in range(groups):
            out = slice(g * n_out, (g + 1) * n_out)
            y[:, out] += past[:, g * n_in : (g + 1) * n_in] @ w[0][i][:, out]
    return keras_act(spec, y)


def keras_rest(spec, w, v):
    if spec["type"] == "prelu":
        return np.where(v < 0, np.ravel(w[0]) * v, v)
    if spec["type"] == "batchnorm":
        gamma, beta, mean, variance = w if len(w) == 4 else (1, 0, *w)
        return keras_act(spec, (v - mean) / np.sqrt(variance + spec["epsilon"]) * gamma + beta)
    assert spec["type"] == "activation"
    return keras_act(spec, v)


SHAPES = [
    {"kind": "GRU"},
    {"kind": "GRU", "hidden": 5, "count": 2, "skip": False},
    {"kind": "GRU", "hidden": 9, "knobs": 2},
    {"kind": "LSTM", "hidden": 12, "knobs": 1, "skip": False},
    {"kind": "LSTM", "hidden": 3, "count": 3},
    {"kind": "LSTM", "hidden": 128},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_written_guitarml_plays_as_the_model(shape):
    model = net(**shape)
    knobs, x = [0.2, 0.9][: len(model.knobs)], signal()
    data = guitarml.write(model, "x.json", warn=lambda text: None)
    want = reference.render(model, x, knobs)
    assert error_db(play_guitarml(data, x, knobs), want) <= WRITTEN_DB
    assert error_db(reference.render(parse(data, "x.json"), x, knobs), want) <= WRITTEN_DB
    assert error_db(play(parse(data, "x.json"), x, knobs=knobs), want) <= ACCURATE_DB


@pytest.mark.parametrize("gains", [(1.0, 1.0), (1.7, 0.6), (1.0, 2.0), (-0.5, 1.0)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_written_aidax_plays_as_the_model(shape, gains):
    model = net(gains=gains, **shape)
    if gains[0] < 0 and shape.get("skip", True):
        with pytest.raises(UpedalError, match="with a gain of -0.5; expected 1"):
            aidax.write(model, "x.json")
        return
    knobs, x = [0.2, 0.9][: len(model.knobs)], signal(700)
    data, warnings = aidax.write(model, "x.json", warn=lambda text: None), []
    want = reference.render(model, x, knobs)
    assert error_db(play_aidax(data, x, knobs), want) <= WRITTEN_DB
    again = parse(data, "x.json", warn=warnings.append)
    assert error_db(reference.render(again, x, knobs), want) <= WRITTEN_DB
    assert again.rate_hz == 44100
    assert not warnings


def test_a_file_name_that_is_no_text_does_no_harm():
    data = guitarml.write(net(), "x.json", warn=lambda text: None)
    assert upm.loads(upm.dumps(parse(data, "a\udcff.json"))).meta["name"] == "a?"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_written_file_is_the_same_after_a_detour_through_upm_in_the_fast_grade(shape):
    model = net(**shape)
    model.grade = "fast"
    detour = upm.loads(upm.dumps(model))
    knobs, x = [0.2, 0.9][: len(model.knobs)], signal(700)
    want = reference.render(model, x, knobs)
    for module, player in ((guitarml, play_guitarml), (aidax, play_aidax)):
        data = module.write(detour, "x.json", warn=lambda text: None)
        assert error_db(player(data, x, knobs), want) <= WRITTEN_DB, module.__name__


def test_a_width_that_aidax_does_not_play_is_filled_with_silent_units_and_comes_back():
    warnings, model = [], net("GRU", 10)
    data = aidax.write(model, "x.json", warn=warnings.append)
    assert json.loads(data)["layers"][0]["shape"][-1] == 12
    assert any("10 units become 12" in w for w in warnings)
    again = parse(data, "x.json")
    for key in ("w_ih", "w_hh", "b_ih", "b_hh"):
        assert np.array_equal(getattr(again.layers[0], key), getattr(model.layers[0], key)), key


def test_gains_are_folded_into_guitarml_unless_a_skip_goes_round_them():
    x, quiet = signal(), {"warn": lambda text: None}
    model = net(gains=(1.5, 0.5), skip=False, knobs=1)
    data = guitarml.write(model, "x.json", **quiet)
    assert error_db(play_guitarml(data, x, [0.5]), reference.render(model, x)) <= WRITTEN_DB
    with pytest.raises(UpedalError, match="with a gain of 0.75; expected 1"):
        guitarml.write(net(gains=(1.5, 0.5)), "x.json", **quiet)


@pytest.mark.parametrize("writer,player", [(guitarml, play_guitarml), (aidax, play_aidax)])
def test_a_knobs_range_is_folded_and_its_name_said_to_be_lost(writer, player):
    model, warnings, x = net(knobs=1), [], signal()
    model.knobs = [("drive", "dB", -2.0, 6.0, 0.0)]
    data = writer.write(model, "x.json", warn=warnings.append)
    assert error_db(player(data, x, [0.25]), reference.render(model, x, [0.0])) <= WRITTEN_DB
    assert any("'drive', -2 to 6 dB, becomes 0 to 1" in w for w in warnings)
    assert any("lost: drive" in w for w in warnings)


def test_metadata_and_levels_travel_and_the_rest_is_said_to_be_lost():
    model, warnings = net("LSTM", 8), []
    model.meta = {"name": "Twin", "author": "A. B.", "licence": "MIT", "gear": "a Twin", "seed": "3"}
    model.loudness_db = -18.0
    for format, target in ((aidax, "AIDA-X JSON"), (guitarml, "GuitarML JSON")):
        warnings.clear()
        again = parse(format.write(model, "x.json", warn=warnings.append), "y.json")
        assert again.meta == {"name": "Twin", "author": "A. B.", "licence": "MIT", "gear": "a Twin"}
        assert again.loudness_db == -18.0
        assert f"x.json: {target} has no field for: seed" in warnings


def test_an_lstms_initial_state_is_said_to_be_lost():
    model, warnings = net("LSTM", 8), []
    model.layers[0].h = np.full(8, 0.1, np.float32)
    guitarml.write(model, "x.json", warn=warnings.append)
    assert any("the initial state is lost" in w for w in warnings)


def wavenet():
    rng = np.random.default_rng(0)
    conv = L.Conv1d(rng.standard_normal((8, 1, 3)).astype("f"), np.zeros(8, "f"), 2, "gated")
    return L.Model([conv, L.Dense(np.ones((1, 4), "f"), np.zeros(1, "f"), src=1, dst=2)], 48000)


@pytest.mark.parametrize("writer", [guitarml, aidax])
def test_a_wavenet_is_refused_by_name(writer):
    with pytest.raises(UpedalError, match="cannot hold this model: it .*gated conv1d"):
        writer.write(wavenet(), "x.json")
    with pytest.raises(UpedalError, match="read only"):
        guitarml_wavenet.write(wavenet(), "x.json")


def test_what_rtneural_alone_can_play_is_written_with_a_warning():
    rng, warnings, x = np.random.default_rng(2), [], signal()
    conv = L.Conv1d(rng.standard_normal((4, 1, 3)).astype("f"), rng.standard_normal(4).astype("f"), 5, "elu")
    conv.activation = L.Act("elu", (1.0,))
    prelu = L.Act("prelu", slopes=np.array([0.1, 0.2, 0.3, -0.4], "f"))
    dense = L.Dense(rng.standard_normal((4, 4)).astype("f"), np.zeros(4, "f"), prelu, src=1, dst=2)
    last = L.Dense(rng.standard_normal((1, 4)).astype("f"), np.ones(1, "f"), "sigmoid", src=2, dst=3)
    model = L.Model([conv, dense, last], 48000)
    data = aidax.write(model, "x.json", warn=warnings.append)
    assert any("RTNeural only" in w for w in warnings)
    assert error_db(play_aidax(data, x), reference.render(model, x)) <= WRITTEN_DB
    assert error_db(play(parse(data, "x.json"), x), reference.render(model, x)) <= ACCURATE_DB
    dense.activation = L.Act("softsign")
    with pytest.raises(UpedalError, match="no activation 'softsign'"):
        aidax.write(model, "x.json")


# ---- reading, by own files -----------------------------------------------------------------------


def layer(kind, width, *weights, activation="", **more):
    values = [np.asarray(w).tolist() for w in weights]
    return {"type": kind, "activation": activation, "shape": [None, None, width], "weights": values, **more}


def rtneural(*layers, inputs=1, **more):
    return {"in_shape": [None, None, inputs], "layers": list(layers), **more}


def as_bytes(top):
    return json.dumps(top).encode()


def test_each_rtneural_layer_plays_as_described():
    rng = np.random.default_rng(5)

    def w(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    top = rtneural(
        layer("dense", 6, w(1, 6)),  # no bias
        layer("batchnorm", 6, w(6), w(6), w(6), w(6) ** 2, epsilon=0.01, activation="tanh"),
        layer("conv1d", 4, w(3, 3, 4), w(4), kernel_size=[3], dilation=[2], groups=2, activation="elu"),
        layer("batchnorm", 4, w(4), w(4) ** 2, epsilon=0.1),
        layer("prelu", 4, [[0.3]]),
        layer("time-distributed-dense", 4, w(4, 4), w(4), activation="relu"),
        layer("activation", 4, activation="sigmoid"),
        layer("dense", 1, w(4, 1), w(1)),
    )
    x = signal()
    top["layers"][5]["type"] = "dense"
    want = play_aidax(as_bytes(top), x)
    top["layers"][5]["type"] = "time-distributed-dense"
    assert error_db(play(parse(as_bytes(top), "x.json"), x), want) <= ACCURATE_DB


def test_a_gru_in_pytorchs_order_is_recognised_by_the_self_test():
    top = json.loads(aidax.write(net("GRU", 8), "x.json", warn=lambda text: None))
    right, warnings = play_aidax(as_bytes(top), signal()), []
    kernel, recurrent, bias = (np.array(w) for w in top["layers"][0]["weights"])

    def swapped(a):
        return np.concatenate([a[:, 8:16], a[:, :8], a[:, 16:]], axis=1)

    top["layers"][0]["weights"] = [swapped(kernel).tolist(), swapped(recurrent).tolist(), swapped(bias)[::-1].tolist()]
    model = parse(as_bytes(top), "x.json", warn=warnings.append)
    assert error_db(play(model, signal()), right) <= ACCURATE_DB
    assert any("PyTorch's order" in w for w in warnings)
    top["layers"][1]["weights"][1] = [0.5]
    warnings.clear()
    parse(as_bytes(top), "x.json", warn=warnings.append)
    assert any("self-test differs" in w for w in warnings)


@pytest.mark.parametrize(
    "top,rate",
    [({"metadata": {"samplerate": "44100"}}, 44100), ({"samplerate": 96000.0}, 96000), ({}, 48000),
     ({"metadata": {"samplerate": "fast"}}, 48000), ({"samplerate": 0}, 48000)],
)  # fmt: skip
def test_sample_rate_is_taken_from_each_place_it_may_be_in(top, rate):
    assert parse(as_bytes(rtneural(layer("dense", 1, [[1.0]]), **top)), "x.json").rate_hz == rate


@pytest.mark.parametrize("name,rate", [("amp_48k.json", 48000), ("TS-M1N3 44.1kHz.json", 44100),
                                       ("ts9.json", 44100), ("148k.json", 44100), ("88_2k.json", 88200)])  # fmt: skip
def test_guitarml_sample_rate_comes_from_the_name_or_is_assumed_and_said(name, rate):
    warnings = []
    data = guitarml.write(net(), "x.json", warn=lambda text: None)
    assert parse(data, name, warn=warnings.append).rate_hz == rate
    assert any(f"{rate} Hz" in w for w in warnings)


def test_gains_below_minus_90_db_are_zero_and_texts_are_ignored():
    top = rtneural(layer("dense", 1, [[1.0]]), in_gain=-90, out_gain="loud")
    warnings = []
    assert not np.any(play(parse(as_bytes(top), "x.json", warn=warnings.append), signal()))
    assert any("'out_gain' is no number" in w for w in warnings)


def simple(**change):
    """A GuitarML file as a dict, model_data changed."""
    top = json.loads(guitarml.write(net("LSTM", 4), "x.json", warn=lambda text: None))
    top["model_data"] |= change
    return top


def test_recnet_blocks_play_one_after_the_other():
    first, second = simple(), json.loads(guitarml.write(net("GRU", 5, seed=7), "x.json", warn=lambda text: None))
    parts = {"layers.block_1": first, "layers.block_2": second}
    state = {f"{k}.{key}": v for k, top in parts.items() for key, v in top["state_dict"].items()}
    blocks = {
        str(n): {"block_type": kind, "input_size": 1, "output_size": 1, "hidden_size": h, "skip": 1}
        for n, (kind, h) in enumerate([("LSTM", 4), ("GRU", 5)])
    }
    top = {"model_data": {"model": "RecNet", "skip": 0}, "blocks": blocks, "state_dict": state}
    x = signal()
    want = play_guitarml(as_bytes(second), play_guitarml(as_bytes(first), x))
    assert error_db(play(parse(as_bytes(top), "x.json"), x), want) <= ACCURATE_DB


def header(model, title="Model", more=""):
    """A NeuralSeed header of a GRU model."""
    gru, dense = model.layers[:2]

    def braces(a):
        return "{" + ", ".join(braces(v) if np.ndim(v) else f"{v!r}f" for v in np.asarray(a).astype(float).tolist()) + "}"

    def keras(a):
        h = gru.w_hh.shape[1]
        return np.concatenate([a[h : 2 * h], a[:h], a[2 * h :]]).T

    fields = {
        "rec_weight_ih_l0": keras(gru.w_ih), "rec_weight_hh_l0": keras(gru.w_hh), "lin_weight": dense.weight[:, :, 0],
        "lin_bias": dense.bias, "rec_bias": np.stack([keras(gru.b_ih), keras(gru.b_hh)]),
    }  # fmt: skip
    return "".join(f"  {title}.{k} = {braces(v)}; // {k}\n\n" for k, v in fields.items()) + more


@pytest.mark.parametrize("knobs", [0, 3])
def test_neuralseed_header_plays_as_its_model(knobs):
    model, x = net("GRU", 8, knobs=knobs), signal()
    values = [0.1, 0.5, 0.9][:knobs]
    again = parse(("/* skip : 1 */\n" + header(model)).encode(), "x.h")
    assert error_db(play(again, x, knobs=values), reference.render(model, x, values)) <= ACCURATE_DB
    assert again.rate_hz == 48000


def test_a_neuralseed_collection_gives_the_model_that_is_asked_for():
    models, x, warnings = [net("GRU", 9, seed=k) for k in (1, 2)], signal(), []
    text = "".join(header(m, f"Model{k}", f"Model{k}.levelAdjust = 0.5f;\n") for k, m in enumerate(models, 1))
    for size, want in ((None, models[0]), ("Model2", models[1])):
        again = parse(text.encode(), "x.h", warn=warnings.append, size=size)
        assert error_db(play(again, x), reference.render(want, x)) <= ACCURATE_DB
        assert again.meta["level_adjust"] == "0.5"
    assert any("levelAdjust 0.5" in w for w in warnings)
    assert any("holds Model1, Model2; Model2 is read" in w for w in warnings)


def guitarml_net(activation="gated", channels=3, dilations=(1, 4, 2), taps=3, seed=0):
    """(JSON as a dict, the same net as a function of x in float64)."""
    rng = np.random.default_rng(seed)
    wide = channels * (2 if "gated" in activation else 1)

    def w(*shape):
        return rng.standard_normal(shape).astype(np.float32) * 0.5

    tensors = {(-1, "W"): w(1, channels), (-1, "b"): w(channels)}
    for k in range(len(dilations)):
        tensors |= {(k, "W_conv"): w(taps, channels, wide), (k, "b_conv"): w(wide)}
        tensors |= {(k, "W_out"): w(channels, channels), (k, "b_out"): w(channels)}
    tensors |= {(len(dilations), "W"): w(channels * len(dilations), 1), (len(dilations), "b"): w(1)}
    soft = lambda v: v / (1 + np.abs(v))  # noqa: E731
    act = {"tanh": np.tanh, "sigmoid": sg, "relu": lambda v: np.maximum(v, 0), "softsign": soft, "linear": lambda v: v}

    def forward(x):
        a = x[:, None].astype(float) @ tensors[-1, "W"] + tensors[-1, "b"]
        kept = []
        for k, d in enumerate(dilations):
            z = np.zeros((len(x), wide)) + tensors[k, "b_conv"]
            for tap in range(taps):
                delay = (taps - 1 - tap) * d
                z += np.concatenate([np.zeros((delay, channels)), a[: len(a) - delay]]) @ tensors[k, "W_conv"][tap]
            top, bottom = z[:, :channels], z[:, channels:]
            p = {"gated": lambda t, b: np.tanh(t) * sg(b), "softgated": lambda t, b: soft(t) * soft(b)}.get(
                activation, lambda t, b: act[activation](t)
            )(top, bottom)
            kept.append(p)
            a = a + p @ tensors[k, "W_out"] + tensors[k, "b_out"]
        return (np.concatenate(kept, axis=1) @ tensors[len(dilations), "W"] + tensors[len(dilations), "b"])[:, 0]

    variables = [
        {"layer_idx": k, "name": n, "data": [str(v) for v in a.ravel().tolist()]} for (k, n), a in tensors.items()
    ]
    top = {
        "activation": activation, "input_channels": 1, "output_channels": 1, "residual_channels": channels,
        "filter_width": taps, "dilations": list(dilations), "variables": variables,
    }  # fmt: skip
    return top, forward


@pytest.mark.parametrize("activation", ["gated", "softgated", "tanh", "sigmoid", "relu", "softsign", "linear"])
def test_guitarml_wavenet_plays_as_described(activation):
    top, forward = guitarml_net(activation)
    x = signal()
    assert error_db(play(parse(as_bytes(top), "x.json"), x), forward(x)) <= ACCURATE_DB


# ---- refusals and hostile files ------------------------------------------------------------------


@pytest.mark.parametrize(
    "top,reason",
    [
        (rtneural(layer("conv2d", 1)), "'conv2d' cannot be played"),
        (rtneural(layer("dense", 1, [[1.0]], activation="softmax")), "'softmax' cannot be played"),
        (rtneural(layer("dense", 2, [[1.0, 2.0]])), "2 output channels; expected 1"),
        (rtneural(layer("dense", 1, [[1.0]]), in_skip=2), "'in_skip' is 2"),
        (rtneural(layer("dense", 1, [[1.0]]), in_gain=1e9), "'in_gain' is 1e\\+09 dB"),
        (rtneural(layer("conv1d", 1, [[[1.0]]], kernel_size=[1], dilation=[1], groups=3)), "3 groups"),
        (rtneural(layer("batchnorm", 1, [0.0], [-1.0], epsilon=0.1)), "not above 0"),
        (rtneural(layer("gru", 1, [[1.0] * 3], [[1.0] * 3])), r"no weights\[2\]"),
        (rtneural(inputs=9), "'in_shape' is 9"),
        (simple(model="GatedConvNet"), "'GatedConvNet'; expected one of SimpleRNN, RecNet"),
        (simple(unit_type="RNN"), "'RNN'; expected one of GRU, LSTM"),
        (simple(skip=2), "'skip' is 2; expected 0 to 1"),
        (simple(output_size=2), "'output_size' is 2"),
        (simple(hidden_size=10**12), "'hidden_size' is 1000000000000; expected 1 to 256"),
        (simple(hidden_size=5), "16 lists in a list; expected 20 x 1 numbers"),
        (simple(num_layers=2), "no 'rec.weight_ih_l1'"),
        (guitarml_net()[0] | {"dilations": [1, 2]}, "'layer_idx' is 3; expected -1 to 2"),
        (guitarml_net()[0] | {"filter_width": 10**15}, "'filter_width' is 1000000000000000"),
        (guitarml_net()[0] | {"activation": "swish"}, "'swish'"),
        ({"conv1d": {}, "conv1d_1": {}, "lstm": {}, "conv1d_1_stride": 12}, "cannot be streamed"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(top, reason):
    with pytest.raises(UpedalError, match=reason):
        parse(as_bytes(top), "x.json")


@pytest.mark.parametrize(
    "text,reason",
    [
        ("GainStageModel<8, float> Model = {{1.0f}};", "no 'rec_weight_ih_l0"),
        (header(net("GRU", 4)).replace("{", "", 1), "braces do not match|expected one list"),
        (header(net("GRU", 4)).replace("lin_bias", "lin_bios"), "no 'lin_bias'"),
        ("/*\nunit_type : LSTM\n*/" + header(net("GRU", 4)), "unit_type LSTM; expected GRU"),
        ("Model.rec_weight_ih_l0 = {{1, nan, 3}};", "0 rows; expected 1 to 256"),
        ("rec_weight_ih_l0 " + "/*" * 100_000, "expected a header as NeuralSeed's"),
        ("a.rec_weight_ih_l0 = " * 20_000, "expected a header as NeuralSeed's"),
        ("a.rec_weight_ih_l0 = " + "{" * 100_000 + ";", "braces do not match"),
    ],
)
def test_a_header_that_is_no_neuralseed_model_is_refused(text, reason):
    start = time.monotonic()
    with pytest.raises(UpedalError, match=reason):
        parse(text.encode(), "x.h")
    assert time.monotonic() - start < 1


SMALL = [
    simple(),
    json.loads(guitarml.write(net("GRU", 3, knobs=1), "x.json", warn=lambda text: None)),
    json.loads(aidax.write(net("GRU", 8, gains=(1.5, 0.7)), "x.json", warn=lambda text: None)),
    guitarml_net(channels=2, dilations=(1, 2))[0],
    rtneural(
        layer("conv1d", 2, np.ones((2, 1, 2)), [0.1, 0.2], kernel_size=[2], dilation=[3], groups=1),
        layer("prelu", 2, [[0.1, 0.2]]),
        layer("batchnorm", 2, [1.0, 2.0], [0.5, 0.6], epsilon=0.01),
        layer("lstm", 3, np.ones((2, 12)), np.ones((3, 12)), np.ones(12)),
        layer("dense", 1, np.ones((3, 1)), [0.5], activation="tanh"),
    ),
]
SMALL[2]["input_batch"], SMALL[2]["output_batch"] = ([0.1] * 64, [0.2] * 64)
BAD = [None, True, -1, 0, 1, 2, 2**31, 10**30, 1e39, 1e308, float("nan"), float("inf"), 0.5, "", "tanh", "nan",
       "1e999", [], {}, [[]], [0.0], [None], {"a": 1}, [[1.0, 2.0]], "x" * 1000]  # fmt: skip


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        if not isinstance(key, int) or key < 3:
            yield from places(child, (*path, key))


@settings(max_examples=400, deadline=1000, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_a_damaged_file_raises_nothing_but_upedal_error(data):
    top = copy.deepcopy(data.draw(st.sampled_from(SMALL)))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([p for p in places(top) if p]))
        holder = top
        for key in path[:-1]:
            holder = holder[key]
        if data.draw(st.booleans()):
            holder[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(BAD)))
        else:
            del holder[path[-1]]
        if not top:
            return
    check_hostile(as_bytes(top), "x.json")


@settings(max_examples=300, deadline=1000, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_a_file_with_wrong_bytes_raises_nothing_but_upedal_error(data):
    files = [(as_bytes(top), "x.json") for top in SMALL] + [(header(net("GRU", 3)).encode(), "x.h")]
    blob, name = data.draw(st.sampled_from(files))
    at = data.draw(st.integers(0, len(blob)))
    middle = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"{", b"}", b"[", b"]", b"1e400", b'"', b";"])))
    end = data.draw(st.sampled_from([at, at + 1, at + 20, len(blob)]))
    check_hostile(blob[:at] + middle + blob[end:], name)


def check_hostile(blob, name):
    """It loads, and then packs or is refused in packing, or is refused."""
    try:
        upm.dumps(parse(blob, name))
    except UpedalError as e:
        assert str(e)


def test_a_layer_that_would_grow_to_gigabytes_is_refused():
    """Groups make a file's few weights many."""
    grown = layer("conv1d", 256, np.zeros((30, 1, 256)), np.zeros(256), kernel_size=30, dilation=1, groups=256)
    first = layer("dense", 256, np.zeros((1, 256)))
    start = time.monotonic()
    with pytest.raises(UpedalError, match="weights up to layers"):
        parse(as_bytes(rtneural(first, *[grown] * 40)), "x.json")
    assert time.monotonic() - start < 1
