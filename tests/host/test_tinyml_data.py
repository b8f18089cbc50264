"""The recordings of the experiments: ranges that count hold signal, are apart, and are aligned."""

from pathlib import Path

import numpy as np
import pytest
from upedal import audio, synth, tinyml_data
from upedal.errors import UpedalError

PAIRS = Path(__file__).resolve().parents[3] / "shared" / "data" / "pairs"
needs_pairs = pytest.mark.skipif(not PAIRS.is_dir(), reason=f"no recordings: {PAIRS} is absent")
RECORDED = ("ds1", "diode", "klon", "jvm410h")


def check(dry, wet, split):
    assert dry.ndim == 1 and dry.shape == wet.shape and dry.dtype == wet.dtype == np.float32
    taken = np.zeros(len(dry), int)
    for part in split.parts:
        assert part
        for a, b in part:
            assert 0 <= a < b <= len(dry)
            taken[a:b] += 1
            assert np.any(dry[a:b]) and np.any(wet[a:b])
    assert taken.max() == 1, "ranges overlap"


@needs_pairs
@pytest.mark.parametrize("name", RECORDED)
def test_recording_is_cut_and_split(name):
    dry, wet, rate_hz, split = tinyml_data.load(name, PAIRS)
    check(dry, wet, split)
    seconds = [sum(b - a for a, b in part) / rate_hz for part in split.parts]
    wanted = {"ds1": (19, 2.1, 21), "diode": (23.2, 2.9, 2.9), "klon": (27, 3.3, 3.5), "jvm410h": (30, 5, 5)}
    assert np.allclose(seconds, wanted[name], rtol=0.05), (name, seconds)


@needs_pairs
def test_target_of_the_ds1_is_moved_to_where_its_input_is():
    dry, wet, rate_hz, split = tinyml_data.load("ds1", PAIRS)
    for (a, b), in (split.train, split.test):
        _, _, found = audio.align(dry[a:b], wet[a:b], rate_hz)
        assert found.lag_frames in (0, 1), found
    raw = [audio.read(PAIRS / "boss_ds1" / f"train_{side}.wav")[0] for side in ("input", "target")]
    assert audio.align(*raw, rate_hz)[2].lag_frames < -7


@needs_pairs
def test_klon_counts_nothing_of_a_segments_start_and_takes_begin_in_silence():
    _, _, _, split = tinyml_data.load("klon", PAIRS)
    for a, b in (r for part in split.parts for r in part):
        assert a % 11025 == 4000 and b % 11025 == 0 and b - a == 7025
    dry, wet, _, split = tinyml_data.load("jvm410h", PAIRS)
    for a, _ in (r for part in split.parts for r in part):
        assert not np.any(dry[a - tinyml_data.GAP : a]) and not np.any(wet[a - tinyml_data.GAP : a])


@pytest.mark.parametrize("name", ["overdrive", "distortion", "fuzz"])
def test_built_in_pedals_need_no_folder(name, monkeypatch):
    monkeypatch.setattr(tinyml_data, "SECONDS", 3)
    dry, wet, rate_hz, split = tinyml_data.load(name)
    check(dry, wet, split)
    assert rate_hz == tinyml_data.RATE_HZ and len(dry) == 3 * rate_hz
    assert np.array_equal(dry, synth.dry_guitar(3, rate_hz, seed=7))


def test_unknown_name_and_missing_folder_are_refused(tmp_path):
    with pytest.raises(UpedalError, match="recording 'ts9'; expected one of ds1"):
        tinyml_data.load("ts9")
    for folder in (None, tmp_path / "none"):
        with pytest.raises(UpedalError, match="ds1: folder"):
            tinyml_data.load("ds1", folder)
    with pytest.raises(UpedalError, match="train_input.wav: no such file"):
        tinyml_data.load("ds1", tmp_path)
