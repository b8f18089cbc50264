"""The report's sections on how a model was made: training, facts, and what repeats it."""

import shlex

from .chart import Chart, Line
from .figures import number, percent, show
from .section import Section, knob_text


def training(result):
    history = [h for h in result.get("history") or [] if isinstance(h, dict)]
    charts = [
        _curve(history, "val_esr", "Validation ESR", "%", 100, "error"),
        _curve(history, "val_mrstft", "Validation MR-STFT", "", 1, "target"),
        _curve(history, "loss", "Training loss", "", 1, "model"),
        _curve(history, "rate", "Learning rate", "", 1, "ink"),
    ]
    charts = [chart for chart in charts if chart]
    if not charts:
        return None
    sentences = []
    seen = [(number(h.get("val_esr")), h) for h in history if number(h.get("val_esr"))]
    if seen:
        value, best = min(seen, key=lambda pair: pair[0])
        epochs = f"epoch {best.get('epoch', '?')} of {history[-1].get('epoch', '?')}"
        sentences.append(f"The best validation ESR, {percent(value)}, came in {epochs}.")
        if result.get("interrupted"):
            sentences.append("Training was interrupted: the same command goes on.")
        if result.get("interrupted"):
            sentences.append("Training was interrupted: the same command goes on.")
        if history[-1] is best:
            sentences.append("That was the last: more training would probably lower it.")
    return Section("training", "Training", sentences=sentences, charts=charts)


def _curve(history, key, name, unit, factor, style):
    points = [(h["epoch"], factor * number(h[key])) for h in history
              if "epoch" in h and (number(h.get(key)) or 0) > 0]  # fmt: skip
    if len(points) < 2 or (key == "rate" and len({y for _, y in points}) == 1):
        return None
    x, y = zip(*_thin(points))
    first, last, least = (f"{value:.3g} {unit}".strip() for value in (y[0], y[-1], min(y)))
    said = f"From {first} to {last}, the least {least}."
    return Chart(name, said, "epoch", unit, [Line(name, x, y, style)], y_log=True)


def _thin(points, most=600):
    """At most `most` of the points, the last among them."""
    step = -(-len(points) // most)
    return points[::step] + ([points[-1]] if (len(points) - 1) % step else [])


_FACTS = (
    ("arithmetic", "Arithmetic", "plain"), ("grade", "Grade of tanh and sigmoid", "plain"),
    ("macs", "Multiply-adds a sample", "count"), ("rate_hz", "Rate, Hz", "count"),
    ("seconds_of_audio", "Recording", "seconds"), ("val_esr", "ESR, validation", "ratio"),
    ("test_esr", "ESR, test, floating point", "ratio"),
    ("packed_esr", "ESR, test, the file as packed", "ratio"),
    ("test_esr_emphasised", "ESR, test, with emphasis", "ratio"),
    ("linear_esr", "ESR of the best linear filter", "ratio"), ("test_mrstft", "MR-STFT, test", "plain"),
)  # fmt: skip


def about(result):
    meta = {
        k: v
        for k, v in (result.get("meta") or {}).items()
        if isinstance(v, (str, int, float)) and v != ""
    }
    rows = [(str(k).replace("_", " ").capitalize(), show(v)) for k, v in meta.items()]
    rows += [
        (label, show(result[key], kind))
        for key, label, kind in _FACTS
        if result.get(key) is not None
    ]
    second, lag = result.get("second_test") or {}, result.get("alignment") or {}
    if number(second.get("esr")) is not None:
        rows.append(
            (f"ESR on a second recording, {second.get('wet', '')}", show(second["esr"], "ratio"))
        )
    if number(lag.get("lag_frames")) is not None:
        inverted = "; the wet recording is inverted" if lag.get("polarity") == -1 else ""
        rows.append(
            (
                "Lag of the wet recording, taken out",
                f"{lag['lag_frames']:.2f} frames{inverted}".replace("-", "−"),
            )
        )
    if not rows:
        return None
    said = "licence" in meta or "license" in meta or not meta
    sentences = [] if said else ["No licence is given: name one before you share the file."]
    return Section("about", "About this model", sentences=sentences, rows=rows)


def repeat(result):
    """Everything needed to make the model again, as lines to copy."""
    command, recipe = result.get("command") or "", result.get("recipe")
    parts = [[command if isinstance(command, str) else shlex.join(map(str, command))]]
    if isinstance(recipe, dict):
        parts.append(
            ["# recipe", *(f"{k}: {_yaml(v)}" for k, v in recipe.items() if v not in ("", []))]
        )
    elif recipe:
        parts.append([f"# recipe: {recipe}"])
    facts = {"seed": result.get("seed"), **(result.get("environment") or {})}
    parts.append(["# made with", *(f"# {k}: {v}" for k, v in facts.items() if v is not None)])
    knobs, data = result.get("knobs") or (), result.get("data") or []
    parts.append(["# sha256 of the recordings", *(_file(each, knobs) for each in data)])
    whole = [
        part
        for part in parts
        if len(part) > 1 or (part[0] and part[0][:6] not in ("# made", "# sha2"))
    ]
    text = "\n\n".join("\n".join(part) for part in whole)
    return Section("repeat", "Make it again", block=text) if text else None


def _file(data, knobs):
    where = f"  ({knob_text(data['knobs'], knobs)})" if data.get("knobs") else ""
    return f"# {data.get('sha256', '?')}  {data.get('file', '?')}{where}"


def _yaml(value):
    return str(value).lower() if isinstance(value, bool) else value
