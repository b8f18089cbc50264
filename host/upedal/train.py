"""One training loop for every net: streams side by side, state carried from step to step.

The training part is cut into `batch` streams of equal length that start at a new offset every
epoch. All streams run forward together; every `segment` frames there is a gradient step
(truncated back-propagation through time) and the state goes on without its history.
"""

import dataclasses
import math
import os
import pickle
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .audio import esr, split
from .errors import UpedalError

_FORMAT = 1  # of checkpoints
# What a torn or foreign checkpoint raises, in torch.load or when its parts are put in place.
_TORN = (
    pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError,
    AttributeError, OSError,
)  # fmt: skip
_VALIDATION_LANES = 64
_WARM_UP_S = 0.25  # how much signal a recurrent net sees ahead of what counts, in lanes


@dataclass
class TrainResult:
    """The best net by validation ESR, and how it came about."""

    net: object
    val_esr: float
    test_esr: float  # of an exact render of the whole recording, over test_slice
    test_slice: slice
    history: list = field(default_factory=list)  # one dict an epoch
    seconds: float = 0.0
    seed: int = 0
    interrupted: bool = False


def train(
    dry, wet, rate_hz, recipe, *, minutes=None, out_dir, seed=0, device="auto", resume=True,
    progress=True,
):  # fmt: skip
    """Trains recipe.build() on an aligned pair, float [n] each, 80/10/10 % in order.

    minutes: wall-clock budget; without it recipe.epochs count. Writes out_dir/checkpoint.pt after
    every validation that is better and at least every 20 s, and goes on from it where `resume`
    and the same recipe, seed and data. Ctrl-C ends training and keeps the best net so far.
    """
    n = _check_input(dry, wet, rate_hz, minutes)
    job = _Job(dry[:n], wet[:n], rate_hz, recipe, minutes, Path(out_dir), seed, device)
    if resume:
        job.resume()
    interrupted = False
    with _threads(job), _bar(progress, recipe.name) as bar:
        try:
            while not job.done():
                job.epoch()
                bar(job)
        except KeyboardInterrupt:
            interrupted = True
        job.save()
        seconds = job.seconds()
    net = job.best_net()
    test = split(n, rate_hz)[2]
    test_esr = esr(wet[test], render(net, dry[:n])[test])
    return TrainResult(net, job.best, test_esr, test, job.history, seconds, seed, interrupted)


def _check_input(dry, wet, rate_hz, minutes):
    if minutes is not None and not 0 < minutes <= 1e5:
        raise UpedalError(f"train: minutes is {minutes}; expected more than 0")
    for name, x in (("dry", dry), ("wet", wet)):
        if np.ndim(x) != 1 or not np.all(np.isfinite(x)):
            raise UpedalError(f"train: {name} of shape {np.shape(x)}; expected finite mono [n]")
        if not np.any(x):
            raise UpedalError(f"train: {name} is silent")
    n = min(len(dry), len(wet))
    for name, part in zip(("training", "validation", "test"), split(n, rate_hz)):
        if not np.any(wet[part]):
            raise UpedalError(f"train: the {name} part of wet is silent; expected sound in it")
    return n


