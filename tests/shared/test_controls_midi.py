"""MIDI in, on every target: the parser, learning, 14 bits, clock, floods and garbage."""

from pedal.controls import MidiIn, Pot, UsbPort
from test_controls import RATE_HZ, STEP, _Errors, _Noisy, _Player, _Port, _raises, _Random, _Route


def _midi(**options):
    port = _Port()
    midi = MidiIn(port, **options)
    return port, midi, _Player(midi)


def test_midi_running_status_real_time_inside_and_sysex():
    port, midi, player = _midi(limit=256)
    seven, eleven = midi.cc(7), midi.cc(11)
    programs = []
    midi.program.add(programs.append)
    port.send([0xB0, 7, 127, 11, 64, 0xF0, 7, 9, 0xB0 & 0x7F, 0xF8, 1, 0xF7, 0xC3, 5])
    player.polls(1)
    assert seven.position == 65535 and programs == [5], (seven.position, programs)
    assert eleven.position == (64 << 9 | 64 << 2 | 2), eleven.position
    port.send([0xB0, 0xFE, 7, 0xF8, 0])  # real-time bytes between all parts of a message
    player.polls(1)
    assert seven.position == 0, seven.position
    port.send([0xF0, 1, 2, 0xB5, 7, 3])  # a sysex that breaks off
    player.polls(1)
    assert seven.position == (3 << 9 | 3 << 2), seven.position
    port.send([0xF2, 7, 100, 7, 100])  # song position ends running status
    player.polls(1)
    assert seven.position == (3 << 9 | 3 << 2), seven.position
    port.send([0x90, 7, 100, 7, 100, 0xE0, 7, 100])  # notes and bends are none of ours
    player.polls(1)
    assert seven.position == (3 << 9 | 3 << 2), seven.position


def test_midi_messages_may_be_split_anywhere():
    port, midi, player = _midi()
    seven = midi.cc(7)
    for byte in (0xB0, 7, 100, 7, 50, 0xC0):
        port.send([byte])
        player.polls(1)
    assert seven.position == (50 << 9 | 50 << 2 | 1), seven.position


def test_midi_channel_filter():
    port, midi, player = _midi(channel=3)
    seven, programs = midi.cc(7), []
    midi.program.add(programs.append)
    port.send([0xB0, 7, 100, 0xC1, 9, 0xB2, 7, 1, 0xC2, 4])
    player.polls(1)
    assert seven.position == (1 << 9 | 1 << 2) and programs == [4], programs
    _raises(lambda: MidiIn(port, channel=17), "17", "16")


def test_midi_learn_takes_the_next_controller():
    port, midi, player = _midi()
    knob, other = midi.cc(), midi.cc(20)
    route, numbers = _Route(), []
    knob.routes.append(route)
    midi.learned.add(numbers.append)
    port.send([0xB0, 74, 10])
    player.polls(1)
    assert route.puts == 0 and knob.number is None
    midi.learn(knob)
    port.send([0xB0, 123, 0, 74, 127, 75, 3])  # all notes off is no knob
    player.polls(1)
    assert numbers == [74] and knob.number == 74 and route.position == 65535, numbers
    assert other.position == -1
    _raises(lambda: midi.learn(Pot(_Noisy(0, 0))), "cc()")
    _raises(lambda: midi.cc(120), "120", "119")


def test_midi_what_came_before_a_controller_was_asked_for_does_not_move_it():
    port, midi, player = _midi()
    port.send([0xB0, 7, 100, 8, 100, 0xC0, 1])
    player.polls(1)
    seven, learner = midi.cc(7), midi.cc()
    midi.learn(learner)
    port.send([0xB0, 9, 5])
    player.polls(1)
    assert seven.position == -1 and learner.position == 5 << 9 | 5 << 2, seven.position


