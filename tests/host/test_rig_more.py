"""What goes wrong on stage: changes on top of changes, parts that fail, nonsense from outside."""

import json

import numpy as np
import pedal_fx
import pytest
from pedal import (
    LFO,
    Blend,
    Chain,
    Delay,
    Engine,
    Envelope,
    Gain,
    Neural,
    Reverb,
    Rig,
    Split,
    Tremolo,
    Tuner,
    moves,
    table,
)
from pedal.clock import Clock
from pedal.controls.control import Control
from pedal.modulate import Route
from pedal.overload import Overload
from pedal.remote import Remote

from tests.host.live_rig import RATE_HZ, _Ends, click_db
from tests.host.live_rig import play as _play

MODELS = "tests/vectors/"
ONES = np.ones(RATE_HZ)
TONE_HZ = 110
TONE = 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(2 * RATE_HZ) / RATE_HZ)


def rig_of(*effects, **options):
    return Rig(*effects, block=64, rate_hz=RATE_HZ, **options)


def play(rig, x, at=None, **options):
    y = _play(rig, x, at, **options)
    assert rig.engine.reports == [], rig.engine.reports
    return y


def play2(rig, x, at=None):
    """As play(), but both channels; the right one is the left where the sink got only one."""
    ends = _Ends(x)
    left, right = [], []
    ends.write = lambda buf, n: ends.write2(buf, buf, n)

    def write2(one, other, n):
        left.append(np.array(one[:n], np.float32))
        right.append(np.array(other[:n], np.float32))

    ends.write2 = write2
    engine = Engine(rig, ends, ends)
    due = sorted((at or {}).items())
    while True:
        while due and due[0][0] < ends.at + engine.block:
            due.pop(0)[1]()
        if not engine.step():
            return np.concatenate(left), np.concatenate(right)


class Knob(Control):
    def _steps(self, rate_hz):
        while True:
            yield


