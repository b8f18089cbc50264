"""`upedal info`: a .upm file explained in full."""

from pathlib import Path

from . import cost, upm, upm_lite, upm_q
from . import layers as L
from . import qlayers as Q


def _name(layer):
    """The op's name, the same for an integer layer and its twin."""
    return type(layer).__name__.removeprefix("Q").lower()


def _conv(layer, dims, side):
    cin, out, taps, dilation = dims
    kind = "dense" if taps == 1 else f"conv1d k{taps} d{dilation}"
    acts = [a.kind for a in upm_q.acts(layer)]
    gate = f" {layer.gate} {acts[1]}" if len(acts) > 1 else ""
    wide = " wide" if upm_q.is_wide(layer) else ""
    return f"{kind} {cin}{f'+{side}' if side else ''}->{out} {acts[0]}{gate}{wide}"


def _describe(layer, dims, side):
    """One line of a layer; dims, side: as upm.widths gives them."""
    if isinstance(layer, Q.Q7Conv1d):
        return f"{_conv(layer, dims, side)}, {layer.layer.weight_bits} bit, shift {layer.layer.output_shift}"
    if isinstance(layer, (L.Conv1d, Q.QConv1d)):
        return _conv(layer, dims, side)
    if isinstance(layer, (L.Gru, L.Lstm, Q.QGru, Q.QLstm)):
        return f"{_name(layer)} {dims[0]}->{dims[1]}"
    if isinstance(layer, (L.Activation, Q.QActivation)):
        return layer.activation.kind
    if isinstance(layer, Q.QDither):
        return f"dither {layer.kind} 1->{layer.channels}, gain {1 << layer.gain}"
    if isinstance(layer, (Q.QEmphasis, Q.QDeemphasis)):
        return f"{_name(layer)} {layer.coef / 32768:g}"
    return _name(layer) + (f" {layer.coef:g}" if hasattr(layer, "coef") else "")


def facts(path):
    """Everything a file says and what follows from it, as a dict; of a smaller model inside it under "lite"."""
    blob = upm.read_blob(path)
    inner = upm.sections(blob).get(upm_lite.TAG)
    return _facts(blob, path) | {"lite": None if inner is None else _facts(inner, path)}


def _facts(blob, path):
    model = upm.loads(blob, path)
    total, each = cost.instructions(model)
    rows = [
        {
            "layer": _describe(layer, *at),
            "slots": f"{'+'.join(map(str, upm.sources(layer)))} -> {layer.dst}",
            "macs": upm.macs(layer),
            "bytes": size,
            "instructions": count,
        }
        for layer, count, size, at in zip(model.layers, each, upm.stored_bytes(model), upm.widths(model))
    ]
    return {
        "file": str(path),
        "bytes": len(blob),
        "version": f"{blob[4]}.{blob[5]}",
        "arithmetic": model.arithmetic,
        "table_bytes": upm.table_bytes(model),
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
        "two_cores": {b.name: two for b, _ in cost.loads(model) if (two := cost.load_two(model, b))},
    }


def _arithmetic(f):
    if f["arithmetic"] == "f32":
        return f"f32, {f['grade']} tanh and sigmoid"
    return f"{f['arithmetic']}, exact; {f['table_bytes']:,} bytes of tables for activations"


def _lite(f):
    return (
        f"a smaller model inside: {f['bytes']:,} bytes, {f['arithmetic']}, {f['parameters']:,} parameters,"
        f" {f['macs']:,} MACs, {f['instructions']:,} instructions a sample; --size lite takes it out"
    )


def show(path, console):
    from rich.table import Table

    f = facts(path)
    field = f["receptive_field"]
    reach = f"{field} frames, {1000 * field / f['rate_hz']:.1f} ms" if field else "unbounded (recurrent)"
    console.print(f"[bold]{Path(path).name}[/]  .upm {f['version']}, {f['bytes']:,} bytes")
    lines = [
        ("arithmetic", _arithmetic(f)),
        ("parameters", f"{f['parameters']:,}"),
        ("sample rate", f"{f['rate_hz']} Hz"),
        ("receptive field", reach),
        ("prewarm", f"{f['prewarm']} frames of silence before the first sample counts"),
        ("latency, polarity", f"{f['latency_frames']:g} frames, {f['polarity']:+d}"),
        ("memory", f"{f['bytes']:,} bytes of file, used in place + {f['arena_bytes']:,} bytes of RAM"),
    ]
    if "quantised_db" in f["meta"]:
        lines.insert(1, ("quantisation", f"{f['meta']['quantised_db']} dB against f32"))
    for key, unit in (("loudness_db", "dB"), ("input_dbu", "dBu"), ("output_dbu", "dBu")):
        if f[key] is not None:
            lines.append((key.split("_")[0], f"{f[key]:g} {unit}"))
    lines += [(f"knob {k[0]}", f"{k[2]:g} to {k[3]:g} {k[1]}, default {k[4]:g}") for k in f["knobs"]]
    lines += sorted((k, v) for k, v in f["meta"].items() if k != "quantised_db")
    lines += [("lite", _lite(f["lite"]))] if f["lite"] else []
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
    if f["lite"]:
        boards.add_column("lite", justify="right")
    for name, share in f["loads"].items():
        both = [share, f["lite"]["loads"][name]] if f["lite"] else [share]
        style = "" if share is None else "red" if share > 1 else "green"
        if name in f["two_cores"]:
            load, cut = f["two_cores"][name]
            both[0] = f"{share:.0%}, two cores {load:.0%} (cut={cut})"
        boards.add_row(name, *("not known" if s is None else s if isinstance(s, str) else f"{s:.0%}" for s in both), style=style)
    console.print(boards)
