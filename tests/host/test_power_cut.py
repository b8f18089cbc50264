"""Power lost at any byte: old or new, never a mixture. tests/power_cut.py says what is real here.

`make power-cut` does the same at 200 points of each kind, and settings at every byte.
"""

import hashlib
import json

import pytest
from upedal import deploy
from upedal.emulator import Emulator
from upedal.errors import BoardError

from tests import power_cut, unix_disk

M7 = pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
UNIX = pytest.mark.toolchain("unix port", "native modules x64", "native modules armv7emdp")
POINTS = 12


@M7
def test_a_deployment_cut_off_anywhere_leaves_the_old_rig_or_the_new(tmp_path):
    found = power_cut.study_rig(tmp_path, POINTS, seed=1)
    assert len(found) == POINTS and set(found) == {"old", "new"}


@M7
def test_settings_and_log_cut_off_anywhere_are_the_old_or_the_new(tmp_path):
    found = power_cut.study_settings(tmp_path, POINTS, seed=1)
    assert len(found) == POINTS and set(found) == {"old", "new"}


@UNIX
@pytest.mark.parametrize("kind", ["fat", "lfs1", "lfs2"])
def test_a_deployment_on_other_file_systems_too(tmp_path, kind):
    found = power_cut.study_rig_on(kind, tmp_path, POINTS, seed=1)
    assert len(found) == POINTS and set(found) == {"old", "new"}


@UNIX
@pytest.mark.parametrize("kind", ["fat", "lfs1", "lfs2"])
def test_settings_and_log_cut_off_in_every_change(kind):
    old, new, default, wear = unix_disk.settings_on(kind)
    assert old > 50 and new > 50 and default == 0
    # What keep.py says: N and a sector; N and a unit. LittleFS 1 is what it is.
    assert wear == {"fat": 2560 + 512, "lfs2": 2560 + 256}.get(kind, wear)


@UNIX
@pytest.mark.parametrize("kind", ["lfs1", "lfs2"])
def test_a_unit_that_a_cut_leaves_erased_changes_nothing_on_littlefs(kind):
    old, new, default, _ = unix_disk.settings_on(kind, "ruin")
    assert old > 5 and new > 5 and default == 0


@UNIX
def test_a_sector_that_a_cut_leaves_erased_can_cost_the_settings_on_fat_but_not_the_start():
    """FAT's own limit: its table and directories lie in sectors that are written over."""
    old, new, default, _ = unix_disk.settings_on("fat", "ruin")
    assert old + new > 50 and 0 < default < 50


@UNIX
def test_on_fat_only_the_replacement_of_main_py_has_a_gap(tmp_path):
    rigs, recording = power_cut.record_on("fat", tmp_path, main=True)
    points = [(point, 0) for point in range(len(recording.changes) + 1)]
    images = [recording.cut(*point) for point in points]
    found = list(unix_disk.boot_on("fat", tmp_path, images))
    silent = [at for at, files in enumerate(found) if not isinstance(files, dict)]
    for at, files in enumerate(found):
        if at not in silent:
            with power_cut.where(f"cut before change {at}"):
                rigs.which(files)
    assert silent == list(range(silent[0], silent[0] + len(silent))) and len(silent) < 8, silent


@M7
def test_a_file_left_by_a_deployment_that_was_cut_off_is_never_taken_up_by_a_later_one(
    tmp_path, monkeypatch
):
    rigs = power_cut.Rigs(tmp_path)
    old = rigs.new_script.with_name("old_rig.py")
    module = old.with_name("old_module.py")
    was = module.read_bytes()
    write = deploy.Device.write

    def fail(self, path, data, advance=None):
        if path.endswith("module.py.new"):
            self.run(f"with open({path!r}, 'wb') as file:\n    file.write({data[:4]!r})")
            raise BoardError("cut")
        write(self, path, data)

    with Emulator("emu_m7", card=rigs.card(), icount=False) as board:
        deploy.deploy(old, emulator=board, progress=False)  # all is as in the index
        module.write_bytes(b"DB = 7\n")
        monkeypatch.setattr(deploy.Device, "write", fail)
        with pytest.raises(BoardError, match="cut"):
            deploy.deploy(old, emulator=board, progress=False)
        monkeypatch.undo()
        assert board.read_card()["old_module.py.new"] == b"DB ="
        module.write_bytes(was)
        old.write_text(old.read_text() + "# another\n")
        deploy.deploy(old, emulator=board, progress=False)
        card = board.read_card()
    assert card["old_module.py"] == was, "half a file of the deployment that was cut off"
    assert not [path for path in card if path.endswith((".new", ".tmp", ".tst"))], sorted(card)
    index = json.loads(card["upedal.json"])["files"]
    for path, sha in index.items():
        assert hashlib.sha256(card[path[1:]]).hexdigest() == sha, path
