"""The test signal, how it is recognised, and what a recording of it tells."""

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, fftconvolve, lfilter, resample_poly
from upedal import audio, capture, synth
from upedal import capture_signal as signal
from upedal.errors import UpedalError

SPEC = signal.Spec(1, 48000, seed=7)
ALL = [signal.Spec(m, r) for m in signal.MINUTES for r in signal.RATES_HZ]


@pytest.fixture(scope="module")
def dry():
    return signal.render(SPEC).astype(np.float64)


@pytest.fixture(scope="module")
def amp(dry):
    """An inverting overdrive behind a loudspeaker's band."""
    driven = np.tanh(10.0 * lfilter(*butter(1, 700, "high", fs=48000), dry) + 0.2) - np.tanh(0.2)
    return -lfilter(*butter(2, [90, 5000], "band", fs=48000), 0.5 * driven)


def late(x, frames, noise=1e-3):
    """x some frames late (a fraction by a windowed sinc), with noise, half a second longer."""
    whole = int(frames)
    k = np.arange(-32, 33) - (frames - whole)
    sinc = np.sinc(k) * np.cos(np.pi * np.clip(k / 34, -0.5, 0.5)) ** 2
    moved = np.convolve(np.concatenate([np.zeros(whole), x, np.zeros(24000)]), sinc, "same")
    return moved + noise * np.random.default_rng(1).standard_normal(len(moved))


def part(spec, name):
    return [s for s in signal.layout(spec) if s.part == name]


# ---- the signal ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ALL)
def test_sections_follow_one_another_from_first_to_last_frame(spec):
    found = signal.layout(spec)
    assert found[0].start == 0 and found[-1].end == spec.frames == spec.minutes * 60 * spec.rate_hz
    assert all(a.end == b.start and a.end > a.start for a, b in zip(found, found[1:]))


@pytest.mark.parametrize("spec", ALL)
def test_parts_end_where_training_splits(spec):
    learn, check, test = audio.split(spec.frames, spec.rate_hz)
    assert [part(spec, p)[-1].end for p in ("train", "validation", "test")] == [
        learn.stop,
        check.stop,
        test.stop,
    ]


@pytest.mark.parametrize("spec", ALL)
def test_validation_and_test_are_guitar_and_bass_for_most_of_their_time(spec):
    for name in ("validation", "test"):
        sections = part(spec, name)
        whole = sections[-1].end - sections[0].start
        for kind, least in (("guitar", 0.4), ("bass", 0.28)):
            assert sum(s.end - s.start for s in sections if s.name == kind) > least * whole


@pytest.mark.parametrize("name", ["validation", "test"])
def test_judging_parts_are_as_loud_and_as_bright_as_the_playing_that_is_learnt(dry, name):
    def bands(of):
        x = np.concatenate(
            [dry[s.start : s.end] for s in part(SPEC, of) if s.name in ("guitar", "bass")]
        )
        power = np.abs(np.fft.rfft(x)) ** 2 / len(x)
        f = np.fft.rfftfreq(len(x), 1 / 48000)
        return 10 * np.log10(
            [power[(f >= a) & (f < b)].mean() for a, b in ((40, 160), (160, 640), (640, 2560))]
        )

    assert np.max(np.abs(bands(name) - bands("train"))) < 8.0


