"""The sound card: its choice, its blocks, its faults; and the real thing on a loopback where one can be had."""

import os
import shutil
import signal as os_signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from upedal import capture, capture_device
from upedal import capture_signal as signal
from upedal.errors import UpedalError

RATE = 48000
SPEC = signal.Spec(1, RATE)

# ---- blocks --------------------------------------------------------------------------------------


def test_tape_plays_and_records_any_blocks_on_its_channels():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 5000).astype(np.float32)
    tape = capture_device.Tape(x, 100, 300, input_channel=2, output_channel=3)
    played, ended = [], False
    while not ended:
        n = int(rng.integers(1, 700))
        outdata, indata = np.full((n, 4), 9.0, np.float32), np.zeros((n, 2), np.float32)
        indata[:, 1] = np.arange(len(played), len(played) + n)
        ended = tape.step(indata, outdata)
        assert not np.any(outdata[:, [0, 1, 3]])
        played += outdata[:, 2].tolist()
    assert (
        np.array_equal(played[100:5100], x)
        and not np.any(played[:100])
        and not np.any(played[5100:])
    )
    assert np.array_equal(tape.recorded, np.arange(5400))


def test_xruns_count_from_where_the_signal_begins():
    tape = capture_device.Tape(np.ones(1000), 100, 0)
    block = np.zeros((100, 1), np.float32)
    for status in ("input underflow", None, "output underflow"):
        tape.step(block, block.copy(), status)
    assert tape.xruns == [(100, "output underflow")]


# ---- devices -------------------------------------------------------------------------------------

FOUND = [
    capture_device.Device(0, "Speakers", 0, 2, 48000),
    capture_device.Device(1, "Scarlett 2i2", 2, 2, 48000),
    capture_device.Device(2, "Scarlett 18i8", 18, 8, 48000),
]


def test_a_device_is_chosen_by_number_or_by_its_name():
    assert capture_device.choose("2i2", "input", 2, FOUND) == 1
    assert capture_device.choose("scarlett 18i8", "output", 8, FOUND) == 2
    assert capture_device.choose("0", "output", 1, FOUND) == 0


@pytest.mark.parametrize(
    "wanted, side, channel, says",
    [("scarlett", "input", 1, "2 input devices fit"), ("0", "input", 1, "0 input devices"),
     ("nothing", "output", 1, "expected one of: 0 Speakers"), ("1", "input", 3, "it has 1 to 2")],
)  # fmt: skip
def test_a_wrong_choice_says_what_there_is(wanted, side, channel, says):
    with pytest.raises(UpedalError, match=says):
        capture_device.choose(wanted, side, channel, FOUND)


@pytest.mark.parametrize("error, says", [(ImportError, "pip install"), (OSError, "libportaudio2")])
def test_without_the_package_or_the_library_it_says_what_to_install(monkeypatch, error, says):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise error("not here")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(UpedalError, match=says):
        capture_device.devices()


def fake_sounddevice(stream):
    return types.SimpleNamespace(
        Stream=stream,
        PortAudioError=RuntimeError,
        CallbackStop=StopIteration,
        CallbackAbort=InterruptedError,
    )


def test_a_stream_that_stands_still_or_ends_early_is_an_error(monkeypatch):
    class Dead:
        def __init__(self, **options):
            self.options = options

        def __enter__(self):
            if self.ends:
                self.options["finished_callback"]()

        def __exit__(self, *args):
            pass

    monkeypatch.setattr(capture_device, "_STALL_S", 0.3)
    for ends, says in ((True, "stopped after 0 of"), (False, "no block came")):
        kind = type("Dead", (Dead,), {"ends": ends})
        with pytest.raises(UpedalError, match=says):
            bare_card(monkeypatch, kind).play(np.zeros(100))


class Wire:
    """A stand-in of sounddevice.Stream whose input is its output, one block of 512 frames late."""

    def __init__(self, channels, callback, finished_callback, **options):
        self.channels, self.callback, self.finished = channels, callback, finished_callback

    def __enter__(self):
        before = np.zeros((512, self.channels[1]), np.float32)
        while True:
            outdata = np.empty_like(before)
            try:
                self.callback(before[:, : self.channels[0]], outdata, 512, None, None)
            except (StopIteration, InterruptedError):
                return self.finished()
            before = outdata

    def __exit__(self, *args):
        pass


