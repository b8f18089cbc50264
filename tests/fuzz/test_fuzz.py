"""The reader against damaged files; also `make fuzz`. UPEDAL_FUZZ_RUNS for longer campaigns."""

import os
import subprocess

import pytest
from upedal import paths

RUNS = int(os.environ.get("UPEDAL_FUZZ_RUNS", "60000"))
NATIVE = paths.ROOT / "native_modules"
SEEDS = sorted((paths.ROOT / "tests" / "vectors").glob("*.upm"))


@pytest.fixture(scope="session")
def fuzzer():
    subprocess.run(["make", "-s", "-C", NATIVE, "fuzz"], check=True)
    return paths.BUILD / "fuzz" / "fuzz_upm"


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_files_are_refused_or_run_without_a_fault(fuzzer, seed):
    done = subprocess.run(
        [fuzzer, str(RUNS), str(seed), *SEEDS], capture_output=True, text=True, timeout=3000
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{RUNS} files" in done.stdout
    for check in ("CRC", "section", "layer field", "weight range", "reserved", "slot"):
        assert check in done.stdout, f"no file reached the check of {check}:\n{done.stdout}"
