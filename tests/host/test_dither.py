"""The dither: the specification step by step, its spectrum, and what averaging many channels keeps."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, freqz, lfilter, welch
from upedal import dither
from upedal.errors import UpedalError

LSB = 1 << 14  # of noise
MASK = 0xFFFFFFFF


def by_hand(audio, channels, seed, kind):
    """The module's specification in Python's own integers."""
    rows = []
    for c in range(channels):
        s = (seed + 0x9E3779B9 * (c + 1)) & MASK
        s ^= s >> 16
        s = (s * 0x85EBCA6B) & MASK
        s ^= s >> 13
        s = (s * 0xC2B2AE35) & MASK
        s ^= s >> 16
        s, t1, t2, y1, y2, row = s or 1, 0, 0, 0, 0, []
        for a in audio:
            s ^= (s << 13) & MASK
            s ^= s >> 17
            s ^= (s << 5) & MASK
            t = (s >> 18) - (s & 16383)
            y = (1385 * (t - 2 * t1 + t2) - 16812 * y1 - 5968 * y2 + 8192) >> 14
            t1, t2, y1, y2 = t, t1, y, y1
            d = {"none": 0, "white": t, "shaped": 2 * y}[kind]
            row.append(min(max((64 * int(a) + d + 8192) >> 14, -128), 127))
        rows.append(row)
    return np.array(rows)


def noise(kind, channels=16, frames=1 << 17, seed=1):
    return dither.Ditherer(channels, seed, kind).noise(frames)


@pytest.mark.parametrize("kind", dither.KINDS)
def test_follows_the_specification_in_plain_integers(kind):
    audio = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
    got = dither.requantise(audio, 3, 0xFFFFFFFF, kind)
    assert got.dtype == np.int8 and got.shape == (3, 5000)
    assert np.array_equal(got, by_hand(audio, 3, 0xFFFFFFFF, kind))


@pytest.mark.parametrize(
    "kind,digest",
    [
        ("none", "d9155fe52106dccf922ca9a794d742f6"),
        ("white", "9884eec87320e14daaf31ac79b258de9"),
        ("shaped", "f68ceef88171e3bdf5f801ac7987188b"),
    ],
)
def test_is_the_same_everywhere_and_always(kind, digest):
    """A ramp over all levels, 16 channels: a change of these hashes is a change of the format."""
    audio = np.arange(-32768, 32768, 3, dtype=np.int16)
    got = dither.requantise(audio, 16, 12345, kind)
    assert hashlib.sha256(got.tobytes()).hexdigest()[:32] == digest


@pytest.mark.parametrize("kind", dither.KINDS)
@given(cuts=st.lists(st.integers(0, 9000), max_size=5))
@settings(max_examples=15, deadline=None)
def test_any_split_into_blocks_gives_the_same_output(kind, cuts):
    audio = np.random.default_rng(1).integers(-3000, 3000, 9000).astype(np.int16)
    whole = dither.requantise(audio, 4, 7, kind)
    state = dither.Ditherer(4, 7, kind)
    parts = [state.process(part) for part in np.split(audio, sorted(cuts))]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_states_made_by_doubling_are_the_generator_stepped():
    s = dither.starts(99, 5)
    got, stepped = dither.uniform_states(s, 1000), []
    for _ in range(1000):
        s = dither.step(s)
        stepped.append(s)
    assert np.array_equal(got, np.stack(stepped, axis=1))


def test_coefficients_are_the_butterworth_filter_rounded_to_q14():
    b, a = butter(2, 17000, "high", fs=44100)
    hp = dither.high_pass()
    assert (hp.b, hp.a1, hp.a2) == (1385, 16812, 5968)
    assert np.allclose([hp.b, -2 * hp.b, hp.b], 16384 * b, atol=1)
    assert np.allclose([16384, hp.a1, hp.a2], 16384 * a, atol=0.5)


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_no_sequence_leaves_the_stated_bounds(rate_hz):
    """The worst case for the output is the sign of the response, reversed in time."""
    hp = dither.high_pass(rate_hz)
    sums, largest = dither.bounds(hp)
    assert sums < 1 << 29 and largest < 1 << 15
    impulse = np.r_[1.0, np.zeros(199)]
    h = lfilter([hp.b, -2 * hp.b, hp.b], [16384, hp.a1, hp.a2], impulse)
    worst = (dither.PEAK * np.where(h[::-1] >= 0, 1, -1)).tolist()
    t1 = t2 = y1 = y2 = most_sum = most_y = 0
    for t in [dither.PEAK * (-1) ** n for n in range(50)] + worst:
        total = hp.b * (t - 2 * t1 + t2) - hp.a1 * y1 - hp.a2 * y2 + 8192
        partial = abs(hp.b * (t - 2 * t1 + t2)) + abs(hp.a1 * y1) + abs(hp.a2 * y2) + 8192
        t1, t2, y1, y2 = t, t1, total >> 14, y1
        most_sum, most_y = max(most_sum, partial), max(most_y, abs(y1))
    assert most_y <= largest and most_sum <= sums
    assert most_y > 0.99 * largest, "the bound is far from what can be reached"


def test_white_noise_is_triangular_of_two_lsb_peak_to_peak():
    t = noise("white", frames=1 << 18) / LSB
    assert 0.99 < np.abs(t).max() < 1
    assert abs(t.var() * 6 - 1) < 0.005
    counts, edges = np.histogram(t, 20, (-1, 1), density=True)
    middle = (edges[1:] + edges[:-1]) / 2
    assert np.abs(counts - (1 - np.abs(middle))).max() < 0.01


def test_white_noise_is_white():
    f, p = welch(noise("white") / LSB, 44100, nperseg=256, detrend=False)
    level = 10 * np.log10(p.mean(0)[1:-1] / (2 / 6 / 44100))
    assert np.abs(level).max() < 0.15, f"{level.min():.2f} to {level.max():.2f} dB"


def test_shaped_noise_has_twice_the_butterworth_spectrum():
    f, p = welch(noise("shaped") / LSB, 44100, nperseg=512, window="blackmanharris", detrend=False)
    _, h = freqz(*butter(2, 17000, "high", fs=44100), worN=f, fs=44100)
    use = (f > 1000) & (f < 22000)
    want = 4 * np.abs(h) ** 2 * 2 / 6 / 44100
    off = 10 * np.log10(p.mean(0)[use] / want[use])
    assert np.abs(off).max() < 0.5, f"{off.min():.2f} to {off.max():.2f} dB"
    assert 10 * np.log10(want[use].max() / want[use].min()) > 60, "the range that was compared"


def test_shaped_noise_has_no_dc_and_the_power_of_theory():
    d = noise("shaped", frames=1 << 18) / LSB
    h = lfilter(*butter(2, 17000, "high", fs=44100), np.r_[1, np.zeros(400)])
    assert abs(d.var() / (4 / 6 * np.sum(h * h)) - 1) < 0.005
    assert np.abs(d.mean(1)).max() < 1e-5, "LSB"


@pytest.mark.parametrize("kind", ["white", "shaped"])
@pytest.mark.parametrize("seed", [0, 1, 2, MASK])
def test_channels_are_independent_at_every_lag_tried(kind, seed):
    frames = 1 << 16
    d = noise(kind, 16, frames, seed).astype(float)
    d /= np.sqrt((d * d).mean(1, keepdims=True))
    # Of independent channels the estimate spreads by sqrt(sum of squared autocorrelation / frames).
    spectrum = np.fft.rfft(d, 2 * frames)
    auto = np.fft.irfft((np.abs(spectrum) ** 2).mean(0))[:64] / frames
    spread = np.sqrt((auto[0] ** 2 + 2 * np.sum(auto[1:] ** 2)) / frames)
    largest = max(
        np.abs(np.fft.irfft(spectrum[a] * spectrum[b].conj())[:200]).max() / frames
        for a in range(16)
        for b in range(a)
    )
    assert largest < 6 * spread, f"seed {seed}: {largest:.4f}, spread {spread:.4f}"


def test_neighbouring_seeds_share_no_channel():
    known = {int(s) for seed in range(256) for s in dither.starts(seed, 64)}
    assert len(known) == 256 * 64 and 0 not in known


def sine_amplitude(signal, cycles):
    n = len(signal)
    return 2 / n * abs(np.sum(signal * np.exp(-2j * np.pi * cycles * np.arange(n) / n)))


def test_a_sine_of_a_third_of_an_lsb_survives_and_without_dither_is_lost():
    n, cycles = 1 << 16, 601  # about 404 Hz
    sine = np.round(0.3 * 256 * np.sin(2 * np.pi * cycles * np.arange(n) / n)).astype(np.int16)
    assert not dither.requantise(sine, 16, 5, "none").any()
    for kind, loss in (
        ("white", 0.002),
        ("shaped", 0.015),
    ):  # shaped: too narrow to be linear throughout
        mean = dither.requantise(sine, 16, 5, kind).mean(0)
        assert abs(sine_amplitude(mean, cycles) - 0.3) < loss, kind
        assert sine_amplitude(mean, 3 * cycles) < loss, kind


def low_noise(kind, channels):
    """Noise below 10 kHz of a quiet sine's average over channels, dB against one LSB squared."""
    n, cycles = 1 << 17, 1201
    sine = np.round(2560.3 * np.sin(2 * np.pi * cycles * np.arange(n) / n)).astype(np.int16)
    error = dither.requantise(sine, channels, 6, kind).mean(0) - sine / 256
    f, p = welch(error, 44100, nperseg=4096)
    return 10 * np.log10(np.sum(p[(f > 20) & (f < 10000)]) * (f[1] - f[0]))


