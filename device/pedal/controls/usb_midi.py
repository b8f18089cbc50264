"""MIDI over USB as a port for MidiIn, on boards where MicroPython can be a USB device."""

# Of each code index number (USB Device Class Definition for MIDI Devices 1.0, table 4-1): bytes.
_BYTES = bytes((0, 0, 2, 3, 3, 1, 2, 3, 3, 3, 3, 3, 2, 2, 3, 1))


class UsbPort:
    """MIDI over USB as a port for MidiIn: a queue of bytes between the USB driver and the poll.

    midi = MidiIn(usb_port()) does it all where the package usb-device-midi is installed.
    """

    def __init__(self, size=256):
        """size: bytes kept; further ones are dropped, whole messages at a time, and counted."""
        self._queue = bytearray(size)
        self._in = self._out = 0
        self.dropped = 0

    def event(self, cin, a, b, c):
        """A USB MIDI event packet: its code index number, 0..15, and three bytes."""
        count = _BYTES[cin & 15]
        queue, size = self._queue, len(self._queue)
        if (self._in - self._out) % size + count >= size:
            self.dropped += 1
            return
        at = self._in
        for k in range(count):
            queue[at] = a if k == 0 else b if k == 1 else c
            at = (at + 1) % size
        self._in = at  # last, since the poll may come in between

    def any(self):
        return (self._in - self._out) % len(self._queue)

    def readinto(self, buf):
        queue, size, at = self._queue, len(self._queue), self._out
        count = min(len(buf), self.any())
        for k in range(count):
            buf[k] = queue[at]
            at = (at + 1) % size
        self._out = at
        return count


def usb_port():
    """Make the board a USB MIDI device; -> its port. ImportError without the package."""
    import usb.device
    from usb.device.midi import MIDIInterface

    port = UsbPort()

    class _Interface(MIDIInterface):
        def on_midi_event(self, cin, midi0, midi1, midi2):
            port.event(cin, midi0, midi1, midi2)

    usb.device.get().init(_Interface(), builtin_driver=True)
    return port
