"""The Makefile: what is there is not made twice, what is gone is made again, all its targets are explained."""

import os
import re
import subprocess

import pytest
from upedal import doctor, emulator, paths

MAKEFILE = paths.ROOT / "Makefile"
pytestmark = pytest.mark.skipif(
    not MAKEFILE.is_file(), reason="an installed wheel has no Makefile"
)


def make(*arguments, **variables):
    """-> what make would do or did, its two outputs together"""
    # A `make` above this test would pass its own options down.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(
        ["make", "-C", paths.ROOT, *arguments],
        env=env | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout + done.stderr


@pytest.mark.toolchain
def test_a_second_setup_builds_nothing():
    printed = make("setup")
    work = re.findall(
        r"^(?:firmware of|unix port|pedal_.*for|mpy-cross|.*pip ).*", printed, re.MULTILINE
    )
    assert not work, printed
    assert "things are here" in printed


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("touched", "built"),
    [
        ("device/firmware/EMU_M7/memory.ld", {'echo "firmware of emu_m7"'}),
        (
            "native_modules/natmod/Makefile",
            {"pedal_nn.mpy for armv6m", "pedal_fx.mpy for rv32imc"},
        ),
        (
            "native_modules/core/up_gru.c",
            {"unix port with user modules", "install --no-build-isolation"},
        ),
    ],
)
def test_a_changed_source_builds_what_depends_on_it(touched, built):
    would = make("--dry-run", "--what-if", touched, "setup")
    assert all(what in would for what in built), would
    assert 'echo "firmware of emu_m3"' not in would, "unrelated firmware would be built"


def test_help_lists_every_target_a_user_may_want():
    listed = set(re.findall(r"^  make (\S+) +\S", make("help"), re.MULTILINE))
    assert {"setup", "demo", "test", "test-quick", "natmod", "firmware", "bench"} <= listed
    assert {"size", "fuzz", "wheel", "clean", "help"} <= listed


def test_make_and_the_package_name_the_same_boards_and_architectures():
    text = MAKEFILE.read_text()
    assert re.search(r"^BOARDS := (.*)", text, re.MULTILINE)[1].split() == list(emulator.BOARDS)
    assert tuple(re.search(r"^ARCHS := (.*)", text, re.MULTILINE)[1].split()) == doctor.ARCHS
    assert tuple(re.search(r"^MODULES := (.*)", text, re.MULTILINE)[1].split()) == doctor.MODULES
    assert {board.arch for board in emulator.BOARDS.values()} <= set(doctor.ARCHS)


def test_a_source_that_is_no_micropython_is_refused_and_leaves_nothing(tmp_path):
    script = paths.ROOT / "tools" / "get_micropython.sh"
    destination = tmp_path / "build" / "micropython"
    done = subprocess.run(
        [script, destination],
        env=os.environ | {"MPY_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"MPY_DIR={tmp_path} is no MicroPython source tree" in done.stderr
    assert list(destination.parent.iterdir()) == []


def test_missing_system_packages_are_named_where_there_is_no_apt(tmp_path):
    for name in ("bash", "sort", "tr", "cat", "id"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    done = subprocess.run(
        ["/bin/bash", paths.ROOT / "tools" / "system_packages.sh", "full"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    for package in ("build-essential", "gcc-arm-none-eabi", "qemu-system-arm", "python3-venv"):
        assert package in done.stderr
