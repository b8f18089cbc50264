"""Controls: one text for CPython, MicroPython and emulated boards. Pins, ADCs and ports are stand-ins."""

from pedal.controls import (
    LED,
    Blink,
    Encoder,
    Event,
    Expression,
    Footswitch,
    Hold,
    Lit,
    MidiIn,
    Pot,
    Tempo,
    events,
)

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: nothing to lock

    def heap_lock():
        pass

    heap_unlock = heap_lock

RATE_HZ = 48000
STEP = 64  # frames from poll to poll: 1.3 ms
WRAP = 0x3FFFFFFF


class _Random:
    """The same numbers on every target, without big integers."""

    def __init__(self, seed):
        self.x = seed % 714025

    def below(self, n):
        self.x = (self.x * 1366 + 150889) % 714025
        return self.x * n // 714025


class _Line:
    """A pin or an ADC with settable reading."""

    def __init__(self, level=1):
        self.level = level
        self.written = []

    def value(self, *level):
        if level:
            self.written.append(level[0])
        return self.level

    read_u16 = value


class _Dimmer:
    def __init__(self):
        self.written = []

    def duty_u16(self, level):
        self.written.append(level)


class _Noisy:
    """An ADC with uniform noise about a level, made beforehand so that reading allocates nothing."""

    def __init__(self, level, noise, seed=1):
        random = _Random(seed)
        self.level = level
        self.errors = [random.below(2 * noise + 1) - noise for _ in range(997)]
        self.at = 0

    def read_u16(self):
        self.at = (self.at + 1) % 997
        counts = self.level + self.errors[self.at]
        return 0 if counts < 0 else 65535 if counts > 65535 else counts


class _Route:
    """Keeps what it is given; get() answers the last of it."""

    def __init__(self, position=0):
        self.position = position
        self.puts = 0

    def put(self, position):
        assert 0 <= position <= 65535, position
        self.position = position
        self.puts += 1

    def get(self):
        return self.position


class _Broken(_Route):
    def put(self, position):
        raise RuntimeError("broken route")


class _Port:
    """Bytes that came in, as a UART has them."""

    def __init__(self, data=b""):
        self.data = data
        self.at = 0

    def send(self, data):
        self.data = bytes(data)
        self.at = 0

    def any(self):
        return len(self.data) - self.at

    def readinto(self, buf):
        assert len(buf) <= self.any(), "a UART would wait for bytes that are not there"
        for k in range(len(buf)):
            buf[k] = self.data[self.at + k]
        self.at += len(buf)
        return len(buf)


