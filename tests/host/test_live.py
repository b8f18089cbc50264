"""`upedal live` and power-on, on an emulated board that plays in real time by its own sample clock."""

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from upedal import board as boards
from upedal import deploy
from upedal.emulator import Emulator
from upedal.errors import BoardError, UpedalError
from upedal.live import Live, Session
from upedal.payload import collect

VECTORS = Path(__file__).parent.parent / "vectors"
M7 = ("qemu-system-arm", "firmware emu_m7", "native modules armv7emdp")
RIG = """from pedal import Gain, Neural, Rig

rig = Rig(Neural("gru4.upm"), Gain(db=-6))
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    shutil.copy(VECTORS / "gru4.upm", folder)
    shutil.copy(VECTORS / "gru10.upm", folder)
    (folder / "rig.py").write_text(RIG)
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(4800) / 48000)
    soundfile.write(folder / "in.wav", tone, 48000, subtype="PCM_16")
    files = collect(folder / "rig.py", arch="armv7emdp", board=boards.load("emu_m7"))
    card = {path.lstrip("/"): data for path, data in files.items()}
    card["in.wav"] = (folder / "in.wav").read_bytes()
    with Emulator("emu_m7", card=card) as emulator:
        yield emulator, folder / "rig.py"


@pytest.mark.toolchain(*M7)
def test_a_rig_is_changed_while_it_plays_and_saved(board):
    emulator, path = board
    with Live(emulator.port) as live:
        assert live.ready["ready"] == ["neural", "gain"]
        session = Session(live, path)
        for line in ("gain.db -12", "gain off"):
            assert session.do(line) == "", line
        assert live.ask("stats")["xruns"] == 0, "parameters and switches cost no block"
        for line in ("add 2 Gain db=3", "swap neural gru10.upm"):  # these wait for silence
            assert session.do(line) == "", line
        for line, words in (
            ("gian.db 3", "no effect 'gian'"),
            ("gain.db loud", "expected -150.0 to 150.0"),
            ("swap neural none.upm", "none.upm: no such file"),
            ("add Gian", "Gian"),
            ("dance", "not understood"),
        ):
            with pytest.raises((UpedalError, BoardError), match=words):
                session.do(line)
        before = live.ask("stats")
        after = live.ask("stats")
        assert after["blocks"] > before["blocks"], "it plays on"
        assert after["faults"] == 0 and after["xruns"] == 0, after
        assert "off" in session.do("show")
        session.do("save")
    assert path.read_text() == RIG.replace(
        'Neural("gru4.upm")', "Neural(path='gru10.upm')"
    ).replace("Gain(db=-6)", "Gain(db=3.0), Gain(db=-12.0)") + ("rig.bypass('gain2')\n")


@pytest.mark.toolchain(*M7)
def test_a_stored_scene_is_there_after_power_on(board):
    emulator, _ = board
    with Live(emulator.port) as live:
        live.ask("set", target="gain.db", value=-9)
        live.ask("store", name="verse")
        blocks = live.ask("stats")["blocks"]
        while (
            live.ask("stats")["blocks"] < blocks + 1500
        ):  # two seconds of sound: it is written by then
            pass
    with Live(emulator.port) as live:
        assert "verse" in live.ask("get")["scenes"]
        live.ask("scene", name="verse")
        assert live.ask("get")["values"]["gain.db"] == -9


@pytest.mark.toolchain(*M7)
def test_a_board_that_does_not_answer_at_once_is_asked_again(board, monkeypatch):
    emulator, _ = board
    monkeypatch.setattr(deploy, "ANSWER_S", 1)
    os.kill(emulator.pid, signal.SIGSTOP)
    later = threading.Timer(1.5, os.kill, (emulator.pid, signal.SIGCONT))
    later.start()
    try:
        with Live(emulator.port) as live:
            assert live.ready["ready"]
    finally:
        later.join()


@pytest.mark.toolchain(*M7)
def test_a_rig_that_cannot_be_made_passes_sound_and_tells_the_log(board):
    emulator, path = board
    emulator.run("with open('/rig.py', 'a') as f: f.write('rig = Rig(Gian())\\n')")
    with Live(emulator.port) as live:
        assert live.ready["ready"] == []
        first = live.ask("stats")["blocks"]
        assert live.ask("stats")["blocks"] > first
    printed = emulator.run(
        "from pedal.log import Log\nimport json\nprint(json.dumps(Log('/log').read()))"
    )
    assert any("Gian" in line for line in json.loads(printed.splitlines()[-1])), printed
