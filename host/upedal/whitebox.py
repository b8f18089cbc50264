"""Two more pedals in numpy: a distortion that clips hard and a fuzz whose bias moves; see synth.overdrive.

Both are deterministic, oversampled where they are not linear, and aligned with their input to the sample.
"""

import math

import numpy as np

from . import synth
from .errors import UpedalError

OVERSAMPLE = 8
_REACH = 16  # frames of the outer rate on each side that the resampling filter sees

# --- the distortion ---------------------------------------------------------------------------

GROUND = ((47.0, 2.2e-6), (560.0, 4.7e-6))  # ohm and farad in series, each to ground
FEEDBACK_OHM, FEEDBACK_FARAD = (1e3, 100e3), 100e-12  # at drive 0 and 1
UNITY_HZ = 1e6  # where the op-amp's open-loop gain is 1
RAIL = 4.5  # V, how far its output goes
DIODE_OHM = 1000.0  # ahead of the diodes
TONE_OHM, TONE_FARAD = (1.5e3, 101.5e3), 3.3e-9  # at tone 1 and 0


def distortion(dry, rate_hz, drive=0.6, tone=0.6, level=0.8):
    """The distorted signal, float32 [n]; 1.0 stands for 1 V. drive, tone and level go from 0 to 1.

    The stages of a well-known distortion of 1978: a non-inverting op-amp stage of ideal gain
    H = 1 + Zf / Zg, Zf = Rf parallel to Cf, 1 / Zg the sum of 1 / (R + 1 / sC) over GROUND, which a real
    op-amp of open-loop gain w / s turns into H / (1 + s H / w): the more gain, the fewer highs. Its output
    stops at the rails. Then a resistor and two antiparallel diodes to ground without a capacitor,
    (u - V) / R = 2 Is sinh(V / nVt); a first-order low-pass 1 / (1 + s R C); level. Filters by the bilinear
    transform, clipping at OVERSAMPLE times the rate. The op-amp's slew rate is left out.
    """
    x = _checked("distortion", dry, drive=drive, tone=tone, level=level)
    volts = _blockwise(clip_hard, opamp_stage(x, rate_hz, drive))
    return (level * tone_stage(volts, rate_hz, tone)).astype(np.float32)


def opamp_polynomials(drive):
    """(numerator, denominator) in s, highest power first, of the stage with its real op-amp."""
    low, high = FEEDBACK_OHM
    ohm = low * (high / low) ** drive
    below = [np.array([r * c, 1.0]) for r, c in GROUND]  # R + 1/sC = (s R C + 1) / (s C)
    admittance = sum(
        np.polymul([c, 0.0], below[1 - k]) for k, (_, c) in enumerate(GROUND)
    )  # over the product of below
    product = np.polymul(*below)
    feedback = np.array([ohm * FEEDBACK_FARAD, 1.0])  # Zf = ohm / feedback
    over = np.polymul(product, feedback)
    ideal = np.polyadd(over, ohm * admittance)  # H = ideal / over
    lag = np.polymul(ideal, [1.0 / (2.0 * math.pi * UNITY_HZ), 0.0])
    return ideal, np.polyadd(over, lag)


def opamp_stage(x, rate_hz, drive):
    """The amplified signal in volts, float64 [n], before rails."""
    from scipy.signal import bilinear, lfilter

    return lfilter(*bilinear(*opamp_polynomials(drive), rate_hz), x)


def clip_hard(volts):
    """V over the diodes of u volts behind the op-amp's rails, elementwise."""
    known = np.clip(volts, -RAIL, RAIL)
    return synth._newton(known, 1.0, 2.0 * synth.DIODE_IS * DIODE_OHM, 1e-10)


def tone_stage(x, rate_hz, tone):
    """The low-pass 1 / (1 + s R C), R logarithmic over `tone`; float64 [n]."""
    from scipy.signal import bilinear, lfilter

    bright, dark = TONE_OHM
    tau = bright * (dark / bright) ** (1.0 - tone) * TONE_FARAD
    return lfilter(*bilinear([1.0], [tau, 1.0], rate_hz), x)


# --- the fuzz ---------------------------------------------------------------------------------

SUPPLY = 9.0  # V
THERMAL = 25.85e-3  # V, at 300 K
BETA = 100.0  # current gain of both transistors
COLLECTOR_OHM = (33e3, 8.2e3)
COUPLING_FARAD = (47e-9, 22e-9)  # into each base
BIAS_OHM = (47e3, 100e3)  # from each base to its bias
SOURCE_OHM = (220e3, 2.2e3)  # ahead of the first base at fuzz 0 and 1
BETWEEN_OHM = 150e3  # from the first collector to the second base
REST = (0.35, 0.6)  # of the supply that the collectors drop at rest: off the middle, hence asymmetric
OUTPUT_HZ = 30.0  # the output capacitor's high-pass
_LANE_S, _WARM_S = 0.1, 0.1  # the slowest time constant is 13 ms
_MOST_LANES = 300  # at a time, for memory