def test_sixteen_channels_are_quieter_than_one_and_shaped_quieter_than_white():
    one, many = low_noise("shaped", 1), low_noise("shaped", 16)
    assert one - many > 11, f"{one:.1f} and {many:.1f} dB"
    assert low_noise("white", 16) - many > 3


def test_levels_at_the_ends_clamp_instead_of_wrapping():
    audio = np.repeat(np.array([-32768, 32767], np.int16), 3000)
    for kind in dither.KINDS:
        got = dither.requantise(audio, 4, 3, kind)
        assert got[:, :3000].max() <= -126 and got[:, 3000:].min() >= 126, kind


@pytest.mark.parametrize(
    "make,words",
    [
        (lambda: dither.Ditherer(1, 0, "pink"), "kind 'pink'; expected one of none, white, shaped"),
        (lambda: dither.Ditherer(65, 0), "65 channels; expected 1 to 64"),
        (lambda: dither.Ditherer(1, 1 << 32), "seed 4294967296"),
        (lambda: dither.high_pass(32000), "below 16000"),
        (lambda: dither.high_pass(44100, 100), "more than 32-bit sums"),
        (lambda: dither.requantise(np.zeros(4), 1, 0), r"audio float64 \[4\]; expected int16"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(UpedalError, match=words):
        make()
