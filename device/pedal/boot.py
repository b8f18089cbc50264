"""Power-on: the rig, the board's audio, and what keeps sound going when something is wrong.

A rig that cannot be made is written to the log, and the signal goes straight through. The same where the
watchdog has had to reset the board twice in a row. Scenes that were stored on the pedal come back.
"""

import json
import sys

from pedal.engine import Engine
from pedal.keep import Keep
from pedal.log import Log
from pedal.play import load_rig
from pedal.rig import Rig

_SETTINGS, _LOG = "/settings", "/log"
_SCENE = "scene."
_RESETS = 2  # by the watchdog, in a row, until the rig is left out
_STEADY_S = 60  # of playing, after which a reset is no longer in that row


class _Saver:
    """A control that writes settings in small steps: when a scene was stored, or the rig has proved steady."""

    def __init__(self, rig, keep, log):
        self._keep, self._rig, self._log = keep, rig, log
        self._known = dict(rig.scenes)
        self._steps = None
        self._steady = _STEADY_S * rig.rate_hz

    def poll(self, now):
        if self._steps:
            try:
                if next(self._steps, None) is None:
                    self._steps = None
            except OSError as error:  # the disk is full: the last save stands
                self._log.note(error, now)
                self._steps = None
        elif self._rig.changed:
            self._rig.changed = False
            for name, scene in self._rig.scenes.items():
                if self._known.get(name) is not scene:
                    self._keep[_SCENE + name] = scene
                    self._known[name] = scene
            self._steps = self._keep.saver()
        elif self._steady and now >= self._steady:
            self._steady = 0
            if self._keep.get("watchdog", 0):
                self._keep["watchdog"] = 0
                self._steps = self._keep.saver()


def start(path="/rig.py", *, remote=False, audio=None):
    """Play the rig by the board's audio until it is interrupted. What main.py does.

    remote: take commands on the console, as `upedal live` gives them; audio: source and sink, instead of the
    board's. -> the Engine, once it has ended
    """
    import pedal.board as board

    if board.AUDIO == "wav":  # an emulated board has no pins
        from pedal import pretend

        pretend.install()
    log, keep = Log(_LOG, interval=board.RATE_HZ), Keep(_SETTINGS)
    if keep.note:
        log.note("settings: " + keep.note)
    rig = make(path, log, keep)
    for name in keep.keys():
        if name.startswith(_SCENE):
            rig.scenes[name[len(_SCENE) :]] = keep[name]
    if audio is None:
        audio = _audio(board, rig)
    if audio is None:
        print(f"{board.NAME}: no live audio; the rig loads, nothing plays")
        return None
    try:
        engine = _engine(rig, audio, remote, log, keep)
    except Exception as error:  # noqa: BLE001 - such as one too large for the memory
        rig = _fail(log, error)
        engine = _engine(rig, audio, remote, log, keep)
    if remote:
        ready = {"ready": [name for name, _ in rig.names], "rate_hz": rig.rate_hz}
        ready["error"] = rig.error
        print(json.dumps(ready))
    try:
        engine.run()
    except Exception as error:
        log.note(error)
        raise
    finally:
        engine.stop()
        log.write()
    return engine


def _engine(rig, audio, remote, log, keep):
    rig.add_control(_Saver(rig, keep, log))
    if remote:
        from pedal.remote import Remote

        rig.add_control(Remote(rig))
    clock_us = getattr(audio, "us", None)
    return Engine(rig, audio, audio, log=log, watchdog=_watchdog(rig, log), clock_us=clock_us)


def make(path, log, keep):
    """The rig at `path`, or one that lets the signal through; the reason is in the log."""
    if _resets(keep) >= _RESETS:
        log.note(f"watchdog: the board was reset {_RESETS} times in a row; the rig is left out")
        log.write()
        return _bypass("left out after resets by the watchdog")
    try:
        return load_rig(path)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the script did, the pedal passes sound
        return _fail(log, error)


def _fail(log, error):
    """Tell the log and the console, and let the signal through."""
    log.note(error)
    log.write()
    print_error(error)
    return _bypass(f"{type(error).__name__}: {error}")


def _bypass(why):
    rig = Rig()
    rig.error = why
    return rig


def print_error(error):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error)


def _resets(keep):
    """How often in a row, up to now, it was the watchdog that started the board."""
    try:
        import machine

        by_watchdog = machine.reset_cause() == machine.WDT_RESET
    except (ImportError, AttributeError):
        return 0
    count = keep.get("watchdog", 0) + 1 if by_watchdog else 0
    if count != keep.get("watchdog", 0):
        keep["watchdog"] = count
        try:
            keep.save()
        except OSError:
            pass  # the disk is full, or worn: play
    return count


def _watchdog(rig, log):
    if rig.watchdog_ms is None:
        return None
    import machine

    try:
        return machine.WDT(timeout=rig.watchdog_ms)
    except (ValueError, OSError) as error:  # longer than this board's goes
        log.note(f"watchdog_ms={rig.watchdog_ms}: {error}")
        return None


def _audio(board, rig):
    """The board's source and sink; None where it has none."""
    if board.AUDIO != "wav":
        from pedal.io.live import open_audio

        return open_audio(board, block=rig.block, reserve=rig.reserve)[0]
    try:
        import audio  # the emulated boards' own I2S
    except ImportError:
        return None
    from pedal.io.emulated import Emulated

    ahead = rig.reserve * rig.block
    return Emulated(audio, board.RATE_HZ, ahead=ahead, ring=rig.reserve + 1)
