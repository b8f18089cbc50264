"""Impulse responses made ready on the host, and their way into simulator and pedal."""

import numpy as np
import pytest
import soundfile
from upedal import cli, ir, payload, sim
from upedal.errors import UpedalError
from upedal.native import EXACT

RATE_HZ = 48000


def cabinet(n=9600, rate_hz=RATE_HZ, ahead=0, gain=1.0):
    """Something like a 4x12: a band, a box resonance, a room's late noise. Mixed phase."""
    from scipy import signal

    rng = np.random.default_rng(4)
    x = np.zeros(n)
    x[0], x[round(0.0004 * rate_hz)] = 1.0, 0.4
    x += 0.02 * rng.standard_normal(n) * np.exp(-np.arange(n) / (0.005 * rate_hz))
    for kind, freq, order in (("high", 80, 2), ("low", 5000, 4)):
        x = signal.sosfilt(signal.butter(order, freq, kind, fs=rate_hz, output="sos"), x)
    x += 0.5 * signal.lfilter(*signal.iirpeak(110, 3, fs=rate_hz), x)
    return np.concatenate([np.zeros(ahead), gain * x])


@pytest.fixture
def file(tmp_path):
    def write(x, name="cab.wav", rate_hz=RATE_HZ):
        soundfile.write(
            tmp_path / name, x, rate_hz, subtype="PCM_24" if name.endswith("flac") else "FLOAT"
        )
        return tmp_path / name

    return write


def spectrum_db(h, freqs_hz, rate_hz=RATE_HZ):
    turns = np.exp(-2j * np.pi * np.asarray(freqs_hz)[:, None] * np.arange(len(h)) / rate_hz)
    return 20 * np.log10(np.abs(turns @ np.asarray(h, np.float64)))


FREQS = np.geomspace(60, 8000, 60)


def test_minimum_phase_keeps_the_magnitude_and_comes_first():
    h = cabinet(ahead=500)
    made = ir.minimum(h)
    heard = spectrum_db(h, FREQS)
    assert np.abs(spectrum_db(made, FREQS) - heard)[heard > heard.max() - 60].max() < 0.1
    early = np.cumsum(made**2) / np.sum(made**2)
    late = np.cumsum(h[500:] ** 2) / np.sum(h**2)
    assert all(early[n] >= late[n] - 1e-9 for n in (1, 5, 20, 100, 500))


def test_minimum_phase_of_a_known_filter_is_that_filter():
    known = np.convolve([1, -0.9], [1, 0.5, 0.3])  # all zeros inside the unit circle
    turned = np.convolve([-0.9, 1], [1, 0.5, 0.3])  # one mirrored outside: same magnitude
    made = ir.minimum(np.concatenate([turned, np.zeros(28)]))
    assert np.abs(made[:4] - known).max() < 1e-6 and np.abs(made[4:]).max() < 1e-6


@pytest.mark.parametrize("phase", (False, True))
def test_the_prepared_response_sounds_as_the_recording(file, phase):
    made = ir.prepare(file(cabinet(ahead=700)), taps=2048, minimum_phase=phase)
    apart = spectrum_db(made.taps, FREQS) - spectrum_db(cabinet(), FREQS) - made.gain_db
    assert np.abs(apart).max() < 1.0  # what the cut's fade costs
    assert made.taps.dtype == np.float32 and len(made.taps) == 2048
    assert made.trimmed == (0 if phase else 700 - ir.LEAD)


def test_another_rate_keeps_the_gain(file):
    path = file(cabinet(4410 * 2, 44100), rate_hz=44100)
    made = ir.prepare(path, taps=4096, level=False)
    freqs = np.geomspace(100, 4000, 40)
    apart = spectrum_db(made.taps, freqs) - spectrum_db(cabinet(4410 * 2, 44100), freqs, 44100)
    assert made.rate_hz == RATE_HZ and np.abs(apart).max() < 0.5


