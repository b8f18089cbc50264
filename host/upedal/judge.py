"""How good a model is, and on what machine it was made: figures for the report."""

import hashlib
import os
import platform

import numpy as np

from . import audio

_TAPS = 512
_EMPHASIS = 0.95


def linear_esr(dry, wet, rate_hz):
    """Test ESR of the best causal linear filter of 512 taps, fitted to the training part: what no net should miss.

    Least squares by the normal equations, whose matrix is Toeplitz. dry, wet: float [n], aligned.
    """
    from scipy.linalg import solve_toeplitz
    from scipy.signal import correlate, fftconvolve

    train, _, test = audio.split(len(dry), rate_hz)
    x, y = np.asarray(dry[train], np.float64), np.asarray(wet[train], np.float64)
    middle = len(x) - 1
    auto = correlate(x, x, method="fft")[middle : middle + _TAPS]
    cross = correlate(y, x, method="fft")[middle : middle + _TAPS]
    auto[0] *= 1 + 1e-6
    output = fftconvolve(np.asarray(dry, np.float64), solve_toeplitz(auto, cross))[: len(dry)]
    return audio.esr(wet[test], output[test])


def emphasised_esr(target, output):
    """ESR behind pre-emphasis 1 - 0.95 z^-1, which papers often give."""
    pair = [
        np.diff(x) + (1 - _EMPHASIS) * x[:-1] for x in (np.float64(target), np.float64(output))
    ]
    return audio.esr(*pair)


def boards(model, only=None):
    """[{"name", "title", "load", "two_cores" (cost.load_two), "budget_cycles_per_sample", "estimated_cycles_per_sample", "memory_bytes",
    "memory_budget"}] of every board with a clock, or of the one named; None where nothing is known."""
    from . import board, cost

    found = []
    for name in [only] if only else board.names():
        profile = board.load(name)
        if not profile.budget_cycles_per_sample:
            continue
        cycles = cost.board_cycles(model, profile)
        budget = profile.clock_hz * profile.usable_share / model.rate_hz
        found.append(
            {
                "name": name,
                "title": profile.title,
                "load": cycles and cycles / budget,
                "two_cores": cost.load_two(model, profile),
                "budget_cycles_per_sample": round(budget),
                "estimated_cycles_per_sample": cycles and round(cycles),
                "memory_bytes": cost.memory(model),
                "memory_budget": cost.memory_budget(profile),
            }
        )
    return found


def environment():
    """What a repetition needs to know of this machine."""
    import torch

    from . import __version__

    return {
        "upedal": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cpu": _cpu(),
        "threads": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _cpu():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [
                line.partition(":")[2].strip() for line in file if line.startswith("model name")
            ]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def sha256(path):
    with open(path, "rb") as file:
        return (
            hashlib.file_digest(file, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else hashlib.sha256(file.read()).hexdigest()
        )
