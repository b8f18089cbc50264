"""A q7 model as a folder for the accelerator: the same net, and a sample and answers that are the pedal's."""

import dataclasses

import numpy as np
import pytest
from upedal import ai8x, cli, dither, native, upm
from upedal import layers as L
from upedal import qlayers as Q
from upedal.convert import max78000
from upedal.errors import UpedalError

from tests.host.test_max78000 import paper_net, same
from tests.vectors import make

pytest.importorskip("torch")
pytest.importorskip("yaml")
C = round(0.9 * 32768)


def model(net, *, kind="shaped", seed=7, gain=1, shift=3, **changes):
    """Emphasis, dither, the net, de-emphasis, over alternating slots."""
    rate = 44100
    hp = dataclasses.astuple(dither.high_pass(rate)) if kind == "shaped" else (0, 0, 0)
    scale = 2.0**-14
    layers = [Q.QEmphasis(C, 2.0**-15), Q.QDither(net.inputs, kind, seed, hp, gain, src=1, dst=2)]
    for k, layer in enumerate(net.layers):
        layers.append(Q.Q7Conv1d(layer, scale if layer.wide else 2.0**-7, src=2 - k % 2, dst=1 + k % 2))
    layers.append(Q.QDeemphasis(C, shift, scale / 2**shift, src=layers[-1].dst, dst=3))
    return dataclasses.replace(Q.QModel(layers, np.array([32768.0]), rate, "q7"), **changes)


@pytest.mark.parametrize("channels", [1, 4, 16])
def test_the_folder_of_a_model_reads_back_as_its_net(channels, tmp_path):
    net = paper_net(channels)
    paths = max78000.write_model(model(net), tmp_path, "TS-9 (take 2)")
    assert tmp_path / "sample_ts_9_take_2.npy" in paths and len(paths) == 5
    assert same(max78000.read_checkpoint(tmp_path), net)
    assert max78000.from_model(model(net))[0].layers == net.layers


@pytest.mark.parametrize("deemphasis", [True, False])
def test_a_upm_of_the_model_gives_the_same_folder(deemphasis, tmp_path):
    made = model(paper_net(2))
    del made.layers[len(made.layers) - (not deemphasis) :]
    read = upm.loads(upm.dumps(made))
    for name, each in (("a", made), ("b", read)):
        max78000.write_model(each, tmp_path / name, "amp")
    # A .upm holds no absent biases: they are zeros there, which compute the same.
    assert (tmp_path / "a" / "sample_amp.npy").read_bytes() == (tmp_path / "b" / "sample_amp.npy").read_bytes()
    with np.load(tmp_path / "a" / "known_answer.npz") as a, np.load(tmp_path / "b" / "known_answer.npz") as b:
        assert all(np.array_equal(a[key], b[key]) for key in a.files)
        assert set(b.files) - set(a.files) == {"b4"}
    assert same(max78000.read_checkpoint(tmp_path / "b"), max78000.from_model(read)[0])


def test_the_command_fills_the_folder_and_refuses_a_float_model(tmp_path, capsys):
    upm.save(model(paper_net(4)), tmp_path / "DS-1.upm")
    upm.save(make.MODELS["gru4"], tmp_path / "float.upm")
    command = ["convert", str(tmp_path / "DS-1.upm"), str(tmp_path / "out"), "--to", "max78000"]
    assert cli.main(command) == 0
    assert (tmp_path / "out" / "sample_ds_1.npy").is_file() and "README.txt" in capsys.readouterr().out
    command[1:3] = [str(tmp_path / "float.upm"), str(tmp_path / "none")]
    assert cli.main(command) != 0
    assert "arithmetic f32; expected q7" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", dither.KINDS)
@pytest.mark.parametrize("gain", [0, 2])
def test_sample_and_output_are_the_definitions_word_by_word(kind, gain, tmp_path):
    """models/SPEC.md in plain whole numbers, frame by frame."""
    net, seed, shift = paper_net(3), 0xFFFFFFFF, 5
    max78000.write_model(model(net, kind=kind, seed=seed, gain=gain, shift=shift), tmp_path, "amp")
    with np.load(tmp_path / "known_answer.npz") as values:
        v = dict(values)
    audio, sample = v["audio"].tolist(), np.load(tmp_path / "sample_amp.npy")
    assert np.array_equal(v["x"], sample) and len(audio) == sample.shape[1] == 704
    assert max(map(abs, audio)) > 8000, "the sample should be a loud part"
    before = [0, *audio[:-1]]
    emphasised = [limit(x - ((C * p + 16384) >> 15), 15) for x, p in zip(audio, before)]
    assert v["emphasised"].tolist() == emphasised
    for channel, s in enumerate(dither.starts(seed, 3).tolist()):
        noise = Noise(s, kind)
        want = [limit((64 * (e << gain) + noise() + 8192) >> 14, 7) for e in emphasised]
        assert sample[channel].tolist() == want, channel
    y, output = 0, []
    for z in v["out9"][0].tolist():
        y = limit((z << shift) + ((C * y + 16384) >> 15), 31)
        output.append(y)
    assert v["output"].tolist() == output and len(output) == 192 and len(set(output)) > 50


