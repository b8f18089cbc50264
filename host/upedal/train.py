"""One training loop for every net: streams side by side, state carried from step to step.

The training part of every capture is cut into streams of equal length that start at a new offset
every epoch. All streams run forward together; every `segment` frames there is a gradient step
(truncated back-propagation through time) and the state goes on without its history. The test part
is looked at once, when training has ended.
"""

import dataclasses
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .captures import Capture, Captures
from .errors import UpedalError
from .train_show import bar, stoppable, threads
from .train_weights import average, rounded, state, swapped

_SAVE_S = 20.0


@dataclass
class TrainResult:
    """The best net by validation ESR, and how it came about."""

    net: object
    val_esr: float
    test_esr: (
        float  # of an exact render of the whole recording, over test_slice; the mean over settings
    )
    test_slice: slice  # of the first capture
    history: list = field(default_factory=list)  # one dict an epoch
    seconds: float = 0.0
    seed: int = 0
    interrupted: bool = False
    resumed: int = 0  # epochs that an earlier run had done
    test_mrstft: float = math.nan
    settings: list = field(
        default_factory=list
    )  # {"name", "knobs", "esr", "held_out"} of each capture


def train(dry, wet, rate_hz, recipe, **options):
    """Trains recipe.build() on an aligned pair, float [n] each; options as of train_captures."""
    n = min(len(dry), len(wet))
    for name, x in (("dry", dry), ("wet", wet)):
        if np.ndim(x) != 1 or not np.all(np.isfinite(x)):
            raise UpedalError(f"train: {name} of shape {np.shape(x)}; expected finite mono [n]")
    return train_captures(Captures([Capture(dry[:n], wet[:n])], rate_hz), recipe, **options)


def train_captures(
    captures, recipe, *, minutes=None, out_dir, seed=0, device="auto", resume=True, progress=True
):
    """Trains one net on all captures that are not held out, each 80/10/10 % in order. -> TrainResult

    minutes: wall-clock budget; without it recipe.epochs count. Writes out_dir/checkpoint.pt at
    least every 20 s, and goes on from it where `resume` and the same recipe, seed and data.
    Ctrl-C (or a polite kill) ends training and keeps the best net so far.
    """
    from .train_data import check

    check(captures, minutes)
    job = _Job(captures, recipe, minutes, Path(out_dir), seed, device)
    resumed = job.resume() if resume else 0
    interrupted = False
    with threads(job.net), bar(progress, recipe.name) as shown, stoppable():
        try:
            while not job.done() or job.best_state is None:
                job.epoch()
                shown(job)
        except KeyboardInterrupt:
            interrupted = True
        job.save()
        seconds = job.seconds()
    return _judged(job, captures, seconds, interrupted, resumed)


def _judged(job, captures, seconds, interrupted, resumed):
    """The result, with the test parts and the held-out captures looked at for the first time."""
    from .audio import esr, split
    from .losses import mrstft
    from .train_data import render

    net = job.best_net()
    tests = job.data.test(net)
    settings = [_setting(item, esr(target, output)) for item, target, output in tests]
    far = float(np.mean([mrstft(target, output) for _, target, output in tests]))
    for item in (c for c in captures.items if c.held_out):
        output = render(net, item.dry, captures.scaled(item).tolist())
        settings.append(_setting(item, esr(item.wet, output)))
    return TrainResult(
        net, job.best, float(np.mean([s["esr"] for s in settings if not s["held_out"]])),
        split(len(tests[0][0].dry), captures.rate_hz)[2], job.history, seconds, job.seed, interrupted,
        resumed, far, settings,
    )  # fmt: skip


def _setting(item, value):
    return {"name": item.name, "knobs": list(item.knobs), "esr": value, "held_out": item.held_out}


