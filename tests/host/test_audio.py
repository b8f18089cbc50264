"""Reading, checking, aligning and measuring recordings."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from upedal import audio, synth
from upedal.errors import UpedalError

RATE = 48000
PAIRS = Path(__file__).resolve().parents[3] / "shared" / "data" / "pairs"


@pytest.fixture(scope="module")
def pair():
    dry = synth.dry_guitar(8, RATE, seed=1)
    return dry, synth.overdrive(dry, RATE)


def test_float_wav_comes_back_bit_by_bit(tmp_path, pair):
    audio.write(tmp_path / "a.wav", pair[0], RATE)
    x, rate_hz = audio.read(tmp_path / "a.wav")
    assert rate_hz == RATE and x.dtype == np.float32 and np.array_equal(x, pair[0])
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"], "a temporary file was left"


def test_flac_of_24_bits_comes_back_within_its_step(tmp_path, pair):
    audio.write(tmp_path / "a.flac", pair[0], 44100, subtype="PCM_24")
    x, rate_hz = audio.read(tmp_path / "a.flac")
    assert rate_hz == 44100 and np.max(np.abs(x - pair[0])) <= 2.0**-23


def test_failed_write_leaves_the_old_file(tmp_path, pair):
    audio.write(tmp_path / "a.wav", pair[0], RATE)
    with pytest.raises(UpedalError, match="PCM_99"):
        audio.write(tmp_path / "a.wav", pair[1], RATE, subtype="PCM_99")
    assert np.array_equal(audio.read(tmp_path / "a.wav")[0], pair[0])
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_stereo_is_taken_only_where_it_is_mono(tmp_path):
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (100, 1)).astype(np.float32)
    for name, other in (("equal", x), ("silent", 0 * x)):
        soundfile.write(tmp_path / f"{name}.wav", np.hstack([x, other]), RATE, "FLOAT")
        assert np.array_equal(audio.read(tmp_path / f"{name}.wav")[0], x[:, 0])
    soundfile.write(tmp_path / "other.wav", np.hstack([x, -x]), RATE, "FLOAT")
    with pytest.raises(UpedalError, match="channels 1 and 2 differ"):
        audio.read(tmp_path / "other.wav")


def test_bad_files_are_refused_by_name_and_cause(tmp_path):
    def wav(name, data):
        soundfile.write(tmp_path / name, np.asarray(data, np.float32), RATE, "FLOAT")
        return tmp_path / name

    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "a.mp3").write_text("hello")
    cases = {
        tmp_path / "none.wav": "no such file",
        tmp_path / "text.wav": "not a readable",
        tmp_path / "a.mp3": "type .mp3",
        wav("empty.wav", []): "no samples",
        wav("silent.wav", np.zeros(100)): "silent",
        wav("nan.wav", [0.1, 0.2, np.nan]): "sample 2 is NaN",
    }
    for path, cause in cases.items():
        with pytest.raises(UpedalError) as error:
            audio.read(path)
        assert cause in str(error.value) and path.name in str(error.value)


@pytest.mark.parametrize("lag", [-1000, -333, -9, -2, -1, 0, 1, 2, 9, 100, 1000])
def test_planted_lag_is_found_exactly(pair, lag):
    dry, wet = pair
    late = np.zeros_like(wet)
    n = len(wet)
    late[max(lag, 0) : n + min(lag, 0)] = wet[max(-lag, 0) : n - max(lag, 0)]
    x, y, found = audio.align(dry, -late, RATE)
    assert (found.lag_frames, found.polarity) == (lag, -1)
    whole = slice(max(-lag, 0), n - max(lag, 0))
    assert np.array_equal(x, dry[whole]) and np.array_equal(y, -wet[whole])


@pytest.mark.parametrize("part", ["train", "test"])
def test_real_capture_is_made_causal(part):
    folder = PAIRS / "boss_ds1"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}")
    dry, rate_hz = audio.read(folder / f"{part}_input.wav")
    wet, _ = audio.read(folder / f"{part}_target.wav")
    assert audio.align(dry, wet, rate_hz)[2].lag_frames == -9


def test_split_covers_all_frames_in_order():
    parts = audio.split(1_000_003, RATE)
    assert parts[0].start == 0 and parts[2].stop == 1_000_003
    assert parts[0].stop == parts[1].start == 800_002 and parts[1].stop == parts[2].start
    with pytest.raises(UpedalError, match="at least 2 s"):
        audio.split(RATE, RATE)


def test_esr_matches_its_definition():
    y = np.array([1.0, -2.0, 2.0])
    assert audio.esr(y, y) == 0.0 and audio.esr(y, 0 * y) == 1.0
    assert audio.esr(y, 0.9 * y) == pytest.approx(0.01)
    assert audio.db(0.01) == pytest.approx(-20.0) and audio.db(0.0) == -np.inf
    with pytest.raises(UpedalError, match="silent"):
        audio.esr(0 * y, y)
    with pytest.raises(UpedalError, match="shape"):
        audio.esr(y, y[:2])