def test_playing_spans_soft_to_loud(dry):
    for s in signal.layout(SPEC):
        if s.name in ("guitar", "bass"):
            blocks = dry[s.start : s.end][: (s.end - s.start) // 4800 * 4800].reshape(-1, 4800)
            peaks = 20 * np.log10(np.max(np.abs(blocks), axis=1) + 1e-9)
            assert peaks.max() > -1.5 and np.percentile(peaks, 20) < -14, s


def test_same_arguments_same_samples_and_another_seed_another_playing(dry):
    assert np.array_equal(signal.render(SPEC), dry.astype(np.float32))
    assert not np.array_equal(signal.render(signal.Spec(1, 48000, seed=8)), dry.astype(np.float32))


def test_sweeps_rise_and_cover_the_band(dry):
    (s,) = [s for s in signal.layout(SPEC) if s.name == "sweeps"]
    x = dry[s.start : s.end]
    each = len(x) // 4
    peaks = [np.max(np.abs(x[k * each : (k + 1) * each])) for k in range(4)]
    assert np.allclose(20 * np.log10(np.divide(peaks, peaks[-1])), [-30, -18, -8, 0], atol=0.1)
    power = np.abs(np.fft.rfft(x[3 * each :])) ** 2
    f = np.fft.rfftfreq(len(x) - 3 * each, 1 / 48000)
    # An exponential sweep is pink: power times frequency is level.
    level = [np.mean((power * f)[(f > c / 1.1) & (f < c * 1.1)]) for c in (50, 500, 5000, 15000)]
    assert np.ptp(10 * np.log10(level)) < 3.0


def test_silences_are_silent_but_for_their_click(dry):
    for s in signal.layout(SPEC):
        loud = np.count_nonzero(dry[s.start : s.end])
        if s.name in ("lead", "floor", "tail"):
            assert loud == 0
        if s.name == "mark":
            assert 0 < loud <= 9


def test_wrong_specs_are_refused():
    for wrong in ((2, 48000), (1, 96000), (1, 48000, 65536), (1, 48000, 0, 2)):
        with pytest.raises(UpedalError, match="expected"):
            signal.Spec(*wrong)


# ---- recognising ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec", [signal.Spec(1, 44100, 65535), signal.Spec(3, 44100, 4660), signal.Spec(5, 48000)]
)
def test_is_recognised_from_its_samples_alone_and_never_clips(spec):
    x = signal.render(spec)
    assert signal.recognise(x) == signal.Found(spec, 0, 1.0)
    assert len(x) == spec.frames and np.max(np.abs(x)) <= signal.PEAK + 1e-6


def test_is_recognised_when_shifted_cut_scaled_and_noisy(dry):
    noise = 1e-3 * np.random.default_rng(2).standard_normal(100000)
    assert signal.recognise(-0.1 * np.concatenate([np.zeros(90000), dry])).offset == 90000
    assert signal.recognise(dry[20000:]).offset == -20000
    assert signal.recognise(dry[:100000] + noise) == signal.Found(SPEC, 0, 1.0)


@pytest.mark.parametrize("up, down", [(147, 160), (2, 1), (1, 2)])
def test_is_recognised_after_resampling_and_says_by_how_much(dry, up, down):
    found = signal.recognise(resample_poly(dry[: 4 * 48000], up, down))
    assert found.spec == SPEC and abs(found.scale - up / down) < 2e-3 and abs(found.offset) < 40


def test_other_recordings_are_not_taken_for_it():
    rng = np.random.default_rng(3)
    assert signal.recognise(np.zeros(48000)) is None and signal.recognise(np.zeros(0)) is None
    for seed in range(20):
        assert signal.recognise(synth.dry_guitar(2.0, 48000, seed=seed)) is None
        assert signal.recognise(rng.standard_normal(48000)) is None
        clicks = np.zeros(100000)
        clicks[np.cumsum(rng.integers(1200, 2000, 12))] = 0.8
        assert signal.recognise(clicks) is None


def test_a_wrong_digit_is_noticed(dry):
    at = signal.clicks(SPEC)[0][5]
    x = dry[:100000].copy()
    x[at + 48 : at + 57] = x[at : at + 9]
    x[at : at + 9] = 0.0
    assert signal.recognise(x) is None


# ---- judging -------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [0, 1, 777, 1234.5, 20000.25])
def test_latency_of_a_wire_is_found_to_a_fifth_of_a_frame(dry, frames):
    found = capture.judge(late(dry, frames), SPEC)
    assert abs(found.latency_frames - frames) < 0.2 and found.polarity == 1 and found.by_clicks
    assert abs(found.drift_ppm) < 0.05 and not found.jumps
    assert abs(found.floor_db - -60.0) < 0.5


@pytest.mark.parametrize("frames", [0, 4321])
def test_latency_and_polarity_are_found_through_an_amp(amp, frames):
    found = capture.judge(late(amp, frames), SPEC)
    assert 0.0 <= found.latency_frames - frames < 4.0 and found.polarity == -1
    assert abs(found.drift_ppm) < 0.05 and not found.jumps


