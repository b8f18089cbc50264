"""The same integers everywhere, at length: python -m tests.identity [-s SECONDS] [MODEL.upm ...]

Plays each integer model on the numpy reference, the desktop's C, MicroPython's unix port and every emulated
board, and compares hashes of the output. Without files: the integer rows of `upedal bench`. Exits non-zero
where one differs. `make test` does the same for seconds' fractions and more kinds of layers.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from upedal import native, paths, reference_q, synth, upm, zoo
from upedal.emulator import BOARDS, Emulator

# Not the Cortex-M0: it plays none of these in real time, and takes minutes for a second.
TARGETS = ("unix", *(board for board in BOARDS if board != "emu_m0"))

PLAY = """
import array, hashlib, sys
sys.path.append("/lib")
import pedal_nn
with open("model.upm", "rb") as f:
    blob = bytearray(f.read())
net = pedal_nn.Model(blob, bytearray(pedal_nn.arena_size(blob)))
x = array.array("f", bytes(256))
digest = hashlib.sha256()
with open("input.f32", "rb") as f:
    while f.readinto(x):
        net.process(x, x)
        digest.update(x)
print("".join("%02x" % b for b in digest.digest()))
"""


def signal(seconds, rate_hz):
    """float32 [n], n a multiple of 64: a guitar, its peak at -1 dBFS, and noise 60 dB below."""
    n = int(seconds * rate_hz) // 64 * 64
    x = synth.dry_guitar(seconds + 0.1, rate_hz, seed=11)[:n].astype(np.float64)
    x *= 0.89 / np.abs(x).max()
    return (x + 1e-3 * np.random.default_rng(11).standard_normal(n)).astype(np.float32)


def on_target(target, blob, x):
    """The hash a target prints."""
    files = {"model.upm": blob, "input.f32": x.tobytes()}
    if target != "unix":
        arch = BOARDS[target].arch
        files["lib/pedal_nn.mpy"] = (paths.NATMODS / arch / "pedal_nn.mpy").read_bytes()
        with Emulator(target, card=files, icount=False) as board:
            return board.run(PLAY, timeout_s=1800).split()[-1]
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        (Path(folder) / "play.py").write_text(PLAY)
        env = {**os.environ, "MICROPYPATH": str(paths.NATMODS / "x64")}
        command = [str(paths.BUILD / "unix" / "micropython"), "-X", "heapsize=8M", "play.py"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=900)
        return (done.stdout.split() or [done.stderr])[-1]


def compare(name, blob, seconds):
    """Prints one line; the targets whose hash is another."""
    model = upm.loads(blob, name)
    x = signal(seconds, model.rate_hz)
    want = np.asarray(reference_q.render(model, x), np.float32)
    digest = hashlib.sha256(want.tobytes()).hexdigest()
    found = {"desktop": hashlib.sha256(native.render(blob, x, prewarm=0).tobytes()).hexdigest()}
    found |= {target: on_target(target, blob, x) for target in TARGETS}
    wrong = [target for target, other in found.items() if other != digest]
    level = np.std(want) * np.sqrt(len(want))
    verdict = f"DIFFERENT on {', '.join(wrong)}" if wrong else f"the same on {', '.join(found)}"
    print(f"{name}: {len(x) / model.rate_hz:.2f} s, {digest[:16]}, energy {level:.3g}: {verdict}", flush=True)
    return wrong if level else ["silence"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("-s", "--seconds", type=float, default=10.0)
    args = parser.parse_args()
    blobs = {p.name: upm.read_blob(p) for p in args.models}
    if not blobs:
        blobs = {name: upm.dumps(model) for name, model in zoo.integer_models().items()}
    return any([compare(name, blob, args.seconds) for name, blob in blobs.items()])


if __name__ == "__main__":
    sys.exit(main())
