"""The report's sections that are measured on signals: spectrum, error over time, harmonics."""

from itertools import groupby

import numpy as np

from . import analyse
from .chart import Chart, Line
from .figures import decibels, joined, percent
from .section import Section

OFF_DB = 1.5  # a band that is off by more is named
_LOUD_ALIAS_DBC, _NOTES_HZ = (
    -40.0,
    2000.0,
)  # aliasing of a guitar's notes above this is named in the verdict


def hertz(hz):
    return f"{hz / 1000:.3g} kHz" if hz >= 1000 else f"{hz:.0f} Hz"


_REGIONS = (("lows", 0, 200), ("mids", 200, 4000), ("highs", 4000, 1e9))


def _region(low, high):
    """The words for low…high Hz: a region counts where the stretch reaches into it."""
    names = [name for name, start, end in _REGIONS if low < end and high >= start]
    return "whole" if len(names) == len(_REGIONS) else joined(names)


def stretches(bands, picked):
    """[(first, last)] indices of neighbouring bands where `picked` [n] holds."""
    found = []
    for wanted, run in groupby(range(len(picked)), key=lambda k: bool(picked[k])):
        run = list(run)
        if wanted:
            found.append((run[0], run[-1]))
    return found


def _span(bands, first, last):
    low, high = bands.centre_hz[first], bands.centre_hz[last]
    return f"at {hertz(low)}" if first == last else f"from {hertz(low)} to {hertz(high)}"


def band_faults(bands):
    """[(dB, "lows from 25 Hz to 63 Hz")]: neighbouring bands off by more than OFF_DB the same way."""
    off = bands.off_db
    found = []
    for sign in (-1, 1):
        for first, last in stretches(bands, sign * np.nan_to_num(off) > OFF_DB):
            part = off[first : last + 1]
            worst = float(part[np.argmax(np.abs(part))])
            region = _region(bands.centre_hz[first], bands.centre_hz[last])
            found.append((worst, f"{region} {_span(bands, first, last)}"))
    return sorted(found, key=lambda fault: -abs(fault[0]))


def _amount(db):
    return f"{abs(db):.1f} dB {'weak' if db < 0 else 'strong'}"


def spectrum(target, output, rate_hz):
    """(Section, faults for the verdict): third octaves of target, model and error."""
    bands = analyse.third_octaves(target, output, rate_hz)
    if not bands.heard.any():
        return None, []
    faults = band_faults(bands)
    sentences = [f"The {where} are up to {_amount(db)}." for db, where in faults]
    if not faults:
        worst = np.nanmax(np.abs(bands.off_db))
        sentences.append(
            f"No third octave is off by more than {OFF_DB} dB; the worst by {worst:.1f} dB."
        )
    lost = bands.heard & (bands.error_db > bands.target_db - 3)
    for first, last in stretches(bands, lost):
        sentences.append(
            f"The error is about as strong as the sound itself {_span(bands, first, last)}: that is not learnt."
        )
    section = Section(
        "spectrum", "Lows and highs", sentences=sentences, charts=_spectrum_charts(bands)
    )
    section.note = "ESR follows the strongest bands and hides the weak ones; third octaves do not. Bands 60 dB under the strongest are left out."
    return section, [f"its {where} are {_amount(db)}" for db, where in faults[:2]]


