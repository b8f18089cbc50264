"""Deployment: only what changed, whole or not at all, and errors that say what to do."""

import hashlib
import io
import json
import os
import socket
import threading
from pathlib import Path

import pytest
from upedal import board, deploy, paths, payload
from upedal.errors import BoardError, UpedalError

from tests.power_cut import POWER_ON

VECTORS = Path(__file__).parent.parent / "vectors"
M7 = pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
RIG = "from pedal import Gain, Neural, Rig\n\nrig = Rig(Gain(db={}), Neural('{}.upm'))\n"


@pytest.fixture
def rig(tmp_path):
    """A rig script with two models beside it, of which it uses one."""
    for name in ("gru4", "gru10"):
        (tmp_path / f"{name}.upm").write_bytes((VECTORS / f"{name}.upm").read_bytes())
    path = tmp_path / "my_rig.py"
    path.write_text(RIG.format(6, "gru4"))
    return path


@pytest.fixture
def m7():
    from upedal.emulator import Emulator

    with Emulator("emu_m7", icount=False) as emulator:
        yield emulator


@pytest.fixture
def loaded(rig):
    """A board whose card holds the rig as an earlier deployment left it."""
    from upedal.emulator import Emulator

    files = payload.collect(rig, arch="armv7emdp", board=board.load("emu_m7"))
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    index = json.dumps({"files": hashes, "gone": []}).encode()
    with Emulator("emu_m7", card={**files, "/upedal.json": index}, icount=False) as emulator:
        yield emulator


def put(rig, emulator):
    return deploy.deploy(rig, emulator=emulator, progress=False)


def names_on(card):
    """Files on the card, less the index."""
    return {f"/{name}" for name in card} - {"/upedal.json"}


# ---- what goes to the device ----


def collect(rig, **options):
    return payload.collect(rig, arch="armv7emdp", native=(), **options)


def test_a_rig_brings_its_model_its_own_modules_and_the_package(rig):
    (rig.parent / "fuzz.py").write_text("import octave\nM = 'gru10.upm'\n")
    (rig.parent / "octave.py").write_text("import json\n")
    rig.write_text("import fuzz\n" + rig.read_text())
    files = collect(rig, board=board.load("teensy41"))
    assert files["/rig.py"] == rig.read_bytes()
    assert files["/models/gru4.upm"] == (rig.parent / "gru4.upm").read_bytes()
    assert {"/fuzz.py", "/octave.py", "/models/gru10.upm"} <= set(files)
    assert {"/main.py", "/settle.py", "/lib/pedal/board.py"} <= set(files)
    assert b"NAME = 'teensy41'" in files["/lib/pedal/board.py"]
    here = {path.stem for path in (paths.DEVICE / "pedal").rglob("*.py")}
    there = {name.rsplit("/", 1)[1].split(".")[0] for name in files if "/pedal/" in name}
    assert here | {"board"} == there


@pytest.mark.parametrize(
    "text, words",
    [
        ("rig = 'absent.upm'", r"my_rig.py:1: model 'absent.upm' not found; looked in"),
        ("rig = (", r"my_rig.py:1: .*expected a Python script"),
        ("\n'gru4.upm'\n'other/gru4.upm'\n", r"my_rig.py:3: .*would be one file on the device"),
    ],
)
def test_a_rig_that_cannot_be_sent_is_refused_with_its_line(rig, text, words):
    (rig.parent / "other").mkdir()
    (rig.parent / "other" / "gru4.upm").write_bytes(b"another")
    rig.write_text(text)
    with pytest.raises(UpedalError, match=words):
        collect(rig)


def test_native_modules_fall_back_to_an_architecture_whose_code_runs(rig, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "NATMODS", tmp_path / "natmod")
    folder = tmp_path / "natmod" / "armv7m"
    folder.mkdir(parents=True)
    for name in payload.NATIVE:
        (folder / f"{name}.mpy").write_bytes(b"M\x06" + name.encode())
    files = payload.collect(rig, arch="armv7em")
    assert files["/lib/pedal_nn.mpy"] == b"M\x06pedal_nn"
    with pytest.raises(UpedalError, match="no native modules for xtensawin; there are armv7m"):
        payload.collect(rig, arch="xtensawin")


def test_mip_and_the_freezing_manifest_list_the_whole_package():
    listed = json.loads((paths.DEVICE / "package.json").read_text())
    files = [
        path.relative_to(paths.DEVICE).as_posix()
        for path in sorted((paths.DEVICE / "pedal").rglob("*.py"))
        if path.name != "board.py"
    ]
    assert listed["urls"] == [[name, name] for name in files]
    assert 'package("pedal")' in (paths.DEVICE / "manifest.py").read_text()


# ---- the device's side: settle.py, cut off at every operation ----


