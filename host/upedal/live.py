"""`upedal live`: change a rig while it plays, hear it at once, and save what you kept.

The pedal plays with device/pedal/remote.py listening on its console; a line of JSON goes there and one comes back.
"""

import contextlib
import json
import time
import zlib
from base64 import b64encode
from pathlib import Path

from .deploy import Device
from .errors import BoardError, UpedalError

_START = "from pedal.boot import start\nstart(remote=True)\n"
_ANSWER_S = 20
_END_S = 5  # for the rig to end
_PART = 192  # bytes of a file in one command
_LOOP_S = 1.0  # that an emulated board keeps in memory
HELP = """\
  show                        effects, parameters, what is off, scenes
  delay.mix 0.3               set a parameter (a number or one of its words)
  delay off, delay on         take an effect out, or in
  add Delay delay_ms=300      put an effect at the end; `add 2 Delay ...` before the second
  remove delay                take it out of the rig
  swap neural lead.upm        another model in its place (a file here; it is sent)
  scene lead, store lead      go to a scene; store one on the pedal
  tempo 96, tap               beats a minute
  stats                       load, xruns, faults
  save                        write what was changed into the rig's own file
  quit                        leave; the pedal starts anew and plays what it has stored"""


class Live(Device):
    """A pedal that plays and takes commands; leaving the `with` block starts it anew."""

    def __enter__(self):
        super().__enter__()
        self._buffer, self._number = b"", 0
        with self._errors("stopped answering"):
            self._transport.exec_raw_no_follow(_START)
        try:
            self.ready = self._line(lambda line: "ready" in line)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        serial = self._transport.serial
        with contextlib.suppress(Exception):
            serial.write(b"\x03")  # ends the engine; one, as a second could cut its clearing up short
            self._transport.read_until(1, b"\x04>", timeout=_END_S, timeout_overall=_END_S)
            serial.write(b"\x02\x04")  # the friendly prompt, and a soft reset: main.py plays
        with contextlib.suppress(Exception):
            self._transport.close()

    def ask(self, do, **command):
        """One command; what it answers. BoardError with the pedal's own words where it refused."""
        self._number += 1
        line = json.dumps({"id": self._number, "do": do, **command})
        with self._errors("stopped answering"):
            self._transport.serial.write(line.encode() + b"\n")
        # A line that the pedal could not read is answered without its number.
        answer = self._line(
            lambda found: (
                found.get("id") == self._number or "error" in found and found["id"] is None
            )
        )
        if "error" in answer:
            raise BoardError(f"{self.port}: {answer['error']}")
        return answer["ok"]

    def send(self, path):
        """Bring a file to /models, as `upedal deploy` would. -> its path on the pedal"""
        data, there = Path(path).read_bytes(), f"/models/{Path(path).name}"
        self.ask("begin", path=there)
        for at in range(0, len(data), _PART):
            self.ask("part", data=b64encode(data[at : at + _PART]).decode())
        self.ask("end", crc=zlib.crc32(data))
        return there

    def _line(self, wanted):
        """The next line of JSON that is wanted; what else the pedal prints is kept for the error."""
        end, said = time.monotonic() + _ANSWER_S, []
        serial = self._transport.serial
        while time.monotonic() < end:
            with self._errors("stopped answering"):
                waiting = serial.inWaiting()
                self._buffer += serial.read(waiting) if waiting else b""
            if self._buffer.count(b"\x04") > 1:  # the script has ended, and said why
                text = self._buffer.decode("utf-8", "replace").replace("\x04", "\n")
                lines = [line for line in text.splitlines() if line.strip(" >OK")]
                raise BoardError(
                    f"{self.port}: {lines[-1] if lines else 'ended'}", "\n".join(said + lines)
                )
            line, newline, rest = self._buffer.partition(b"\n")
            if not newline:
                time.sleep(0.005)
                continue
            self._buffer = rest
            text = line.decode("utf-8", "replace").strip()
            try:
                found = json.loads(text.removeprefix("OK"))
            except ValueError:
                said.append(text)
                continue
            if isinstance(found, dict) and wanted(found):
                return found
        raise BoardError(
            f"{self.port}: no answer in {_ANSWER_S} s; is the rig playing?", "\n".join(said)
        )