class _Job:
    """The state of one training run: what a checkpoint holds."""

    def __init__(self, captures, recipe, minutes, out_dir, seed, device):
        import torch

        from .losses import Loss
        from .train_data import Streams

        self.recipe, self.minutes, self.seed, self.rate_hz = (
            recipe,
            minutes,
            seed,
            captures.rate_hz,
        )
        self.path = out_dir / "checkpoint.pt"
        out_dir.mkdir(parents=True, exist_ok=True)
        self.device = _pick(device)
        self.knobs, self.count = captures.knobs, len(captures.knobs)
        self.data = Streams(captures, recipe, seed, self.device)
        self.loss = Loss(recipe, captures.rate_hz).to(self.device)
        if not self.loss.weights:
            raise UpedalError(f"recipe {recipe.name}: all parts of the loss are 0")
        torch.manual_seed(seed)
        self._begin()
        self.best, self.best_state, self.history = math.inf, None, []
        self.scale, self.stale = 1.0, 0  # of the learning rate; validations without a gain
        self.spent, self.began, self.saved = 0.0, time.monotonic(), time.monotonic()

    def _begin(self):
        import torch

        self.net = self.recipe.build(self.count).to(self.device)
        self.adam = torch.optim.Adam(self.net.parameters(), self.recipe.learning_rate, fused=True)
        self.mean = state(self.net) if self.recipe.ema else None  # of the weights
        self.steps = 0

    def seconds(self):
        return self.spent + time.monotonic() - self.began

    def fraction(self):
        """How much of the budget is used up, 0 to 1."""
        stop = self.recipe.early_stop
        if stop and self.stale >= stop:
            return 1.0
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
        for x, y, gain, held in self.data.epoch(len(self.history), self.net):
            frames += y.numel()
            losses.append(self._step(x, y, gain, held))
            if not math.isfinite(losses[-1]):
                return self._recover()
            if self.done() and self.best_state is not None:
                break
        self._validate(float(np.mean(losses)), frames / (time.monotonic() - start))
        return None

    def _step(self, x, y, gain, held):
        import torch

        for group in self.adam.param_groups:
            group["lr"] = self.rate()
        self.adam.zero_grad(set_to_none=True)
        with rounded(self.net, self._rounds()):
            output, held[0] = self.net(x, held[0])
            outputs = (
                output if isinstance(output, tuple) else (output,)
            )  # a tuple: one a size of slim
            loss = sum(self.loss(gain * o, gain * y) for o in outputs)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.adam.step()
        self.steps += 1
        if self.mean is not None:
            average(self.mean, self.net, min(self.recipe.ema, self.steps / (self.steps + 10.0)))
        return float(loss.detach())

    def _rounds(self):
        """Whether weights are rounded as int16 ones are, from now on."""
        return self.recipe.qat == "q15" and self.fraction() >= self.recipe.qat_start

    def _recover(self):
        """After NaN or infinity: back to the best net, half the rate; gives up below 1/1000."""
        import torch

        self.scale *= 0.5
        if self.scale < 1e-3:
            raise UpedalError(f"recipe {self.recipe.name}: the loss is NaN at any learning rate")
        torch.manual_seed(self.seed)
        self._begin()
        if self.best_state is not None:
            self.net.load_state_dict(self.best_state)
            self.mean = state(self.net) if self.recipe.ema else None

    def _validate(self, loss, speed):
        from .losses import mrstft
        from .train_data import mean_esr

        now = self.mean or state(self.net)
        with swapped(self.net, self.mean), rounded(self.net, self._rounds()):
            pairs = self.data.validation(self.net)
        value = mean_esr(pairs)
        if not math.isfinite(value):
            self._recover()
            return
        better = value < self.best
        self.stale = 0 if better else self.stale + 1
        if (
            self.recipe.schedule == "plateau"
            and self.stale
            and self.stale % self.recipe.patience == 0
        ):
            self.scale *= 0.5
        if better:
            self.best, self.best_state = value, {k: v.clone() for k, v in now.items()}
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "seconds": round(self.seconds(), 3),
                "loss": loss,
                "val_esr": value,
                "val_mrstft": float(np.mean([mrstft(*pair) for pair in pairs])),
                "rate": self.rate(),
                "frames_per_s": round(speed),
            }
        )
        if time.monotonic() - self.saved > _SAVE_S:
            self.save()

    def _identity(self):
        """What must agree for a checkpoint to be gone on from."""
        return {
            "recipe": dataclasses.asdict(self.recipe)
            | dict.fromkeys(("note", "expect", "quality")),
            "seed": self.seed,
            "rate_hz": self.rate_hz,
            "knobs": [list(knob.row()) for knob in self.knobs],
            "data": self.data.digest(),
        }

    def save(self):
        from . import checkpoint

        content = {name: getattr(self, name) for name in checkpoint.KEPT}
        content |= {
            "net": self.net.state_dict(),
            "adam": self.adam.state_dict(),
            "seconds": self.seconds(),
        }
        checkpoint.save(self.path, self._identity(), content)
        self.saved = time.monotonic()

    def resume(self):
        """Goes on from the checkpoint where it is of this very job; how many epochs it had done."""
        from . import checkpoint

        with checkpoint.opened(self.path, self._identity(), self.device) as content:
            if content is not None:
                self.net.load_state_dict(content["net"])
                self.adam.load_state_dict(content["adam"])
                for name in checkpoint.KEPT:
                    setattr(self, name, content[name])
                self.spent = content["seconds"]
        return len(self.history)

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


def render(net, dry, knobs=()):
    """The net's output from zero state over the whole of dry, float32 [n]; knobs 0 to 1 each."""
    from .train_data import render as run

    return run(net, dry, knobs)
