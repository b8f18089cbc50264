"""The reader against damaged files; also `make fuzz`. UPEDAL_FUZZ_RUNS for longer campaigns."""

import os
import subprocess

import pytest
from upedal import paths, upm

from tests import random_q

RUNS = int(os.environ.get("UPEDAL_FUZZ_RUNS", "60000"))
MOST, FILES_A_KIND = 1 << 16, 8  # bytes of a file, and how many of each kind of model
CHECKS = ("CRC", "section", "layer field", "weight range", "reserved", "slot")
NATIVE = paths.ROOT / "native_modules"
SEEDS = sorted((paths.ROOT / "tests" / "vectors").glob("*.upm"))


@pytest.fixture(scope="session")
def fuzzer():
    subprocess.run(["make", "-s", "-C", NATIVE, "fuzz"], check=True)
    return paths.BUILD / "fuzz" / "fuzz_upm"


@pytest.fixture(scope="session")
def integer_models(tmp_path_factory):
    """Files of q15 and q7, of every kind of layer, small enough for the fuzzer."""
    folder = tmp_path_factory.mktemp("integer")
    for kind in random_q.KINDS:
        made = (upm.dumps(random_q.model(seed, kind)) for seed in range(40))
        small = [blob for blob in made if len(blob) <= MOST][:FILES_A_KIND]
        assert len(small) == FILES_A_KIND, kind
        for k, blob in enumerate(small):
            (folder / f"{kind}{k}.upm").write_bytes(blob)
    return sorted(folder.iterdir())


def campaign(fuzzer, files, seed, runs, checks):
    command = [fuzzer, str(runs), str(seed), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{runs} files" in done.stdout
    for check in checks:
        assert check in done.stdout, f"no file reached the check of {check}:\n{done.stdout}"


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_files_are_refused_or_run_without_a_fault(fuzzer, seed):
    campaign(fuzzer, SEEDS, seed, RUNS, CHECKS)


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_integer_files_are_refused_or_run_without_a_fault(fuzzer, integer_models, seed):
    checks = [*CHECKS, "overflow 32 bits", "table leaves its range"]
    campaign(fuzzer, integer_models, seed, RUNS // 3, checks)  # larger files
