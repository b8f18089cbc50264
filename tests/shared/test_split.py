# A net cut in two for two cores, on any target: where there are threads, the second runs in one; else one runs both.
import array
import sys

import pedal_nn
import target
from test_model import ALL, floats, read

WHOLE = ("gru9_2knobs",)  # one recurrent layer and the head that is run with it: nothing to cut
CUTTABLE = [name for name in ALL if name not in WHOLE]

try:
    import _thread
except ImportError:  # one core, one thread
    _thread = None

THREADS = _thread is not None and target.NAME in ("cpython", "unix", "unix-user")
FRAMES = 400 if THREADS else 150
CUTS = {"gru6_gru5": 1, "tcn_gated": 5, "wavenet": 3, "wavenet_blended": 5, "q_side": 1, "q_mixed": 4}  # besides the best


class Two:
    """A net, and the same cut in two."""

    def __init__(self, name, cut, frames):
        blob = read(name + ".upm")
        self.model = pedal_nn.Model(blob, bytearray(pedal_nn.arena_size(blob)))
        self.split = pedal_nn.Split(self.model, cut, frames, bytearray(pedal_nn.split_size(self.model, cut, frames)))
        self.knobs = array.array("f", [0.0] * (pedal_nn.info(blob)[2] - 1))

    def play(self, x, blocks, process):
        """What comes out; the knobs move with each block."""
        y = array.array("f", bytes(4 * len(x)))
        src, dst = memoryview(x), memoryview(y)
        at = turn = 0
        while at < len(x):
            to = min(len(x), at + blocks[turn % len(blocks)])
            for k in range(len(self.knobs)):
                self.knobs[k] = (turn + k) % 4 * 0.25
            if len(self.knobs):
                self.model.knobs(self.knobs)
            process(src[at:to], dst[at:to])
            at, turn = to, turn + 1
        return y

    def both(self, x, blocks):
        """(what the net plays, what the two parts play), each from the start."""
        self.model.reset()
        whole = self.play(x, blocks, self.model.process)
        self.split.clear()
        self.model.reset()
        parts = self.play(x, blocks, self.split.process)
        self.split.clear()
        return whole, parts


def same(parts, whole, delay):
    n = 4 * (len(whole) - delay)
    return bytes(parts)[: 4 * delay] == bytes(4 * delay) and bytes(parts)[4 * delay :] == bytes(whole)[:n]


def cuts(name):
    return (0,) if name not in CUTS else (0, CUTS[name])


def check(worker, frames, blocks):
    x = floats("input.f32")[:FRAMES]
    for name in CUTTABLE:
        for cut in cuts(name):
            two = Two(name, cut, frames)
            if worker:
                assert worker.add(two.split)
            whole, parts = two.both(x, blocks)
            assert same(parts, whole, frames), (name, cut, frames)
            assert two.split.report()[3] == 0
            if worker:
                assert worker.remove(two.split)


def test_two_parts_on_one_core_play_what_the_net_plays_a_block_later():
    for frames, blocks in ((1, (1,)), (48, (48,)), (64, (64, 1, 33, 63)), (7, (192,))):
        check(None, frames, blocks)


def test_two_parts_on_two_threads_play_what_the_net_plays_a_block_later():
    if not THREADS:
        return
    worker, ended = pedal_nn.Worker(), []

    def second():
        worker.serve()
        ended.append(True)

    _thread.start_new_thread(second, ())
    try:
        for frames, blocks in ((16, (16,)), (64, (64, 5, 64, 33))):
            check(worker, frames, blocks)
    finally:
        worker.stop()
    for _ in range(10000):
        if ended:
            break
        import time

        time.sleep(0.001)
    assert ended


def test_a_second_core_that_takes_turns_plays_the_same():
    """Where native code keeps the interpreter to itself, the second thread asks for work again and again."""
    x, two, worker = floats("input.f32")[:FRAMES], Two("tcn_gated", 0, 16), pedal_nn.Worker()
    assert worker.add(two.split) and worker.add(two.split)
    two.model.reset()
    whole = two.play(x, (16,), two.model.process)
    two.model.reset()
    turns = []

    def process(src, dst):
        two.split.process(src, dst)
        turns.append(0)
        if len(turns) % 3:  # late now and then
            assert worker.round()

    assert same(two.play(x, (16,), process), whole, 16)
    _, blocks, here, lost = two.split.report()
    assert lost == 0 and 0 < here < blocks // 2, (here, blocks)
    assert not worker.round() and worker.remove(two.split) and not worker.remove(two.split)


def test_any_number_of_frames_fits_and_in_place_is_allowed():
    x, two = floats("input.f32")[:FRAMES], Two("gru10", 0, 10)
    two.model.reset()
    whole = two.play(x, (400,), two.model.process)
    two.model.reset()
    y = array.array("f", x)
    two.split.process(y, y)
    assert same(y, whole, 10)


def test_a_worker_has_four_places():
    worker, splits = pedal_nn.Worker(), [Two("gru4", 0, 1).split for _ in range(5)]
    assert [worker.add(split) for split in splits] == [True, True, True, True, False]
    assert worker.remove(splits[1]) and worker.add(splits[4])
    assert not pedal_nn.Worker().add(splits[0]), "one worker a split"
    for split in splits:
        worker.remove(split)


def refused(function, *args):
    try:
        function(*args)
    except (ValueError, TypeError) as e:
        return str(e)
    return ""


