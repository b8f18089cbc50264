"""GuitarML's recurrent nets: JSON of CoreAudioML and Automated-GuitarAmpModelling (Proteus, NeuralPi,
Chameleon, TS-M1N3, NeuralSeed's sources), and bare PyTorch state dictionaries of the same kind.

    y = lin(rec([audio, knobs])) + audio where skip

The JSON holds PyTorch's tensors by their names: rec.weight_ih_l0 [G*H][in] and so on, rows of a GRU in the
order reset, update, new, of an LSTM input, forget, cell, output. No sample rate. Levels and names are ours, in
"metadata" beside them, which its players do not look at.
"""

import json

import numpy as np

from .. import layers as L
from ..errors import UpedalError
from . import recurrent, words
from .checked import choice, field, parse_json, whole

MOST_LAYERS = 16
MOST_BLOCKS = 16


def detect(data, name):
    head = data.lstrip()[:1] == b"{" or data[:3] == b"\xef\xbb\xbf"
    if not head or b'"in_shape"' in data:
        return False
    ours = b'"state_dict"' in data and b'"model_data"' in data
    return ours or b'.weight_ih_l0"' in data or _is_smartamppro(data)


def _is_smartamppro(data):
    return b'"conv1d_1_stride"' in data or (b'"conv1d_1"' in data and b'"lstm"' in data)


def read(data, name, *, size=None, warn=print):
    top = parse_json(data, name)
    field({"file": top}, "file", dict, name)
    if "model_data" not in top and _is_smartamppro(data):
        text = "SmartAmpPro's net sees 120 frames at a time and cannot be streamed"
        raise UpedalError(f"{name}: {text}; expected a recurrent GuitarML model")
    if "model_data" not in top:
        layers, inputs = _read_bare(top, name)
    else:
        info = field(top, "model_data", dict, name)
        kind = choice(info, "model", ("SimpleRNN", "RecNet"), name, "SimpleRNN")
        state = field(top, "state_dict", dict, name)
        layers, inputs = (_read_simple if kind == "SimpleRNN" else _read_recnet)(top, info, state, name)
    rate = recurrent.rate_of(name, recurrent.DEFAULT_RATE_HZ, warn)
    model = L.Model(layers, rate, meta=recurrent.title(name), knobs=recurrent.knobs(inputs - 1))
    if "model_data" in top:
        words.read_flat(top.get("metadata"), model, name, warn)
    return model


# ---- tensors -------------------------------------------------------------------------------------


def _tensor(state, key, shape, where):
    if key not in state:
        raise UpedalError(f"{where}: no {key!r}; expected {' x '.join(map(str, shape))} numbers")
    return recurrent.matrix(state[key], shape, f"{where}: {key}")


def _cells(state, prefix, kind, inputs, hidden, count, where):
    rows = recurrent.GATES[kind] * hidden
    cells = []
    for k in range(count):
        shapes = {"weight_ih": (rows, inputs if k == 0 else hidden), "weight_hh": (rows, hidden)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        parts = [_tensor(state, f"{prefix}.{key}_l{k}", s, where) for key, s in shapes.items()]
        cells.append(recurrent.cell(kind, *parts))
    if f"{prefix}.weight_ih_l{count}" in state:
        raise UpedalError(f"{where}: more than the {count} layers of {prefix!r} that 'num_layers' says")
    return cells


def _linear(state, prefix, hidden, out, where, has_bias):
    weight = _tensor(state, f"{prefix}.weight", (out, hidden), where)
    bias = _tensor(state, f"{prefix}.bias", (out,), where) if has_bias else np.zeros(out, np.float32)
    return L.Dense(weight, bias)


def _has_bias(info, state, key):
    return bool(info.get("bias_fl", key in state))


# ---- the three kinds -----------------------------------------------------------------------------


def _read_simple(top, info, state, name):
    where = f"{name}: model_data"
    kind = choice(info, "unit_type", tuple(recurrent.GATES), where)
    inputs = whole(info, "input_size", 1, recurrent.MOST_INPUTS, where, 1)
    hidden = whole(info, "hidden_size", 1, recurrent.WIDEST, where)
    count = whole(info, "num_layers", 1, MOST_LAYERS, where, 1)
    whole(info, "output_size", 1, 1, where, 1)
    skip = whole(info, "skip", 0, 1, where, 1)
    where = f"{name}: state_dict"
    cells = _cells(state, "rec", kind, inputs, hidden, count, where)
    dense = _linear(state, "lin", hidden, 1, where, _has_bias(info, state, "lin.bias"))
    layers = recurrent.chain([*cells, dense])
    return layers + ([_add(layers[-1].dst, 0)] if skip else []), inputs


def _add(src, audio):
    return L.Add(src, audio, src)


def _blocks(top, name):
    found = top.get("blocks", top.get("layers"))
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found, key=lambda k: (len(k), k))]
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_BLOCKS:
        raise UpedalError(f"{name}: a RecNet without 'blocks'; expected 1 to {MOST_BLOCKS}")
    return found