class _Job:
    """The state of one training run: what a checkpoint holds."""

    def __init__(self, dry, wet, rate_hz, recipe, minutes, out_dir, seed, device):
        import torch

        from .losses import Loss

        self.recipe, self.minutes, self.seed, self.rate_hz = recipe, minutes, seed, rate_hz
        self.out_dir = out_dir
        out_dir.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        self.device = _pick(device)
        self.dry = torch.as_tensor(np.asarray(dry, np.float32), device=self.device)
        self.wet = torch.as_tensor(np.asarray(wet, np.float32), device=self.device)
        self.parts = split(len(dry), rate_hz)
        self.net = recipe.build().to(self.device)
        self.adam = torch.optim.Adam(self.net.parameters(), recipe.learning_rate)
        self.loss = Loss(
            esr=recipe.esr,
            emphasised=recipe.emphasised,
            emphasis=recipe.emphasis,
            dc=recipe.dc,
        )
        if not self.loss.parts:
            raise UpedalError(f"recipe {recipe.name}: esr, emphasised and dc are all 0")
        self.best, self.best_state, self.history = math.inf, None, []
        self.scale, self.stale = 1.0, 0  # of the learning rate; validations without a gain
        self.spent, self.began, self.saved = 0.0, time.monotonic(), time.monotonic()

    def seconds(self):
        return self.spent + time.monotonic() - self.began

    def fraction(self):
        """How much of the budget is used up, 0 to 1."""
        if self.minutes is not None:
            return min(1.0, self.seconds() / (60.0 * self.minutes))
        return min(1.0, len(self.history) / self.recipe.epochs)

    def done(self):
        return self.fraction() >= 1.0

    def rate(self):
        r = self.recipe
        if r.schedule == "cosine":
            half = 0.5 + 0.5 * math.cos(math.pi * self.fraction())
            return self.scale * (r.final_rate + (r.learning_rate - r.final_rate) * half)
        return max(self.scale * r.learning_rate, r.final_rate)

    def epoch(self):
        """Once through the training part, then a validation."""
        start, losses, frames = time.monotonic(), [], 0
        for x, y, state in self._segments():
            frames += x.numel()
            losses.append(self._step(x, y, state))
            if not math.isfinite(losses[-1]):
                return self._recover()
            if self.done() and self.best_state is not None:
                break
        self._validate(float(np.mean(losses)), frames / (time.monotonic() - start))
        return None

    def _segments(self):
        """(x, y [batch, segment], holder of the state) in order, over streams of this epoch."""
        import torch

        r, n = self.recipe, self.parts[0].stop
        rng = np.random.default_rng((self.seed, len(self.history)))
        batch = max(1, min(r.batch, n // (2 * r.segment)))
        length = n // batch
        shift = int(rng.integers(length))
        starts = (np.arange(batch) * length + shift) % n
        x, y = torch.roll(self.dry[:n], -shift), torch.roll(self.wet[:n], -shift)
        before = self.dry[(starts[:, None] - np.arange(r.warm_up, 0, -1)) % n]
        x = x[: batch * length].view(batch, length)
        y = y[: batch * length].view(batch, length)
        state = [None]
        if r.warm_up:
            with torch.no_grad():
                state[0] = self.net(before)[1]
        segment = min(r.segment, length)
        for at in range(0, length - segment + 1, segment):
            yield x[:, at : at + segment], y[:, at : at + segment], state

    def _step(self, x, y, state):
        import torch

        for group in self.adam.param_groups:
            group["lr"] = self.rate()
        self.adam.zero_grad(set_to_none=True)
        output, state[0] = self.net(x, state[0])
        loss = self.loss(output, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.adam.step()
        return float(loss.detach())

    def _recover(self):
        """After NaN or infinity: back to the best net, half the rate; gives up below 1/1000."""
        import torch

        self.scale *= 0.5
        if self.scale < 1e-3:
            raise UpedalError(f"recipe {self.recipe.name}: the loss is NaN at any learning rate")
        if self.best_state is None:
            torch.manual_seed(self.seed)
            self.net = self.recipe.build().to(self.device)
        else:
            self.net.load_state_dict(self.best_state)
        self.adam = torch.optim.Adam(self.net.parameters(), self.recipe.learning_rate)

    def _validate(self, loss, speed):
        value = self._validation_esr()
        if not math.isfinite(value):
            self._recover()
            return
        better = value < self.best
        self.stale = 0 if better else self.stale + 1
        if self.recipe.schedule == "plateau" and self.stale >= self.recipe.patience:
            self.scale, self.stale = 0.5 * self.scale, 0
        if better:
            self.best = value
            self.best_state = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "seconds": round(self.seconds(), 3),
                "loss": loss,
                "val_esr": value,
                "rate": self.rate(),
                "frames_per_s": round(speed),
            }
        )
        if time.monotonic() - self.saved > 20.0:
            self.save()

    def _validation_esr(self):
        """Over the validation part in overlapping lanes, each warmed up by what precedes it."""
        part = self.parts[1]
        net = self.net
        memory = int(_WARM_UP_S * self.rate_hz) if net.recurrent else net.receptive_field
        output = _render_lanes(net, self.dry, part, memory)
        return esr(self.wet[part].cpu().numpy(), output.cpu().numpy())

    # Checkpoints.

    def _identity(self):
        """What must agree for a checkpoint to be gone on from."""
        return {
            "format": _FORMAT,
            "recipe": dataclasses.asdict(self.recipe),
            "seed": self.seed,
            "frames": len(self.dry),
            "rate_hz": self.rate_hz,
            "sums": [float(self.dry.double().abs().sum()), float(self.wet.double().abs().sum())],
        }

    def save(self):
        import torch

        path = self.out_dir / "checkpoint.pt"
        temporary = path.with_name(f"checkpoint.{os.getpid()}.tmp")
        content = {
            "identity": self._identity(),
            "net": self.net.state_dict(),
            "adam": self.adam.state_dict(),
            "best": self.best,
            "best_state": self.best_state,
            "history": self.history,
            "scale": self.scale,
            "stale": self.stale,
            "seconds": self.seconds(),
        }
        try:
            torch.save(content, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        self.saved = time.monotonic()

    def resume(self):
        """Goes on from out_dir/checkpoint.pt where it is of this very job; else starts afresh."""
        import torch

        path = self.out_dir / "checkpoint.pt"
        if not path.is_file():
            return
        try:
            content = torch.load(path, map_location=self.device, weights_only=True)
            if content["identity"] != self._identity():
                return
            self.net.load_state_dict(content["net"])
            self.adam.load_state_dict(content["adam"])
            self.best, self.best_state = content["best"], content["best_state"]
            self.history, self.scale = content["history"], content["scale"]
            self.stale, self.spent = content["stale"], content["seconds"]
        except _TORN as e:
            raise UpedalError(
                f"{path}: not a checkpoint of upedal ({type(e).__name__}: {e}); remove it or train"
                " without resuming"
            ) from None

    def best_net(self):
        if self.best_state is None:
            raise UpedalError("train: stopped before the first validation; nothing to keep")
        self.net.load_state_dict(self.best_state)
        return self.net.cpu().eval()


def _pick(device):
    """The device; "auto" is a GPU where there is one."""
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as e:
        raise UpedalError(f"device {device!r}: {str(e).splitlines()[0]}") from None


@contextmanager
def _threads(job):
    """One PyTorch thread for recurrent nets, whose steps are too small to share out."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1 if job.net.recurrent else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _bar(progress, name):
    """A function that shows how far the job is."""
    if not progress:
        with nullcontext():
            yield lambda job: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}")) as shown:
        task = shown.add_task(f"train {name}", total=1.0, note="")

        def show(job):
            last = job.history[-1]["val_esr"] if job.history else math.nan
            note = f"epoch {len(job.history)}, ESR {last:.2%}, best {job.best:.2%}"
            shown.update(task, completed=job.fraction(), note=note)

        yield show


def _render_lanes(net, dry, part, warm_up):
    """Output over dry[part], float32 tensor: equal lanes side by side, each warmed up first."""
    import torch

    n = part.stop - part.start
    lane = -(-n // _VALIDATION_LANES)
    pad = torch.nn.functional.pad(dry[: part.stop], (warm_up, _VALIDATION_LANES * lane - n))
    first = pad[part.start :]  # warm_up frames ahead of the part
    x = first.unfold(0, warm_up + lane, lane)[:_VALIDATION_LANES]
    with torch.no_grad():
        y, _ = net(x)
    return y[:, warm_up:].reshape(-1)[:n]


def render(net, dry):
    """The net's output from zero state over the whole of dry, float32 [n], frame by frame exact."""
    import torch

    net = net.cpu().eval()
    x = torch.as_tensor(np.asarray(dry, np.float32)).unsqueeze(0)
    out, state = [], None
    with torch.no_grad():
        for at in range(0, x.shape[1], 1 << 16):
            y, state = net(x[:, at : at + (1 << 16)], state)
            out.append(y[0])
    return torch.cat(out).numpy() if out else np.zeros(0, np.float32)
