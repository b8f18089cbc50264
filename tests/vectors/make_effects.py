"""Makes effects.json and effects.i16: python -m tests.vectors.make_effects. The same files every time.

A row is an effect and what is done to it while a fixed signal plays: after frame f, parameter or method
and value. crc: CRC-32 of the bits that a target with fused multiply-add puts out; state: of what its state then
holds; effects.i16 has the output in 16 bits, row after row, 32767 standing for the row's peak.
"""

import binascii
import json
from array import array
from pathlib import Path

import numpy as np
from upedal import catalogue

HERE = Path(__file__).parent
FRAMES, BLOCK = 600, 40
# Files that every target writes for itself: name, frames, what they are divided by.
CAB, LONG_CAB = ("effects_cab.wav", 64, 8192), ("effects_long.wav", 2200, 1 << 18)
# Arguments with which something is heard within FRAMES and in little memory; without an entry: none.
ARGUMENTS = {
    "CabIR": ({"path": CAB[0], "taps": 64},)
    + tuple({"path": LONG_CAB[0], "taps": taps} for taps in (200, 600, 2200)),
    "Chorus": ({"delay_ms": 3.0, "voices": 3},),
    "Delay": (
        {"max_delay_ms": 20, "delay_ms": 4.0, "mix": 0.5},
        {"max_delay_ms": 20, "delay_ms": 4.0, "mix": 0.5, "change": "digital", "ping_pong": True},
    ),
    "Looper": ({"max_s": 0.1}, {"max_s": 0.1, "layers": 1}),
    "PitchShift": ({"window_ms": 10.0},),
    "Reverb": tuple(
        {"kind": kind, "small": True, "predelay_ms": 0.0, "mix": 0.5, "stereo": kind == "plate"}
        for kind in ("spring", "plate", "hall")
    ),
    "Tuner": ({"mute": "off"},),
}
# Methods to call, at frames; those that have some run longer.
METHODS = {
    "Looper": ((0, "record"), (1200, "play"), (1600, "overdub"), (2000, "undo"), (2200, "stop")),
    "Tuner": ((4400, None),),
}


def value_between(spec, turn):
    """Another choice, or a value on the way to the range's end."""
    if isinstance(spec[2], tuple):
        return spec[2][(spec[2].index(spec[1]) + 1 + turn) % len(spec[2])]
    default, high = spec[1], spec[3]
    equal = len(spec) > 4 and spec[4] == "exp"
    value = (default * high) ** 0.5 if equal else (default + high) / 2
    # A board with single precision may read 1870.8287 as the float beside the right one.
    return round(value) if value >= 128 else round(value, 4)


def moves(name, thing):
    """[[frame, name, value]] of each parameter in turn, and the methods."""
    found = [
        [BLOCK * (2 + at), spec[0], value_between(spec, 0)] for at, spec in enumerate(thing.PARAMS)
    ]
    found = [move for move in found if move[0] < FRAMES]
    return sorted(
        found + [[frame, method, None] for frame, method in METHODS.get(name, ()) if method]
    )


def rows():
    found = []
    for name, thing in catalogue.classes().items():
        for arguments in ARGUMENTS.get(name, ({},)):
            taps = arguments.get("taps", 0)  # of which all are to be heard
            frames = max([FRAMES, taps] + [frame + 200 for frame, _ in METHODS.get(name, ())])
            row = {"module": thing.__module__, "class": name, "arguments": arguments}
            found.append(row | {"frames": frames, "moves": moves(name, thing)})
    return found


def write_cabinets():
    """What tests/shared/test_effects.py does, too."""
    from pedal.io.wav import WavWriter

    for name, n, by in (CAB, LONG_CAB):
        taps = array("f", [((at * 29) % 61 - 30) * (n - at) / by for at in range(n)])
        with WavWriter(name, 48000, bits=-32) as writer:
            writer.write(taps, n)


def block_at(frame):
    """A noise and a triangle, multiples of 1 / 1024: the same bits anywhere."""
    return array(
        "f",
        [
            (((at * 37) % 101 - 50) * 4 + abs(at % 400 - 200) - 100) / 1024
            for at in range(frame, frame + BLOCK)
        ],
    )


def play(row):
    """(float32 samples, CRC of the state)"""
    effect = catalogue.classes()[row["class"]](**row["arguments"])
    effect.attach(48000)
    parts, left = [], list(row["moves"])
    for frame in range(0, row["frames"], BLOCK):
        while left and left[0][0] <= frame:
            _, name, value = left.pop(0)
            getattr(effect, name)() if value is None else setattr(effect, name, value)
        buf = block_at(frame)
        effect.process(buf)
        parts.append(np.array(buf, np.float32))
    return np.concatenate(parts), binascii.crc32(effect.state)


def played(rows):
    """(row, samples, state's CRC) of each."""
    import os
    import tempfile

    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            write_cabinets()
            for row in rows:
                yield row, *play(row)
        finally:
            os.chdir(before)


def read():
    return json.loads((HERE / "effects.json").read_text())


def main():
    found, data = rows(), b""
    for row, samples, state in played(found):
        peak = float(np.abs(samples).max())
        assert np.isfinite(samples).all() and peak > 0, row
        row |= {
            "crc": binascii.crc32(samples.tobytes()),
            "state": state,
            "peak": peak,
            "at": len(data),
        }
        data += np.round(samples / peak * 32767).astype("<i2").tobytes()
    (HERE / "effects.i16").write_bytes(data)
    text = ",\n".join(json.dumps(row) for row in found)
    (HERE / "effects.json").write_text(f'{{"block": {BLOCK}, "rows": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
