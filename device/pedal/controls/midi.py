"""MIDI in: controllers, program changes and clock, from any port that gives bytes."""

from pedal.const import const
from pedal.controls.clock import Clock
from pedal.controls.control import Control, Knob
from pedal.controls.events import Event, report

_BAUD = const(31250)
_KNOBS = const(120)  # controllers from here on are channel mode messages
_NONE = const(-1)

# Status bytes, their channel taken off
_CONTROLLER = const(0xB0)
_PROGRAM = const(0xC0)
_SYSTEM = const(0xF0)
_TICK = const(0xF8)
_STOP = const(0xFC)


def _idle(now):
    pass


class Controller(Knob):
    """One controller of a MidiIn, made by its cc(): moves routes as a pot does, with take-over.

    number: 0..119, None while it waits for learn().
    """

    def __init__(self, midi, number, fine):
        Knob.__init__(self)
        self._midi = midi
        if number is not None and not 0 <= number < (32 if fine else _KNOBS):
            text = "controller {!r}; expected 0 to {}"
            raise ValueError(text.format(number, 31 if fine else _KNOBS - 1))
        self.number = number
        self.fine = fine

    def attach(self, rate_hz):
        """It lives by its MidiIn's poll; where the rig has only the controller, it does that."""
        if self._midi.attached:
            self.poll = _idle
        else:
            self._midi.attach(rate_hz)
            self.poll = self._midi.poll

    def apply(self, values, news):
        """Move to the last value that came, if one did."""
        number = self.number
        if number is None:
            return
        value = values[number]
        if self.fine:
            if not news[number] and not news[number + 32]:
                return
            value = value << 7 | values[number + 32]
        elif news[number]:
            value = value << 7 | value
        else:
            return
        position = value << 2 | value >> 12
        if position != self.position:
            self._place(position)


class MidiIn(Control):
    """MidiIn(1): MIDI from UART 1; or from anything with any() and readinto(buffer).

    cc(number)        a controller to bind: rig.bind(midi.cc(11), wah, "position")
    learn(controller) the next controller that is moved becomes that one
    program(number)   event: a program change, 0..127; of several in one poll, the last
    clock             a Clock: beat_frames(), tempo, started, stopped

    At most `limit` bytes are read in a poll, so that a flood can't stall the audio; a full cable
    carries 31 in 10 ms. The port's buffer keeps or loses the rest. Of a controller's values in one
    poll only the last is put.
    """

    def __init__(self, port, *, channel=None, limit=40):
        """channel: 1..16, None for all; limit: bytes a poll, 1..256."""
        Control.__init__(self)
        if channel is not None and not 1 <= channel <= 16:
            raise ValueError(f"channel={channel!r}; expected 1 to 16, or None for all")
        if not 1 <= limit <= 256:
            raise ValueError(f"limit={limit!r}; expected 1 to 256 bytes")
        if not hasattr(port, "readinto"):
            from machine import UART

            port = UART(port, _BAUD, rxbuf=256)
        self._port, self._limit = port, limit
        self._channel = _NONE if channel is None else channel - 1
        self.controllers = []
        self.program = Event(value=True)
        self.learned = Event(value=True)
        self.clock = Clock()
        self._learning = []  # the controller that waits for its number
        # Of each controller: its last value, whether that is new, and, where it is the coarse half of
        # 14 bits, which is the fine one: a new coarse half sets that to 0.
        self._values, self._news, self._halves = bytearray(128), bytearray(128), bytearray(128)
        self.attached = False

    def cc(self, number=None, *, fine=False):
        """A controller; number: 0..119, None to learn it. fine: 14 bits, 0..31 with 32..63."""
        controller = Controller(self, number, fine)
        self.controllers.append(controller)
        self._prepare(controller)
        return controller

    def learn(self, controller):
        """Give `controller` the number of the next one that is moved, then fire learned(number)."""
        if controller not in self.controllers:
            raise ValueError("learn() got something that this MidiIn's cc() did not make")
        self._learning[:] = [controller]

    def _prepare(self, controller):
        number = controller.number
        if number is not None:
            self._news[number] = 0
            if controller.fine:
                self._halves[number] = number + 32

    def takeover(self):
        for controller in self.controllers:
            controller.takeover()

    def attach(self, rate_hz):
        self.attached = True
        self.clock.attach(rate_hz)
        Control.attach(self, rate_hz)

    def _steps(self, rate_hz):
        """status: of the message being read, 0 while its bytes are not for us, such as those of a
        system exclusive message; first: its first data byte, -1 before that."""
        any_, readinto, limit = self._port.any, self._port.readinto, self._limit
        only, clock, learning = self._channel, self.clock, self._learning
        values, news, halves = self._values, self._news, self._halves
        buf = memoryview(bytearray(limit))
        views = [
            buf[:count] for count in range(limit + 1)
        ]  # an index costs twice what `for in` does
        status, first, failed = 0, _NONE, False
        while True:
            now = yield
            program = _NONE
            moved = False
            try:
                waiting = any_()
                if not waiting:
                    continue
                left = limit
                while waiting and left > 0:
                    view = views[waiting if waiting < left else left]
                    got = readinto(view)
                    if not got:
                        break
                    left -= got
                    for byte in view if got == len(view) else views[got]:
                        if byte < 0x80:
                            if not status:
                                pass
                            elif status == _PROGRAM:
                                program = byte
                            elif first < 0:
                                first = byte
                            else:
                                if learning:
                                    self._learn(first)
                                values[first] = byte
                                news[first] = 1
                                if halves[first]:
                                    values[halves[first]] = 0
                                first = _NONE
                                moved = True
                        elif byte >= _TICK:
                            if byte == _TICK:
                                clock.tick(now)
                            elif byte <= _STOP:
                                clock.transport(byte)
                        else:
                            status = byte & _SYSTEM
                            first = _NONE
                            if status != _CONTROLLER and status != _PROGRAM:
                                status = 0
                            elif only >= 0 and byte & 15 != only:
                                status = 0
                    waiting = any_()
                failed = False
            except Exception as error:  # noqa: BLE001 - a port fails as it likes
                if not failed:
                    report(error)
                failed = True
            if moved:
                self._apply(values, news)
            if program >= 0:
                self.program.fire(program)

    def _apply(self, values, news):
        controllers = self.controllers
        for controller in controllers:
            controller.apply(values, news)
        for controller in controllers:
            number = controller.number
            if number is not None:
                news[number] = 0
                if controller.fine:
                    news[number + 32] = 0

    def _learn(self, number):
        controller = self._learning[0]
        if number < (32 if controller.fine else _KNOBS):
            self._learning.clear()
            controller.number = number
            self._prepare(controller)
            self.learned.fire(number)
