"""What the checks say of pairs with planted faults, and of pairs without."""

import json

import numpy as np
import planted
import pytest
import soundfile
from planted import FAULTS, RATE
from upedal import audio, checks, cli_check, synth
from upedal.checks import fit, timing
from upedal.errors import UpedalError

MENDED = (
    "clock 300 ppm off",
    "a buffer of 256 dropped",
    "44.1 kHz labelled 48",
    "wet late by 480.7 frames",
)  # so well that a quick fit leaves no more than before


@pytest.fixture(scope="module")
def pair():
    return planted.good()


@pytest.fixture(scope="module")
def clean(pair):
    before = [x.copy() for x in pair]
    found = checks.inspect(*pair, RATE)
    assert all(np.array_equal(a, b) for a, b in zip(before, pair)), "inputs were changed"
    return found


@pytest.mark.parametrize("fault", FAULTS, ids=[f.name for f in FAULTS])
def test_planted_fault_is_found_and_its_value(fault, pair, clean):
    found, mended = planted.look(fault, pair)
    finding = found.get(fault.check)
    assert finding, f"{fault.check} said nothing; {list(found)}"
    assert finding.outcome == fault.outcome, finding.sentence
    if fault.figure:
        value = planted.value_of(finding, fault)
        if fault.figure == "lag_frames":
            value -= clean.lag_frames  # the gear's own
        assert value == pytest.approx(fault.value, abs=fault.within or 1e-9), finding.sentence
    if fault.name in MENDED:
        best, left = _left(clean), _left(mended)
        assert left < 1.25 * best + 0.01, f"a fit leaves {left:.4f}, of the clean pair {best:.4f}"


def _left(found):
    return fit.left_over(found.dry.astype(float), found.wet.astype(float), 128)


@pytest.mark.parametrize("drive,seed", [(0.1, 2), (0.9, 3)])
def test_clean_pair_has_no_warning(drive, seed):
    found = checks.inspect(*planted.good(drive, seed, 16), RATE)
    bad = [f.sentence for f in found.findings if f.outcome in ("warned", "refused")]
    assert not bad and found.worst() in ("ok", "fixed")


def test_pair_is_cut_to_whole_frames_and_is_float32(pair, clean):
    dry, wet = pair
    cut = clean.cut_frames
    x, y = (dry, wet[cut:]) if cut >= 0 else (dry[-cut:], wet)
    n = len(clean.dry)
    assert clean.dry.dtype == clean.wet.dtype == np.float32 and len(clean.wet) == n
    assert np.array_equal(clean.dry, x[:n].astype(np.float32))
    assert np.array_equal(clean.wet, y[:n].astype(np.float32))
    assert len({f.check for f in clean.findings}) == len(clean.findings)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("seed", [1, 2])
def test_gear_without_memory_is_cut_by_little_at_low_rates(rate_hz, seed):
    dry = synth.dry_guitar(16, rate_hz, seed=seed).astype(np.float64)
    for wet in (np.clip(8 * dry, -0.3, 0.2), synth.overdrive(dry, rate_hz, 0.5).astype(float)):
        peak = timing.settle(dry, wet, rate_hz, 0)[0]
        assert -2 <= timing.causal(dry, wet, peak, rate_hz) <= 0


def test_refused_says_why_what_to_do_and_force_goes_on(pair):
    dry, wet = pair
    with pytest.raises(checks.Refused) as error:
        checks.inspect(wet, dry, RATE, names=("a.wav", "b.wav"))
    text = str(error.value)
    assert (
        "a.wav" in text
        and "swapped" in text
        and "--force" in text
        and "clean recording first" in text
    )
    assert isinstance(error.value, UpedalError)
    found = checks.inspect(wet, dry, RATE, force=True)
    assert found.worst() == "refused" and len(found.dry) > 15 * RATE


def test_silence_cannot_be_forced(pair):
    with pytest.raises(checks.Refused, match="silent"):
        checks.inspect(pair[0], 0 * pair[1], RATE, force=True)


def test_pictures_are_short_and_plain(clean):
    pictures = [f.picture for f in clean.findings if f.picture]
    assert len(pictures) >= 4
    for image in pictures:
        assert set(image) == {"title", "x_label", "y_label", "lines", "marks"}
        for line in image["lines"]:
            assert len(line["x"]) == len(line["y"]) <= 600
            assert all(isinstance(v, float) for v in line["x"] + line["y"])
    json.dumps([f.as_dict() for f in clean.findings])


