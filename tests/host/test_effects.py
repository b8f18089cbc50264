"""What every effect promises, whatever it does; the effects are those that are found."""

import math
import zlib
from array import array

import numpy as np
import pytest
from pedal.effects import effect as base
from pedal.modulate import Route
from upedal import catalogue
from upedal.synth import dry_guitar

from tests.host.effects import RATE_HZ, noise, sine
from tests.vectors import make_effects

CALLS = catalogue.calls()
SHORT = {"Looper": "Looper(max_s=0.2)"}
# Whose sound goes on by itself.
ENDLESS = {"Looper": "plays what it has"}
# By how many dB they may change a guitar, and why that is more than 8.
LOUDNESS_DB = {
    "Tuner": (300, "silent while one tunes"),
}  # fmt: skip
# Loud on purpose: their output may pass +30 dBFS at the end of a range, by the gain that is asked for.
GAINS = {
    "Boost": "30 dB and 18 dB of treble",
    "CabIR": "24 dB",
    "Compressor": "36 dB of makeup",
    "Delay": "echoes that grow above decay 1",
    "EQ": "six bands of 24 dB",
    "Gain": "150 dB",
    "Tone": "15 dB a band",
    "Wah": "a resonance of up to 36 dB",
}  # fmt: skip


@pytest.fixture(scope="module")
def cab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cab")
    return {
        rate: catalogue.write_cabinet(folder / f"{rate}.wav", rate)
        for rate in (44100, 48000, 96000)
    }


@pytest.fixture(params=CALLS)
def make(request, cab):
    """The effect of one call, not attached; SHORT where it would take much memory."""

    def new(rate_hz=RATE_HZ):
        call = SHORT.get(catalogue.name_of(request.param), request.param)
        return catalogue.make(call, cab[rate_hz])

    new.name = catalogue.name_of(request.param)
    return new


def attached(make, rate_hz=RATE_HZ):
    effect = make(rate_hz)
    effect.attach(rate_hz)
    return effect


def play(effect, x, blocks=(64,)):
    """x through an attached effect, in blocks of these sizes in turn."""
    parts, at, turn = [], 0, 0
    x = np.asarray(x, np.float32)
    while at < len(x):
        n = blocks[turn % len(blocks)]
        buf = array("f", x[at : at + n].tobytes())
        effect.process(buf)
        parts.append(np.array(buf, np.float32))
        at, turn = at + n, turn + 1
    return np.concatenate(parts)


def same_bits(a, b):
    return np.array_equal(a.view(np.uint32), b.view(np.uint32))


def level_db(x):
    return 10 * math.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-30)


def guitar(seconds, dbfs=-20.0):
    x = dry_guitar(seconds, RATE_HZ)
    return x * 10 ** ((dbfs - level_db(x)) / 20)


def is_choice(spec):
    return isinstance(spec[2], tuple)


def ends(spec):
    return (spec[2][0], spec[2][-1]) if is_choice(spec) else (spec[2], spec[3])


def test_a_row_of_the_vectors_is_there_for_every_effect():
    known = {row["class"] for row in make_effects.read()["rows"]}
    assert known == set(catalogue.classes()), "python -m tests.vectors.make_effects"


def test_any_split_gives_the_same_bits(make):
    x = np.concatenate([noise(0.3), guitar(0.5, -12.0), np.zeros(3000), noise(0.1, seed=2)])
    moves = [(7001, at) for at in range(len(make().PARAMS))]

    def run(blocks):
        effect = attached(make)
        first = play(effect, x[: moves[0][0]], blocks) if moves else np.empty(0, np.float32)
        for spec in effect.PARAMS:
            setattr(effect, spec[0], ends(spec)[1])
        return np.concatenate([first, play(effect, x[len(first) :], blocks)])

    whole = run((64,))
    for blocks in ((1, 7, 64, 200), (5,), (16, 48), (512,)):
        other = run(blocks)
        assert same_bits(whole, other), (
            f"blocks {blocks}: from frame {int(np.argmax(whole != other))}"
        )