def bare_card(monkeypatch, stream, channels=(1, 1)):
    card = object.__new__(capture_device.Card)
    card.rate_hz, card.channels, card.device = RATE, channels, (0, 0)
    monkeypatch.setattr(capture_device, "_module", lambda: fake_sounddevice(stream))
    return card


def test_play_goes_through_the_stream_and_tells_how_far_it_is(monkeypatch):
    x, seen = np.random.default_rng(0).uniform(-1, 1, 10000).astype(np.float32), []
    card = bare_card(monkeypatch, Wire, channels=(2, 2))
    recorded, xruns = card.play(x, after_s=0.1, progress=lambda *at: seen.append(at))
    assert len(recorded) == 10000 + RATE // 10 and xruns == []
    assert np.array_equal(recorded[512:10512], x)
    assert seen[-1] == (RATE + 10000 + RATE // 10,) * 2


def test_a_stream_that_does_not_start_is_started_again(monkeypatch):
    class Shy(Wire):
        starts = 0

        def __enter__(self):
            Shy.starts += 1
            return super().__enter__() if Shy.starts == 3 else self.finished()

    assert len(bare_card(monkeypatch, Shy).play(np.ones(100))[0]) == 100


def test_an_error_in_a_block_is_told(monkeypatch):
    def fails(self, *args):
        raise ValueError("a torn block")

    monkeypatch.setattr(capture_device.Tape, "step", fails)
    with pytest.raises(UpedalError, match="a torn block"):
        bare_card(monkeypatch, Wire).play(np.ones(100))


# ---- the real thing ------------------------------------------------------------------------------

_SCRIPT = """
load-module module-native-protocol-unix
load-module module-null-sink sink_name=loop rate=48000 channels=2 format=float32le
set-default-sink loop
set-default-source loop.monitor
"""
_TAKE = """
import sys
import numpy as np
from upedal import capture_device
card = capture_device.Card(48000, ("pulse", "pulse"))
recorded, xruns = card.play(np.load(sys.argv[1]), after_s=1.5)
np.savez(sys.argv[2], recorded=recorded, xruns=len(xruns))
"""


@pytest.fixture
def loopback(tmp_path):
    """A PulseAudio of our own whose null sink's monitor is the input; its environment."""
    if shutil.which("pulseaudio") is None:
        pytest.skip(
            "no pulseaudio: the real loopback is not tested (apt install pulseaudio libportaudio2 libasound2-plugins)"
        )
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as e:
        pytest.skip(f"no sounddevice or PortAudio: the real loopback is not tested ({e})")
    (tmp_path / "start.pa").write_text(_SCRIPT)
    tmp_path.chmod(0o700)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PULSE", "DBUS"))}
    env |= {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    daemon = subprocess.Popen(
        ["pulseaudio", "-n", "-F", "start.pa", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
         "--realtime=no", "--high-priority=no"],
        cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (tmp_path / "pulse" / "native").exists() and time.monotonic() < deadline:
        assert daemon.poll() is None, f"pulseaudio ended with {daemon.returncode}"
        time.sleep(0.1)
    yield env
    daemon.send_signal(os_signal.SIGTERM)
    daemon.wait(10)


def test_real_loopback_comes_back_late_and_whole(loopback, tmp_path):
    """The clicks and some silence through PortAudio, ALSA and PulseAudio. A busy machine loses blocks now and then: what
    is looked at is half a second without a loss, and a take that has none is made again."""
    x = signal.render(SPEC)[: int(1.2 * RATE)]
    first, _ = signal.clicks(SPEC)
    part = slice(first[0], first[0] + signal.CODE_FRAMES)
    np.save(tmp_path / "x.npy", x)
    told = []
    for _ in range(5):
        made = subprocess.run(
            [sys.executable, "-c", _TAKE, tmp_path / "x.npy", tmp_path / "y.npz"],
            env=loopback, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if made.returncode:
            told.append(made.stderr[-300:])
            continue
        take = np.load(tmp_path / "y.npz")
        verdict = capture.judge(take["recorded"], SPEC)
        told.append(f"{take['xruns']} xruns, latency {verdict.latency_frames}")
        if verdict.by_clicks:
            late = round(verdict.latency_frames)
            apart = np.max(np.abs(take["recorded"][late:][part] - x[part]))
            if not take["xruns"] or apart < 1e-4:
                break
    else:
        pytest.skip(f"five takes with losses: this machine is too busy for sound: {told}")
    assert late > 0 and verdict.polarity == 1 and apart < 1e-4, told
