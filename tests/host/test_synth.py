"""The synthetic guitar and overdrive: deterministic, in bounds, and true to the circuit."""

import time

import numpy as np
import pytest
from upedal import synth
from upedal.errors import UpedalError

RATE = 48000


def esr_db(target, output):
    return 10 * np.log10(np.sum((target - output) ** 2) / np.sum(target**2))


def test_guitar_repeats_with_its_seed_and_differs_with_another():
    first = synth.dry_guitar(3, RATE, seed=4)
    assert first.dtype == np.float32 and first.shape == (3 * RATE,)
    assert np.array_equal(first, synth.dry_guitar(3, RATE, seed=4))
    assert not np.array_equal(first, synth.dry_guitar(3, RATE, seed=5))


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_guitar_is_never_clipped_and_has_loud_and_silent_places(rate_hz):
    x = synth.dry_guitar(20, rate_hz)
    assert abs(np.max(np.abs(x)) - synth.PEAK) < 1e-3
    frames = x[: len(x) // 1000 * 1000].reshape(-1, 1000)
    level = 20 * np.log10(np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1)) + 1e-9)
    assert level.max() > -18 and level.min() < -60, (level.max(), level.min())


@pytest.mark.parametrize("f0_hz", [82.407, 196.0, 659.26, 987.77])
def test_string_sounds_at_its_pitch_within_three_cents(f0_hz):
    rng = np.random.default_rng(0)
    x = synth.pluck(f0_hz, 2.0, RATE, rng, decay_s=8.0, damping=0.05)
    x = x[RATE // 2 :] * np.hanning(len(x) - RATE // 2)
    spectrum = np.abs(np.fft.rfft(x, 1 << 21))
    hz = np.fft.rfftfreq(1 << 21, 1 / RATE)
    near = (hz > 0.97 * f0_hz) & (hz < 1.03 * f0_hz)
    found = hz[near][np.argmax(spectrum[near])]
    cents = 1200 * np.log2(found / f0_hz)
    assert abs(cents) < 3, f"{f0_hz} Hz sounds at {found:.2f} Hz, {cents:.2f} cents off"


def direct_clipper(volts, rate_hz):
    """The circuit solved sample by sample: backward search by bisection, no lanes, no Newton."""
    half = 0.5 / rate_hz
    leak = 1.0 / (synth.SERIES_OHM * synth.SHUNT_FARAD)

    def flow(u, v):
        diodes = 2.0 * synth.DIODE_IS / synth.SHUNT_FARAD * np.sinh(v / synth.DIODE_NVT)
        return (u - v) * leak - diodes

    out, v, before = np.empty_like(volts), 0.0, 0.0
    for k, u in enumerate(volts):
        known = v + half * flow(before, v)
        low, high = -1.2, 1.2
        for _ in range(60):
            middle = 0.5 * (low + high)
            if middle - half * flow(u, middle) > known:
                high = middle
            else:
                low = middle
        v, before = 0.5 * (low + high), u
        out[k] = v
    return out


def test_lanes_equal_the_direct_solution_of_the_circuit():
    from scipy.signal import firwin, resample_poly

    x = np.zeros(8000)  # silence at both ends, so that only the lanes' seams can differ
    x[400:7600] = synth.dry_guitar(1.0, RATE, seed=2)[4800:12000] * np.hanning(7200) * 2.0
    x = synth.gain_stage(x, RATE, 0.8)
    count = 2 * synth._TAPS_EACH_SIDE * synth.OVERSAMPLE + 1
    taps = firwin(count, 1 / synth.OVERSAMPLE, window=("kaiser", 10.0))
    up = resample_poly(x, synth.OVERSAMPLE, 1, window=taps)
    slow = direct_clipper(up, RATE * synth.OVERSAMPLE)
    slow = resample_poly(slow, 1, synth.OVERSAMPLE, window=taps)
    apart = esr_db(slow, synth.clip(x, RATE))
    assert apart < -100, f"lanes are {apart:.1f} dB from the direct solution"


def test_clipper_at_rest_follows_the_diode_law():
    for volts in (0.05, 0.5, 5.0, -5.0):
        v = synth.solve_clipper(np.full((4000, 1), volts), RATE * 8)[-1, 0]
        current = 2 * synth.DIODE_IS * np.sinh(v / synth.DIODE_NVT)
        assert abs((volts - v) / synth.SERIES_OHM - current) < 1e-9, (volts, v)


def test_quiet_signal_passes_linearly_and_without_delay():
    rng = np.random.default_rng(0)
    x = 1e-6 * np.convolve(rng.standard_normal(9000), np.hanning(9) / 4.5, "same")
    both = synth.overdrive(np.concatenate([x, np.zeros(999)]), RATE, drive=0.0, tone=1.0, level=1)
    y = synth.overdrive(2 * x, RATE, drive=0.0, tone=1.0, level=1)
    assert esr_db(2 * both[:9000], y) < -80
    lag = np.argmax(np.correlate(y, x, "full")) - 8999
    assert lag in (0, 1), lag


def test_overdrive_saturates_below_the_diodes_voltage_and_more_with_drive():
    t = np.arange(RATE // 2) / RATE
    x = 0.5 * np.sin(2 * np.pi * 220 * t)
    crests = []
    for drive in (0.0, 0.5, 1.0):
        y = synth.overdrive(x, RATE, drive=drive, tone=1.0, level=1.0)[RATE // 8 :]
        assert np.max(np.abs(y)) < 0.85
        crests.append(np.max(np.abs(y)) / np.sqrt(np.mean(y**2)))
    assert crests[0] > crests[1] > crests[2], crests


def test_aliases_of_5_khz_at_full_drive_lie_below_60_db():
    n = RATE
    x = 0.5 * np.sin(2 * np.pi * 5003 * np.arange(n) / RATE)
    y = synth.overdrive(x, RATE, drive=1.0, tone=1.0)[n // 2 :]
    spectrum = np.abs(np.fft.rfft(y * np.blackman(len(y)))) ** 2
    hz = np.fft.rfftfreq(len(y), 1 / RATE)
    wanted = np.zeros(len(hz), bool)
    for k in (1, 3):
        wanted |= np.abs(hz - k * 5003) < 30
    rest = ~wanted & (hz > 100) & (hz < 20000)
    ratio = 10 * np.log10(spectrum[rest].sum() / spectrum[wanted].sum())
    assert ratio < -60, f"{ratio:.1f} dB"


@pytest.mark.parametrize("wrong", [{"drive": 1.1}, {"tone": -0.1}, {"level": float("nan")}])
def test_setting_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(UpedalError, match=next(iter(wrong))):
        synth.overdrive(np.zeros(10), RATE, **wrong)


def test_a_minute_takes_less_than_ten_seconds():
    start = time.process_time()
    synth.overdrive(synth.dry_guitar(60, RATE), RATE)
    took = time.process_time() - start
    assert took < 10, f"{took:.1f} s"
