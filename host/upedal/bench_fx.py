"""What each effect costs on emulated boards, and what it does to a guitar.

Instructions are exact and the same on every run; cycles are an ESTIMATE (docs/estimator.md).
"""

import json
import subprocess
import tempfile
from array import array
from pathlib import Path

import numpy as np

from . import bench, catalogue, paths
from .errors import UpedalError

BLOCK, RATE_HZ = 64, 48000
BLOCKS = 64  # played of each: some effects do their work in one block of many
_TRACED = 4  # blocks whose instructions are looked at in order, for the estimate
_GUITAR_S = 8.0
_EDGES_HZ = 1000 * 2.0 ** ((np.arange(-14, 15) - 0.5) / 3)  # of third octaves, 40 Hz to 20 kHz

_START = """
import gc, json, sys
sys.path.append("/lib")
CAB = "cab.wav"
"""
# A looper that does most of what it can from its first block on.
_BUSY = """
from array import array
class Overdubbing(Looper):
    def reset(self):
        super().reset()
        if len(self.state) == self.words:
            return
        silence = array("f", bytes(256))
        for turn in range(40):
            if turn in (0, 20, 39):
                self.tap()
            self.process(silence)
"""
# All of a rig with one effect, as `upedal sim` counts it.
_COUNT = """
{line}
from pedal.measure import measure
from pedal.rig import Rig
effect = {call}
found = measure(Rig(effect, rate_hz={rate}, block={block}), blocks={blocks})
print(json.dumps([found["native_instructions_per_block"][0][1], found["worst_native_instructions_per_block"],
    found["instructions_per_block"], 4 * len(effect.state)]))
effect = found = None
gc.collect()
"""
# The effect's own call, a few blocks after it began, between the plugin's markers.
_TRACE = """
{line}
import bench
from array import array
effect = {call}
effect.attach({rate})
effect.reset()
buf = array("f", [((at * 37) % 101 - 50) / 128 for at in range({block})])
function, a, b = effect.native(buf)
for turn in range(16):
    function(a, b)
bench.measure(bench.null)
for turn in range({traced}):
    bench.measure(function, a, b)
effect = function = a = b = None
gc.collect()
"""


def _card(arch, seconds=0.05):
    natmods = paths.NATMODS / arch
    files = {f"lib/{path.name}": path.read_bytes() for path in natmods.glob("*.mpy")}
    if not files:
        raise UpedalError(f"{natmods}: no native modules; `make natmod` builds them")
    for path in (paths.DEVICE / "pedal").rglob("*.py"):
        files[f"lib/{path.relative_to(paths.DEVICE)}"] = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        files["cab.wav"] = catalogue.write_cabinet(
            Path(folder) / "cab.wav", RATE_HZ, seconds
        ).read_bytes()
    return files


def _script(template, calls):
    text, figures = _START, {"rate": RATE_HZ, "block": BLOCK, "blocks": BLOCKS, "traced": _TRACED}
    for call in calls:
        line = catalogue.import_line(call)
        if catalogue.name_of(call) == "Looper":
            line, call = line + _BUSY, call.replace("Looper", "Overdubbing")
        text += template.format(line=line, call=call, **figures)
    return text


def _on_board(board, script, plugin=None, done=None):
    from .emulator import BOARDS, Emulator

    with Emulator(board, card=_card(BOARDS[board].arch), plugin=plugin) as emulator:
        return emulator.run(script, on_line=done and (lambda _: done()))


def _estimates(board, calls):
    """Estimated cycles an instruction of each call, or Nones."""
    from . import cycles

    core = bench.ESTIMATED.get(board)
    if not core:
        return [None] * len(calls)
    with tempfile.TemporaryDirectory() as folder:
        _on_board(board, _script(_TRACE, calls), bench._plugin(folder))
        regions = cycles.read(Path(folder) / "regions")
    found = []
    for at in range(0, len(regions), 1 + _TRACED):
        null, *blocks = [
            (region.insns, cycles.estimate(region, core))
            for region in regions[at : at + 1 + _TRACED]
        ]
        if None in [estimate for _, estimate in blocks]:
            found.append(None)
            continue
        insns = sum(insns - null[0] for insns, _ in blocks)
        found.append(sum(estimate - null[1] for _, estimate in blocks) / insns)
    return found