def _spectrum_charts(bands):
    hz, off = bands.centre_hz, bands.off_db
    limit = max(3.0, float(np.nanmax(np.abs(off))) * 1.1)
    bars = [Line(f"within {OFF_DB} dB", hz, np.where(np.abs(off) <= OFF_DB, off, np.nan), "good", "bars"),
            Line(f"off by more than {OFF_DB} dB", hz, np.where(np.abs(off) > OFF_DB, off, np.nan), "error", "bars")]  # fmt: skip
    edges = (hz[0] * 0.89, hz[-1] * 1.12)
    worst = int(np.nanargmax(np.abs(off)))
    said = f"The most it differs is {decibels(float(off[worst]))} at {hertz(hz[worst])}."
    levels = [Line("target", hz, bands.target_db, "target"), Line("model", hz, bands.output_db, "model"),
              Line("error", hz, bands.error_db, "error")]  # fmt: skip
    top = float(max(bands.target_db.max(), bands.output_db.max())) + 5
    least = min(float(each[bands.heard].min()) for each in (bands.output_db, bands.error_db))
    low = max(top - 85, least - 5)
    return [
        Chart("Model against target, by third octave", said, "Hz", "dB", bars, zone=(-OFF_DB, OFF_DB),
              x_log=True, x_range=edges, y_range=(-limit, limit)),
        Chart("Levels, by third octave", f"The target's strongest band is {hertz(hz[int(np.argmax(bands.target_db))])}.",
              "Hz", "dB", levels, x_log=True, x_range=edges, y_range=(low, top)),
    ]  # fmt: skip


def over_time(target, output, rate_hz):
    """ESR of each 100 ms, and 25 ms about the loudest moment."""
    seconds, ratio, level = analyse.error_over_time(target, output, rate_hz)
    charts, sentences = [], []
    if np.isfinite(ratio).sum() > 1 and np.nanmax(ratio) > 0:
        percents = 100 * np.maximum(ratio, 1e-9)
        whole = float(
            np.sum(np.square(np.asarray(target, np.float64) - output))
            / np.sum(np.square(target, dtype=np.float64))
        )
        worst = int(np.nanargmax(ratio))
        sentences = [f"Over the {len(target) / rate_hz:.1f} s looked at here, ESR is {percent(whole)}; half of the time it is below {percent(float(np.nanmedian(ratio)))}.",
                     f"It is worst at {seconds[worst]:.1f} s, where it is {percent(float(ratio[worst]))} and the target's level {decibels(float(level[worst]))}."]  # fmt: skip
        charts = [
            Chart("ESR of each tenth of a second", sentences[1], "seconds", "ESR, %", [Line("ESR", seconds, percents, "error")],
                  marks=[{"y": max(100 * whole, 1e-9), "label": "whole"}], y_log=True),
            Chart("Level of the target", f"Its loudest is {decibels(float(level.max()))}.", "seconds", "dBFS",
                  [Line("target", seconds, np.maximum(level, -100), "target")]),
        ]  # fmt: skip
    charts.append(_near(target, output, rate_hz))
    return Section("time", "Error over time", sentences=sentences, charts=charts,
                   note="Silence, 60 dB under the loudest, is left out.")  # fmt: skip


def _near(target, output, rate_hz):
    length = min(len(target), max(2, int(0.025 * rate_hz)))
    at = analyse.loudest(target, length)
    part, ms = slice(at, at + length), 1000 * np.arange(length) / rate_hz
    lines = [Line("target", ms, target[part], "target"), Line("model", ms, output[part], "model"),
             Line("difference", ms, (target - output)[part], "error")]  # fmt: skip
    peak = float(np.abs(target[part] - output[part]).max())
    said = f"The difference is at most {peak:.2g} where the target's peak is {np.abs(target[part]).max():.2g}."
    return Chart(
        f"The loudest 25 milliseconds, from {at / rate_hz:.2f} s",
        said,
        "milliseconds",
        "full scale = 1",
        lines,
        across=True,
    )


