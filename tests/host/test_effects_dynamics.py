"""Effects that follow the level, against their definitions."""

import numpy as np
import pytest
from pedal.effects.compressor import Compressor
from pedal.effects.gate import Gate
from pedal.effects.limiter import Limiter
from pedal.effects.meter import Meter

from tests.host import effect_checks as checks
from tests.host.effects import RATE_HZ, db, noise, play, sine

MS = RATE_HZ // 1000
ALL = (
    lambda: Gate(threshold_db=-20.0),
    Compressor,
    lambda: Compressor(attack_ms=0.1, knee_db=0.0, ratio=40.0, mix=0.6),
    lambda: Limiter(ceiling_db=-12.0),
    Meter,
)


def flat(*levels_and_ms):
    """A signal whose magnitude stands still: +a, -a, +a ... at each level (dBFS) for so many ms."""
    sizes = [np.full(round(ms * MS), 10 ** (level / 20)) for level, ms in levels_and_ms]
    x = np.concatenate(sizes)
    return x * (1.0 - 2.0 * (np.arange(len(x)) % 2))


def gain_db(effect, x, *, late=0):
    y = play(effect, np.concatenate([x, np.zeros(late)]))[late:]
    return db(np.abs(y) / np.abs(x))


# ---- gate


def test_gate_opens_at_its_threshold_and_stays_open_down_to_its_hysteresis():
    def ends_open(*levels):
        return (
            gain_db(
                Gate(threshold_db=-40, hysteresis_db=6, hold_ms=20),
                flat(*[(at, 300) for at in levels]),
            )[-1]
            > -1
        )

    assert not ends_open(-40.2)
    assert ends_open(-39.8)
    assert ends_open(-39.8, -45.8)
    assert not ends_open(-39.8, -46.2)
    assert not ends_open(-39.8, -46.2, -40.2)


def test_gate_rises_straight_holds_and_falls_by_equal_ratios():
    gate = Gate(threshold_db=-40, attack_ms=10, hold_ms=50, release_ms=200, range_db=-60)
    g = gain_db(gate, flat((-80, 100), (-20, 200), (-80, 600)))
    rise = 10 ** (g[100 * MS : 115 * MS] / 20)
    assert g[99 * MS] == pytest.approx(-60, abs=0.01)
    half = np.argmax(rise > 0.5) / MS
    assert half == pytest.approx(5, abs=0.7), f"half open after {half} ms"
    assert np.abs(np.diff(rise)).max() < 1.05 / (10 * MS)
    fall = g[300 * MS :]
    start = np.argmax(fall < -0.1) / MS  # 12 to 16 ms of window, 50 of hold
    assert 50 + 12 <= start <= 50 + 17.5, f"falls after {start} ms"
    down = np.argmax(fall < -59.9) / MS - start
    assert down == pytest.approx(200, rel=0.02)
    t = np.arange(int((start + 20) * MS), int((start + 180) * MS))
    assert np.ptp(np.diff(fall[t[:: 10 * MS]])) < 0.05, "not the same number of dB each 10 ms"


def test_gate_counts_its_hold_from_the_last_time_the_level_was_up():
    gate = Gate(threshold_db=-40, hysteresis_db=6, hold_ms=100, release_ms=5)
    g = gain_db(gate, flat((-20, 200), (-50, 70), (-43, 60), (-50, 70), (-43, 100), (-50, 150)))
    assert g[499 * MS] == pytest.approx(0, abs=1e-3)
    assert g[-1] < -60


