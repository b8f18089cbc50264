"""The folder for the accelerator's tool chain: against the golden one, and what is refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from upedal import ai8x
from upedal.convert import max78000, max78000_layout
from upedal.errors import UpedalError

torch = pytest.importorskip("torch")
yaml = pytest.importorskip("yaml")

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "formats" / "golden" / "ai8x"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason=f"no golden vectors: {GOLDEN} is absent"
)
CASES = ("ai8x_tinyguitar_8bit", "ai8x_tinyguitar_mixed")


def conv(out, channels, taps, seed=0, *, bits=8, bias=True, **more):
    rng = np.random.default_rng(seed)
    low, high = ai8x.weight_range(bits)
    weight = rng.integers(low, high + 1, (out, channels, taps)).astype(np.int8)
    return ai8x.Layer(
        weight, rng.integers(-128, 128, out).astype(np.int8) if bias else None, bits, **more
    )


def trained(rng, out, channels, taps, bits=8, bias=True, **more):
    """Weights as training leaves them: the signal keeps its size through the layer."""
    weight = rng.normal(0, (2 / channels / taps) ** 0.5, (out, channels, taps))
    w, b, shift = ai8x.quantise(weight, rng.normal(0, 0.05, out) if bias else None, bits)
    return ai8x.Layer(w, b, bits, shift, **more)


def paper_net(channels=16, hidden=24):
    """The 8-bit guitar net's shape, with narrower weights in some layers and one without bias."""
    rng = np.random.default_rng(2)
    layers = [trained(rng, hidden, channels, 3)]
    for k, bits in enumerate((1, 8, 4, 8, 8, 2, 8, 8)):
        layers.append(trained(rng, hidden, hidden, 3, bits, k != 3, dilation=2**k, relu=True))
    return ai8x.Net([*layers, trained(rng, 1, hidden, 1, wide=True)])


def same(a, b):
    assert len(a.layers) == len(b.layers)
    for k, (x, y) in enumerate(zip(a.layers, b.layers)):
        assert np.array_equal(x.weight, y.weight) and x.weight.dtype == y.weight.dtype, (
            f"layer {k}"
        )
        assert (x.bias is None) == (y.bias is None), f"layer {k}"
        assert x.bias is None or np.array_equal(x.bias, y.bias), f"layer {k}"
        for what in ("weight_bits", "output_shift", "dilation", "relu", "wide"):
            assert getattr(x, what) == getattr(y, what), f"layer {k}: {what}"
    return True


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_golden_checkpoint_read_computes_the_golden_output(case):
    net = max78000.read_checkpoint(GOLDEN / case)
    with np.load(GOLDEN / case / "golden.npz") as values:
        assert np.array_equal(ai8x.run(net, values["x"]), values["out9"])
        for k, layer in enumerate(net.layers):
            assert np.array_equal(layer.weight, values[f"w{k}"])
            assert (layer.bias is None) == (f"b{k}" not in values)


@needs_golden
@pytest.mark.parametrize("case", CASES)
def test_golden_net_written_again_has_the_same_tensors_yaml_and_known_answer(case, tmp_path):
    source = GOLDEN / case
    sample = np.load(source / "sample_tinyguitar.npy")
    net = max78000.read_checkpoint(source / "net-q.pth.tar")
    max78000.write_folder(net, tmp_path, "tinyguitar", sample.astype(np.int8))
    ours, theirs = (torch.load(p / "net-q.pth.tar", weights_only=True) for p in (tmp_path, source))
    assert (ours["epoch"], ours["arch"]) == (theirs["epoch"], theirs["arch"])
    assert list(ours["state_dict"]) == list(theirs["state_dict"])
    for key, tensor in theirs["state_dict"].items():
        made = ours["state_dict"][key]
        assert made.dtype == tensor.dtype and torch.equal(made, tensor), key
    ours, theirs = (yaml.safe_load((p / "network.yaml").read_text()) for p in (tmp_path, source))
    assert ours == theirs
    written = np.load(tmp_path / "sample_tinyguitar.npy")
    assert written.dtype == np.int64 and np.array_equal(written, sample)
    with np.load(tmp_path / "known_answer.npz") as got, np.load(source / "golden.npz") as want:
        assert sorted(got.files) == sorted(want.files)
        for name in want.files:
            assert got[name].dtype == want[name].dtype and np.array_equal(got[name], want[name]), (
                name
            )


def test_what_is_written_reads_back_as_the_same_net(tmp_path):
    net = paper_net()
    paths = max78000.write_folder(net, tmp_path / "new" / "folder", "amp_1")
    assert sorted(p.name for p in paths) == [
        "README.txt", "known_answer.npz", "net-q.pth.tar", "network.yaml", "sample_amp_1.npy",
    ]  # fmt: skip
    assert (
        all(p.is_file() for p in paths) and len(list((tmp_path / "new" / "folder").iterdir())) == 5
    )
    assert same(max78000.read_checkpoint(tmp_path / "new" / "folder"), net)


