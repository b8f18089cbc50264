"""The rig's tempo, in frames: by hand, by tapping, or from MIDI."""

_WRAP = 0x3FFFFFFF
_TAPS = 4  # intervals that are averaged
_AGREE = 4  # an interval within 1 / _AGREE of the last belongs to the same tapping


class Clock:
    """frames: of a beat (a quarter note). changed: functions called with it when it changes."""

    def __init__(self, rate_hz, tempo_bpm=120.0):
        self._rate_hz = rate_hz
        self.changed = []
        self._last = -1
        self._taps = []
        self.frames = 0
        self.tempo_bpm = tempo_bpm

    @property
    def tempo_bpm(self):
        return 60 * self._rate_hz / self.frames

    @tempo_bpm.setter
    def tempo_bpm(self, tempo_bpm):
        if not 20 <= tempo_bpm <= 400:
            raise ValueError(f"tempo_bpm={tempo_bpm!r}; expected 20 to 400")
        self.set(round(60 * self._rate_hz / tempo_bpm))

    def set(self, frames):
        """frames: of a beat; kept within 20 to 400 beats a minute."""
        frames = max(60 * self._rate_hz // 400, min(60 * self._rate_hz // 20, frames))
        if frames != self.frames:
            self.frames = frames
            for function in self.changed:
                function(frames)

    def tap(self, now):
        """A tap at frame `now`: from the second on the tempo follows, as the mean of the last intervals."""
        taps, last = self._taps, self._last
        gap = (now - last) & _WRAP
        if last >= 0 and gap < 60 * self._rate_hz // 800:
            return  # no foot is so fast: one tap, come twice
        self._last = now
        if last < 0:
            return
        if gap > 3 * self._rate_hz:  # 20 beats a minute: a new tapping
            taps.clear()
            return
        if taps and abs(gap - taps[-1]) * _AGREE > taps[-1]:
            taps.clear()
        taps.append(gap)
        if len(taps) > _TAPS:
            taps.pop(0)
        self.set(sum(taps) // len(taps))
