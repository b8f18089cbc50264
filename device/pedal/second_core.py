"""The second core: it runs the second parts of nets that are cut in two (docs/two_cores.md)."""

import sys

import pedal_nn

from pedal import store

PORTS = ("rp2",)  # where a thread is a core, and native code runs on both at once
_STACK = 8192  # bytes

_worker = None
_kept = []  # memory that a core which hangs may still write to


def start(ports=PORTS):
    """The Worker that the second core serves, for all nets; None where there is no such core, or it is taken."""
    global _worker
    if _worker is None and sys.platform in ports:
        made = pedal_nn.Worker()
        try:
            import _thread

            if sys.implementation.name == "micropython":
                _thread.stack_size(_STACK)
            _thread.start_new_thread(made.serve, ())
            _worker = made
        except (ImportError, OSError, MemoryError):
            pass
    return _worker


def use(worker):
    """A Worker that something else serves: a firmware's own task on the other core."""
    global _worker
    _worker = worker


def stop():
    """Give the core back. Nets that it helped play on, on one."""
    global _worker
    if _worker is not None:
        _worker.stop()
        _worker = None


class Halves:
    """A net cut in two: run(buf) plays as the net would, len(buf) frames later.

    net: has model, and renew(), which makes another model in other memory.
    """

    def __init__(self, net, cut, frames):
        self.frames, self._net, self._cut = frames, net, cut
        self._worker = None
        self._make()

    def _make(self):
        model = self._net.model
        memory = store.aligned(pedal_nn.split_size(model, self._cut, self.frames))
        self._split = pedal_nn.Split(model, self._cut, self.frames, memory)
        self._process = self._split.process

    def join(self):
        """Let the second core help."""
        worker = start()
        if worker and worker.add(self._split):
            self._worker = worker

    def leave(self):
        """The second core is out of it when this returns."""
        worker, self._worker = self._worker, None
        if worker:
            try:
                worker.remove(self._split)
            except RuntimeError:
                self._abandon()

    def run(self, buf, _=None):
        try:
            self._process(buf, buf)
        except RuntimeError:  # the second core hangs
            self._abandon()
            self._net.restart()
            self._process(buf, buf)

    def clear(self):
        """Forget what is under way."""
        try:
            self._split.clear()
        except RuntimeError:
            self._abandon()

    def report(self):
        """(cut, blocks, of these played here alone, lost)"""
        return self._split.report()

    def _abandon(self):
        """All that the second core may write to stays as it is; another net in other memory goes on, on one core."""
        _kept.append((self._net.model, self._split))
        self._worker = None
        self._net.renew()
        self._make()
