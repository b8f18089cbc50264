"""Reading .nam and .namb: the original player's sound, what is refused and why, and hostile files."""

import copy
import json
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upedal import native, reference, upm
from upedal.convert import nam, namb
from upedal.errors import UpedalError

from tests.host import nam_files as files

SHARED = Path(__file__).resolve().parents[3] / "shared"
GOLDEN, MODELS = SHARED / "formats" / "golden", SHARED / "data" / "models" / "nam"
OFFICIAL = SHARED / "data" / "conformance" / "nam_official"
CASES = json.loads((GOLDEN / "manifest.json").read_text())["cases"] if GOLDEN.exists() else []
NAM = [c for c in CASES if c["kind"] == "nam"]
NAMB = [c for c in CASES if c["kind"] == "namb"]
needs_shared = pytest.mark.skipif(not NAM, reason=f"no golden vectors: {GOLDEN} is absent")

OWN = {
    "a1": files.a1(), "a1_gated": files.a1(gated=True), "a1_relu": files.a1(activation="ReLU"), "a2": files.a2(),
    "everything": files.everything(), "no_post": files.everything(post=False, condition=False),
    "no_film": files.everything(films=()), "blended": files.everything(gating=("blended",) * 3),
    "lstm": files.lstm(), "convnet_bn": files.convnet(), "convnet": files.convnet(batchnorm=False),
    "linear": files.linear(), "linear_no_bias": files.linear(bias=False),
}  # fmt: skip


def load(obj, **more):
    return nam.read(json.dumps(obj).encode(), "test.nam", **({"warn": lambda text: None} | more))


def error_db(got, want):
    return 10 * np.log10(np.mean((got - want) ** 2) / np.mean(np.square(want)) + 1e-30)


def wav(path):
    import soundfile

    return soundfile.read(path, dtype="float64")[0]


# ---- against the equations, with files of our own ------------------------------------------------


@pytest.mark.parametrize("name", OWN)
def test_layers_are_the_equations_of_the_format(name):
    x = 0.5 * np.random.default_rng(9).standard_normal(300)
    want = files.Player(OWN[name]).play(x)[0]
    assert error_db(reference.render(load(OWN[name]), x), want) < -130


@pytest.mark.parametrize("name", OWN)
def test_the_core_plays_what_the_equations_say(name):
    x = (0.5 * np.random.default_rng(9).standard_normal(300)).astype(np.float32)
    want = files.Player(OWN[name]).play(x.astype(np.float64))[0]
    db = error_db(native.render(upm.dumps(load(OWN[name])), x, prewarm=0), want)
    assert db < -100, f"{name}: {db:.1f} dB"


def test_prewarm_is_what_the_player_runs():
    assert load(files.a1()).prewarm == 1 + 2 * (1 + 2 + 8)
    assert load(files.a2()).prewarm == 1 + 5 * 1 + 5 * 3 + 14 * 7 + 15
    taps = (2 + 3 + 6) + 1 + (1 + 2) + 2 * 2 + (1 + 2)
    assert load(files.everything(condition=False)).prewarm == 1 + taps
    assert load(files.everything()).prewarm == 24000 + taps
    assert load(files.convnet()).prewarm == 8
    assert load(files.linear()).prewarm == 0
    assert load(files.lstm()).prewarm == 24000


def test_lstm_without_a_rate_runs_one_sample_of_silence():
    obj, said = files.lstm(), []
    del obj["sample_rate"]
    model = load(obj, warn=said.append)
    assert (model.rate_hz, model.prewarm) == (48000, 1)
    assert len(said) == 1 and "48000" in said[0]


def test_a_container_gives_the_size_asked_for():
    obj = files.container(files.linear(taps=3), files.linear(taps=5), files.container(files.a1(), files.a2()))
    taps = [load(obj, size=size).layers[0].weight.shape[2] for size in ("lite", 0.3, 0.5)]
    assert taps == [3, 3, 5]
    wavenet = load(files.a2()).layers
    for size in (None, "full", "1", 1.0):
        assert len(load(obj, size=size).layers) == len(wavenet)


