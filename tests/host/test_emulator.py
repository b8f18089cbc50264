"""Emulated boards: they start, count instructions exactly, carry files both ways, and always end."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from upedal import emulator
from upedal.emulator import BOARDS, Emulator
from upedal.errors import BoardError, UpedalError

M7 = pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7", "package mpremote")
BLOB = random.Random(7).randbytes(65536)


@pytest.fixture(scope="module")
def m7():
    with Emulator("emu_m7", card={"in.bin": BLOB}) as board:
        yield board


def _each_board():
    for name, board in BOARDS.items():
        needs = pytest.mark.toolchain(board.qemu, f"firmware {name}", "package mpremote")
        yield pytest.param(name, marks=needs)


@pytest.mark.parametrize("name", list(_each_board()))
def test_board_runs_counts_and_carries_files(name, tmp_path):
    sent = tmp_path / "sent.bin"
    sent.write_bytes(BLOB[:3000])
    with Emulator(name, card={"in.bin": BLOB, "lib/hello.py": b"word = 'hello'\n"}) as board:
        # The counter ticks less often than once an instruction: one tick over 100,000 loops.
        assert abs(board.calibrate() - 4) < 1e-4, f"{name} does not count instructions"
        assert board.mpremote("exec", "import hello; print(hello.word)") == "hello\n"
        board.mpremote("fs", "cp", str(sent), ":/sent.bin")
        board.mpremote("fs", "cp", ":/sent.bin", str(tmp_path / "back.bin"))
        long = board.mpremote("exec", "for i in range(5000): print('line', i, 'of many')")
        copied = (
            "with open('/in.bin','rb') as i, open('/out.bin','wb') as o: print(o.write(i.read()))"
        )
        assert board.run(copied) == "65536\n"
        card = board.read_card()
    assert long == "".join(f"line {i} of many\n" for i in range(5000)), "output was lost"
    assert (tmp_path / "back.bin").read_bytes() == BLOB[:3000]
    assert card["sent.bin"] == BLOB[:3000]
    assert card["in.bin"] == card["out.bin"] == BLOB


@pytest.mark.parametrize("name", list(_each_board()))
def test_board_is_the_core_its_table_says(name):
    ask = "import sys; print(sys.implementation._machine, sys.implementation._mpy >> 10)"
    numbers = {"armv6m": 4, "armv7m": 6, "armv7emsp": 7, "armv7emdp": 8, "rv32imc": 11}
    with Emulator(name, icount=False) as board:
        machine, arch = board.mpremote("exec", ask).rsplit(" ", 1)
    assert machine.endswith("with " + BOARDS[name].core)
    assert int(arch) == numbers[BOARDS[name].arch]


@M7
def test_counts_are_the_same_on_every_start():
    source = "import bench\nprint(bench.insns(bench.measure(sorted, list(range(50, 0, -1)))))"
    counts = []
    for _ in range(2):
        with Emulator("emu_m7") as board:
            counts.append(int(board.run(source)))
    assert counts[0] > 1000
    assert abs(counts[0] - counts[1]) <= 1  # a tick of the counter is 0.6 instructions


@M7
def test_lines_come_while_the_board_runs(m7):
    came = []
    source = "import time\nfor i in range(3):\n    print('line', i)\n    time.sleep(3)\n"
    m7.run(source, on_line=lambda line: came.append((line, time.monotonic())))
    assert [line for line, _ in came] == ["line 0", "line 1", "line 2"]
    assert came[2][1] - came[0][1] > 0.05, "all lines came at once, at the end"


@M7
def test_an_exception_on_the_board_is_a_board_error_with_its_traceback(m7):
    with pytest.raises(BoardError, match="emu_m7: ZeroDivisionError") as caught:
        m7.run("print('before')\n1/0")
    assert "before" in caught.value.output
    assert "line 2" in caught.value.output


@M7
def test_two_boards_run_side_by_side(m7):
    with Emulator("emu_m7") as other:
        assert other.port != m7.port
        assert other.run("print(2)") == "2\n"
        assert m7.run("print(1)") == "1\n"


@M7
def test_a_client_killed_while_the_board_prints_does_not_lose_the_board(m7):
    source = "for i in range(30000): print('a long line of text', i)"
    command = [sys.executable, "-m", "mpremote", "connect", m7.port, "exec", source]
    client = subprocess.Popen(command, stdout=subprocess.PIPE)
    client.stdout.read(2000)
    client.kill()
    client.wait()
    client.stdout.close()
    assert m7._relay.expect(b"text 29999", 60), m7._relay.said()[-300:]
    assert m7.run("print('alive')") == "alive\n"


@M7
def test_a_board_that_takes_too_long_is_stopped():
    with Emulator("emu_m7") as board:
        start = time.monotonic()
        with pytest.raises(
            BoardError, match="longer than 1.5 s; the board has been stopped"
        ) as caught:
            board.run("print('begun')\nwhile True: pass", timeout_s=1.5)
        assert time.monotonic() - start < 10
        assert "begun" in caught.value.output
        with pytest.raises(BoardError, match="start a new Emulator"):
            board.run("print(1)")


@M7
def test_the_end_of_qemu_is_told():
    with Emulator("emu_m7") as board:
        with pytest.raises(BoardError, match="QEMU has ended with 0"):
            board.run("import machine\nmachine.reset()")
        with pytest.raises(BoardError, match="QEMU has ended"):
            board.read_card()


@M7
def test_an_exception_in_the_block_ends_qemu():
    with pytest.raises(KeyError), Emulator("emu_m7") as board:
        process = board._process
        raise KeyError
    assert process.poll() is not None
    board.close()  # a second time


@M7
def test_qemu_ends_where_starting_fails():
    before = threading.active_count()
    with pytest.raises(BoardError, match="no-such-plugin"):
        Emulator("emu_m7", plugin="/no-such-plugin.so")
    assert threading.active_count() == before


@M7
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_qemu_ends_with_the_program_that_started_it(how):
    program = textwrap.dedent("""
        import time
        from upedal.emulator import Emulator
        with Emulator("emu_m7") as board:
            print(board._process.pid, flush=True)
            time.sleep(60)
    """)
    # A shell's background jobs, as this suite may be, start with SIGINT ignored: not so a user's program.
    program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{program}"
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    qemu = int(parent.stdout.readline())
    parent.send_signal(how)
    parent.wait(20)
    parent.stdout.close()
    end = time.monotonic() + 10
    while _lives(qemu) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _lives(qemu), f"QEMU {qemu} outlived {how.name}"


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.toolchain("qemu-system-arm", "firmware emu_m7, user modules", "package mpremote")
def test_the_user_module_firmware_has_the_modules_built_in():
    with Emulator("emu_m7", user_module=True) as board:
        ask = "import sys; sys.path.clear(); import pedal_nn, pedal_fx; print(pedal_nn.Model)"
        assert board.mpremote("exec", ask) == "<class 'Model'>\n"


def test_an_unknown_board_is_answered_with_those_there_are():
    with pytest.raises(UpedalError, match=r"'emu_z80'.*emu_m0.*emu_rv32"):
        Emulator("emu_z80")


def test_missing_firmware_names_the_command_that_builds_it(monkeypatch, tmp_path):
    monkeypatch.setattr(emulator, "BUILD", tmp_path)
    monkeypatch.setattr(emulator.shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(UpedalError, match=r"firmware\.elf: run `make setup`"):
        Emulator("emu_m7")


def test_missing_qemu_names_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(
        UpedalError, match="qemu-system-riscv32 is not installed: run `make setup`"
    ):
        Emulator("emu_rv32")
