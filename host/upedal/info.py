"""`upedal info`: a .upm file explained in full."""

from pathlib import Path

from . import cost, upm
from . import layers as L


def _describe(layer):
    if isinstance(layer, L.Conv1d):
        rows, cin, taps = layer.weight.shape
        kind = "dense" if taps == 1 else f"conv1d k{taps} d{layer.dilation}"
        side = "" if layer.side is None else f"+{layer.side_weight.shape[1]}"
        gate = "" if layer.gate == "none" else f" {layer.gate} {layer.gate_activation.kind}"
        return f"{kind} {cin}{side}->{layer.out} {layer.activation.kind}{gate}"
    if isinstance(layer, (L.Gru, L.Lstm)):
        return f"{type(layer).__name__.lower()} {layer.w_ih.shape[1]}->{layer.w_hh.shape[1]}"
    if isinstance(layer, L.Activation):
        return layer.activation.kind
    coef = f" {layer.coef:g}" if hasattr(layer, "coef") else ""
    return type(layer).__name__.lower() + coef


def facts(path):
    """Everything a file says and what follows from it, as a dict."""
    blob = upm.read_blob(path)
    model = upm.loads(blob, path)
    total, each = cost.instructions(model)
    rows = [
        {
            "layer": _describe(layer),
            "slots": f"{'+'.join(map(str, upm.sources(layer)))} -> {layer.dst}",
            "macs": upm.macs(layer),
            "bytes": 4 * upm.stored_floats(layer, model.grade),
            "instructions": count,
        }
        for layer, count in zip(model.layers, each)
    ]
    return {
        "file": str(path),
        "bytes": len(blob),
        "version": f"{blob[4]}.{blob[5]}",
        "arithmetic": model.arithmetic,
        "grade": model.grade,
        "rate_hz": model.rate_hz,
        "prewarm": model.prewarm,
        "receptive_field": upm.receptive_field(model),
        "knobs": model.knobs,
        "latency_frames": model.latency,
        "polarity": model.polarity,
        "loudness_db": model.loudness_db,
        "input_dbu": model.input_dbu,
        "output_dbu": model.output_dbu,
        "meta": model.meta,
        "layers": rows,
        "macs": sum(row["macs"] for row in rows),
        "parameters": sum(map(upm.parameters, model.layers)),
        "arena_bytes": upm.check(blob, path),
        "instructions": total,
        "loads": {b.name: share for b, share in cost.loads(model)},
    }


def show(path, console):
    from rich.table import Table

    f = facts(path)
    field = f["receptive_field"]
    reach = f"{field} frames, {1000 * field / f['rate_hz']:.1f} ms" if field else "unbounded (recurrent)"
    console.print(f"[bold]{Path(path).name}[/]  .upm {f['version']}, {f['bytes']:,} bytes")
    lines = [
        ("arithmetic", f"{f['arithmetic']}, {f['grade']} tanh and sigmoid"),
        ("parameters", f"{f['parameters']:,}"),
        ("sample rate", f"{f['rate_hz']} Hz"),
        ("receptive field", reach),
        ("prewarm", f"{f['prewarm']} frames of silence before the first sample counts"),
        ("latency, polarity", f"{f['latency_frames']:g} frames, {f['polarity']:+d}"),
        ("memory", f"{f['bytes']:,} bytes of file, used in place + {f['arena_bytes']:,} bytes of RAM"),
    ]
    for key, unit in (("loudness_db", "dB"), ("input_dbu", "dBu"), ("output_dbu", "dBu")):
        if f[key] is not None:
            lines.append((key.split("_")[0], f"{f[key]:g} {unit}"))
    lines += [(f"knob {k[0]}", f"{k[2]:g} to {k[3]:g} {k[1]}, default {k[4]:g}") for k in f["knobs"]]
    lines += sorted(f["meta"].items())
    for name, value in lines:
        console.print(f"  {name:<18} {value}", highlight=False, markup=False)
    table = Table()
    for head in ("layer", "slots", "MACs", "bytes", "instructions"):
        table.add_column(head, justify="left" if head in ("layer", "slots") else "right")
    for row in f["layers"]:
        count = f"{row['instructions']:,}" if row["instructions"] else "fused"
        table.add_row(row["layer"], row["slots"], f"{row['macs']:,}", f"{row['bytes']:,}", count)
    table.add_section()
    table.add_row("a sample", "", f"{f['macs']:,}", "", f"{f['instructions']:,}")
    console.print(table)
    boards = Table(title="estimated share of each board's cycles for effects")
    boards.add_column("board")
    boards.add_column("load", justify="right")
    for name, share in f["loads"].items():
        style = "" if share is None else "red" if share > 1 else "green"
        boards.add_row(name, "not known" if share is None else f"{share:.0%}", style=style)
    console.print(boards)
