"""Octave, pitch shift and tuner: is it the right pitch, and is it clean?"""

import random
from array import array

import numpy as np
import pytest
from pedal.effects.octave import Octave
from pedal.effects.pitch_shift import PitchShift
from pedal.effects.tuner import Tuner
from upedal import paths

from tests.host.effects import RATE_HZ, db, noise, play, sine, tone_db

ALL = (
    (Octave, dict(up=0.7)),
    (PitchShift, dict(semitones=7.0)),
    (PitchShift, dict(semitones=-5.0, mix=1.0)),
    (Tuner, dict(mute="off")),
)


def string(f0_hz, seconds=1.0, *, inharmonicity=0.0, lowest=1, dbfs=-12.0, hiss_dbfs=-120.0):
    """A plucked string: partials k f sqrt(1 + B k^2) (Fletcher 1964), 1 / k strong, the higher the shorter.

    f0_hz is its first partial's, whether that is there (lowest=1) or not.
    """
    rng = np.random.default_rng(1)
    t, x = np.arange(round(seconds * RATE_HZ)) / RATE_HZ, 0.0
    for k in range(lowest, 31):
        hz = k * f0_hz * np.sqrt((1 + inharmonicity * k * k) / (1 + inharmonicity))
        if hz < 20000:
            level = np.sin(np.pi * k * 0.17) / k * np.exp(-t * (0.8 + 0.25 * k))
            x = x + level * np.sin(2 * np.pi * hz * t + rng.uniform(0, 2 * np.pi))
    x = x / np.abs(x).max() * 10 ** (dbfs / 20)
    return x + 10 ** (hiss_dbfs / 20) * rng.standard_normal(len(t))


def pitch_hz(x, near_hz):
    """The strongest partial within 3 % of near_hz, to 0.01 cents or so."""
    size = 1 << 21
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), size))
    low, high = (round(near_hz * part * size / RATE_HZ) for part in (0.97, 1.03))
    at = low + int(np.argmax(spectrum[low:high]))
    a, b, c = np.log(spectrum[at - 1 : at + 2])
    return (at + 0.5 * (a - c) / (a - 2 * b + c)) * RATE_HZ / size


