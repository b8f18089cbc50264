"""The built-in distortion and fuzz are true to their circuits."""

import numpy as np
import pytest
from upedal import synth, whitebox
from upedal.errors import UpedalError

RATE = 44100


def esr_db(target, output):
    return 10 * np.log10(np.sum((target - output) ** 2) / np.sum(target**2))


@pytest.mark.parametrize("pedal", [whitebox.distortion, whitebox.fuzz])
def test_same_input_gives_the_same_finite_output_of_its_length(pedal):
    x = synth.dry_guitar(1.3, RATE, seed=1)
    y = pedal(x, RATE)
    assert y.dtype == np.float32 and y.shape == x.shape and np.all(np.isfinite(y))
    assert np.array_equal(y, pedal(x, RATE)) and 0.05 < y.std() < np.max(np.abs(y)) <= 1.0


@pytest.mark.parametrize("pedal", [whitebox.distortion, whitebox.fuzz])
def test_output_does_not_come_before_the_input(pedal):
    x = np.zeros(9000)
    x[6000:] = 0.3
    y = pedal(x, RATE)
    before = np.max(np.abs(y[:5980]))  # the oversampling filters look 16 frames ahead, twice
    assert before < 1e-4 < 0.05 < np.max(np.abs(y[6000:6100])), before


@pytest.mark.parametrize("drive", [0.0, 1.0])
def test_opamp_stage_has_the_gain_that_its_impedances_give(drive):
    """Against complex impedances at each frequency, without polynomials."""
    for hz in (20.0, 300.0, 2000.0, 15000.0):
        s = 2j * np.pi * hz
        to_ground = sum(1 / (r + 1 / (s * c)) for r, c in whitebox.GROUND)
        low, high = whitebox.FEEDBACK_OHM
        ohm = low if drive == 0 else high
        over = 1 / (1 / ohm + s * whitebox.FEEDBACK_FARAD)
        ideal = 1 + over * to_ground
        open_loop = 2 * np.pi * whitebox.UNITY_HZ / s
        wanted = open_loop / (1 + open_loop / ideal)
        top, bottom = whitebox.opamp_polynomials(drive)
        assert np.polyval(top, s) / np.polyval(bottom, s) == pytest.approx(wanted, rel=1e-9), hz


