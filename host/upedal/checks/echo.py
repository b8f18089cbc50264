"""Reverb and delay: wet that goes on after dry has stopped, or comes again later. A model of the
kind that fits a pedal remembers tens of milliseconds and cannot learn either."""

import numpy as np

from .finding import Finding, picture

_FROM_S, _TO_S = 0.05, 0.9  # lags that count as an echo
_STANDS_OUT = 4.0  # over the same lags before time zero, where nothing can be but chance
_HEARD, _LOUD = 0.04, 0.1  # of the direct sound: warned, refused
_WINDOW_S = 0.02  # of the levels after a stop
_TAIL_DB, _LOUD_TAIL_DB = -42.0, -30.0  # of wet 80 ms after dry stopped: warned, refused
_MARGIN_DB = 10.0  # that gain may rise below the quietest playing
_LEAST_S = 8.0


def check(dry, wet, rate_hz):
    """One Finding for both: a single echo (delay), or a tail after stops (reverb)."""
    at_s, share, over, image = echo(dry, wet, rate_hz)
    stops, tail_db, later_db = tail(dry, wet, rate_hz)
    figures = {
        "echo_s": round(at_s, 4),
        "echo_share": round(share, 4),
        "echo_over_chance": round(over, 2),
        "stops": stops,
    }
    if stops:
        figures |= {"tail_db": round(tail_db, 1), "tail_fall_db": round(tail_db - later_db, 1)}
    advice = "Switch reverb and delay off and record again; put them behind the model on the pedal (docs/effects.md)."
    if over > _STANDS_OUT and share > _HEARD:
        outcome = "refused" if share > _LOUD else "warned"
        text = f"Wet repeats itself after {at_s * 1e3:.0f} ms at {20 * np.log10(share):.0f} dB: a delay, which no such model can learn."
        return Finding("echo", "Reverb and delay", outcome, text, advice, figures, image)
    if stops >= 2 and tail_db > _TAIL_DB and tail_db - later_db > 0.5:
        outcome = "refused" if tail_db > _LOUD_TAIL_DB else "warned"
        text = f"Wet rings on after dry has stopped: {tail_db:.0f} dB after 80 ms (the middle of {stops} stops). A reverb, which no such model can learn."
        return Finding("echo", "Reverb and delay", outcome, text, advice, figures, image)
    text = "No delay"
    text += (
        ", and no reverb after the stops."
        if stops >= 2
        else "; dry hardly ever stops, so that a reverb could hide."
    )
    return Finding("echo", "Reverb and delay", "ok", text, "", figures, image)


def echo(dry, wet, rate_hz):
    """(seconds, share of the direct sound, over chance, picture) of the highest late peak."""
    if len(dry) < _LEAST_S * rate_hz:
        return 0.0, 0.0, 0.0, None
    h = response(dry[: 60 * rate_hz], wet[: 60 * rate_hz], rate_hz)
    lo, hi = int(_FROM_S * rate_hz), min(int(_TO_S * rate_hz), len(h) // 2 - 1)
    after, before = np.abs(h[lo:hi]), np.abs(h[-hi:-lo])
    k = int(np.argmax(after))
    group = max(1, (hi - 1) // 500)
    shown = np.abs(h[: hi // group * group]).reshape(-1, group).max(axis=1)
    level = 20.0 * np.log10(shown / np.max(np.abs(h)) + 1e-6)
    image = picture(
        "Response over a second",
        "ms",
        "dB",
        [("wet", np.arange(len(shown)) * group * 1e3 / rate_hz, level)],
    )
    return (
        (lo + k) / rate_hz,
        float(after[k] / np.max(np.abs(h))),
        float(after[k] / (np.max(before) + 1e-30)),
        image,
    )


def response(x, y, rate_hz):
    """The linear part's impulse response over seconds; negative times at the end."""
    n = 1 << int(np.ceil(np.log2(2.5 * rate_hz)))
    x, y = np.diff(x), np.diff(y)
    shape, auto, cross = np.hanning(n), 0.0, 0.0
    for start in range(0, max(len(x) - n, 1), n // 2):
        a, b = (np.pad(v[start : start + n], (0, max(start + n - len(v), 0))) for v in (x, y))
        a, b = np.fft.rfft(a * shape), np.fft.rfft(b * shape)
        auto, cross = auto + np.abs(a) ** 2, cross + np.conj(a) * b
    return np.fft.irfft(cross / (auto + 1e-3 * np.mean(auto)))


def tail(dry, wet, rate_hz):
    """(stops, dB of wet 80 ms after dry stopped, dB 40 ms later): medians, under wet before the stop.

    A stop: dry falls by 40 dB within 60 ms and stays 50 dB down for 100 ms. What the gear's gain for
    quiet playing makes of the rest of dry is no tail.
    """
    n = int(_WINDOW_S * rate_hz)
    a, b = (np.mean(v[: len(v) // n * n].reshape(-1, n) ** 2, axis=1) for v in (dry, wet))
    a, b = (10.0 * np.log10(v / (np.quantile(v, 0.95) + 1e-30) + 1e-10) for v in (a, b))
    playing = a > -45.0
    gain = np.quantile((b - a)[playing], 0.98) + _MARGIN_DB if np.any(playing) else 100.0
    near, far = [], []
    for t in range(5, len(a) - 7):
        if a[t - 1] < -25.0 or np.max(a[t + 2 : t + 7]) > -50.0 or a[t - 1] - a[t + 2] < 40.0:
            continue
        before = np.max(b[t - 5 : t])
        own = np.all(b[t + 4 : t + 7] > a[t + 4 : t + 7] + gain)
        near.append(b[t + 4] - before if own else -100.0)
        far.append(b[t + 6] - before if own else -100.0)
    if not near:
        return 0, -100.0, -100.0
    return len(near), float(np.median(near)), float(np.median(far))
