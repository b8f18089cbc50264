#!/usr/bin/env python3
"""How well one model with two knobs plays settings it never heard: the white-box overdrive over drive and tone.

    python tools/knob_study.py -o knob-study.json --minutes 15

Trains on a grid of settings and judges at others, drawn at random, with other playing. Writes JSON with the ESR of
every setting, and the .upm beside it.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from upedal import knobs, synth, upm
from upedal import recipe as recipes
from upedal.captures import Capture, Captures, Knob
from upedal.pack import pack
from upedal.train import train_captures

KNOBS = (Knob("drive", "", 0.0, 1.0, 0.5), Knob("tone", "", 0.0, 1.0, 0.5))


def grid(drives, tones):
    """[(drive, tone)] with both ends of each range."""
    return [
        (float(d), float(t)) for d in np.linspace(0, 1, drives) for t in np.linspace(0, 1, tones)
    ]


def captures(settings, unseen, seconds, rate_hz=48000):
    """Captures of the overdrive: `settings` over one take of `seconds`, `unseen` held out over 8 s of another."""
    dry, other = (
        synth.dry_guitar(seconds, rate_hz, seed=11),
        synth.dry_guitar(8.0, rate_hz, seed=12),
    )

    def item(setting, x, held_out):
        drive, tone = setting
        wet = synth.overdrive(x, rate_hz, drive, tone)
        return Capture(x, wet, setting, f"drive{drive:.3f}_tone{tone:.3f}", held_out)

    items = [item(s, dry, False) for s in settings] + [item(s, other, True) for s in unseen]
    return Captures(items, rate_hz, KNOBS)


def random_settings(count, seed=5):
    rng = np.random.default_rng(seed)
    return [tuple(round(float(v), 3) for v in rng.uniform(0, 1, 2)) for _ in range(count)]


def study(recipe, *, minutes, seconds, drives, tones, unseen, out_dir, seed=0, progress=True):
    """A dict of the figures, and the packed model."""
    data = captures(grid(drives, tones), random_settings(unseen), seconds)
    done = train_captures(
        data, recipe, minutes=minutes, out_dir=out_dir, seed=seed, progress=progress
    )
    model = pack(
        done.net,
        data.rate_hz,
        meta={"name": "white-box overdrive", "recipe": recipe.name},
        knobs=data.knobs,
    )
    settings = knobs.evaluate(upm.dumps(model), data)
    held = [s["esr"] for s in settings if s["held_out"]]
    figures = {
        "recipe": recipe.name, "minutes": done.seconds / 60, "seconds_of_audio": data.seconds(), "seed": seed,
        "grid": [drives, tones], "val_esr": done.val_esr, "epochs": len(done.history),
        "mean_esr_unseen": knobs.mean_esr(settings), "worst_esr_unseen": max(held, default=None),
        "mean_esr_grid": knobs.mean_esr(settings, held_out=False), "settings": settings,
        "frames_per_s": done.history[-1]["frames_per_s"] if done.history else None,
    }  # fmt: skip
    return figures, model


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("-o", "--output", default="knob-study.json", help="the figures (%(default)s)")
    p.add_argument("--recipe", default="knobs-gru", help="name or YAML file (%(default)s)")
    p.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a recipe's key"
    )
    p.add_argument("--minutes", type=float, default=15.0, help="of training (%(default)s)")
    p.add_argument(
        "--seconds", type=float, default=10.0, help="of playing at each setting (%(default)s)"
    )
    p.add_argument("--drives", type=int, default=5, help="settings of drive (%(default)s)")
    p.add_argument("--tones", type=int, default=4, help="settings of tone (%(default)s)")
    p.add_argument("--unseen", type=int, default=12, help="settings to judge at (%(default)s)")
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    out = Path(args.output)
    figures, model = study(
        recipes.load(args.recipe, args.set), minutes=args.minutes, seconds=args.seconds, drives=args.drives,
        tones=args.tones, unseen=args.unseen, out_dir=out.with_suffix(".train"), seed=args.seed,
    )  # fmt: skip
    upm.save(model, out.with_suffix(".upm"))
    upm.replace(out, (json.dumps(figures, indent=1) + "\n").encode())
    for s in figures["settings"]:
        print(f"{'unseen' if s['held_out'] else 'grid':7} {s['name']:28} ESR {s['esr']:.3%}")
    print(
        f"mean ESR: {figures['mean_esr_unseen']:.3%} unseen, {figures['mean_esr_grid']:.3%} on the grid"
    )
    print(f"{out}, {out.with_suffix('.upm')}")


if __name__ == "__main__":
    main()