class _Disk:
    """A folder as a device's root, whose power fails at the nth change. On FAT nothing may be renamed;
    tests/power_cut.py has real file systems."""

    def __init__(self, root, fat):
        self.root, self.fat, self.left = root, fat, None

    def at(self, path):
        return f"{self.root}{path}"

    def change(self):
        if self.left is not None:
            if self.left == 0:
                raise KeyboardInterrupt("power")
            self.left -= 1

    def rename(self, old, new):
        assert not self.fat, f"{old} renamed: two names for one file, or none, at a cut"
        self.change()
        os.replace(self.at(old), self.at(new))

    def remove(self, path):
        self.stat(path)
        self.change()
        os.remove(self.at(path))

    def open(self, path, mode="r"):
        if "w" in mode:
            self.change()
        return open(self.at(path), mode)

    def settle(self, left=None):
        """Run settle.py with power for `left` changes; whether it came to its end."""
        self.left = left
        source = (paths.DEVICE / "settle.py").read_text().replace("import os\n", "")
        fake = {"os": self, "open": self.open}
        try:
            exec(source, fake)  # noqa: S102 - the file under test
        except KeyboardInterrupt:
            return False
        return True

    def stat(self, path):
        return os.stat(self.at(path))

    def files(self):
        return {f"/{path.name}": path.read_text() for path in self.root.iterdir()}


@pytest.mark.parametrize("fat", [False, True])
def test_power_loss_at_any_change_ends_in_the_new_rig(tmp_path, fat):
    old = {"/rig.py": "old", "/a.upm": "old", "/gone.upm": "old", "/same.py": "same"}
    new = {"/rig.py": "new", "/a.upm": "new", "/b.upm": "new"}
    files = {**dict.fromkeys(new), "/same.py": None}
    index = {"files": files, "sent": list(new), "gone": ["/gone.upm"], "copy": fat}
    index = json.dumps(index)
    ended = []
    for cut in range(24):
        disk = _Disk(tmp_path / f"{fat}{cut}", fat)
        disk.root.mkdir()
        written = {**old, "/upedal.json": "old", "/upedal.new": index}
        written |= {f"{path}.new": text for path, text in new.items()}
        for path, text in written.items():
            (disk.root / path[1:]).write_text(text)
        ended.append(disk.settle(cut))
        assert disk.settle()
        assert disk.files() == {**new, "/same.py": "same", "/upedal.json": index}, cut
    assert ended[0] is False and ended[-1] is True, "the cuts do not cover the whole of it"


def test_without_the_switch_nothing_moves(tmp_path):
    disk = _Disk(tmp_path, False)
    for name in ("rig.py", "rig.py.new", "upedal.tmp"):
        (tmp_path / name).write_text(name)
    assert disk.settle(0)
    assert set(disk.files()) == {"/rig.py", "/rig.py.new", "/upedal.tmp"}


@pytest.mark.parametrize("part", ["", "{", '{"files": {"/rig.py": null}, "sent": ["/rig.py"]'])
def test_an_index_that_fat_has_in_part_moves_nothing(tmp_path, part):
    disk = _Disk(tmp_path, True)
    for name, text in (("rig.py", "old"), ("rig.py.new", "n"), ("upedal.new", part)):
        (tmp_path / name).write_text(text)
    assert disk.settle(0)
    assert disk.files()["/rig.py"] == "old"


def test_a_file_that_was_not_sent_keeps_its_place(tmp_path):
    """What lies beside it as .new is from a deployment that was cut off."""
    index = {"files": {"/a.py": None, "/b.py": None}, "sent": ["/b.py"], "gone": []}
    names = {"a.py": "a", "a.py.new": "half", "b.py.new": "b", "upedal.new": json.dumps(index)}
    for name, text in names.items():
        (tmp_path / name).write_text(text)
    assert _Disk(tmp_path, False).settle()
    assert [(tmp_path / name).read_text() for name in ("a.py", "b.py")] == ["a", "b"]


# ---- on an emulated board, by mpremote's transport ----


@M7
def test_only_what_changed_is_sent_and_the_rest_is_kept(rig, m7):
    first = put(rig, m7)
    card = m7.read_card()
    assert first.unchanged == [] and set(first.sent) == names_on(card)
    assert first.bytes == sum(len(data) for name, data in card.items() if name != "upedal.json")
    index = json.loads(card["upedal.json"])["files"]
    for name, digest in index.items():
        assert hashlib.sha256(card[name[1:]]).hexdigest() == digest, name
    assert (first.arch, first.board) == ("armv7emdp", "emu_m7")

    again = put(rig, m7)
    assert (again.sent, again.bytes) == ([], 0) and set(again.unchanged) == set(first.sent)

    rig.write_text(RIG.format(7, "gru4"))
    assert put(rig, m7).sent == ["/rig.py"]

    rig.write_text(RIG.format(7, "gru10"))
    swapped = put(rig, m7)
    assert swapped.sent == ["/models/gru10.upm", "/rig.py"]
    assert swapped.removed == ["/models/gru4.upm"]
    card = m7.read_card()
    assert "models/gru4.upm" not in card and b"gru10" in card["rig.py"]
    assert not [name for name in card if name.endswith((".new", ".tmp"))]
    assert "4 sent" not in str(swapped) and "2 sent" in str(swapped)


