"""Tests marked `toolchain` need what `make setup` brings.

`@pytest.mark.toolchain` needs all of it; `@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7")` only
what `upedal doctor` calls so. Where that is missing they are skipped, or, with UPEDAL_REQUIRE_TOOLCHAIN=1
as `make test` sets it, they fail.
"""

import functools
import os

import pytest
import upedal.native  # noqa: F401 - brings pedal_fx and pedal_nn, which device/pedal imports

collect_ignore = ["shared"]  # not pytest's: tests/run.py runs these on every target


@functools.cache
def _checks():
    from upedal.doctor import checks

    return {check.name: check for check in checks()}


def pytest_runtest_setup(item):
    marks = list(item.iter_markers("toolchain"))
    if not marks:
        return
    names = [name for mark in marks for name in mark.args] or list(_checks())
    unknown = [name for name in names if name not in _checks()]
    assert not unknown, f"no such check in upedal.doctor: {unknown}; there are {list(_checks())}"
    missing = [name for name in names if not _checks()[name].ok]
    if not missing:
        return
    reason = f"missing: {', '.join(missing)}; run: {_checks()[missing[0]].remedy}"
    if os.environ.get("UPEDAL_REQUIRE_TOOLCHAIN") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
