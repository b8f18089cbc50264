"""What is in wet that dry did not cause: mains hum and noise, in the parts where nobody plays."""

import numpy as np

from .finding import Finding, dbfs, picture

_WINDOW_S = 0.04  # of the levels
_QUIETEST = 0.05  # share of the windows that counts as quiet
_NOTABLE = 3e-3  # ESR that noise alone costs: warned above
_HUM_SHARE = 5e-4  # of wet's energy: warned above
_ABOVE_DB = 12.0  # of a mains line over its surroundings


def levels(x, rate_hz, window_s=_WINDOW_S):
    """Mean squares of windows of 40 ms, [windows]."""
    n = max(int(window_s * rate_hz), 1)
    return np.mean(x[: len(x) // n * n].reshape(-1, n) ** 2, axis=1)


def floor(dry, wet, rate_hz):
    """Noise of both sides and the ESR that no model can get under because of wet's."""
    a, b = levels(dry, rate_hz), levels(wet, rate_hz)
    quiet = a <= max(np.quantile(a, _QUIETEST), 1e-12)
    silent = quiet & (
        a < 1e-6 * np.mean(a) + 1e-12
    )  # dry 60 dB under its mean: nothing to hear there
    loud = float(np.mean(b))
    figures = {"dry_floor_dbfs": round(dbfs(np.sqrt(np.median(a[quiet]))), 1)}
    image = _picture(a, b)
    if np.count_nonzero(silent) * _WINDOW_S < 0.2:
        held = float(np.quantile(b, 0.02))
        figures |= {
            "wet_floor_dbfs": round(dbfs(np.sqrt(held)), 1),
            "esr_floor_at_most": float(f"{held / loud:.3g}"),
        }
        text = (
            f"Dry never rests, so wet's noise is only known to be under {dbfs(np.sqrt(held)):.0f} dBFS"
            f" (an ESR of {held / loud:.2%})."
        )
        advice = "Leave a second without playing in the next recording."
        return Finding("noise", "Noise floor", "ok", text, advice, figures, image)
    noise = float(np.quantile(b[silent], 0.25))
    share = noise / loud
    figures |= {
        "wet_floor_dbfs": round(dbfs(np.sqrt(noise)), 1),
        "esr_floor": float(f"{share:.3g}"),
    }
    text = f"Wet's noise is {dbfs(np.sqrt(noise)):.0f} dBFS: no model gets under an ESR of {share:.2%}."
    if share > _NOTABLE:
        advice = "Shorter cables, another power supply and louder playing help; a gate hides noise and harms more."
        return Finding("noise", "Noise floor", "warned", text, advice, figures, image)
    return Finding("noise", "Noise floor", "ok", text, "", figures, image)


def _picture(a, b):
    at = np.arange(len(a)) * _WINDOW_S
    lines = [
        (name, at, 10 * np.log10(np.maximum(e, 1e-12))) for name, e in (("dry", a), ("wet", b))
    ]
    return picture("Level along the take", "s", "dBFS", lines)


def hum(dry, wet, rate_hz):
    """Mains hum: lines at multiples of 50 or 60 Hz that stand in wet when the playing does not."""
    found = {name: _mains(x, rate_hz) for name, x in (("dry", dry), ("wet", wet))}
    figures = {}
    for name, (mains, level, _) in found.items():
        if mains:
            figures |= {f"{name}_mains_hz": mains, f"{name}_hum_dbfs": round(level, 1)}
    mains, level, lines = found["wet"]
    loud = dbfs(np.std(wet))
    own = mains and (found["dry"][0] != mains or found["dry"][1] < level - 40.0)
    image = picture("Wet where it is quiet", "Hz", "dBFS", [("wet", *lines)]) if lines else None
    share = 10.0 ** ((level - loud) / 10.0)
    if own and share > _HUM_SHARE:
        text = f"Wet hums at {mains} Hz and its multiples, {level:.0f} dBFS: an ESR of {share:.2%} that no model can learn."
        advice = "Another socket, a balanced cable, away from transformers; or --force, and the model comes out without it."
        figures["hum_esr"] = float(f"{share:.3g}")
        return Finding("hum", "Mains hum", "warned", text, advice, figures, image)
    if own:
        text = f"A trace of {mains} Hz hum in wet, {level:.0f} dBFS: an ESR of {share:.3%}."
        return Finding("hum", "Mains hum", "ok", text, "", figures, image)
    if mains:
        text = f"Hum of {mains} Hz comes in with dry and goes through the gear: the model learns what the gear does to it."
        return Finding("hum", "Mains hum", "ok", text, "", figures, image)
    return Finding("hum", "Mains hum", "ok", "No mains hum.", "", figures, image)


def _mains(x, rate_hz, window_s=1.0):
    """(50, 60 or None, level in dBFS, (Hz, dB) of the quiet spectrum): hum never stops, notes do, so
    each line is judged by its quietest fifth of all windows."""
    from scipy.signal import decimate

    factor = max(1, int(rate_hz) // 3000)
    low = decimate(x, factor, ftype="fir") if factor > 1 else x
    rate = rate_hz / factor
    n = int(window_s * rate)
    if len(low) < 4 * n:
        return None, -200.0, ()
    windows = np.lib.stride_tricks.sliding_window_view(low, n)[:: n // 4]
    power = np.abs(np.fft.rfft(windows * np.hanning(n), axis=1) / (n / 4.0)) ** 2 / 2.0
    held = np.quantile(power, 0.2, axis=0)
    f = np.arange(len(held)) * rate / n
    best = (None, -200.0)
    for mains in (50, 60):
        total, clear, first = 0.0, 0, 0.0
        for k in range(1, 9):
            line, around = _line(held, f, mains * k)
            above = 10.0 * np.log10(line / around)
            if above > _ABOVE_DB:
                clear, total = clear + 1, total + line
                first = max(first, above if k <= 2 else 0.0)
        level = 10.0 * np.log10(total + 1e-20)
        if clear >= 3 and first > _ABOVE_DB and level > best[1]:
            best = (mains, level)
    shown = f < 600.0
    return *best, (f[shown], 10.0 * np.log10(held[shown] + 1e-14))


def _line(held, f, at_hz):
    """(power of the line, typical power 4 to 9 Hz away)."""
    line = float(np.max(held[np.abs(f - at_hz) <= 1.0], initial=1e-20))
    away = held[(np.abs(f - at_hz) >= 4.0) & (np.abs(f - at_hz) <= 9.0)]
    return line, float(np.median(away)) + 1e-20
