"""The pictures of docs/effects.md: each effect's own kernel is played and what came out is drawn."""

from array import array
from pathlib import Path

import numpy as np
from effects_plot import (
    COLOURS,
    FAINT,
    INK,
    RATE_HZ,
    Plot,
    db,
    levels,
    moments,
    play,
    response,
    responses,
    seconds,
    sine,
    waves,
)

# ---- an effect each ----


def gain(made):
    effect, x = made["Gain"](), np.ones(4800)
    y = play(effect, x, {1200: lambda: setattr(effect, "db", -12)})
    plot = Plot()
    plot.line(1000 * seconds(len(y)), y)
    plot.say("ms; from 0 to -12 dB at 25 ms", "gain", low=0, high=1.1)
    return plot


def boost(made):
    return responses(
        [(f"treble {t:+g} dB", made["Boost"](treble_db=t)) for t in (-6, 0, 6, 12)],
        low=-6,
        high=24,
    )


def gate(made):
    t = seconds(RATE_HZ)
    x = sine(440, 1.0, 1.0) * 10 ** (
        np.interp(t, [0, 0.2, 0.2, 0.8, 1.0], [-70, -70, -15, -75, -75]) / 20
    )
    plot = Plot()
    plot.line(*levels(x), "in", colour=FAINT)
    plot.line(*levels(play(made["Gate"](), x)), "out", colour=COLOURS[0])
    plot.line([0, 1], [-55, -55], "threshold_db", colour=COLOURS[1], ls=":")
    plot.say("s", "dBFS", low=-110, high=0)
    return plot


def compressor(made):
    plot, into = Plot(), np.arange(-60, 1, 2.0)
    plot.line(into, into, "in", colour=FAINT)
    for number, ratio in enumerate((2, 4, 12)):
        out = []
        for level in into:
            y = play(
                made["Compressor"](ratio=ratio, makeup_db=0), sine(480, 0.6, 10 ** (level / 20))
            )
            out.append(db(np.abs(y[-4800:]).max()))
        plot.line(into, out, f"ratio {ratio}", colour=COLOURS[number])
    plot.say("dBFS in (steady sine)", "dBFS out", low=-60, high=0)
    return plot