@pytest.mark.parametrize("hz", [31.0, 41.2, 82.4, 329.6])
def test_gate_closes_once_on_a_note_that_dies_away(hz):
    note = sine(hz, 4.0, dbfs=0.0) * 10 ** (-np.arange(4 * RATE_HZ) / RATE_HZ)  # -20 dB a second
    note += noise(4.0, dbfs=-75.0)
    y = play(Gate(threshold_db=-40, hold_ms=0, release_ms=20), note)
    loud = np.abs(note) > 1e-4
    g = np.convolve(np.abs(y[loud] / note[loud]) > 0.5, np.ones(9) / 9, "same") > 0.5
    turns = np.count_nonzero(np.diff(g.astype(int)))
    assert turns <= 2, f"{turns} turns"
    assert g[len(g) // 4] and not g[-100]


def test_gate_passes_an_open_signal_bit_by_bit():
    x = noise(0.3, dbfs=-10.0).astype(np.float32)
    y = play(Gate(threshold_db=-60), x)
    assert np.array_equal(y[1000:], x[1000:])


# ---- compressor


def curve(x_db, threshold, ratio, knee):
    """Giannoulis, Massberg and Reiss (2012), equation 4: level out for level in, dB."""
    if 2 * (x_db - threshold) < -knee:
        return x_db
    if 2 * abs(x_db - threshold) <= knee:
        return x_db + (1 / ratio - 1) * (x_db - threshold + knee / 2) ** 2 / (2 * knee)
    return threshold + (x_db - threshold) / ratio


@pytest.mark.parametrize(
    ("threshold", "ratio", "knee", "makeup"),
    [(-24, 4, 6, 0), (-40, 2, 0, 6), (-12, 40, 24, -6), (-30, 8, 12, 0)],
)
def test_compressor_follows_the_textbook_curve(threshold, ratio, knee, makeup):
    effect = Compressor(
        threshold_db=threshold,
        ratio=ratio,
        knee_db=knee,
        makeup_db=makeup,
        attack_ms=1,
        release_ms=5,
    )
    levels = np.arange(-60, 1, 1.5)
    y = play(effect, flat(*[(level, 60) for level in levels]))
    out = db(np.abs(y.reshape(len(levels), -1)[:, -1]))
    expected = np.array([curve(level, threshold, ratio, knee) for level in levels]) + makeup
    assert np.abs(out - expected).max() < 0.02


@pytest.mark.parametrize("hz", [41.2, 82.4, 440.0, 3000.0])
def test_compressor_holds_still_on_a_steady_note(hz):
    y = play(
        Compressor(threshold_db=-30, knee_db=0, makeup_db=0, attack_ms=5, release_ms=100),
        sine(hz, 2.0, dbfs=-6.0),
    )
    peak = db(np.abs(y[RATE_HZ:]).max())
    assert peak == pytest.approx(-30 + 24 / 4, abs=0.1)
    spectrum = np.abs(np.fft.rfft(y[RATE_HZ:] * np.blackman(RATE_HZ)))
    bins = np.arange(len(spectrum))
    rest = spectrum[np.abs(bins - hz) > 4]
    assert db(rest.max() / spectrum.max()) < -55, "the gain moves within the period"


@pytest.mark.parametrize(("attack_ms", "release_ms"), [(0.3, 30), (2, 50), (10, 200), (50, 500)])
def test_compressor_takes_63_percent_of_the_way_in_its_times(attack_ms, release_ms):
    effect = Compressor(
        threshold_db=-40,
        ratio=4,
        knee_db=0,
        makeup_db=0,
        attack_ms=attack_ms,
        release_ms=release_ms,
    )
    on, off = 8 * attack_ms + 40, 8 * release_ms
    g = gain_db(effect, flat((-60, 50), (-10, on), (-60, off)))
    start, stop = 50 * MS, (50 + round(on)) * MS
    full = -30 * 0.75
    attack = np.argmax(g[start:] < 0.632 * full) / MS
    assert attack == pytest.approx(attack_ms, abs=0.02 * attack_ms + 0.3), f"attack {attack} ms"
    begin = np.argmax(g[stop:] > 0.99 * full) / MS  # the window lets go
    release = np.argmax(g[stop:] > 0.368 * full) / MS - begin
    assert begin < 17 + 0.011 * release_ms
    assert release == pytest.approx(release_ms, rel=0.03, abs=0.4), f"release {release} ms"


def test_compressor_mixes_in_the_dry_signal_and_tells_its_reduction():
    x = flat((-10, 500))
    wet = Compressor(threshold_db=-30, ratio=4, knee_db=0, makeup_db=6, mix=1.0)
    both = Compressor(threshold_db=-30, ratio=4, knee_db=0, makeup_db=6, mix=0.25)
    y, z = play(wet, x)[-1], play(both, x)[-1]
    assert z == pytest.approx(0.25 * y + 0.75 * x[-1], rel=1e-3)
    assert wet.reduction_db == pytest.approx(15, abs=0.05)


# ---- limiter


def hostile():
    rng = np.random.default_rng(5)
    n = RATE_HZ // 2
    clicks = np.zeros(n)
    clicks[rng.integers(0, n, 200)] = rng.choice([-1000.0, -3.0, 1.01, 30.0], 200)
    steps = np.repeat(rng.normal(0, 3, n // 37 + 1), 37)[:n]
    sweep = 4 * np.sin(np.cumsum(np.linspace(0.001, 3.1, n)))
    bursts = rng.normal(0, 2, n) * (np.sin(np.arange(n) / 300) > 0.9)
    ramp = np.linspace(0, 900, n) * np.sign(np.sin(np.arange(n) * 1.3))
    return {"clicks": clicks, "steps": steps, "sweep": sweep, "bursts": bursts, "ramp": ramp}


@pytest.mark.parametrize("name", list(hostile()))
@pytest.mark.parametrize(("ceiling_db", "release_ms"), [(-1.0, 5.0), (-12.0, 80.0), (0.0, 2000.0)])
def test_limiter_never_passes_its_ceiling(name, ceiling_db, release_ms):
    x = hostile()[name]
    y = play(Limiter(ceiling_db=ceiling_db, release_ms=release_ms), x, blocks=(64, 1, 33))
    assert np.abs(y).max() <= 10 ** (ceiling_db / 20) * (1 + 2e-7), db(np.abs(y).max())


@pytest.mark.parametrize("name", list(hostile()))
@pytest.mark.parametrize("release_ms", [5.0, 80.0])
def test_limiter_is_lines_between_means_of_the_lowest_gains(name, release_ms):
    x = hostile()[name]
    x = x[: len(x) // 16 * 16].astype(np.float32).astype(float)
    ceiling = 10 ** (-3 / 20)
    needs = np.minimum(
        1, 0.999999 * ceiling / np.maximum(np.abs(x).reshape(-1, 16).max(axis=1), 1e-9)
    )
    needs = np.concatenate([np.ones(5), needs])
    lows, share = [1.0] * 4, 1 - np.exp(-16 / (release_ms * MS))
    for at in range(5, len(needs)):
        low = needs[at - 4 : at + 1].min()  # the group now leaving is the oldest of these
        lows.append(low if low < lows[-1] + 1e-6 else lows[-1] + (low - lows[-1]) * share)
    nodes = np.convolve(lows, np.ones(4) / 4, "valid")  # the gain when each group is complete
    gain = np.interp(np.arange(1, len(x) + 1), 16 * np.arange(len(nodes)), nodes)
    late = Limiter.latency
    expected = x[: len(x) - late] * gain[late - 16 : -16]
    assert np.abs(expected).max() < ceiling * (1 + 1e-9), (
        "the definition holds the ceiling without cutting"
    )
    y = play(Limiter(ceiling_db=-3.0, release_ms=release_ms), x)[late:]
    assert np.abs(y - expected).max() < 1e-4


@pytest.mark.parametrize("name", list(hostile()))
def test_limiter_gets_there_by_gain_and_not_by_cutting(name):
    """The gain, out over in, changes by no more than its steepest line: 1 in 64 frames, and rounding."""
    x = hostile()[name].astype(np.float32)
    late = Limiter.latency
    y = play(Limiter(ceiling_db=-3.0), np.concatenate([x, np.zeros(late, np.float32)]))[late:]
    there = np.flatnonzero(np.abs(x) > 1e-3)
    g = y[there].astype(np.float64) / x[there]
    steps = np.abs(np.diff(g)) / np.diff(there)
    assert steps.max() <= 1 / 64 + 1e-6


def test_limiter_is_a_delay_below_its_ceiling():
    x = np.clip(noise(0.5, dbfs=-20.0), -0.88, 0.88).astype(np.float32)
    y = play(Limiter(ceiling_db=-1.0), x)
    assert np.array_equal(y[Limiter.latency :], x[: -Limiter.latency])
    assert not y[: Limiter.latency].any()


def test_limiter_comes_back_in_its_release_time():
    effect = Limiter(ceiling_db=-6.0, release_ms=100)
    x = flat((0, 500), (-20, 900))
    g = 10 ** (gain_db(effect, x, late=Limiter.latency) / 20)
    low = 10 ** (-6 / 20)
    assert g[400 * MS] == pytest.approx(low, rel=1e-4)
    t = np.argmax(g[500 * MS :] > low + 0.632 * (1 - low)) / MS
    assert t == pytest.approx(100, abs=2.5), f"{t} ms"
    assert g[-1] == pytest.approx(1, abs=1e-3)


# ---- meter


def test_meter_reads_peak_rms_and_clips_and_changes_nothing():
    meter = Meter()
    assert (meter.peak_db, meter.rms_db, meter.clips) == (-200, -200, 0)
    x = sine(1000, 3.0, dbfs=-6.0).astype(np.float32)
    assert np.array_equal(play(meter, x), x)
    assert meter.peak_db == pytest.approx(-6.0, abs=0.05)
    assert meter.rms_db == pytest.approx(-9.01, abs=0.02)
    play(meter, np.full(10, 1.0))
    play(meter, np.zeros(RATE_HZ))
    assert meter.clips == 10
    assert meter.peak_db == pytest.approx(-20, abs=0.05), "20 dB a second"
    assert meter.rms_db == pytest.approx(-9.0 - 10 * np.log10(np.e) / 0.3, abs=0.15)
    assert meter.highest_db == pytest.approx(0, abs=1e-6)
    meter.clear()
    assert (meter.highest_db, meter.clips) == (-200, 0)


# ---- all


@pytest.mark.parametrize("make", ALL)
def test_any_split_gives_the_same_bits(make):
    checks.same_for_any_split(make)


@pytest.mark.parametrize("make", ALL)
def test_output_is_finite_and_silence_is_silent(make):
    checks.stays_finite(make)


@pytest.mark.parametrize("make", ALL)
def test_recovers_from_anything(make):
    checks.recovers(make)


JUMPS = (
    (lambda: Compressor(attack_ms=5.0), {"threshold_db": -50.0, "ratio": 20.0}),
    (lambda: Compressor(), {"makeup_db": 20.0}),
    (lambda: Compressor(threshold_db=-50.0), {"mix": 0.0}),
    (lambda: Limiter(), {"ceiling_db": -18.0}),
    (lambda: Gate(attack_ms=5.0), {"threshold_db": 0.0}),
    (lambda: Gate(attack_ms=5.0, threshold_db=0.0), {"range_db": 0.0}),
)


@pytest.mark.parametrize("at", range(len(JUMPS)))
def test_a_parameter_that_jumps_makes_no_click(at):
    make, change = JUMPS[at]
    effect = make()

    def between(frame):
        if frame == RATE_HZ // 4 // 64 * 64:
            for name, value in change.items():
                setattr(effect, name, value)

    y = play(effect, sine(100, 0.6, dbfs=-6.0), between=between)
    click = checks.loudest_above(y, 8000)
    assert click < -66, f"{change}: {click:.0f} dBFS above 8 kHz"
