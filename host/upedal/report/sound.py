"""The report's players: four short takes as FLAC, of equal loudness where they are compared."""

import base64
import io
import math

import numpy as np

from .analyse import a_weighted_energy, loudest

PLAYED_S = 5.0
_FADE_S = 0.01  # at both ends, so that the loop does not click
_LIMIT = 0.99


def deck(dry, target, output, rate_hz, played_s=PLAYED_S):
    """What the page needs to play the loudest stretch of signals [n]; a dict of the template.

    The model is brought to the target's A-weighted energy, so that loudness does not give it away;
    the null is of the signals as they are. All get one common gain that keeps them from clipping.
    """
    length = min(len(target), int(played_s * rate_hz))
    at = loudest(target, length)
    part = slice(at, at + length)
    match = _match(target[part], output[part], rate_hz)
    takes = [("target", "Target", "a", target[part]), ("model", "Model", "b", match * output[part]),
             ("null", "Null", "n", target[part] - output[part])]  # fmt: skip
    if dry is not None:
        takes.insert(0, ("dry", "Dry", "d", dry[part]))
    peak = max(float(np.abs(x).max(initial=0)) for *_, x in takes)
    gain = min(1.0, _LIMIT / peak) if peak > 0 else 1.0
    null = gain * float(np.abs(takes[-1][3]).max(initial=0))
    return {
        "takes": [{"id": key, "name": name, "key": letter, "uri": flac(gain * _faded(x, rate_hz), rate_hz)}
                  for key, name, letter, x in takes],
        "seconds": length / rate_hz,
        "rate_hz": int(rate_hz),
        "from_s": f"{at / rate_hz:.1f}",
        "to_s": f"{(at + length) / rate_hz:.1f}",
        "gain_db": -20 * math.log10(gain),
        "match_db": 20 * math.log10(match),
        "boost_db": int(min(30, -20 * math.log10(max(null, 1e-6)))),
        "wave": _wave(target[part], output[part]),
    }  # fmt: skip


def _match(target, output, rate_hz):
    wanted, is_now = (a_weighted_energy(x, rate_hz) for x in (target, output))
    if wanted <= 0 or is_now <= 0:
        return 1.0
    gain = math.sqrt(wanted / is_now)
    return gain if 0.25 < gain < 4 else 1.0  # a model so far off is heard as it is


def _faded(x, rate_hz):
    n = min(len(x) // 4, int(_FADE_S * rate_hz))
    ramp = np.ones(len(x))
    ramp[:n] = np.linspace(0, 1, n, endpoint=False)
    ramp[len(x) - n :] = ramp[:n][::-1]
    return x * ramp


def flac(x, rate_hz):
    """A data URI of [n], 16 bit; every browser of these years plays FLAC."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(x, -1, 1), int(rate_hz), format="FLAC", subtype="PCM_16")
    return "data:audio/flac;base64," + base64.b64encode(buffer.getvalue()).decode()


def _wave(target, output):
    """SVG paths of target and difference for the seek bar, 0…1000 by −100…100."""
    from .analyse import envelope

    top = max(float(np.abs(target).max(initial=0)), 1e-9)
    paths = []
    for x in (target, target - output):
        _, low, high = envelope(x, 300)
        across = np.linspace(0, 1000, len(low))
        points = [*zip(across, -100 * high / top), *zip(across[::-1], -100 * low[::-1] / top)]
        paths.append("M" + "L".join(f"{a:.0f} {b:.0f}" for a, b in points) + "Z")
    return paths
