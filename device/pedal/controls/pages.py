"""Pages for a display: tuner, preset, load. Each asks functions, and draws what changed.

A page has look(everything), which asks, and tells in how many parts it will draw, 0 where nothing
changed; then draw(canvas, part) is called for each part, the last one first, in a poll of its own.
`everything`: the canvas has been cleared. Neither allocates.
"""

from pedal.const import const

_NOTES = ("C ", "C#", "D ", "D#", "E ", "F ", "F#", "G ", "G#", "A ", "A#", "B ")
_MIDDLE = const(63)  # column of the tuner's pointer when in tune
_OFTEN = const(4)  # looks at the page between two at the load
_LETTERS = const(8)  # 16 dots wide that a line has room for


class TunerPage:
    """The note in letters 32 dots high, how many cents it is off, and a pointer."""

    def __init__(self, pitch):
        """pitch: a function -> hundredths of a semitone above MIDI note 0 (A4, 440 Hz, is 6900),
        a whole number; below 0 for no note."""
        self._pitch = pitch
        self._note = self._cents = None

    def look(self, everything):
        pitch = self._pitch()
        note = (pitch + 50) // 100 if pitch >= 0 else -1
        cents = pitch - 100 * note if pitch >= 0 else 0
        new_note, new_cents = note != self._note, cents != self._cents
        self._note, self._cents = note, cents
        return 4 if everything or new_note else 2 if new_cents else 0

    def draw(self, canvas, part):
        note, cents = self._note, self._cents
        if part == 3:
            canvas.prepare("- " if note < 0 else _NOTES[note % 12])
            canvas.large(0, 32, 0, 4)
        elif part == 2:
            canvas.large(1, 64, 0, 4)
        elif part == 1:
            canvas.text("-" if cents < 0 else "+" if cents else " ", 104, 1)
            canvas.number(-cents if cents < 0 else cents, 112, 1, 2)
        else:
            dots = canvas.dots
            dots.fill_rect(0, 40, 128, 24, 0)
            dots.fill_rect(_MIDDLE, 40, 1, 6, 1)
            dots.hline(_MIDDLE - 60, 63, 121, 1)
            if note >= 0:
                dots.fill_rect(_MIDDLE + cents * 6 // 5 - 1, 47, 3, 16, 1)


class PresetPage:
    """The preset's number and name: 8 letters 16 dots high, longer names in small letters."""

    def __init__(self, name, number=None):
        """name: a function -> text; number: a function -> 0..999, if it has one."""
        self._name, self._number = name, number
        self._shown = self._digits = None

    def look(self, everything):
        name = self._name()
        digits = self._number() if self._number else None
        if not everything and name == self._shown and digits == self._digits:
            return 0
        self._shown, self._digits = name, digits
        return 1 + len(name) if len(name) <= _LETTERS else 2

    def draw(self, canvas, part):
        name = self._shown
        large = len(name) <= _LETTERS
        if part == (len(name) if large else 1):
            canvas.clear()
            canvas.prepare(name)
            if self._digits is not None:
                canvas.number(self._digits, 0, 0, 3)
        elif large:
            canvas.large(part, 16 * part, 3, 2)
        else:
            canvas.text(name, 0, 3)


class LoadPage:
    """The engine's load in percent, with a bar, and the blocks it lost."""

    def __init__(self, percent, xruns):
        """percent, xruns: functions -> whole numbers."""
        self._percent, self._xruns = percent, xruns
        self._shown = [-1, -1]
        self._turn = 0

    def look(self, everything):
        self._turn = (self._turn + 1) % _OFTEN
        if self._turn and not everything:
            return 0
        percent, xruns, shown = self._percent(), self._xruns(), self._shown
        new = percent != shown[0] or xruns != shown[1]
        shown[0] = percent
        shown[1] = xruns
        return 3 if everything else 2 if new else 0

    def draw(self, canvas, part):
        percent, xruns = self._shown
        if part == 2:
            canvas.text("load      %", 0, 0)
            canvas.text("lost", 0, 4)
        elif part == 1:
            canvas.number(percent, 56, 0, 3)
            canvas.number(xruns, 56, 4, 6)
        else:
            dots = canvas.dots
            dots.rect(0, 12, 128, 12, 1)
            full = min(max(percent, 0), 100) * 124 // 100
            dots.fill_rect(2, 14, full, 8, 1)
            dots.fill_rect(2 + full, 14, 124 - full, 8, 0)
