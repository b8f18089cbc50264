"""Captures of one gear beside each other: lags that should agree, and a side that is wired the other way round."""

import numpy as np

_STEP = 8  # frames by which the lags of recordings made in step may seem to differ
_MOST = 2 / 3  # of the captures that have to agree
_TAPS = 64  # of a fit that tells which of two lags is right
_TURNED = -0.3  # correlation with the others below which a recording counts as inverted


def together(items):
    """Shifts captures that were made in step to one lag; sentences on what was done and what looks wrong."""
    return in_step(items) + turned(items)


def in_step(items):
    """Gives captures whose lags differ by a few frames the earliest of them.

    The gear's filters move with its knobs, and with them the lag that is found for each capture alone; one net
    cannot follow targets that jump in time. A wet side that comes a little late can be learnt, an early one cannot.
    """
    cuts = np.array([c.pair.cut_frames for c in items])
    near = np.abs(cuts - np.median(cuts)) <= _STEP
    if len(items) < 2 or near.mean() < _MOST:
        return []
    first, last = int(cuts[near].min()), int(cuts[near].max())
    notes = []
    if first != last:
        notes.append(
            f"lags of {first} to {last} frames: the recordings count as made in step, {first} frames for all"
        )
    for item, cut, close in zip(items, cuts, near):
        moved = _moved(item, int(cut) - first)
        take = close or _explains_more(moved, (item.dry, item.wet))
        if take:
            item.dry, item.wet = moved
        if not close:
            told = (
                "taken as the rest, which fits better" if take else "look at it, or leave it out"
            )
            notes.append(
                f"{item.name}: wet seems {cut} frames late, elsewhere {first} to {last}: {told}"
            )
    return notes


def _moved(item, late):
    """(dry, wet) with wet `late` frames later against dry than it was."""
    n = max(len(item.dry) - abs(late), 0)
    return item.dry[max(late, 0) :][:n], item.wet[max(-late, 0) :][:n]


def _explains_more(pair, than):
    """Whether a short fit from dry to wet leaves less of one pair than of another, and anything is left of it."""
    from .checks.fit import left_over

    if len(pair[0]) <= len(than[0]) // 4:
        return False
    first, second = (
        left_over(*(np.asarray(x, np.float64) for x in p), _TAPS) for p in (pair, than)
    )
    return first < second


def turned(items):
    """A sentence where wet sides of one dry file are inverted against most of the others."""
    groups, found = {}, []
    for item in items:
        groups.setdefault(item.files[0], []).append(item)
    for group in groups.values():
        n = min(len(c.wet) for c in group)
        wets = np.stack([c.wet[:n] - c.wet[:n].mean() for c in group]).astype(np.float64)
        wets /= np.sqrt(np.sum(wets * wets, axis=1, keepdims=True)) + 1e-12
        close = np.median(wets @ wets.T, axis=1)
        found += [c.name for c, r in zip(group, close) if len(group) > 2 and r < _TURNED]
    if not found:
        return []
    return [
        f"upside down against the others: {', '.join(found)}; unless the gear does that, swap the wires or leave them out"
    ]