def measure(board, calls, done=None):
    """Rows of figures, one a call, from one emulated board; done() is called after each."""
    from .emulator import BOARDS

    out = _on_board(board, _script(_COUNT, calls), done=done)
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("[")]
    if len(lines) != len(calls):
        raise UpedalError(
            f"{board}: figures of {len(lines)} effects; expected {len(calls)}:\n{out[-1000:]}"
        )
    rows = []
    for call, line, per_insn in zip(calls, lines, _estimates(board, calls), strict=True):
        mean, worst, step, state = line
        rows.append(
            {
                "effect": catalogue.label(call),
                "call": call,
                "core": BOARDS[board].core,
                "board": board,
                "block": BLOCK,
                "instructions_per_sample": mean / BLOCK,
                "worst_instructions_per_sample": worst / BLOCK,
                "estimated_cycles_per_sample": per_insn and per_insn * mean / BLOCK,
                "step_instructions_per_block": step,
                "state_bytes": state,
            }
        )
    return rows


# ---- code ----


def code_bytes(kernels, cpu=("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard")):
    """{kernel: bytes} of code and constants that a program with only this kernel would hold on an M7."""
    core = paths.ROOT / "native_modules" / "core"
    flags = "-O2 -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-tree-loop-distribute-patterns".split()
    flags += [
        *cpu,
        "-mthumb",
        "-ffunction-sections",
        "-fdata-sections",
        "-std=c99",
        f"-I{core}",
        "-x",
        "c",
        "-c",
    ]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        source = core / "up_effects.inc"
        _tool("arm-none-eabi-gcc", *flags, source, "-o", f"{folder}/all.o")
        for kernel in kernels:
            link = [
                "--gc-sections",
                "-e",
                f"up_{kernel}",
                "--unresolved-symbols=ignore-all",
                f"{folder}/all.o",
            ]
            _tool("arm-none-eabi-ld", *link, "-o", f"{folder}/one.elf")
            found[kernel] = int(
                _tool("arm-none-eabi-size", f"{folder}/one.elf").splitlines()[1].split()[0]
            )
    return found


def _tool(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise UpedalError(f"{command[0]}: {done.stderr.strip()[-1000:]}")
    return done.stdout


# ---- sound ----


def play(effect, x, block=BLOCK):
    """x [n] through an attached effect. -> [n], or [n, 2] of a stereo one"""
    parts = []
    for at in range(0, len(x), block):
        buf = array("f", np.asarray(x[at : at + block], np.float32).tobytes())
        effect.process(buf)
        left = np.array(buf, np.float32)
        right = getattr(effect, "right", None)
        parts.append(
            left if right is None else np.stack([left, np.array(right[: len(buf)], np.float32)], 1)
        )
    return np.concatenate(parts)


def _thirds_db(x):
    power = np.abs(np.fft.rfft(x)) ** 2
    edges = np.round(_EDGES_HZ * len(x) / RATE_HZ).astype(int)
    return 10 * np.log10(np.array([power[a:b].sum() for a, b in zip(edges, edges[1:])]) + 1e-12)


def _rms_db(x):
    return float(10 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-20))


def _picture(x, y):
    """What can be drawn of an effect: levels in dB each 50 ms, and by how much each third octave has changed."""
    step = RATE_HZ // 20
    levels = [round(_rms_db(y[at : at + step]), 1) for at in range(0, len(y) - step + 1, step)]
    change = [round(float(d), 1) for d in _thirds_db(y) - _thirds_db(x)]
    return {"level_db_each_50_ms": levels, "third_octaves_from_40_hz_db": change}


