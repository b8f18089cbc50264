"""The playing in the test signal: guitar, bass and long decays on synth.py's plucked strings, float64 [n], any peak.

Unlike synth.dry_guitar, every section however short holds every kind of phrase, and phrases spread evenly from soft
to loud: a part that judges a model must hold what the model is played with.
"""

import numpy as np

from .synth import Player, pickup

_SPREAD_DB = 20.0  # between the softest and the loudest phrase
_PHRASE_S = 1.2


def _perform(n, rate_hz, rng, kinds, score):
    """Fills n frames with phrases score(player, kind, seconds), all kinds in turn, each of its own peak."""
    count = max(len(kinds), round(n / rate_hz / _PHRASE_S))
    each, out = n // count, np.zeros(n)
    levels = rng.permutation(np.linspace(-_SPREAD_DB, 0.0, count))
    order = [k for _ in range(-(-count // len(kinds))) for k in rng.permutation(len(kinds))]
    for k in range(count):
        player = Player(each, rate_hz, rng)
        score(player, kinds[order[k]], 0.97 * each / rate_hz)
        sound = pickup(player.track, rate_hz)
        out[k * each : (k + 1) * each] = sound * (
            10.0 ** (levels[k] / 20.0) / np.max(np.abs(sound))
        )
    return out


def guitar(n, rate_hz, rng):
    """Strummed chords, single notes, palm mutes and long notes in turn."""

    def score(player, kind, seconds):
        getattr(player, kind)(0.0, seconds, 1.0)

    return _perform(n, rate_hz, rng, ("chords", "line", "chug", "sustain"), score)


def bass(n, rate_hz, rng):
    """A four-string bass from E1 (41 Hz): running eighths, muted notes, octaves, a held note."""
    return _perform(n, rate_hz, rng, ("run", "muted", "octaves", "held"), _bass_phrase)


def _bass_phrase(player, kind, seconds):
    root = 28 + int(player.rng.integers(0, 13))
    steps = {
        "run": (0, 0, 3, 5, 7, 10), "muted": (0, 0, 0, 0, 7, 0, 0, 5), "octaves": (0, 12, 0, 12), "held": (0,),
    }[kind]  # fmt: skip
    step = seconds / len(steps)
    for k, up in enumerate(steps):
        strength = player.rng.uniform(0.7, 1.0)
        player.note(k * step, root + up, 0.95 * step, strength, muted=kind == "muted")


def decays(n, rate_hz, rng):
    """Full-level chords and notes left to ring, one every 4 s or so, each dying away into silence."""
    player = Player(n, rate_hz, rng)
    count = max(1, round(n / rate_hz / 4.0))
    each = n // count
    for k in range(count):
        root = 40 + int(rng.integers(0, 12))
        for semitones in ((0, 7, 12), (0,), (0, 7, 12, 16), (12,))[k % 4]:
            player.note(
                k * each / rate_hz, root + semitones, each / rate_hz, rng.uniform(0.8, 1.0)
            )
    # 40 dB more than the strings' own decay, so that the last of it tells how the gear gates or hums.
    fall = 10.0 ** (-2.0 * (np.arange(n) % each) / each)
    return pickup(player.track * fall, rate_hz)
