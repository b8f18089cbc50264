"""Trains tcn8.Tcn8: float weights first, then with fake quantisation and dither in the loop.

The float phase needs one input channel only, since without noise all are equal; the quantised phase starts
from its best net. Each step takes `batch` windows of `segment` frames from anywhere in the training ranges,
each with the net's whole memory ahead of it. The loss weighs, as the recipe says,
    emphasised  ESR between the net's output and the target, both pre-emphasised
    esr         ESR of the audio, that is behind the de-emphasis
    dc          squared difference of the windows' means over the target's energy, pre-emphasised
Each phase keeps its best net by validation ESR of the audio, DC removed, in the quantised phase computed in
the pedal's integers. Most steps compute in bfloat16, the last ones in float32.
"""

import dataclasses
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import tcn8, tinyml_data
from .checkpoint import TORN
from .errors import UpedalError
from .losses import Dc, Esr
from .tcn8_data import Windows, check, measure
from .train_show import bar, stoppable

_FORMAT = 1  # of checkpoints
_KEPT = ("best", "best_state", "history", "steps", "scale")  # of a phase, in its checkpoint
_COARSE = 0.93  # of a phase's budget in bfloat16
_VALIDATE_S, _SAVE_S = 8.0, 30.0
_RISE_STEPS = 50  # over which the rate rises at first
_EPOCH_STEPS = 32  # where epochs count instead of minutes


@dataclass
class Result:
    """What training gives: figures over the test ranges, and both nets."""

    float_esr: float
    q7_esr: float
    net: object  # ai8x.Net
    front: tcn8.FrontEnd
    scale: float  # emphasised audio that one unit of the wide sum stands for
    float_net: tcn8.Tcn8
    history: list  # of dicts: phase, step, seconds, loss, val_esr
    seconds: float
    interrupted: bool = False

    emphasis = property(lambda self: self.front.emphasis)

    @property
    def dither(self):
        """(kind, channels, seed, gain)."""
        return self.front.kind, self.front.channels, self.front.seed, self.front.gain


def train(
    dry, wet, rate_hz, recipe, *, split=None, minutes=None, out_dir, seed=0, resume=True,
    progress=True, float_net=None,
):  # fmt: skip
    """A Result from an aligned pair, float [n] each; `split` a tinyml_data.Split, else 80/10/10 %.

    minutes: wall-clock budget of both phases, of which recipe.qat_start goes to the first; without it
    recipe.epochs of 32 steps count. float_net: a Tcn8 of one channel trained on the same recording with the
    same emphasis and input gain; then there is only the second phase, with all of the budget.
    out_dir/float.pt and q7.pt are written at least every 30 s and gone on from where `resume` and the same
    recipe, seed and data. Ctrl-C ends training and keeps the best so far.
    """
    n = min(len(dry), len(wet))
    dry, wet = np.asarray(dry[:n], np.float32), np.asarray(wet[:n], np.float32)
    split = split or tinyml_data.whole(n, rate_hz)
    check(dry, wet, minutes, recipe, split)
    torch.manual_seed(seed)
    data = Windows(dry, wet, rate_hz, recipe, split, seed)
    share = (recipe.qat_start, 1.0 - recipe.qat_start)
    run = _Run(recipe, data, Path(out_dir), resume, minutes)
    with bar(progress, recipe.name) as shown, stoppable():
        if float_net is None:
            first = run.phase("float", data.begin(recipe.build()), share[0], shown)
            float_net, history, seconds = first.best_net(), first.history, first.seconds()
        else:
            first, history, seconds = None, [], 0.0
        second = run.phase("q7", data.spread(float_net), share[1] if first else 1.0, shown)
    net, scale = tcn8.export(second.best_net())
    test = (dry, wet, split.test, data.context)
    return Result(
        measure(lambda x: tcn8.render_float(float_net, data.front, x), *test),
        measure(lambda x: tcn8.render_q7(net, data.front, scale, x), *test),
        net, data.front, scale, float_net, history + second.history,
        seconds + second.seconds(), run.interrupted,
    )  # fmt: skip


@dataclass
class _Run:
    recipe: object
    data: Windows
    out_dir: Path
    resume: bool
    minutes: float | None
    interrupted: bool = False

    def phase(self, name, net, share, bar):
        """A phase run to its end, or to Ctrl-C; after Ctrl-C the next one only looks at its net."""
        phase = _Phase(name, net, share, self)
        if self.resume:
            phase.resume()
        try:
            if phase.best_state is None:
                phase.validate(math.nan)
            while not self.interrupted and not phase.done():
                phase.epoch()
                bar(phase)
        except KeyboardInterrupt:
            self.interrupted = True
        if phase.best_state is None:
            phase.keep(math.inf)
        phase.save()
        return phase


