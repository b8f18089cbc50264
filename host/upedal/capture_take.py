"""A take: level check, play and record, judge, keep. The card is anything with rate_hz and play() as
capture_device.Card has them."""

import math
from dataclasses import dataclass

import numpy as np

from . import audio, capture
from . import capture_signal as signal
from .errors import UpedalError

_BURST_S, _QUIET_S = 0.5, 0.25
_SILENT, _LOW, _CLIPS = (
    1e-3,
    0.06,
    0.985,
)  # peaks of full scale: nothing came back, too quiet, too loud
_NEAR = 0.1  # frames by which the latency may be misread: no reason to give a whole frame away
_GOAL = 0.5  # the peak that turning the knob should give: -6 dBFS


@dataclass
class Take:
    wet: np.ndarray  # float32, as long as the dry one, `moved` frames earlier than it was recorded
    moved: int
    verdict: capture.Verdict
    xruns: list  # [(frame, text)] as the stream reported them


# ---- level ---------------------------------------------------------------------------------------


def burst(rate_hz):
    """float32: a quarter second of silence, then half a second from 80 Hz to 5 kHz at the test signal's own peak."""
    t = np.arange(int(_BURST_S * rate_hz)) / rate_hz
    sweep = np.sin(
        2.0 * np.pi * 80.0 * _BURST_S / math.log(62.5) * np.expm1(t / _BURST_S * math.log(62.5))
    )
    return np.concatenate([np.zeros(int(_QUIET_S * rate_hz)), signal.PEAK * sweep]).astype(
        np.float32
    )


def level_fault(recorded, rate_hz):
    """None where the level of a recorded burst is right, else a sentence that says which knob to turn."""
    recorded = np.asarray(recorded, np.float64)
    peak = float(np.max(np.abs(recorded), initial=0.0))
    noise = float(np.max(np.abs(recorded[: int(0.8 * _QUIET_S * rate_hz)]), initial=0.0))
    told = f"{20.0 * math.log10(max(peak, 1e-10)):.0f} dBFS"
    if peak < _SILENT or peak < 4.0 * noise:
        return (
            f"nothing of the burst comes back (peak {told}): look at the cables, at --input-channel and --output-channel,"
            " whether the gear is on, and turn up the interface's output"
        )
    turn = f"about {abs(20.0 * math.log10(_GOAL / peak)):.0f} dB"
    if peak >= _CLIPS:
        return f"the recording clips (peak {told}): turn the interface's input gain down, by {turn} or more, or the gear's volume"
    if peak < _LOW:
        return f"the recording is too quiet (peak {told}): turn the interface's input gain up, by {turn}, or the gear's volume"
    return None


def check_level(card):
    """The fault of the level as the card has it now, or None."""
    recorded, _ = card.play(burst(card.rate_hz), after_s=1.0)
    return level_fault(recorded, card.rate_hz)


# ---- the take ------------------------------------------------------------------------------------


def record(card, dry, spec, progress=None):
    """Take of playing `dry` (float [n]); spec: of our own signal, or None for any other."""
    recorded, xruns = card.play(dry, after_s=capture.REACH_S, progress=progress)
    peak = float(np.max(np.abs(recorded), initial=0.0))
    if peak < _SILENT:
        raise UpedalError(
            f"capture: nothing came back (peak {20.0 * math.log10(max(peak, 1e-10)):.0f} dBFS); nothing is kept."
            " Look at cables, channels and whether the gear is on"
        )
    verdict = capture.judge(recorded, spec) if spec else capture.Verdict(None, peak=peak)
    if verdict.latency_frames is None:
        verdict.latency_frames = _by_music(dry, recorded, card.rate_hz)
    moved = max(math.floor(verdict.latency_frames + _NEAR), 0)
    wet = recorded[moved : moved + len(dry)]
    return Take(np.pad(wet, (0, len(dry) - len(wet))), moved, verdict, xruns)


def _by_music(dry, wet, rate_hz):
    """Latency in frames, 0 to REACH_S: the peak of the phase-transformed correlation (Knapp and Carter 1976) of the
    first minute. Training's own alignment does the rest."""
    x, y = (np.asarray(v[: 60 * rate_hz], np.float64) for v in (dry, wet))
    size = 1 << (len(x) + len(y)).bit_length()
    cross = np.conj(np.fft.rfft(x, size)) * np.fft.rfft(y, size)
    cross /= np.abs(cross) + 1e-6 * np.max(np.abs(cross))
    near = np.fft.irfft(cross, size)[: int(capture.REACH_S * rate_hz)]
    return float(np.argmax(np.abs(near)))


def keep(path, take, rate_hz):
    """Writes the wet recording as 24-bit WAV, whole or not at all."""
    audio.write(path, np.clip(take.wet, -1.0, 1.0 - 2.0**-23), rate_hz, "PCM_24")


def sentences(take, rate_hz):
    """What the take says, one finding a line."""
    v, out = take.verdict, []
    out.append(
        f"latency {v.latency_frames:.1f} frames ({1e3 * v.latency_frames / rate_hz:.1f} ms), polarity {v.polarity:+d};"
        f" the recording was moved {take.moved} frames earlier"
    )
    if not v.by_clicks:
        out.append(
            "no clicks were recognised: latency by the music itself; drift and lost frames are left to training's checks"
        )
    elif v.drift_ppm is not None and abs(v.drift_ppm) > 0.5:
        out.append(
            f"the clocks drift by {v.drift_ppm:+.1f} ppm: play and record with one interface"
        )
    for at_s, frames in v.jumps:
        what = "were lost" if frames < 0 else "were put in or came twice"
        out.append(
            f"{abs(frames):.0f} frames {what} before {at_s:.1f} s: take it again, with fewer programs running"
        )
    if take.xruns:
        frame, text = take.xruns[0]
        out.append(
            f"the stream reported {len(take.xruns)} xruns, the first at {frame / rate_hz:.1f} s ({text}): take it again"
        )
    if v.clipped:
        out.append(
            f"the recording clips: {v.clipped} samples at full scale; turn the interface's input gain down"
        )
    out.append(f"peak {20.0 * math.log10(max(v.peak, 1e-10)):.1f} dBFS")
    if v.floor_db is not None:
        out[-1] += f", noise floor {v.floor_db:.0f} dBFS"
    return out


def spoiled(take):
    """Is it one to take again?"""
    return bool(take.verdict.jumps or take.xruns or take.verdict.clipped)
