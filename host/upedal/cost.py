"""What a model will cost on a core, before it is trained or run: the budget check.

Instructions are a Cortex-M7's and follow from the kernels' own structure (native_modules/core/up_matrix_vfp.h,
up_tile_vfp.h, up_qtile_m7.h): a group of rows loads its weights and multiplies one an instruction. The constants were
fitted to counts in MicroPython on an emulated Cortex-M7, the cycles of each core to what `upedal bench` estimates:
ESTIMATES, too. `tests/native/test_counts.py` holds them together.
"""

from . import layers as L
from . import qlayers as Q
from . import upm, upm_q

# Cortex-M with a single-precision FPU: measured there, f32, block 64.
_FRAME, _CHUNKS = 36, 12
# Recurrent layers: lists of weights that four columns of a group of rows take (up_matrix_vfp.h), and the gates of
# four, two and one units (up_cells_vfp.h), which tell them apart from the accurate grade's.
_LISTS = {20: 8, 16: 6, 12: 3, 8: 2, 4: 1}
_CELLS = {L.Gru: (122, 63, 36), L.Lstm: (180, 93, 53)}
_ACCURATE_UNIT = {L.Gru: 132, L.Lstm: 178}
_ACTIVATION = {"fast": 14, "accurate": 45}  # tanh or sigmoid of one value
# Convolutions, a chunk of frames at a time: four columns of a tile, one column, its ends, its frames, by rows (5: any
# more, four by four). Then a layer's and four rows' share of a chunk, a value that is added on the way, and what adding
# two signals takes, each channel of it.
_TILES = {
    1: (44, 13, 30, 8),
    2: (77, 22, 35, 8),
    3: (115, 31, 40, 8),
    4: (77, 22, 45, 4),
    5: (83, 23, 45, 4),
}
_CHUNK, _CONV, _ROWS, _PLUS, _ADD, _ADD_CHANNEL, _ALONG = 32, 110, 70, 1.4, 5, 0.75, 4
_LOOK = {"fast": 8.7, "accurate": 41}  # tanh or sigmoid of a convolution's value
# Integer convolutions: a multiply-add and a row, both of rows in fours and columns in pairs, a row alone, a value that
# is looked up, one that is added. Recurrent layers: each, a multiply-add, a unit.
_Q_MAC, _Q_ROW, _Q_ALONE, _Q_LOOK, _Q_ADD = 0.869, 12.1, 214, 4.5, 6.2
_Q_RECURRENT, _Q_RECURRENT_MAC, _Q_UNIT = 133, 1.164, {Q.QGru: 37.3, Q.QLstm: 44.4}
# A convolution of three channels that takes along what lies behind it, and each of its taps.
_Q_BLOCK, _Q_TAP = 96, 9.75
# Cycles: an instruction of the Cortex-M7's, then what a multiply-add takes more than that (below 0: less), and what
# one of a convolution to two or three channels takes still more.
_CYCLES = {
    "cortex-m7": {
        "convolution": (0.99, 0.127, 0.241), "recurrent": (0.937, 0.778, 0),
        "accurate convolution": (1.735, -1.08, 0), "accurate recurrent": (1.914, -0.335, 0),
        "integer convolution": (0.611, -0.011, 0.244), "integer recurrent": (0.698, -0.222, 0),
    },
    "cortex-m4": {
        "convolution": (2.1, 1.17, 0), "recurrent": (1.905, 2.065, 0),
        "accurate convolution": (2.113, 0.7, 0), "accurate recurrent": (1.975, 1.794, 0),
        "integer convolution": (1.283, 0.056, 0.956), "integer recurrent": (1.321, 0.008, 0),
    },
    "cortex-m33": {
        "convolution": (1.95, 1.164, 0), "recurrent": (1.714, 2.136, 0),
        "accurate convolution": (1.838, 0.924, 0), "accurate recurrent": (1.811, 1.875, 0),
        "integer convolution": (1.118, -0.014, 0.817), "integer recurrent": (1.092, 0.086, 0),
    },
}  # fmt: skip
CORES = tuple(_CYCLES)


def _recurrent_group(rows, cols):
    if rows == 20:
        return 7 + 22 * cols + (cols + 1) // 2 + 2 * -(-cols // 4)
    return 5 + cols // 4 * (4 * rows + _LISTS[rows] + 3) + cols % 4 * (rows + -(-rows // 12) + 3)


def _recurrent_matrix(rows, cols):
    if rows == 1:
        return 35 + cols // 8 * 12 + cols % 8 * 5
    return 10 + sum(_recurrent_group(g, cols) for g in upm.groups(rows))


def _recurrent(layer, grade):
    hidden, inputs, kind = layer.w_hh.shape[1], layer.w_ih.shape[1], type(layer)
    if kind is L.Gru:
        work = _recurrent_matrix(2 * hidden, inputs + hidden) + _recurrent_matrix(hidden, hidden)
    else:
        work = _recurrent_matrix(4 * hidden, inputs + hidden)
    if grade == "accurate":
        return work + hidden * (_ACCURATE_UNIT[kind] + 8 * (inputs - 1))
    if inputs > 1:
        work += 70 + 3 * inputs
        work += _recurrent_matrix(2 * hidden, inputs - 1) if kind is L.Gru else 0
    four, two, one = _CELLS[kind]
    return work + hidden // 4 * four + hidden % 4 // 2 * two + hidden % 2 * one + hidden // 2