class Session:
    """Commands as people type them, and the edits that save would make."""

    def __init__(self, live, rig_path):
        self.live, self.path = live, Path(rig_path)
        self.edits = []

    def do(self, line):
        """Run one command; the text to show."""
        words = line.split()
        if not words:
            return ""
        name = "_" + words[0]
        if hasattr(self, name) and name in _VERBS:
            return getattr(self, name)(*words[1:])
        if len(words) != 2:
            raise UpedalError(f"{line!r}: not understood; `help` lists the commands")
        return self._set(*words)

    def _names(self):
        return [name for name, _ in self.live.ask("get")["effects"]]

    def _number(self, name):
        names = self._names()
        if name not in names:
            raise UpedalError(f"no effect {name!r}; expected {', '.join(names) or 'none'}")
        return names.index(name)

    def _set(self, target, text):
        if "." not in target:
            value = _value(text)
            if not isinstance(value, bool):
                raise UpedalError(
                    f"{target} {text}: expected on or off, or EFFECT.PARAMETER VALUE"
                )
            self.live.ask("set", target=target, value=value)
            self.edits.append(("off", target, not value))
            return ""
        value = _value(text, parameter=True)
        name, parameter = target.split(".", 1)
        self.live.ask("set", target=target, value=value)
        self.edits.append(("set", self._number(name), parameter, value))
        return ""

    def _show(self):
        found = self.live.ask("get")
        lines = []
        for name, kind in found["effects"]:
            mine = [
                (key, value)
                for key, value in found["values"].items()
                if key.startswith(name + ".")
            ]
            values = "  ".join(f"{key.split('.')[1]} {value}" for key, value in sorted(mine))
            lines.append(f"{name:12} {kind:12} {'off  ' if name in found['off'] else ''}{values}")
        lines.append(f"tempo {found['tempo']}   scenes {', '.join(found['scenes']) or 'none'}")
        return "\n".join(lines)

    def _add(self, *words):
        at = None
        if words and words[0].isdigit():
            at, words = int(words[0]) - 1, words[1:]
        if not words:
            raise UpedalError("add: expected an effect, such as `add Delay delay_ms=300`")
        table = _table(words)
        top = {} if at is None else {"at": at}
        self.live.ask("insert", effect=table, **top)
        self.edits.append(("insert", 1 << 30 if at is None else at, table))
        return ""

    def _remove(self, name=""):
        number = self._number(name)
        self.live.ask("remove", name=name)
        self.edits += [("off", name, False), ("remove", number)]
        return ""

    def _swap(self, name="", model=""):
        number = self._number(name)
        beside = self.path.parent / model
        path = beside if beside.is_file() else Path(model)
        if not path.is_file():
            raise UpedalError(
                f"{model}: no such file; expected a .upm, here or beside {self.path.name}"
            )
        self.live.send(path)
        table = {"type": "Neural", "path": path.name}
        self.live.ask("replace", name=name, effect=table)
        self.edits.append(("replace", number, {"type": "Neural", "path": model}))
        return ""

    def _scene(self, name=""):
        self.live.ask("scene", name=name)
        return ""

    def _store(self, name=""):
        self.live.ask("store", name=name)
        found = self.live.ask("get")
        self.edits.append(("scene", name, {"values": found["values"], "off": found["off"]}))
        return ""

    def _tempo(self, bpm=""):
        self.live.ask("set", target="tempo", value=_value(bpm))
        self.edits.append(("tempo", _value(bpm)))
        return ""

    def _tap(self):
        self.live.ask("tap")
        return ""

    def _stats(self):
        return "\n".join(f"{key}: {value}" for key, value in self.live.ask("stats").items())

    def _save(self):
        from .script import save

        if not self.edits:
            return "nothing to save"
        save(self.path, self._switches())
        count, self.edits = len(self.edits), []
        return f"{self.path}: {count} changes saved"

    def _switches(self):
        """The edits, with what is off told as it is now: a name may have come to another effect meanwhile."""
        found = self.live.ask("get")
        names = dict.fromkeys(edit[1] for edit in self.edits if edit[0] == "off")
        if any(edit[0] in ("insert", "remove", "replace") for edit in self.edits):
            names |= dict.fromkeys(name for name, _ in found["effects"])
        edits = [edit for edit in self.edits if edit[0] != "off"]
        return edits + [("off", name, name in found["off"]) for name in names]

    def _help(self):
        return HELP


_VERBS = {name for name in vars(Session) if name.startswith("_") and not name.startswith("__")}
_VERBS -= {"_set", "_names", "_number", "_switches"}


def _value(text, parameter=False):
    """A number, on or off where it is of no parameter (there they are choices), or the text."""
    words = {"true": True, "false": False}
    if not parameter:
        words |= {"on": True, "off": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return float(text)
    except ValueError:
        return text


def _table(words):
    """("Delay", "delay_ms=300") -> {"type": "Delay", "delay_ms": 300.0}"""
    table = {"type": words[0]}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise UpedalError(f"add {words[0]}: {word!r}; expected NAME=VALUE")
        table[key] = _value(value, parameter=True)
    return table


def loop(path, rate_hz):
    """The first seconds of a recording as the WAV that an emulated board plays over and over. -> bytes"""
    import io

    import soundfile

    try:
        x, found = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise UpedalError(f"{path}: {error}; expected an audio file") from None
    if found != rate_hz:
        raise UpedalError(f"{path}: {found} Hz; expected {rate_hz} Hz, as the board")
    if not len(x):
        raise UpedalError(f"{path}: no samples")
    file = io.BytesIO()
    soundfile.write(file, x[: round(_LOOP_S * rate_hz), 0], rate_hz, "PCM_16", format="WAV")
    return file.getvalue()


def run(rig_path, port, commands=(), say=print, read=input):
    """Commands given, or typed until quit or the end of input. -> how many failed"""
    failed = 0
    with Live(port) as live:
        session = Session(live, rig_path)
        if live.ready.get("error"):
            raise UpedalError(f"{rig_path}: the pedal plays it not: {live.ready['error']}")
        say(
            f"{port}: playing {' > '.join(live.ready['ready']) or 'nothing'}; `help` lists the commands"
        )
        for line in commands or _typed(read):
            if line.strip() in ("quit", "exit"):
                break
            try:
                text = session.do(line)
            except (UpedalError, BoardError, TypeError) as error:
                failed += 1
                text = f"{line}: {str(error).removeprefix(f'{port}: ')}"
            if text:
                say(text)
        if session.edits:
            say(f"{len(session.edits)} changes were not saved")
    return failed


def _typed(read):
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            yield read("live> ")
