#!/usr/bin/env python3
"""Training speed, samples a second: PyTorch's own nets (before) and ours (after).

A row is a whole training step of a recipe: forward with the state carried on, the recipe's loss,
backward, the gradient's norm, Adam. One number is the best of many steps over `--seconds`; what
else runs on the machine makes all numbers smaller, so the load is printed.
"""

import argparse
import json
import os
import time
from functools import partial
from pathlib import Path

import torch
from upedal import fastconv, fastrnn, recipe


def best_speed(step, samples, seconds):
    """Samples a second of the fastest step among those that fit into `seconds`, five at least."""
    step()  # pays for first uses
    least, count, began = float("inf"), 0, time.perf_counter()
    while count < 5 or time.perf_counter() - began < seconds:
        at = time.perf_counter()
        step()
        least, count = min(least, time.perf_counter() - at), count + 1
    return samples / least


def training_step(r, batch, knobs=0):
    """A function that trains the recipe's net by a step on noise, `knobs` inputs beside it."""
    from upedal.losses import Esr

    torch.manual_seed(0)
    net, inputs = build(r, knobs), 1 + knobs
    shape = (batch, r.segment, inputs) if knobs else (batch, r.segment)
    x, y = 0.3 * torch.randn(shape), 0.3 * torch.randn(batch, r.segment)
    adam, loss, held = torch.optim.Adam(net.parameters(), 1e-4), Esr(), [None]

    def step():
        adam.zero_grad(set_to_none=True)
        output, held[0] = net(x, held[0])
        loss(output, y).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), r.clip)
        adam.step()

    return step


def build(r, knobs):
    from upedal.nets import GruNet
    from upedal.nets_more import RecurrentNet

    if not knobs:
        return r.build()
    if r.net == "gru":
        return GruNet(r.hidden, r.skip, 1 + knobs)
    return RecurrentNet(r.net, r.hidden, r.depth, r.skip, 1 + knobs)


def row(name, module, extension, options, knobs=0):
    """{"batch", "segment", "before": {threads: samples/s}, "after": likewise, "best_before"}.

    module: whose `extension` (an attribute) is taken away for the speed before, and whose
    `threads` counts.
    """
    r = recipe.load(name)
    out = {"batch": r.batch, "segment": r.segment, "before": {}, "after": {}}
    kept = getattr(module, extension), module.threads
    if kept[0] is None:
        raise SystemExit(
            f"{name}: {module.__name__} has no extension; build it first (make setup)"
        )

    def speed(batch, threads, ours):
        setattr(module, extension, kept[0] if ours else None)
        module.threads = threads
        torch.set_num_threads(1 if ours else threads)
        try:
            step = training_step(r, batch, knobs)
            return round(best_speed(step, batch * r.segment, options.seconds))
        finally:
            setattr(module, extension, kept[0])
            module.threads = kept[1]

    for threads in options.threads:
        out["before"][threads] = speed(r.batch, threads, False)
        out["after"][threads] = speed(r.batch, threads, True)
    tried = [*out["before"].values()]
    if options.search:
        more = [b for b in (16, 256, 800) if b * r.segment <= 500_000]
        tried += [speed(b, t, False) for b in more for t in options.threads]
    out["best_before"] = max(tried)
    return out


recurrent = partial(partial, row, module=fastrnn, extension="_train")

# Name -> function of the options that gives a row.
ROWS = {
    name: recurrent(name)
    for name in ("gru-10", "gru-16", "gru-32", "gru-40", "lstm-16", "lstm-40")
}
convolutional = partial(partial, row, module=fastconv, extension="_train_conv")
ROWS |= {
    name: convolutional(name)
    for name in ("tcn-small", "nam-a2-lite", "nam-a1-nano", "nam-a1-feather", "nam-a1-standard")
}
ROWS["gru-40, 4 knobs"] = recurrent("gru-40", knobs=4)
ROWS["lstm-40, 4 knobs"] = recurrent("lstm-40", knobs=4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all without")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each number (2)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="counts (1 2)")
    parser.add_argument("--search", action="store_true", help="other batches for PyTorch, too")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; expected of {', '.join(ROWS)}")
    print("million samples a second; load of the machine", *(f"{v:.1f}" for v in os.getloadavg()))
    figures = {}
    for name in options.rows or ROWS:
        figures[name] = r = ROWS[name](options=options)
        shape = f"{r['batch']} x {r['segment']}"
        pairs = [f"{t} thread{'s' * (t > 1)} {r['before'][t] / 1e6:6.2f} -> {r['after'][t] / 1e6:6.2f}"
                 for t in options.threads]  # fmt: skip
        ratio = max(r["after"].values()) / r["best_before"]
        print(f"{name:18}{shape:>12}   {'   '.join(pairs)}   x {ratio:.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
