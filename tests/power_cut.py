"""Power cuts at any byte: what a real run wrote is cut off there and started again.

    python -m tests.power_cut [POINTS]      POINTS cuts of each kind, 200 unless told (`make power-cut`)

Real: the firmware, its file system, keep.py, log.py, deploy.py over the serial port, settle.py and
main.py; every image is booted, and its rig plays a file (not live audio, which has no end). Simulated:
the card is RAM; its changes, programs and erases in the order in which they were made, are recorded by
`card.record`, and the image of a cut holds all before it and the first bytes of the one it falls into.
On FAT and LittleFS 1 it is unix MicroPython with a disk in RAM (ram_disk.py), and a stand-in for the
player.
"""

import contextlib
import hashlib
import io
import json
import random
import struct
import sys
import tempfile
import time
from pathlib import Path

from upedal import board, deploy, paths, payload
from upedal.emulator import Emulator

from tests import unix_disk

VECTORS = Path(__file__).parent / "vectors"
RIG = "from pedal import Gain, Neural, Rig\nimport {0}\n\nrig = Rig(Gain(db={0}.DB), Neural('{1}.upm'))\n"
OURS = ("/in.wav", "/out.wav", "/upedal.json")  # files that no index lists
SAVES = 24
SAVE = """
import card
from pedal.keep import Keep
from pedal.log import Log
values, log = Keep("/settings"), Log("/log", 600)
for number in range({saves}):
    card.record("{folder}/%d" % number)
    values["number"] = number
    values["text"] = "x" * (number * 617 % 2500)
    if number & 1:
        values.save()
    else:
        for step in values.saver():
            assert step <= 512
    log.note("save %d" % number)
    log.write()
"""
LOOK = """
import json
from pedal.keep import Keep
from pedal.log import Log
values, log = Keep("/settings"), Log("/log", 600)
found = [values.get("number", -1), len(values.get("text", "")), log.read()]
values["number"] = 1000
values.save()
print(json.dumps(found + [Keep("/settings")["number"]]))
"""
# Runs the card's main.py, whose player plays a file and ends.
POWER_ON = """
import sys
class Boot:
    def __init__(self, start):
        self.start = start
def start():
    from pedal.play import main
    main("/rig.py", "/in.wav", "/out.wav")
sys.modules["pedal.boot"] = Boot(start)
import main
"""


