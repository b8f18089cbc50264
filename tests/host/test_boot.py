"""Power-on, as far as it needs no board: what is played when the rig or the board is in trouble."""

import sys
import types

import pytest
from pedal import boot
from pedal.keep import Keep
from pedal.log import Log

RIG = "from pedal import Gain, Rig\nrig = Rig(Gain(db=-3), watchdog_ms=2000)\n"


@pytest.fixture
def pedal(tmp_path, monkeypatch):
    """A pedal's files, and a `machine` that says why it was started."""
    (tmp_path / "rig.py").write_text(RIG)
    machine = types.ModuleType("machine")
    machine.WDT_RESET, machine.PWRON_RESET = 3, 1
    machine.fed = []

    class WDT:
        def __init__(self, timeout):
            self.timeout = timeout

        def feed(self):
            machine.fed.append(self.timeout)

    machine.WDT = WDT
    monkeypatch.setitem(sys.modules, "machine", machine)

    def power_on(cause):
        machine.reset_cause = lambda: cause
        log = Log(str(tmp_path / "log"))
        rig = boot.make(str(tmp_path / "rig.py"), log, Keep(str(tmp_path / "settings")))
        return rig, log.read()

    return power_on, machine, tmp_path


def test_two_resets_by_the_watchdog_leave_the_rig_out_until_power_returns(pedal):
    power_on, machine, _ = pedal
    assert len(power_on(machine.PWRON_RESET)[0].effects) == 1
    assert len(power_on(machine.WDT_RESET)[0].effects) == 1, "once may be chance"
    rig, log = power_on(machine.WDT_RESET)
    assert rig.effects == () and "watchdog" in log[-1], log
    assert len(power_on(machine.PWRON_RESET)[0].effects) == 1


@pytest.mark.parametrize(
    "text, words",
    [
        ("from pedal import Rig\nrig = Rig(Gain())\n", "Gain"),
        ("rig = (\n", "SyntaxError"),
        ("import nothing_of_the_kind\n", "nothing_of_the_kind"),
        ("x = 1\n", "defines no `rig`"),
        ("import sys\nsys.exit(3)\n", "SystemExit"),
        (None, "rig.py"),
    ],
)
def test_a_rig_that_cannot_be_made_lets_the_signal_through(pedal, text, words, capsys):
    power_on, machine, folder = pedal
    (folder / "rig.py").unlink()
    if text is not None:
        (folder / "rig.py").write_text(text)
    rig, log = power_on(machine.PWRON_RESET)
    assert rig.effects == () and len(log) == 1, log
    assert words in log[0] or words in capsys.readouterr().err, log


def test_the_watchdog_is_fed_once_a_block(pedal):
    from tests.host.live_rig import play

    power_on, machine, _ = pedal
    rig, _ = power_on(machine.PWRON_RESET)
    play(rig, [0.1] * 640, block=64, watchdog=boot._watchdog(rig, None))
    assert machine.fed == [2000] * 10


def test_a_steady_minute_ends_the_row_of_resets(pedal):
    power_on, machine, folder = pedal
    power_on(machine.WDT_RESET)
    rig, _ = power_on(machine.PWRON_RESET)
    power_on(machine.WDT_RESET)
    keep = Keep(str(folder / "settings"))
    saver = boot._Saver(rig, keep, Log(str(folder / "log")))
    for now in (0, 59 * rig.rate_hz):
        saver.poll(now)
        assert Keep(str(folder / "settings")).get("watchdog") == 1
    for _ in range(50):
        saver.poll(60 * rig.rate_hz)
    assert Keep(str(folder / "settings")).get("watchdog") == 0


def test_an_engine_that_cannot_be_made_or_a_watchdog_that_refuses_leave_sound(
    pedal, monkeypatch, capsys
):
    _, machine, folder = pedal
    board = types.SimpleNamespace(AUDIO="i2s", NAME="none", RATE_HZ=48000)
    monkeypatch.setitem(sys.modules, "pedal.board", board)
    monkeypatch.setattr("pedal.board", board, raising=False)
    monkeypatch.setattr(boot, "_SETTINGS", str(folder / "settings"))
    monkeypatch.setattr(boot, "_LOG", str(folder / "log"))
    machine.reset_cause = lambda: 1

    class Audio:
        blocks = 20

        def readinto(self, buf):
            self.blocks -= 1
            return len(buf) if self.blocks else 0

        def write(self, buf, frames):
            pass

    def refuse(timeout):
        raise ValueError("8388 ms at most")

    monkeypatch.setattr(machine, "WDT", refuse)
    engine = boot.start(str(folder / "rig.py"), audio=Audio())
    assert engine.blocks == 19 and len(engine.rig.effects) == 1
    assert "8388 ms at most" in Log(str(folder / "log")).read()[-1]

    def too_large(rig, *args, **options):
        if rig.effects:
            raise MemoryError("1 MB")
        return Engine(rig, *args, **options)

    Engine = boot.Engine
    monkeypatch.setattr(boot, "Engine", too_large)
    engine = boot.start(str(folder / "rig.py"), audio=Audio())
    assert engine.blocks == 19 and engine.rig.effects == ()
    assert "1 MB" in "".join(Log(str(folder / "log")).read()[-2:]) + capsys.readouterr().err
