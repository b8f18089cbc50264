"""What runs on the nodes of a cluster: a job in a temporary folder, and the desk that is told how it goes."""

import hashlib
import os
import socket
import tempfile
import time
from pathlib import Path

from .. import __version__
from . import worker
from .attempt import LOG, Attempt, Outcome, checkpoints

_STEP_S, _TELL_S = 0.1, 1.0


class Desk:
    """An actor beside the driver: keeps the last progress and checkpoints of each job until they are fetched."""

    def __init__(self):
        self._told, self._stopping = {}, False

    def tell(self, key, progress, checkpoints):
        """checkpoints: {name: bytes} of those that are new. -> whether the job shall stop."""
        before = self._told.get(key, ({}, {}))[1]
        self._told[key] = progress, before | checkpoints
        return self._stopping

    def empty(self):
        """{key: (progress, checkpoints)} since the last call."""
        told, self._told = self._told, {}
        return told

    def stop(self):
        self._stopping = True


def work(order, files, begun, threads, desk):
    """Runs a job. -> (Outcome, {name: bytes} of the files that it leaves)

    files: {path from the folder of jobs.yaml: (path where the driver has it, SHA-256, [ObjectRef of its bytes])};
    begun: {name: bytes} of checkpoints to go on from."""
    if order["version"] != __version__:
        node, driver = (
            f"upedal {__version__} on {socket.gethostname()}",
            f"upedal {order['version']}",
        )
        return Outcome(
            "refused", f"{node}, {driver} at the driver; expected one version on all"
        ), {}
    with tempfile.TemporaryDirectory(prefix="upedal-sweep-") as temporary:
        folder, base = Path(temporary) / "job", _base(Path(temporary) / "files", files)
        folder.mkdir()
        for name, content in begun.items():
            (folder / name).write_bytes(content)
        for name, told in files.items():
            _place(Path(os.path.normpath(base / name)), *told)
        attempt = Attempt(folder, order, base, threads)
        try:
            outcome = _watched(attempt, order["hash"], desk)
        finally:
            attempt.kill()
        return outcome, _left(folder, outcome.how)


def _base(root, files):
    """A folder below root, deep enough that no path of `files` from it leads out of root."""
    depth = max(Path(name).parts.count("..") for name in files)
    base = root.joinpath(*["d"] * depth)
    base.mkdir(parents=True)
    return base


def _place(path, original, sha256, ref):
    """Copies a recording to `path`: from a disk that this node shares with the driver, or out of the object store."""
    import ray

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        content = Path(original).read_bytes()
    except OSError:
        content = b""
    path.write_bytes(content if hashlib.sha256(content).hexdigest() == sha256 else ray.get(ref[0]))


def _watched(attempt, key, desk):
    """The attempt's Outcome; meanwhile the desk is told."""
    import ray

    here = {
        "node": socket.gethostname(),
        "node_id": ray.get_runtime_context().get_node_id(),
        "pid": os.getpid(),
    }
    last, sent = -_TELL_S, _stamps(attempt.folder)
    while (outcome := attempt.poll()) is None:
        time.sleep(_STEP_S)
        if time.monotonic() - last < _TELL_S:
            continue
        last = time.monotonic()
        stamps = _stamps(attempt.folder)
        new = {
            name: (attempt.folder / name).read_bytes()
            for name in stamps
            if stamps[name] != sent.get(name)
        }
        sent = stamps
        try:
            if ray.get(desk.tell.remote(key, attempt.progress() | here, new), timeout=5):
                attempt.stop()
        except ray.exceptions.RayError:  # the desk starts anew
            pass
    return outcome


def _stamps(folder):
    """{name: time of its last change} of the checkpoints."""
    return {path.name: path.stat().st_mtime_ns for path in checkpoints(folder)}


def _left(folder, how):
    """The files to bring home: all of what is done, else the log and the checkpoints."""
    names = {path.name for path in folder.iterdir() if path.is_file()} - {
        worker.PROGRESS,
        worker.JOB,
    }
    if how != "done":
        names &= {LOG, *_stamps(folder)}
    return {name: (folder / name).read_bytes() for name in names}