@M7
def test_a_file_damaged_on_the_device_is_sent_again(rig, loaded):
    loaded.mpremote("exec", "f = open('/models/gru4.upm', 'wb'); f.write(b'short'); f.close()")
    assert put(rig, loaded).sent == ["/models/gru4.upm"]


@M7
@pytest.mark.parametrize("cut", range(9))
def test_a_cut_transfer_leaves_the_old_rig_and_the_next_one_the_new(rig, loaded, monkeypatch, cut):
    """The line breaks for good before the device's cut-th exchange after the questions."""
    before = loaded.read_card()
    rig.write_text(RIG.format(9, "gru10"))
    run, left = deploy.Device.run, [2 + cut]  # settle() and ask() come first

    def fail(self, source):
        if left[0] == 0:
            raise BoardError("cut")
        left[0] -= 1
        return run(self, source)

    monkeypatch.setattr(deploy.Device, "run", fail)
    with pytest.raises(BoardError, match="cut"):
        put(rig, loaded)
    monkeypatch.undo()
    after = loaded.read_card()
    kept = {name: data for name, data in after.items() if name in before}
    assert kept == before, "a file of the running rig changed before the switch"
    assert (put(rig, loaded).sent == []) == ("upedal.new" in after), "past the switch, it is done"
    card = loaded.read_card()
    assert b"db=9" in card["rig.py"] and "models/gru10.upm" in card
    assert not [name for name in card if name.endswith((".new", ".tmp"))]


@M7
def test_what_was_sent_runs_at_power_on(rig, loaded):
    wav = io.BytesIO()
    import soundfile

    soundfile.write(wav, [0.25] * 100, 48000, format="WAV", subtype="PCM_16")
    text = f"f = open('/in.wav', 'wb'); f.write({wav.getvalue()!r}); f.close()"
    loaded.mpremote("exec", text)
    printed = loaded.run(POWER_ON)
    assert json.loads(printed)["frames"] == 100, printed
    assert "out.wav" in loaded.read_card()


@M7
def test_a_transfer_that_arrives_damaged_is_noticed(m7, monkeypatch):
    with deploy.Device(m7.port) as device:
        run = device.run
        monkeypatch.setattr(device, "run", lambda text: run(text.replace("right", "wrong")))
        with pytest.raises(BoardError, match="/x arrived with hash .*; expected"):
            device.write("/x", b"right")


# ---- errors ----


def facts(**changes):
    found = {"name": "micropython", "version": [1, 26, 1], "mpy": 0x2306, "machine": "x"}
    return {**found, **changes}


def test_micropython_of_another_mpy_version_is_refused():
    assert deploy._check_version("p", facts()) == "armv7emdp"
    for number, arch in ((0x1306, "armv6m"), (0x1B06, "armv7em"), (0x2F06, "rv32imc")):
        assert deploy._check_version("p", facts(mpy=number)) == arch
    with pytest.raises(
        UpedalError, match=r"p: MicroPython 1.20.0 takes .mpy .* 6.1; expected 6.3"
    ):
        deploy._check_version("p", facts(version=[1, 20, 0], mpy=0x2106))
    with pytest.raises(UpedalError, match="p: runs circuitpython"):
        deploy._check_version("p", facts(name="circuitpython"))


def test_a_full_device_is_refused_before_anything_is_written():
    report = deploy.Report("p", "x", "1.26.1", None, None, sent=["/a", "/b"])
    files = {"/a": b"x" * 5000, "/b": b"x"}
    room = {"cluster": 4096, "free": 4 * 4096}  # 2 + 1 for the files, 1 for the index
    deploy._check_room(report, files, room, 100)
    with pytest.raises(UpedalError, match="p: full: 12288 bytes free; expected 16384 for 2 files"):
        deploy._check_room(report, files, {**room, "free": 3 * 4096}, 100)
    room["sizes"] = {"/a": 4096}  # on FAT: 4 as above, 1 that /a grows by, 1 for /b, 2 indexes
    deploy._check_room(report, files, {**room, "free": 8 * 4096}, 100, copy=True)
    with pytest.raises(UpedalError, match="p: full: 28672 bytes free; expected 32768"):
        deploy._check_room(report, files, {**room, "free": 7 * 4096}, 100, copy=True)


def test_a_port_that_is_not_there_is_named(rig):
    with pytest.raises(BoardError, match="/dev/ttyNONE: does not open .*; there are"):
        deploy.deploy(rig, "/dev/ttyNONE", progress=False)
    with pytest.raises(UpedalError, match="no port given"):
        deploy.deploy(rig)


def test_a_device_that_says_nothing_is_told_from_one_that_is_absent(rig, monkeypatch):
    monkeypatch.setattr(deploy, "ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=server.accept, daemon=True)
        thread.start()
        port = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BoardError, match=f"{port}: does not answer"):
            deploy.deploy(rig, port, progress=False)
