"""A real result for the report's tests: a training of seconds of a tiny net, packed and judged.

The dict has the keys of docs/reports.md. Checks and knob settings are written here by hand, since
what finds them is tested elsewhere; figures of sound, size and load are measured.
"""

import dataclasses
import functools
import hashlib
import platform
import tempfile

import numpy as np
from upedal import audio, cost, native, pack, recipe, synth, train, upm

RATE = 44100


def _finding(outcome, title, sentence, advice="", picture=None):
    return {
        "check": title.lower(), "title": title, "outcome": outcome, "sentence": sentence,
        "advice": advice, "figures": {}, "picture": picture,
    }  # fmt: skip


def _checks(dry, wet):
    lags = np.arange(-40, 41)
    cross = [float(np.dot(dry[100:20000], wet[100 + k : 20000 + k])) for k in lags]
    picture = {
        "title": "Correlation", "x_label": "lag, frames", "y_label": "correlation",
        "lines": [{"label": "dry against wet", "x": lags.tolist(), "y": cross}],
        "marks": [{"x": int(lags[int(np.argmax(cross))]), "label": "found"}],
    }  # fmt: skip
    return [
        _finding("ok", "Sample rate", "Both are at 44,100 Hz."),
        _finding("fixed", "Latency", "The wet recording is 3 frames late; that was taken out.", picture=picture),
        _finding("warned", "Mains hum", "A tone of 50 Hz is 48 dB under the signal.", "Record again with the gear away from the mains."),
        _finding("refused", "Reverb <or> delay", "An echo comes after 240 ms.", "Switch it off and record again; --force goes on."),
    ]  # fmt: skip


@functools.cache
def trained():
    """(result dict, dry, target, output, play) of the test part, and the upm.Model."""
    dry = synth.dry_guitar(12.0, RATE, seed=3)
    wet = synth.overdrive(dry, RATE)
    plan = recipe.load(
        "gru-16", ["hidden=8", "segment=256", "batch=32", "learning_rate=0.02", "epochs=6"]
    )
    with tempfile.TemporaryDirectory() as folder:
        done = train.train(dry, wet, RATE, plan, out_dir=folder, progress=False)
    meta = {
        "name": "Test drive",
        "author": "A. Tester",
        "gear": "white-box overdrive",
        "licence": "CC0-1.0",
    }
    model = pack.pack(done.net, RATE, grade="fast", meta=meta)
    blob = upm.dumps(model)

    def play(x):
        return native.render(blob, x)

    x, target = dry[done.test_slice], wet[done.test_slice]
    output = play(x)
    result = _result(done, plan, model, blob, meta) | {
        "checks": _checks(dry, wet),
        "test_esr": audio.esr(target, output),
        "data": [
            {
                "file": "dry.wav",
                "sha256": hashlib.sha256(dry.tobytes()).hexdigest(),
                "knobs": [0.5, 0.5],
            }
        ],
        "seconds_of_audio": len(dry) / RATE,
    }
    return result, x, target, output, play, model


def case():
    """(result dict, dry, target, output, play) of the test part."""
    return trained()[:5]


def _result(done, plan, model, blob, meta):
    instructions, _ = cost.instructions(model)
    history = [h | {"val_mrstft": 3 * h["val_esr"] ** 0.5} for h in done.history]
    return {
        "name": meta["name"], "output": "test.upm", "recipe": dataclasses.asdict(plan), "seed": done.seed,
        "rate_hz": RATE, "alignment": {"lag_frames": 3.25, "polarity": 1}, "history": history,
        "train_seconds": done.seconds, "val_esr": done.val_esr, "test_mrstft": 0.84, "linear_esr": 0.31,
        "knobs": [{"name": "drive", "unit": "kΩ"}, {"name": "tone", "unit": ""}],
        "settings": [
            {"name": "", "knobs": [drive, 0.5], "esr": 0.01 + 0.02 * drive, "held_out": drive == 0.5}
            for drive in (0.1, 0.5, 0.9)
        ],
        "upm_bytes": len(blob), "arithmetic": "f32", "grade": model.grade,
        "quantised": {"arithmetic": "q15", "esr": done.test_esr * 1.01, "db": -61.5},
        "macs": 100, "instructions_per_sample": instructions,
        "boards": [
            {
                "name": board.name, "title": board.title, "load": load,
                "budget_cycles_per_sample": board.budget_cycles_per_sample,
                "estimated_cycles_per_sample": cost.board_cycles(model, board),
                "memory_bytes": len(blob) + native.Net(blob).arena_bytes, "memory_budget": 65536,
            }
            for board, load in cost.loads(model)
        ],
        "environment": {"upedal": "0.1.0", "python": platform.python_version(), "cpu": platform.machine()},
        "command": ["upedal", "train", "dry take.wav", "wet.wav", "-o", "test.upm", "--seed", "0"], "meta": meta,
    }  # fmt: skip