def _read_recnet(top, info, state, name):
    """Blocks of cells and a linear layer; each block may add its own input, the net its audio."""
    skip = whole(info, "skip", 0, 1, f"{name}: model_data", 0)
    layers, src, wide, first = [], 0, None, None
    for n, block in enumerate(_blocks(top, name), 1):
        where = f"{name}: block {n}"
        kind_key = "block_type" if isinstance(block, dict) and "block_type" in block else "layer_name"
        kind = choice(block, kind_key, tuple(recurrent.GATES), where)
        most = recurrent.MOST_INPUTS if wide is None else recurrent.WIDEST
        inputs = whole(block, "input_size", 1, most, where)
        hidden = whole(block, "hidden_size", 1, recurrent.WIDEST, where)
        count = whole(block, "num_layers", 1, MOST_LAYERS, where, 1)
        out = whole(block, "output_size", 1, recurrent.WIDEST, where)
        if wide is not None and inputs != wide:
            raise UpedalError(f"{where}: 'input_size' is {inputs}; the block before it puts out {wide}")
        own = whole(block, "skip", 0, recurrent.WIDEST, where, 1)
        if own and out > inputs:
            raise UpedalError(f"{where}: 'output_size' is {out}; with a skip expected at most {inputs}")
        prefix = f"layers.block_{n}"
        cells = _cells(state, f"{prefix}.rec", kind, inputs, hidden, count, where)
        bias = f"{prefix}.lin.bias" in state
        dense = _linear(state, f"{prefix}.lin", hidden, out, where, bias)
        layers += recurrent.chain([*cells, dense], src, (3, 4) if src in (1, 2) else (1, 2))
        if own:
            layers.append(_add(layers[-1].dst, src))
        first = first or inputs
        src, wide = layers[-1].dst, out
    if wide != 1:
        raise UpedalError(f"{name}: {wide} output channels; expected 1")
    return layers + ([_add(src, 0)] if skip else []), first


def _read_bare(top, name):
    """PyTorch's state dictionary alone: modules in the file's order, recurrent ones by the number of rows."""
    parts, wide, inputs = [], None, None
    for prefix in dict.fromkeys(key.rsplit(".", 1)[0] for key in top):
        if parts and isinstance(parts[-1], L.Conv1d):
            raise UpedalError(f"{name}: {prefix!r} behind the linear layer; expected it to be the last")
        if f"{prefix}.weight_ih_l0" not in top:
            if wide is None:
                raise UpedalError(f"{name}: begins with {prefix!r}; expected a recurrent layer")
            parts.append(_linear(top, prefix, wide, 1, name, f"{prefix}.bias" in top))
            continue
        kind, found, hidden, count = _bare_shape(top, prefix, name)
        if wide is not None and found != wide:
            raise UpedalError(f"{name}: {prefix} reads {found} channels; expected {wide}")
        parts += _cells(top, prefix, kind, found, hidden, count, name)
        inputs, wide = inputs or found, hidden
    if not parts or not isinstance(parts[-1], L.Conv1d):
        raise UpedalError(f"{name}: no linear layer at the end; expected one to a single channel")
    return recurrent.chain(parts), inputs