def test_what_cannot_be_cut_is_refused():
    two = Two("gru10", 0, 16)
    for cut, frames in ((99, 16), (-1, 16), (0, 0), (0, 4097), (0, -5)):
        assert "cut" in refused(pedal_nn.split_size, two.model, cut, frames), (cut, frames)
    size = pedal_nn.split_size(two.model, 0, 16)
    assert "arena" in refused(pedal_nn.Split, two.model, 0, 16, bytearray(size - 16))
    assert "aligned" in refused(pedal_nn.Split, two.model, 0, 16, memoryview(bytearray(size + 20))[4:])
    assert "differ" in refused(two.split.process, array.array("f", [0.0] * 4), array.array("f", [0.0] * 5))
    for name in WHOLE:
        assert "cut" in refused(Two, name, 0, 16), name
    assert "Split" in refused(pedal_nn.Worker().add, two.model)


def test_a_block_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    import micropython

    x = floats("input.f32")[:64]
    for name in CUTTABLE:
        two, worker = Two(name, 0, 64), pedal_nn.Worker()
        worker.add(two.split)
        process, help_out = two.split.process, worker.round
        micropython.heap_lock()
        try:
            process(x, x)
            help_out()
            process(x, x)
        finally:
            micropython.heap_unlock()


# ---- in a rig ----


class _Source:
    def __init__(self, x, block):
        self._x, self._at, self._block = x, 0, block

    def readinto(self, buf):
        n = min(len(buf), len(self._x) - self._at)
        for k in range(n):
            buf[k] = self._x[self._at + k]
        self._at += n
        return n if n == len(buf) else 0


class _Sink:
    def __init__(self):
        self.y = array.array("f")

    def write(self, buf, n):
        self.y.extend(buf[:n])


def render(effect, x, block, moves=()):
    """What a rig of one net plays; moves: (block, function of the effect)."""
    from pedal import Engine, Rig

    sink = _Sink()
    rig = Rig(effect, block=block, rate_hz=44100)
    engine = Engine(rig, _Source(x, block), sink, block=block)
    turn, latency = 0, rig.latency
    while engine.step():
        turn += 1
        for at, move in moves:
            if at == turn:
                move(effect)
    assert not engine.faults, engine.reports
    engine.stop()
    return sink.y, latency


NET = "tcn_gated.upm"


def test_a_rig_on_two_cores_plays_what_it_plays_on_one_a_block_later():
    from pedal import Neural

    x = floats("input.f32")[:192]
    whole, none = render(Neural(NET), x, 48)
    for cut in (None, 3):
        parts, latency = render(Neural(NET, cores=2, cut=cut), x, 48)
        assert none == 0 and latency == 48 and same(parts, whole, 48), cut


def test_a_second_thread_of_the_rig_plays_the_same():
    if not THREADS:
        return
    from pedal import Neural, second_core

    x = array.array("f", list(floats("input.f32")) * 3)[:1536]
    whole, _ = render(Neural(NET), x, 64)
    assert second_core.start() is None, "nothing is started where it was not asked for"
    assert second_core.start((sys.platform,)) is second_core.start()
    try:
        for _ in range(3):
            parts, _ = render(Neural(NET, cores=2), x, 64)
            assert same(parts, whole, 64)
    finally:
        second_core.stop()


def test_resetting_a_rig_on_two_cores_is_a_fresh_start():
    from pedal import Neural

    x = floats("input.f32")[:192]
    whole, _ = render(Neural(NET), x[:96], 48)
    parts, _ = render(Neural(NET, cores=2), x[:96] + x[:96], 48, [(2, lambda effect: effect.reset())])
    assert bytes(parts)[96 * 4 : 144 * 4] == bytes(48 * 4), "silence for a block"
    assert bytes(parts)[144 * 4 :] == bytes(whole)[: 48 * 4]


def test_when_the_second_core_hangs_the_net_goes_on_alone():
    from pedal import Neural

    def hang(src, dst):
        raise RuntimeError

    x, block = floats("input.f32")[:192], 24
    whole, _ = render(Neural(NET), x[3 * block :], block)

    def broken(effect):
        effect._net.halves._process = hang

    parts, latency = render(Neural(NET, cores=2), x, block, [(3, broken)])
    assert latency == block
    assert same(parts[3 * block :], whole, block), "it starts anew, a block later"


def test_knobs_reach_the_model_that_a_net_has_now():
    from pedal import Neural

    class Model:
        def knobs(self, values):
            heard.append(list(values))

    heard, buf = [], array.array("f", bytes(4 * 24))
    effect = Neural("gru9_2knobs.upm")
    effect.attach(effect.rate_hz)
    effect.process(buf)
    effect._net.model = Model()  # as after a second core that hangs
    effect.process(buf)
    assert heard == [list(effect.knobs)]


def test_a_step_on_two_cores_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    import micropython
    from pedal import Engine, Neural, Rig

    class Sink:
        def write(self, buf, n):
            pass

    class Source:
        def readinto(self, buf):
            return len(buf)

    engine = Engine(Rig(Neural(NET, cores=2), block=64, rate_hz=44100), Source(), Sink(), block=64)
    engine.step()
    micropython.heap_lock()
    try:
        engine.step()
        engine.step()
    finally:
        micropython.heap_unlock()
    engine.stop()


def test_wrong_cores_and_cuts_are_refused():
    from pedal import Neural

    for name, values, word in (
        (NET, {"cores": 3}, "cores=3"), (NET, {"cut": 3}, "cut=3"), (NET, {"cores": 2, "cut": 99}, "cut=99"),
        (WHOLE[0] + ".upm", {"cores": 2}, WHOLE[0]), (NET, {"cores": 2, "resample": True}, "resample"),
    ):  # fmt: skip
        try:
            Neural(name, **values)
            assert False, (name, values)
        except ValueError as e:
            assert word in str(e), e