def test_channel_option_chooses_and_is_checked(pair, tmp_path):
    dry, wet = (x[: 12 * RATE] for x in pair)
    soundfile.write(tmp_path / "both.wav", np.stack([dry, wet], axis=1), RATE, "FLOAT")
    both = tmp_path / "both.wav"
    found = checks.load(both, both, channel="1,2")
    same = checks.inspect(dry.astype(np.float32), wet.astype(np.float32), RATE)
    assert found.worst() in ("ok", "fixed") and found.cut_frames == same.cut_frames
    assert np.array_equal(found.dry, same.dry) and np.array_equal(found.wet, same.wet)
    for bad in ("3", "0", "left", "1,2,3"):
        with pytest.raises(UpedalError, match="--channel"):
            checks.load(both, both, channel=bad)
    mono = _files(tmp_path, dry, wet)[0]
    for files, bad in (((mono, mono), "2"), ((mono, both), "3"), ((both, mono), "1,2")):
        with pytest.raises(UpedalError, match="--channel"):
            checks.load(*files, channel=bad)
    assert np.array_equal(checks.load(mono, both, channel="2").wet, same.wet), (
        "2: of the stereo file"
    )


def test_coarse_files_are_warned_of(pair, tmp_path):
    dry, wet = (x[: 12 * RATE : 6] for x in pair)
    for name, x, subtype in (("dry", dry, "PCM_16"), ("wet", wet, "PCM_U8")):
        soundfile.write(tmp_path / f"{name}.wav", x, 8000, subtype)
    paths = (tmp_path / "dry.wav", tmp_path / "wet.wav")
    told = [f for f in checks.load(*paths, force=True).findings if f.check == "format"]
    assert [f.outcome for f in told] == ["warned"]
    assert told[0].sentence.count("8000 Hz") == 2 and "wet.wav has 8 bits" in told[0].sentence
    assert "dry.wav has 8 bits" not in told[0].sentence
    found = checks.load(*_files(tmp_path, *(x[: 12 * RATE] for x in pair)))
    assert "format" not in [f.check for f in found.findings]


def _files(folder, dry, wet):
    paths = [str(folder / f"{name}.wav") for name in ("dry", "wet")]
    for path, x in zip(paths, (dry, wet)):
        audio.write(path, x.astype(np.float32), RATE)
    return paths


def _run(*args):
    import argparse

    top = argparse.ArgumentParser()
    verbs = top.add_subparsers()

    def add(name, text, do):
        p = verbs.add_parser(name, help=text)
        p.set_defaults(do=do)
        return p

    cli_check.verbs(add)
    given = top.parse_args(["check", *args])
    return given.do(given)


def test_verb_tells_writes_and_fails_where_refused(pair, tmp_path, capsys):
    dry, wet = (x[: 12 * RATE] for x in pair)
    paths = _files(tmp_path, dry, planted.late(wet, 250))
    assert _run(*paths, "-o", str(tmp_path / "out"), "--channel", "1", "--force") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Latency" in told and "--channel 1 --force -o amp.upm" in told
    assert f"wrote {tmp_path / 'out' / 'dry.wav'} and {tmp_path / 'out' / 'wet.wav'}" in told
    x, rate_hz = audio.read(tmp_path / "out" / "wet.wav")
    assert rate_hz == RATE and len(x) == len(audio.read(tmp_path / "out" / "dry.wav")[0])
    with pytest.raises(UpedalError, match="another folder"):
        _run(*paths, "-o", str(tmp_path))
    paths = _files(tmp_path, wet, dry)
    assert _run(*paths) == 1
    assert "Refused" in capsys.readouterr().out
    assert _run(*paths, "--force", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["refused"] and {"latency", "swapped"} <= {f["check"] for f in told["findings"]}


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "a.wav").write_text("hello")
    causes = {"none.wav": "no such file", "a.wav": "not a readable", "a.mp3": "no such file"}
    for name, cause in causes.items():
        with pytest.raises(UpedalError, match=f"{name}: {cause}"):
            checks.load(tmp_path / name, tmp_path / name)
    with pytest.raises(UpedalError, match="is a folder"):
        checks.load(tmp_path, tmp_path)
