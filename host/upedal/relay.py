"""A serial line that is always plugged in: between an emulated board and whoever connects by TCP.

QEMU's own TCP serial port can lose a board for good when a client leaves while the board prints. Here the
board talks to this relay all its life; a client may come, go, or be killed at any time. What the board says
while nobody listens is kept in a log only.
"""

import contextlib
import selectors
import socket
import threading
import time

LOG_BYTES = 65536
CHUNK = 65536


class Relay:
    """board: our end of the board's serial line, a connected socket. Serves one client at a time."""

    def __init__(self, board):
        self._board = board
        self._client = None
        self._log = bytearray()
        self._news = threading.Condition()
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0))  # 0: any free port
        self.port = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._board, selectors.EVENT_READ, self._from_board)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._end)
        self._thread = threading.Thread(target=self._serve, name="upedal-relay", daemon=True)
        self._thread.start()

    def expect(self, text, timeout_s):
        """Wait until the board has said `text` (bytes); -> False where it fell silent or time is up."""
        end = time.monotonic() + timeout_s
        with self._news:
            while text not in self._log:
                if self._ended or not self._news.wait(max(0, end - time.monotonic())):
                    return False
        return True

    def said(self):
        """The last 64 kB of what the board printed, as text."""
        with self._news:
            return self._log.decode("utf-8", "replace").replace("\r\n", "\n")

    def close(self):
        with contextlib.suppress(OSError):  # it ends by itself when the board does
            self._wake.send(b".")
        self._thread.join()
        self._wake.close()

    # ---- the relay's thread ----

    def _serve(self):
        while not self._ended:
            for key, _ in self._selector.select():
                if not self._ended:
                    key.data()
        self._drop_client()
        for end in (self._board, self._listener, self._woken):
            end.close()
        self._selector.close()

    def _end(self):
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _accept(self):
        self._client, _ = self._listener.accept()
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.unregister(self._listener)  # the next one waits until this one has gone
        self._selector.register(self._client, selectors.EVENT_READ, self._from_client)

    def _drop_client(self):
        if self._client is None:
            return
        self._selector.unregister(self._client)
        self._client.close()
        self._client = None
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _from_board(self):
        data = _receive(self._board)
        if not data:
            self._end()
            return
        with self._news:
            self._log += data
            del self._log[:-LOG_BYTES]
            self._news.notify_all()
        if self._client is not None:
            try:
                self._client.sendall(data)
            except OSError:
                self._drop_client()

    def _from_client(self):
        if self._client is None:  # dropped since the selector saw it
            return
        data = _receive(self._client)
        if not data:
            self._drop_client()
            return
        with contextlib.suppress(OSError):  # a board that has ended is noticed in _from_board
            self._board.sendall(data)


def _receive(end):
    try:
        return end.recv(CHUNK)
    except OSError:
        return b""