@pytest.mark.parametrize("channels", [1, 16])
def test_the_kernels_play_the_known_answer_of_the_sample(channels, tmp_path):
    """The .upm in C over the sample's audio. It starts from histories of zeros: 512 frames later that is over."""
    made = model(paper_net(channels), gain=2)
    made.layers.pop()  # the sums themselves
    max78000.write_model(made, tmp_path, "amp")
    with np.load(tmp_path / "known_answer.npz") as v:
        audio, want = v["audio"] / np.float32(32768), v["out9"][0]
    played = native.render(upm.dumps(made), audio, prewarm=0)[512:] * np.float32(2**14)
    assert np.array_equal(played, want) and len(np.unique(want)) > 50


def limit(v, bits):
    return max(-(1 << bits), min((1 << bits) - 1, v))


class Noise:
    def __init__(self, s, kind):
        self.s, self.kind, self.t, self.y = s, kind, [0, 0], [0, 0]

    def __call__(self):
        s = self.s
        s ^= s << 13 & 0xFFFFFFFF
        s ^= s >> 17
        s ^= s << 5 & 0xFFFFFFFF
        self.s, t = s, (s >> 18) - (s & 16383)
        hp = dither.high_pass(44100)
        y = hp.b * (t - 2 * self.t[0] + self.t[1]) - hp.a1 * self.y[0] - hp.a2 * self.y[1]
        y = limit((y + 8192) >> 14, 15)
        self.t, self.y = [t, self.t[0]], [y, self.y[0]]
        return {"none": 0, "white": t, "shaped": 2 * y}[self.kind]


def test_readme_states_what_the_program_computes_around_the_accelerator(tmp_path):
    net = paper_net(16)
    max78000.write_model(model(net, prewarm=1024), tmp_path, "amp")
    text = (tmp_path / "README.txt").read_text()
    first = f"{dither.starts(7, 16)[0]:08x}"
    for words in (
        "at 44100 Hz", "floor(audio * 32768 + 0.5)", "C = 29491 (0.9000)", "16 channels", "(e << 1)", "seed 7", first,
        "B = 1385, A1 = 16812, A2 = 5968", "one unit of z is 6.10351562e-05", "(z[t] << 3)", "7.62939453e-06 * y",
        "1024 frames of silence", "z below, 32-bit sums", "last 704 frames", "the first 512 frames may differ",
    ):  # fmt: skip
        assert words in text, words
    assert f"{dither.starts(7, 16)[15]:08x}" in text


def test_dither_off_and_no_emphasis_are_said_and_done(tmp_path):
    net = paper_net(2)
    plain = model(net, kind="none", gain=0)
    middle = plain.layers[1:-1]
    middle[0] = dataclasses.replace(middle[0], src=0)
    max78000.write_model(dataclasses.replace(plain, layers=middle), tmp_path, "x")
    text = (tmp_path / "README.txt").read_text()
    assert "none: e = x" in text and "none: y = z" in text and "d = 0" in text and "seed" not in text
    with np.load(tmp_path / "known_answer.npz") as v:
        assert np.array_equal(v["audio"], v["emphasised"]) and np.array_equal(v["output"], v["out9"][0])
        assert np.array_equal(v["x"][0], v["x"][1]) and v["x"].max() > 20


def wrong(change):
    """A model whose layers were changed in place."""
    made = model(paper_net(2))
    change(made.layers)
    return made


@pytest.mark.parametrize(
    "bad,words",
    [
        (lambda: make.MODELS["gru4"], "amp.upm: arithmetic f32; expected q7 for the MAX78000: train one with the recipe tinyml-q7"),
        (lambda: model(paper_net(2), arithmetic="q15"), "amp.upm: arithmetic q15; expected q7"),
        (lambda: model(paper_net(2), units=np.ones(3)), "amp.upm: 2 knobs; expected none"),
        (lambda: wrong(lambda layers: layers.pop(1)), "amp.upm: layer 1 is Q7Conv1d of slot 2; expected a chain of emphasis, "),
        (lambda: wrong(lambda layers: layers.append(Q.QAdd(1, 2, 3, 1.0))), "layer 13 is QAdd"),
        (lambda: wrong(lambda layers: layers.insert(1, layers[0])), "layer 1 is QEmphasis"),
        (lambda: wrong(lambda layers: setattr(layers[3], "src", 2)), "layer 3 is Q7Conv1d of slot 2"),
        (lambda: wrong(lambda layers: layers.__delitem__(slice(2, None))), "no conv1d of q7; expected one"),
    ],
)  # fmt: skip
def test_a_model_that_the_accelerator_cannot_run_is_refused(bad, words, tmp_path):
    with pytest.raises(UpedalError) as caught:
        max78000.write_model(bad(), tmp_path / "out", "x", where="amp.upm")
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_float_model_is_named_by_its_arithmetic_even_without_one():
    with pytest.raises(UpedalError, match="arithmetic f32"):
        max78000.from_model(L.Model([], 48000))


def test_a_window_shrinks_to_what_the_accelerator_holds(tmp_path):
    rng = np.random.default_rng(0)
    weight = rng.integers(-99, 99, (1, 1, 2)).astype(np.int8)
    net = ai8x.Net([ai8x.Layer(weight, dilation=900, wide=True)])
    max78000.write_model(model(net), tmp_path, "x")
    assert np.load(tmp_path / "sample_x.npy").shape == (1, 1024)


@pytest.mark.parametrize(
    "text,name",
    [("TS-9", "ts_9"), ("808", "net_808"), ("__", "net"), ("Größe", "gr_e"), ("a" * 40, "a" * 32)],
)
def test_any_text_makes_a_name_for_a_program(text, name):
    assert max78000.program_name(text) == name
