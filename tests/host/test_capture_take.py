"""Taking a capture, on a stand-in of a sound card: level, latency, what is told, what is kept."""

from argparse import ArgumentParser

import numpy as np
import pytest
from upedal import audio, capture_device, capture_take, cli_capture, synth
from upedal import capture_signal as signal
from upedal.errors import UpedalError

RATE = 48000
SPEC = signal.Spec(1, RATE)


class Room:
    """A card that answers with what `gear` makes of the sound, `late` frames later."""

    def __init__(self, gear=lambda x: 0.5 * x, late=1000, noise=1e-4, xruns=(), rate_hz=RATE):
        self.gear, self.late, self.noise, self.xruns, self.rate_hz = (
            gear,
            late,
            noise,
            list(xruns),
            rate_hz,
        )
        self.played = []

    def play(self, x, after_s=0.0, progress=None):
        self.played.append(np.array(x))
        out = np.zeros(len(x) + int(after_s * self.rate_hz), np.float32)
        out[self.late : self.late + len(x)] = self.gear(np.asarray(x, np.float64))[
            : len(out) - self.late
        ]
        out += self.noise * np.random.default_rng(0).standard_normal(len(out))
        return np.clip(out, -1.0, 1.0).astype(np.float32), self.xruns


# ---- level ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gain, says",
    [(0.0, "comes back"), (1e-4, "comes back"), (0.02, "input gain up"), (3.0, "input gain down")],
)
def test_a_wrong_level_names_the_knob(gain, says):
    assert says in capture_take.check_level(Room(lambda x: gain * x))


@pytest.mark.parametrize("gain", [0.1, 0.5, 1.05])
def test_a_right_level_passes(gain):
    assert capture_take.check_level(Room(lambda x: gain * x)) is None


def test_gear_that_distorts_below_full_scale_is_no_fault():
    assert capture_take.check_level(Room(lambda x: 0.6 * np.tanh(30 * x))) is None


def test_hum_alone_does_not_pass_for_an_answer():
    hum = 0.2 * np.sin(2 * np.pi * 50 * np.arange(4 * RATE) / RATE)
    assert "comes back" in capture_take.check_level(Room(lambda x: hum[: len(x)], late=0))


def test_knob_is_told_how_far():
    fault = capture_take.level_fault(np.concatenate([np.zeros(RATE), np.full(RATE, 0.05)]), RATE)
    assert "about 20 dB" in fault


# ---- the take ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dry():
    return signal.render(SPEC)


@pytest.mark.parametrize("late", [0, 1, 12345])
def test_wet_is_moved_to_where_its_dry_is(dry, late):
    take = capture_take.record(Room(late=late, noise=0), dry, SPEC)
    assert take.moved == late and len(take.wet) == len(dry) and not capture_take.spoiled(take)
    assert np.max(np.abs(take.wet - 0.5 * dry)) < 1e-6


def test_own_playing_is_moved_by_the_music():
    x = synth.dry_guitar(6.0, RATE, seed=4)
    take = capture_take.record(Room(late=9000, noise=1e-5), x, None)
    assert abs(take.moved - 9000) <= 8 and len(take.wet) == len(x)
    assert "by the music" in " ".join(capture_take.sentences(take, RATE))


def test_silence_is_refused(dry):
    with pytest.raises(UpedalError, match="nothing came back"):
        capture_take.record(Room(lambda x: 0 * x), dry, SPEC)


def test_clipping_xruns_and_lost_frames_spoil_a_take_and_are_told(dry):
    def drops(x):
        return 1.5 * np.concatenate([x[:2_000_000], x[2_000_512:], np.zeros(512)])

    take = capture_take.record(Room(drops, xruns=[(48000, "input overflow")]), dry, SPEC)
    told = " ".join(capture_take.sentences(take, RATE))
    assert capture_take.spoiled(take)
    assert (
        "512 frames were lost before 4" in told
        and "1 xruns, the first at 1.0 s (input overflow)" in told
    )
    assert "clips" in told


# ---- the verb ------------------------------------------------------------------------------------


def run(*argv):
    top = ArgumentParser()
    sub = top.add_subparsers()

    def add(name, text, do):
        p = sub.add_parser(name)
        p.set_defaults(do=do)
        return p

    cli_capture.verbs(add)
    args = top.parse_args(["capture", *map(str, argv)])
    return args.do(args) or 0


@pytest.fixture
def card(monkeypatch):
    """The verb's card is a Room; its fields can be set."""
    room = Room(late=700)

    def make(rate_hz, device, input_channel, output_channel):
        room.rate_hz, room.asked = rate_hz, (device, input_channel, output_channel)
        return room

    monkeypatch.setattr(capture_device, "Card", make)
    return room


def test_verb_writes_shows_plays_and_keeps_both(tmp_path, card, capsys):
    path = tmp_path / "a.wav"
    assert run(path, "--minutes", 1, "--rate-hz", 44100) == 0
    before = path.read_bytes()
    assert "already there" not in capsys.readouterr().out
    assert run(path, "--minutes", 1, "--rate-hz", 44100) == 0
    assert "already there" in capsys.readouterr().out
    with pytest.raises(UpedalError, match="--force"):
        run(path, "--minutes", 1, "--seed", 3)
    assert run(path, "--show") == 0 and "1 min at 44100 Hz" in " ".join(
        capsys.readouterr().out.split()
    )
    assert run(path, "--play", "--device", "in", "out", "--input-channel", 2) == 0
    assert card.asked == (["in", "out"], 2, 1)
    assert path.read_bytes() == before
    (x, _), (y, rate) = audio.read(path), audio.read(tmp_path / "a-wet.wav")
    assert rate == 44100 and len(x) == len(y) and np.corrcoef(x, y)[0, 1] > 0.999
    with pytest.raises(UpedalError, match="--force"):
        run(path, "--play")


def test_verb_stops_at_a_wrong_level_unless_forced(tmp_path, card):
    path = tmp_path / "a.wav"
    audio.write(path, synth.dry_guitar(3.0), RATE)
    card.gear = lambda x: 0.02 * x
    with pytest.raises(UpedalError, match="input gain up"):
        run(path, "--play")
    assert not (tmp_path / "a-wet.wav").exists() and len(card.played) == 1
    assert run(path, "--play", "--force", "-o", tmp_path / "b.wav") == 0
    assert np.array_equal(card.played[-1], synth.dry_guitar(3.0)), "own playing goes out as it is"
    assert (tmp_path / "b.wav").exists()


def test_a_failed_take_leaves_the_one_before(tmp_path, card):
    path, wet = tmp_path / "a.wav", tmp_path / "a-wet.wav"
    audio.write(path, synth.dry_guitar(3.0), RATE)
    assert run(path, "--play") == 0
    before = wet.read_bytes()
    card.gear = lambda x: 0 * x
    with pytest.raises(UpedalError, match="nothing came back"):
        run(path, "--play", "--force")
    assert wet.read_bytes() == before and sorted(f.name for f in tmp_path.iterdir()) == [
        "a-wet.wav",
        "a.wav",
    ]
