"""Jobs as tasks of a Ray cluster: recordings go out through its object store, results come back as bytes.

No disk is shared: a node works in a temporary folder, and reads a recording where it lies only if the very same
file is there. While a job runs, its progress and its checkpoints come to an actor beside the driver, so that a
lost worker or node costs what was trained since the last checkpoint.
"""

import json
import os
import socket
import time

from ..errors import UpedalError
from ..files import write_atomic
from . import node
from .attempt import Outcome, checkpoints, forget, order
from .worker import JOB, RESULT

_LOOK_S = 1.0  # how often the cluster's size and its progress are asked for
_PATIENCE_S = 90.0  # for jobs that were asked to stop


def connect(address):
    """The ray module, connected; UpedalError where it is not installed or nobody answers."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ModuleNotFoundError as e:
        if e.name != "ray":
            raise
        raise UpedalError("a sweep on a cluster needs Ray; run: pip install ray") from None
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UpedalError(
            f"address {address!r}; expected HOST:PORT of a Ray cluster, such as 192.168.1.5:6379"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        ray.init(
            address=address, log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True
        )
    except (OSError, RuntimeError, ValueError, ImportError) as e:
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise UpedalError(
            f"{address}: no Ray cluster answers ({reason}); on its head node: ray start --head --port={port}"
        ) from None
    return ray


class Cluster:
    """As local.Local. threads: cores that a job takes; gpus: the share of a GPU."""

    def __init__(self, output, address, threads=1, gpus=0.0):
        self.folder, self.address, self.threads, self.gpus = (
            output / "jobs",
            address,
            threads,
            gpus,
        )
        self._ray = connect(address)
        self._running = {}  # job: its task's ObjectRef
        self._progress, self._looked, self._slots = {}, -_LOOK_S, 0
        self._stopped = None
        self._sent = {}  # path: ObjectRef of its bytes, for as long as a job that runs needs it
        self._desk = _beside_driver(self._ray, node.Desk)
        task = {"num_cpus": threads, "num_gpus": gpus, "max_retries": 0}
        self._task = self._ray.remote(**task)(node.work)
        if not self._capacity():
            found = self._ray.cluster_resources()
            has = f"{found.get('CPU', 0):g} cores and {found.get('GPU', 0):g} GPUs"
            self._ray.shutdown()
            raise UpedalError(
                f"{address}: {has} in all; a job takes {threads} cores and {gpus:g} GPUs"
            )

    def __str__(self):
        nodes = sum(n["Alive"] for n in self._ray.nodes())
        return f"{self._slots} at once on {nodes} nodes of Ray at {self.address}"

    def _capacity(self):
        """Jobs that the nodes which are up can run at once."""
        if time.monotonic() - self._looked >= _LOOK_S:
            self._looked = time.monotonic()
            self._slots = sum(self._fit(n["Resources"]) for n in self._ray.nodes() if n["Alive"])
            self._listen()
        return self._slots

    def _fit(self, resources):
        by_gpu = resources.get("GPU", 0.0) // self.gpus if self.gpus else float("inf")
        return int(min(resources.get("CPU", 0.0) // self.threads, by_gpu))

    def running(self):
        return len(self._running)

    def room(self):
        return self._capacity() - len(self._running)

    def start(self, job, fresh=False):
        folder = self.folder / job.folder
        write_atomic(folder / JOB, json.dumps(order(job), indent=1).encode())
        if fresh:
            forget(folder)
        begun = {path.name: path.read_bytes() for path in checkpoints(folder)}
        files = {name: self._file(job.base / name, sha256) for name, sha256 in job.files.items()}
        self._running[job] = self._task.options(name=job.name).remote(
            order(job), files, begun, self.threads, self._desk
        )

    def _file(self, path, sha256):
        """(path, SHA-256, [ObjectRef of its bytes]): in a list, so that Ray fetches it only where it is asked for."""
        path = path.resolve()
        if path not in self._sent:
            self._sent[path] = self._ray.put(path.read_bytes())
        return str(path), sha256, [self._sent[path]]

    def finished(self):
        tasks = {task: job for job, task in self._running.items()}
        ready = self._ray.wait(list(tasks), num_returns=len(tasks), timeout=0)[0] if tasks else ()
        if ready:
            self._listen()  # for the last checkpoint of what was lost
        ended = [(tasks[task], self._take(tasks[task], task)) for task in ready]
        if self._stopped and time.monotonic() - self._stopped > _PATIENCE_S:
            ended += [
                (job, Outcome("stopped")) for task, job in tasks.items() if task not in ready
            ]
        for job, _ in ended:
            del self._running[job]
        needed = {(job.base / name).resolve() for job in self._running for name in job.files}
        self._sent = {path: ref for path, ref in self._sent.items() if path in needed}
        return ended

    def _take(self, job, task):
        """Writes what a task brought home, its result last. -> Outcome"""
        try:
            outcome, files = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as e:  # the node's own fault, such as a full disk
            return Outcome("failed", str(e)[-2000:])
        except self._ray.exceptions.RayError as e:
            lost = "stopped" if self._stopped else "failed"
            return Outcome(
                lost, f"its worker was lost: {type(e).__name__}: {str(e).strip().splitlines()[0]}"
            )
        for name in sorted(files, key=lambda name: name == RESULT):
            write_atomic(self.folder / job.folder / name, files[name])
        return outcome

    def _listen(self):
        """Fetches progress and checkpoints that came to the desk."""
        try:
            told = self._ray.get(self._desk.empty.remote(), timeout=5)
        except self._ray.exceptions.RayError:  # it starts anew elsewhere
            return
        folders = {job.hash: (job, self.folder / job.folder) for job in self._running}
        for key in told.keys() & folders.keys():
            job, folder = folders[key]
            self._progress[job], files = told[key]
            for name, content in files.items():
                write_atomic(folder / name, content)

    def progress(self):
        self._capacity()
        return {job: self._progress.get(job, {}) for job in self._running}

    def stop(self):
        self._stopped = time.monotonic()
        self._desk.stop.remote()

    def close(self):
        for task in self._running.values():
            self._ray.cancel(task, force=True)
        self._ray.shutdown()


def _beside_driver(ray, cls):
    """An actor of cls on this node, or on another one where this one goes."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as Near

    here = ray.get_runtime_context().get_node_id()
    where = {
        "num_cpus": 0,
        "max_restarts": -1,
        "scheduling_strategy": Near(node_id=here, soft=True),
    }
    return ray.remote(**where)(cls).remote()
