"""What a rig does when the board cannot keep up: a smaller model, then none, and back when there is room."""

_WRAP = 0x3FFFFFFF
_BLOCKS = 8  # in a row above the limit
_FIRST_S = 2  # until the fuller rig is tried again; doubled each time it fails
_LONGEST_S = 64


class Overload:
    """level: 0 all as written, 1 models play their fallbacks, 2 models are out. drops: how often it went up.

    A rig whose models have no fallback goes to 2 at once. changed: functions called with the new level.
    """

    def __init__(self, rig, engine):
        self._rig, self._engine = rig, engine
        self.level = self.drops = 0
        self.changed = []
        self._wait_s = _FIRST_S
        self._since = 0
        self._tried = False  # the last move was to a fuller rig
        self._leaves = rig.leaves

    def poll(self, now, hot):
        """hot: blocks in a row above the limit."""
        elapsed = (now - self._since) & _WRAP
        if self._leaves is not self._rig.leaves:  # other effects: what they take is not known
            self._leaves = self._rig.leaves
            if self.level:
                self._go(0, now)
        elif hot >= _BLOCKS and self.level < 2 and elapsed >= _BLOCKS * self._engine.block:
            if self._tried and elapsed < self._rig.rate_hz:
                self._wait_s = min(2 * self._wait_s, _LONGEST_S)
            elif not self.level:
                self._wait_s = _FIRST_S
            self.drops += 1
            self._go(self.level + 1, now)
        elif self.level and not hot and elapsed >= self._wait_s * self._rig.rate_hz:
            self._go(self.level - 1, now)

    def reset(self):
        """All as written, at once."""
        self.level = 0
        for model in self._models():
            model.lighter(False)

    def _models(self):
        return [effect for effect in self._rig.leaves if hasattr(effect, "lighter")]

    def _go(self, level, now):
        up = level > self.level
        if level == 1 and not any([model.lighter(True) for model in self._models()]):
            level = 2 if up else 0
        self.level, self._since, self._tried = level, now, not up
        if up:
            self._apply()
        else:  # there is time for a fade
            self._engine.change(self._apply)
        for function in self.changed:
            function(level)

    def _apply(self):
        for model in self._models():
            model.lighter(self.level >= 1)
            self._engine.switch(model, self.level < 2 and model not in self._rig._off)
        self._engine.refresh()
