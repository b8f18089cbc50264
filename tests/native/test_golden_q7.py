"""q7 convolutions of the core against the accelerator's integers: no differing value is allowed.

golden_q7.c runs them through the reader's checks, the layout and the kernels of a .upm: in plain C, with the
host's instructions, both under the sanitizers, and on an emulated Cortex-M7, whose kernels are other code.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from upedal import ai8x, paths

from tests.host.test_convert_c import M7, SCRIPT, START

GOLDEN = paths.ROOT.parent / "shared" / "formats" / "golden" / "ai8x"
CASES = ("ai8x_tinyguitar_8bit", "ai8x_tinyguitar_mixed")
NATIVE = paths.ROOT / "native_modules"
SOURCE = Path(__file__).with_name("golden_q7.c")
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
PLAIN = ["-DUP_NO_ASM"]  # without the host's vector instructions
BUILDS = {"plain": PLAIN, "host": [], "sanitized": SANITIZED, "sanitized-plain": SANITIZED + PLAIN, "m7": M7}
BOARD = pytest.mark.toolchain("arm-none-eabi-gcc", "qemu-system-arm")
NAMES = [pytest.param(name, marks=BOARD if name == "m7" else ()) for name in BUILDS]
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"{GOLDEN} is absent")


@dataclass
class Case:
    """A net, its input int8 [in][n], and how the frames are split into calls."""

    layers: list
    x: np.ndarray
    calls: list = None

    def packed(self):
        n = self.x.shape[1]
        calls = self.calls or [n]
        parts = [words(len(self.layers), self.x.shape[0], n, len(calls), *calls)]
        for layer in self.layers:
            weight = layer.weight.transpose(0, 2, 1)
            bias = np.zeros(len(weight), np.int8) if layer.bias is None else layer.bias
            data = weight.tobytes() + bias.tobytes()
            out, taps, channels = weight.shape
            parts.append(
                words(
                    out, channels, taps, layer.dilation, layer.weight_bits, layer.output_shift, layer.relu, layer.wide,
                    len(data),
                )
            )  # fmt: skip
            parts.append(data)
        return b"".join(parts) + self.x.T.tobytes()

    def wanted(self):
        """From zeros, as a .upm starts: int32 [out][n]."""
        return ai8x.Stream(ai8x.Net(self.layers), settled=False).process(self.x).astype(np.int32)


def words(*values):
    return np.array([int(v) for v in values], "<i4").tobytes()


def settings():
    """Words that the core's Makefile holds, so that the harness is built with the very flags."""
    text = "include Makefile\nprint:\n\t@echo '$(WARN)|$(UP_CFLAGS)|$(SRC)'\n"
    command = ["make", "-s", "-C", NATIVE, "-f", "-", "print"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return [part.split() for part in done.stdout.strip().split("|")]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False, **options)
    assert done.returncode == 0, f"{command}:\n{done.stderr.decode()[-3000:]}"


@pytest.fixture(scope="module", params=NAMES)
def program(request, tmp_path_factory):
    """cases -> [int32 [out][n]] by the core, built one way or another."""
    folder = tmp_path_factory.mktemp(request.param)
    warn, flags, sources = settings()
    sources = [NATIVE / "core" / name for name in sources if name != "up_qmodel.c"]
    common = [*warn, *flags, *BUILDS[request.param], f"-I{NATIVE / 'core'}", SOURCE, *sources]
    if request.param != "m7":
        run("gcc", *common, "-o", folder / "program")
        command = [folder / "program"]
    else:
        (folder / "start.c").write_text(START)
        (folder / "m7.ld").write_text(SCRIPT)
        link = ["--specs=rdimon.specs", "-nostartfiles", "-T", folder / "m7.ld", "-o", folder / "program"]
        run("arm-none-eabi-gcc", *common, folder / "start.c", *link)
        machine = ["-M", "mps2-an500", "-nographic", "-semihosting-config", "enable=on,target=native"]
        command = ["qemu-system-arm", *machine, "-kernel", folder / "program"]

    def play(cases):
        (folder / "cases.bin").write_bytes(b"".join(case.packed() for case in cases))
        (folder / "out.bin").write_bytes(b"")
        run(*command, cwd=folder, timeout=500, stdin=subprocess.DEVNULL)
        values, made = np.fromfile(folder / "out.bin", "<i4"), []
        for case in cases:
            out, n = len(case.layers[-1].weight), case.x.shape[1]
            made.append(values[: out * n].reshape(n, out).T)
            values = values[out * n :]
        assert len(values) == 0
        return made

    return play