def settled(y):
    return y[-RATE_HZ // 8 :].mean()


def db(gain):
    return 20 * np.log10(gain)


# ---- changes on top of changes ----


def test_changes_made_one_after_the_other_all_happen():
    rig = rig_of(Gain(db=0), Gain(db=3))

    def change():
        rig.insert(0, Gain(db=6))
        rig.remove("gain3")
        rig.insert(9, Gain(db=1))
        assert [effect.db for effect in rig.effects] == [6, 0, 1]

    assert db(settled(play(rig, ONES, {20000: change}))) == pytest.approx(7, abs=1e-3)


def test_a_refresh_during_a_fade_does_not_bring_the_change_forward():
    rig = rig_of(Gain(db=0))

    def change():
        rig.replace("gain", Gain(db=-12))
        rig.engine.refresh()

    assert click_db(play(rig, TONE, {24137: change}), TONE_HZ) < -60


def test_a_change_that_raises_is_reported_and_sound_and_other_changes_go_on():
    rig, done = rig_of(Gain(db=0)), []

    def wrong():
        raise OSError("no such disk")

    def change():
        rig.engine.change(wrong)
        rig.engine.change(done.append, 1)

    y = _play(rig, ONES, {20000: change})
    assert settled(y) == 1.0 and done == [1]
    assert "no such disk" in rig.engine.reports[0], rig.engine.reports


def test_an_effect_that_cannot_be_linked_is_left_out():
    class Odd(Gain):
        def native(self, buf):
            raise RuntimeError("no left hand")

    y = _play(rig_of(Gain(db=6), Odd()), ONES)
    assert db(settled(y)) == pytest.approx(6, abs=1e-3)
    rig = rig_of(Gain(db=6))
    y = _play(rig, ONES, {20000: lambda: rig.insert(0, Odd())})
    assert db(settled(y)) == pytest.approx(6, abs=1e-3)
    assert rig.engine.faults == 1 and "no left hand" in rig.engine.reports[0]


def test_reset_in_the_middle_of_a_change_still_ends_it():
    rig = rig_of(Gain(db=0))

    def change():
        rig.replace("gain", Gain(db=6))
        rig.engine.reset()

    assert db(settled(_play(rig, ONES, {20000: change}))) == pytest.approx(6, abs=1e-3)


def test_a_failed_effect_that_is_off_stays_off_after_reset():
    class Blown(Gain):
        def native(self, buf):
            return self.fail, buf, None

        def fail(self, a, b):
            raise RuntimeError("blown fuse")

    rig = rig_of(Blown(db=20))
    engine = Engine(rig, _Ends(ONES), _Ends(ONES))
    engine.step()
    rig.bypass("blown")
    engine.reset()
    engine.step()
    assert engine.faults == 0, engine.reports


# ---- inside others ----


@pytest.mark.parametrize(
    "hold", [lambda g: Split(g, None, a=1.0, b=0.0), lambda g: Blend(g, mix=1.0)]
)
def test_effects_inside_others_are_replaced_and_removed(hold):
    rig = rig_of(hold([Gain(db=-6), Gain(db=0)]))
    y = play(rig, ONES, {12000: lambda: rig.replace("gain2", Gain(db=10))})
    assert db(settled(y)) == pytest.approx(4, abs=1e-3)
    y = play(rig, ONES, {12000: lambda: rig.remove("gain")})
    assert db(settled(y)) == pytest.approx(10, abs=1e-3)
    assert len(rig.names) == 2


def test_a_split_is_bypassed_without_a_click():
    rig = rig_of(Gain(db=-6), Split(Gain(db=6), Gain(db=0), a=1.0, b=1.0), Gain(db=3))
    y = play(rig, ONES, {12000: lambda: rig.bypass("split"), 30000: lambda: rig.toggle("split")})
    sum_ = 10 ** (6 / 20) + 1
    assert db(y[11000]) == pytest.approx(-3 + db(sum_), abs=1e-3)
    assert db(y[20000]) == pytest.approx(-3, abs=1e-3)
    assert db(settled(y)) == pytest.approx(-3 + db(sum_), abs=1e-3)
    y = play(rig, 0.5 * TONE, {24137: lambda: rig.bypass("split")})
    assert click_db(y, TONE_HZ) < -60


def test_what_is_no_effect_is_refused_wherever_it_stands():
    for wrong, words in (
        (lambda: Rig(Split(5, None)), "is 5"),
        (lambda: Rig(LFO()), "modulate"),
        (lambda: Rig().insert(0, Envelope()), "modulate"),
        (lambda: Rig(Gain()).modulate(Gain(), "gain", "db"), "LFO"),
        (lambda: Rig(Delay(ping_pong=True), Gain()), "last"),
        (lambda: Rig(Split(Reverb(stereo=True), None)), "last"),
        (lambda: Rig(Reverb(stereo=True), block=1024), "512"),
    ):
        with pytest.raises(ValueError, match=words):
            wrong()


def test_a_refused_change_changes_nothing():
    rig = rig_of(Gain(db=0), Reverb(small=True, stereo=True))
    with pytest.raises(ValueError, match="last"):
        rig.insert(9, Gain(db=6))
    assert [name for name, _ in rig.names] == ["gain", "reverb"]
    with pytest.raises(ValueError, match="twice"):
        rig.insert(0, rig["gain"])
    assert len(rig.effects) == 2


# ---- two channels ----


def test_the_right_channel_fades_as_the_left_does():
    class Wide(Gain):
        """Left at db, right the opposite."""

        right = None

        def attach(self, rate_hz):
            super().attach(rate_hz)
            from array import array

            self.right = memoryview(array("f", bytes(4 * 512)))

        def process(self, buf):
            super().process(buf)
            for at in range(len(buf)):
                self.right[at] = -buf[at]

        def natives(self, buf):
            return [(lambda buf, _: self.process(buf), buf, None)]

    for change, left_end, right_end in (
        (lambda rig: rig.bypass("wide"), 1, 1),
        (lambda rig: rig.replace("gain", Gain(db=-12)), 10 ** (-12 / 20), -(10 ** (-12 / 20))),
        (lambda rig: rig.remove("wide"), 1, 1),
    ):
        rig = rig_of(Gain(db=0), Wide(db=0))
        left, right = play2(rig, TONE, {24137: lambda rig=rig, change=change: change(rig)})
        assert np.abs(right[:24000] + left[:24000]).max() < 1e-6
        for y, end in ((left, left_end), (right, right_end)):
            assert np.abs(y[-9600:] - end * TONE[-9600:]).max() < 1e-4
            assert click_db(y, TONE_HZ) < -60, end


def test_a_stereo_rig_writes_both_channels_to_a_file(tmp_path):
    import soundfile
    from pedal.play import play as to_file

    soundfile.write(tmp_path / "in.wav", 0.3 * TONE[:9600], RATE_HZ, subtype="FLOAT")
    rig = rig_of(Chain(Reverb(small=True, stereo=True, mix=1.0)))
    to_file(rig, str(tmp_path / "in.wav"), str(tmp_path / "out.wav"))
    y, _ = soundfile.read(tmp_path / "out.wav")
    assert y.shape == (9600, 2) and np.abs(y[:, 0] - y[:, 1]).max() > 1e-3


# ---- what moves parameters ----


def test_modulators_and_knobs_follow_a_replaced_effect_and_leave_a_removed_one():
    rig = rig_of(Gain(db=0), Gain(db=0))
    rig.modulate(LFO(speed_hz=4.0), "gain", "db", low=-12, high=0)
    knob = Knob()
    rig.bind(knob, "gain", "db", low=-10, high=10)
    new = Gain(db=0)
    rig.replace("gain", new)
    assert rig.modulators[0].target is new and knob.routes[0].effect is new
    moved = db(play(rig, ONES))
    assert moved.min() < -11, "the LFO moves the new one"
    rig.replace("gain", Tremolo())
    assert rig.modulators == [] and knob.routes == [], "a Tremolo has no db"
    rig.modulate(LFO(), "gain", "db")
    rig.remove("gain")
    assert rig.modulators == []
    play(rig, ONES)


def test_a_replaced_effect_stays_off_and_keeps_its_given_name():
    gain = Gain(db=0)
    gain.name = "trim"
    rig = rig_of(gain)
    rig.bypass("trim")
    rig.replace("trim", Gain(db=20))
    assert rig.bypassed("trim") and settled(play(rig, ONES)) == 1.0


def test_an_lfo_on_a_choice_goes_from_one_to_the_next():
    delay = Delay()
    rig = rig_of(delay)
    rig.modulate(LFO(speed_hz=2.0, shape="rising"), "delay", "division")
    seen = set()
    ends = _Ends(ONES)
    engine = Engine(rig, ends, ends)
    while engine.step():
        at = delay.state[1 + [spec[0] for spec in delay.PARAMS].index("division")]
        seen.add(at)
    assert seen == set(range(7)), seen
    route = Route(Tuner(), "mute")
    for position, choice in ((0, "off"), (30000, "off"), (36000, "on"), (65535, "on")):
        route.put(position)
        assert route.effect.mute == choice
        assert route.get() == (65535 if choice == "on" else 0)


def test_a_mover_that_is_used_again_moves_once():
    rig = rig_of(Gain(db=0))
    lfo = LFO()
    rig.modulate(lfo, "gain", "db", low=-6, high=0)
    rig.modulate(lfo, "gain", "db", low=-12, high=0)
    assert rig.modulators == [lfo]


def test_trails_keep_their_own_send():
    rig = rig_of(Delay(send=0.5))
    rig.store_scene("soft")
    rig.bypass("delay")
    assert rig.capture()["values"]["delay.send"] == 0.5
    rig.store_scene("silent")
    play(rig, ONES)
    assert rig["delay"].send == 0.0
    rig.recall("silent")
    assert rig["delay"].send == 0.0, "a bypassed delay takes nothing in, whatever its scene says"
    rig.set("delay.send", 0.7)
    rig.bypass("delay", False)
    assert rig["delay"].send == pytest.approx(0.7, abs=1e-4)
    rig.recall("soft")
    assert rig["delay"].send == 0.5


# ---- clock, scenes ----


def test_taps_without_time_between_them_are_one():
    clock = Clock(RATE_HZ)
    for now in (1000, 1000, 25000, 25010):
        clock.tap(now)
    assert clock.tempo_bpm == pytest.approx(120)
    rig = rig_of()
    rig.tap()
    rig.tap()
    assert rig.clock.tempo_bpm == 120, "without an engine there is no time"


def test_the_clock_goes_on_where_frames_wrap():
    clock = Clock(RATE_HZ)
    for tap in range(4):
        clock.tap((0x3FFFFFFF - 30000 + tap * 24000) & 0x3FFFFFFF)
    assert clock.tempo_bpm == pytest.approx(120)


def test_a_change_ends_where_frames_wrap():
    rig = rig_of(Gain(db=0))
    ends = _Ends(ONES)
    engine = Engine(rig, ends, ends)
    engine._counts[5] = 0x3FFFFFFF - 300
    rig.replace("gain", Gain(db=6))
    rig.bypass("gain", True)
    while engine.step():
        pass
    assert settled(np.concatenate(ends.out)) == 1.0 and engine.frame < RATE_HZ


def test_a_scene_that_names_what_is_gone_does_the_rest_and_says_so():
    rig = rig_of(Gain(db=0), Tremolo())
    rig.store_scene("a")
    rig.set("gain.db", 6)
    rig.scenes["a"]["off"] = ["tremolo", "gain"]
    rig.remove("tremolo")
    with pytest.raises(KeyError, match="tremolo"):
        rig.recall("a")
    assert rig["gain"].db == 0 and rig.bypassed("gain") and rig.scene == "a"
    for name in (5, "", None):
        with pytest.raises(ValueError, match="name"):
            rig.store_scene(name)
    with pytest.raises(ValueError, match="True or False"):
        rig.set("gain", "off")


# ---- overload ----


class _Engine:
    block = 64

    def __init__(self, rig):
        self.rig, self.switched = rig, []

    def switch(self, effect, on):
        self.switched.append((effect, on))

    def refresh(self):
        pass

    def change(self, function, *args):
        function(*args)


def test_overload_waits_longer_only_after_a_try_that_failed():
    rig = rig_of(Neural(MODELS + "gru16.upm", fallback=MODELS + "gru10.upm"))
    overload = Overload(rig, _Engine(rig))
    now = 10 * RATE_HZ
    overload.poll(now, 8)
    overload.poll(now + 1000, 16)
    assert overload.level == 2
    back = []
    for tenth in range(400):
        before = overload.level
        overload.poll(now + 1000 + tenth * 4800, 0)
        if overload.level < before:
            back.append(tenth)
    assert overload.level == 0 and back[0] == 20, "two seconds, since nothing was tried yet"
    now += 60 * RATE_HZ
    overload.poll(now, 8)
    overload.poll(now + 2 * RATE_HZ, 0)
    assert overload.level == 0
    overload.poll(now + 2 * RATE_HZ + 4800, 8)  # the try failed
    overload.poll(now + 5 * RATE_HZ, 0)
    assert overload.level == 1, "four seconds now"


def test_a_model_that_comes_in_while_models_are_out_is_watched_anew():
    rig = rig_of(Neural(MODELS + "gru10.upm"))
    rig.engine = engine = _Engine(rig)
    overload = Overload(rig, engine)
    overload.poll(RATE_HZ, 8)
    assert overload.level == 2
    rig.replace("neural", Neural(MODELS + "gru16.upm"))
    overload.poll(RATE_HZ + 4800, 16)
    overload.poll(RATE_HZ + 9600, 24)
    assert overload.level == 2 and engine.switched[-1] == (rig["neural"], False)


def test_a_bypassed_model_is_not_heard_when_overload_ends_or_begins():
    rig = rig_of(Neural(MODELS + "gru10.upm"))
    rig.bypass("neural")
    y = play(rig, ONES, {20000: lambda: rig.engine.switch(rig["neural"], False)})
    assert np.all(y == 1.0)


# ---- tables, files and lines from outside ----


def test_tables_switch_off_what_stands_inside_others_and_say_where_they_are_wrong():
    rig = table.make(
        {
            "effects": [
                {"type": "Chain", "effects": [{"type": "Gain", "name": "last", "off": True}]},
                {"type": "Split", "branch_a": {"type": "Gain", "off": True}, "branch_b": None},
            ]
        }
    )
    assert rig.bypassed("last") and rig.bypassed("gain")
    for wrong, words in (
        ({"effects": [{"type": "Chain", "effects": [], "off": True}]}, "effects[0]"),
        ({"block": "x"}, "rig: "),
        (
            {"effects": [{"type": "Gain"}], "modulators": [{"type": "Gain", "moves": "gain.db"}]},
            "LFO",
        ),
        (
            {
                "effects": [{"type": "Gain"}],
                "modulators": [{"type": "LFO", "sped": 1, "moves": "gain.db"}],
            },
            "modulators[0]",
        ),
        ({"scenes": {"a": 5}}, "scenes"),
        ({"effects": [{"type": "boot"}]}, "effects[0]"),
    ):
        with pytest.raises(ValueError) as caught:
            table.make(wrong)
        assert words in str(caught.value), caught.value


def test_knobs_of_a_model_may_be_given_by_name():
    name = Neural(MODELS + "gru9_2knobs.upm").PARAMS[0][0]
    neural = Neural(MODELS + "gru9_2knobs.upm", **{name: 0.25})
    assert neural.knobs[0] == 0.25
    with pytest.raises(ValueError, match="no parameter 'gian'"):
        Neural(MODELS + "gru9_2knobs.upm", gian=1)


def test_moves_set_choices_called_off(tmp_path):
    assert moves.value_of("off") is False
    rig = rig_of(Tuner())
    path = tmp_path / "moves.csv"
    path.write_text("0.1, tuner.mute, off\n")
    play_moves = moves.Moved(_Ends(ONES), rig, str(path))
    from array import array

    for _ in range(200):
        play_moves.readinto(array("f", bytes(256)))
    assert rig["tuner"].mute == "off"


@pytest.fixture
def remote():
    answers = []
    rig = rig_of(Gain(db=0))
    found = Remote(rig, read=lambda buf: 0, write=answers.append)

    def ask(**command):
        found._answer(json.dumps(command).encode())
        return json.loads(answers[-1])

    ask.remote, ask.rig, ask.answers = found, rig, answers
    return ask


@pytest.mark.parametrize(
    "command, words",
    [
        ({"do": "part", "data": "AAAA"}, "begin"),
        ({"do": "end", "crc": 0}, "begin"),
        ({"do": "set", "target": "gain", "value": "off"}, "True or False"),
        ({"do": "set", "target": "gain.db.x", "value": 1}, "db.x"),
        ({"do": "insert", "effect": {"type": "LFO"}}, "modulate"),
        ({"do": "insert", "effect": {"type": "boot"}}, "boot"),
        ({"do": "insert", "effect": 5}, "expected a table"),
        ({"do": "set", "target": ["gain"], "value": 1}, ""),
        ({"do": "store", "name": 7}, "name"),
        ({"do": 5}, ""),
        ({"do": "begin", "path": "/no/such/place/x.upm"}, "No such file"),
        ({"do": "get_", "x": 1}, "get_"),
    ],
)
def test_remote_says_what_is_wrong(remote, command, words):
    answer = remote(id=9, **command)
    assert answer["id"] == 9 and words in answer["error"], answer
    assert len(remote.rig.effects) == 1 and remote(do="get")["ok"]["off"] == []


def test_remote_says_that_a_line_is_too_long(remote):
    line = json.dumps({"id": 1, "do": "set", "x": "y" * 600}).encode() + b"\n"
    buf = bytearray(line)

    def read(into):
        n = min(len(into), len(buf))
        into[:n] = buf[:n]
        del buf[:n]
        return n

    remote.remote._read = read
    for _ in range(20):
        remote.remote.poll(0)
    assert "512" in json.loads(remote.answers[-1])["error"]
    assert remote(id=2, do="set", target="gain.db", value=1)["ok"] is None


def test_kernels_refuse_what_would_harm():
    state = memoryview(bytearray(64)).cast("f")
    with pytest.raises(ValueError, match="first"):
        pedal_fx.clear(state, -1)
    pedal_fx.clear(state, 1 << 60)
    delay = Delay(max_delay_ms=20, delay_ms=10)
    delay.attach(RATE_HZ)
    for within in (delay.state, memoryview(delay.state)[40:200]):
        with pytest.raises(ValueError, match="overlap"):
            delay.process(within)