def test_midi_14_bits():
    port, midi, player = _midi()
    fine = midi.cc(1, fine=True)
    for value in (0, 1, 127, 128, 8191, 16383):
        port.send([0xB0, 1, value >> 7, 33, value & 127])
        player.polls(1)
        assert abs(fine.position - value * 65535 // 16383) <= 1, (value, fine.position)
    assert fine.position == 65535
    port.send([0xB0, 1, 64])  # the coarse half alone clears the fine one
    player.polls(1)
    assert fine.position == 64 << 9 | 64 >> 5, fine.position


def test_midi_controllers_take_over_softly():
    port, midi, player = _midi()
    seven, route = midi.cc(7), _Route()
    seven.routes.append(route)
    port.send([0xB0, 7, 20])
    player.polls(1)
    route.position = 40000
    midi.takeover()
    port.send([0xB0, 7, 40])
    player.polls(1)
    assert route.position == 40000 and seven.waiting
    port.send([0xB0, 7, 90])
    player.polls(1)
    assert route.position == (90 << 9 | 90 << 2 | 2), route.position


def test_midi_reads_no_more_than_its_limit_and_puts_once_a_poll():
    port, midi, player = _midi(limit=30)
    seven, route, programs = midi.cc(7), _Route(), []
    seven.routes.append(route)
    midi.program.add(programs.append)
    port.send([0xB0, 7, 1, 0xC0, 2] * 100)
    player.polls(1)
    assert port.at == 30 and route.puts == 1 and programs == [2], (port.at, route.puts)
    player.polls(20)
    assert port.any() == 0


def _ticks(port, player, bpm100, beats, step):
    """A clock at bpm100 / 100 beats a minute, as polls of `step` frames find it."""
    period = RATE_HZ * 6000 / bpm100 / 24
    start, sent = player.now, 0
    while sent < beats * 24:
        due = 0
        while sent < beats * 24 and start + (sent + 1) * period <= player.now + step:
            due += 1
            sent += 1
        port.send([0xF8] * due)
        player.polls(1)
    return RATE_HZ * 6000 / bpm100


def test_midi_clock_gives_the_tempo_within_half_a_percent():
    for step in (64, 128, 480):  # 480: 10 ms between polls
        for bpm100 in (6000, 12000, 17550, 24000):
            port = _Port()
            midi = MidiIn(port)
            player = _Player(midi, step=step)
            exact = _ticks(port, player, bpm100, 16, step)
            beat = midi.clock.beat_frames()
            assert abs(beat - exact) < exact / 200, (step, bpm100, beat, exact)


def test_midi_clock_follows_a_change_and_tells_it_once_it_is_steady():
    port = _Port()
    midi, told = MidiIn(port), []
    midi.clock.tempo.add(told.append)
    player = _Player(midi)
    _ticks(port, player, 12000, 8, STEP)
    assert len(told) == 1 and abs(told[0] - 24000) < 120, told
    _ticks(port, player, 14000, 8, STEP)
    assert abs(midi.clock.beat_frames() - 20571) < 100, midi.clock.beat_frames()
    assert abs(told[-1] - 20571) < 150, told
    player.ms(400)  # the clock is pulled out, and comes back
    _ticks(port, player, 9000, 3, STEP)
    assert abs(midi.clock.beat_frames() - 32000) < 160, midi.clock.beat_frames()
    assert max(told) < 32700, ("the gap is no beat", told)


def test_midi_start_and_stop():
    port, midi, player = _midi()
    heard = []
    midi.clock.started.add(lambda: heard.append("start"))
    midi.clock.stopped.add(lambda: heard.append("stop"))
    port.send([0xFA, 0xF9, 0xFC, 0xFB])
    player.polls(1)
    assert heard == ["start", "stop", "start"] and midi.clock.running, heard


def test_midi_garbage_never_raises_and_a_message_after_it_is_heard():
    port, midi, player = _midi(limit=256)
    knobs = [midi.cc(at, fine=at < 8) for at in range(0, 40, 3)]
    routes = [_Route() for _ in knobs]
    for knob, route in zip(knobs, routes):
        knob.routes.append(route)
    random = _Random(7)
    with _Errors() as errors:
        for round in range(400):
            statuses = round % 2  # half the rounds have many status bytes
            port.send([random.below(256 if statuses else 140) for _ in range(250)])
            if round == 200:
                midi.learn(knobs[3])
            player.polls(1)
    assert errors == [], errors
    assert sum(route.puts for route in routes) > 100
    port.send([0xB0, 9, 127])
    midi.learn(knobs[5])
    player.polls(1)
    assert knobs[5].position == 65535


def test_usb_packets_become_bytes_and_overflow_drops_whole_messages():
    usb = UsbPort(size=16)
    midi = MidiIn(usb)
    seven, player = midi.cc(7), _Player(midi)
    for value in range(20):
        usb.event(0x0B, 0xB0, 7, value)
    assert usb.dropped == 15, usb.dropped
    player.polls(1)
    assert seven.position == (4 << 9 | 4 << 2), seven.position
    usb.event(0x0F, 0xF8, 0, 0)
    usb.event(0x0C, 0xC0, 1, 0)
    assert usb.any() == 3
