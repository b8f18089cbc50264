"""The doctor sees what is here and what is not, and names the command that brings it."""

import pytest
from upedal import doctor, paths


@pytest.fixture
def nothing_built(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    monkeypatch.setattr(paths, "NATMODS", tmp_path / "natmod")
    monkeypatch.setattr(doctor, "firmware", lambda board, user_module=False: tmp_path / board)


def by_name():
    return {check.name: check for check in doctor.checks()}


def test_every_check_has_a_name_of_its_own():
    names = [check.name for check in doctor.checks()]
    assert len(names) == len(set(names))


def test_what_runs_this_test_is_found():
    found = by_name()
    for name in ("Python 3.10 or later", "package numpy", "package rich"):
        assert found[name].ok, found[name]
        assert found[name].found
        assert not found[name].remedy


def test_what_is_not_built_is_missing_and_its_remedy_is_named(nothing_built):
    found = by_name()
    expected = {
        "MicroPython source": "make setup",
        "mpy-cross": "make setup",
        "unix port": "make unix",
        "native modules armv7emsp": "make natmod",
        "firmware emu_m33": "make firmware",
        "firmware emu_m7, user modules": "make firmware",
    }
    for name, remedy in expected.items():
        assert not found[name].ok, f"{name} is said to be here: {found[name].found}"
        assert found[name].remedy.endswith(remedy)


def test_a_native_module_counts_only_with_its_twin(nothing_built):
    folder = paths.NATMODS / "x64"
    folder.mkdir(parents=True)
    (folder / "pedal_nn.mpy").write_bytes(b"123")
    assert not by_name()["native modules x64"].ok
    (folder / "pedal_fx.mpy").write_bytes(b"45")
    assert by_name()["native modules x64"].found == "5 bytes"


def test_tools_outside_the_path_are_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    found = by_name()
    for name in ("C compiler", "arm-none-eabi-gcc", "qemu-system-riscv32"):
        assert not found[name].ok
        assert found[name].remedy.endswith("make setup")


def test_run_prints_each_missing_thing_and_fails(nothing_built, capsys):
    assert doctor.run() == 1
    printed = capsys.readouterr().out
    assert "mpy-cross" in printed
    assert "make firmware" in printed


@pytest.mark.toolchain
def test_run_succeeds_where_all_is_here(capsys):
    assert doctor.run(brief=True) == 0
    assert "are here" in capsys.readouterr().out


def test_an_installed_wheel_points_to_the_source_tree(nothing_built, monkeypatch):
    monkeypatch.setattr(paths, "IN_TREE", False)
    assert by_name()["firmware emu_m7"].remedy == "in upedal's source folder: make firmware"