class Recording:
    """A card's image and the changes made to it since: (address, bytes)."""

    def __init__(self, image, path):
        self.image, self.changes = image, []
        data, at = Path(path).read_bytes(), 0
        while at < len(data):
            address, length = struct.unpack_from("<II", data, at)
            erased, length = length >> 31, length & 0x7FFFFFFF
            part = b"\xff" * length if erased else data[at + 8 : at + 8 + length]
            self.changes.append((address, part))
            at += 8 + (0 if erased else length)

    def cut(self, point, torn=0):
        """The image where power fails in change `point`, of which `torn` bytes have arrived."""
        image = bytearray(self.image)
        for address, data in self.changes[:point]:
            image[address : address + len(data)] = data
        if torn:
            address, data = self.changes[point]
            image[address : address + torn] = data[:torn]
        return bytes(image)

    def points(self, count, seed):
        """`count` cuts (point, torn), spread at random over the recording, both ends included."""
        pick = random.Random(seed)
        last = len(self.changes)
        found = {(0, 0), (last, 0)}
        while len(found) < count:
            point = pick.randrange(last)
            found.add((point, pick.randrange(len(self.changes[point][1]))))
        return sorted(found)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Rigs:
    """Two rigs that differ in script, module, model, main.py, settle.py and the pedal package."""

    def __init__(self, folder, main=True):
        self.new_script = self._script(folder, "new", -3, "gru10")
        old = self._script(folder, "old", 6, "gru4")
        profile = board.load("emu_m7")
        self.new = payload.collect(self.new_script, arch="armv7emdp", board=profile)
        self.old = payload.collect(old, arch="armv7emdp", board=profile)
        del self.old["/lib/pedal/keep.mpy"]  # as a .py file, which a .mpy one must replace
        self.old["/lib/pedal/keep.py"] = (paths.DEVICE / "pedal" / "keep.py").read_bytes()
        for name in ("/settle.py", "/main.py")[: 1 + main]:
            self.old[name] += b"# old\n"

    def _script(self, folder, name, db, model):
        path = folder / f"{name}_rig.py"
        path.write_text(RIG.format(f"{name}_module", model))
        (folder / f"{name}_module.py").write_text(f"DB = {db}\n")
        (folder / f"{model}.upm").write_bytes((VECTORS / f"{model}.upm").read_bytes())
        return path

    def card(self):
        """The old rig as a deployment left it, and something to play."""
        import soundfile

        wav = io.BytesIO()
        sound = [0.25, -0.25, 0.5] * 40
        soundfile.write(wav, sound, 48000, format="WAV", subtype="PCM_16")
        index = {"files": {path: digest(data) for path, data in self.old.items()}, "gone": []}
        return {
            **self.old,
            "/upedal.json": json.dumps(index).encode(),
            "/in.wav": wav.getvalue(),
        }

    def which(self, hashes):
        """ "old" or "new", by the hashes of all files that are there; AssertionError for a mixture."""
        waiting = (".new", ".tmp", ".tst")
        there = {path: sha for path, sha in hashes.items() if path not in OURS and sha}
        # FAT may lose the long name of a file that it was removing, and show its short one: BIG_MO~1.UPM.
        stray = {path for path in there if "~" in path}
        left = {path for path in there if path.endswith(waiting)} | stray
        there = {path: sha for path, sha in there.items() if path not in left}
        for name, files in (("old", self.old), ("new", self.new)):
            if there == {path: digest(data) for path, data in files.items()}:
                waits = left - stray
                assert name == "old" or not waits, f"after the switch {waits} are left"
                return name
        odd = [
            path
            for path, sha in there.items()
            if sha not in (digest(self.old.get(path, b"")), digest(self.new.get(path, b"")))
        ]
        raise AssertionError(
            f"a mixture of old and new; in neither: {odd}; there: {sorted(there)}"
        )


# ---- on the emulated board ----


def record_deployment(folder):
    """-> (rigs, recording of a deployment of the new rig over the old one)"""
    rigs = Rigs(folder)
    with Emulator("emu_m7", card=rigs.card(), icount=False) as emulator:
        run(emulator, f"import card\ncard.record({str(folder / 'changes')!r})")
        before = emulator.read_image()
        deploy.deploy(rigs.new_script, emulator=emulator, progress=False)
        after = emulator.read_image()
    recording = Recording(before, folder / "changes")
    assert recording.cut(len(recording.changes)) == after, "the recording is not what happened"
    return rigs, recording


def run(emulator, source):
    with deploy.Device(emulator.port) as device:
        return device.run(source)


def boot_rig(rigs, image):
    """Power on: -> (which rig is there, the sound it makes)"""
    with Emulator("emu_m7", card=image, icount=False) as emulator:
        run(emulator, POWER_ON)
        card = emulator.read_card()
    which = rigs.which({f"/{path}": digest(data) for path, data in card.items()})
    return which, card["out.wav"]


def record_saves(folder):
    """-> a recording for each save of settings and line of the log"""
    files = payload.package() | payload._natives(payload.NATIVE, "armv7emdp")
    with Emulator("emu_m7", card=files, icount=False) as emulator:
        image = emulator.read_image()
        run(emulator, SAVE.format(saves=SAVES, folder=folder))
        after = emulator.read_image()
    recordings = []
    for number in range(SAVES):
        recordings.append(Recording(image, folder / str(number)))
        image = recordings[-1].cut(len(recordings[-1].changes))
    assert image == after, "the recordings are not what happened"
    return recordings


def boot_settings(image, number):
    """Power on after a cut in save `number`: the number of the settings that are there."""
    with Emulator("emu_m7", card=image, icount=False) as emulator:
        found, length, lines, next_one = json.loads(run(emulator, LOOK))
    check_settings(number, found, length, [int(line.split(" ")[0]) for line in lines])
    assert next_one == 1000, f"the next save was lost: {next_one}"
    return found


