"""Round a training run: its threads, its progress bar, and how it is stopped."""

import math
import signal
import threading
from contextlib import contextmanager


@contextmanager
def threads(net):
    """One PyTorch thread where kernels of our own do the work: theirs share it out better than its small operations."""
    import torch

    from .fastconv import serves

    before = torch.get_num_threads()
    torch.set_num_threads(1 if net.recurrent or serves(net) else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def stoppable():
    """A polite kill, or a closed terminal, ends training as Ctrl-C does, with the best net kept; not so under nohup."""

    def stop(*_):
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    heard = [s for s in found if signal.getsignal(s) is not signal.SIG_IGN]
    before = {s: signal.signal(s, stop) for s in heard}
    try:
        yield
    finally:
        for s, old in before.items():
            signal.signal(s, old)


@contextmanager
def bar(progress, name):
    """A function that shows how far the job is. progress: whether, or a function (fraction, history) that does."""
    if not progress or callable(progress):
        yield (lambda job: progress(job.fraction(), job.history)) if progress else lambda job: None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, TextColumn("{task.fields[note]}")) as shown:
        task = shown.add_task(f"train {name}", total=1.0, note="")

        def show(job):
            last = job.history[-1]["val_esr"] if job.history else math.nan
            note = f"epoch {len(job.history)}, ESR {last:.2%}, best {job.best:.2%}"
            shown.update(task, completed=job.fraction(), note=note)

        yield show
