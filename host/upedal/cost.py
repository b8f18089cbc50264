"""What a model will cost on a core, before it is trained or run: the budget check.

Instructions follow from the kernels' own structure (native_modules/core/up_matrix_vfp.h): a group
of g rows loads 8 weights an instruction and multiplies one an instruction. The constants beside it
were fitted to counts in MicroPython on an emulated Cortex-M7; `tests/native/test_counts.py` holds
the two together. Cycles are instructions times the mean that `upedal bench` estimates: an ESTIMATE.
"""

from . import layers as L
from . import qlayers as Q
from . import upm, upm_q

# Cortex-M with a single-precision FPU: measured there, f32, block 64.
_CALL, _FRAME, _CONV, _PUSH, _ELEMENT = 35, 36, 48, 6, 5
# Recurrent layers: lists of weights that four columns of a group of rows take (up_matrix_vfp.h), and the gates of
# four, two and one units (up_cells_vfp.h), which tell them apart from the accurate grade's.
_LISTS = {20: 8, 16: 6, 12: 3, 8: 2, 4: 1}
_CELLS = {L.Gru: (122, 63, 36), L.Lstm: (180, 93, 53)}
_ACCURATE_UNIT = {L.Gru: 132, L.Lstm: 178}
_ACTIVATION = {"fast": 14, "accurate": 45}  # tanh or sigmoid of one value
# Integer models: a multiply-add, a layer, a unit of GRU or LSTM; within 11 % of the counts of bench's seven.
_Q_MAC, _Q_LAYER, _Q_UNIT = 0.89, 53, 44
_Q_CYCLES_PER_INSTRUCTION = {"cortex-m7": 1.05, "cortex-m4": 1.64, "cortex-m33": 1.40}
_CYCLES_PER_INSTRUCTION = {"cortex-m7": 1.55, "cortex-m4": 2.9, "cortex-m33": 2.7}
CORES = tuple(_CYCLES_PER_INSTRUCTION)


def _group(rows, cols):
    loads = -(-rows // 8)
    return _CALL + cols // 4 * (3 + 4 * (rows + loads)) + cols % 4 * (3 + rows + loads)


def _matrix(rows, cols):
    if rows == 1:
        return _CALL + cols // 8 * 12 + cols % 8 * 5
    return sum(_group(g, cols) for g in upm.groups(rows))


def _recurrent_group(rows, cols):
    if rows == 20:
        return 7 + 22 * cols + (cols + 1) // 2 + 2 * -(-cols // 4)
    return 5 + cols // 4 * (4 * rows + _LISTS[rows] + 3) + cols % 4 * (rows + -(-rows // 12) + 3)


def _recurrent_matrix(rows, cols):
    if rows == 1:
        return _matrix(rows, cols)
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


def _conv(layer, grade):
    rows, cin, taps = layer.weight.shape
    side = 0 if layer.side is None else layer.side_weight.shape[1]
    if 1 < taps and cin < 8 and cin * taps + side <= 128:  # gathered into one vector
        work = _CONV + taps * (10 + 4 * cin) + 4 * side + _matrix(rows, cin * taps + side)
    else:
        stretches = taps if layer.dilation > 1 and taps > 1 else 1
        work = _CONV + stretches * _matrix(rows, cin * taps // stretches)
        work += _matrix(rows, side) if side else 0
        work += 8 * stretches * len(upm.groups(rows)) if taps > 1 else 0
    work += _PUSH + _ELEMENT * cin if taps > 1 else 0
    work += sum(_each(a.kind, grade) * layer.out for a in (layer.activation, layer.gate_activation))
    return work + (0 if layer.plus is None else _ELEMENT * layer.out)


def _each(kind, grade):
    """Instructions of one value's activation."""
    if kind in ("tanh", "sigmoid", "silu"):
        return _ACTIVATION[grade]
    return 0 if kind == "linear" else 20 if kind in ("softsign", "rational_tanh", "elu") else 6


def _integer(layer):
    """An estimate from multiply-adds alone, for layers of q15 and q7."""
    units = layer.out if isinstance(layer, (Q.QGru, Q.QLstm)) else 0
    return round(_Q_LAYER + _Q_MAC * upm.macs(layer) + _Q_UNIT * units)


def _layer(layer, grade, channels):
    if type(layer) in upm_q.OPS:
        return _integer(layer)
    if isinstance(layer, L.Conv1d):
        return _conv(layer, grade)
    if isinstance(layer, (L.Gru, L.Lstm)):
        return _recurrent(layer, grade)
    if isinstance(layer, L.Activation):
        return (_each(layer.activation.kind, grade) + 4) * channels
    return (_ELEMENT if isinstance(layer, (L.Add, L.Film)) else 8) * channels


def instructions(model):
    """Instructions a sample on a Cortex-M with FPU: (total, [one a layer])."""
    channels, each = {0: 1 + len(model.knobs)}, []
    for at, layer in enumerate(model.layers):
        width = upm.shape(layer, channels.get(layer.src, 1))[1]
        before = model.layers[at - 1] if at else None
        # A dense layer of one output behind a GRU or LSTM is fused: counted in its units.
        fused = isinstance(before, (L.Gru, L.Lstm)) and width == 1 and isinstance(layer, L.Conv1d)
        each.append(0 if fused else _layer(layer, model.grade, channels.get(layer.src, 1)))
        channels[layer.dst] = width
    return _FRAME + sum(each), each


def cycles(model, core):
    """ESTIMATED cycles a sample on a core of boards/*.yaml, or None where nothing is known."""
    known = _CYCLES_PER_INSTRUCTION if model.arithmetic == "f32" else _Q_CYCLES_PER_INSTRUCTION
    each = known.get(core)
    return each and instructions(model)[0] * each


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


_WORTH = 0.9  # share of the heavier part from which on two cores bring nothing worth a block's delay
_SPLIT = 20  # instructions a sample that the hand-over adds to each part, with blocks of 64


def cut(model):
    """(layer before which to cut a model for two cores, share of its instructions that the heavier part then has): where
    the parts are most alike. None where there is nothing to cut. docs/two_cores.md."""
    total, each = instructions(model)
    before, best = _FRAME, None
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
