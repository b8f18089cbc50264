"""The data the product carries: a plucked-string guitar and a white-box overdrive, in numpy.

`dry_guitar` is a score played on six Karplus-Strong strings. `overdrive` is an op-amp gain stage
into an RC low-pass shunted by two antiparallel diodes, solved sample by sample at eight times
the rate, and a tone control. Both are deterministic: same arguments, same samples.
"""

import math

import numpy as np

from .errors import UpedalError

# --- the guitar -------------------------------------------------------------------------------

OPEN_STRINGS = (40, 45, 50, 55, 59, 64)  # MIDI notes E2 A2 D3 G3 B3 E4
_CHORDS = (  # fret of each string, None: not played
    (0, 2, 2, 0, 0, 0),  # E minor
    (3, 2, 0, 0, 0, 3),  # G
    (None, 3, 2, 0, 1, 0),  # C
    (None, None, 0, 2, 3, 2),  # D
    (None, 0, 2, 2, 1, 0),  # A minor
    (0, 2, 2, None, None, None),  # E5
    (3, 5, 5, None, None, None),  # G5
    (None, 3, 5, 5, None, None),  # C5
)
_SCALE = (0, 3, 5, 7, 10)  # minor pentatonic, semitones
PEAK = 0.7  # of the guitar, full scale = 1


def pluck(f0_hz, seconds, rate_hz, rng, *, decay_s=2.5, damping=0.12, pick=0.17, hardness=0.7):
    """One plucked string, float64 [n], peak 1.

    Karplus and Strong (1983) as extended by Jaffe and Smith (1983): a delay line of one period
    closed over a symmetric low-pass [d, 1 - 2d, d] (`damping`, 0 to 0.25, delays exactly one
    sample), a third-order Lagrange interpolator for the fraction of the period, and a gain that
    decays the fundamental 60 dB in `decay_s`. `pick` is where the string is struck (0 to 0.5 of
    its length), `hardness` (0 to 1) how bright the stroke is.
    """
    period = rate_hz / f0_hz
    whole = math.floor(period - 2.0)  # the low-pass delays by 1, the interpolator by 1 to 2
    interpolate = _lagrange3(period - 1.0 - whole)
    gain = 10.0 ** (-3.0 / (f0_hz * decay_s))
    loop = gain * np.convolve([damping, 1.0 - 2.0 * damping, damping], interpolate)
    n = round(seconds * rate_hz)
    reach = whole + len(loop) - 1  # the furthest sample the loop looks back
    y = np.zeros(reach + n)
    stroke = _stroke(period, pick, hardness, rng)[:n]
    y[reach : reach + len(stroke)] = stroke
    for start in range(0, n, whole):  # nothing inside `whole` samples depends on each other
        stop = min(start + whole, n)
        past = y[start : stop + len(loop) - 1]
        y[reach + start : reach + stop] += np.convolve(past, loop, "valid")
    y = y[reach:]
    return y / max(np.max(np.abs(y)), 1e-12)


def _lagrange3(delay):
    """Third-order Lagrange interpolator of `delay` samples (1 <= delay < 2), float64 [4]."""
    taps = np.ones(4)
    for k in range(4):
        for m in range(4):
            if m != k:
                taps[k] *= (delay - m) / (k - m)
    return taps


def _stroke(period, pick, hardness, rng):
    """The pick's noise burst of one period with the comb of its place on the string."""
    from scipy.signal import lfilter

    n = int(period)
    pole = 0.9 - 0.75 * hardness
    burst = lfilter([1.0 - pole], [1.0, -pole], rng.uniform(-1.0, 1.0, n))
    burst -= burst.mean()
    out = np.zeros(n + int(pick * n) + 1)
    out[:n] += burst
    out[len(out) - n :] -= burst
    return out


