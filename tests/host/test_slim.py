"""One net, two sizes: trained together, in one file, taken out on the host and on the pedal."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from pedal import Neural, store
from upedal import (
    audio,
    cli,
    convert,
    info,
    job,
    knobs,
    native,
    quant,
    recipe,
    synth,
    train,
    upm,
    upm_lite,
)
from upedal.captures import Capture, Captures
from upedal.errors import UpedalError

from tests.host import nam_files
from tests.host.test_upm import sealed
from tests.vectors import make

ARRAYS = "[{channels: 6, kernels: 3, dilations: [1, 2], head: 5}, {channels: 5, kernels: 3, dilations: [1, 8], head: 1}]"
NETS = {
    "gru": ["net=gru", "hidden=9"],
    "gru stack": ["net=gru", "hidden=6", "depth=2"],
    "lstm": ["net=lstm", "hidden=7"],
    "tcn": ["net=tcn", "channels=6", "dilations=[1,4]"],
    "tcn gated": ["net=tcn", "channels=6", "dilations=[1,4]", "activation=gated", "skip=false"],
    "tcn film": ["net=tcn", "channels=6", "dilations=[1,4]", "knob_input=film"],
    "wavenet": ["net=wavenet", f"arrays={ARRAYS}"],
    "wavenet gated": ["net=wavenet", "activation=gated", f"arrays={ARRAYS}"],
}
FULL, LITE = make.gru(1, 16, grade="fast"), make.gru(2, 8, grade="fast")


@pytest.fixture(autouse=True)
def one_thread():
    """Nets this small are slower on several threads, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def slim(name, knobs=0):
    torch.manual_seed(1)
    return recipe.load("gru-16", [*NETS[name], "slim=[4, 3]"]).build(knobs)


def signal(knobs, frames=150):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, frames, *([1 + knobs] if knobs else []), generator=generator)


# ---- the net -------------------------------------------------------------------------------------


@pytest.mark.parametrize("knobs", [0, 2])
@pytest.mark.parametrize("name", NETS)
def test_each_size_computes_in_training_what_it_does_alone(name, knobs):
    if name == "tcn film" and not knobs:
        knobs = 1
    net, x = slim(name, knobs), signal(knobs)
    outputs, state = net(x)
    later, _ = net(x, state)
    assert len(outputs) == 3 and net.sizes == (3, 4)
    for at, size in enumerate((None, 3, 4)):
        alone = net.sized(size)
        with torch.no_grad():
            first, kept = alone(x)
            second, _ = alone(x, kept)
        assert (outputs[at] - first).abs().max() < 1e-6, f"{name}, size {size}"
        assert (later[at] - second).abs().max() < 1e-6, f"{name}, size {size}: state"
    with torch.no_grad():
        assert torch.equal(net(x)[0], net.sized()(x)[0]), "without gradients it is the full net"


@pytest.mark.parametrize("name", NETS)
def test_the_smaller_net_is_the_first_part_of_the_larger_and_moves_it(name):
    net = slim(name, 1)
    (_, small, _), _ = net(signal(1))
    small.square().sum().backward()
    moved = {
        k for k, p in net.full.named_parameters() if p.grad is not None and torch.any(p.grad != 0)
    }
    assert moved, name
    count = sum(p.numel() for p in net.sized(3).parameters())
    assert count < sum(p.numel() for p in net.sized().parameters())
    assert len(net.sized(3).export()) == len(net.export())


