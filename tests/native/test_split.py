"""A model over two threads, in C: every cut of every net, blocks of 1 to 192 frames, the second thread late at random,
taken away and back, hanging; under the sanitizers, too, where the compiler has them."""

import subprocess

import pytest
from upedal import paths, upm

from tests import random_q

NATIVE = paths.ROOT / "native_modules"
VECTORS = paths.ROOT / "tests" / "vectors"
NETS = sorted(VECTORS.glob("*.upm"))
FEW = ("gru6_gru5", "tcn_gated", "wavenet_blended", "q_mixed", "q_deemphasis", "q7")  # each another kind of slot
FLAGS = {
    "plain": ["-O2"],
    "address": ["-O1", "-g", "-DUP_NO_ASM", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-O1", "-g", "-DUP_NO_ASM", "-fsanitize=thread"],
}


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """{build: path}, made when asked for."""
    folder, made = tmp_path_factory.mktemp("two_cores"), {}

    def build(kind):
        if kind not in made:
            made[kind] = folder / kind
            command = [
                "gcc", "-std=gnu99", "-Wall", "-Wextra", "-ffp-contract=off", "-fno-math-errno", *FLAGS[kind], "-pthread",
                "-Wl,--wrap=up_model_back", f"-I{NATIVE / 'core'}", paths.ROOT / "tests" / "native" / "two_cores.c",
                *[NATIVE / "core" / name for name in _sources()], "-o", made[kind],
            ]  # fmt: skip
            subprocess.run(command, check=True)
        return made[kind]

    return build


def _sources():
    """The files of up_all.inc: apart, so that the linker sees the call that is wrapped."""
    lines = (NATIVE / "core" / "up_all.inc").read_text().splitlines()
    return [line.split('"')[1] for line in lines if line.startswith("#include")]


def run(program, net, mode):
    command = [program, net, VECTORS / "input.f32", mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and " 0 failures" in done.stdout, f"{net}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("mode", ["alone", "threads"])
def test_every_cut_of_every_net_plays_what_the_net_plays(program, mode):
    cuts = 0
    for net in NETS:
        cuts += int(run(program("plain"), net, mode).split(" cuts")[0].split("\n")[-1])
    assert cuts > 90, cuts


@pytest.mark.parametrize("kind", random_q.KINDS)
def test_every_cut_of_random_integer_nets_plays_what_the_net_plays(program, kind, tmp_path):
    for seed in range(1 if kind == "every_activation" else 4):
        net = tmp_path / f"{kind}{seed}.upm"
        net.write_bytes(upm.dumps(random_q.model(seed, kind)))
        run(program("plain"), net, "alone")


@pytest.mark.parametrize("kind, mode", [("address", "alone"), ("address", "threads"), ("thread", "threads")])
def test_nothing_is_touched_by_both_cores_at_once_or_lies_beyond_its_memory(program, kind, mode):
    for name in FEW:
        run(program(kind), VECTORS / f"{name}.upm", mode)
