"""Jobs as processes of this machine."""

import os

from .attempt import Attempt, forget, order


def cores():
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


class Local:
    """At most `processes` workers at once, of `threads` threads each; None: as many as cores, and jobs, allow."""

    def __init__(self, output, jobs, processes=None, threads=None):
        self.processes = processes or max(1, min(cores() // (threads or 1), jobs))
        self.threads = threads or max(1, cores() // self.processes)
        self.folder = output / "jobs"
        self._running = {}  # job: Attempt

    def __str__(self):
        return f"{self.processes} processes of {self.threads} threads here"

    def running(self):
        return len(self._running)

    def room(self):
        """How many more jobs can be started now."""
        return self.processes - len(self._running)

    def start(self, job, fresh=False):
        """fresh: without the checkpoint of an earlier try."""
        folder = self.folder / job.folder
        if fresh:
            forget(folder)
        self._running[job] = Attempt(folder, order(job), job.base, self.threads)

    def finished(self):
        """[(job, Outcome)] of those that ended since; their files lie in output/jobs."""
        ended = [(job, outcome) for job, a in self._running.items() if (outcome := a.poll())]
        for job, _ in ended:
            del self._running[job]
        return ended

    def progress(self):
        """{job: {"seconds", "fraction", "epoch", "best", where known}} of those that run."""
        return {job: attempt.progress() for job, attempt in self._running.items()}

    def stop(self):
        """Asks all to save and end."""
        for attempt in self._running.values():
            attempt.stop()

    def close(self):
        """Ends what still runs."""
        for attempt in self._running.values():
            attempt.kill()
        self._running.clear()