def test_the_checkpoint_holds_biases_and_shifts_as_the_tools_take_them(tmp_path):
    net = ai8x.Net([conv(2, 1, 1, bits=4, output_shift=-3), conv(1, 2, 1, bias=False)])
    max78000.write_folder(net, tmp_path, "x")
    content = torch.load(tmp_path / "net-q.pth.tar", weights_only=True)
    state = content["state_dict"]
    assert content["arch"] == "ai85x" and content["epoch"] == 0
    assert state["conv0.op.bias"].tolist() == (8.0 * net.layers[0].bias).tolist()
    assert "conv1.op.bias" not in state
    assert [state[f"conv0.{key}"].tolist() for key in ("weight_bits", "output_shift")] == [
        [4.0],
        [-3.0],
    ]
    assert all(tensor.is_floating_point() for tensor in state.values())


def test_known_answer_and_default_sample_give_192_outputs_that_streaming_gives_too(tmp_path):
    net = paper_net()
    max78000.write_folder(net, tmp_path, "amp")
    sample = np.load(tmp_path / "sample_amp.npy")
    assert sample.shape == (16, 704) and sample.min() == -128 and sample.max() == 127
    with np.load(tmp_path / "known_answer.npz") as values:
        want = values["out9"]
        assert np.array_equal(values["x"], sample)
    assert want.shape == (1, 192) and len(np.unique(want)) > 20
    assert np.array_equal(ai8x.Stream(net).process(sample.astype(np.int8))[:, 512:], want)


def test_yaml_states_each_layer_and_leaves_room_before_dilated_outputs(tmp_path):
    net = paper_net(4, 32)
    max78000.write_folder(net, tmp_path, "amp")
    rows = yaml.safe_load((tmp_path / "network.yaml").read_text())["layers"]
    assert [row["processors"] for row in rows] == [0xF] + [0xFFFFFFFF] * 9
    assert [row.get("dilation", 1) for row in rows] == [1, 1, 2, 4, 8, 16, 32, 64, 128, 1]
    assert [row.get("quantization", 8) for row in rows] == [
        layer.weight_bits for layer in net.layers
    ]
    assert [row.get("activate") for row in rows] == [None] + ["ReLU"] * 8 + [None]
    assert all(row["pad"] == 0 and row["operation"] == "Conv1d" for row in rows)
    assert [row["kernel_size"] for row in rows] == [3] * 9 + [1]
    assert [row.get("output_width", 8) for row in rows] == [8] * 9 + [32]
    source = 0
    for row in rows:
        assert row["out_offset"] >= 4 * row.get("dilation", 1) and row["out_offset"] != source
        source = row["out_offset"]


@pytest.mark.parametrize("dilation", [5, 100, 1023])
def test_no_layer_writes_where_it_reads_or_outside_its_memory(dilation):
    """The longest windows there are; extents as the sheet of the accelerator states them."""
    taps = 3 if dilation < 500 else 2
    net = ai8x.Net(
        [conv(4, 4, taps, dilation=dilation) for _ in range(1 if dilation > 500 else 3)]
    )
    for layer, (frames, made, source, target) in zip(net.layers, max78000.plan(net, 1024)):
        first = target - (4 * dilation if (taps - 1) * dilation >= 9 else 0)
        assert first >= source + 4 * frames or target + 4 * frames <= source
        assert 0 <= first and target + 4 * frames <= 32768
        assert made == frames - layer.history


def test_overlap_is_noticed():
    layer = conv(1, 1, 3, dilation=128)
    with pytest.raises(UpedalError, match="layer 5: writes bytes -512 to 2560 of 32768"):
        max78000_layout._check_memory("layer 5", layer, 704, 448, 0x4000, 0)
    with pytest.raises(UpedalError, match="reads 8192 to 11008; expected no overlap"):
        max78000_layout._check_memory("layer 5", layer, 704, 448, 0x2000, 0x2A00)


def test_weight_memory_of_the_papers_net_is_what_the_vendors_tool_reported():
    layers = [conv(24, 16, 3)] + [conv(24, 24, 3, dilation=2**k, relu=True) for k in range(8)]
    layers.append(conv(1, 24, 1, wide=True))
    assert [max78000_layout._slots(layer) for layer in layers] == [8, 8, 14, 24, 24, 24, 24, 24, 24, 1]
    assert sum(max78000_layout.weight_bytes(layer) for layer in layers) == 36888