def test_clicks_are_found_behind_high_gain_a_loudspeaker_and_hum(dry):
    rng, n = np.random.default_rng(0), np.arange(len(dry))
    driven = np.tanh(
        300 * lfilter(*butter(1, 500, "high", fs=48000), dry)
        + 0.01 * rng.standard_normal(len(dry))
    )
    room = rng.standard_normal(2048) * np.exp(-np.arange(2048) / 150)
    cab = lfilter(*butter(4, [90, 4500], "band", fs=48000), room / np.linalg.norm(room))
    wet = 0.3 * fftconvolve(driven, cab)[: len(dry)] + 0.01 * np.sin(2 * np.pi * 50 * n / 48000)
    found = capture.judge(late(wet, 3000), SPEC)
    assert 0 <= found.latency_frames - 3000 < 20, "the answer is spread over 3 ms"
    assert abs(found.drift_ppm) < 0.1 and not found.jumps


@pytest.mark.parametrize("ppm", [-150.0, -3.0, 20.0, 150.0])
def test_drift_is_found(amp, ppm):
    at = np.arange(len(amp) + 5000) * (1.0 - 1e-6 * ppm)
    found = capture.judge(np.interp(at, np.arange(len(amp)), amp, right=0.0), SPEC)
    assert abs(found.drift_ppm - ppm) < 0.3 and not found.jumps, found


@pytest.mark.parametrize("frames", [-256, -64, 128, 4096, 15365])
def test_lost_and_doubled_frames_are_found_and_placed(amp, frames):
    cut = 1_300_000  # 27.1 s, between the marks at 17.2 and 31.0 s
    found = capture.judge(late(np.concatenate([amp[:cut], amp[cut - frames :]]), 500), SPEC)
    assert len(found.jumps) == 1, found
    (at_s, moved) = found.jumps[0]
    assert abs(moved - frames) < 0.3 and 27.1 < at_s < 31.1


def test_clipping_is_counted_at_full_scale_only(dry, amp):
    assert capture.judge(np.clip(1.5 * dry, -1.0, 1.0), SPEC).clipped > 1000
    assert capture.judge(np.clip(1.5 * dry, -0.6, 0.6), SPEC).clipped == 0  # the gear's own
    assert capture.judge(amp, SPEC).clipped == 0


def test_no_clicks_no_figures():
    for x in (np.zeros(48000 * 60), 1e-2 * np.random.default_rng(0).standard_normal(48000 * 60),
              synth.dry_guitar(60, 48000), np.zeros(100)):  # fmt: skip
        found = capture.judge(x, SPEC)
        assert (found.latency_frames, found.drift_ppm, found.by_clicks) == (None, None, False)


# ---- files ---------------------------------------------------------------------------------------


def test_file_is_24_bits_and_survives_reading(tmp_path):
    path = tmp_path / "x.wav"
    x = capture.write(path, SPEC)
    about = soundfile.info(path)
    assert (about.subtype, about.samplerate, about.channels, about.frames) == (
        "PCM_24",
        48000,
        1,
        SPEC.frames,
    )
    y, _ = audio.read(path)
    assert np.max(np.abs(y - x)) <= 2.0**-23 and signal.recognise(y) == signal.Found(SPEC, 0, 1.0)


def test_only_a_test_signal_is_written_over(tmp_path):
    path = tmp_path / "x.wav"
    capture.write(path, SPEC)
    before, other = path.read_bytes(), signal.Spec(1, 44100)
    capture.write(path, SPEC)
    with pytest.raises(UpedalError, match="1 min at 48000 Hz, seed 7.*--force"):
        capture.write(path, other)
    assert path.read_bytes() == before
    capture.write(path, other, force=True)
    assert soundfile.info(path).samplerate == 44100
    audio.write(path, 0.5 * signal.render(other), 44100, "PCM_24")
    with pytest.raises(UpedalError, match="--force"):
        capture.write(path, other)
    mine = tmp_path / "mine.wav"
    audio.write(mine, synth.dry_guitar(2.0), 48000)
    before = mine.read_bytes()
    with pytest.raises(UpedalError, match="another name"):
        capture.write(mine, SPEC, force=True)
    assert mine.read_bytes() == before
    with pytest.raises(UpedalError, match="wav"):
        capture.write(tmp_path / "x.mp3", SPEC)


@pytest.mark.parametrize(
    "name, wet", [("a.wav", "a-wet.wav"), ("a-dry.wav", "a-wet.wav"), ("b.WAV", "b-wet.wav")]
)
def test_wet_lies_beside_dry(name, wet):
    assert capture.wet_path(f"folder/{name}").as_posix() == f"folder/{wet}"
