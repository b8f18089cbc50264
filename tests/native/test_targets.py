"""tests/shared on every target, through tests/run.py."""

import pytest
from upedal.emulator import BOARDS

from tests import run


def needs(target):
    """What `upedal doctor` calls the things a target needs."""
    if target == "unix":
        return ("unix port", "native modules x64")
    if target == "unix-user":
        return ("unix port, user modules",)
    board = target.removesuffix("-user")
    firmware = f"firmware {board}" + (", user modules" if target != board else "")
    qemu = BOARDS[board].qemu
    return (qemu, firmware) if target != board else (qemu, firmware, f"native modules {BOARDS[board].arch}")


def _target(name):
    marks = () if name == "cpython" else pytest.mark.toolchain(*needs(name))
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("target", [_target(name) for name in run.TARGETS])
def test_shared_tests_pass(target):
    out = run.run(target)
    assert "FAIL " not in out, out
    assert out.rstrip().endswith("DONE"), out
    assert out.count("PASS ") >= 25, out
