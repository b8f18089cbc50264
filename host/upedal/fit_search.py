"""A search for the net size that a board affords: validation ESR against instructions a sample.

Optuna proposes kind and size of a net; one that the board cannot play is dropped before it is trained, the rest get a
short training each. Every finished trial is in OUT/search.db, so a run that was killed goes on; the trial it was in
starts from its checkpoint. What is written: results.json, pareto.png, pareto.svg and the best that fits as best.yaml.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np

from . import board as boards
from . import fit
from . import recipe as recipes
from .errors import UpedalError
from .files import write_atomic

_BASES = {
    "gru": "gru-16",
    "lstm": "lstm-16",
    "tcn": "tcn-small",
    "wavenet": "nam-a2-lite",
}  # how each kind is trained
_FIRST = {"net": "gru", "gru_hidden": 16}  # the usual recipe, to compare with
_MOST_ASKED = 100  # proposals a trial wanted, most of them dropped before training
_MOST_FAILED = 3  # trainings in a row that end in an error


def propose(trial):
    """The Recipe an Optuna trial stands for."""
    kind = trial.suggest_categorical("net", list(_BASES))
    base = recipes.load(_BASES[kind])
    if kind in ("gru", "lstm"):
        hidden = trial.suggest_int(f"{kind}_hidden", 4, 48, step=2)
        return _named(base, f"{kind}-{hidden}", hidden=hidden)
    channels = trial.suggest_int(f"{kind}_channels", 2, 16)
    kernel = trial.suggest_int(f"{kind}_kernel", 2, 6)
    layers, stacks = (
        trial.suggest_int(f"{kind}_layers", 4, 10),
        trial.suggest_int(f"{kind}_stacks", 1, 2),
    )
    dilations = [2**k for k in range(layers)] * stacks
    kinds = ["tanh", "softsign", "relu"] if kind == "tcn" else ["tanh", "leaky_relu"]
    activation = trial.suggest_categorical(f"{kind}_activation", kinds)
    name = f"{kind}-{channels}-k{kernel}-d{layers}x{stacks}-{activation}"
    if kind == "tcn":
        return _named(
            base,
            name,
            channels=channels,
            kernel=kernel,
            dilations=dilations,
            activation=activation,
        )
    array = {"channels": channels, "kernels": kernel, "dilations": dilations, "head": 1}
    return _named(base, name, arrays=[array], head_taps=1, activation=activation)


def _named(base, name, **changes):
    note = f"found by fit search, trained as {base.name}"
    return dataclasses.replace(base, name=name, note=note, expect="", quality=0.0, **changes)


def run(
    dry, wet, rate_hz, *, board, trials, minutes_each, out_dir, seed=0, device="auto", tell=None
):  # fmt: skip
    """Trains up to `trials` sizes for minutes_each on an aligned pair, float [n] each; -> results, as results.json.

    board: name or Board; a net it cannot play is not trained (where its cycles are not known, only memory decides).
    tell: called with a line of text a trial. The test part of the pair is left alone: ESR is that of validation.
    Ctrl-C ends the search and keeps what is finished. UpedalError where nothing fits, or OUT holds another search.
    """
    profile = board if isinstance(board, boards.Board) else boards.load(board)
    if not 1 <= trials <= 10_000:
        raise UpedalError(f"fit search: {trials} trials; expected 1 to 10000")
    search = _Search(dry, wet, rate_hz, profile, trials, minutes_each, Path(out_dir), seed, device)
    search.tell = tell or (lambda line: None)
    interrupted = False
    try:
        search.go()
    except KeyboardInterrupt:
        interrupted = True
    return search.finish(interrupted)


class _Search:
    """One search: the study, and what stays the same from trial to trial."""

    def __init__(self, dry, wet, rate_hz, profile, trials, minutes_each, out_dir, seed, device):
        self.dry, self.wet, self.rate_hz, self.profile = dry, wet, int(rate_hz), profile
        self.trials, self.minutes, self.out, self.seed, self.device = (
            trials,
            minutes_each,
            out_dir,
            seed,
            device,
        )
        self.out.mkdir(parents=True, exist_ok=True)
        self.study = self._open()

    def _identity(self):
        sums = hashlib.sha256(
            np.asarray(self.dry, np.float32).tobytes() + np.asarray(self.wet, np.float32).tobytes()
        )
        return {
            "board": self.profile.name, "rate_hz": self.rate_hz, "minutes_each": self.minutes, "seed": self.seed,
            "data": sums.hexdigest()[:16],
        }  # fmt: skip

    def _open(self):
        """The study of OUT/search.db, checked to be of this very search."""
        optuna = _optuna()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        path = self.out / "search.db"
        try:
            study = optuna.create_study(
                storage=f"sqlite:///{path.resolve()}", study_name="fit-search", directions=["minimize", "minimize"],
                load_if_exists=True,
            )  # fmt: skip
        except Exception as e:  # SQLAlchemy's, of many kinds
            text = str(e).splitlines()[0]
            raise UpedalError(
                f"{path}: not a search that can go on ({text}); remove it or take another folder"
            ) from None
        before = study.user_attrs
        for key, value in self._identity().items():
            if before and before.get(key) != value:
                raise UpedalError(
                    f"{path}: a search with {key} {before.get(key)}, now {value}; remove it or take another folder"
                )
            study.set_user_attr(key, value)
        begun = len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=8, seed=self.seed + begun)
        self._take_up(study, optuna.trial.TrialState)
        return study

    def _take_up(self, study, states):
        """Trials that a killed run was in are proposed again; a new study begins with the usual recipe."""
        for trial in study.get_trials(states=(states.RUNNING,)):
            study.tell(trial.number, state=states.FAIL)
            if trial.params:
                study.enqueue_trial(trial.params)
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(_FIRST)

    def done(self):
        """{recipe's name: what is known of it} of the trials that were trained."""
        rows = [
            t.user_attrs["row"]
            for t in self.study.get_trials(deepcopy=False)
            if t.values and "row" in t.user_attrs
        ]
        return {row["name"]: row for row in rows}

    def go(self):
        failed = 0
        for _ in range(_MOST_ASKED * self.trials):
            known = self.done()
            if len(known) >= self.trials:
                return
            trial = self.study.ask()
            plan = propose(trial)
            if plan.name in known:  # proposed again: nothing to train
                row = known[plan.name]
                self.study.tell(trial, (row["val_esr"], row["instructions"]))
                continue
            failed = 0 if self._trial(trial, plan) else failed + 1
            if failed == _MOST_FAILED:
                raise UpedalError(
                    f"fit search: {failed} trainings in a row failed, the last with: {self.error}"
                )

    def _trial(self, trial, plan):
        """Trains one proposal, unless the board cannot play it; False where training failed."""
        from optuna.trial import TrialState

        from .train import train

        row = fit.measure(plan, self.rate_hz, self.profile)
        if row.fits is False:
            self.study.tell(trial, state=TrialState.PRUNED)
            return True
        try:
            made = train(
                self.dry, self.wet, self.rate_hz, plan, minutes=self.minutes, out_dir=self.out / "trials" / plan.name,
                seed=self.seed, device=self.device, progress=False,
            )  # fmt: skip
        except UpedalError as e:
            self.error = str(e)
            self.study.tell(trial, state=TrialState.FAIL)
            self.tell(f"{plan.name}: {e}")
            return False
        if made.interrupted:
            raise KeyboardInterrupt  # the trial stays open, and goes on next time
        found = {
            "name": plan.name, "val_esr": made.val_esr, "instructions": row.instructions, "arithmetic": row.arithmetic,
            "load": row.load, "memory_bytes": row.memory_bytes, "epochs": len(made.history), "seconds": round(made.seconds, 1),
            "recipe": changed(plan),
        }  # fmt: skip
        trial.set_user_attr("row", found)
        self.study.tell(trial, (made.val_esr, row.instructions))
        at, share = len(self.done()), "not known" if row.load is None else f"{row.load:.0%}"
        self.tell(f"{at}/{self.trials} {plan.name}: ESR {made.val_esr:.2%}, load {share}")
        return True

    def finish(self, interrupted):
        """The results, written."""
        rows = pareto(list(self.done().values()))
        states = [t.state.name for t in self.study.get_trials(deepcopy=False)]
        result = self._identity() | {
            "trials": self.trials, "trained": len(rows), "over_budget": states.count("PRUNED"), "interrupted": interrupted,
            "rows": rows, "best": None, "recipe": None, "plots": [], "results": str(self.out / "results.json"),
        }  # fmt: skip
        if rows:
            from .fit_plot import draw

            best = min(rows, key=lambda row: row["val_esr"])
            result |= {"best": best["name"], "recipe": str(self.out / "best.yaml")}
            _write(self.out / "best.yaml", as_yaml(best["recipe"], self.profile, best))
            result["plots"] = draw(rows, self.profile, self.minutes, self.out)
        elif not interrupted:
            raise UpedalError(
                f"{self.profile.name}: none of {len(states)} sizes fits; expected a faster board or a lower sample rate"
            )
        _write(self.out / "results.json", json.dumps(result, indent=2) + "\n")
        return result


def _optuna():
    try:
        import optuna
    except ModuleNotFoundError:
        raise UpedalError("fit search needs Optuna; run: pip install 'upedal[search]'") from None
    return optuna


def pareto(rows):
    """The rows, cheapest first, each with "pareto": no other has both a lower ESR and fewer instructions."""
    best, out = np.inf, []
    for row in sorted(rows, key=lambda row: (row["instructions"], row["val_esr"])):
        out.append(row | {"pareto": row["val_esr"] < best})
        best = min(best, row["val_esr"])
    return out


def changed(plan):
    """{key: value} of a Recipe's keys that are not the default."""
    default = dataclasses.asdict(recipes.Recipe())
    return {key: value for key, value in dataclasses.asdict(plan).items() if value != default[key]}


def as_yaml(values, profile, row):
    """A recipe file's text."""
    import yaml

    cost = (
        f"load of {profile.title} {row['load']:.0%}, {row['arithmetic']}"
        if row["load"] is not None
        else row["arithmetic"]
    )
    head = f"# Found by fit search: validation ESR {row['val_esr']:.2%} after {row['seconds']:.0f} s of training; {cost} (estimate).\n"
    return head + yaml.safe_dump(values, sort_keys=False, default_flow_style=False)


def table(result):
    """A rich Table of the trials, the cheapest first; those no other beats in both are marked."""
    from rich.table import Table

    title = f"fit search for {result['board']}: {result['trained']} trained, {result['over_budget']} too large to"
    out = Table(title=title)
    for head in ("net", "arithmetic", "instructions", "load", "validation ESR", ""):
        out.add_column(head, justify="left" if head in ("net", "arithmetic", "") else "right")
    for row in result["rows"]:
        load = "-" if row["load"] is None else f"{row['load']:.0%}"
        mark = "best" if row["name"] == result["best"] else "*" if row["pareto"] else ""
        out.add_row(
            row["name"],
            row["arithmetic"],
            f"{row['instructions']:,}",
            load,
            f"{row['val_esr']:.2%}",
            mark,
        )
    return out


def _write(path, text):
    write_atomic(path, text.encode())