@pytest.mark.parametrize(
    "changes, words",
    [
        (["net=gru", "hidden=16", "slim=[16]"], "slim 16 with net gru; expected less than 16"),
        (["net=tcn8", "slim=[4]"], "slim 4 with net tcn8; expected less than none"),
        (["slim=[0]"], "expected a list of integers of 1 or more"),
        (["slim=8"], "expected an integer|expected a list"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, words):
    with pytest.raises(UpedalError, match=words):
        recipe.load("gru-16", changes).build()


TEACH = ["hidden=8", "slim=[4]", "batch=8", "segment=200", "warm_up=50", "learning_rate=0.02"]
CLEAN = synth.dry_guitar(3.0, 8000, seed=5)  # its last tenth is as loud as the rest


def test_both_sizes_learn_in_one_training(tmp_path):
    plan = recipe.load("gru-16", [*TEACH, "epochs=20"])
    data = Captures([Capture(CLEAN, np.tanh(3 * CLEAN))], 8000)
    done = train.train_captures(data, plan, out_dir=tmp_path, progress=False)
    found = [knobs.evaluate(done.net.sized(size), data)[0]["esr"] for size in (None, 4)]
    assert found[0] < 0.03 and found[1] < 0.05, found
    assert cli.main(["pack", str(tmp_path / "checkpoint.pt"), "-o", str(tmp_path / "x.upm")]) in (
        0,
        None,
    )
    packed = [
        knobs.evaluate(upm.read_blob(tmp_path / "x.upm", size), data)[0]["esr"]
        for size in (None, "lite")
    ]
    assert packed == pytest.approx(found, rel=0.02)


def test_a_job_writes_both_sizes_into_one_file(tmp_path):
    files = [str(tmp_path / name) for name in ("amp.upm", "dry.wav", "wet.wav")]
    audio.write(files[1], CLEAN, 8000)
    audio.write(files[2], np.tanh(3 * CLEAN), 8000)
    result = job.run(job.Job(*files, changes=[*TEACH, "epochs=1"], report=False), progress=False)
    large, small = (upm.load(files[0], size) for size in ("full", "lite"))
    assert [m.layers[0].w_hh.shape[1] for m in (large, small)] == [8, 4]
    assert small.loudness_db is not None and small.meta["size"] == "lite"
    told = result["lite"]
    assert (
        told["size"] == 4
        and told["upm_bytes"] < result["upm_bytes"] / 2
        and told["macs"] < result["macs"]
    )
    assert small.meta["test_esr"] == f"{told['esr']:.5f}"


# ---- the file ------------------------------------------------------------------------------------


def test_both_models_come_back_and_each_is_used_where_it_lies():
    blob = upm.dumps(FULL, LITE)
    inner = upm.sections(blob)[b"LITE"]
    assert inner == upm.dumps(LITE)
    assert blob.index(inner) % 16 == 0
    x = np.sin(np.arange(500) / 9).astype(np.float32)
    for size, model in ((None, FULL), ("full", FULL), ("lite", LITE)):
        want = native.render(upm.dumps(model), x)
        assert np.array_equal(native.render(upm.dumps(upm.loads(blob, size=size)), x), want), size
    assert np.array_equal(native.render(blob, x), native.render(upm.dumps(FULL), x)), (
        "readers that know no LITE"
    )


def test_one_size_may_be_float_and_the_other_integer():
    made = quant.quantise(LITE)
    blob = upm.dumps(FULL, made)
    assert upm.loads(blob).arithmetic == "f32" and upm.loads(blob, size="lite").arithmetic == "q15"


def test_what_a_file_does_not_hold_is_said():
    with pytest.raises(UpedalError, match="holds one model; expected a section LITE"):
        upm.loads(upm.dumps(FULL), "amp.upm", "lite")
    with pytest.raises(UpedalError, match="size 'tiny'; expected full or lite"):
        upm.loads(upm.dumps(FULL, LITE), "amp.upm", "tiny")


def test_models_that_do_not_belong_together_are_not_written():
    other_rate, other_knobs = make.gru(2, 8, grade="fast"), make.gru(2, 8, grade="fast", knobs=1)
    other_rate.rate_hz = 44100
    with pytest.raises(UpedalError, match="section LITE: 44100 Hz; expected 48000"):
        upm.dumps(FULL, other_rate)
    with pytest.raises(UpedalError, match="section LITE: its knobs are not those"):
        upm.dumps(FULL, other_knobs)


def hostile():
    """{what: blob} of files whose own checksum is right and whose LITE is wrong."""
    blob = upm.dumps(FULL, LITE)
    count, table = struct.unpack_from("<HI", blob, 34)
    entry = next(table + 16 * k for k in range(count) if blob[table + 16 * k :][:4] == b"LITE")
    at, size = struct.unpack_from("<II", blob, entry + 8)

    def changed(offset, data):
        return sealed(bytearray(blob[:offset] + data + blob[offset + len(data) :]))

    nested = upm.write(LITE, make.gru(3, 4, grade="fast"))
    return {
        "its weights": changed(at + size - 40, b"\x7f"),
        "its checksum": changed(at + 12, b"\0\0\0\0"),
        "its size": changed(at + 8, struct.pack("<I", size + 16)),
        "too short": changed(entry + 12, struct.pack("<I", 32)),
        "empty": changed(entry + 12, struct.pack("<I", 0)),
        "beyond the end": changed(entry + 12, struct.pack("<I", size + 64)),
        "before the start": changed(entry + 8, struct.pack("<I", 0xFFFFFFF0)),
        "not aligned": changed(entry + 8, struct.pack("<I", at + 8)),
        "another file": changed(at, b"RIFF"),
        "one inside the other": upm_of(blob, nested),
    }


def upm_of(blob, inner):
    """A file like `blob` whose LITE is `inner`."""
    kept = upm_lite.checked
    try:
        upm_lite.checked = lambda *_: None
        model = upm.parse(blob)
        real, upm.write = upm.write, lambda m, lite=None: inner
        try:
            return upm._write(model, LITE)
        finally:
            upm.write = real
    finally:
        upm_lite.checked = kept


@pytest.mark.parametrize("what", hostile())
def test_a_hostile_section_is_refused_by_host_and_pedal(what, tmp_path):
    blob = hostile()[what]
    with pytest.raises(UpedalError):
        upm.loads(blob, "bad.upm", "lite")
    with pytest.raises(UpedalError):
        upm.loads(blob, "bad.upm")
    (tmp_path / "bad.upm").write_bytes(blob)
    for options in ({"size": "lite"}, {"fallback": "lite"}):
        with pytest.raises(ValueError, match="bad.upm"):
            Neural(str(tmp_path / "bad.upm"), **options)


# ---- the pedal -----------------------------------------------------------------------------------


@pytest.fixture
def both(tmp_path):
    upm.save(FULL, tmp_path / "both.upm", LITE)
    upm.save(FULL, tmp_path / "full.upm")
    upm.save(LITE, tmp_path / "lite.upm")
    return tmp_path


def play(effect, frames=256):
    import array

    effect.attach(48000)
    effect.reset()
    buf = array.array("f", [((at * 37) % 101 - 50) / 128 for at in range(frames)])
    effect.process(memoryview(buf))
    return buf.tobytes()


def test_the_pedal_plays_either_and_reads_the_file_once(both, monkeypatch):
    reads, load = [], store.load
    monkeypatch.setattr(store, "load", lambda path: reads.append(path) or load(path))
    path = str(both / "both.upm")
    full, lite = play(Neural(str(both / "full.upm"))), play(Neural(str(both / "lite.upm")))
    assert full != lite
    reads.clear()
    assert play(Neural(path, size="lite")) == lite and reads == [path]
    effect = Neural(path, fallback="lite")
    assert reads == [path] * 2
    assert play(effect) == full
    assert store.addressof(effect._second.blob) % 16 == 0, "in place, aligned"
    assert effect.lighter(True) and play(effect) == lite
    assert effect.lighter(False) and play(effect) == full


def test_the_pedal_says_what_it_cannot_play(both):
    with pytest.raises(ValueError, match="full.upm: holds no smaller model"):
        Neural(str(both / "full.upm"), fallback="lite")
    with pytest.raises(ValueError, match="size='tiny'"):
        Neural(str(both / "both.upm"), size="tiny")
    with pytest.raises(ValueError, match="size and fallback are both 'lite'"):
        Neural(str(both / "both.upm"), size="lite", fallback="lite")


def test_knobs_move_both_sizes(tmp_path):
    def model(hidden):
        return make.gru(hidden, hidden, grade="fast", knobs=1)

    upm.save(model(9), tmp_path / "both.upm", model(5))
    upm.save(model(5), tmp_path / "lite.upm")
    effect = Neural(str(tmp_path / "both.upm"), knobs=(0.7,), fallback="lite")
    effect.lighter(True)
    assert play(effect) == play(Neural(str(tmp_path / "lite.upm"), knobs=(0.7,)))


# ---- the command line ----------------------------------------------------------------------------


def test_info_and_convert_know_both(both):
    facts = info.facts(both / "both.upm")
    assert facts["lite"]["macs"] < facts["macs"] and facts["lite"]["file"] == facts["file"]
    assert info.facts(both / "full.upm")["lite"] is None
    said = []
    assert convert.read(both / "both.upm", warn=said.append).layers[0].w_hh.shape[1] == 16
    assert "holds a smaller model too" in said[0]
    assert (
        convert.read(both / "both.upm", size="lite", warn=said.append).layers[0].w_hh.shape[1] == 8
    )
    large, small = convert.read_both(both / "both.upm", warn=said.append)
    assert upm.dumps(large, small) == (both / "both.upm").read_bytes()
    with pytest.raises(UpedalError, match="holds one model"):
        convert.read_both(both / "full.upm", warn=said.append)


def test_a_container_of_two_nets_becomes_one_file(tmp_path):
    small, large = nam_files.a1(activation="ReLU"), nam_files.lstm()
    entries = [{"max_value": 0.5, "model": small}, {"max_value": 1.0, "model": large}]
    if macs(small) > macs(large):
        entries[0]["model"], entries[1]["model"] = large, small
    obj = {
        "version": "0.7.0",
        "architecture": "SlimmableContainer",
        "config": {"submodels": entries},
        "weights": [],
    }
    obj["sample_rate"] = entries[0]["model"].get("sample_rate", 48000)
    (tmp_path / "a2.nam").write_text(json.dumps(obj))
    command = [sys.executable, "-m", "upedal", "convert", "a2.nam", "a2.upm", "--size", "both"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    want = convert.read_both(tmp_path / "a2.nam", warn=lambda text: None)
    for size, model in zip(("full", "lite"), want):
        got = upm.load(tmp_path / "a2.upm", size)
        assert sum(map(upm.macs, got.layers)) == sum(map(upm.macs, model.layers)), size


def macs(obj):
    from upedal.convert import nam

    return sum(
        map(upm.macs, nam.read(json.dumps(obj).encode(), "x.nam", warn=lambda text: None).layers)
    )