def differing(cases, made, wanted=None):
    """Over all cases: (integers compared, integers that differ, the first case that has one)."""
    total, wrong, first = 0, 0, None
    for case, got, want in zip(cases, made, wanted or [case.wanted() for case in cases]):
        got = got[:, got.shape[1] - want.shape[1] :]
        assert got.shape == want.shape
        total, bad = total + want.size, int(np.count_nonzero(got != want))
        wrong, first = wrong + bad, first or (case if bad else None)
    return total, wrong, first and [(layer.weight.shape, layer) for layer in first.layers]


# ---- golden --------------------------------------------------------------------------------------


def golden(name):
    with np.load(GOLDEN / name / "golden.npz") as values:
        v = dict(values)
    last, layers = len(v["bits"]) - 1, []
    for k in range(last + 1):
        wide = k == last and int(v["last_output_width"]) == 32
        layers.append(
            ai8x.Layer(
                v[f"w{k}"], v.get(f"b{k}"), int(v["bits"][k]), int(v["output_shift"][k]), int(v["dilation"][k]),
                bool(v["relu"][k]), wide,
            )
        )  # fmt: skip
    return layers, v


@needs_golden
@pytest.mark.parametrize("name", CASES)
def test_every_layer_of_the_golden_nets_gives_the_golden_integers(program, name):
    layers, v = golden(name)
    inputs = [v["x"], *(v[f"out{k}"] for k in range(len(layers) - 1))]
    cases = [Case([layer], x) for layer, x in zip(layers, inputs)]
    cases.append(Case(layers, v["x"], blocks(np.random.default_rng(0), v["x"].shape[1])))
    wanted = [v[f"out{k}"] for k in range(len(layers))] + [v[f"out{len(layers) - 1}"]]
    total, wrong, first = differing(cases, program(cases), wanted)
    assert (total, wrong) == (sum(w.size for w in wanted), 0), first


@needs_golden
@pytest.mark.parametrize("name", CASES)
def test_every_sum_of_the_golden_nets_is_the_golden_one(program, name):
    """Each row of each layer as a wide layer of its own."""
    layers, v = golden(name)
    cases, wanted = [], []
    for k, layer in enumerate(layers):
        x = v["x"] if k == 0 else v[f"out{k - 1}"]
        for row in range(len(layer.weight)):
            one = slice(row, row + 1)
            bias = None if layer.bias is None else layer.bias[one]
            cases.append(
                Case([ai8x.Layer(layer.weight[one], bias, layer.weight_bits, 0, layer.dilation, wide=True)], x)
            )
            wanted.append(v[f"acc{k}"][one])
    total, wrong, first = differing(cases, program(cases), wanted)
    assert (total, wrong) == (sum(v[f"acc{k}"].size for k in range(len(layers))), 0), first


@needs_golden
@pytest.mark.parametrize("rows", [1, 5])
def test_rounding_of_every_shift_is_the_golden_one(program, rows):
    cases, wanted = [], []
    with np.load(GOLDEN / "rounding.npz") as values:
        x = values["x"].astype(np.int8)[None]
        for name in (name for name in values.files if name.startswith("w")):
            w, b = (part[1:] for part in name.split("_"))
            weight = np.full((rows, 1, 1), int(w), np.int8)
            bias = None if b == "None" else np.full(rows, int(b), np.int8)
            for shift, want in zip(values["shift"], values[name]):
                cases.append(Case([ai8x.Layer(weight, bias, output_shift=int(shift))], x))
                wanted.append(np.tile(want, (rows, 1)))
    total, wrong, first = differing(cases, program(cases), wanted)
    assert (total, wrong) == (190464 * rows, 0), first


# ---- random --------------------------------------------------------------------------------------


def blocks(rng, n, most=200):
    """Calls of 1..most frames that add up to n."""
    sizes = []
    while n:
        sizes.append(int(min(n, rng.integers(1, most + 1))))
        n -= sizes[-1]
    return sizes


