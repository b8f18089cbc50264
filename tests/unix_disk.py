"""The host's end of ram_disk.py: unix MicroPython with a disk of its own."""

import json
import subprocess
from pathlib import Path

from upedal import deploy, paths
from upedal.errors import BoardError


def unix(mode, kind):
    """A ram_disk.py that listens."""
    command = [paths.BUILD / "unix" / "micropython", "-X", "heapsize=16M"]
    path = {"MICROPYPATH": f"{paths.NATMODS / 'x64'}:{paths.DEVICE}"}
    command += [Path(__file__).parent / "ram_disk.py", mode, kind]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=path)


def send(process, source):
    data = source.encode()
    process.stdin.write(b"%d\n" % len(data) + data)
    process.stdin.flush()


class UnixDevice(deploy.Device):
    """A Device that is unix MicroPython with a disk of its own."""

    def __init__(self, kind):
        super().__init__(f"unix {kind}")
        self.process = unix("serve", kind)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def run(self, source):
        send(self.process, source)
        out, error = self._until(), self._until()
        if error:
            raise BoardError(f"{self.port}: {error}", error)
        return out

    def _until(self):
        text = b""
        while (byte := self.process.stdout.read(1)) not in (b"\x04", b""):
            text += byte
        return text.decode()


def boot_on(kind, folder, images):
    """Yields for each image what main.py found: {path: hash}, or the error it ended with."""
    process = unix("boot", kind)
    path = folder / "cut.img"
    try:
        for image in images:
            path.write_bytes(image)
            send(process, str(path))
            yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def settings_on(kind, how="keep"):
    """ram_disk.py's [old, new, default] of all cuts in its saves, and what a save wears."""
    process = unix(how, kind)
    out = process.communicate()[0]
    assert process.returncode == 0, f"settings on {kind}: a cut that they did not survive"
    return json.loads(out)