class Player:
    """Writes plucked notes into a track; a string that is struck again stops sounding first."""

    def __init__(self, n, rate_hz, rng):
        self.track, self.rate_hz, self.rng = np.zeros(n), rate_hz, rng

    def note(self, start_s, midi, seconds, level, muted=False):
        begin = int(start_s * self.rate_hz)
        n = min(int(seconds * self.rate_hz), len(self.track) - begin)
        if n <= 0:
            return
        rng = self.rng
        f0_hz = 440.0 * 2.0 ** ((midi - 69 + rng.normal(0.0, 0.02)) / 12.0)
        sound = pluck(
            f0_hz,
            n / self.rate_hz,
            self.rate_hz,
            rng,
            decay_s=0.35 if muted else rng.uniform(2.0, 6.0),
            damping=0.22 if muted else rng.uniform(0.03, 0.1),
            pick=rng.uniform(0.08, 0.3),
            hardness=min(1.0, 0.35 + 0.6 * level),
        )
        fade = min(int(0.008 * self.rate_hz), n)
        sound[n - fade :] *= np.linspace(1.0, 0.0, fade)
        self.track[begin : begin + n] += level * sound

    def chords(self, start_s, seconds, level):
        """Two strummed chords, down and up."""
        for half in range(2):
            at, frets = start_s + half * seconds / 2, _CHORDS[self.rng.integers(len(_CHORDS))]
            strings = [s for s in range(6) if frets[s] is not None]
            for k, s in enumerate(strings if half == 0 else reversed(strings)):
                late = k * self.rng.uniform(0.006, 0.02)
                strength = 0.6 * level * self.rng.uniform(0.7, 1.0)
                self.note(at + late, OPEN_STRINGS[s] + frets[s], seconds / 2 - late, strength)

    def line(self, start_s, seconds, level):
        """A run of single notes over the whole neck."""
        count = int(self.rng.integers(5, 10))
        root = 40 + int(self.rng.integers(0, 13))
        for k in range(count):
            midi = root + _SCALE[self.rng.integers(5)] + 12 * int(self.rng.integers(0, 3))
            step = seconds / count
            self.note(
                start_s + k * step,
                midi,
                step * self.rng.uniform(0.8, 1.0),
                level * self.rng.uniform(0.5, 1.0),
            )

    def chug(self, start_s, seconds, level):
        """Palm-muted low notes with an open power chord at the end."""
        step = seconds / 10
        low = 40 + int(self.rng.choice([0, 1, 3, 5]))
        for k in range(7):
            strength = level * (1.0 if k % 4 == 0 else 0.7)
            at = start_s + k * step
            self.note(at, low, step, strength, muted=True)
            self.note(at + 0.004, low + 7, step - 0.004, 0.7 * strength, muted=True)
        for semitones in (0, 7, 12):
            self.note(start_s + 7 * step, low + semitones, 2.8 * step, 0.6 * level)

    def sustain(self, start_s, seconds, level):
        """One or two long notes that die away."""
        midi = 45 + int(self.rng.integers(0, 24))
        self.note(start_s, midi, seconds, level)
        if self.rng.random() < 0.5:
            self.note(start_s + 0.3, midi + 7, seconds - 0.3, 0.8 * level)


def dry_guitar(seconds, rate_hz=48000, seed=0):
    """A dry electric guitar: chords, single notes, palm mutes, long notes, rests. float32 [n].

    Phrases of 1.2 to 2.6 s in shuffled rounds of all four kinds, each at its own dynamics (-16 to
    0 dB) and with a rest after it; through a pickup (second-order low-pass, 4.2 kHz, Q 1.3) and a
    40 Hz high-pass. Peak 0.7, never clipped.
    """
    if not 0.1 <= seconds <= 3600 or not 8000 <= rate_hz <= 384000:
        raise UpedalError(
            f"dry_guitar: {seconds} s at {rate_hz} Hz; expected 0.1 to 3600 s, 8000 to 384000 Hz"
        )
    rng = np.random.default_rng(seed)
    player = Player(round(seconds * rate_hz), rate_hz, rng)
    at, kinds = 0.1, []
    while at < seconds:
        if not kinds:
            kinds = [player.chords, player.line, player.chug, player.sustain]
            rng.shuffle(kinds)
        length = rng.uniform(1.2, 2.6)
        kinds.pop()(at, length, 10.0 ** (-rng.uniform(0.0, 16.0) / 20.0))
        at += length + rng.choice([0.0, 0.05, 0.25])
    out = pickup(player.track, rate_hz)
    return (out * (PEAK / np.max(np.abs(out)))).astype(np.float32)