@pytest.mark.parametrize("size", ["large", -0.1, 1.5, "nan", "1e9"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(UpedalError, match="lite, full or a number from 0 to 1"):
        load(files.container(files.linear()), size=size)


def test_a_size_that_changes_nothing_is_said():
    said = []
    load(files.a1(), size="lite", warn=said.append)
    assert any("one size" in text for text in said)


def test_slicing_keeps_the_first_rows_and_columns():
    full = files.a1(channels=(4,), dilations=((1, 2),))
    full["config"]["layers"][0]["slimmable"] = {
        "method": "slice_channels_uniform", "kwargs": {"allowed_channels": [2, 4]},
    }  # fmt: skip
    big, small = load(full), load(full, size=0)
    assert [layer.weight.shape for layer in small.layers if hasattr(layer, "weight")][:3] == [(2, 1, 1), (2, 2, 3), (2, 2, 1)]
    for a, b in zip(big.layers, small.layers, strict=True):
        if hasattr(a, "weight"):
            cut = tuple(slice(n) for n in b.weight.shape)
            assert np.array_equal(a.weight[cut], b.weight)
    assert len(load(full, size=1).layers[0].weight) == 4


def test_metadata_travels():
    metadata = {
        "name": "Plexi", "modeled_by": "Ann", "gear_make": "Marshall", "gear_model": "1959", "gear_type": "amp",
        "tone_type": "crunch", "loudness": -18.5, "input_level_dbu": 12.25, "output_level_dbu": 3,
        "training": {"validation_esr": 0.01}, "date": None,
    }  # fmt: skip
    model = load(files.a1(metadata=metadata))
    want = {"name": "Plexi", "author": "Ann", "gear": "Marshall 1959", "gear_type": "amp", "tone_type": "crunch",
            "validation_esr": "0.01"}  # fmt: skip
    assert want.items() <= model.meta.items()
    assert (model.loudness_db, model.input_dbu, model.output_dbu) == (-18.5, 12.25, 3.0)


def test_the_file_s_own_weight_count_is_kept():
    assert load(files.a1()).meta["source"] == f"NAM 0.5.4 WaveNet, {len(files.a1()['weights'])} weights"


def test_a_small_size_does_not_get_the_large_one_s_loudness():
    obj = files.container(files.a1(), files.a2()) | {"metadata": {"name": "both", "loudness": -3.0}}
    assert load(obj, size="lite").loudness_db is None
    assert load(obj, size="lite").meta["name"] == "both"
    assert load(obj).loudness_db == -3.0


# ---- what is refused -----------------------------------------------------------------------------


def changed(obj, path, value):
    """A copy with one field replaced (value ...: removed)."""
    obj = at = copy.deepcopy(obj)
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return obj


FIRST = ("config", "layers", 0)
REFUSED = {
    "too few weights": (("weights",), files.a1()["weights"][:-1], "197 weights; expected 198"),
    "left-over weights": (("weights",), files.a1()["weights"] + [0.0], "199 weights; expected 198"),
    "NaN": (("weights", 0), float("nan"), "finite"),
    "infinite": (("weights", 0), 1e39, "finite"),
    "old": (("version",), "0.4.9", "expected 0.5.0 to 0.7.x"),
    "new": (("version",), "0.8.0", "expected 0.5.0 to 0.7.x"),
    "no version": (("version",), "1.x", "three numbers"),
    "architecture": (("architecture",), "Wavenet", "expected one of Linear"),
    "null rate": (("sample_rate",), None, "sample_rate"),
    "odd rate": (("sample_rate",), 44100.5, "1000 to 384000"),
    "stereo": (("config", "in_channels"), 2, "mono"),
    "two outputs": ((*FIRST, "head_size"), 3, "head sum"),
    "condition": ((*FIRST, "condition_size"), 2, "condition_size"),
    "activation": ((*FIRST, "activation"), "Softsigmoid", "Softsigmoid"),
    "no kernel": ((*FIRST, "kernel_size"), ..., "kernel_size"),
    "both kernels": ((*FIRST, "kernel_sizes"), [3, 3], "expected one of"),
    "kernel list": ((*FIRST, "dilations"), [], "dilations"),
    "groups": ((*FIRST, "groups_input"), 3, "groups"),
    "huge": ((*FIRST, "channels"), 10**9, "1 to 256"),
    "huge dilation": ((*FIRST, "dilations", 0), 2**31, "1 to 65535"),
    "film": ((*FIRST, "head1x1_post_film"), {"active": True}, "head1x1"),
    "bottleneck": ((*FIRST, "bottleneck"), 3, "weights"),
    "wide film": ((*FIRST, "conv_pre_film"), {"groups": 300}, "1 to 256"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_played_is_refused_by_name(name):
    path, value, says = REFUSED[name]
    with pytest.raises(UpedalError, match=r"(?s)^test\.nam.*" + says):
        load(changed(files.a1(), path, value))


def test_multi_channel_output_is_refused():
    with pytest.raises(UpedalError, match="2 outputs; expected 1"):
        load(files.lstm(out_channels=2))


def test_a_newer_minor_version_is_warned_of():
    said = []
    load(files.a1() | {"version": "0.7.3"}, warn=said.append)
    assert any("0.7.3" in text for text in said)


def test_rates_of_a_condition_and_of_sub_models_must_agree():
    inner = files.everything()
    inner["config"]["condition_dsp"]["sample_rate"] = 44100
    with pytest.raises(UpedalError, match="condition_dsp: sample_rate 44100; expected 48000"):
        load(inner)
    with pytest.raises(UpedalError, match="expected 48000, the container's"):
        load(files.container(files.a1() | {"sample_rate": 44100}))


def test_more_layers_than_a_upm_holds_are_refused():
    with pytest.raises(UpedalError, match="more than 256"):
        load(files.a1(channels=(1,), dilations=((1,) * 120,)))


def test_detecting_needs_the_content():
    assert nam.detect(json.dumps(files.a1()).encode(), "x.json")
    assert nam.detect(b'{"architecture": 1, "config": 2}', "x.nam")
    assert not nam.detect(b'{"model_data": {}, "state_dict": {}}', "x.nam")
    assert not nam.detect(b"UPMD" + bytes(100), "x.nam")


# ---- hostile files -------------------------------------------------------------------------------

_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 300), st.sampled_from([2**31, 2**63, 10**40, -1, 0, 65535, 65536]),
    st.floats(), st.text(max_size=5), st.just("\ud800"), st.lists(st.integers(-2, 9), max_size=4), st.just({}), st.just([[]] * 3),
    st.sampled_from(["Tanh", "PReLU", "gated", {"type": "PReLU", "negative_slopes": [1]}, {"active": True, "groups": 1}]),
)  # fmt: skip


def _paths(value, path=()):
    """Every place in a JSON value; of long lists the ends."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if not isinstance(value, list) or key < 3 or key == len(value) - 1:
            found += _paths(inner, (*path, key))
    return found


_SLIMMABLE = files.a1(channels=(4,), dilations=((1, 2),), metadata={"name": "n", "loudness": -3, "training": {}})
_SLIMMABLE["config"]["layers"][0]["slimmable"] = {
    "method": "slice_channels_uniform", "kwargs": {"allowed_channels": [1, 4]},
}  # fmt: skip
_VICTIMS = {
    "a1": files.a1(gated=True), "slimmable": _SLIMMABLE, "everything": files.everything(), "lstm": files.lstm(), "convnet": files.convnet(),
    "linear": files.linear(), "container": files.container(files.linear(), files.a2()),
}  # fmt: skip


def _survives(read):
    start = time.perf_counter()
    try:
        model = read()
        upm.dumps(model)
    except UpedalError as e:
        assert str(e)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("name", _VICTIMS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_mutated_file_is_played_or_refused_in_a_second(name, data):
    obj = copy.deepcopy(_VICTIMS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(_paths(obj)))
        obj = changed(obj, path, data.draw(st.one_of(st.just(...), _ODD)))
    size = data.draw(st.sampled_from([None, "lite"]))
    _survives(lambda: nam.read(json.dumps(obj).encode(), "x.nam", size=size, warn=lambda text: None))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.integers(0, 2000))
def test_bytes_that_are_no_json_are_refused(junk, at):
    data = json.dumps(files.a1()).encode()
    _survives(lambda: nam.read(data[:at] + junk + data[at + len(junk) :], "x.nam", warn=lambda text: None))


def test_deep_files_and_giant_nets_are_refused_at_once():
    deep = b'{"architecture":"SlimmableContainer","weights":[],"config":' + b"[" * 100000
    giant = files.a1(channels=(2,), dilations=((1,),))
    giant["config"]["layers"][0] |= {"channels": 256, "dilations": [65535] * 250, "kernel_size": 65535}
    depthwise = files.a1(channels=(2,), dilations=((1,),))
    depthwise["config"]["layers"][0] |= {"channels": 256, "dilations": [1] * 80, "groups_input": 256, "kernel_size": 20}
    nest = files.linear()
    for _ in range(40):
        nest = files.container(nest)
    for data in (deep, *(json.dumps(o).encode() for o in (giant, depthwise, nest))):
        start = time.perf_counter()
        with pytest.raises(UpedalError):
            nam.read(data, "x.nam", warn=lambda text: None)
        assert time.perf_counter() - start < 1.0


def _sealed(blob):
    return blob[:24] + struct.pack("<I", zlib.crc32(blob[28:], zlib.crc32(blob[:24]))) + blob[28:]


@pytest.mark.parametrize("name", ["a1", "no_post", "lstm", "convnet", "linear"])
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_mutated_namb_is_played_or_refused_in_a_second(name, data):
    blob = bytearray(_namb(name))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, min(len(blob) - 1, 500)))
        blob[at] = data.draw(st.sampled_from([0, 1, 2, 3, 4, 127, 128, 255]))
    blob = bytes(blob[: data.draw(st.one_of(st.just(len(blob)), st.integers(0, len(blob))))])
    blob = _sealed(blob) if len(blob) >= 28 else blob
    _survives(lambda: namb.read(blob, "x.namb", warn=lambda text: None))


def _namb(name):
    obj = files.everything(post=False, condition=True) if name == "no_post" else OWN[name]
    if name == "no_post":
        obj["config"]["layers"][1]["head"]["head_dilation"] = 1
    return namb.write(load(obj), "x.namb", warn=lambda text: None)


def test_a_damaged_namb_is_refused():
    blob = bytearray(_namb("a1"))
    blob[-1] ^= 1
    with pytest.raises(UpedalError, match="checksum"):
        namb.read(bytes(blob), "x.namb")
    with pytest.raises(UpedalError, match="expected .*as its header says"):
        namb.read(bytes(blob[:-4]), "x.namb")


# ---- against the original player -----------------------------------------------------------------


def _title(case):
    return case["file"].split("/")[-1] + (f"@{case['slim']:g}" if "slim" in case else "")


def _golden(case, grade):
    """(error in dB, the model) of a golden .nam case."""
    data = (GOLDEN / case["file"]).read_bytes()
    model = nam.read(data, case["file"], size=case.get("slim"), warn=lambda text: None)
    model.grade = grade
    x = wav(GOLDEN / "input.wav").astype(np.float32)
    got = native.render(upm.dumps(model), x, prewarm=case["prewarm_zeros"]).astype(np.float64)
    want = wav(GOLDEN / case["expected"])
    if grade == "accurate":
        assert np.max(np.abs(got - want)) <= case["suggested_max_abs_tolerance"], case["file"]
    return error_db(got, want), model


@needs_shared
def test_every_golden_file_sounds_as_in_the_player():
    found = {_title(case): _golden(case, "accurate")[0] for case in NAM}
    print("\nworst:", *max((db, name) for name, db in found.items()))
    assert len(found) == len(NAM)
    assert {name: db for name, db in found.items() if db > -100} == {}


@needs_shared
def test_fast_activations_stay_below_60_db_in_every_golden_file():
    found = {_title(case): _golden(case, "fast")[0] for case in NAM}
    print("\nworst:", *max((db, name) for name, db in found.items()))
    assert {name: db for name, db in found.items() if db > -75} == {}


@needs_shared
def test_every_golden_namb_sounds_as_in_the_player():
    by_sound = {c["expected"]: c["prewarm_zeros"] for c in NAM}
    x = wav(GOLDEN / "input.wav").astype(np.float32)
    assert NAMB
    for case in NAMB:
        data = (GOLDEN / case["file"]).read_bytes()
        assert namb.detect(data, "")
        model = namb.read(data, case["file"], warn=lambda text: None)
        got = native.render(upm.dumps(model), x, prewarm=by_sound[case["same_sound_as"]])
        db = error_db(got, wav(GOLDEN / case["same_sound_as"]))
        assert db < -100, f"{case['file']}: {db:.1f} dB"


SIZES = {  # file: weights of the file, receptive field, MACs here (the unheard last 1x1 is not computed)
    "a1_standard": (13802, 4093, 13257), "a1_lite_synth": (6554, 4093, 6193), "a1_feather": (3026, 4093, 2793),
    "a1_nano": (842, 4093, 729), "a2_lite": (1871, 6347, 1723), "a2_full": (12146, 6347, 11713),
}  # fmt: skip


@needs_shared
@pytest.mark.parametrize("name", SIZES)
def test_the_named_sizes_have_the_sheet_s_numbers(name):
    weights, field, macs = SIZES[name]
    model = nam.read((GOLDEN / "nam" / f"{name}.nam").read_bytes(), name, warn=lambda text: None)
    assert upm.receptive_field(model) == field == model.prewarm
    assert model.meta["source"].endswith(f"{weights} weights")
    assert sum(upm.macs(layer) for layer in model.layers) == macs
    # Counted from the layers: without the last 1x1, with biases of zeros where the format has none.
    c = [layer.out for layer in model.layers if getattr(layer, "side", None) is not None][-1]
    unheard = c * c + c
    zeros = sum(layer.bias.size for layer in model.layers if hasattr(layer, "bias") and not layer.bias.any())
    assert sum(upm.parameters(layer) for layer in model.layers) == weights - unheard + zeros


@needs_shared
@pytest.mark.parametrize("path", sorted(MODELS.glob("*.nam")) if MODELS.exists() else [], ids=lambda p: p.stem)
def test_every_model_at_hand_loads(path):
    data = path.read_bytes()
    assert nam.detect(data, path.name)
    upm.dumps(nam.read(data, path.name, warn=lambda text: None))


def _official():
    """(file, size, expected) of the recorded outputs; a sub-model by the middle of its range."""
    for expected in sorted(OFFICIAL.glob("*.wav")) if OFFICIAL.exists() else []:
        stem, _, sub = expected.stem.partition("__sub")
        path = MODELS / f"{stem}.nam"
        if path.exists():
            size = None
            if sub:
                entries = json.loads(path.read_text())["config"]["submodels"]
                low = entries[int(sub) - 1]["max_value"] if int(sub) else 0.0
                size = (low + entries[int(sub)]["max_value"]) / 2
            yield pytest.param(path, size, expected, id=expected.stem)


@needs_shared
@pytest.mark.parametrize("path, size, expected", list(_official()))
def test_other_recorded_outputs_agree(path, size, expected):
    model = nam.read(path.read_bytes(), path.name, size=size, warn=lambda text: None)
    if path.stem == "trainer_linear_10":  # recorded with the trainer, which reads the taps the other way round
        model.layers[0].weight = model.layers[0].weight[:, :, ::-1]
    x = wav(OFFICIAL / "input.wav").astype(np.float32)
    db = error_db(native.render(upm.dumps(model), x), wav(expected))
    print(f"\n{expected.stem}: {db:.1f} dB")
    assert db < -90, f"{expected.stem}: {db:.1f} dB"
