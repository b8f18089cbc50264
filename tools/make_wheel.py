"""Build a wheel that holds the native modules, device package, boards and models: make_wheel.py DEST

It is built from a copy of the tree, so that nothing built earlier can slip in and the tree stays clean.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from upedal.payload import compile_package

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "host", "native_modules")
MPY_CROSS = ROOT / "build" / "micropython" / "mpy-cross" / "build" / "mpy-cross"
DATA_PLACE = Path("host") / "upedal" / "_data"
# Where host/upedal/paths.py looks for them in an installed wheel.
DATA = {"device": "device", "boards": "boards", "models": "models", "build/natmod": "build/natmod",
    "native_modules/core": "native_modules/core", "LICENSE": "LICENSE",
}  # fmt: skip
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.so", "*.egg-info", "firmware", "_data", "*.pyc"
)


def copy(source, destination):
    destination.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, destination, ignore=LEFT_OUT)
    else:
        shutil.copy2(source, destination)


def main(destination):
    with tempfile.TemporaryDirectory(prefix="upedal-wheel-") as folder:
        tree = Path(folder)
        for name in SOURCES:
            copy(ROOT / name, tree / name)
        for name, place in DATA.items():
            copy(ROOT / name, tree / DATA_PLACE / place)
        compile_package(tree / DATA_PLACE / "build" / "device", MPY_CROSS)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", str(destination), str(tree)]
        subprocess.run(command, check=True)
    for wheel in sorted(destination.glob("*.whl")):
        print(wheel)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).resolve())
