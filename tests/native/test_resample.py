"""The core's resampler of 44.1 and 48 kHz against theory, scipy and soxr; its cost on a Cortex-M7."""

import ctypes

import numpy as np
import pytest
from upedal import audio, native, paths, rates

fx = native.pedal_fx
PAIRS = [(44100, 48000), (48000, 44100)]
TICKS_HZ, DELAY_S = 7_056_000, 3200 / 7_056_000


def resampler(from_hz, to_hz, extra=0):
    size = fx.resample_size(from_hz, to_hz)
    memory = bytearray(size + 16)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % 16
    state = memoryview(memory)[start : start + size]
    fx.resample_init(state, from_hz, to_hz, extra)
    return state


def convert(x, from_hz, to_hz, extra=0, sizes=None):
    """x through a fresh resampler, in blocks of the sizes given."""
    state, out = resampler(from_hz, to_hz, extra), []
    for part in np.split(
        np.ascontiguousarray(x, np.float32), np.cumsum(sizes) if sizes is not None else []
    ):
        y = np.empty(len(part) * to_hz // from_hz + 2, np.float32)
        out.append(y[: fx.resample(state, part, y)])
    return np.concatenate(out)


def fit(y, hz, rate_hz):
    """(gain, phase, everything else's level in dB under a full-scale sine) of y's tone at hz."""
    at = np.arange(len(y)) / rate_hz - DELAY_S
    tone = np.stack([np.sin(2 * np.pi * hz * at), np.cos(2 * np.pi * hz * at)], 1)[200:-200]
    y = y[200:-200].astype(float)
    (a, b), *_ = np.linalg.lstsq(tone, y, rcond=None)
    return np.hypot(a, b), np.arctan2(b, a), audio.db(2 * np.mean((y - tone @ [a, b]) ** 2))


def sine(hz, rate_hz, n):
    return np.sin(2 * np.pi * hz * np.arange(n) / rate_hz).astype(np.float32)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_passband_images_and_delay_are_as_stated(from_hz, to_hz):
    for hz in (*range(250, 18001, 250), 18500, 19000, 19500):
        gain, phase, rest = fit(convert(sine(hz, from_hz, 8820), from_hz, to_hz), hz, to_hz)
        ripple = abs(20 * np.log10(gain))
        assert ripple < (0.001 if hz <= 18000 else 0.1), (hz, ripple)
        assert abs(phase) < 1e-4, (hz, phase)  # the delay is exactly 3200 ticks
        assert rest < -80, (hz, rest)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_what_lies_above_the_passband_leaves_nothing_below_it(from_hz, to_hz):
    """Tones from 19.5 kHz to the input's Nyquist: what appears below 19.5 kHz is 80 dB down."""
    for hz in np.arange(19600, from_hz / 2, 100):
        y = convert(sine(hz, from_hz, 17640), from_hz, to_hz)[1000:-1000]
        spectrum = np.abs(np.fft.rfft(y * np.kaiser(len(y), 20))) * 2 / np.kaiser(len(y), 20).sum()
        below = spectrum[: int(19500 * len(y) / to_hz) - 20]
        assert 20 * np.log10(below.max()) < -80, (hz, 20 * np.log10(below.max()))


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_impulses_give_the_designed_response(from_hz, to_hz):
    """All phases together are the prototype: its spectrum at 7.056 MHz, images included."""
    ticks, step = TICKS_HZ // from_hz, TICKS_HZ // to_hz
    h = np.zeros(6400 + 2 * ticks)
    for k in range(step):  # frame k meets another phase of the filter each time
        x = np.zeros(240, np.float32)
        x[k] = 1
        y = convert(x, from_hz, to_hz)
        at = np.arange(len(y)) * step - k * ticks
        inside = (at >= 0) & (at < len(h))
        h[at[inside]] = y[inside]
    response = np.abs(np.fft.rfft(h, 1 << 19)) / ticks
    hz = np.fft.rfftfreq(1 << 19, 1 / TICKS_HZ)
    assert np.max(np.abs(response[hz <= 18000] - 1)) < 5e-5
    assert 20 * np.log10(response[hz >= 24600].max()) < -83


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_it_agrees_with_soxr_and_scipy(from_hz, to_hz):
    from scipy.signal import firwin, lfilter, resample_poly

    x = (
        lfilter(
            firwin(511, 17500, fs=from_hz), 1, np.random.default_rng(0).standard_normal(from_hz)
        )
        * 0.3
    )
    y = convert(x, from_hz, to_hz)
    for other in (
        rates.resample(x, from_hz, to_hz),
        _poly(resample_poly, firwin, x, from_hz, to_hz),
    ):
        other = _delayed(other, DELAY_S * to_hz)
        n = min(len(y), len(other))
        inner = slice(4000, n - 4000)
        error = audio.db(audio.esr(other[inner], y[:n][inner]))
        assert error < -80, error


def _poly(resample_poly, firwin, x, from_hz, to_hz):
    ratio = (160, 147) if to_hz > from_hz else (147, 160)
    return resample_poly(
        x, *ratio, window=firwin(2 * 160 * 120 + 1, 20800, fs=TICKS_HZ, window=("kaiser", 12))
    )


def _delayed(x, frames):
    """x delayed by a fraction of frames, band-limited (its ends wrap)."""
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(x)) * frames)
    return np.fft.irfft(np.fft.rfft(x) * turn, len(x))


