"""A sweep while it runs: a line for each job that runs now, and one for each that has ended."""

from contextlib import contextmanager

from .drive import finished
from .table import esr, percent


@contextmanager
def live(console, plan, left, backend):
    """Shows what `drive` tells; console None: nothing."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=console is None) as bars:
        yield _Shown(bars, plan, left, backend)


class _Shown:
    def __init__(self, bars, plan, left, backend):
        self._bars, self._output, self._left = bars, plan.output, left
        self._rows, self._done = {}, 0
        done = len(plan.jobs) - left
        self._say(f"{left} of {len(plan.jobs)} jobs to train, {done} done before; {backend}")

    def _say(self, line):
        if not self._bars.disable:
            self._bars.console.print(line, highlight=False, markup=False)

    def started(self, job):
        self._rows[job] = self._bars.add_task(job.name, total=1.0, note="starts")

    def tick(self, progress):
        for job, told in progress.items():
            note = f"{told.get('seconds', 0.0):.0f} s"
            if told.get("best") is not None:
                note += f", epoch {told['epoch']}, ESR {percent(told['best'])}"
            if told.get("node"):
                note += f", on {told['node']}"
            self._bars.update(self._rows[job], completed=told.get("fraction", 0.0), note=note)

    def ended(self, job, outcome, again):
        self._bars.remove_task(self._rows.pop(job))
        last = outcome.note.splitlines()[-1] if outcome.note else ""
        if outcome.how == "done":
            self._done += 1
            error = percent(esr(finished(job, self._output)))
            self._say(f"{job.name}: test ESR {error} ({self._done} of {self._left})")
        elif outcome.how == "stopped":
            self._say(f"{job.name}: stopped, its checkpoint kept")
        else:
            self._say(f"{job.name}: failed{', tried again' if again else ''}: {last}")

    def stopping(self):
        self._say("stopping: what runs saves its checkpoint (Ctrl-C again ends it at once)")