def fuzz(dry, rate_hz, fuzz=0.7, tone=0.6, level=0.15):
    """The fuzzed signal, float32 [n]; 1.0 in stands for 1 V. fuzz, tone and level go from 0 to 1.

    Two common-emitter stages in a row. Each base hangs on its coupling capacitor C (voltage q), a source
    resistance R, a bias resistor Rb and the transistor's base, v being the base's voltage over its rest:
        (u - q - v) / R = v / Rb + (I / beta)(exp(v / Vt) - 1) = C dq/dt
    A loud note pumps charge through the junction into C, so the bias sinks, cuts the transistor off and
    recovers over C (R + Rb). The collector follows Ebers and Moll with the reverse junction, which sets in
    as it saturates: Vc = Vcc - Rc I exp(v / Vt)(1 - exp(-Vc / Vt)). Both equations are solved by Wright's
    omega function (backward Euler in time, OVERSAMPLE times the rate). Then a high-pass, the distortion's
    low-pass, level. The signal is cut into lanes that overlap by more than the circuit remembers.
    """
    x = _checked("fuzz", dry, fuzz=fuzz, tone=tone, level=level)
    from scipy.signal import butter, lfilter

    lane, warm = round(_LANE_S * rate_hz), round(_WARM_S * rate_hz)
    out = _in_lanes(lambda part: fuzz_stages(part, rate_hz * OVERSAMPLE, fuzz), x, lane, warm)
    out = lfilter(*butter(1, OUTPUT_HZ, "high", fs=rate_hz), out)
    return (level * tone_stage(out, rate_hz, tone)).astype(np.float32)


def fuzz_stages(volts, rate_hz, fuzz):
    """Volts into both stages, [step][lane] float64 -> the second collector over its rest."""
    low, high = SOURCE_OHM
    ohm = low * (high / low) ** fuzz
    for k in range(2):
        base = base_voltage(volts, rate_hz, k, ohm)
        volts = collector(base, k)
        ohm = COLLECTOR_OHM[k] + BETWEEN_OHM
    return volts


def rest_current(k):
    """Collector current of stage k without a signal, ampere."""
    return REST[k] * SUPPLY / COLLECTOR_OHM[k]


def base_voltage(volts, rate_hz, k, source_ohm):
    """v over its rest, [step][lane]. With S = R + T / C and the q of the step before
    (1 + S / Rb) v + S I / beta (exp(v / Vt) - 1) = u - q; then q grows by T / C times the current."""
    from scipy.special import wrightomega

    charge = 1.0 / (rate_hz * COUPLING_FARAD[k])
    ohm = source_ohm + charge
    a = 1.0 + ohm / BIAS_OHM[k]
    b = ohm * rest_current(k) / BETA
    offset = math.log(b / (a * THERMAL))
    q = np.zeros(volts.shape[1])
    out = np.empty_like(volts)
    for t in range(len(volts)):
        free = volts[t] - q
        level = (free + b) / a
        v = level - THERMAL * wrightomega(level / THERMAL + offset)
        q += charge / ohm * (free - v)
        out[t] = v
    return out


def collector(base, k):
    """The collector's voltage over its rest, elementwise."""
    from scipy.special import wrightomega

    def voltage(v):
        drop = COLLECTOR_OHM[k] * rest_current(k) * np.exp(v / THERMAL)
        inside = np.log(drop / THERMAL) + (drop - SUPPLY) / THERMAL
        return SUPPLY - drop + THERMAL * wrightomega(inside)

    return voltage(base) - voltage(np.zeros(1))


# --- oversampling -----------------------------------------------------------------------------


def _checked(name, dry, **settings):
    for key, value in settings.items():
        if not 0.0 <= value <= 1.0:
            raise UpedalError(f"{name}: {key} is {value}; expected 0 to 1")
    x = np.asarray(dry, np.float64)
    if x.ndim != 1 or not np.all(np.isfinite(x)):
        raise UpedalError(f"{name}: input of shape {x.shape}; expected finite mono [n]")
    return x


def _blockwise(function, x):
    """A memoryless function of x at OVERSAMPLE times the rate."""
    return _in_lanes(function, x, 1 << 14, 0)


def _in_lanes(function, x, lane, warm):
    """function([step][lane]) at OVERSAMPLE times the rate over lanes of x, each warmed up; float64 [n]."""
    from scipy.signal import firwin, resample_poly

    taps = firwin(2 * _REACH * OVERSAMPLE + 1, 1.0 / OVERSAMPLE, window=("kaiser", 10.0))
    left, right = warm + 2 * _REACH, 2 * _REACH
    lanes = -(-len(x) // lane)
    padded = np.zeros(left + lanes * lane + right)
    padded[left : left + len(x)] = x
    window = np.lib.stride_tricks.sliding_window_view(padded, left + lane + right)[::lane]
    out = np.empty((lanes, lane))
    for at in range(0, lanes, _MOST_LANES):
        up = resample_poly(window[at : at + _MOST_LANES].T, OVERSAMPLE, 1, axis=0, window=taps)
        down = resample_poly(function(up), 1, OVERSAMPLE, axis=0, window=taps)
        out[at : at + _MOST_LANES] = down[left : left + lane].T
    return out.reshape(-1)[: len(x)]