def test_a_round_trip_is_80_db_clean():
    from scipy.signal import firwin, lfilter

    x = np.random.default_rng(1).standard_normal(48000)
    x = lfilter(firwin(1023, 17700, fs=48000, window=("kaiser", 10)), 1, x).astype(np.float32)
    extra = 44 * 147 - 6400
    y = convert(convert(x, 48000, 44100), 44100, 48000, extra)
    error = audio.db(audio.esr(x[2000:-2044], y[2044:][: len(x) - 4044]))  # 44 whole frames later
    assert len(y) >= len(x) and error < -80, error


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_any_split_gives_the_same_bits(from_hz, to_hz, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(5000).astype(np.float32)
    whole = convert(x, from_hz, to_hz, extra=68)
    sizes = rng.integers(0, 300, 25)
    assert convert(x, from_hz, to_hz, extra=68, sizes=sizes).tobytes() == whole.tobytes()
    frames = -(-len(x) * to_hz // from_hz)
    assert len(convert(x, from_hz, to_hz)) == frames


def test_a_burst_of_nan_is_gone_after_it():
    x = sine(440, 44100, 2000)
    x[500:520] = np.nan
    x[600] = np.inf
    zeroed = np.where(np.isfinite(x), x, 0)
    y = convert(x, 44100, 48000)
    assert np.isfinite(y).all() and y.tobytes() == convert(zeroed, 44100, 48000).tobytes()


_COUNT = """
import sys
sys.path.append("/lib")
import array, bench, pedal_fx
measure, insns = bench.measure, bench.insns
null = insns(measure(bench.null))
for rates in ((44100, 48000), (48000, 44100)):
    state = bytearray(pedal_fx.resample_size(*rates))
    pedal_fx.resample_init(state, *rates, 0)
    x = array.array("f", bytes(4 * 64))
    y = array.array("f", bytes(4 * 72))
    total = sum(insns(measure(pedal_fx.resample, state, x, y)) - null for _ in range(100))
    print(total * rates[0] / (6400 * rates[1]))
"""


@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
def test_it_costs_at_most_120_instructions_a_frame_out():
    from upedal.emulator import BOARDS, Emulator

    folder = paths.NATMODS / BOARDS["emu_m7"].arch
    card = {f"lib/{p.name}": p.read_bytes() for p in folder.glob("*.mpy")}
    with Emulator("emu_m7", card=card) as board:
        counts = [float(line) for line in board.run(_COUNT).split()]
    assert len(counts) == 2 and max(counts) <= 120, counts
