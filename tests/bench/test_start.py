"""What start-up costs: by what is imported and counted, never by a clock."""

import subprocess
import sys

import pytest
from upedal import bench_baseline

HEAVY = ("numpy", "scipy", "torch", "rich", "yaml", "soundfile", "serial")


@pytest.mark.parametrize("verb", ["", "sim", "bench", "train"])
def test_help_imports_nothing_that_takes_long(verb):
    code = (
        "import sys\nfrom upedal import cli\n"
        f"try:\n    cli.main([*{verb!r}.split(), '--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


def test_a_model_and_a_rig_take_less_than_two_million_instructions():
    counts = bench_baseline.load()["emu_m7"]  # which test_baseline.py holds the tree to
    assert counts["start: model"] + counts["start: rig"] <= 2_000_000
