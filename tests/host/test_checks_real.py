"""The checks on real recordings: nothing that can be trained on is refused, and the lags are right."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from upedal import checks
from upedal.checks import timing

PAIRS = Path(__file__).resolve().parents[3] / "shared" / "data" / "pairs"
JVM = PAIRS / "marshall_jvm410h_od1"
HRD = {
    "2_master6": -1251,
    "3_master3.5": -1276,
    "4_master3": -932,
    "5_master2.5": -867,
    "6_master2": -781,
    "7_master2": -647,
    "8_master2": -444,
    "9_master1": -648,
    "10_master1": -535,
    "11_master1": -495,
    "12_master1": -329,
}  # frames, as measured when the recordings were collected
CASES = {
    "diode clipper": (
        "diode_clipper_1n4148_50k/input.flac",
        "diode_clipper_1n4148_50k/target.flac",
        0,
        1,
    ),
    **{
        f"Klon, gain {g}": (
            "klon_centaur_spice/input.flac",
            f"klon_centaur_spice/target_gain{g}.flac",
            0,
            1,
        )
        for g in ("0.00", "1.00")
    },
    **{
        f"HRD, drive {k}": (
            "fender_hrd3_drive/input.flac",
            f"fender_hrd3_drive/target_drive{k}.flac",
            lag,
            3,
        )
        for k, lag in HRD.items()
    },
    "HT-1": ("blackstar_ht1/input.flac", "blackstar_ht1/target.flac", 0, 4),
    "Big Muff": ("ehx_bigmuff/input.flac", "ehx_bigmuff/target.flac", 0, 6),
    "TS, 0": ("egfxset_tubescreamer/input_0.flac", "egfxset_tubescreamer/target_0.flac", -4410, 2),
    "TS, 3": ("egfxset_tubescreamer/input_3.flac", "egfxset_tubescreamer/target_3.flac", -4410, 2),
    "BD-2, 2": ("egfxset_bluesdriver/input_2.flac", "egfxset_bluesdriver/target_2.flac", -4410, 2),
    "BD-2, 3": ("egfxset_bluesdriver/input_3.flac", "egfxset_bluesdriver/target_3.flac", -4410, 2),
}

pytestmark = pytest.mark.skipif(not PAIRS.is_dir(), reason=f"no recordings at {PAIRS}")


@pytest.mark.parametrize("name", CASES)
def test_recording_is_taken_and_its_lag_found(name):
    dry, wet, lag, within = CASES[name]
    found = checks.load(PAIRS / dry, PAIRS / wet)
    assert found.lag_frames == pytest.approx(lag, abs=within)
    assert found.lag_frames - 11 <= found.cut_frames <= found.lag_frames + 1.5, "not causal"
    _nothing_broken(found)


@pytest.mark.parametrize("setting", ["B1_M3_T7", "B10_M0_T0"])
def test_amplifier_in_eight_clips_is_taken(setting):
    if not JVM.is_dir():
        pytest.skip(f"no recordings at {JVM}")
    clips = (1, 2, 3, 4, 5, 7, 8, 9)
    dry = np.concatenate([soundfile.read(JVM / f"input_{k}.flac")[0] for k in clips])
    wet = np.concatenate([soundfile.read(JVM / setting / f"target_{k}.flac")[0] for k in clips])
    found = checks.inspect(dry, wet, 44100)
    assert 0 <= found.lag_frames <= 6 and 0 <= found.cut_frames <= 6
    _nothing_broken(found)


def test_the_pedal_that_is_nine_frames_early_is_cut_by_nine():
    for part in ("train", "test"):
        folder = PAIRS / "boss_ds1"
        found = checks.load(folder / f"{part}_input.wav", folder / f"{part}_target.wav")
        assert found.cut_frames == -9 and found.polarity == -1
        assert found.lag_frames == pytest.approx(-8.6, abs=1)
        _nothing_broken(found)


@pytest.mark.parametrize("setting", ["B0_M0_T10", "B10_M0_T0", "B10_M0_T10", "B1_M3_T7"])
def test_short_clips_of_a_high_gain_amplifier_are_not_half_a_second_off(setting):
    """Two bands agreed on lags of -24931 and -18452 frames for clips 4 and 8 of B10_M0_T0."""
    for k in (4, 8):
        dry, rate_hz = soundfile.read(JVM / f"input_{k}.flac")
        wet, _ = soundfile.read(JVM / setting / f"target_{k}.flac")
        found = timing.search(dry, wet, rate_hz)
        peak, lag, _ = timing.settle(dry, wet, rate_hz, found.frames)
        assert found.sure and 0 <= lag <= 6, f"clip {k}: {lag}"
        assert 0 <= timing.causal(dry, wet, peak, rate_hz) <= 6, f"clip {k}"


@pytest.mark.parametrize("pedal", ["tubescreamer", "bluesdriver"])
def test_single_notes_are_aligned_or_said_to_be_unsure(pedal):
    """Four steady notes, 4410 frames early; some have no attack left to tell."""
    for k in range(4):
        dry, rate_hz = soundfile.read(PAIRS / f"egfxset_{pedal}" / f"input_{k}.flac")
        wet, _ = soundfile.read(PAIRS / f"egfxset_{pedal}" / f"target_{k}.flac")
        found = timing.search(dry, wet, rate_hz)
        assert abs(found.frames + 4410) <= 8 or not found.sure, f"note {k}: {found.frames}"


def test_recordings_of_two_pieces_of_music_are_refused():
    with pytest.raises(checks.Refused, match="does not follow"):
        checks.load(
            PAIRS / "klon_centaur_spice/input.flac",
            PAIRS / "fender_hrd3_drive/target_drive7_master2.flac",
        )


def _nothing_broken(found):
    """No drift, no breaks, no echo, no long memory was seen in recordings that have none."""
    for f in found.findings:
        if f.check in ("drift", "breaks", "echo", "memory", "swapped", "noise", "hum", "rate"):
            assert f.outcome == "ok", f.sentence