def harmonics(play, rate_hz, played_db=0.0):
    """(Section, faults for the verdict): what the model makes of sines, folded energy named.

    played_db: the loudest peak that went in when the model was made, dBFS; above it a model guesses.
    """
    found = analyse.tones(play, rate_hz)
    if not found:
        return None, []
    levels = list(analyse.LEVELS_DB)
    count = max(1, sum(level <= played_db + 2.5 for level in levels))  # within half a step
    worst, k, alias = _worst(found, count)
    told = _true_minus(f"{hertz(worst.hz)} at {levels[k]} dBFS")
    upto = _true_minus(
        f"Up to {levels[count - 1]} dBFS, about the loudest that was played, "
        if count < len(levels)
        else ""
    )
    if alias > -100:
        text = f"{upto}aliasing is strongest for {told}: energy that belongs to no harmonic is {alias:.0f} dBc, decibels against the fundamental."
    else:
        text = f"{upto}no aliasing above -100 dBc was found."
    text = _true_minus(text[0].upper() + text[1:])
    section = Section("harmonics", "Harmonics and aliasing", sentences=[text])
    section.note = "Sines at rising level, played by the packed model. Harmonics belong to the gear's sound. Above half the sample rate they fold back to pitches that no guitar played: aliasing."
    section.head = (
        "sine",
        "harmonics at −20 dBFS",
        "at 0 dBFS",
        "aliasing, worst",
        "noise at 0 dBFS",
    )
    section.table = [_row(tone, levels) for tone in found]
    marks = [{"x": played_db, "label": "loudest played"}] if count < len(levels) else []
    section.charts = [
        _alias_chart(found, text, alias, marks),
        *(_tone_chart(tone, marks) for tone in found),
    ]
    notes = [tone for tone in found if tone.hz < _NOTES_HZ]
    worst, k, alias = _worst(notes or found, count)
    fault = _true_minus(
        f"aliasing reaches {alias:.0f} dBc ({hertz(worst.hz)} at {levels[k]} dBFS)"
    )
    return section, [fault] if alias > _LOUD_ALIAS_DBC else []


def _worst(tones, count):
    """(Tone, index of the level, dBc) with the most aliasing within the first `count` levels."""
    tone = max(tones, key=lambda tone: float(tone.aliased_dbc[:count].max()))
    k = int(np.argmax(tone.aliased_dbc[:count]))
    return tone, k, float(tone.aliased_dbc[k])


def _true_minus(text):
    return text.replace(" -", " −")


def _row(tone, levels):
    k = int(np.argmax(tone.aliased_dbc))
    return (hertz(tone.hz), percent(float(tone.distortion[levels.index(-20)])), percent(float(tone.distortion[-1])),
            _dbc(tone.aliased_dbc[k], levels[k]), f"{float(tone.noise_dbc[-1]):.0f} dBc".replace("-", "−"))  # fmt: skip


def _dbc(value, level):
    return f"{float(value):.0f} dBc at {level} dBFS".replace("-", "−") if value > -140 else "none"


def _alias_chart(found, said, alias, marks):
    styles = ("target", "good", "model", "error")
    floor = max(-140.0, min(float(t.aliased_dbc.min()) for t in found) - 5)
    lines = [
        Line(hertz(t.hz), analyse.LEVELS_DB, np.maximum(t.aliased_dbc, floor), style)
        for t, style in zip(found, styles)
    ]
    top = max(-20.0, max(float(t.aliased_dbc.max()) for t in found) + 5)
    return Chart(
        "Aliased energy",
        said,
        "level of the sine, dBFS",
        "dB against the fundamental",
        lines,
        marks,
        y_range=(floor, top),
        across=True,
    )


def _tone_chart(tone, marks):
    """Levels of the first seven harmonics, and of what is aliased, as the sine gets louder."""
    levels = analyse.LEVELS_DB
    top = float(tone.harmonics_db.max()) + 5
    shown = tone.harmonics_db[:, :7]
    lines = [
        Line(
            {0: "sine", 1: "2nd", 2: "3rd"}.get(k, f"{k + 1}th"), levels, shown[:, k], f"h{k + 1}"
        )
        for k in range(shown.shape[1])
    ]
    folded = tone.aliased_dbc + tone.harmonics_db[:, 0]
    lines.append(Line("aliased", levels, np.maximum(folded, -150), "alias"))
    strong = 1 + int(np.argmax(shown[-1, 1:])) if shown.shape[1] > 1 else 0
    said = (
        f"At 0 dBFS the strongest harmonic is number {strong + 1}, {shown[-1, strong] - shown[-1, 0]:.0f} dB against the fundamental."
        if strong
        else "No harmonic lies below half the sample rate."
    )
    return Chart(
        f"Sine of {hertz(tone.hz)}",
        _true_minus(said),
        "level of the sine, dBFS",
        "dBFS",
        lines,
        marks,
        y_range=(top - 105, top),
    )
