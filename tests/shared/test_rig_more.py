"""A rig with everything in it, and changes to it: no allocation in step(), and the same on every target."""

from pedal import LFO, Blend, Chain, Delay, Engine, Envelope, Gain, Rig, Split

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: nothing to lock

    def heap_lock():
        pass

    heap_unlock = heap_lock


class _Ends:
    """Blocks of one value, for ever."""

    def __init__(self):
        self.left = self.right = None

    def readinto(self, buf):
        for at in range(len(buf)):
            buf[at] = 0.25
        return len(buf)

    def write(self, buf, frames):
        self.left, self.right = buf, None

    def write2(self, left, right, frames):
        self.left, self.right = left, right


class _Plain:
    """An effect as a user writes one, without native calls."""

    def process(self, buf):
        buf[0] = 0.25

    def reset(self):
        pass


def _locked(engine, blocks):
    step = engine.step
    heap_lock()
    try:
        for _ in range(blocks):
            step()
    finally:
        heap_unlock()


def _rig():
    rig = Rig(
        Gain(db=0),
        _Plain(),
        Split([Gain(db=0), Blend(Gain(db=6), mix=0.5)], None, a=0.5, b=0.5),
        Chain(Gain(db=0), Delay(ping_pong=True, max_delay_ms=20, delay_ms=10)),
        block=64,
        rate_hz=48000,
    )
    rig.modulate(LFO(speed_hz=5.0), "gain", "db", low=-6, high=0)
    rig.modulate(Envelope(), "blend", "mix")
    rig.modulate(LFO(speed_hz=5.0), "delay", "change")
    return rig


def test_step_allocates_nothing_whatever_a_rig_has():
    rig, ends = _rig(), _Ends()
    engine = Engine(rig, ends, ends)
    engine.step()
    _locked(engine, 300)
    assert engine.faults == 0, engine.reports
    assert ends.right is not None and len(ends.right) == 64


def test_blocks_of_a_fade_allocate_nothing():
    rig, ends = _rig(), _Ends()
    engine = Engine(rig, ends, ends)
    for change in (
        lambda: rig.bypass("gain"),
        lambda: rig.toggle("split"),
        lambda: rig.bypass("delay"),
        lambda: rig.insert(0, Gain(db=1)),
        lambda: rig.replace("gain2", Gain(db=-1)),
        lambda: rig.remove("gain"),
    ):
        change()
        _locked(engine, 8)
        for _ in range(60):
            engine.step()
    assert engine.faults == 0, engine.reports
    _locked(engine, 100)
    assert len(rig.effects) == 4 and ends.right is not None


def test_a_change_that_raises_and_a_log_that_raises_leave_the_sound_on():
    class Log:
        full = True
        noted = 0

        def write(self, now):
            if self.full:
                self.full = False
                raise OSError(28)

        def note(self, text, now):
            self.noted += 1

    def wrong():
        raise ValueError("no")

    rig, ends, log = Rig(Gain(db=0), block=64, rate_hz=48000), _Ends(), Log()
    engine = Engine(rig, ends, ends, log=log)
    for _ in range(20):
        engine.step()
    assert "engine" in engine.reports[0], engine.reports
    engine.change(wrong)
    for _ in range(100):
        engine.step()
    assert engine.faults == 2 and log.noted == 2, engine.reports
    assert abs(ends.left[5] - 0.25) < 1e-6, ends.left[5]


def test_a_second_channel_that_is_not_last_is_refused():
    try:
        Rig(Delay(ping_pong=True, max_delay_ms=20, delay_ms=10), Gain(db=0))
    except ValueError as error:
        assert "last" in str(error), error
        return
    raise AssertionError("no ValueError")