class _Player:
    """Polls controls as the engine does."""

    def __init__(self, *controls, step=STEP, now=0):
        self.controls, self.step, self.now = controls, step, now
        for control in controls:
            control.attach(RATE_HZ)

    def polls(self, count):
        for _ in range(count):
            self.now = (self.now + self.step) & WRAP
            for control in self.controls:
                control.poll(self.now)

    def ms(self, ms):
        self.polls(-(-ms * RATE_HZ // 1000 // self.step))


class _Errors:
    """Collects what is reported, in place of the engine."""

    def __enter__(self):
        self.kept = []
        self.before = list(events.on_error)
        events.on_error[:] = [self.kept.append]
        return self.kept

    def __exit__(self, *_):
        events.on_error[:] = self.before


def _raises(function, *words):
    """The call must raise ValueError, with all the words in its text."""
    try:
        function()
    except ValueError as error:
        for word in words:
            assert word in str(error), (word, str(error))
        return
    raise AssertionError(f"no ValueError with {words}")


def _locked(player, count, before_each=None):
    """Poll with the heap locked: an allocation is a MemoryError, which no control may swallow."""
    with _Errors() as errors:
        heap_lock()
        try:
            for _ in range(count):
                if before_each:
                    before_each()
                player.polls(1)
        finally:
            heap_unlock()
    assert errors == [], errors


# ---- events ----


def test_an_event_calls_all_functions_even_after_one_that_raises():
    heard = []

    def fail():
        raise RuntimeError("mine")

    event = Event()
    event.add(lambda: heard.append(1))
    event.add(fail)
    event.add(lambda: heard.append(2))
    with _Errors() as errors:
        event.fire()
    assert heard == [1, 2], heard
    assert len(errors) == 1 and "mine" in str(errors[0]), errors
    event.remove(fail)
    with _Errors() as errors:
        event.fire()
    assert heard == [1, 2, 1, 2] and errors == []
    _raises(lambda: event.add(5), "5", "function")


def test_poll_before_attach_says_so():
    try:
        Pot(_Noisy(0, 0)).poll(0)
    except RuntimeError as error:
        assert "attach" in str(error) and "Pot" in str(error), error
        return
    raise AssertionError("poll() without attach() went through")


# ---- pot ----


def _pot(level=30000, noise=200, seed=1, position=0):
    adc = _Noisy(level, noise, seed)
    pot, route = Pot(adc), _Route(position)
    pot.routes.append(route)
    return adc, pot, route, _Player(pot)


def test_a_still_pot_never_goes_back_and_forth_and_soon_stands_still():
    for seed in range(1, 6):
        for level in (100, 5000, 32768, 60001, 65535):
            adc, pot, route, player = _pot(level, 200, seed)
            player.polls(300)
            puts, first = route.puts, route.position
            moves = []
            for _ in range(3000):
                before = route.position
                player.polls(1)
                if route.position != before:
                    moves.append(route.position - before)
            assert route.puts - puts == len(moves) <= 2, (seed, level, moves)
            assert abs(route.position - first) <= 200, (seed, level, moves)
            assert all((move > 0) == (moves[0] > 0) for move in moves), (seed, level, moves)


def test_noise_beyond_the_play_is_calmed_by_the_filter():
    adc, pot, route, player = _pot(30000, 350)
    player.polls(300)
    puts = route.puts
    player.polls(3000)
    assert route.puts - puts < 10, route.puts - puts


def test_a_turned_pot_arrives_within_noise_and_moves_one_way():
    adc, pot, route, player = _pot(10000)
    player.polls(100)
    adc.level = 50000
    before, turns = route.position, 0
    for _ in range(300):
        player.polls(1)
        turns += route.position < before
        before = route.position
    exact = (50000 - 800) * 65535 // (65535 - 1600)
    assert abs(route.position - exact) < 500, (route.position, exact)
    assert turns == 0, turns


def test_a_turned_pot_answers_within_three_polls():
    adc, pot, route, player = _pot(10000)
    player.polls(50)
    adc.level = 40000
    player.polls(3)
    assert route.position > 39000, route.position


def test_a_slow_turn_is_followed_in_small_steps():
    adc, pot, route, player = _pot(2000, 60)
    player.polls(50)
    biggest, before = 0, route.position
    for level in range(2000, 62000, 10):
        adc.level = level
        player.polls(1)
        biggest = max(biggest, abs(route.position - before))
        before = route.position
    assert biggest < 400, biggest
    assert route.puts > 500, route.puts


def test_end_stops_reach_exactly_0_and_65535():
    for seed in (1, 2, 3):
        adc, pot, route, player = _pot(30000, 200, seed)
        for level, end in ((300, 0), (65235, 65535), (0, 0), (65535, 65535)):
            adc.level = level
            player.polls(60)
            assert route.position == end, (seed, level, route.position)


def test_a_spike_of_one_reading_is_not_seen():
    line = _Line(30000)
    pot, route = Pot(line), _Route()
    pot.routes.append(route)
    player = _Player(pot)
    player.polls(20)
    puts = route.puts
    for spike in (0, 65535):
        for before in (-20, 0, 20):  # falling, level, rising
            line.level = 30000
            player.polls(20)
            for line.level in (30000 + before, spike, 30000 - before):
                player.polls(1)
    player.polls(20)
    assert route.puts == puts, route.puts - puts


def test_a_reversed_pot_goes_the_other_way():
    line = _Line(65535)
    pot = Pot(line, reverse=True)
    player = _Player(pot)
    player.polls(5)
    assert pot.position == 0, pot.position
    line.level = 0
    player.polls(5)
    assert pot.position == 65535, pot.position


def test_positions_stay_small_ints_over_the_whole_range():
    line = _Line(0)
    pot = Pot(line, noise=0)
    player = _Player(pot)
    last = -1
    heap_lock()
    try:
        for counts in range(0, 65536, 97):
            line.level = counts
            player.polls(4)
            assert pot.position >= last
            last = pot.position
    finally:
        heap_unlock()
    assert last > 65000, last


def test_takeover_waits_for_the_knob_to_cross():
    for start, target, end in ((10000, 40000, 60000), (60000, 20000, 3000)):
        adc, pot, route, player = _pot(start)
        player.polls(60)
        route.position, puts = target, route.puts
        pot.takeover()
        assert pot.waiting
        step = 100 if end > start else -100
        before = target
        for level in range(start, end, step):
            adc.level = level
            player.polls(1)
            assert abs(route.position - before) < 1400, (before, route.position)
            before = route.position
        assert route.puts > puts and not pot.waiting
        assert abs(route.position - end) < 4000, (route.position, end)


def test_takeover_holds_until_then_and_even_a_fast_knob_meets():
    adc, pot, route, player = _pot(10000)
    player.polls(60)
    route.position, puts = 40000, route.puts
    pot.takeover()
    adc.level = 35000
    player.polls(100)
    assert (route.position, route.puts, pot.waiting) == (40000, puts, True), route.position
    adc.level = 64000  # over the parameter's place in one go
    player.polls(100)
    assert route.position > 62000 and not pot.waiting, route.position


def test_takeover_where_the_knob_already_is_does_not_wait():
    adc, pot, route, player = _pot(30000)
    player.polls(60)
    pot.takeover()
    assert not pot.waiting
    adc.level = 45000
    player.polls(20)
    assert route.position > 43000, route.position


def test_takeover_before_the_first_reading_waits_too():
    adc, pot, route, player = _pot(10000, position=50000)
    pot.takeover()
    player.polls(60)
    assert (route.position, route.puts) == (50000, 0), route.position


def test_takeover_is_each_routes_own():
    adc, pot, near, player = _pot(20000)
    far = _Route(60000)
    player.polls(60)
    pot.routes.append(far)
    pot.takeover()
    adc.level = 40000
    player.polls(60)
    assert near.position > 38000 and far.position == 60000 and pot.waiting
    adc.level = 63000
    player.polls(60)
    assert far.position == near.position and not pot.waiting, (far.position, near.position)


def test_a_route_or_an_adc_that_raises_is_reported_and_the_pot_lives_on():
    class Failing(_Line):
        fails = False

        def read_u16(self):
            if self.fails:
                raise OSError("no answer")
            return self.level

    line = Failing(10000)
    pot, route = Pot(line), _Route()
    pot.routes += [_Broken(), route]
    player = _Player(pot)
    with _Errors() as errors:
        player.polls(10)
        assert route.puts == 1 and len(errors) == 1 and "broken" in str(errors[0]), errors
        line.fails = True
        player.polls(10)
        assert len(errors) == 2 and "no answer" in str(errors[1]), errors
        line.fails = False
        pot.routes.pop(0)
        line.level = 50000
        player.polls(10)
    assert route.position > 45000 and len(errors) == 2, errors


# ---- expression ----


def test_expression_learns_both_ends_of_either_polarity():
    for heel, toe in ((8000, 30000), (51000, 21000)):
        line = _Line(heel)
        pedal = Expression(line)
        player = _Player(pedal)
        player.polls(5)
        pedal.learn("heel")
        line.level = toe
        assert pedal.learn("toe") == toe
        assert pedal.calibration == {"heel": heel, "toe": toe, "dead_percent": 2}
        again = Expression(line, calibration=pedal.calibration)
        player = _Player(again)
        for level, position in ((toe, 65535), (heel, 0), ((heel + toe) // 2, 32768)):
            line.level = level
            player.polls(30)
            assert abs(again.position - position) < (1 if position != 32768 else 900), (
                level,
                again.position,
            )


def test_expression_dead_zones_are_the_ends():
    line = _Line(10000)
    pedal = Expression(line, calibration={"heel": 10000, "toe": 50000, "dead_percent": 10})
    player = _Player(pedal)
    for level, position in ((13600, 0), (46400, 65535)):
        line.level = level
        player.polls(40)
        assert pedal.position == position, (level, pedal.position)
    line.level = 20000
    player.polls(40)
    assert 0 < pedal.position < 30000, pedal.position


def test_expression_refuses_ends_that_cannot_be():
    line = _Line(30000)
    pedal = Expression(line)
    pedal.learn("heel")
    _raises(lambda: pedal.learn("toe"), "30000", "plugged in")
    assert pedal.calibration["toe"] == 65535
    _raises(lambda: pedal.learn("middle"), "middle", "heel")
    _raises(lambda: Expression(line, calibration={"heel": 70000}), "70000", "65535")
    _raises(lambda: Expression(line, calibration={"dead_percent": 30}), "30", "20")
    _raises(lambda: Expression(line, calibration={"tip": 3}), "tip")


# ---- footswitch ----


def _switch(**options):
    line = _Line(1)
    switch = Footswitch(line, **options)
    heard = []
    for name in ("pressed", "released", "long_pressed", "double_pressed", "single_pressed"):
        getattr(switch, name).add(lambda name=name: heard.append(name))
    return line, switch, heard


def _tap(line, player, ms=60):
    line.level = 0
    player.ms(ms)
    line.level = 1
    player.ms(60)


def test_a_press_fires_once_whatever_bounces_within_5_ms():
    for seed in range(60):
        random = _Random(seed)
        step = (16, 48, 64, 128, 256, 480)[seed % 6]
        line, switch, heard = _switch()
        player = _Player(switch, step=step)
        player.polls(3)
        bounces = 240 // step  # polls in 5 ms
        for level in (0, 1):
            for _ in range(bounces):
                line.level = random.below(2)
                player.polls(1)
            line.level = level
            player.ms(100)
        assert heard == ["pressed", "released"], (seed, step, heard)
        player.ms(400)
        assert heard == ["pressed", "released", "single_pressed"], (seed, step, heard)


def test_a_press_is_heard_within_debounce_and_two_polls():
    line, switch, heard = _switch()
    player = _Player(switch)
    player.polls(3)
    line.level = 0
    player.polls(3)
    assert heard == [], "a click of 4 ms is a disturbance"
    player.polls(3)
    assert heard == ["pressed"], heard


def test_single_double_and_long_presses_are_told_apart():
    line, switch, heard = _switch()
    player = _Player(switch)
    player.polls(3)
    _tap(line, player)
    assert heard == ["pressed", "released"]
    player.ms(300)
    assert heard.pop() == "single_pressed" and len(heard) == 2, heard
    del heard[:]
    _tap(line, player)
    _tap(line, player)
    player.ms(1000)
    assert heard == ["pressed", "released", "pressed", "double_pressed", "released"], heard
    del heard[:]
    _tap(line, player, 900)
    player.ms(1000)
    assert heard == ["pressed", "long_pressed", "released"], heard


def test_a_third_press_begins_anew_and_slow_presses_are_single():
    line, switch, heard = _switch()
    player = _Player(switch)
    player.polls(3)
    for _ in range(3):
        _tap(line, player)
    player.ms(400)
    assert heard.count("pressed") == 3 and heard.count("double_pressed") == 1, heard
    assert heard.count("single_pressed") == 1, heard
    del heard[:]
    for _ in range(2):
        _tap(line, player, 400)  # longer than double_ms, shorter than long_ms
    assert heard == ["pressed", "released", "single_pressed"] * 2, heard


def test_times_hold_where_frames_wrap():
    line, switch, heard = _switch()
    player = _Player(switch, now=WRAP - 48 * 500)
    player.polls(3)
    _tap(line, player, 900)
    assert heard == ["pressed", "long_pressed", "released"], heard


def test_held_at_power_up_is_not_pressed():
    line, switch, heard = _switch()
    line.level = 0
    player = _Player(switch)
    player.ms(1000)
    assert heard == [], heard


def test_momentary_and_latching_states_move_routes():
    line, switch, heard = _switch()
    route = _Route()
    switch.routes.append(route)
    player = _Player(switch)
    player.polls(3)
    line.level = 0
    player.ms(50)
    assert switch.state and route.position == 65535
    line.level = 1
    player.ms(50)
    assert not switch.state and route.position == 0
    line, switch, heard = _switch(latching=True)
    route = _Route()
    changes = []
    switch.changed.add(changes.append)
    switch.routes.append(route)
    player = _Player(switch)
    player.polls(3)
    for expected in (65535, 0, 65535):
        _tap(line, player)
        assert route.position == expected and switch.state == bool(expected)
    route.position = 0  # a preset
    switch.takeover()
    _tap(line, player)
    assert route.position == 65535, "the press after a preset must toggle"
    assert changes == [True, False, True, True], changes


def test_an_active_high_switch_and_wrong_times():
    line, switch, heard = _switch(active_low=False)
    player = _Player(switch)
    player.ms(50)
    assert heard == [], "already high at power-up"
    line.level = 0
    player.ms(50)
    line.level = 1
    player.ms(50)
    assert heard == ["released", "pressed"], heard
    _raises(lambda: Footswitch(line, long_ms=-1).attach(RATE_HZ), "long_ms", "-1")


# ---- encoder ----

_CLOCKWISE = ((0, 1), (0, 0), (1, 0), (1, 1))  # a leads


def _turn(a, b, player, detents):
    order = _CLOCKWISE if detents > 0 else ((1, 0), (0, 0), (0, 1), (1, 1))
    for _ in range(abs(detents)):
        for a.level, b.level in order:
            player.polls(1)


def test_encoder_counts_detents_both_ways():
    a, b = _Line(), _Line()
    encoder, turned = Encoder(a, b), []
    encoder.turned.add(turned.append)
    player = _Player(encoder)
    player.polls(3)
    _turn(a, b, player, 5)
    _turn(a, b, player, -3)
    assert turned == [1] * 5 + [-1] * 3, turned
    del turned[:]
    for _ in range(50):  # trembling between two states is not turning
        a.level = 0
        player.polls(1)
        a.level = 1
        player.polls(1)
    assert turned == [], turned


def test_encoder_follows_steps_it_saw_only_half_of():
    a, b = _Line(), _Line()
    encoder, turned = Encoder(a, b), []
    encoder.turned.add(turned.append)
    player = _Player(encoder)
    player.polls(1)
    a.level, b.level = 0, 1
    player.polls(1)
    for _ in range(12):  # from then on every other state is missed
        a.level, b.level = 1, 0
        player.polls(1)
        a.level, b.level = 0, 1
        player.polls(1)
    for a.level, b.level in ((0, 0), (1, 0), (1, 1)):
        player.polls(1)
    assert sum(turned) == 13, turned


def test_encoder_never_loses_its_detents():
    random = _Random(5)
    a, b = _Line(), _Line()
    encoder, turned = Encoder(a, b), []
    encoder.turned.add(turned.append)
    player = _Player(encoder)
    player.polls(1)
    for _ in range(2000):
        a.level, b.level = random.below(2), random.below(2)
        player.polls(1)
    a.level = b.level = 1
    player.polls(1)
    del turned[:]
    _turn(a, b, player, 4)
    assert turned == [1] * 4, turned


def test_encoder_moves_routes_and_goes_on_from_a_preset():
    a, b = _Line(), _Line()
    encoder, route = Encoder(a, b, range_detents=10), _Route(30000)
    encoder.routes.append(route)
    player = _Player(encoder)
    player.polls(1)
    _turn(a, b, player, 1)
    assert route.position == 30000 + 6553, route.position
    _turn(a, b, player, 9)
    assert route.position == 65535
    route.position = 20000
    encoder.takeover()
    _turn(a, b, player, -1)
    assert 20000 - 6555 < route.position < 20000 - 6550, route.position
    _turn(a, b, player, -9)
    assert route.position == 0


def test_encoder_fast_turns_go_further_and_slow_ones_do_not():
    a, b = _Line(), _Line()
    encoder, turned = Encoder(a, b, acceleration=4), []
    encoder.turned.add(turned.append)
    player = _Player(encoder, now=100000)
    player.polls(1)
    _turn(a, b, player, 3)  # 5 ms a detent
    assert turned == [1, 4, 4], turned
    del turned[:]
    for _ in range(3):
        player.ms(100)
        _turn(a, b, player, -1)
    assert turned == [-1, -1, -1], turned
    _raises(lambda: Encoder(a, b, detent=3), "detent", "3")


def test_encoder_of_two_quarters_a_detent():
    a, b = _Line(), _Line()
    encoder, turned = Encoder(a, b, detent=2), []
    encoder.turned.add(turned.append)
    player = _Player(encoder)
    player.polls(1)
    _turn(a, b, player, 3)
    _turn(a, b, player, -2)
    assert turned == [1] * 6 + [-1] * 4, turned


# ---- LED ----


def test_led_shows_the_first_source_that_has_something_to_say():
    clips, beat, on = [0], [0], [1]
    line = _Line()
    led = LED(
        line,
        Hold(lambda: clips[0], ms=100),
        Tempo(lambda: beat[0], ms=50),
        Lit(lambda: on[0]),
    )
    player = _Player(led)
    player.polls(5)
    assert line.written == [1], line.written
    on[0] = 0
    player.polls(5)
    assert line.written == [1, 0], line.written
    clips[0] += 1
    player.ms(90)
    assert line.written == [1, 0, 1], line.written
    player.ms(30)
    assert line.written == [1, 0, 1, 0], line.written
    beat[0] = 24000
    player.ms(2000)  # four beats
    assert line.written == [1, 0, 1, 0] + [1, 0] * 4, line.written


def test_led_beats_stay_on_the_beat_for_an_hour_and_over_the_wrap():
    line = _Line()
    tempo = Tempo(lambda: 22001, ms=30)
    led = LED(line, tempo)
    player = _Player(led, step=480, now=WRAP - 22001 * 100)
    first = player.now + 480
    at = []
    for _ in range(22001 * 400 // 480):
        player.polls(1)
        if len(line.written) > 2 * len(at):
            at.append((player.now - first) & WRAP)
    assert 399 <= len(at) <= 401, len(at)
    for beat, frames in enumerate(at):
        assert 0 <= frames - 22001 * beat <= 480, (beat, frames)


def test_led_blinks_dims_and_takes_either_polarity():
    out, overload = _Dimmer(), [0]
    led = LED(out, Blink(lambda: overload[0], ms=100), Lit(lambda: 1, level=9000))
    player = _Player(led)
    player.polls(3)
    assert out.written == [9000], out.written
    overload[0] = 1
    player.ms(390)
    assert out.written == [9000, 65535, 0, 65535, 0], out.written
    line = _Line()
    led = LED(line, Lit(lambda: overload[0]), active_low=True)
    player = _Player(led)
    player.polls(2)
    assert line.written == [0]
    overload[0] = 0
    player.polls(2)
    assert line.written == [0, 1]


def test_led_drops_a_source_that_raises_and_shows_the_rest():
    line = _Line()
    led = LED(line, Lit(lambda: 1 // 0), Lit(lambda: 1))
    player = _Player(led)
    with _Errors() as errors:
        player.polls(5)
    assert line.written[-1] == 1 and len(errors) == 1, (line.written, errors)


# ---- all of them, with the heap locked ----


def test_still_controls_allocate_nothing():
    beat = [24000]
    port = _Port()
    controls = (
        Pot(_Noisy(30000, 200)),
        Expression(_Noisy(9000, 200)),
        Footswitch(_Line()),
        Encoder(_Line(), _Line()),
        LED(_Dimmer(), Hold(lambda: 0), Blink(lambda: 0), Lit(lambda: 1)),
        MidiIn(port),
    )
    for control in controls:
        control.routes.append(_Route())
    player = _Player(*controls)
    player.polls(50)
    _locked(player, 500)
    assert beat == [24000]


def test_moving_controls_allocate_nothing():
    adc, pot, route, player = _pot()
    pot.routes.append(_Route(60000))
    pot.takeover()
    a, b, line, light = _Line(), _Line(), _Line(), [0]
    encoder, switch = Encoder(a, b, acceleration=2), Footswitch(line, latching=True)
    encoder.routes.append(_Route())
    switch.routes.append(_Route())
    port = _Port()
    midi = MidiIn(port)
    midi.cc(7).routes.append(_Route())
    port.send(bytes([0xB0, 7, 9, 0xF8, 0xC0, 1, 0xB0, 7, 100]) * 60)
    dimmer = _Line()
    dimmer.duty_u16 = lambda level: None
    led = LED(dimmer, Blink(lambda: light[0], ms=5), Tempo(lambda: 2000, ms=5))
    player = _Player(pot, encoder, switch, midi, led)
    player.polls(10)
    _turn(a, b, player, 2)
    count, pins = [0], (adc, a, b, line, light)  # a closure over more than five is made of heap

    def move():
        adc, a, b, line, light = pins
        n = count[0] = count[0] + 1
        adc.level = (n * 331) & 0xFFFF
        a.level = n >> 1 & 1
        b.level = (n + 1) >> 1 & 1
        line.level = n >> 5 & 1
        light[0] = n >> 6 & 1

    puts = [control.routes[0].puts for control in (pot, encoder, switch)]
    _locked(player, 400, move)
    after = [control.routes[0].puts for control in (pot, encoder, switch)]
    assert all(now - before > 4 for before, now in zip(puts, after)), (puts, after)
    assert port.any() == 0 and midi.controllers[0].position > 0