def beside_db(x, hz):
    """Energy more than 5 Hz from hz, over that nearer."""
    power = np.abs(np.fft.rfft(x * np.blackman(len(x)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(x), 1 / RATE_HZ) - hz) < 5
    return 10 * np.log10(power[~near].sum() / power[near].sum())


def cents(found_hz, expected_hz):
    return 1200 * np.log2(np.maximum(found_hz, 1e-9) / expected_hz)


# --- all ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), ALL)
def test_any_split_gives_the_same_bits(kind, options):
    x = string(147.0, 0.3)
    whole = play(kind(**options), x)
    assert np.array_equal(play(kind(**options), x, blocks=(1, 7, 64, 200)), whole)


@pytest.mark.parametrize(("kind", "options"), ALL)
def test_reset_gives_the_first_sound_again(kind, options):
    effect, x = kind(**options), string(196.0, 0.3)
    first = play(effect, x)
    effect.reset()
    assert np.array_equal(play(effect, x), first)


@pytest.mark.parametrize(("kind", "options"), ALL)
@pytest.mark.parametrize("bad", (np.nan, np.inf, 1e30))
def test_bad_samples_are_forgotten(kind, options, bad):
    x = string(196.0, 1.0)
    good = play(kind(**options), x)
    x[4800:4816] = bad
    y = play(kind(**options), x)[9600:]
    assert np.isfinite(y).all()
    level = [np.sqrt(np.mean(part[-9600:] ** 2)) for part in (y, good)]
    assert 0.7 < level[0] / level[1] < 1.4


@pytest.mark.parametrize(("kind", "options"), ALL)
def test_any_bytes_as_state_are_safe_and_reset_mends(kind, options):
    effect, rng = kind(**options), random.Random(2)
    effect.attach(RATE_HZ)
    kept, x = bytes(effect.state), string(110.0, 0.1)
    expected = play(kind(**options), x)
    values = [
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\xc0\x7f",
        b"\0\0\x80\xff",
        b"\xff\xff\xff\x7f",
        b"\1\0\0\0",
    ]
    for _ in range(150):
        words = bytearray(bytes(effect.state))
        for _ in range(rng.randrange(1, 12)):
            word = (
                rng.randrange(effect.words)
                if rng.random() < 0.9
                else rng.randrange(len(words) // 4)
            )
            words[4 * word : 4 * word + 4] = rng.choice([*values, rng.randbytes(4)])
        effect.state = array("f", bytes(words))
        effect.process(array("f", [0.1] * rng.choice((1, 16, 64, 900))))
    effect.state = array("f", kept)
    effect.reset()
    assert np.array_equal(play(effect, x), expected)


@pytest.mark.parametrize(("kind", "options"), ALL)
def test_what_it_remembers_does_not_stay_wrong(kind, options):
    """Everything behind the parameters overwritten: after two seconds it sounds as it should."""
    rng = random.Random(3)
    for _ in range(6):
        effect, x = kind(**options), sine(200.0, 2.0)
        effect.attach(RATE_HZ)
        first = 1 + len(effect.PARAMS)
        words = bytearray(bytes(effect.state))
        words[4 * first :] = rng.randbytes(len(words) - 4 * first)
        effect.state = array("f", bytes(words))
        y, good = play(effect, x)[-19200:], play(kind(**options), x)[-19200:]
        assert np.isfinite(y).all()
        assert 0.8 < np.sqrt(np.mean(y**2) / np.mean(good**2)) < 1.25


@pytest.mark.parametrize(("kind", "options"), ALL[:3])
def test_loud_stays_finite_and_silence_stays_silent(kind, options):
    assert np.isfinite(play(kind(**options), 1000 * string(110.0, 0.3))).all()
    y = play(kind(**options), np.concatenate([string(110.0, 0.1), np.zeros(3 * RATE_HZ)]))
    assert not np.any(np.abs(y[-4800:]) > 1e-9)


@pytest.mark.parametrize(("kind", "options"), ALL[:3])
def test_at_defaults_a_guitar_keeps_its_level(kind, options):
    from upedal.synth import dry_guitar

    x = dry_guitar(2.0)
    y = play(kind(), x)
    assert abs(db(np.sqrt(np.mean(y**2) / np.mean(x**2)))) < 6


@pytest.mark.parametrize(
    ("effect", "name", "low", "high"),
    (
        (Octave(), "dry", 0.0, 2.0),
        (Octave(dry=0.0, down=0.0), "up", 0.0, 1.0),
        (Octave(dry=0.0), "down", 0.0, 1.0),
        (PitchShift(semitones=0.0, mix=0.0), "mix", 0.0, 1.0),
    ),
)
def test_a_level_that_jumps_makes_no_click(effect, name, low, high):
    x = sine(200.0, 0.6)
    setattr(effect, name, high)
    steady = np.abs(np.diff(play(effect, x), 2))[9600:].max()
    effect.reset()

    def jump(frame):
        setattr(effect, name, high if frame // 4800 % 2 else low)

    y = play(effect, x, between=jump)
    assert np.abs(np.diff(y, 2))[9600:].max() < 1.5 * steady + 1e-3


# --- octave ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", (62, 82, 110, 147, 196, 247, 330, 400, 660, 900))
def test_octave_down_of_a_sine_is_half_its_frequency(hz):
    """sin(wt) with its sign turned over each period: 0.85 at w / 2, -0.51 at 3 w / 2, nothing at w."""
    y = play(Octave(dry=0.0, down=1.0, tone_hz=5000.0), sine(hz, 2.0, dbfs=0.0))[RATE_HZ:]
    assert tone_db(y, hz / 2) == pytest.approx(20 * np.log10(8 / (3 * np.pi)), abs=0.8)
    loss = 10 * np.log10(1 + (1.5 * hz / 5000) ** 2)  # of the tone's low-pass
    assert tone_db(y, 1.5 * hz) == pytest.approx(20 * np.log10(8 / (5 * np.pi)) - loss, abs=0.8)
    assert tone_db(y, hz) < -30


@pytest.mark.parametrize("hz", (82.4, 110.0, 146.8, 196.0, 246.9, 392.0))
@pytest.mark.parametrize("dbfs", (-50.0, 0.0))
def test_octave_down_of_a_string_is_half_its_frequency(hz, dbfs):
    y = play(Octave(dry=0.0, down=1.0), string(hz, 1.2, dbfs=dbfs))[12000:]
    half, one = tone_db(y, hz / 2), tone_db(y, hz)
    assert half > one + 20 and half > tone_db(y, 1.5 * hz)
    assert abs(cents(pitch_hz(y, hz / 2), hz / 2)) < 2


@pytest.mark.parametrize("hz", (110, 220, 440))
def test_octave_up_is_what_a_rectifier_makes(hz):
    """|sin| is 2 / pi - 4 / (3 pi) cos 2wt - 4 / (15 pi) cos 4wt - ...; the factor 3 pi / 4 makes the first 1."""
    y = play(Octave(dry=0.0, down=0.0, up=1.0), sine(hz, 2.0, dbfs=0.0))[RATE_HZ:]
    loss = 10 * np.log10(1 + (hz / 2000) ** 2)  # of the low-pass before it
    assert tone_db(y, 2 * hz) == pytest.approx(-loss, abs=0.4)
    assert tone_db(y, 4 * hz) == pytest.approx(-loss - 20 * np.log10(5), abs=0.5)
    assert tone_db(y, hz) < -45 and abs(np.mean(y)) < 1e-3


def test_octave_at_rest_passes_dry():
    x = noise(0.2)
    assert np.abs(play(Octave(dry=1.0, down=0.0), x) - x).max() < 1e-6


# --- pitch shift ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", ((12, 0), (7, 0), (1, 0), (0, 10), (0, -50), (-5, 37), (-12, 0)))
@pytest.mark.parametrize("hz", (82.4, 196.0, 1000.0))
def test_pitch_is_exact_and_clean(shift, hz):
    semitones, fine = shift
    y = play(PitchShift(semitones=semitones, cents=fine, mix=1.0), sine(hz, 2.0))[RATE_HZ // 2 :]
    expected = hz * 2 ** ((semitones + fine / 100) / 12)
    assert abs(cents(pitch_hz(y, expected), expected)) < 0.5
    assert tone_db(y, expected) == pytest.approx(-12, abs=0.3)
    assert beside_db(y, expected) < -25


@pytest.mark.parametrize("semitones", (-12, -7, 3, 12))
def test_a_strings_pitch_and_level_move_together(semitones):
    x = string(146.83, 2.0)
    y = play(PitchShift(semitones=semitones, mix=1.0), x)
    expected = 146.83 * 2 ** (semitones / 12)
    assert abs(cents(pitch_hz(y[9600:], expected), expected)) < 2
    assert abs(db(np.sqrt(np.mean(y[9600:] ** 2) / np.mean(x[9600:] ** 2)))) < 1


def test_pitch_shift_of_nothing_is_a_delay_of_a_millisecond():
    x = noise(0.5)
    y = play(PitchShift(semitones=0.0, mix=1.0), x)
    lag = 1000 - int(np.argmax(np.correlate(x[3000:8000], y[4000:8000], "valid")))
    assert 0 < lag <= 0.0012 * RATE_HZ
    assert np.abs(y[lag:] - x[:-lag]).max() < 1e-6


@pytest.mark.parametrize("semitones", (-12, -3, 3, 12))
def test_latency_stays_below_what_is_said(semitones):
    """Of an impulse: window_ms + 1 ms + overlap_ms |r - 1|."""
    window, overlap, ratio = 28.0, 6.0, 2 ** (semitones / 12)
    most = window + 1.0 + overlap * abs(ratio - 1)
    for start in range(24000, 26000, 331):
        x = 0.1 * sine(300.0, 0.6)
        x[start] += 100.0
        y = play(PitchShift(semitones=semitones, mix=1.0, window_ms=window, overlap_ms=overlap), x)
        at = np.flatnonzero(np.abs(y) > 5.0)
        if len(at):  # an impulse falls between two heads' stretches now and then
            assert 0 <= (at[0] - start) / RATE_HZ * 1000 <= most + 0.5


def test_a_sweep_of_the_pitch_makes_no_click():
    effect, x = PitchShift(semitones=-12.0, mix=1.0), sine(220.0, 2.0)

    def sweep(frame):
        effect.semitones = -12.0 + 24.0 * frame / len(x)

    y = play(effect, x, between=sweep)
    steepest = 0.25 * 2 * np.pi * 440 / RATE_HZ  # of the sine at the highest pitch
    assert np.abs(np.diff(y))[4800:].max() < 1.6 * steepest


# --- tuner ----------------------------------------------------------------------------------------

NOTES = (  # name, Hz, inharmonicity of a guitar's string
    ("E1", 41.203, 0.0),
    ("E2", 82.407, 6e-5),
    ("A2", 110.0, 5e-5),
    ("D3", 146.832, 6e-5),
    ("G3", 195.998, 1.2e-4),
    ("B3", 246.942, 6e-5),
    ("E4", 329.628, 4e-5),
    ("E5", 659.255, 1.5e-4),
    ("E6", 1318.51 * 0.89, 4e-4),  # a tone below: 1174 Hz
)


def tuned(x, settle=0.35, **options):
    """(tuner, frequencies it showed after `settle` seconds)"""
    tuner, shown = Tuner(**options), []
    play(tuner, x, between=lambda frame: shown.append((frame, tuner.frequency_hz)))
    return tuner, np.array([hz for frame, hz in shown if frame > settle * RATE_HZ])


@pytest.mark.parametrize(("name", "hz", "inharmonicity"), NOTES)
@pytest.mark.parametrize("off", (-23.0, 9.0))
def test_tunes_a_string_to_a_cent(name, hz, inharmonicity, off):
    hz = hz * 2 ** (off / 1200)
    for options in (
        dict(inharmonicity=inharmonicity),
        dict(inharmonicity=inharmonicity, dbfs=-50.0, hiss_dbfs=-90.0),
        dict(dbfs=0.0),
    ):
        tuner, shown = tuned(string(hz, **options))
        assert np.abs(cents(shown, hz)).max() < 1, options
        assert tuner.confidence > 0.95
        if name != "E6":
            assert tuner.note == name
            assert tuner.cents == pytest.approx(off, abs=1.0)


@pytest.mark.parametrize("hz", (41.203, 82.407, 110.0, 195.998, 329.628, 659.255))
def test_tunes_a_string_without_its_fundamental(hz):
    shown = tuned(string(hz, lowest=2))[1]
    assert np.abs(cents(shown, hz)).max() < 1


@pytest.mark.parametrize("hz", (30.0, 31.7, 75.3, 523.1, 1199.0))
def test_tunes_a_sine_over_its_whole_range(hz):
    assert np.abs(cents(tuned(sine(hz, 0.8))[1], hz)).max() < 0.2


def test_tunes_the_synthesised_guitar():
    from upedal.synth import pluck

    for hz in (82.407, 146.832, 246.942, 440.0):
        x = 0.3 * pluck(hz, 1.5, RATE_HZ, np.random.default_rng(5))
        assert np.abs(cents(tuned(x)[1], hz)).max() < 1


def test_shows_nothing_for_silence_and_for_noise():
    tuner, shown = tuned(np.zeros(24000))
    assert not shown.any() and tuner.note == "" and tuner.cents == 0.0 and tuner.confidence == 0.0
    assert np.mean(tuned(noise(2.0))[1] > 0) < 0.3


def test_counts_from_a4():
    tuner = tuned(sine(440.0, 0.5), a4_hz=432.0)[0]
    assert tuner.note == "A4" and tuner.cents == pytest.approx(1200 * np.log2(440 / 432), abs=0.2)


def test_mutes_without_a_click():
    tuner, x = Tuner(mute="off"), sine(100.0, 0.5)

    def switch(frame):
        tuner.mute = "on" if frame >= 9600 else "off"

    y = play(tuner, x, between=switch)
    assert np.array_equal(y[:9600], x[:9600].astype(np.float32))
    assert not np.abs(y[-4800:]).max() > 1e-5
    assert np.abs(np.diff(y)).max() < 1.2 * np.abs(np.diff(x)).max()
    assert tuner.frequency_hz == pytest.approx(100.0, abs=0.1)


@pytest.mark.toolchain("unix port", "native modules x64")
def test_micropython_plays_the_same_bits(tmp_path):
    import soundfile
    from upedal import sim
    from upedal.native import EXACT

    if not EXACT:
        pytest.skip("no fused multiply-add here")
    (tmp_path / "rig.py").write_text(
        "from pedal import Rig\n"
        "from pedal.effects.octave import Octave\n"
        "from pedal.effects.pitch_shift import PitchShift\n"
        "from pedal.effects.tuner import Tuner\n"
        "rig = Rig(Octave(up=0.5), PitchShift(), Tuner(mute='off'))\n"
    )
    soundfile.write(tmp_path / "in.wav", string(110.0, 0.3), RATE_HZ, subtype="FLOAT")
    played = []
    for on in ("cpython", "unix"):
        sim.run(tmp_path / "rig.py", tmp_path / "in.wav", tmp_path / "out.wav", on=on)
        played.append(soundfile.read(tmp_path / "out.wav", dtype="float32")[0])
    assert np.array_equal(*played) and played[0].any()


_COUNT = """
import sys, bench
sys.path.append("/lib")
from array import array
from pedal.effects.tuner import Tuner
tuner = Tuner()
tuner.attach(48000)
buf = array("f", [0.0] * 64)
run, a, b = tuner.native(buf)
null = bench.insns(bench.measure(bench.null))
for block in range(160):
    for i in range(64):
        buf[i] = ((block * 64 + i) * 5 % 1024 - 512) / 2048
    print("@", bench.insns(bench.measure(run, a, b)) - null)
"""


@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_tuners_work_is_even():
    """On an emulated Cortex-M7: at most 62 instructions a sample, and no block above three times that."""
    from upedal.emulator import Emulator

    card = {
        f"lib/{p.relative_to(paths.DEVICE)}": p.read_bytes()
        for p in (paths.DEVICE / "pedal").rglob("*.py")
    }
    card |= {f"lib/{p.name}": p.read_bytes() for p in (paths.NATMODS / "armv7emdp").glob("*.mpy")}
    with Emulator("emu_m7", card=card) as board:
        lines = board.run(_COUNT).splitlines()
    counts = np.array([int(line[1:]) for line in lines if line.startswith("@")]) / 64
    assert len(counts) == 160
    assert counts.mean() < 62 and counts.max() < 3 * counts.mean()
