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
    """One effect: its calls on its buffer. Of a Split or a Blend, the place before its parts."""

    def __init__(self, effect, buf, links):
        self.effect, self.buf, self.number = effect, buf, 0
        self.mode = _ON
        self.calls = []
        self.fade = self.end = None
        self._links = links

    def refresh(self):
        effect, buf = self.effect, self.buf
        self.atomic = getattr(effect, "atomic", False)
        if self.end:
            return
        if hasattr(effect, "natives"):
            self.calls = effect.natives(buf)
        elif hasattr(effect, "native"):
            self.calls = [effect.native(buf)]
        else:
            self.calls = [(_python, effect.process, buf)]
        if not self.atomic:
            self.calls.insert(0, (_python, self._links.keep, buf))

    def now(self):
        """The calls to make, as things are."""
        if self.mode == _ON:
            return self.calls
        if self.mode == _FADING:
            if self.end:
                return self.fade.before(self.buf)
            right = right_of(self)
            return (
                self.fade.before(self.buf, right) + self.calls + self.fade.after(self.buf, right)
            )
        return []


class _End:
    """The place behind the parts of a Split or a Blend."""

    def __init__(self, link):
        self._link = link

    def now(self):
        link = self._link
        return link.fade.after(link.buf) if link.mode == _FADING else []


def right_of(link):
    """The second channel of a stereo effect, as long as its block."""
    right = getattr(link.effect, "right", None)
    return None if right is None else right[: len(link.buf)]


class Links:
    """items: in the order of the work, links, ends, and the plain calls that join branches."""

    def __init__(self, rig, buf, note, quiet):
        """note(link, error): an effect could not be made ready, or a change raised (link: None); quiet(): changes
        were made in silence."""
        self._rig, self._buf, self._note, self._quiet = rig, buf, note, quiet
        self._kept = bytearray(4 * len(buf))
        self.keep = self._keep
        self._fade_frames = _FADE_MS * rig.rate_hz // 1000 + len(buf)
        self._main = Fade(len(buf), rig.rate_hz, _FADE_MS)
        self._silent = False  # changes are being made
        self._waiting = []  # (function, args) for when the output is silent
        self._until = -1  # the frame where the main fade is over
        self._fading = []  # (link, frame where its fade is over, what it is then)
        self._items, self._links, self._movers = [], [], []

    def _keep(self, buf):
        pedal_fx.pack(buf, self._kept, -32, 1)

    def build(self):
        """Make the list anew from the rig; effects that were there stay as they were.

        While a change waits for silence the old effects play on; only what they call is renewed.
        """
        if self._waiting:
            for link in self._links:
                self._refresh(link)
        else:
            self._build()
        before = {id(link.effect): link for link in self._movers}
        self._movers = []
        for mover in self._rig.modulators:
            link = before.get(id(mover)) or _Link(mover, self._buf, self)
            self._movers.append(link)
            self._refresh(link)

    def _build(self):
        before = {id(link.effect): link for link in self._links}
        links, items = [], []

        def expand(effect, buf):
            if not hasattr(effect, "PARAMS") and hasattr(effect, "items"):
                return effect.items(buf, expand)  # a Chain
            link = before.get(id(effect))
            if link is None:
                link = _Link(effect, buf, self)
                off = effect in self._rig._off
                rings = _ring(effect, not off)
                link.mode = _OFF if off and not rings else _ON
            link.buf = buf
            found = [link]
            if hasattr(effect, "items"):
                link.end = link.end or _End(link)
                found = [link] + effect.items(buf, expand) + [link.end]
            links.append(link)
            link.number = len(links)
            self._refresh(link)
            return found

        for effect in self._rig.effects:
            items += expand(effect, self._buf)
        for link in self._links:
            if link not in links and hasattr(link.effect, "release"):
                link.effect.release()
        self._links, self._items = links, items

    def _refresh(self, link):
        try:
            link.refresh()
        except Exception as error:  # noqa: BLE001 - it may be the user's; the rest plays
            if link.mode != _FAILED:
                link.mode = _FAILED
                self._note(link, error)

    def calls(self, after=None):
        """What step() does for a block, or what is left of it behind a link."""
        found, end = [], None
        for item in self._movers + self._items:
            if item is after:
                after, found = None, []
            elif end is not None:  # inside what is bypassed
                end = None if item is end else end
            elif isinstance(item, tuple):
                found.append(item)
            else:
                found += item.now()
                end = item.end if isinstance(item, _Link) and item.mode == _OFF else None
        if self._until >= 0:
            found += self._main.after(self._buf, self.right())
        return found

    def right(self):
        """The second channel of the last effect, where it plays and is stereo."""
        last = self._items[-1] if self._items else None
        if not isinstance(last, _Link) or last.mode in (_OFF, _FAILED):
            return None
        return right_of(last)

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
        """Failed effects get another chance, those that fade are where they go to."""
        self._fading = []
        for link in self._links + self._movers:
            off = link.effect in self._rig._off and not _rings(link.effect)
            link.mode = _OFF if off else _ON

    # ---- fades ----

    def switch(self, effect, on, now):
        link = self._of(effect)
        if link is None or link.mode == _FAILED or _ring(effect, on):
            return
        if link.mode == (_ON if on else _OFF):
            return
        if link.fade is None:
            link.fade = Fade(len(self._buf), self._rig.rate_hz, _FADE_MS)
        if link.mode == _OFF:
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
        """End the fades that are over; True where calls() changed. Allocates nothing while none is."""
        changed = False
        for entry in self._fading:
            if _past(entry[1], now):
                changed = True
        if changed:
            self._end_fades(now)
        if self._until >= 0 and _past(self._until, now):
            changed = True
            self._until = -1
            if self._waiting:
                self._make_changes()
                self._main.to(1.0)
                self._until = (now + self._fade_frames) & _WRAP
        return changed

    def _end_fades(self, now):
        for link, until, mode in self._fading:
            if _past(until, now) and link.mode == _FADING:
                link.mode = mode
        self._fading = [entry for entry in self._fading if not _past(entry[1], now)]

    def _make_changes(self):
        waiting, self._waiting, self._silent = self._waiting, [], True
        for function, args in waiting:
            try:
                function(*args)
            except Exception as error:  # noqa: BLE001 - sound has to come back, and the others be made
                self._note(None, error)
        self._silent = False
        self.build()
        self._quiet()


def _past(until, now):
    return (now - until) & _WRAP < _WRAP // 2


def _rings(effect):
    return any(spec[0] == "send" for spec in getattr(effect, "PARAMS", ()))


def _ring(effect, on):
    """Open or close the input of an effect that rings on; False where it is not of the kind.

    kept_send: what it is when open, None while it is.
    """
    if not _rings(effect):
        return False
    kept = getattr(effect, "kept_send", None)
    if on and kept is not None:
        effect.send, effect.kept_send = kept, None
    elif not on and kept is None:
        effect.kept_send, effect.send = effect.send, 0.0
    return True