def test_cabinets_are_equally_loud(file):
    """By the energy of pink noise from 80 Hz to 5 kHz that comes out."""
    from scipy import signal

    rng = np.random.default_rng(1)
    size = 1 << 17
    pink = np.fft.rfft(rng.standard_normal(size)) / np.sqrt(np.arange(size // 2 + 1) + 1)
    freqs = np.fft.rfftfreq(size, 1 / RATE_HZ)
    x = np.fft.irfft(np.where((freqs > 80) & (freqs < 5000), pink, 0), size)
    for recording in (cabinet(gain=0.01), cabinet(gain=8.0), np.eye(1, 64)[0], cabinet()[::3]):
        y = signal.fftconvolve(x, ir.prepare(file(recording), taps=1024).taps)[:size]
        assert abs(10 * np.log10(np.mean(y**2) / np.mean(x**2))) < 0.3


def test_the_cut_fades_and_tells_what_it_took():
    h, lost = ir.cut(np.ones(2000), 800)
    assert np.all(h[:700] == 1) and np.all(np.diff(h[700:]) < 0) and h[-1] < 1e-3
    assert lost == pytest.approx(10 * np.log10(1 - np.sum(h**2) / 2000))
    assert ir.cut(np.ones(500), 800)[1] == -np.inf


def test_channels(file):
    left, right = 0 * cabinet(), cabinet()
    stereo = file(np.stack([left, right], axis=1))
    assert np.array_equal(ir.prepare(stereo).taps, ir.prepare(file(right, "right.wav")).taps)
    with pytest.raises(UpedalError, match=r"cab.wav: silent \(peak 0.0e\+00\)"):
        ir.prepare(stereo, channel=0)
    with pytest.raises(UpedalError, match="channel 2; expected 0 to 1"):
        ir.prepare(stereo, channel=2)


@pytest.mark.parametrize(
    ("x", "words"),
    (
        (np.zeros(100), "silent"),
        (np.full(100, np.nan), "frame 0 is NaN or infinite"),
        (np.ones(5), "5 frames at 48000 Hz; expected 16 frames to 4 s"),
        (np.ones(5 * RATE_HZ), "240000 frames at 48000 Hz; expected 16 frames to 4 s"),
        (np.sin(np.arange(4000) * 3.0) * np.hanning(4000), "no sound between 80 and 5000 Hz"),
    ),
)
def test_what_is_no_impulse_response_is_refused(file, x, words):
    with pytest.raises(UpedalError) as caught:
        ir.prepare(file(x))
    assert "cab.wav: " in str(caught.value) and words in str(caught.value)


def test_the_verb_writes_what_prepare_makes(file, tmp_path, capsys):
    path, out = file(cabinet(), "cab.flac"), tmp_path / "out.wav"
    assert cli.main(["ir", str(path), "-o", str(out), "--taps", "500", "--minimum-phase"]) == 0
    y, rate = soundfile.read(out, dtype="float32")
    assert rate == RATE_HZ and soundfile.info(out).subtype == "FLOAT"
    assert np.array_equal(y, ir.prepare(path, taps=500, minimum_phase=True).taps)
    assert "500 taps at 48000 Hz" in capsys.readouterr().out
    assert cli.main(["ir", str(tmp_path / "gone.wav"), "-o", str(out)]) == 1
    assert "gone.wav: no such file" in capsys.readouterr().err


# --- the way into a pedal -------------------------------------------------------------------------


RIG = """
from pedal import Rig
from pedal.effects.cab_ir import CabIR

rig = Rig(CabIR("{}", taps=512, minimum_phase=True), rate_hz=48000)
"""


def test_a_rig_brings_its_cabinets(file, tmp_path):
    path, rig = file(cabinet()), tmp_path / "rig.py"
    rig.write_text(RIG.format("cab.wav") + "import more\nother = effects.CabIR('cab.wav')\n")
    (tmp_path / "more.py").write_text("x = CabIR(name)\ny = CabIR(path='cab.wav', taps=100)\n")
    files = payload.collect(rig, arch="armv7emdp", native=())
    names = {name for name in files if name.endswith(".wav")}
    assert names == {"/models/cab-512m.wav", "/models/cab-1024.wav", "/models/cab-100.wav"}
    made = ir.prepare(path, taps=512, minimum_phase=True)
    assert files["/models/cab-512m.wav"] == ir.wav(made)


def test_the_rigs_rate_goes_before_the_boards(file, tmp_path):
    file(cabinet())
    rig = tmp_path / "rig.py"
    for text, board_hz, expected in (
        ("CabIR('cab.wav')", None, 48000),
        ("CabIR('cab.wav')", 44100, 44100),
        ("Rig(CabIR('cab.wav'), rate_hz=32000)", 44100, 32000),
    ):
        rig.write_text(text)
        made = payload.cabinets(rig, rate_hz=board_hz)["cab-1024.wav"]
        assert int.from_bytes(made[made.index(b"fmt ") + 12 :][:4], "little") == expected


def test_a_file_of_the_prepared_name_is_taken_as_it_is(file, tmp_path):
    ready = file(cabinet(600), "cab-512m.wav")
    rig = tmp_path / "rig.py"
    rig.write_text(RIG.format("cab.wav"))
    assert payload.cabinets(rig) == {"cab-512m.wav": ready.read_bytes()}


@pytest.mark.parametrize(
    ("text", "words"),
    (
        ("\nCabIR('gone.wav')", r"rig.py:2: impulse response 'gone.wav' not found; looked in"),
        (
            "CabIR('cab.wav', taps=2 * n)",
            r"rig.py:1: CabIR's taps is 2 \* n; expected a plain value",
        ),
        ("CabIR('cab.wav', taps='9')", r"rig.py:1: CabIR's taps is '9'; expected a whole number"),
        ("CabIR('cab.wav', taps=9)", r"rig.py:1: 9 taps; expected 16 to 8192"),
        ("CabIR('cab.wav')\nCabIR('a/cab.wav')", r"rig.py:2: .* would be one file on the device"),
    ),
)
def test_a_cabinet_that_cannot_be_sent_is_refused_with_its_line(file, tmp_path, text, words):
    file(cabinet())
    (tmp_path / "a").mkdir()
    file(cabinet(gain=0.5), "a/cab.wav")
    (tmp_path / "rig.py").write_text(text)
    with pytest.raises(UpedalError, match=words):
        payload.cabinets(tmp_path / "rig.py")


def played(file, tmp_path, on):
    file(cabinet(ahead=300))
    rig = tmp_path / "rig.py"
    rig.write_text(RIG.format("cab.wav"))
    x = (0.1 * np.random.default_rng(0).standard_normal(1500)).astype(np.float32)
    out = tmp_path / f"{on}.wav"
    sim.run(rig, file(x, "in.wav"), out, on=on, **({} if on == "cpython" else {"progress": False}))
    return x, soundfile.read(out, dtype="float32")[0]


def test_the_simulator_plays_the_prepared_cabinet(file, tmp_path):
    x, y = played(file, tmp_path, "cpython")
    h = ir.prepare(tmp_path / "cab.wav", taps=512, minimum_phase=True).taps.astype(np.float64)
    assert np.abs(y - np.convolve(x, h)[: len(x)]).max() < 1e-5


@pytest.mark.toolchain("unix port", "native modules x64")
def test_micropython_plays_the_same_bits(file, tmp_path):
    if not EXACT:
        pytest.skip("no fused multiply-add here")
    assert np.array_equal(*(played(file, tmp_path, on)[1] for on in ("cpython", "unix")))