def numbers(rng, shape, low, high):
    """int8 of one kind: any, the two extremes, or one of them throughout."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.integers(low, high + 1, shape).astype(np.int8)
    if kind == 1:
        return rng.choice(np.array([low, high], np.int8), shape)
    return np.full(shape, low if kind == 2 else high, np.int8)


def random_layer(rng, out, channels, taps=None, shift=None, wide=False, dilation=None):
    bits = int(rng.choice(ai8x.WEIGHT_BITS))
    taps = taps or int(rng.integers(1, ai8x.MOST_TAPS + 1))
    shift = int(rng.integers(-15, 16)) if shift is None else shift
    weight = numbers(rng, (out, channels, taps), *ai8x.weight_range(bits))
    bias = numbers(rng, out, -128, 127) if rng.integers(2) else None
    dilation = dilation or int(rng.choice([1, 2, 3, 5, 8, 17, 64, 100]))
    relu = bool(rng.integers(2)) and not wide
    return ai8x.Layer(weight, bias, bits, shift - 8 + bits, dilation, relu, wide)


def case_of(rng, layers, frames=60):
    frames += ai8x.Net(layers).receptive_field
    x = numbers(rng, (layers[0].weight.shape[1], frames), -128, 127)
    return Case(layers, x, blocks(rng, frames))


def check(program, cases):
    total, wrong, first = differing(cases, program(cases))
    assert wrong == 0 and total > 0, f"{wrong} of {total} integers differ: {first}"
    for case, got in list(zip(cases, program(cases)))[:5]:  # and what needs no start at all
        net = ai8x.Net(case.layers)
        assert np.array_equal(got[:, net.receptive_field - 1 :], ai8x.run(net, case.x))


@pytest.mark.parametrize("seed", range(3))
def test_layers_of_1_to_33_channels_and_any_extreme_are_exact(program, seed):
    rng = np.random.default_rng(seed)
    sizes = list(zip(rng.permutation(33) + 1, range(1, 34)))
    check(program, [case_of(rng, [random_layer(rng, int(out), channels)]) for out, channels in sizes])


def test_all_shifts_taps_and_ways_to_group_rows_are_exact(program):
    rng, cases = np.random.default_rng(5), []
    for shift in range(-15, 16):
        for out in (1, 4, 7):
            cases.append(case_of(rng, [random_layer(rng, out, int(rng.integers(1, 6)), shift=shift)]))
    for taps in range(1, ai8x.MOST_TAPS + 1):
        for channels in (1, 2, 3, 4):
            cases.append(case_of(rng, [random_layer(rng, 4, channels, taps)]))
            cases.append(case_of(rng, [random_layer(rng, 1, channels, taps, wide=True)]))
    check(program, cases)


def test_the_largest_sums_do_not_overflow(program):
    """Eight bit, all at an extreme, at every limit of the accelerator's that the memory of the board holds."""
    cases = []
    for w, v in ((-128, -128), (-128, 127), (127, -128), (127, 127)):
        for shift in (-15, -7, 0, 6, 7, 15):
            layer = ai8x.Layer(
                np.full((4, 256, 9), w, np.int8), np.full(4, w, np.int8), output_shift=shift
            )
            cases.append(Case([layer], np.full((256, 12), v, np.int8)))
        wide = ai8x.Layer(np.full((1, 256, 9), w, np.int8), np.full(1, w, np.int8), wide=True)
        cases.append(Case([wide], np.full((256, 12), v, np.int8)))
    check(program, cases)


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_of_any_blocks_equals_the_net_over_the_whole(program, seed):
    """Chains as trained ones are: the signal keeps its size, so that differences would show."""
    rng = np.random.default_rng(seed)
    channels = [int(c) for c in rng.integers(3, 25, 7)]
    layers = []
    for k, (a, b) in enumerate(zip(channels, channels[1:])):
        weight = rng.normal(0, (2 / a / 3) ** 0.5, (b, a, 3))
        w, bias, shift = ai8x.quantise(weight, rng.normal(0, 0.1, b))
        layers.append(ai8x.Layer(w, bias, 8, shift, dilation=2**k, relu=k > 0))
    w, bias, shift = ai8x.quantise(rng.normal(0, 0.3, (1, channels[-1], 1)), np.zeros(1))
    layers.append(ai8x.Layer(w, bias, 8, shift, wide=True))
    x = rng.integers(-128, 128, (channels[0], 3000)).astype(np.int8)
    ways = [blocks(rng, 3000, most) for most in (1, 2, 7, 33, 200)] + [[3000]]
    cases = [Case(layers, x, way) for way in ways]
    made, net = program(cases), ai8x.Net(layers)
    want = ai8x.run(net, x)
    assert len(np.unique(want)) > 100
    for case, got in zip(cases, made):
        assert np.array_equal(got[:, net.receptive_field - 1 :], want), max(case.calls)
        assert np.array_equal(got, case.wanted()), max(case.calls)