def _tiles(rows, cols):
    """Sums of all rows over a chunk's frames (native_modules/core/up_tile_vfp.h): four columns at a time, the rest one
    by one, and what a tile begins and ends with."""
    four, one, ends, frames = _TILES[min(rows, 5)]
    return -(-rows // 4) * ((cols // 4 * four + cols % 4 * one + ends) / frames + _ROWS / _CHUNK)


def _past(layer):
    """Keeping the history, and pointing at it."""
    _, cin, taps = layer.weight.shape
    if taps == 1:
        return 0
    if layer.dilation >= _CHUNK:
        return (taps * (20 + 4 * cin) + 14 * cin) / _CHUNK
    return cin * (35 + 0.15 * (taps - 1) * layer.dilation) / _CHUNK


def _conv(layer, grade):
    rows, cin, taps = layer.weight.shape
    side = 0 if layer.side is None else layer.side_weight.shape[1]
    if rows == cin == layer.dilation == 1 and taps >= 16 and not side:
        return 12 + taps // 8 * 8.4 + taps % 8 * 5
    work = _CONV / _CHUNK + _tiles(rows, cin * taps + side) + _past(layer)
    if taps == 1 and 1 < rows == cin <= 4 and grade == "fast":
        # Taken along by the convolution before it.
        work = _tiles(rows, cin) - _ROWS / _CHUNK - _ALONG
    work += sum(
        _each(a.kind, grade, _LOOK) * layer.out for a in (layer.activation, layer.gate_activation)
    )
    return work + (0 if layer.plus is None else _PLUS * layer.out)


def _each(kind, grade, table=None):
    """Instructions of one value's activation; table: those of tanh and sigmoid."""
    if kind in ("tanh", "sigmoid"):
        return (table or _ACTIVATION)[grade]
    if kind == "silu":
        return _ACTIVATION[grade]
    if kind in ("softsign", "rational_tanh", "elu"):
        return 20
    return {"linear": 0, "relu": 2.4, "leaky_relu": 2.4}.get(kind, 6)


def _stored(layer):
    """(rows, multiply-adds) of a layer's matrices as they are stored: rows in fours, runs of columns in pairs."""
    if isinstance(layer, Q.Q7Conv1d):
        _, cin, taps = layer.layer.weight.shape
        parts = [(layer.out, [cin] * taps)]
    else:
        parts = [
            (len(getattr(layer, name).bias), runs) for name, runs in upm_q.runs(layer).items()
        ]
    found = [(-(-rows // 4) * 4, sum(run + run % 2 for run in runs)) for rows, runs in parts]
    return sum(rows for rows, _ in found), sum(rows * columns for rows, columns in found)


def _integer(layer, channels):
    if not upm_q.runs(layer) and not isinstance(layer, Q.Q7Conv1d):
        return _Q_ADD * channels
    rows, macs = _stored(layer)
    if isinstance(layer, (Q.QGru, Q.QLstm)):
        return _Q_RECURRENT + _Q_RECURRENT_MAC * macs + _Q_UNIT[type(layer)] * layer.out
    if layer.out == 1:
        return _Q_ALONE
    looked = isinstance(layer, Q.QConv1d) and layer.activation.table is not None
    return _Q_MAC * macs + _Q_ROW * rows + (_Q_LOOK * layer.out if looked else 0)


def _layer(layer, grade, channels):
    if type(layer) in upm_q.OPS:
        return _integer(layer, channels)
    if isinstance(layer, L.Conv1d):
        return _conv(layer, grade)
    if isinstance(layer, (L.Gru, L.Lstm)):
        return _recurrent(layer, grade)
    if isinstance(layer, L.Activation):
        return (_each(layer.activation.kind, grade) + 4) * channels
    return _ADD + _ADD_CHANNEL * channels if isinstance(layer, (L.Add, L.Film)) else 8 * channels


def _three(layer):
    return isinstance(layer, Q.QConv1d) and layer.inputs == layer.out == 3


def _taken(model):
    """Indices of layers that a 16-bit convolution of three channels takes along (native_modules/core/up_qblock_dsp.h):
    the heads' sum behind it, and the dense layer behind that. -> (those with slopes that take, those taken)."""
    takes, taken = set(), set()
    for at, (layer, after) in enumerate(zip(model.layers, model.layers[1:])):
        if (
            _three(layer)
            and layer.taps > 1
            and layer.activation.slopes is not None
            and isinstance(after, Q.QAdd)
        ):
            takes.add(at)
            taken.add(at + 1)
            if (
                at + 2 < len(model.layers)
                and _three(model.layers[at + 2])
                and model.layers[at + 2].taps == 1
            ):
                taken.add(at + 2)
    return takes, taken


def _kind(model):
    recurrent = any(isinstance(layer, (L.Gru, L.Lstm, Q.QGru, Q.QLstm)) for layer in model.layers)
    kind = "recurrent" if recurrent else "convolution"
    if model.arithmetic != "f32":
        return f"integer {kind}"
    return f"accurate {kind}" if model.grade == "accurate" else kind


def instructions(model):
    """Instructions a sample on a Cortex-M with FPU: (total, [one a layer])."""
    channels, each = {0: 1 + len(model.knobs)}, []
    takes, taken = _taken(model)
    for at, layer in enumerate(model.layers):
        width = upm.shape(layer, channels.get(layer.src, 1))[1]
        before = model.layers[at - 1] if at else None
        # A dense layer of one output behind a GRU or LSTM is fused: counted in its units.
        fused = isinstance(before, (L.Gru, L.Lstm)) and width == 1 and isinstance(layer, L.Conv1d)
        if fused or at in taken:
            work = 0
        elif at in takes:
            work = _Q_BLOCK + _Q_TAP * layer.taps
        else:
            work = _layer(layer, model.grade, channels.get(layer.src, 1))
        each.append(round(work))
        channels[layer.dst] = width
    frame = _FRAME if _kind(model).endswith("recurrent") else _CHUNKS
    return frame + sum(each), each


def _narrow(layer):
    return isinstance(layer, (L.Conv1d, Q.QConv1d, Q.Q7Conv1d)) and 1 < layer.out < 4


def cycles(model, core):
    """ESTIMATED cycles a sample on a core of boards/*.yaml, or None where nothing is known."""
    if core not in _CYCLES:
        return None
    instruction, mac, narrow = _CYCLES[core][_kind(model)]
    found, (takes, taken) = instruction * instructions(model)[0], _taken(model)
    for at, layer in enumerate(model.layers):
        apart = _narrow(layer) and at not in takes | taken
        found += (mac + narrow * apart) * upm.macs(layer)
    return found


def board_cycles(model, profile):
    """As cycles, on a board's core; None of a q7 model where an accelerator plays it."""
    return None if model.arithmetic == profile.arithmetic == "q7" else cycles(model, profile.core)


def loads(model):
    """[(Board, estimated share of its cycle budget or None)] for every board with a clock."""
    from . import board as boards

    profiles = [boards.load(name) for name in boards.names()]
    return [(profile, load(model, profile)) for profile in profiles if profile.clock_hz]


def load(model, profile):
    """Estimated share of a board's cycles for effects, or None where its clock or cycles are not known."""
    need = board_cycles(model, profile)
    if need is None or not profile.clock_hz:
        return None
    # A board at another rate plays the model at the model's rate: fewer or more cycles each.
    return need / (profile.clock_hz * profile.usable_share / model.rate_hz)


_WORTH = (
    0.9  # share of the heavier part from which on two cores bring nothing worth a block's delay
)
_SPLIT = 20  # instructions a sample that the hand-over adds to each part, with blocks of 64


def cut(model):
    """(layer before which to cut a model for two cores, share of its instructions that the heavier part then has): where
    the parts are most alike. None where there is nothing to cut. docs/two_cores.md."""
    total, each = instructions(model)
    before, best = total - sum(each), None
    for at in range(1, len(each)):
        before += each[at - 1]
        if not each[at]:  # fused with the layer before it
            continue
        heavier = (max(before, total - before) + _SPLIT) / total
        if best is None or heavier < best[1]:
            best = (at, heavier)
    return best


def load_two(model, profile):
    """(estimated share of a core's cycles that the heavier part takes, cut) where the board has two cores for a net;
    else, or where nothing is known or can be cut, or nothing gained by it, None."""
    found = cut(model) if profile.cores > 1 else None
    share = load(model, profile) if found and found[1] < _WORTH else None
    return None if share is None else (share * found[1], found[0])


def told_two(model, profile):
    """What to say of two cores behind a load, or nothing."""
    two = load_two(model, profile)
    return f", on two cores {two[0]:.0%} (cut={two[1]})" if two else ""


def memory(model, blob=None):
    """Bytes of RAM a pedal needs for a model: its file (blob: its bytes, where they are at hand), its arena and,
    where it is prewarmed, the arena at rest that `Neural` keeps. A file read in place (ROMFS) takes none of it."""
    blob = upm.dumps(model) if blob is None else blob
    arena = upm.check(blob, "model")
    return len(blob) + arena * (2 if model.prewarm else 1)


_RAM_SHARE = 0.5  # a rule: the rest is MicroPython's, the native modules' (51 kB), the rig's and other effects'


def memory_budget(profile):
    """Bytes of RAM that one model may take: half of the region that the profile names for models, or for the heap,
    else of the largest; None without RAM."""
    regions = [region for region in profile.memory if region.kind == "ram"]
    for word in ("models", "heap", ""):
        sizes = [region.bytes for region in regions if word in region.purpose]
        if sizes:
            return int(_RAM_SHARE * max(sizes))
    return None
