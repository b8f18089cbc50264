"""Where the product's files lie: in the source tree, or inside the installed wheel."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_TREE = _PACKAGE.parent.parent
IN_TREE = (_TREE / "native_modules" / "core").is_dir()
ROOT = _TREE if IN_TREE else _PACKAGE / "_data"

DEVICE = ROOT / "device"
BOARDS = ROOT / "boards"
MODELS = ROOT / "models"
RECIPES = MODELS / "recipes"
# What `make` builds: MicroPython, natmods, firmware. In a wheel only the natmods are there.
BUILD = Path(os.environ.get("UPEDAL_BUILD", ROOT / "build"))
NATMODS = BUILD / "natmod"  # NATMODS / ARCH / pedal_nn.mpy