def _bare_shape(top, prefix, name):
    """(kind, inputs, hidden, layers) of a recurrent module, from the shapes of its tensors."""
    rows, hidden = _shape(top, f"{prefix}.weight_hh_l0", name)
    _, inputs = _shape(top, f"{prefix}.weight_ih_l0", name)
    kinds = [kind for kind, gates in recurrent.GATES.items() if rows == gates * hidden]
    if not kinds or not 1 <= inputs <= recurrent.WIDEST or not 1 <= hidden <= recurrent.WIDEST:
        text = f"{prefix} of {rows} rows, {inputs} inputs and {hidden} units"
        raise UpedalError(f"{name}: {text}; expected a GRU or LSTM of 1 to {recurrent.WIDEST} units")
    count = next(k for k in range(MOST_LAYERS + 1) if k == MOST_LAYERS or f"{prefix}.weight_ih_l{k}" not in top)
    return kinds[0], inputs, hidden, count


def _shape(top, key, name):
    value = top.get(key)
    nested = isinstance(value, list) and value and isinstance(value[0], list)
    if not nested:
        raise UpedalError(f"{name}: no {key!r} of rows and columns")
    return len(value), len(value[0])


# ---- writing -------------------------------------------------------------------------------------


def _state(cells, dense):
    state = {}
    for k, c in enumerate(cells):
        b_ih, b_hh = recurrent.biases(c)
        values = {"weight_ih": c.w_ih, "weight_hh": c.w_hh, "bias_ih": b_ih, "bias_hh": b_hh}
        state |= {f"rec.{key}_l{k}": recurrent.numbers(a) for key, a in values.items()}
    return state | {
        "lin.weight": recurrent.numbers(dense.weight[:, :, 0]),
        "lin.bias": recurrent.numbers(dense.bias),
    }


def _warn_of_players(model, kind, hidden, skip, warn, name):
    if model.rate_hz != recurrent.DEFAULT_RATE_HZ:
        text = f"players take {recurrent.DEFAULT_RATE_HZ} Hz; this model is of {model.rate_hz} Hz"
        warn(f"{name}: GuitarML holds no sample rate: {text}")
    if not skip:
        warn(f"{name}: most GuitarML players add the audio to the output whatever 'skip' says; here it is 0")
    if (kind, hidden) != ("LSTM", 40):
        warn(f"{name}: Proteus plays LSTM of 40 units only; this is {kind} of {hidden}")
    if len(model.knobs) > 2:
        warn(f"{name}: {len(model.knobs)} knobs; GuitarML's players have at most 2")


def write(model, name, *, warn=print):
    """SimpleRNN JSON. UpedalError unless the model is GRU or LSTM layers, a linear one and perhaps a skip."""
    target = "GuitarML JSON"
    parts = recurrent.take_apart(model, name, target)
    stack = recurrent.stack_of(parts.body)
    if stack is None:
        kinds = ", ".join(dict.fromkeys(map(recurrent.kind_of, parts.body)))
        text = f"it is {kinds}; expected GRU or LSTM layers of one width and a linear one"
        raise UpedalError(f"{name}: {target} cannot hold this model: {text}")
    recurrent.fold_knobs(parts, model.knobs, warn, name)
    recurrent.fold_gains(parts, name, target)
    cells, dense = recurrent.stack_of(parts.body)
    kind, hidden = type(cells[0]).__name__.upper(), cells[0].w_hh.shape[1]
    recurrent.warn_of_losses(model, words.FLAT.values(), warn, name, target)
    _warn_of_players(model, kind, hidden, parts.skip, warn, name)
    info = {
        "model": "SimpleRNN", "input_size": cells[0].w_ih.shape[1], "skip": int(parts.skip), "output_size": 1,
        "unit_type": kind, "num_layers": len(cells), "hidden_size": hidden, "bias_fl": True,
    }  # fmt: skip
    top = {"model_data": info, "state_dict": _state(cells, dense)}
    top |= {"metadata": words.flat(model)} if words.flat(model) else {}
    return json.dumps(top, allow_nan=False).encode() + b"\n"
