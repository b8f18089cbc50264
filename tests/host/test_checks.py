"""What the checks say of pairs with planted faults, and of pairs without."""

import json

import numpy as np
import planted
import pytest
import soundfile
from planted import FAULTS, RATE
from upedal import audio, checks, cli_check
from upedal.errors import UpedalError


@pytest.fixture(scope="module")
def pair():
    return planted.good()


@pytest.fixture(scope="module")
def clean(pair):
    return checks.inspect(*pair, RATE)


@pytest.mark.parametrize("fault", FAULTS, ids=[f.name for f in FAULTS])
def test_planted_fault_is_found_and_its_value(fault, pair, clean):
    found, _ = planted.look(fault, pair)
    finding = found.get(fault.check)
    assert finding, f"{fault.check} said nothing; {list(found)}"
    assert finding.outcome == fault.outcome, finding.sentence
    if fault.figure:
        value = planted.value_of(finding, fault)
        if fault.figure == "lag_frames":
            value -= clean.lag_frames  # the gear's own
        assert value == pytest.approx(fault.value, abs=fault.within or 1e-9), finding.sentence


def test_what_was_fixed_fits_as_well_as_the_clean_pair(pair, clean):
    """Drift, breaks and rates are mended so well that a quick fit leaves no more than before."""
    from upedal.checks.fit import left_over

    at_best = left_over(clean.dry.astype(float), clean.wet.astype(float), 128)
    names = (
        "clock 300 ppm off",
        "a buffer of 256 dropped",
        "44.1 kHz labelled 48",
        "wet late by 480.7 frames",
    )
    for fault in (f for f in FAULTS if f.name in names):
        found = planted.look(fault, pair)[1]
        left = left_over(found.dry.astype(float), found.wet.astype(float), 128)
        assert left < 1.25 * at_best + 0.01, f"{fault.name}: {left:.4f}, clean {at_best:.4f}"


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


def test_inputs_are_not_changed(pair):
    dry, wet = (x.copy() for x in pair)
    checks.inspect(dry, wet + 0.0, RATE)
    assert np.array_equal(dry, pair[0]) and np.array_equal(wet, pair[1])


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
    assert _run(*paths, "-o", str(tmp_path / "out")) == 0
    assert "Latency" in capsys.readouterr().out
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
