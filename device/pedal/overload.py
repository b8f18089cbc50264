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

    def poll(self, now, hot):
        """hot: blocks in a row above the limit."""
        elapsed = (now - self._since) & _WRAP
        if hot >= _BLOCKS and self.level < 2 and elapsed >= _BLOCKS * self._engine.block:
            soon = elapsed < self._rig.rate_hz  # the fuller rig was just tried
            self._wait_s = (
                min(2 * self._wait_s, _LONGEST_S) if self.drops and soon else self._wait_s
            )
            self.drops += 1
            self._go(self.level + 1, now)
        elif self.level and not hot and elapsed >= self._wait_s * self._rig.rate_hz:
            self._go(self.level - 1, now)

    def _go(self, level, now):
        up = level > self.level
        models = [effect for effect in self._rig.leaves if hasattr(effect, "lighter")]
        lighter = [model for model in models if model.lighter(level >= 1)]
        if level == 1 and not lighter:
            level = 2 if up else 0
        self.level, self._since = level, now
        for model in models:
            on = level < 2 and model not in self._rig._off
            self._engine.switch(model, on)
        self._engine.refresh()
        for function in self.changed:
            function(level)
