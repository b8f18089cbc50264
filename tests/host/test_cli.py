"""The command line as a person uses it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from upedal import audio, cli, native, pack, paths, synth, upm
from upedal.errors import UpedalError

from tests.vectors import make

MODEL = paths.MODELS / "boss_ds1" / "boss_ds1.upm"


def upedal(*args):
    """(exit status, stdout, stderr) of a run in a process of its own."""
    command = [sys.executable, "-m", "upedal", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "in.wav"
    audio.write(path, np.tile(make.signal(), 20), 48000)
    return path


def test_every_verb_explains_itself():
    verbs = re.findall(r"^    (\w+) +\S", cli.parser().format_help(), re.MULTILINE)
    assert len(verbs) >= 11, verbs
    for verb in verbs:
        with pytest.raises(SystemExit) as stop:
            cli.main([verb, "--help"])
        assert stop.value.code == 0, verb


def test_help_needs_no_heavy_import():
    code = "import sys, upedal.cli as c; c.parser().format_help(); print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout


def test_info_tells_layers_memory_and_loads(capsys):
    assert cli.main(["info", str(MODEL)]) == 0
    out = capsys.readouterr().out
    for word in ("gru 1->32", "48000 Hz", "Boss DS-1", "teensy41", "3,393", "used in place"):
        assert word in out, word
    assert cli.main(["info", str(MODEL), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["macs"] == 3200


@pytest.mark.parametrize("command", [["info"], ["render"], ["convert"], ["sim"]])
def test_a_missing_file_is_one_line_and_no_traceback(command, tmp_path):
    rest = [] if command == ["info"] else ["in.wav", "out.wav"] if command != ["convert"] else ["x.upm"]
    status, _, err = upedal(*command, tmp_path / "nowhere", *rest)
    assert status == 1 and "nowhere" in err + "" or "in.wav" in err, err
    assert "Traceback" not in err and len(err.splitlines()) <= 2, err


def test_a_damaged_model_is_named_with_the_check_that_failed(tmp_path):
    bad = tmp_path / "bad.upm"
    blob = bytearray(MODEL.read_bytes())
    blob[300] ^= 4
    bad.write_bytes(blob)
    status, _, err = upedal("info", bad)
    assert status == 1 and "bad.upm" in err and "CRC" in err, err


def test_render_writes_what_the_core_computes(take, tmp_path):
    assert cli.main(["render", str(MODEL), str(take), str(tmp_path / "out.wav")]) == 0
    y, rate = audio.read(tmp_path / "out.wav")
    want = native.render(MODEL.read_bytes(), audio.read(take)[0])
    assert rate == 48000 and np.array_equal(y, want)


@pytest.mark.toolchain("unix port", "native modules x64", "qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
@pytest.mark.parametrize("target", ["unix", "emu_m7"])
def test_render_on_another_target_gives_the_same_bits(target, take, tmp_path):
    model = tmp_path / "k.upm"
    upm.save(make.MODELS["gru9_2knobs"], model)
    args = ["render", str(model), str(take), str(tmp_path / "out.wav"), "--knobs", "0.9,0.1"]
    assert cli.main(args) == 0
    here = audio.read(tmp_path / "out.wav")[0]
    assert cli.main([*args, "--on", target]) == 0
    assert np.array_equal(audio.read(tmp_path / "out.wav")[0], here)


def test_a_wrong_rate_is_refused_with_ways_out(tmp_path, take):
    x, _ = audio.read(take)
    audio.write(tmp_path / "44.wav", x, 44100)
    status, _, err = upedal("render", MODEL, tmp_path / "44.wav", tmp_path / "out.wav")
    assert status == 1 and "44100" in err and "--resample" in err, err
    status, out, err = upedal("render", MODEL, tmp_path / "44.wav", tmp_path / "out.wav", "--resample")
    assert status == 0, err
    y, rate = audio.read(tmp_path / "out.wav")
    assert rate == 44100 and abs(len(y) - len(x)) <= 2


def test_the_readmes_rig_plays(tmp_path, take):
    text = (paths.ROOT / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    (tmp_path / "rig.py").write_text(code)
    (tmp_path / "ds1.upm").write_bytes(MODEL.read_bytes())
    status, out, err = upedal("sim", tmp_path / "rig.py", take, tmp_path / "out.wav")
    assert status == 0, err
    assert np.std(audio.read(tmp_path / "out.wav")[0]) > 1e-3
    assert re.search(r"faults: 0", out), out


def test_the_guides_commands_exist():
    for page in ("README.md", "docs/first_amp.md"):
        for line in re.findall(r"^\.venv/bin/upedal (.*)$", (paths.ROOT / page).read_text(), re.MULTILINE):
            cli.parser().parse_args(line.split("#")[0].split())


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":"' + b'\\"' * 2_000_000,
        b"[" * 3_000_000,
        b"[]" * 3_000_000,
        b"[" + b"1," * 3_500_000 + b"1]",
        b'{"version":"0.5.4","architecture":"WaveNet","config":{},"weights":[' + b"1e400," * 1_000_000 + b"1]}",
        b'{"version":"0.5.4","architecture":"LSTM","config":{"input_size":1,"hidden_size":100000000,"num_layers":99},"weights":[]}',
        b"\x00" * 5_000_000,
    ],
    ids=["open string", "deep", "many lists", "many numbers", "infinite", "huge sizes", "zeros"],
)
def test_a_hostile_file_is_refused_within_200_mb(content, tmp_path):
    path = tmp_path / "x.nam"
    path.write_bytes(content)
    code = (
        "import re, sys, time, upedal.native, upedal.convert.nam, upedal.cli as c; t = time.process_time();"
        "r = c.main(['convert', sys.argv[1], sys.argv[2]]);"
        "u = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read()).group(1);"
        "print(r, time.process_time() - t, int(u) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "x.upm"], capture_output=True, text=True, timeout=60, check=False
    )
    status, seconds, megabytes = done.stdout.split()
    assert status == "1" and "Traceback" not in done.stderr and "x.nam" in done.stderr, done.stderr
    assert float(seconds) < 5 and int(megabytes) < 260, done.stdout  # 200 MB over the interpreter and numpy


def test_an_output_that_is_an_input_is_refused_and_kept(take, capsys):
    before = take.read_bytes()
    assert cli.main(["render", str(MODEL), str(take), str(take)]) == 1
    assert "another file" in capsys.readouterr().err and take.read_bytes() == before


def test_an_output_that_is_the_test_pair_is_refused(take, capsys):
    pair = ["train", "dry.wav", "wet.wav", "--test", "x.wav", str(take)]
    assert cli.main([*pair, "-o", str(take)]) == 1
    assert "is the test as well" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line(take, tmp_path, capsys):
    dry, wet = str(tmp_path / "dry.wav"), str(tmp_path / "wet.wav")
    x = synth.dry_guitar(3, 44100)
    audio.write(dry, x, 44100)
    audio.write(wet, np.tanh(5 * x), 44100)
    for output, named in ((take / "x.upm", "in.wav"), (tmp_path, "is a folder")):
        assert cli.main(["train", dry, wet, "-o", str(output), "--minutes", "0.01"]) == 1
        err = capsys.readouterr().err
        assert named in err and len(err.splitlines()) == 1, err


def test_what_does_not_go_together_is_said(tmp_path, take, capsys):
    out = str(tmp_path / "x.upm")
    assert cli.main(["convert", str(MODEL), out, "--calibrate", str(take)]) == 1
    assert "--calibrate: the model stays f32" in capsys.readouterr().err
    assert cli.main(["convert", str(MODEL), out, "--arithmetic", "q15", "--grade", "accurate"]) == 0
    assert "q15 has no grade" in capsys.readouterr().out
    assert cli.main(["convert", str(MODEL), out, "--arithmetic", "auto"]) == 0
    assert "no board" in capsys.readouterr().out


def test_a_checkpoint_of_8_bits_is_named_as_what_it_is(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"identity": {"recipe": {"net": "tcn8"}}}, tmp_path / "q7.pt")
    with pytest.raises(UpedalError, match=r"q7\.pt: of an 8-bit recipe"):
        pack.from_checkpoint(tmp_path / "q7.pt")
    with pytest.raises(UpedalError, match=r"none\.pt: No such file"):
        pack.from_checkpoint(tmp_path / "none.pt")
