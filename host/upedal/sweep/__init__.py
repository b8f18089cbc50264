"""`upedal sweep`: many captures x recipes x seeds, trained side by side, here or on a Ray cluster, in one table."""

from contextlib import contextmanager

from ..errors import UpedalError
from .plan import Job, Plan, load

__all__ = ["Job", "Plan", "load", "run"]


def run(plan, *, processes=None, address=None, console=None):
    """Trains what a Plan lacks and writes the table. -> {"rows", "failed": {job name: why}, "interrupted"}

    processes: at once, instead of the plan's; address: "host:port" of a Ray cluster, instead of processes here.
    Jobs that are done are not trained again; Ctrl-C keeps all, and the same call goes on."""
    from . import table
    from .drive import drive, finished
    from .show import live

    plan.output.mkdir(parents=True, exist_ok=True)
    with _alone(plan.output):
        left = [job for job in plan.jobs if finished(job, plan.output) is None]
        failed, interrupted = {}, False
        if left:
            backend = _backend(plan, len(left), processes, address)
            with live(console, plan, len(left), backend) as shown:
                failed, interrupted = drive(left, backend, shown)
        made = table.rows(plan, failed)
        table.write(plan, made, failed)
    if console:
        console.print(table.shown(plan, made))
    return {
        "rows": made,
        "failed": {j.name: why for j, why in failed.items()},
        "interrupted": interrupted and any(row["state"] == "left" for row in made),
    }


def _backend(plan, jobs, processes, address):
    address = address or plan.address
    if address:
        from .cluster import Cluster

        return Cluster(plan.output, address, plan.threads or 1, plan.gpus)
    from .local import Local

    return Local(plan.output, jobs, processes or plan.processes, plan.threads)


@contextmanager
def _alone(folder):
    """Refuses a folder that another sweep works in."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        yield
        return
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UpedalError(
                f"{folder}: another sweep works in it; wait for it, or set another output"
            ) from None
        yield