def test_silence_stays_silence(make):
    effect = attached(make)
    y = play(effect, np.zeros(RATE_HZ // 2), (256,))
    assert np.abs(y).max() < 10 ** (-90 / 20), "noise out of nothing"
    play(effect, guitar(1.0, -12.0), (256,))
    y = play(effect, np.zeros(10 * RATE_HZ), (256,))
    assert np.isfinite(y).all()
    if make.name not in ENDLESS:
        assert np.abs(y[-RATE_HZ // 2 :]).max() < 10 ** (-90 / 20), "still heard after 10 s"


@pytest.mark.parametrize("bad", [1000.0, math.nan, math.inf, -math.inf, 3e38])
def test_it_recovers_from_any_input(make, bad):
    effect = attached(make)
    play(effect, noise(0.1))
    hit = noise(0.05)
    hit[::3] = bad * (np.arange(len(hit[::3])) % 2 * 2 - 1 if math.isfinite(bad) else 1.0)
    y = play(effect, hit)
    if bad == 1000.0:
        assert np.isfinite(y).all(), "+60 dBFS is no reason for infinity"
    play(effect, noise(1.0, seed=3), (256,))
    y = play(effect, noise(0.3, seed=4), (256,))
    assert np.isfinite(y).all(), f"a second after {bad}"
    fresh = attached(make)
    play(fresh, noise(1.4, seed=5), (256,))
    expected = level_db(play(fresh, noise(0.3, seed=4), (256,)))
    if (
        math.isfinite(expected)
        and expected > -100
        and make.name not in ("Looper", "Delay", "Gate")
    ):
        assert level_db(y) > expected - 6, (
            f"too soft, {level_db(y):.0f} dB for {expected:.0f}, a second after {bad}"
        )


def test_parameters_may_jump_from_end_to_end(make):
    effect = attached(make)
    x = sine(220, 0.05, dbfs=-12.0)
    loudest = 0.0
    for turn in range(2):
        for spec in effect.PARAMS:
            kept = base.values(effect)[spec[0]]
            for end in (*ends(spec), *ends(spec)):
                setattr(effect, spec[0], end)
                y = play(effect, x)
                assert np.isfinite(y).all(), (spec[0], end)
                loudest = max(loudest, float(np.abs(y).max()))
            if turn == 0:
                setattr(effect, spec[0], kept)
    if make.name not in GAINS:
        assert loudest < 10 ** (30 / 20), f"{20 * math.log10(loudest):.0f} dBFS"


def test_values_go_back_in_by_name(make):
    effect, other = attached(make), attached(make)
    for spec in effect.PARAMS:
        low, high = ends(spec)
        setattr(effect, spec[0], high if is_choice(spec) else low + (high - low) / 3)
    for name, value in base.values(effect).items():
        base.put(other, name, value)
    assert base.values(other) == base.values(effect)
    for name, value in base.values(effect).items():
        assert getattr(other, name) == value or abs(getattr(other, name) - value) <= 6e-5, name
    count = 1 + len(effect.PARAMS)
    assert np.allclose(other.state[:count], effect.state[:count], rtol=1e-6, atol=1e-4)


def test_errors_name_class_parameter_value_and_range(make):
    effect = make()
    for spec in effect.PARAMS:
        if is_choice(spec):
            wrong, words = "no such thing", [repr(choice) for choice in spec[2]]
        else:
            wrong, words = spec[3] * 2 + 1, [str(spec[2]), str(spec[3])]
        for bad in (wrong, math.nan, None, "x"):
            with pytest.raises(ValueError) as error:
                setattr(effect, spec[0], bad)
            for word in (type(effect).__name__, spec[0], repr(bad), *words):
                assert word in str(error.value), (word, str(error.value))
    with pytest.raises(TypeError, match="no_such_knob"):
        type(effect)(**{**_given(make), "no_such_knob": 1})


def _given(make):
    return {"path": make().path} if make.name == "CabIR" else {}


def test_reset_makes_it_as_new(make):
    x = np.concatenate([noise(0.2), guitar(0.3)])
    new, used = attached(make), attached(make)
    play(used, guitar(0.7, -6.0), (100,))
    if hasattr(used, "record"):
        used.record()
        play(used, noise(0.1))
    used.reset()
    assert base.values(used) == base.values(new)
    assert same_bits(play(new, x), play(used, x))


@pytest.mark.parametrize("rate_hz", [44100, 96000])
def test_it_runs_at_other_rates(make, rate_hz):
    effect = attached(make, rate_hz)
    for spec in effect.PARAMS:
        setattr(effect, spec[0], ends(spec)[1])
    assert np.isfinite(play(effect, noise(0.1))).all()
    other = attached(make)
    if make.name != "CabIR":  # whose file has a rate
        other.attach(rate_hz)
        assert other.state[0] == rate_hz
        assert np.isfinite(play(other, noise(0.1))).all()


def test_a_route_keeps_parameters_in_their_ranges(make):
    effect = attached(make)
    for at, spec in enumerate(effect.PARAMS):
        low, high = (0, len(spec[2]) - 1) if is_choice(spec) else spec[2:4]
        route = Route(effect, spec[0])
        for position in (0, 32768, 65535, 1, 65534):
            route.put(position)
            value = effect.state[at + 1]
            slack = 1e-6 * max(abs(low), abs(high))
            assert low - slack <= value <= high + slack, (spec[0], position, value)
            getattr(effect, spec[0])
            assert np.isfinite(play(effect, noise(0.01))).all(), (spec[0], position)


def test_a_guitar_keeps_its_loudness(make):
    x = guitar(4.0)
    y = play(attached(make), x, (256,))
    most, reason = LOUDNESS_DB.get(make.name, (8, ""))
    change = level_db(y) - level_db(x)
    assert abs(change) <= most, f"{change:+.1f} dB at its defaults; {reason}"


def test_no_kernel_is_played_by_nothing():
    """Every exception above still is an effect: a list nobody reads grows old."""
    for names in (SHORT, ENDLESS, LOUDNESS_DB, GAINS):
        assert set(names) <= set(catalogue.classes()), set(names) - set(catalogue.classes())


def test_vectors_are_what_this_machine_plays():
    for row, samples, _ in make_effects.played(make_effects.read()["rows"]):
        what = f"{row['class']} {row['arguments']}"
        assert zlib.crc32(samples.tobytes()) == row["crc"], (
            f"{what}: if meant, python -m tests.vectors.make_effects"
        )
