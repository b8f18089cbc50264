"""A timeline of moves, as a player would make them: what a rendering or a test turns, and when.

A file of lines `seconds, target, value`; # starts a comment. Targets: EFFECT.PARAMETER, EFFECT (on or off),
scene, tempo, tap, replace EFFECT (value: a model file), adc.N (0..1), pin.N (0 or 1), midi.N (hex bytes).
A value between two lines does not glide: it changes at the block in which its time lies.
"""

from pedal import pretend

_WORDS = {"on": True, "off": False, "true": True, "false": False}


def read(path):
    """[(seconds, target, value text)] in the order of time; ValueError with the line where one is wrong."""
    found = []
    with open(path) as file:
        for number, line in enumerate(file):
            line = line.split("#")[0].strip()
            parts = [part.strip() for part in line.split(",", 2)]
            if not line or (not found and parts[0] in ("time_s", "seconds", "time")):
                continue
            try:
                found.append((float(parts[0]), parts[1], parts[2] if len(parts) > 2 else ""))
            except (ValueError, IndexError):
                wrong = f"{path}, line {number + 1}: {line!r}; expected seconds, target, value"
                raise ValueError(wrong)  # noqa: B904
    found.sort(key=lambda move: move[0])
    return found


def value_of(text, parameter=False):
    """A number, on/off where it is of no parameter (there they are choices), or the text itself."""
    if text.lower() in _WORDS and not parameter:
        return _WORDS[text.lower()]
    try:
        return float(text)
    except ValueError:
        return text


class Moved:
    """A source whose blocks are preceded by the moves that are due."""

    def __init__(self, source, rig, path):
        self._source, self._rig, self._path = source, rig, path
        self._moves = read(path)
        self._frame = self._next = 0
        for seconds, target, text in self._moves:
            self._check(seconds, target, text)

    def _check(self, seconds, target, text):
        """A name that is wrong is said before anything plays."""
        name = target.partition(".")[0].split(" ")[-1]
        if name not in ("scene", "tempo", "tap", "adc", "pin", "midi"):
            try:
                self._rig[name]
            except KeyError as error:
                raise ValueError(f"{self._path}, at {seconds} s: {error.args[0]}")  # noqa: B904

    def readinto(self, buf):
        while self._next < len(self._moves):
            seconds, target, text = self._moves[self._next]
            if seconds * self._rig.rate_hz >= self._frame + len(buf):
                break
            self._next += 1
            self._make(seconds, target, text)
        self._frame += len(buf)
        return self._source.readinto(buf)

    def _make(self, seconds, target, text):
        try:
            if target == "tap":
                self._rig.tap()
            elif target.startswith("replace "):
                from pedal.effects.neural import Neural

                self._rig.replace(target.split(" ", 1)[1], Neural(text))
            elif not pretend.turn(target, text):
                self._rig.set(target, value_of(text, "." in target))
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{self._path}, at {seconds} s: {target} {text}: {error.args[0]}")  # noqa: B904

    def prepare(self, block):
        self._source.prepare(block)

    def close(self):
        self._source.close()

    @property
    def xruns(self):
        return getattr(self._source, "xruns", 0)