def sounds(calls, folder=None, done=None):
    """Rows of what each does to a guitar; with a folder a WAV of each, and of the guitar."""
    import soundfile

    from .synth import dry_guitar

    x = dry_guitar(_GUITAR_S, RATE_HZ).astype(np.float32)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        soundfile.write(Path(folder) / "guitar.wav", x, RATE_HZ, subtype="PCM_24")
    rows = []
    with tempfile.TemporaryDirectory() as place:
        cab = catalogue.write_cabinet(Path(place) / "cab.wav", RATE_HZ)
        for call in calls:
            effect = catalogue.make(call, cab)
            effect.attach(RATE_HZ)
            if hasattr(effect, "record"):
                effect.record()  # for max_s; then it plays that
            y = play(effect, x)
            mono = y if y.ndim == 1 else y.mean(axis=1)
            row = {
                "effect": catalogue.label(call),
                "peak_db": round(float(20 * np.log10(np.abs(y).max() + 1e-9)), 1),
            }
            row["louder_db"] = round(_rms_db(mono) - _rms_db(x), 1)
            rows.append(row | _picture(x, mono))
            if folder:
                name = row["effect"].replace(" ", "_").replace("'", "").replace("/", "")
                loudest = max(1.0, float(np.abs(y).max()))
                soundfile.write(
                    Path(folder) / f"{name}.wav", y / loudest, RATE_HZ, subtype="PCM_24"
                )
            if done:
                done()
    return rows


# ---- all of it ----


def run(boards=bench.BOARDS, folder=None, progress=True):
    """{"effects": rows of figures, "effect_sounds": rows of sounds, "effect_code_bytes": {kernel: bytes}}."""
    from rich.progress import Progress

    calls, rows = catalogue.calls(), []
    with Progress(disable=not progress) as bar:
        for board in boards:
            task = bar.add_task(board, total=len(calls))
            rows += measure(board, calls, lambda task=task: bar.advance(task))
        task = bar.add_task("guitar", total=len(calls))
        heard = sounds(calls, folder, lambda: bar.advance(task))
    kernels = _kernels(calls)
    code = code_bytes(sorted(set(kernels.values())))
    for row in rows:
        row["kernel"] = kernels[row["call"]]
    return {"effects": rows, "effect_sounds": heard, "effect_code_bytes": code}


def _kernels(calls):
    with tempfile.TemporaryDirectory() as place:
        cab = catalogue.write_cabinet(Path(place) / "cab.wav", RATE_HZ)
        return {call: catalogue.make(call, cab).KERNEL for call in calls}


def table(result):
    """A rich table: an effect a row, the cores side by side."""
    from rich.table import Table

    boards = list(dict.fromkeys(row["board"] for row in result["effects"]))
    out = Table(
        title=f"instructions a sample (worst of {BLOCKS} blocks of {BLOCK}); cycles are an estimate"
    )
    out.add_column("effect", no_wrap=True)
    for board in boards:
        for head in (f"{board[4:]} i", "worst", "est."):
            out.add_column(head, justify="right")
    for head in ("state B", "code B", "louder dB"):
        out.add_column(head, justify="right")
    heard = {row["effect"]: row["louder_db"] for row in result["effect_sounds"]}
    for name in dict.fromkeys(row["effect"] for row in result["effects"]):
        rows = {row["board"]: row for row in result["effects"] if row["effect"] == name}
        cells = [cell for board in boards for cell in _cells(rows[board])]
        row = rows[boards[0]]
        code = result["effect_code_bytes"][row["kernel"]]
        out.add_row(name, *cells, f"{row['state_bytes']:,}", f"{code:,}", f"{heard[name]:+.1f}")
    return out


def _cells(row):
    cycles = row["estimated_cycles_per_sample"]
    insns = f"{row['instructions_per_sample']:.1f}", f"{row['worst_instructions_per_sample']:.1f}"
    return *insns, f"{cycles:.1f}" if cycles else "-"
