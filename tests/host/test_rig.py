"""What a player does to a rig while it sounds: heard in the output."""

import json

import numpy as np
import pytest
from pedal import LFO, Blend, Chain, Envelope, Gain, Neural, Rig, Split, Tremolo, table
from pedal.clock import Clock
from pedal.modulate import beats
from pedal.remote import Remote

from tests.host.live_rig import RATE_HZ, click_db, play

MODELS = "tests/vectors/"
ONES = np.ones(RATE_HZ)
TONE_HZ = 110
TONE = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(2 * RATE_HZ) / RATE_HZ)


class Bump:
    """An effect as a user writes one: adds 1, and raises when told to."""

    broken = False

    def process(self, buf):
        for at in range(len(buf)):
            buf[at] += 1.0
        if self.broken:
            raise RuntimeError("blown fuse")

    def reset(self):
        pass


def rig_of(*effects, **options):
    return Rig(*effects, block=64, rate_hz=RATE_HZ, **options)


def settled(y):
    return y[-RATE_HZ // 8 :].mean()


# ---- structure ----


def test_branches_and_blends_add_up():
    split = Split([Gain(db=20), Bump()], None, a=0.5, b=-1.0)
    assert settled(play(rig_of(split), ONES)) == pytest.approx(0.5 * 11 - 1.0, rel=1e-5)
    blend = Blend(Chain(Gain(db=20), Bump()), mix=0.25)
    assert settled(play(rig_of(Gain(db=0), blend), ONES)) == pytest.approx(
        0.75 + 0.25 * 11, rel=1e-5
    )
    inner = Split(Blend(Gain(db=20), mix=0.5), Split(Bump(), None, a=1.0, b=1.0), a=1.0, b=1.0)
    assert settled(play(rig_of(inner), ONES)) == pytest.approx(5.5 + 2 + 1, rel=1e-5)


def test_names_count_up_and_a_wrong_one_lists_them():
    rig = rig_of(Gain(db=0), Chain(Gain(db=1), Tremolo()))
    assert [name for name, _ in rig.names] == ["gain", "gain2", "tremolo"]
    with pytest.raises(KeyError, match="no effect 'gian'; expected gain, gain2, tremolo"):
        rig["gian"]
    with pytest.raises(ValueError, match="Gain has no parameter 'bd'; expected db"):
        rig.set("gain.bd", 1)
    with pytest.raises(ValueError, match="Tremolo: depth=2; expected 0.0 to 1.0"):
        rig.set("tremolo.depth", 2)


def test_an_effect_that_raises_in_a_branch_is_taken_out_and_the_rest_plays():
    bump = Bump()
    rig = rig_of(Split([Gain(db=0), bump], Gain(db=0), a=1.0, b=1.0))
    y = play(rig, ONES, {24000: lambda: setattr(bump, "broken", True)})
    assert y[20000] == pytest.approx(3.0, rel=1e-5) and settled(y) == pytest.approx(2.0, rel=1e-5)
    assert np.abs(y[24064:] - 2).max() < 1e-4, "from the block after the fault on"
    assert rig.engine.faults == 1 and "Bump" in rig.engine.reports[0], rig.engine.reports


# ---- no clicks ----


def _swap(rig):
    rig.replace("neural", Neural(MODELS + "gru16.upm"))


MOVES = {
    "bypass": lambda rig: rig.bypass("gain"),
    "gain": lambda rig: rig.set("gain.db", -20),
    "scene": lambda rig: rig.recall("quiet"),
    "insert": lambda rig: rig.insert(1, Gain(db=-12)),
    "remove": lambda rig: rig.remove("gain"),
    "replace": lambda rig: rig.replace("gain", Gain(db=-12)),
}


@pytest.mark.parametrize("move", MOVES)
def test_no_change_clicks_above_60_db_below_full_scale(move):
    rig = rig_of(Gain(db=0))
    rig.scenes["quiet"] = {"values": {"gain.db": -30}, "off": []}
    y = play(rig, TONE, {24000 + 137: lambda: MOVES[move](rig)})
    assert click_db(y, TONE_HZ) < -60, move
    hard = TONE.copy()
    hard[24000 + 137 :] *= 10 ** (-12 / 20)
    assert click_db(hard, TONE_HZ) > -50, "the measure hears a hard switch"


def test_a_swapped_model_fades_and_then_sounds_as_if_it_had_been_there():
    rig = rig_of(Neural(MODELS + "gru10.upm"), Gain(db=0))
    y = play(rig, 0.2 * TONE, {24000: lambda: rig.replace("neural", Neural(MODELS + "gru16.upm"))})
    alone = play(rig_of(Neural(MODELS + "gru16.upm"), Gain(db=0)), 0.2 * TONE)
    assert np.abs(y[-24000:] - alone[-24000:]).max() < 1e-3
    assert np.abs(y[24000:28000]).min() < 1e-3 and len(rig.names) == 2


def test_bypass_and_back_gives_the_effect_again():
    rig = rig_of(Gain(db=20))
    y = play(rig, ONES, {12000: lambda: rig.bypass("gain"), 30000: lambda: rig.toggle("gain")})
    assert y[11000] == pytest.approx(10, rel=1e-4)
    assert y[20000] == 1.0 and settled(y) == pytest.approx(10, rel=1e-4)


# ---- what moves parameters ----


def test_an_lfo_moves_any_parameter_at_its_speed_and_range():
    rig = rig_of(Gain(db=0))
    rig.modulate(LFO(speed_hz=4.0), "gain", "db", low=-12, high=0)
    db = 20 * np.log10(play(rig, np.ones(2 * RATE_HZ)))
    assert -12.2 < db.min() < -11 and -1 < db.max() < 0.1
    spectrum = np.abs(np.fft.rfft(db - db.mean()))
    assert np.argmax(spectrum) == 8, "four turns a second, for two seconds"


def test_an_envelope_follows_the_input():
    rig = rig_of(Gain(db=0))
    rig.modulate(Envelope(floor_db=-40, top_db=0), "gain", "db", low=0, high=-20)
    x = np.concatenate([np.full(RATE_HZ, 0.01), np.full(RATE_HZ, 1.0)])
    y = play(rig, x)
    assert y[RATE_HZ - 1] / 0.01 == pytest.approx(1.0, rel=0.02)
    assert y[-1] == pytest.approx(0.1, rel=0.02)


def test_the_clock_takes_taps_and_lfos_keep_time_with_it():
    clock = Clock(RATE_HZ)
    for tap in range(5):
        clock.tap(1000 + tap * 24000)
    assert clock.tempo_bpm == pytest.approx(120)
    clock.tap(1000 + 4 * 24000 + 12000)  # twice as fast: a new tapping, at once
    assert clock.tempo_bpm == pytest.approx(240)
    assert beats("1/8t") == pytest.approx(1 / 3) and beats("1/4.") == 1.5
    with pytest.raises(ValueError, match=r"1/5.*expected 1/1 to 1/32"):
        beats("1/5")
    rig = rig_of(Gain(db=0), tempo_bpm=90)
    lfo = rig.modulate(LFO(division="1/8"), "gain", "db")
    assert lfo.speed_hz == pytest.approx(3.0, abs=1e-3)
    rig.set("tempo", 60)
    assert lfo.speed_hz == pytest.approx(2.0, abs=1e-3)
    with pytest.raises(ValueError, match="tempo_bpm=10"):
        rig.set("tempo", 10)


def test_scenes_bring_back_values_and_switches():
    rig = rig_of(Gain(db=-3), Tremolo(depth=0.4))
    rig.store_scene("verse")
    rig.set("gain.db", 6)
    rig.bypass("tremolo")
    rig.store_scene("chorus")
    rig.recall("verse")
    assert rig["gain"].db == -3 and not rig.bypassed("tremolo")
    rig.next_scene()
    assert rig.scene == "chorus" and rig["gain"].db == 6 and rig.bypassed("tremolo")
    assert json.loads(json.dumps(rig.scenes)) == rig.scenes
    with pytest.raises(KeyError, match="no scene 'solo'; expected chorus, verse"):
        rig.recall("solo")


def test_knobs_of_a_model_are_parameters():
    neural = Neural(MODELS + "gru9_2knobs.upm")
    assert len(neural.PARAMS) == 2
    name, default, low, high = neural.PARAMS[0]
    rig = rig_of(neural)
    still = play(rig, 0.3 * TONE)
    rig = rig_of(Neural(MODELS + "gru9_2knobs.upm"))
    rig.modulate(LFO(speed_hz=2.0), "neural", name)
    moved = play(rig, 0.3 * TONE)
    assert np.abs(moved - still).max() > 1e-3
    rig = rig_of(Neural(MODELS + "gru9_2knobs.upm"))
    y = play(rig, 0.3 * TONE, {RATE_HZ: lambda: rig.set(f"neural.{name}", high)})
    turned = Neural(MODELS + "gru9_2knobs.upm")
    rig2 = rig_of(turned)
    rig2.set(f"neural.{name}", high)
    assert np.abs(y[-9600:] - play(rig2, 0.3 * TONE)[-9600:]).max() < 2e-3


def test_a_model_plays_at_the_level_of_its_capture(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from pedal.effects import neural
    from upedal import upm

    model = upm.load(MODELS + "gru10.upm")
    model.loudness_db, model.input_dbu, model.output_dbu = -12.0, 12.0, 6.0
    path = str(tmp_path / "level.upm")
    upm.save(model, path)
    board = SimpleNamespace(FULL_SCALE_IN_DBU=6.0, FULL_SCALE_OUT_DBU=9.0)
    raw = play(rig_of(Neural(path)), 0.1 * TONE)
    half = play(rig_of(Neural(path)), 0.1 * TONE * 10 ** (-6 / 20))
    monkeypatch.setattr(neural, "board", board)
    for level, expected in ((None, half * 10 ** (-3 / 20)), ("raw", raw)):
        assert (
            np.abs(play(rig_of(Neural(path, level=level)), 0.1 * TONE) - expected).max() < 1e-5
        ), level
    normal = play(rig_of(Neural(path, level="normalized")), 0.1 * TONE)
    assert np.abs(normal - raw * 10 ** (-6 / 20)).max() < 1e-5
    for bad, words in (
        ("loud", "expected 'calibrated'"),
        ("calibrated", "needs dBu at full scale"),
    ):
        with pytest.raises(ValueError, match=words):
            Neural(MODELS + "gru16.upm", level=bad)


# ---- trouble ----


class _Clock:
    """Microseconds: each block takes `us`."""

    def __init__(self):
        self.now, self.us, self.calls = 0, 100, 0

    def __call__(self):
        self.calls += 1
        if self.calls % 2 == 0:
            self.now += self.us
        return self.now


def test_overload_takes_the_fallback_then_bypass_and_comes_back():
    from pedal import Engine

    neural = Neural(MODELS + "gru16.upm", fallback=MODELS + "gru10.upm")
    rig, clock = rig_of(neural, Gain(db=0)), _Clock()

    class Live:
        realtime = True

        def readinto(self, buf):
            return len(buf)

        def write(self, buf, n):
            pass

    engine = Engine(rig, Live(), Live(), clock_us=clock)
    levels = []
    engine.overload.changed.append(levels.append)

    def run(seconds, us):
        clock.us = us
        for _ in range(round(seconds * RATE_HZ / 64)):
            engine.step()

    run(1, 500)
    assert levels == []
    run(0.2, 2000)  # 64 frames last 1,333 us
    assert levels == [1, 2], "first the smaller model, then none"
    run(20, 500)
    assert levels[-1] == 0 and engine.overload.drops == 2, levels
    assert neural._net is neural._first and not rig.bypassed("neural")


def test_a_control_that_raises_is_left_out_and_reported():
    class Shaky:
        routes = ()

        def poll(self, now):
            raise OSError("no answer at 0x3c")

    rig = rig_of(Gain(db=0), controls=[Shaky()])
    y = play(rig, ONES)
    assert np.all(y == 1.0) and not rig.controls
    assert "Shaky" in rig.engine.reports[0] and "0x3c" in rig.engine.reports[0]


# ---- tables, and changes from outside ----

TABLE = {
    "block": 64,
    "rate_hz": RATE_HZ,
    "tempo_bpm": 100,
    "effects": [
        {"type": "Gain", "db": -6},
        {
            "type": "Blend",
            "name": "wet",
            "mix": 0.5,
            "wet": [{"type": "Tremolo"}, {"type": "Gain"}],
        },
        {"type": "Chain", "effects": [{"type": "Gain", "name": "last", "off": True}]},
    ],
    "modulators": [{"type": "LFO", "speed_hz": 2, "moves": "wet.mix", "low": 0, "high": 1}],
    "scenes": {"loud": {"values": {"gain.db": 6}}},
}


def test_a_table_makes_the_rig_that_a_script_would():
    rig = table.make(json.loads(json.dumps(TABLE)))
    assert [name for name, _ in rig.names] == ["gain", "tremolo", "gain2", "wet", "last"]
    rig.recall("loud")
    assert rig["gain"].db == 6 and len(rig.modulators) == 1
    for change, words in (
        ({"effects": [{"type": "Gian"}]}, "effects[0]: type 'Gian'"),
        ({"effects": [{"type": "Gain", "bd": 1}]}, "effects[0]: Gain has no bd"),
        ({"efects": []}, "unknown key 'efects'"),
        ({"modulators": [{"type": "LFO", "moves": "gain"}]}, "modulators[0]: moves 'gain'"),
    ):
        with pytest.raises(ValueError) as caught:
            table.make({**json.loads(json.dumps(TABLE)), **change})
        assert words in str(caught.value)


def test_remote_changes_the_rig_and_survives_nonsense(tmp_path):
    rig, sent, answers = rig_of(Gain(db=0)), bytearray(), []

    def read(buf):
        n = min(len(buf), len(sent))
        buf[:n] = sent[:n]
        del sent[:n]
        return n

    remote = Remote(rig, read=read, write=answers.append)
    rig.controls.append(remote)

    def say(**command):
        sent.extend(json.dumps(command).encode() + b"\n")

    def nonsense():
        noise = bytes(byte for byte in range(256) if byte != 3)  # 3 is Ctrl-C
        sent.extend(noise * 4 + b"\n{\n[]\n" + b"x" * 2000 + b"\n")

    y = play(
        rig,
        np.ones(3 * RATE_HZ),
        {
            9600: nonsense,
            40000: lambda: say(id=1, do="set", target="gain.db", value=-20),
            60000: lambda: say(id=2, do="insert", at=0, effect={"type": "Gain", "db": 20}),
            90000: lambda: say(id=3, do="set", target="gian.db", value=1),
            100000: lambda: say(id=4, do="get"),
            110000: lambda: say(id=5, do="stats"),
        },
    )
    replies = {reply["id"]: reply for reply in map(json.loads, answers)}
    assert y[55000] == pytest.approx(0.1, rel=1e-3) and settled(y) == pytest.approx(1.0, rel=1e-3)
    assert "gian" in replies[3]["error"] and replies[1]["ok"] is None
    assert replies[4]["ok"]["effects"] == [["gain", "Gain"], ["gain2", "Gain"]]
    assert replies[5]["ok"]["faults"] == 0


def test_remote_ends_at_ctrl_c():
    def read(buf):
        buf[:3] = b"{\x03\n"
        return 3

    with pytest.raises(KeyboardInterrupt):
        Remote(rig_of(), read=read).poll(0)


def test_remote_brings_a_file_whole_or_not_at_all(tmp_path):
    from base64 import b64encode
    from zlib import crc32

    answers, path, data = [], tmp_path / "new.upm", bytes(range(256)) * 3
    remote = Remote(rig_of(), read=lambda buf: 0, write=answers.append)

    def send(crc):
        remote._answer(json.dumps({"id": 1, "do": "begin", "path": str(path)}).encode())
        for at in range(0, len(data), 192):
            part = b64encode(data[at : at + 192]).decode()
            remote._answer(json.dumps({"id": 2, "do": "part", "data": part}).encode())
        remote._answer(json.dumps({"id": 3, "do": "end", "crc": crc}).encode())

    send(crc32(data) ^ 1)
    assert "CRC-32" in answers[-1] and not path.exists()
    send(crc32(data))
    assert "error" not in answers[-1] and path.read_bytes() == data
