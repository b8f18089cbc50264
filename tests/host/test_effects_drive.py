"""Effects that bend the waveform, against their definitions."""

import re

import numpy as np
import pytest
from pedal.effects.boost import Boost
from pedal.effects.distortion import Distortion
from pedal.effects.fuzz import Fuzz
from pedal.effects.overdrive import Overdrive
from upedal import paths
from upedal.synth import dry_guitar

from tests.host import effect_checks as checks
from tests.host.effects import RATE_HZ, db, magnitude_db, play, sine, tone_db

MODES = ("soft", "hard", "asymmetric", "fold")
FACTORS = (1, 2, 4, 8)
ALL = (
    Boost,
    lambda: Boost(treble_db=12.0),
    *[lambda o=o: Overdrive(oversample=o) for o in FACTORS],
    lambda: Overdrive(clipping="asymmetric"),
    *[
        lambda m=m, o=o: Distortion(mode=m, oversample=o)
        for m, o in zip(MODES, FACTORS, strict=True)
    ],
    Fuzz,
    lambda: Fuzz(octave=0.7, bias=0.6, oversample=2),
)


def prewarped(hz):
    return np.tan(np.pi * np.asarray(hz, float) / RATE_HZ)


def high_pass(hz, corner_hz):
    """First order by the bilinear transform."""
    return 1j * prewarped(hz) / (1j * prewarped(hz) + prewarped(corner_hz))


# ---- what they do to small signals


@pytest.mark.parametrize(
    ("gain", "treble", "corner"), [(6, 0, 1500), (-12, 12, 3000), (20, -9, 400)]
)
def test_boost_is_a_gain_and_a_first_order_shelf(gain, treble, corner):
    hz = np.array([30, 100, 400, 1000, 3000, 8000, 15000, 21000])
    shelf = 1 + (10 ** (treble / 20) - 1) * high_pass(hz, corner)
    got = magnitude_db(Boost(gain_db=gain, treble_db=treble, frequency_hz=corner), hz)
    assert np.abs(got - gain - db(np.abs(shelf))).max() < 0.02


