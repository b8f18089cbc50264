"""What a sweep will take, before it runs: `upedal sweep --dry-run`.

Where minutes are given they are the estimate. A job that is to run its recipe's epochs is timed: a few steps of its
net on noise, on one core, times the frames of its recording and the epochs. An ESTIMATE.
"""

import json
import time
from functools import cache

from .attempt import checkpoints
from .drive import finished
from .local import Local, cores

_OVERHEAD_S = 15.0  # imports, checks, judging, the report
_EXTRA = 1.2  # validation and what surrounds the steps
_TRAINED = 0.8  # of a recording


def table(plan, processes=None, address=None):
    """(rich Table of the jobs, a line of the sum) of a Plan."""
    from rich.table import Table

    made = Table(title=f"{plan.path.name}: {len(plan.jobs)} jobs")
    for head in ("capture", "recipe", "seed", "seconds of audio", "training", "state"):
        made.add_column(head, justify="right" if head[0] == "s" or head == "training" else "left")
    left = []
    for job in plan.jobs:
        needed, done = seconds(job), finished(job, plan.output) is not None
        left += [] if done else [needed + _OVERHEAD_S]
        state = (
            "done"
            if done
            else "goes on"
            if checkpoints(plan.output / "jobs" / job.folder)
            else "to do"
        )
        length = f"{_audio(job)[0]:.0f}"
        made.add_row(job.capture, job.recipe, str(job.seed), length, spelled(needed), state)
    address = address or plan.address
    if address:
        return (
            made,
            f"{len(left)} to train: {spelled(sum(left))} of one core, shared out by Ray at {address}",
        )
    where = Local(plan.output, len(left) or 1, processes or plan.processes, plan.threads)
    return (
        made,
        f"{len(left)} to train: about {spelled(sum(left) / min(where.processes, cores()))} with {where}",
    )


def seconds(job):
    """Of training."""
    minutes, recipe = job.spec["minutes"], job.spec["recipe"]
    if minutes:
        return 60.0 * minutes
    length, rate_hz = _audio(job)
    alike = {key: value for key, value in recipe.items() if key not in ("name", "epochs")}
    speed = _frames_per_s(json.dumps(alike, sort_keys=True))
    return _EXTRA * _TRAINED * length * rate_hz * recipe["epochs"] / speed


def _audio(job):
    """(seconds in all, Hz) of what a job trains on."""
    found = [_length(job.base / name) for name in job.wets]
    return sum(length for length, _ in found), found[0][1]


@cache
def _length(path):
    """(seconds, Hz) of a recording, from its header."""
    import soundfile

    from ..errors import UpedalError

    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, RuntimeError) as e:
        raise UpedalError(f"{path}: not a readable audio file ({e})") from None
    return info.frames / info.samplerate, info.samplerate


@cache
def _frames_per_s(recipe):
    """Of training by a recipe (JSON) on one core: the best of three steps, behind one that warms up."""
    import torch

    from ..recipe import Recipe

    plan = Recipe(**json.loads(recipe))
    net, before = plan.build(), torch.get_num_threads()
    x = 0.1 * torch.randn(plan.batch, plan.segment)
    torch.set_num_threads(1)
    try:
        times = [_step(net, x, plan.net == "tcn8") for _ in range(4)]
    finally:
        torch.set_num_threads(before)
    return x.numel() / min(times[1:])


def _step(net, x, windows):
    """Seconds of one pass forward and back."""
    import torch

    began = time.perf_counter()
    if windows:  # 8-bit nets train on windows with the net's memory ahead of them
        y = net(torch.nn.functional.pad(x, (net.receptive_field - 1, 0))[:, None])
    else:
        y, _ = net(x)
    (y * y).mean().backward()
    return time.perf_counter() - began


def spelled(seconds):
    """90 -> "1 min 30 s"."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {s:02d} s" if minutes else f"{s} s"
