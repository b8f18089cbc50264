"""The rig as a flat list of native calls, and how effects come in and go out without a click."""

import pedal_fx

from pedal.chain import Fade

_WRAP = 0x3FFFFFFF
_FADE_MS = 12  # of bypass and of changes; long enough that a fade of a low note is no click

# What a link is doing.
_ON, _OFF, _FADING, _FAILED = 0, 1, 2, 3


def _python(process, buf):
    process(buf)


class _Link:
    """One effect: its calls on its buffer."""

    def __init__(self, effect, buf, number, links):
        self.effect, self.buf, self.number = effect, buf, number
        self.mode = _ON
        self.fade = None
        self._links = links
        self.refresh()

    def refresh(self):
        effect, buf = self.effect, self.buf
        if hasattr(effect, "natives"):
            self.calls = effect.natives(buf)
        elif hasattr(effect, "native"):
            self.calls = [effect.native(buf)]
        else:
            self.calls = [(_python, effect.process, buf)]
        self.atomic = getattr(effect, "atomic", False)
        if not self.atomic:
            self.calls.insert(0, (_python, self._links.keep, buf))

    def now(self):
        """The calls to make, as things are."""
        if self.mode == _ON:
            return self.calls
        if self.mode == _FADING:
            return [self.fade.before(self.buf)] + self.calls + [self.fade.after(self.buf)]
        return []


class Links:
    """items: in the order of the work, links and the plain calls that join branches."""

    def __init__(self, rig, buf):
        self._rig, self._buf = rig, buf
        self._kept = bytearray(4 * len(buf))
        self.keep = self._keep
        self._fade_frames = _FADE_MS * rig.rate_hz // 1000 + len(buf)
        self._main = Fade(len(buf), rig.rate_hz, _FADE_MS)
        self._silent = False  # changes are being made
        self._waiting = []  # (function, args) for when the output is silent
        self._until = -1  # the frame where the main fade is over
        self._fading = []  # (link, frame where its fade is over)
        self._items, self._links, self._movers = [], [], []

    def _keep(self, buf):
        pedal_fx.pack(buf, self._kept, -32, 1)

    def build(self):
        """Make the list anew from the rig; effects that were there stay as they were."""
        before = {id(link.effect): link for link in self._links}
        self._links = []

        def expand(effect, buf):
            if hasattr(effect, "items"):
                return effect.items(buf, expand)
            link = before.get(id(effect))
            if link is None or len(link.buf) != len(buf):
                link = _Link(effect, buf, 0, self)
                link.mode = _OFF if effect in self._rig._off and not _rings(effect) else _ON
                if effect in self._rig._off:
                    _ring(effect, False)
            link.buf = buf
            link.refresh()
            self._links.append(link)
            link.number = len(self._links)
            return [link]

        self._items = []
        for effect in self._rig.effects:
            self._items += expand(effect, self._buf)
        self._movers = [_Link(mover, self._buf, 0, self) for mover in self._rig.modulators]

    def calls(self, after=None):
        """What step() does for a block, or what is left of it behind a link."""
        found = []
        for item in self._movers + self._items:
            if item is after:
                after, found = None, []
            elif isinstance(item, _Link):
                found += item.now()
            else:
                found.append(item)
        if self._until >= 0:
            found.append(self._main.after(self._buf))
        return found

    def right(self):
        """The second channel of the last effect, where it plays and is stereo."""
        last = self._items[-1] if self._items else None
        if not isinstance(last, _Link) or last.mode in (_OFF, _FAILED):
            return None
        right = getattr(last.effect, "right", None)
        return None if right is None else right[: len(self._buf)]

    def owner(self, call):
        for link in self._links + self._movers:
            for own in link.now():
                if own is call:
                    return link

    def fail(self, link):
        """Out at once: what it raised in is undone."""
        if not link.atomic and link.mode in (_ON, _FADING):
            pedal_fx.unpack(self._kept, link.buf, -32, 1, 0)
        link.mode = _FAILED

    def revive(self):
        """Failed effects get another chance."""
        for link in self._links + self._movers:
            if link.mode == _FAILED:
                link.mode = _ON

    # ---- fades ----

    def switch(self, effect, on, now):
        link = self._of(effect)
        if link is None or link.mode == _FAILED or _ring(effect, on):
            return
        if link.fade is None:
            link.fade = Fade(len(self._buf), self._rig.rate_hz, _FADE_MS)
        if link.mode == _OFF and on:
            effect.reset()
            link.fade.at(0.0)
        elif link.mode == _ON:
            link.fade.at(1.0)
        link.fade.to(1.0 if on else 0.0)
        link.mode = _FADING
        self._fading = [entry for entry in self._fading if entry[0] is not link]
        self._fading.append((link, (now + self._fade_frames) & _WRAP, _ON if on else _OFF))

    def _of(self, effect):
        for link in self._links:
            if link.effect is effect:
                return link

    def change(self, function, args, now):
        """Call function(*args) when the output is silent: at once, if another such call asks."""
        if self._silent:
            function(*args)
            return
        if not self._waiting:
            if self._until < 0:
                self._main.at(1.0)
            self._main.to(0.0)
            self._until = (now + self._fade_frames) & _WRAP
        self._waiting.append((function, args))

    def tend(self, now):
        """End the fades that are over; True where calls() changed."""
        if not self._fading and self._until < 0:
            return False
        changed = False
        for entry in self._fading[:]:
            link, until, mode = entry
            if _past(until, now):
                self._fading.remove(entry)
                if link.mode == _FADING:
                    link.mode = mode
                changed = True
        if self._until >= 0 and _past(self._until, now):
            changed = True
            self._until = -1
            if self._waiting:
                waiting, self._waiting = self._waiting, []
                self._silent = True
                try:
                    for function, args in waiting:
                        function(*args)
                finally:
                    self._silent = False
                self.build()
                self._main.to(1.0)
                self._until = (now + self._fade_frames) & _WRAP
        return changed


def _past(until, now):
    return (now - until) & _WRAP < _WRAP // 2


def _rings(effect):
    return any(spec[0] == "send" for spec in getattr(effect, "PARAMS", ()))


def _ring(effect, on):
    """Open or close the input of an effect that rings on; False where it is not of the kind."""
    if _rings(effect):
        effect.send = 1.0 if on else 0.0
        return True
    return False