def limiter(made):
    t = seconds(RATE_HZ // 5)
    x = sine(200, 0.2, 1.0) * np.where((t > 0.03) & (t < 0.08), 2.0, 0.3)
    y = play(made["Limiter"](ceiling_db=-3), x)
    plot = Plot()
    plot.line(1000 * t, x, "in", colour=FAINT)
    plot.line(1000 * t, y, "out, ceiling_db=-3", colour=COLOURS[0])
    plot.say("ms", "of full scale", left=20, right=180)
    return plot


def overdrive(made):
    return waves([(f"drive_db {d}", made["Overdrive"](drive_db=d, tone=0.7)) for d in (0, 20, 40)])


def distortion(made):
    modes = ("soft", "hard", "asymmetric", "fold")
    return waves([(m, made["Distortion"](mode=m, drive=0.5, tone_hz=20000)) for m in modes])


def fuzz(made):
    sets = (("as it is", {}), ("bias 0.6", {"bias": 0.6}), ("octave 1", {"octave": 1.0}))
    return waves([(label, made["Fuzz"](tone_hz=16000, **more)) for label, more in sets], level=0.1)


def neural(made):
    path = str(Path(__file__).parent.parent / "models" / "boss_ds1" / "boss_ds1.upm")
    plot = waves([("boss_ds1.upm", made["Neural"](path))], level=0.2)
    return plot


def cabir(made):
    path = str(Path(__file__).parent.parent / "device" / "examples" / "cab.wav")
    return responses(
        [(f"{n} taps", made["CabIR"](path, taps=n)) for n in (128, 512, 1024)], low=-60, high=6
    )


def tone(made):
    sets = ("bass_db", "mid_db", "treble_db")
    return responses(
        [(f"{s} {v:+}", made["Tone"](**{s: v})) for s in sets for v in (-12, 12)], low=-16, high=16
    )


def eq(made):
    sets = (
        ("cuts", {"low_cut_hz": 100, "high_cut_hz": 6000}),
        ("shelves", {"low_db": 6, "high_db": 9}),
        ("peaks", {"mid1_db": -9, "mid2_db": 6, "mid2_q": 3}),
    )
    return responses([(label, made["EQ"](**more)) for label, more in sets], low=-20, high=15)


def filter_(made):
    modes = ("lowpass", "highpass", "bandpass", "notch")
    return responses([(m, made["Filter"](mode=m, q=2.0)) for m in modes], low=-40, high=10)


def wah(made):
    return responses(
        [(f"position {p:g}", made["Wah"](position=p)) for p in (0, 0.5, 1)], low=-30, high=15
    )


def tremolo(made):
    plot = Plot()
    for shape in (0.0, 0.5, 1.0):
        y = play(made["Tremolo"](shape=shape), np.ones(RATE_HZ // 2))
        plot.line(seconds(len(y))[::24], y[::24], f"shape {shape:g}")
    plot.say("s", "gain", low=0, high=1.05)
    return plot


def vibrato(made):
    plot = Plot()
    for depth in (0.5, 1.5):
        y = play(made["Vibrato"](depth_ms=depth), sine(1000, 1.2))
        spectrum = np.fft.fft(y)
        spectrum[len(y) // 2 :] = 0
        turn = np.diff(np.unwrap(np.angle(np.fft.ifft(spectrum)))) * RATE_HZ / 2 / np.pi
        smooth = np.convolve(turn, np.ones(96) / 96, "same")[14400:-9600]
        plot.line(
            seconds(len(smooth))[::48], 1200 * np.log2(smooth[::48] / 1000), f"depth_ms {depth}"
        )
    plot.say("s", "cents off")
    return plot


def chorus(made):
    """Delays of the voices, where impulses come out."""
    plot = Plot()
    for voices in (1, 2, 4):
        t, delays = [], []
        x = np.zeros(2 * RATE_HZ)
        x[:: RATE_HZ // 20] = 1.0
        y = play(made["Chorus"](voices=voices, mix=1.0), x)
        for start in range(0, len(y) - 2400, 2400):
            part = np.abs(y[start : start + 1200])
            for at in np.flatnonzero(
                (part > 0.4 * part.max()) & (part >= np.roll(part, 1)) & (part > np.roll(part, -1))
            ):
                t.append(start / RATE_HZ)
                delays.append(1000 * at / RATE_HZ)
        plot.line(
            t,
            delays,
            f"voices={voices}",
            ls="",
            marker="o",
            ms=(5, 3.2, 1.6)[(1, 2, 4).index(voices)],
        )
    plot.say("s", "delay of each voice, ms", low=8, high=17)
    return plot


def flanger(made):
    plot = Plot()
    for at in (0.5, 1.0, 2.0):
        hz, line = response(made["Flanger"](), after_s=at, length_s=0.25, even=True)
        plot.line(hz[hz < 4000], line[hz < 4000], f"{at:g} s")
    plot.say("Hz", "dB", low=-30, high=12)
    return plot


def phaser(made):
    return moments(made["Phaser"], (0.2, 0.6, 1.8), low=-30, high=10)


def delay(made):
    plot, x = Plot(), np.zeros(2 * RATE_HZ)
    x[:960] = sine(1000, 0.02, 0.5)
    for decay in (0.8, 0.4):
        plot.line(*levels(play(made["Delay"](decay=decay, mix=0.5), x)), f"decay {decay}")
    plot.say("s", "dBFS; 20 ms of 1 kHz went in", low=-70, high=0)
    return plot


def reverb(made):
    plot, x = Plot(), np.zeros(3 * RATE_HZ)
    x[0] = 1.0
    for kind in ("hall", "plate", "spring"):
        y = play(made["Reverb"](kind=kind, mix=1.0), x)
        energy = np.cumsum(y[::-1] ** 2)[::-1]
        plot.line(seconds(len(y))[::480], 10 * np.log10(energy / energy[0] + 1e-12)[::480], kind)
    plot.say("s; decay_s=2, an impulse went in", "dB of its energy to come", low=-70, high=2)
    return plot


def looper(made):
    effect = made["Looper"](max_s=4.0)
    t = seconds(8 * RATE_HZ)
    x = sine(330, 8.0, 0.3) * ((t % 1 < 0.25) & (t < 1)) + sine(660, 8.0, 0.15) * (
        (t > 3.5) & (t < 3.75)
    )
    y = play(
        effect, x,
        {1: effect.tap, RATE_HZ: effect.tap, 3 * RATE_HZ: effect.tap, 4 * RATE_HZ: effect.tap, 6 * RATE_HZ: effect.undo},
    )  # fmt: skip
    plot = Plot()
    plot.line(t[::160], y[::160], "out", colour=COLOURS[0], lw=0.5)
    plot.line(t[::160], x[::160] - 0.8, "in, drawn below", colour=COLOURS[1], lw=0.5)
    for at, label in (
        (0, "record"),
        (1, "play"),
        (3, "overdub"),
        (4, "play"),
        (6, "undo"),
    ):
        plot.axes[0].axvline(at, color=FAINT, lw=0.8)
        plot.axes[0].text(at + 0.05, 0.72, label, fontsize=8, color=INK)
    plot.say("s", "of full scale", low=-1.2, high=0.85)
    return plot


def _spectra(entries, x, top_hz):
    plot = Plot()
    n = 24000
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    keep = hz < top_hz
    for label, effect in [("in", None), *entries]:
        y = play(effect, x) if effect else x
        line = db(np.fft.rfft(y[-n:] * np.blackman(n)) / n * 2 / 0.42)
        plot.line(hz[keep], line[keep], label, colour=None if effect else FAINT)
    plot.say("Hz", "dBFS", low=-90, high=0)
    return plot


def octave(made):
    down, up = made["Octave"](dry=0.0, down=1.0), made["Octave"](dry=0.0, down=0.0, up=1.0)
    return _spectra([("down=1 alone", down), ("up=1 alone", up)], sine(220, 2.0, 0.5), 1000)


def pitchshift(made):
    x = sine(220, 2.0, 0.3) + sine(277, 2.0, 0.3)
    entries = [(f"semitones={n:+}", made["PitchShift"](semitones=n, mix=1.0)) for n in (7, -12)]
    return _spectra(entries, x, 700)


def tuner(made):
    """How far off the tuner is, on plucked strings of known pitch."""
    notes, errors = [], []
    for midi in range(40, 77, 2):
        effect, hz = made["Tuner"](), 440 * 2 ** ((midi - 69) / 12)
        t = seconds(RATE_HZ)
        x = sum(np.sin(2 * np.pi * k * hz * t) * np.exp(-t * k) / k for k in range(1, 9)) * 0.2
        play(effect, x)
        notes.append(midi)
        errors.append(1200 * np.log2(max(effect.frequency_hz, 1e-3) / hz))
    plot = Plot()
    plot.line(notes, errors, marker="o", ms=3)
    plot.axes[0].set_xticks(
        [40, 45, 50, 55, 59, 64, 69, 76], ["E2", "A2", "D3", "G3", "B3", "E4", "A4", "E5"]
    )
    plot.say("note; eight harmonics that die away", "cents off", low=-2, high=2)
    return plot


def meter(made):
    from upedal.synth import dry_guitar

    effect, x = made["Meter"](), dry_guitar(6.0).astype(float)
    found = []
    steps = {
        at: lambda: found.append((effect.peak_db, effect.rms_db)) for at in range(960, len(x), 960)
    }
    play(effect, x, steps)
    t = np.arange(1, len(found) + 1) * 0.02
    plot = Plot()
    plot.line(*levels(x, 960), "a guitar's peaks", colour=FAINT)
    plot.line(t, [f[0] for f in found], "peak_db", colour=COLOURS[0])
    plot.line(t, [f[1] for f in found], "rms_db", colour=COLOURS[1])
    plot.say("s", "dB", low=-60, high=0)
    return plot


def lfo(made):
    from pedal import Gain

    plot = Plot()
    for number, shape in enumerate(("sine", "triangle", "square", "rising", "falling", "random")):
        effect, mover = Gain(), made["LFO"](speed_hz=1.0, shape=shape)
        effect.attach(RATE_HZ)
        mover.attach(RATE_HZ)
        mover.aim(effect, "db", low=0, high=1)
        buf, out = array("f", bytes(256)), []
        for _ in range(4 * RATE_HZ // 64):
            for function, a, b in mover.natives(buf):
                function(a, b)
            out.append(effect.db)
        t = np.arange(len(out)) * 64 / RATE_HZ
        plot.line(t[::6], np.array(out)[::6] + 1.3 * (5 - number), colour=COLOURS[number])
        plot.axes[0].text(4.05, 1.3 * (5 - number) + 0.4, shape, fontsize=8, color=COLOURS[number])
    plot.axes[0].set_yticks([])
    plot.say("s, speed_hz=1", "low to high", left=0, right=4.6)
    return plot


def envelope(made):
    from pedal import Gain

    effect, mover = Gain(), made["Envelope"]()
    effect.attach(RATE_HZ)
    mover.attach(RATE_HZ)
    mover.aim(effect, "db", low=0, high=1)
    t = seconds(RATE_HZ)
    x = np.where((t > 0.1) & (t < 0.4), sine(220, 1.0, 0.5), sine(220, 1.0, 0.003))
    out = []
    for start in range(0, len(x) - 63, 64):
        buf = array("f", x[start : start + 64].astype(np.float32).tobytes())
        for function, a, b in mover.natives(buf):
            function(a, b)
        out.append(effect.db)
    plot = Plot()
    plot.line(t[::64], x[::64], "input", colour=FAINT, lw=0.5)
    plot.line(np.arange(len(out)) * 64 / RATE_HZ, out, "position", colour=COLOURS[0])
    plot.say("s", "low (0) to high (1)")
    return plot


def split(made):
    from pedal import Filter

    sets = (
        ("a=1, b=0", 1.0, 0.0),
        ("a=0, b=1", 0.0, 1.0),
        ("a=0.5, b=0.5", 0.5, 0.5),
    )
    branches = [
        Filter(mode="lowpass", frequency_hz=300),
        Filter(mode="highpass", frequency_hz=2000),
    ]
    entries = []
    for label, a, b in sets:
        made_one = made["Split"](*branches, a=a, b=b)
        for branch in branches:
            branch.attach(RATE_HZ)
        hz, line = response(made_one)
        entries.append((label, hz, line))
    plot = Plot()
    for label, hz, line in entries:
        plot.line(hz, line, label)
    plot.say("Hz; a low-pass beside a high-pass", "dB", log=True, low=-40, high=6)
    return plot


def blend(made):
    from pedal import Filter

    plot = Plot()
    for mix in (0.0, 0.5, 1.0):
        wet = Filter(mode="lowpass", frequency_hz=500)
        wet.attach(RATE_HZ)
        plot.line(*response(made["Blend"](wet, mix=mix)), f"mix {mix:g}")
    plot.say("Hz; a low-pass as the wet part", "dB", log=True, low=-40, high=6)
    return plot


PICTURES = {
    "Gain": gain, "Boost": boost, "Gate": gate, "Compressor": compressor, "Limiter": limiter, "Overdrive": overdrive,
    "Distortion": distortion, "Fuzz": fuzz, "Neural": neural, "CabIR": cabir, "Tone": tone, "EQ": eq,
    "Filter": filter_, "Wah": wah, "Tremolo": tremolo, "Vibrato": vibrato, "Chorus": chorus, "Flanger": flanger,
    "Phaser": phaser, "Delay": delay, "Reverb": reverb, "Looper": looper, "Octave": octave, "PitchShift": pitchshift,
    "Tuner": tuner, "Meter": meter, "Split": split, "Blend": blend, "LFO": lfo, "Envelope": envelope,
}  # fmt: skip


def draw(folder, made):
    """folder/NAME.svg of every class that has a picture. made: {name: class}"""
    for name, picture in PICTURES.items():
        picture(made).save(Path(folder) / f"{name.lower()}.svg")
        print(f"{name.lower()}.svg")
