"""What the report measures is what is there: planted bands, harmonics, aliasing, noise, errors."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt, sosfreqz
from upedal.report import analyse, heard, sound

RATE = 48000


@pytest.fixture(scope="module")
def noise():
    return 0.1 * np.random.default_rng(1).standard_normal(20 * RATE).astype(np.float32)


def test_bands_hold_all_the_energy_there_is(noise):
    bands = analyse.third_octaves(noise, noise, RATE)
    low, high = bands.centre_hz[0] * 10**-0.05, bands.centre_hz[-1] * 10**0.05
    wanted = np.mean(noise**2) * (high - low) / (RATE / 2)
    assert np.sum(10 ** (bands.target_db / 10)) == pytest.approx(wanted, rel=0.02)
    assert np.nanmax(np.abs(bands.off_db)) == 0
    assert bands.centre_hz[0] == pytest.approx(25.1, abs=0.1)


def test_a_filter_is_seen_band_by_band_and_named(noise):
    sos = butter(2, 80, "highpass", fs=RATE, output="sos")
    thin = sosfilt(sos, noise).astype(np.float32)
    bands = analyse.third_octaves(noise, thin, RATE)
    _, response = sosfreqz(sos, bands.centre_hz[2:], fs=RATE)
    assert bands.off_db[2:] == pytest.approx(20 * np.log10(np.abs(response)), abs=0.9)
    section, faults = heard.spectrum(noise, thin, RATE)
    (fault,) = faults
    assert fault.startswith("its lows from 25 Hz to 79 Hz are ") and fault.endswith(" dB weak")
    assert section.sentences[0].startswith("The lows from 25 Hz to 79 Hz are up to ")
    assert "is not learnt" in section.sentences[1]


def test_a_band_off_by_less_is_not_named(noise):
    section, faults = heard.spectrum(noise, np.float32(0.88) * noise, RATE)
    assert faults == []
    assert section.sentences == [
        "No third octave is off by more than 1.5 dB; the worst by 1.1 dB."
    ]


@pytest.mark.parametrize("low, high, words", [
    (100, 800, "lows and mids"), (5000, 9000, "highs"), (30, 9000, "whole"), (300, 800, "mids"),
])  # fmt: skip
def test_regions_are_named_by_what_they_reach(low, high, words):
    assert heard._region(low, high) == words


def by_hz(play):
    return {round(tone.hz, -2): tone for tone in analyse.tones(play, RATE)}


def test_harmonics_of_a_cubic_are_its_algebra():
    tone = by_hz(lambda x: x + 0.1 * x**3)[400]
    for k, level in enumerate(analyse.LEVELS_DB):
        a = 10 ** (level / 20)
        if level >= -25:  # below, rounding to float32 shows
            assert tone.harmonics_db[k, 2] == pytest.approx(
                20 * np.log10(0.1 * a**3 / 4), abs=0.05
            )
        assert tone.harmonics_db[k, 0] == pytest.approx(
            20 * np.log10(a + 0.3 * a**3 / 4), abs=0.01
        )
    assert tone.harmonics_db[-1, 1] < -110
    assert tone.distortion[-1] == pytest.approx(0.025 / 1.075, rel=1e-3)
    assert tone.aliased_dbc.max() < -100


def seventh(x):
    """A sine and its seventh harmonic at -40 dB at full scale: Chebyshev's polynomial."""
    return x + 0.01 * (64 * x**7 - 112 * x**5 + 56 * x**3 - 7 * x)


def test_energy_above_half_the_rate_is_found_where_it_folds_to():
    tones = by_hz(seventh)
    assert tones[4000].aliased_dbc[-1] == pytest.approx(-40, abs=0.05)
    assert tones[1800].aliased_dbc[-1] < -100, "its seventh harmonic lies below half the rate"
    assert tones[1800].harmonics_db[-1, 6] == pytest.approx(-40, abs=0.1)
    section, faults = heard.harmonics(lambda x: seventh(seventh(x)), RATE)
    assert section.sentences[0].startswith("Aliasing is strongest for 4 kHz at 0 dBFS")
    assert faults == [], "only a guitar's notes are named in the verdict"


def test_what_was_never_played_so_loud_is_not_held_against_the_model():
    def bad_when_loud(x):
        return np.where(np.abs(x) > 0.5, np.sign(x), x)

    _, faults = heard.harmonics(bad_when_loud, RATE)
    assert faults[0].startswith("aliasing reaches −") and "1.76 kHz" in faults[0]
    section, faults = heard.harmonics(bad_when_loud, RATE, played_db=-10.0)
    assert faults == []
    assert section.sentences[0].startswith(
        "Up to −10 dBFS, about the loudest that was played, no "
    )


def test_noise_is_told_from_aliasing():
    rng = np.random.default_rng(0)
    tone = by_hz(lambda x: x + 1e-3 * rng.standard_normal(len(x)))[400]
    # A sine of amplitude 1 has energy 1/2.
    assert tone.noise_dbc[-1] == pytest.approx(10 * np.log10(2e-6), abs=0.3)
    assert tone.aliased_dbc[-1] < tone.noise_dbc[-1] - 10


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_tones_fit_any_rate(rate):
    tones = analyse.tones(np.copy, rate)
    assert all(tone.hz < rate / 2 for tone in tones) and len(tones) == (3 if rate == 8000 else 4)
    for tone in tones:
        assert tone.harmonics_db[:, 0] == pytest.approx(analyse.LEVELS_DB, abs=1e-3)
        assert tone.aliased_dbc.max() < -100


def test_error_over_time_finds_the_bad_moment_and_leaves_silence_out(noise):
    target = noise[: 3 * RATE].copy()
    target[RATE : 2 * RATE] = 0
    output = target.copy()
    output[int(2.5 * RATE) : int(2.6 * RATE)] *= 0.5
    seconds, ratio, level = analyse.error_over_time(target, output, RATE)
    assert np.isnan(ratio[10:20]).all() and np.isfinite(np.delete(ratio, range(10, 20))).all()
    assert seconds[np.nanargmax(ratio)] == pytest.approx(2.55)
    assert np.nanmax(ratio) == pytest.approx(0.25) and level[0] == pytest.approx(-20, abs=0.3)


@pytest.mark.parametrize("hz, db", [(1000, 0.0), (100, -19.1), (10000, -2.5)])
def test_a_weighting_is_the_standard_table(hz, db):
    x = np.sin(2 * np.pi * hz * np.arange(4 * RATE) / RATE)
    found = 10 * np.log10(analyse.a_weighted_energy(x, RATE) / np.mean(x**2))
    assert found == pytest.approx(db, abs=0.15)


def test_a_model_far_off_in_level_is_heard_as_it_is(noise):
    deck = sound.deck(None, noise, np.float32(0.1) * noise, RATE)
    assert deck["match_db"] == 0
    assert [take["id"] for take in deck["takes"]] == ["target", "model", "null"]


@pytest.mark.parametrize("hz", [100, 400, 1800, 4000])
def test_rounding_to_sixteen_bits_is_noise_and_no_aliasing(hz):
    tone = by_hz(lambda x: np.round(x * 32768) / 32768)[hz]
    loud = np.array(analyse.LEVELS_DB) >= -30
    levels = np.array(analyse.LEVELS_DB)[loud]
    wanted = 10 * np.log10(2 / 12 / 32768**2) - levels
    assert tone.noise_dbc[loud] == pytest.approx(wanted, abs=1.0)
    assert np.all(tone.aliased_dbc[loud] < tone.noise_dbc[loud] - 4)