class _Phase:
    """One of the two phases, Adam with a rate that falls along a cosine: what a checkpoint holds."""

    def __init__(self, name, net, share, run):
        self.name, self.net, self.data, self.recipe = name, net, run.data, run.recipe
        self.quantised = name == "q7"
        self.budget_s = None if run.minutes is None else 60.0 * run.minutes * share
        self.budget_steps = max(1, round(run.recipe.epochs * _EPOCH_STEPS * share))
        self.path = run.out_dir / f"{name}.pt"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.start = tcn8.digest(net)
        self.rate = run.recipe.qat_rate if self.quantised else run.recipe.learning_rate
        self.adam = torch.optim.Adam(net.parameters(), self.rate)
        self.best, self.best_state, self.history, self.steps = math.inf, None, [], 0
        self.scale = 1.0  # of the rate, halved after NaN
        self.spent, self.began, self.saved = 0.0, time.monotonic(), time.monotonic()
        self.esr, self.dc = Esr(), Dc()

    def seconds(self):
        return self.spent + time.monotonic() - self.began

    def fraction(self):
        if self.budget_s is not None:
            return min(1.0, self.seconds() / self.budget_s)
        return min(1.0, self.steps / self.budget_steps)

    def done(self):
        return self.fraction() >= 1.0

    def epoch(self):
        """Steps until it is time to validate."""
        start, losses = time.monotonic(), []
        while not self.done():
            losses.append(self._step())
            if not math.isfinite(losses[-1]):
                self._recover()
                losses.pop()
            if self.budget_s is None and self.steps % _EPOCH_STEPS == 0:
                break
            if self.budget_s is not None and time.monotonic() - start > _VALIDATE_S:
                break
        self.validate(float(np.mean(losses)) if losses else math.nan)
        if time.monotonic() - self.saved > _SAVE_S:
            self.save()

    def _step(self):
        r, part = self.recipe, self.fraction()
        rate = r.final_rate + (self.rate - r.final_rate) * (0.5 + 0.5 * math.cos(math.pi * part))
        for group in self.adam.param_groups:
            group["lr"] = self.scale * min(1.0, (self.steps + 1) / _RISE_STEPS) * rate
        self.adam.zero_grad(set_to_none=True)
        loss = self._loss(torch.bfloat16 if part < _COARSE else torch.float32)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), r.clip)
        self.adam.step()
        self.steps += 1
        return float(loss.detach())

    def _loss(self, dtype):
        r, n = self.recipe, self.recipe.segment
        x, target, audio = self.data.batch(self.steps, self.quantised)
        output = (self.net.quantised if self.quantised else self.net)(x, dtype)[:, -n:]
        loss = r.emphasised * self.esr(output, target) + r.dc * self.dc(output, target)
        if r.esr:
            apart = tcn8.deemphasise(output - target, r.emphasis)
            loss = loss + r.esr * apart.square().mean() / (audio.square().mean() + 1e-5)
        return loss

    def _recover(self):
        """After NaN or infinity: back to the best net at half the rate; gives up below 1/1000."""
        self.scale *= 0.5
        if self.scale < 1e-3:
            raise UpedalError(f"recipe {self.recipe.name}: the loss is NaN at any learning rate")
        self.net.load_state_dict(self.best_state)
        self.adam = torch.optim.Adam(self.net.parameters(), self.rate)

    def validate(self, loss):
        value = self.data.validation_esr(self.net, self.quantised)
        note = {"phase": self.name, "step": self.steps, "seconds": round(self.seconds(), 1)}
        self.history.append({**note, "loss": loss, "val_esr": value})
        if value < self.best or self.best_state is None:
            self.keep(value)

    def keep(self, value):
        self.best = value
        self.best_state = {k: v.detach().clone() for k, v in self.net.state_dict().items()}

    def best_net(self):
        self.net.load_state_dict(self.best_state)
        return self.net.eval()

    def _identity(self):
        """What must agree for a checkpoint to be gone on from."""
        recipe = {**dataclasses.asdict(self.recipe), "name": "", "note": ""}
        return {"format": _FORMAT, "recipe": recipe, "start": self.start, "data": self.data.digest}

    def save(self):
        content = {name: getattr(self, name) for name in _KEPT}
        content.update(identity=self._identity(), spent=self.seconds())
        content.update(net=self.net.state_dict(), adam=self.adam.state_dict())
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            torch.save(content, temporary)
            os.replace(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self.saved = time.monotonic()

    def resume(self):
        """Goes on from the phase's file where it is of this very job; else starts afresh."""
        if not self.path.is_file():
            return
        try:
            content = torch.load(self.path, weights_only=True)
            if content["identity"] != self._identity():
                return
            self.net.load_state_dict(content["net"])
            self.adam.load_state_dict(content["adam"])
            for name in (*_KEPT, "spent"):
                setattr(self, name, content[name])
        except TORN as e:
            raise UpedalError(
                f"{self.path}: not a checkpoint of upedal ({type(e).__name__}: {e}); remove it or"
                " train without resuming"
            ) from None