def test_readme_says_the_windows_the_command_and_the_meaning_of_the_result(tmp_path):
    net = paper_net()
    shift = net.layers[-1].output_shift
    max78000.write_folder(net, tmp_path, "amp")
    text = (tmp_path / "README.txt").read_text()
    for words in (
        "last 704 frames", "each 192 new frames", "512 frames are loaded again", "--device MAX78000 --compact-data",
        "--prefix amp ", "sample_amp.npy", "sum / 16384", f"times 2^({shift})", "receptive field 513",
    ):  # fmt: skip
        assert words in text, words
    max78000.write_folder(ai8x.Net([conv(1, 1, 3)]), tmp_path, "plain", np.zeros((1, 50), np.int8))
    text = (tmp_path / "README.txt").read_text()
    assert (
        "last 50 frames" in text and "each 48 new frames" in text and "int8, value / 128" in text
    )


def deep(count):
    return ai8x.Net([conv(1, 1, 1) for _ in range(count)])


@pytest.mark.parametrize(
    "net,frames,words",
    [
        (lambda: deep(33), 50, "net: layers 33; expected 1 to 32"),
        (lambda: ai8x.Net([conv(4, 65, 3)]), 50, "layer 0: channels in 65; expected 1 to 64"),
        (lambda: ai8x.Net([conv(65, 4, 3)]), 50, "layer 0: channels out 65; expected 1 to 64"),
        (lambda: ai8x.Net([conv(17, 4, 3, wide=True)]), 50, "layer 0: channels out 17; expected 1 to 16"),
        (lambda: ai8x.Net([conv(1, 1, 4, dilation=2)]), 50, "taps at dilation 2 4; expected 1 to 3"),
        (lambda: ai8x.Net([conv(1, 1, 3)]), 1025, "frames 1025; expected 3 to 1024"),
        (lambda: ai8x.Net([conv(1, 1, 3, dilation=64)]), 128, "frames 128; expected 129 to 1024"),
        (lambda: ai8x.Net([conv(64, 64, 9) for _ in range(13)]), 200, "weight slots a processor 832; expected 1 to 768"),
        (lambda: ai8x.Net([conv(64, 16, 1)] + [conv(16, 64, 1), conv(64, 16, 1)] * 8), 50, "group 0 576"),
    ],
)  # fmt: skip
def test_a_net_beyond_the_hardware_is_refused_and_the_message_says_what(net, frames, words):
    with pytest.raises(UpedalError) as caught:
        made = net()
        # Only layers of 16 inputs are tied to the first group's bias memory.
        if "group 0" in words:
            made = ai8x.Net(
                [
                    layer if layer.weight.shape[1] <= 16 else unbiased(layer)
                    for layer in made.layers
                ]
            )
        max78000.plan(made, frames)
    assert words in str(caught.value)


def unbiased(layer):
    return ai8x.Layer(layer.weight, None, layer.weight_bits, layer.output_shift, layer.dilation)


def test_narrow_weights_fit_where_wide_ones_do_not():
    net = ai8x.Net([conv(64, 64, 9, bits=4, output_shift=-4) for _ in range(13)])
    assert len(max78000.plan(net, 200)) == 13


@pytest.mark.parametrize(
    "name,sample,words",
    [
        ("Big Muff", None, "no name for a C program"),
        ("../up", None, "no name for a C program"),
        ("amp", np.zeros((3, 704), np.int8), r"int8 \[3, 704\]; expected int8 \[16\]"),
        ("amp", np.zeros((16, 704)), r"float64 \[16, 704\]"),
        ("amp", np.zeros((16, 100), np.int8), "frames 100; expected 513 to 1024"),
    ],
)
def test_a_bad_name_or_sample_is_refused_and_nothing_written(name, sample, words, tmp_path):
    with pytest.raises(UpedalError, match=words):
        max78000.write_folder(paper_net(), tmp_path / "out", name, sample)
    assert not (tmp_path / "out").exists()


# ---- hostile and foreign folders -----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    max78000.write_folder(ai8x.Net([conv(2, 1, 3, relu=True), conv(1, 2, 1)]), tmp_path, "x")
    return tmp_path


def change_tensors(folder, changes):
    path = folder / "net-q.pth.tar"
    content = torch.load(path, weights_only=True)
    for key, value in changes.items():
        if value is None:
            del content["state_dict"][key]
        else:
            content["state_dict"][key] = value
    torch.save(content, path)


