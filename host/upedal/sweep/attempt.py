"""A worker process and what became of it: started, watched, stopped. Used here and on the nodes of a cluster."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from .. import __version__
from ..files import write_atomic
from . import worker

LOG = "log.txt"
_TAIL = 2000  # bytes of the log that a failure keeps
_PATIENCE_S = 60.0  # that a worker has to save and end


@dataclass(frozen=True)
class Outcome:
    """how: "done", "failed" (worth another try), "refused" (not worth one) or "stopped"; note: why, text; fresh:
    whether another try had better not go on from the checkpoint."""

    how: str
    note: str = ""
    fresh: bool = False


def order(job):
    """What job.json holds."""
    return {
        "name": job.name, "capture": job.capture, "recipe": job.recipe, "hash": job.hash, "spec": job.spec,
        "inputs": job.inputs, "plan": job.plan, "report": job.report, "version": __version__,
    }  # fmt: skip


class Attempt:
    """One try of a job in `folder`. order: as above, its inputs' paths relative to `base`; threads: of the process."""

    def __init__(self, folder, order, base, threads):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / worker.PROGRESS).unlink(missing_ok=True)
        write_atomic(folder / worker.JOB, json.dumps(order, indent=1).encode())
        self._began, self._asked = time.monotonic(), None
        self._resumed = bool(checkpoints(folder))
        count = str(threads)
        threads = {
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "OPENBLAS_NUM_THREADS": count,
        }
        with open(folder / LOG, "wb") as log:
            # A session of its own: the terminal's Ctrl-C reaches the sweep, which then asks the worker. It starts in its
            # own folder, as Python imports from there first, and not what lies beside the recordings.
            self.process = subprocess.Popen(
                [sys.executable, "-m", worker.__name__, str(folder.resolve()), str(base)],
                cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | threads | {"PYTHONUNBUFFERED": "1"},
            )  # fmt: skip

    def poll(self):
        """The Outcome, or None while it runs."""
        status = self.process.poll()
        if status is None:
            if self._asked and time.monotonic() - self._asked > _PATIENCE_S:
                self.process.kill()
            return None
        self._close()
        if status == worker.DONE:
            return Outcome("done")
        if self._asked:
            return Outcome("stopped")
        note = tail(self.folder)
        if status < 0:
            note = f"killed by signal {-status}\n{note}".strip()
        note = note or f"exit status {status}, nothing in its log"
        if status != worker.REFUSED:
            return Outcome("failed", note)
        # It may be no more than the checkpoint that a machine tore when it went down.
        return Outcome("failed", note, fresh=True) if self._resumed else Outcome("refused", note)

    def stop(self):
        """Asks it to save and end; poll() tells when it has."""
        if self._asked is None:
            self._asked = time.monotonic()
            self._close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self):
        try:
            self.process.stdin.close()
        except OSError:  # it is gone already
            pass

    def progress(self):
        """{"seconds", and as soon as known "fraction", "epoch", "best"}."""
        return {"seconds": time.monotonic() - self._began} | progress(self.folder)


def checkpoints(folder):
    """Paths of what training goes on from."""
    return sorted(folder.glob("*.pt"))


def forget(folder):
    """Removes them."""
    for path in checkpoints(folder):
        path.unlink()


def progress(folder):
    try:
        return json.loads((folder / worker.PROGRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def tail(folder):
    """The end of a folder's log, text."""
    try:
        return (folder / LOG).read_bytes()[-_TAIL:].decode(errors="replace").strip()
    except OSError:
        return ""