def pickup(x, rate_hz):
    """The pickup's resonance and the amplifier's coupling capacitor (audio-EQ-cookbook biquad)."""
    from scipy.signal import butter, lfilter

    w = 2.0 * math.pi * min(4200.0, 0.4 * rate_hz) / rate_hz
    alpha, c = math.sin(w) / (2.0 * 1.3), math.cos(w)
    b = np.array([(1.0 - c) / 2.0, 1.0 - c, (1.0 - c) / 2.0])
    x = lfilter(b, [1.0 + alpha, -2.0 * c, 1.0 - alpha], x)
    return lfilter(*butter(1, 40.0, "high", fs=rate_hz), x)


# --- the overdrive ----------------------------------------------------------------------------

SERIES_OHM = 2200.0  # in series with the diodes
SHUNT_FARAD = 10e-9  # across the diodes
DIODE_IS = 2.52e-9  # A, saturation current of a 1N4148
DIODE_NVT = 1.752 * 25.85e-3  # V, emission coefficient times thermal voltage at 300 K
GROUND_OHM, GROUND_FARAD = 4700.0, 47e-9  # gain stage, feedback to ground: corner 720 Hz
FEEDBACK_OHM = (10e3, 250e3)  # drive at 0 and at 1
OVERSAMPLE = 8
_TAPS_EACH_SIDE = 16  # of the resampling filter, in frames of the outer rate
_WARM_UP = 32  # frames: 30 time constants of the clipper at 48 kHz, that is e^-30
_LANE = 1024  # frames solved in one lane
_MAX_LANES = 1024


def overdrive(dry, rate_hz, drive=0.5, tone=0.5, level=0.8):
    """The overdriven signal, float32 [n], aligned with `dry` to the sample; 1.0 stands for 1 V.

    drive, tone and level go from 0 to 1. Stages: the non-inverting gain stage
    H(s) = 1 + s Rf Cg / (1 + s Rg Cg); the diode clipper of Yeh, Abel and Smith ("Simplified,
    physically-informed models of distortion and overdrive guitar effects pedals", DAFx-07);
    a first-order low-pass from 700 Hz to 8 kHz; level. Filters by the bilinear transform.
    """
    for name, value in (("drive", drive), ("tone", tone), ("level", level)):
        if not 0.0 <= value <= 1.0:
            raise UpedalError(f"overdrive: {name} is {value}; expected 0 to 1")
    x = np.asarray(dry, np.float64)
    if x.ndim != 1 or not np.all(np.isfinite(x)):
        raise UpedalError(f"overdrive: input of shape {x.shape}; expected finite mono [n]")
    volts = clip(gain_stage(x, rate_hz, drive), rate_hz)
    return (level * tone_stage(volts, rate_hz, tone)).astype(np.float32)


def gain_stage(x, rate_hz, drive):
    """H(s) = 1 + s Rf Cg / (1 + s Rg Cg), Rf logarithmic over `drive`; float64 [n]."""
    from scipy.signal import bilinear, lfilter

    low, high = FEEDBACK_OHM
    feedback = low * (high / low) ** drive
    tau = GROUND_OHM * GROUND_FARAD
    b, a = bilinear([feedback * GROUND_FARAD + tau, 1.0], [tau, 1.0], rate_hz)
    return lfilter(b, a, x)


