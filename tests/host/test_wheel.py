"""The wheel alone, in an empty environment without a compiler, puts a rig on a pedal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from upedal import paths
from upedal.emulator import Emulator

VECTORS = Path(__file__).parent.parent / "vectors"
RIG = "from pedal import Gain, Neural, Rig\n\nrig = Rig(Gain(db=0), Neural('gru4.upm'))\n"


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        **options,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of an environment in which only the wheel was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, paths.ROOT / "tools" / "make_wheel.py", folder)
    wheel = next(folder.glob("*.whl"))
    run(sys.executable, "-m", "venv", folder / "env")
    run(folder / "env" / "bin" / "python", "-m", "pip", "install", "--quiet", wheel)
    return folder / "env" / "bin"


@pytest.mark.toolchain
def test_deploys_from_an_empty_environment_without_a_compiler(installed, tmp_path):
    (tmp_path / "gru4.upm").write_bytes((VECTORS / "gru4.upm").read_bytes())
    (tmp_path / "rig.py").write_text(RIG)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "UPEDAL"))}
    env["PATH"] = str(installed)
    with Emulator("emu_m7") as board:
        port = board.port
        command = [installed / "upedal", "deploy", "rig.py", "--port", port, "--board", "emu_m7"]
        run(*command, cwd=tmp_path, env=env)
        card = board.read_card()
        shown = board.run(
            "import pedal_nn, pedal, pedal.rig; print(pedal_nn.Model, pedal.rig.__file__)"
        )
    assert shown == "<class 'Model'> /lib/pedal/rig.mpy\n"
    wheel_data = next(installed.parent.glob("lib/python*/site-packages/upedal/_data"))
    module = (wheel_data / "build" / "natmod" / "armv7emdp" / "pedal_nn.mpy").read_bytes()
    assert card["lib/pedal_nn.mpy"] == module
    model = next(data for name, data in card.items() if name.endswith("gru4.upm"))
    assert model == (VECTORS / "gru4.upm").read_bytes()