@pytest.mark.parametrize(
    "changes,words",
    [
        (
            {"conv0.op.weight": torch.full((2, 1, 3), 0.5)},
            "conv0.op.weight: numbers that are not whole",
        ),
        ({"conv0.op.weight": torch.full((2, 1, 3), 128.0)}, "128 to 128; expected -128 to 127"),
        ({"conv0.op.weight": torch.full((2, 1, 3), float("nan"))}, "not whole"),
        ({"conv0.op.weight": torch.ones(2)}, "weights of 1 dimensions"),
        (
            {"conv0.op.weight": torch.ones(2, 1, 3, dtype=torch.complex64)},
            "'conv0.op.weight' is no tensor of",
        ),
        ({"conv0.op.weight": torch.ones(1).expand(2, 1, 3)}, "larger than what is stored"),
        ({"conv0.op.bias": torch.full((2,), 128.0 * 128)}, "conv0.op.bias: 128 to 128"),
        ({"conv0.op.bias": torch.zeros(3)}, r"conv0: layer: expected a bias of int8 \[2\]"),
        ({"conv0.weight_bits": torch.tensor([3.0])}, "weights of 3 bits"),
        (
            {"conv0.weight_bits": torch.tensor([4.0]), "conv0.op.bias": torch.zeros(2)},
            "4-bit weight",
        ),
        ({"conv0.output_shift": torch.tensor([99.0])}, "total shift"),
        ({"conv0.output_shift": torch.tensor([0.5])}, "no whole number"),
        ({"conv1.op.weight": None}, "2 layers; expected 1"),
        ({"conv1.op.weight": torch.ones(1, 3, 1)}, "processors 3; expected 3 bits set"),
        ({"conv0.op.weight": "text"}, "'conv0.op.weight' is no tensor of"),
    ],
)
def test_a_wrong_tensor_is_named(folder, changes, words):
    change_tensors(folder, changes)
    with pytest.raises(UpedalError, match=words):
        max78000.read_checkpoint(folder)


@pytest.mark.parametrize(
    "old,new,words",
    [
        ("pad: 0", "pad: 1", "layer 0: pad 1; expected 0"),
        ("    pad: 0\n", "", "layer 0: pad 1; expected 0"),
        ("    kernel_size: 3\n", "", "layer 0: kernel_size 9; expected 3"),
        ("    operation: Conv1d\n", "", "layer 0: operation Conv2d; expected Conv1d"),
        ("activate: ReLU", "activate: Abs", "layer 0: activate Abs; expected ReLU"),
        ("activate: ReLU", "activate: ReLU\n    output_width: 32", "ReLU on a 32-bit output"),
        ("activate: ReLU", "output_width: 32", "layer 0 is wide"),
        ("activate: ReLU", "max_pool: 2", "layer 0: 'max_pool', which is not read here"),
        ("activate: ReLU", "dilation: many", "dilation many; expected a whole number"),
        ("arch: ai85x", "arch: ai85y", "arch 'ai85y'; expected 'ai85x'"),
        ("arch: ai85x", "nothing: 1", "no 'arch'"),
        ("layers:", "layers: [", "not YAML"),
        ("layers:", "others:", "a list 'layers'"),
    ],
)
def test_a_wrong_line_of_the_yaml_is_named(folder, old, new, words):
    path = folder / "network.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UpedalError, match=words):
        max78000.read_checkpoint(folder)


def test_yaml_settings_override_the_checkpoints(folder):
    path = folder / "network.yaml"
    path.write_text(
        path.read_text().replace("activate: ReLU", "activate: ReLU\n    output_shift: -2", 1)
    )
    assert [layer.output_shift for layer in max78000.read_checkpoint(folder).layers] == [-2, 0]


def test_bits_and_shift_have_the_tools_defaults(folder):
    before = max78000.read_checkpoint(folder)
    change_tensors(folder, {"conv0.weight_bits": None, "conv0.output_shift": None})
    assert same(max78000.read_checkpoint(folder), before)


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('ran')",))


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"PK\x03\x04 torn",
        lambda: saved({"epoch": 0, "state_dict": {"a": Evil()}}),
        lambda: saved([1, 2]),
        lambda: saved({"state_dict": {}}),
    ],
)
def test_what_is_no_checkpoint_is_refused_and_runs_nothing(folder, make):
    (folder / "net-q.pth.tar").write_bytes(make())
    with pytest.raises(UpedalError, match="net-q.pth.tar"):
        max78000.read_checkpoint(folder)


def saved(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_a_file_that_unpacks_to_too_much_is_refused(folder):
    path = folder / "net-q.pth.tar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("net/data/0", bytes(65 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UpedalError, match="bytes unpacked; expected at most"):
        max78000.read_checkpoint(path)


def test_a_missing_file_is_named(folder):
    (folder / "network.yaml").unlink()
    with pytest.raises(UpedalError, match="network.yaml: No such file"):
        max78000.read_checkpoint(folder)
    with pytest.raises(UpedalError, match="nowhere"):
        max78000.read_checkpoint(folder / "nowhere")
