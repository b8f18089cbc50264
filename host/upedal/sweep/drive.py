"""Runs a plan's jobs to their end: what is done stays done, what failed is tried again, Ctrl-C keeps everything."""

import json
import signal
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager

from .worker import RESULT

RETRIES = 2
_STEP_S = 0.2


def finished(job, output):
    """The result of an earlier run of this very job, or None."""
    path = output / "jobs" / job.folder / RESULT
    # One may be torn, as the machine went down: its checkpoint makes it good soon.
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("hash") == job.hash else None


def drive(jobs, backend, shown):
    """Runs `jobs` on a backend (Local or Cluster). -> ({job: why, text} of those that failed, whether interrupted)

    shown: an object with started(job), ended(job, Outcome, again), tick({job: progress}) and stopping()."""
    run = _Run(jobs, backend, shown)
    with _signals() as asked:
        try:
            while run.goes_on():
                if asked and not run.stopping:
                    run.stop()
                run.start()
                run.collect()
                shown.tick(backend.progress())
                time.sleep(_STEP_S)
                if len(asked) > 1:
                    break
        finally:
            backend.close()
    return run.failed, run.stopping


class _Run:
    """Which jobs wait, how often each was tried, and what failed."""

    def __init__(self, jobs, backend, shown):
        self.waiting, self.backend, self.shown = deque(jobs), backend, shown
        self.tries, self.fresh, self.failed, self.stopping = Counter(), set(), {}, False

    def goes_on(self):
        return self.backend.running() or (self.waiting and not self.stopping)

    def stop(self):
        self.stopping = True
        self.shown.stopping()
        self.backend.stop()

    def start(self):
        while self.waiting and not self.stopping and self.backend.room() > 0:
            job = self.waiting.popleft()
            self.tries[job] += 1
            self.backend.start(job, fresh=job in self.fresh)
            self.shown.started(job)

    def collect(self):
        for job, outcome in self.backend.finished():
            again = outcome.how == "failed" and self.tries[job] <= RETRIES and not self.stopping
            self.shown.ended(job, outcome, again)
            if again:
                self.waiting.append(job)
                # The last try trusts no checkpoint.
                if outcome.fresh or self.tries[job] == RETRIES:
                    self.fresh.add(job)
            elif outcome.how in ("failed", "refused"):
                self.failed[job] = outcome.note


@contextmanager
def _signals():
    """A list that grows by each Ctrl-C or SIGTERM, instead of an exception in the midst of things."""
    asked = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    old = {
        s: signal.signal(s, lambda number, _: asked.append(number))
        for s in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
