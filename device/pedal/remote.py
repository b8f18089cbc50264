"""Changes while it plays: lines of JSON in, a line of JSON out for each.

    {"id": 1, "do": "set", "target": "delay.mix", "value": 0.3}     -> {"id": 1, "ok": null}

What it can do: get, set, insert (at, effect), remove (name), replace (name, effect), scene (name), store
(name), tap, stats, begin (path), part (data), end (crc). Effects are tables, as table.py reads them; the last
three bring a file, such as a model, in parts of at most 192 bytes in base64.

It is polled like a control and takes a few bytes at a time, so that sound goes on. What takes long, opening
a model or making a delay's memory, is done while the output is faded out.
"""

import json
import os
import sys
from binascii import a2b_base64, crc32

from pedal import table

_LINE = 512  # bytes of a command at most
_AT_ONCE = 64  # bytes a poll
_IN_SILENCE = ("insert", "replace")  # take long: opening a model, making a reverb's memory


class Remote:
    def __init__(self, rig, *, read=None, write=None):
        """read(buf) -> bytes that came, 0 for none, never waits; write(text). Default: the console."""
        self._rig = rig
        self._read = read or _console()
        self._write = write or sys.stdout.write
        self._buf = bytearray(_AT_ONCE)
        self._line = bytearray()
        self._file = None
        self._path, self._crc = "", 0

    def poll(self, now):
        n = self._read(self._buf)
        if n:
            self._take(n)

    def _take(self, n):
        line = self._line
        for at in range(n):
            byte = self._buf[at]
            if byte == 3:  # Ctrl-C that was read as text, on boards that look for it now and then
                raise KeyboardInterrupt
            if byte == 10:
                if line.strip():
                    self._answer(bytes(line))
                line[:] = b""
            elif len(line) <= _LINE:  # one more than may be, to tell
                line.append(byte)

    def _answer(self, line):
        number = None
        try:
            if len(line) > _LINE:
                raise ValueError(f"a line of more than {_LINE} bytes; expected less")
            command = json.loads(line)
            number = command.get("id")
            do = getattr(self, "_do_" + command.get("do", ""), None)
            if do is None:
                raise ValueError(f"cannot do {command.get('do')!r}")
        except Exception as error:  # noqa: BLE001 - a wrong command must not stop the sound
            self._say(number, error=error)
            return
        if command["do"] in _IN_SILENCE and self._rig.engine:
            self._rig.engine.change(self._run, number, do, command)
        else:
            self._run(number, do, command)

    def _run(self, number, do, command):
        try:
            self._say(number, do(command))
        except Exception as error:  # noqa: BLE001 - as above
            self._say(number, error=error)

    def _say(self, number, ok=None, error=None):
        answer = {"id": number, "ok": ok}
        if error:
            text = error.args[0] if isinstance(error, KeyError) and error.args else error
            answer = {"id": number, "error": f"{type(error).__name__}: {text}"}
        self._write(json.dumps(answer) + "\n")

    def _do_get(self, command):
        rig = self._rig
        found = rig.capture()
        found["effects"] = [[name, type(effect).__name__] for name, effect in rig.names]
        found["scenes"], found["scene"] = sorted(rig.scenes), rig.scene
        found["tempo"] = round(rig.clock.tempo_bpm, 2)
        return found

    def _do_set(self, command):
        self._rig.set(command["target"], command["value"])

    def _do_insert(self, command):
        effect = table.effect(command["effect"], "effect")
        self._rig.insert(command.get("at", len(self._rig.effects)), effect)

    def _do_remove(self, command):
        self._rig.remove(command["name"])

    def _do_replace(self, command):
        self._rig.replace(command["name"], table.effect(command["effect"], "effect"))

    def _do_scene(self, command):
        self._rig.recall(command["name"])

    def _do_store(self, command):
        self._rig.store_scene(command["name"])

    def _do_tap(self, command):
        self._rig.tap()

    def _do_stats(self, command):
        engine = self._rig.engine
        return {
            "load": round(engine.load(), 3),
            "blocks": engine.blocks,
            "late": engine.late,
            "xruns": engine.xruns,
            "faults": engine.faults,
            "reports": engine.reports[-3:],
            "overload": engine.overload.level,
        }

    # ---- a file ----

    def _do_begin(self, command):
        self._close()
        self._path, self._crc = command["path"], 0
        try:
            os.mkdir(self._path.rpartition("/")[0])
        except OSError:
            pass  # it is there
        self._file = open(self._path + ".new", "wb")  # noqa: SIM115 - open until end

    def _do_part(self, command):
        data = a2b_base64(command["data"])
        self._begun()
        self._crc = crc32(data, self._crc)
        try:
            self._file.write(data)
        except OSError:  # the disk is full: leave it as it was
            self._close()
            os.remove(self._path + ".new")
            raise

    def _begun(self):
        if not self._file:
            raise ValueError("no file; expected begin first")

    def _do_end(self, command):
        self._begun()
        self._close()
        if self._crc & 0xFFFFFFFF != command["crc"]:
            os.remove(self._path + ".new")
            raise ValueError(
                f"{self._path}: CRC-32 {self._crc:08x}; expected {command['crc']:08x}"
            )
        os.rename(self._path + ".new", self._path)

    def _close(self):
        if self._file:
            self._file.close()
            self._file = None


def _console():
    """read(buf) of what waits at the console; allocates nothing while nothing does."""
    import select

    stdin = getattr(sys.stdin, "buffer", sys.stdin)
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN)
    one = bytearray(1)
    waits = getattr(poller, "ipoll", poller.poll)

    def read(buf):
        n = 0
        while n < len(buf):
            for _ in waits(0):
                break
            else:
                return n
            if not stdin.readinto(one):
                return n
            buf[n] = one[0]
            n += 1
        return n

    return read