@pytest.mark.parametrize("oversample", FACTORS)
@pytest.mark.parametrize("tone", [0.0, 0.5, 1.0])
def test_overdrive_amplifies_small_signals_above_its_hump_only(oversample, tone):
    hz = np.array([60, 200, 720, 2000, 5000, 10000])
    if oversample == 1:
        hz = hz[hz < 6000]
    effect = Overdrive(drive_db=20, tone=tone, oversample=oversample)
    y = [tone_db(play(effect, sine(f, 0.5, dbfs=-90))[RATE_HZ // 4 :], f) + 90 for f in hz]
    corner = 720 * 2 ** (3.6 * tone)
    expected = db(
        np.abs((1 + 9 * high_pass(hz, 720)) * (1 - high_pass(hz, corner)) * high_pass(hz, 8))
    )
    averaged = db(np.cos(np.pi * hz / RATE_HZ / oversample))  # two frames at the clipper's rate
    assert np.abs(y - expected - averaged).max() < 0.15


# ---- curves


def steady(effect, value):
    """What the curve makes of a constant: the height of a square wave between it and 0."""
    n = 40
    x = np.tile(np.repeat([value, 0.0], n), 60)
    y = play(effect, x)
    last = y[-4 * n :].reshape(-1, n)[:, -4:].mean(axis=1)
    return last[-2] - last[-1]


@pytest.mark.parametrize("oversample", FACTORS)
@pytest.mark.parametrize("mode", MODES)
def test_distortion_follows_its_curve(mode, oversample):
    curves = {
        "soft": lambda x: x / np.sqrt(1 + x * x),
        "hard": lambda x: np.clip(x, -1, 1),
        "asymmetric": lambda x: (
            x / np.sqrt(1 + x * x) if x > 0 else x / np.sqrt(1 + (x / 0.4) ** 2)
        ),
        "fold": lambda x: np.sin(np.pi * x / 16),
    }
    for value in (-2.0, -0.6, -0.2, -0.03, 0.05, 0.15, 0.3, 0.9, 3.0):
        effect = Distortion(
            drive=0.1,
            pre_gain_db=0,
            post_gain_db=0,
            mode=mode,
            tone_hz=20000,
            oversample=oversample,
        )
        got = steady(effect, value)
        expected = 0.25 * curves[mode](4 * 10 ** (4 / 20) * value)
        assert got == pytest.approx(expected, rel=0.06, abs=0.003), (
            f"{mode} x{oversample} at {value}"
        )


def harmonics(y, hz, count):
    return np.array([tone_db(y, k * hz) for k in range(1, count + 1)])


def test_symmetric_curves_make_odd_harmonics_and_lopsided_ones_even_ones_without_dc():
    x = sine(440, 1.0, dbfs=-12)
    odd = harmonics(play(Overdrive(), x)[RATE_HZ // 2 :], 440, 5)
    both = play(Overdrive(clipping="asymmetric"), x)[RATE_HZ // 2 :]
    even = harmonics(both, 440, 5)
    assert odd[1] < odd[0] - 90 and odd[2] > odd[0] - 20
    assert even[1] > even[0] - 26
    assert abs(both.mean()) < 1e-4
    fuzz = play(Fuzz(), x)[RATE_HZ // 2 :]
    assert np.diff(harmonics(fuzz, 440, 2))[0] > -16
    assert abs(fuzz.mean()) < 3e-4


def test_fuzz_with_octave_doubles_the_pitch_and_bias_ends_notes():
    x = sine(220, 1.0, dbfs=-12)
    plain, octave = (
        harmonics(play(Fuzz(octave=o), x)[RATE_HZ // 2 :], 220, 2) for o in (0.0, 1.0)
    )
    assert plain[0] > plain[1]
    assert octave[1] > octave[0] + 20
    for level, heard in (
        (-39.0, True),
        (-43.0, False),
    ):  # 0.1 * 0.3162^2 is -40 dBFS; 2 dB less on one side
        y = play(Fuzz(bias=0.3162), sine(1000, 0.5, dbfs=level))[RATE_HZ // 4 :]
        assert (db(np.abs(y).max()) > -40) == heard, f"{level} dBFS in, {db(np.abs(y).max())} out"


# ---- aliases


def aliases_db(y, hz):
    """The largest partial below 20 kHz that is no harmonic of hz, relative to the fundamental."""
    y = y[-RATE_HZ // 2 :]
    spectrum = np.abs(np.fft.rfft(y * np.blackman(len(y))))
    at = np.fft.rfftfreq(len(y), 1 / RATE_HZ)
    other = (at > 20) & (at < 20000) & (np.abs(at - hz * np.round(at / hz)) > 20)
    return db(spectrum[other].max() / spectrum[np.abs(at - hz) < 20].max())


ALIASES = (  # of 5003 Hz at full scale: no more than so many dB at x1, x2, x4, x8
    (lambda o: Overdrive(drive_db=40, tone=1, oversample=o), (-30, -45, -60, -70)),
    (lambda o: Overdrive(drive_db=20, tone=1, oversample=o), (-30, -45, -60, -70)),
    (
        lambda o: Overdrive(drive_db=20, clipping="asymmetric", tone=1, oversample=o),
        (-30, -45, -60, -70),
    ),
    (
        lambda o: Distortion(mode="soft", drive=0.5, tone_hz=20000, oversample=o),
        (-25, -42, -52, -65),
    ),
    (
        lambda o: Distortion(mode="hard", drive=0.5, tone_hz=20000, oversample=o),
        (-25, -42, -52, -63),
    ),
    (lambda o: Fuzz(oversample=o), (-25, -40, -52, -58)),
)


@pytest.mark.parametrize("at", range(len(ALIASES)))
def test_aliases_of_a_hot_5_khz_sine(at):
    make, limits = ALIASES[at]
    got = [aliases_db(play(make(o), sine(5003, 1.0, dbfs=0)), 5003) for o in FACTORS]
    assert all(a < b for a, b in zip(got, limits, strict=True)), got


@pytest.mark.parametrize("oversample", (2, 4, 8))
def test_way_up_and_down_is_flat_to_20_khz(oversample):
    """At -60 dBFS the curve is straight; what is left is the averaging over a step, cos(pi f / rate)."""
    effect = Distortion(
        drive=0, tone_hz=20000, oversample=oversample, pre_gain_db=-24, post_gain_db=24
    )
    hz = np.array([100, 1000, 5000, 10000, 15000, 18000, 19900])
    y = [tone_db(play(effect, sine(f, 0.5, dbfs=-60))[RATE_HZ // 4 :], f) + 60 for f in hz]
    rest = y - db(
        np.abs(
            (1 - high_pass(hz, 20000))
            * high_pass(hz, 8)
            * np.cos(np.pi * hz / RATE_HZ / oversample)
        )
    )
    assert np.abs(rest).max() < 0.03


def elliptic_half_band(count, edge):
    """All-pass coefficients of the elliptic half-band filter of order 2 count + 1 that passes `edge` of the rate.

    Valenzuela and Constantinides (1983): poles on the imaginary axis, by Jacobi's theta functions.
    """
    k = np.tan(np.pi * edge) ** 2
    root = (1 - k * k) ** 0.25
    e = 0.5 * (1 - root) / (1 + root)
    q = e + 2 * e**5 + 15 * e**9 + 150 * e**13
    i, order = np.arange(12), 2 * count + 1
    angle = np.pi * np.arange(1, count + 1)[:, None] / order
    over = q**0.25 * np.sum(
        (-1.0) ** i * q ** (i * (i + 1.0)) * np.sin((2 * i + 1) * angle), axis=1
    )
    under = np.sum((-1.0) ** i * q ** (1.0 * i * i) * np.cos(2 * i * angle), axis=1) - 0.5
    w = (over / under) ** 2
    x = np.sqrt((1 - w * k) * (1 - w / k)) / (1 + w)
    return np.sort((1 - x) / (1 + x))


@pytest.mark.parametrize(
    ("stage", "edge", "stop_db"), [(1, 20 / 96, -80), (2, 24 / 192, -89), (3, 24 / 384, -94)]
)
def test_half_bands_are_elliptic_and_stop_what_is_said(stage, edge, stop_db):
    text = (paths.ROOT / "native_modules/core/up_clip.h").read_text()
    row = re.search(rf"DRIVE_STAGE{stage} \{{(.*)\}}", text).group(1)
    a = np.array([float(value.strip(" f")) for value in row.split(",")])
    even = (len(a) + 1) // 2
    expected = elliptic_half_band(len(a), edge)
    assert np.abs(np.concatenate([expected[0::2], expected[1::2]]) - a).max() < 1e-8

    def response(at):
        z = np.exp(-2j * np.pi * at)
        chains = [
            np.prod([(c + z * z) / (1 + c * z * z) for c in part], axis=0)
            for part in (a[:even], a[even:])
        ]
        return db(np.abs(chains[0] + z * chains[1]) / 2)

    assert response(np.linspace(0.5 - edge, 0.5, 2000)).max() < stop_db
    assert np.abs(response(np.linspace(0, edge, 2000))).max() < 1e-4


@pytest.mark.parametrize("oversample", FACTORS)
def test_latency_is_the_delay_of_low_notes(oversample):
    effect = Distortion(drive=0, pre_gain_db=-24, oversample=oversample, tone_hz=20000)
    n, hz = RATE_HZ // 2, 400.0
    turn = np.exp(-2j * np.pi * hz * np.arange(n) / RATE_HZ) * np.hanning(n)
    x = sine(hz, 0.5, dbfs=-40)
    angle = np.angle(np.sum(play(effect, x) * turn) / np.sum(x * turn))
    rest = np.angle((1 - high_pass(hz, 20000)) * high_pass(hz, 8))
    delay = (rest - angle) / (2 * np.pi * hz / RATE_HZ)
    assert delay == pytest.approx({1: 0.5, 2: 2.45, 4: 3.13, 8: 3.34}[oversample], abs=0.06)
    assert abs(delay - effect.latency) <= 0.51


# ---- all


@pytest.mark.parametrize("at", range(len(ALL)))
def test_any_split_gives_the_same_bits(at):
    checks.same_for_any_split(ALL[at])


@pytest.mark.parametrize("at", range(len(ALL)))
def test_output_is_finite_and_silence_is_silent(at):
    checks.stays_finite(ALL[at])


@pytest.mark.parametrize("at", range(len(ALL)))
def test_recovers_from_anything(at):
    checks.recovers(ALL[at], seconds=0.25)


@pytest.mark.parametrize(
    "make", [Overdrive, Fuzz, *[lambda m=m: Distortion(mode=m) for m in MODES]]
)
def test_defaults_keep_the_loudness_of_a_guitar(make):
    guitar = dry_guitar(4.0, RATE_HZ)
    change = db(np.std(play(make(), guitar)) / np.std(guitar))
    assert abs(change) < 6, f"{change:.1f} dB"


JUMPS = (
    (lambda: Boost(gain_db=-20), {"gain_db": 0.0}),
    (lambda: Boost(gain_db=-6), {"treble_db": 12.0}),
    (lambda: Boost(treble_db=12, gain_db=-6), {"frequency_hz": 300.0}),
    (lambda: Overdrive(drive_db=6), {"drive_db": 20.0}),
    (lambda: Overdrive(drive_db=6), {"tone": 1.0}),
    (lambda: Overdrive(drive_db=6), {"level_db": 12.0}),
    (lambda: Overdrive(drive_db=6), {"clipping": "asymmetric"}),
    (lambda: Overdrive(drive_db=6), {"oversample": 8}),
    (lambda: Distortion(drive=0), {"mode": "fold"}),
    (lambda: Distortion(drive=0), {"pre_gain_db": 6.0}),
    (lambda: Fuzz(sustain_db=12), {"octave": 0.5}),
)


@pytest.mark.parametrize("at", range(len(JUMPS)))
def test_a_parameter_that_jumps_makes_no_click(at):
    make, change = JUMPS[at]
    effect = make()

    def between(frame):
        if frame == 192 * 64:
            for name, value in change.items():
                setattr(effect, name, value)

    y = play(effect, sine(60, 0.6, dbfs=-12), between=between)
    before, click = (checks.loudest_above(y[:end], 8000) for end in (192 * 64, len(y)))
    assert click < max(-66, before + 3), (
        f"{change}: {click:.0f} dBFS above 8 kHz, {before:.0f} before"
    )
