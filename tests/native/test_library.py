"""The core as a static C library: builds for the host and Cortex-M7, plays a model."""

import subprocess

import numpy as np
import pytest
from upedal import native, paths, upm

from tests.vectors import make

NATIVE = paths.ROOT / "native_modules"


def build(folder, *options):
    subprocess.run(["make", "-s", "-C", NATIVE, "lib", f"BUILD={folder}", *options], check=True)
    return folder / "libupedal.a"


def test_example_plays_the_same_bits(tmp_path):
    library = build(tmp_path / "lib")
    program = tmp_path / "play"
    source = NATIVE / "example" / "play.c"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{NATIVE / 'core'}"]
    subprocess.run(["gcc", *flags, source, library, "-o", program], check=True)
    x = make.signal()
    blob = upm.dumps(make.MODELS["gru4"])
    (tmp_path / "x.upm").write_bytes(blob)
    out = subprocess.run([program, tmp_path / "x.upm"], input=x.tobytes(), capture_output=True, check=True)
    y = np.frombuffer(out.stdout, np.float32)
    want = native.render(blob, x, prewarm=0)
    assert np.max(np.abs(y - want)) < 1e-5  # without -mfma the last bits may differ


@pytest.mark.toolchain("arm-none-eabi-gcc")
def test_library_builds_for_a_cortex_m7_as_c_and_opens_as_cpp(tmp_path):
    cpu = "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard"
    assert build(tmp_path / "m7", "CROSS=arm-none-eabi-", f"CPU={cpu}").is_file()