def tone_stage(x, rate_hz, tone):
    """A first-order low-pass, 700 Hz (tone 0) to 8 kHz (tone 1); float64 [n]."""
    from scipy.signal import butter, lfilter

    corner = min(700.0 * (8000.0 / 700.0) ** tone, 0.45 * rate_hz)
    return lfilter(*butter(1, corner, fs=rate_hz), x)


def clip(volts, rate_hz):
    """The diode clipper at OVERSAMPLE times the rate: V over the diodes, float64 [n].

    The circuit forgets within microseconds, so the signal is cut into lanes that overlap by more
    than its memory and the filters' length, and all lanes step together.
    """
    left, right = 2 * _TAPS_EACH_SIDE + _WARM_UP, 2 * _TAPS_EACH_SIDE
    n = len(volts)
    lanes = -(-n // _LANE)
    padded = np.zeros(left + lanes * _LANE + right)
    padded[left : left + n] = volts
    window = np.lib.stride_tricks.sliding_window_view(padded, left + _LANE + right)[::_LANE]
    out = np.empty((lanes, _LANE))
    for k in range(0, lanes, _MAX_LANES):
        part = _clip_lanes(window[k : k + _MAX_LANES].T, rate_hz)
        out[k : k + _MAX_LANES] = part[left : left + _LANE].T
    return out.reshape(-1)[:n]


def _clip_lanes(volts, rate_hz):
    """Up, solve, down; [frame][lane] -> [frame][lane], without delay (symmetric filters)."""
    from scipy.signal import firwin, resample_poly

    taps = firwin(2 * _TAPS_EACH_SIDE * OVERSAMPLE + 1, 1.0 / OVERSAMPLE, window=("kaiser", 10.0))
    up = resample_poly(volts, OVERSAMPLE, 1, axis=0, window=taps)
    solve_clipper(up, rate_hz * OVERSAMPLE, out=up)
    return resample_poly(up, 1, OVERSAMPLE, axis=0, window=taps)


def solve_clipper(volts, rate_hz, out=None, tolerance=1e-10):
    """dV/dt = (u - V) / (R C) - (2 Is / C) sinh(V / nVt), trapezoidal rule; [step][lane] float64.

    With g(V) = V / (R C) + (2 Is / C) sinh(V / nVt) and T the step, each step solves
    V + (T/2) g(V) = p, where p = V' - (T/2) g(V') + (T/2)(u + u') / (R C) is known. The left side
    is odd, increasing and convex for V > 0, and dropping either of its terms gives an upper bound
    of |V|: Newton's method started there descends to the root without overshoot.
    """
    half = 0.5 / rate_hz
    linear = 1.0 + half / (SERIES_OHM * SHUNT_FARAD)
    diode = half * 2.0 * DIODE_IS / SHUNT_FARAD
    feed = half / (SERIES_OHM * SHUNT_FARAD)
    if out is None:
        out = np.empty_like(volts)
    voltage = np.zeros(volts.shape[1])
    known = np.zeros(volts.shape[1])
    before = np.zeros(volts.shape[1])
    for k in range(len(volts)):
        now = volts[k].copy()
        known = 2.0 * voltage - known + feed * (now + before)  # V - (T/2) g(V) = 2 V - p
        voltage = _newton(known, linear, diode, tolerance)
        out[k] = voltage
        before = now
    return out


def _newton(known, linear, diode, tolerance):
    """V with linear V + diode sinh(V / nVt) = known, elementwise."""
    size = np.abs(known)
    v = np.minimum(size / linear, DIODE_NVT * np.arcsinh(size / diode))
    for _ in range(30):
        e = np.exp(v / DIODE_NVT)
        inverse = 1.0 / e
        error = linear * v + (0.5 * diode) * (e - inverse) - size
        step = error / (linear + (0.5 * diode / DIODE_NVT) * (e + inverse))
        v -= step
        if np.max(np.abs(step)) < tolerance:
            break
    return np.copysign(v, known)