def check_settings(number, found, length, counts):
    assert found in (number - 1, number), f"save {found} after a cut in {number}"
    assert length == (found * 617 % 2500 if found >= 0 else 0), f"{length} characters in {found}"
    last = counts[-1] if counts else 0
    assert last in (number, number + 1), f"log ends at {last} after a cut in {number}"
    assert counts == list(range(last - len(counts) + 1, last + 1)), counts


# ---- unix MicroPython with a disk in RAM ----


def record_on(kind, folder, main=False):
    """record_deployment() on a file system in unix MicroPython. main: replace main.py too"""
    rigs = Rigs(folder, main)
    with unix_disk.UnixDevice(kind) as device:
        card = rigs.card()
        device.make_folders(card)
        for path, data in card.items():
            device.write(path, data)
        device.run(f"save({str(folder / 'before')!r})")
        report = deploy.Report(device.port, "", "", None, None)
        deploy._send(device, rigs.new, device.ask(), report, False)
        device.run(f"save({str(folder / 'after')!r})")
    recording = Recording((folder / "before.img").read_bytes(), folder / "after.changes")
    assert recording.cut(len(recording.changes)) == (folder / "after.img").read_bytes()
    return rigs, recording


def outcomes(rigs, recording, kind, folder, points):
    """The rig after each cut, in order: all old ones, then all new ones."""
    images = (recording.cut(*point) for point in points)
    found = []
    for point, files in zip(points, unix_disk.boot_on(kind, folder, images), strict=True):
        assert isinstance(files, dict), f"{kind}: cut at {point}: main.py ended with {files}"
        with where(f"{kind}: cut at {point}"):
            found.append(rigs.which(files))
    assert found == sorted(found, reverse=True), f"{kind}: the new rig, then the old again"
    return found


# ---- studies: each returns what the cuts ended in, and raises at the first that ended otherwise ----


@contextlib.contextmanager
def where(text):
    """Puts the place before an AssertionError's text."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{text}: {error}") from None


def study_rig(folder, points, seed):
    rigs, recording = record_deployment(folder)
    found, sounds = [], {}
    for point in recording.points(points, seed):
        with where(f"cut at {point}, seed {seed}"):
            which, sound = boot_rig(rigs, recording.cut(*point))
            assert sounds.setdefault(which, sound) == sound, f"the {which} rig sounds otherwise"
            found.append(which)
    assert found == sorted(found, reverse=True), "the new rig, then the old again"
    assert len(set(sounds.values())) == 2, "both rigs sound the same"
    return found


def study_settings(folder, points, seed):
    recordings = record_saves(folder)
    pick, found = random.Random(seed), []
    for at in range(points):
        number = at * SAVES // points
        point = pick.choice(recordings[number].points(8, pick.random()))
        with where(f"cut at {point} of save {number}, seed {seed}"):
            number_there = boot_settings(recordings[number].cut(*point), number)
            found.append("new" if number_there == number else "old")
    return found


def study_rig_on(kind, folder, points, seed):
    rigs, recording = record_on(kind, folder)
    return outcomes(rigs, recording, kind, folder, recording.points(points, seed))


def main():
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")

    def report(what, study, *arguments):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = study(*arguments, Path(folder), points, seed)
        ends = f"{found.count('old')} old, {found.count('new')} new, 0 other"
        print(f"{what}: {len(found)} cuts, {ends}, {time.monotonic() - start:.0f} s", flush=True)

    report("deployment, emu_m7", study_rig)
    report("settings and log, emu_m7", study_settings)
    for kind in ("fat", "lfs1", "lfs2"):
        report(f"deployment, {kind}", study_rig_on, kind)
    for kind in ("fat", "lfs1", "lfs2"):
        old, new, *_ = unix_disk.settings_on(kind, "every")
        print(f"settings and log, {kind}, every byte: {old + new} cuts, {old} old, {new} new")


if __name__ == "__main__":
    main()