def test_full_drive_loses_highs_to_the_opamp():
    def gain(hz, drive):
        x = 1e-4 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)
        return np.max(np.abs(whitebox.opamp_stage(x, RATE, drive)[RATE // 2 :])) / 1e-4

    assert gain(1000, 1.0) > 50 * gain(1000, 0.0)
    assert gain(12000, 1.0) < 0.15 * gain(1000, 1.0) and gain(12000, 0.0) > 0.9 * gain(1000, 0.0)


def test_diodes_obey_their_law_behind_the_rails():
    u = np.array([0.01, 0.3, 1.0, 4.0, -4.0, 50.0])
    v = whitebox.clip_hard(u)
    current = 2 * synth.DIODE_IS * np.sinh(v / synth.DIODE_NVT)
    assert np.allclose((np.clip(u, -4.5, 4.5) - v) / whitebox.DIODE_OHM, current, rtol=0, atol=1e-9)
    assert v[5] == whitebox.clip_hard(np.array([4.5]))[0] and np.all(np.abs(v) < 0.8)


def test_distortion_is_odd_and_clips_harder_with_drive():
    x = 0.2 * np.sin(2 * np.pi * 220 * np.arange(RATE // 2) / RATE)
    apart = whitebox.distortion(x, RATE) + whitebox.distortion(-x, RATE)
    assert np.max(np.abs(apart)) < 1e-6
    crests = []
    for drive in (0.0, 0.5, 1.0):
        y = whitebox.distortion(0.1 * x, RATE, drive=drive, tone=1.0)[RATE // 8 :]
        crests.append(np.max(np.abs(y)) / y.std())
    assert crests[0] > crests[1] > crests[2] and crests[2] < 1.2, crests


def direct_stage(volts, rate_hz, k, source_ohm):
    """A fuzz stage's base by bisection on its node equation, one sample after the other."""
    farad, bias = whitebox.COUPLING_FARAD[k], whitebox.BIAS_OHM[k]
    rest, step = whitebox.rest_current(k) / whitebox.BETA, 1 / rate_hz
    q, out = 0.0, []

    def drawn(v):
        return v / bias + rest * np.expm1(v / whitebox.THERMAL)

    for u in volts:
        low, high = -20.0, 1.0
        for _ in range(70):
            v = 0.5 * (low + high)
            i = drawn(v)  # charges the capacitor within the step
            if u - (q + step / farad * i) - v > source_ohm * i:
                low = v
            else:
                high = v
        q += step / farad * i
        out.append(v)
    return np.array(out)


@pytest.mark.parametrize("k,ohm,size", [(0, 22e3, 0.3), (1, 183e3, 5.0)])
def test_base_equals_the_direct_solution_of_its_node(k, ohm, size):
    rate = 8 * RATE
    u = size * np.sin(2 * np.pi * 500 * np.arange(2500) / rate) * np.linspace(0, 1, 2500)
    got = whitebox.base_voltage(u[:, None], rate, k, ohm)[:, 0]
    assert np.max(np.abs(got - direct_stage(u, rate, k, ohm))) < 1e-9


@pytest.mark.parametrize("k", [0, 1])
def test_collector_solves_ebers_and_moll_between_its_rails(k):
    base = np.linspace(-0.3, 0.15, 40)
    rest = whitebox.SUPPLY * (1 - whitebox.REST[k])
    v = whitebox.collector(base, k) + rest
    current = whitebox.rest_current(k) * np.exp(base / whitebox.THERMAL)
    wanted = whitebox.SUPPLY - whitebox.COLLECTOR_OHM[k] * current * -np.expm1(-v / whitebox.THERMAL)
    assert np.allclose(v, wanted, rtol=0, atol=1e-6)
    assert np.all(np.diff(v) <= 0) and 0 < v[-1] < 0.2 and v[0] == pytest.approx(9.0, abs=1e-3)


def test_lanes_of_the_fuzz_meet_without_a_seam():
    """One long lane against lanes of a tenth of a second."""
    x = synth.dry_guitar(0.6, RATE, seed=2)
    lanes = whitebox.fuzz(x, RATE, fuzz=0.3)
    before = whitebox._LANE_S
    try:
        whitebox._LANE_S = 0.6
        whole = whitebox.fuzz(x, RATE, fuzz=0.3)
    finally:
        whitebox._LANE_S = before
    assert esr_db(whole, lanes) < -60, esr_db(whole, lanes)


def test_fuzz_is_asymmetric_and_a_loud_note_cuts_it_off_for_a_while():
    n = RATE // 2
    t = np.arange(n) / RATE
    quiet = 0.004 * np.sin(2 * np.pi * 330 * t)
    loud = np.where((t > 0.2) & (t < 0.25), 0.7 * np.sin(2 * np.pi * 330 * t), 0.0)
    y = whitebox.fuzz(0.5 * np.sin(2 * np.pi * 330 * t), RATE, fuzz=0.2)[n // 2 :]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    at = [int(round(330 * k * len(y) / RATE)) for k in (1, 2)]
    first, second = (spectrum[a - 3 : a + 4].max() for a in at)
    assert second > 0.02 * first, second / first

    alone, after = (whitebox.fuzz(x, RATE, fuzz=0.5) for x in (quiet, quiet + loud))

    def left(start_s, stop_s):
        part = slice(int(start_s * RATE), int(stop_s * RATE))
        return np.std(np.diff(after[part])) / np.std(np.diff(alone[part]))

    assert left(0.2505, 0.2535) < 0.2, "a loud note leaves the bias where it was"
    assert left(0.3, 0.35) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("pedal", [whitebox.distortion, whitebox.fuzz])
def test_setting_out_of_range_is_refused_by_name(pedal):
    for wrong in ({"tone": -0.1}, {"level": float("nan")}):
        with pytest.raises(UpedalError, match=f"{pedal.__name__}: {next(iter(wrong))}"):
            pedal(np.zeros(10), RATE, **wrong)
    with pytest.raises(UpedalError, match="finite mono"):
        pedal(np.array([np.inf]), RATE)


def test_aliases_of_3_khz_lie_below_38_db():
    n = RATE // 2
    x = 0.3 * np.sin(2 * np.pi * 3001 * np.arange(n) / RATE)
    for pedal in (whitebox.distortion, whitebox.fuzz):
        y = pedal(x, RATE)[n // 2 :]
        power = np.abs(np.fft.rfft(y * np.blackman(len(y)))) ** 2
        hz = np.fft.rfftfreq(len(y), 1 / RATE)
        wanted = np.zeros(len(hz), bool)
        for k in range(1, 8):
            wanted |= np.abs(hz - k * 3001) < 40
        rest = ~wanted & (hz > 200)
        ratio = 10 * np.log10(power[rest].sum() / power[wanted].sum())
        assert ratio < -38, f"{pedal.__name__}: {ratio:.1f} dB"
