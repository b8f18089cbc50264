"""Runs tests/shared/*.py on a target: python tests/run.py -t cpython|unix|unix-user|emu_m7|emu_m7-user|...

The same test text everywhere. Exits non-zero when a test fails or a target cannot be reached.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from upedal import paths
from upedal.errors import BoardError

TESTS = Path(__file__).parent
SHARED = sorted((TESTS / "shared").glob("test_*.py"))
EMULATED = ("emu_m0", "emu_m3", "emu_m4", "emu_m7", "emu_m33", "emu_m55", "emu_rv32")
TARGETS = ("cpython", "unix", "unix-user", *EMULATED, "emu_m7-user", "emu_m55-user")
INEXACT = ("emu_m0", "emu_m3", "emu_rv32")  # no fused multiply-add

# Runs on the target itself: every test_* of every module, a line each, a traceback for a failure.
DRIVER = """
import sys
for name in {modules}:
    module = __import__(name)
    for key in sorted(dir(module)):
        if key.startswith("test_"):
            try:
                getattr(module, key)()
                print("PASS", name, key)
            except Exception as e:
                print("FAIL", name, key)
                getattr(sys, "print_exception", lambda e: __import__("traceback").print_exc())(e)
print("DONE")
"""


def fixtures(target):
    """{name: bytes} of what the tests read."""
    files = {p.name: p.read_bytes() for p in (TESTS / "vectors").iterdir() if p.is_file()}
    files |= {p.name: p.read_bytes() for p in SHARED}
    exact = target not in INEXACT
    if target == "cpython":
        from upedal.native import EXACT as exact
    files["target.py"] = f"NAME = {target!r}\nEXACT = {exact}\n".encode()
    return files


def device_files(prefix):
    return {
        f"{prefix}/{p.relative_to(paths.DEVICE)}": p.read_bytes()
        for p in sorted((paths.DEVICE / "pedal").rglob("*.py"))
    }


def driver():
    return DRIVER.format(modules=[p.stem for p in SHARED])


def run_local(command, env, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        (Path(folder) / "driver.py").write_text(driver())
        command = [*command, "driver.py"]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=900
        )
        return done.stdout + done.stderr


def run_cpython(files):
    files["sitecustomize.py"] = b"import upedal.native\n"
    env = {"PYTHONPATH": os.pathsep.join([".", str(paths.DEVICE), str(paths.ROOT / "host")])}
    return run_local([sys.executable, "-X", "faulthandler"], env, files)


def run_unix(target, files):
    binary = paths.BUILD / target / "micropython"
    path = ["", str(paths.DEVICE)] + ([str(paths.NATMODS / "x64")] if target == "unix" else [])
    return run_local([str(binary), "-X", "heapsize=32M"], {"MICROPYPATH": ":".join(path)}, files)


def run_emulated(target, files):
    from upedal.emulator import BOARDS, Emulator

    board, user = target.removesuffix("-user"), target.endswith("-user")
    files |= device_files("lib")
    if not user:
        folder = paths.NATMODS / BOARDS[board].arch
        files |= {f"lib/{p.name}": p.read_bytes() for p in folder.glob("*.mpy")}
    with Emulator(board, card=files, user_module=user) as emulator:
        return emulator.run(driver(), timeout_s=900)


def run(target):
    """What the target printed: PASS and FAIL lines, DONE at the end."""
    files = fixtures(target)
    if target == "cpython":
        return run_cpython(files)
    if target in ("unix", "unix-user"):
        return run_unix(target, files)
    return run_emulated(target, files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-t", "--target", action="append", choices=TARGETS, help="default: all")
    failed = False
    for target in parser.parse_args().target or TARGETS:
        try:
            out = run(target)
        except BoardError as e:
            out = f"{e.output}\n{e}\n"
        passed = out.count("PASS ")
        ok = "FAIL " not in out and out.rstrip().endswith("DONE") and passed
        print(f"{target}: {passed} passed" if ok else f"{target}: FAILED\n{out}")
        failed |= not ok
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
