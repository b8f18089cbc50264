"""`upedal sweep` at work with processes of this machine: retries, resuming, Ctrl-C, the command."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

torch = pytest.importorskip("torch")

from upedal import audio, sweep, upm
from upedal.cli import main
from upedal.errors import UpedalError
from upedal.sweep import attempt, drive, local, table, worker

from tests.host import sweep_jobs
from tests.host.sweep_jobs import LONG, QUICK, RATE, SMALL, Quiet

recordings, jobs = sweep_jobs.recordings, sweep_jobs.jobs


PATIENCE_S = 300.0  # with what may hang


def start_cli(path, *more):
    code = "import sys; from upedal.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "sweep", str(path), *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run_cli(path, *more):
    started = start_cli(path, *more)
    out, err = started.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(started.args, started.returncode, out, err)


def wait_for(what):
    """The first true value of what()."""
    end = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def test_every_job_leaves_a_model_and_a_result_and_none_is_trained_twice(jobs):
    plan = sweep.load(jobs(more="board: teensy41", report="true"))
    first = sweep.run(plan)
    assert not first["failed"] and not first["interrupted"]
    assert [row["state"] for row in first["rows"]] == ["done", "done"]
    for row in first["rows"]:
        assert upm.load(plan.output / row["upm"]).rate_hz == RATE
        assert row["upm_bytes"] == (plan.output / row["upm"]).stat().st_size
        assert 0 < row["esr"] and 0 < row["load"] < 1
        assert (
            row["report"] in (plan.output / "index.html").read_text()
            and (plan.output / row["report"]).is_file()
        )
    with open(plan.output / "results.csv", newline="") as file:
        told = list(csv.DictReader(file))
    assert [float(r["esr"]) for r in told] == [r["esr"] for r in first["rows"]]
    assert json.loads((plan.output / "results.json").read_text()) == first["rows"]
    stamps = {p: p.stat().st_mtime_ns for p in plan.output.glob("jobs/*/result.json")}
    again = sweep.run(sweep.load(plan.path))
    assert again["rows"] == first["rows"]
    assert stamps == {p: p.stat().st_mtime_ns for p in stamps}


def test_a_killed_worker_is_tried_again_and_what_is_done_stays(jobs):
    plan = sweep.load(jobs([QUICK, SMALL.replace("small", "more") % ", epochs=40"], captures="a"))
    backend, killed, stamps = local.Local(plan.output, 1, 1), [], {}

    def kill(progress):
        for job, running in backend._running.items():
            if job.recipe == "more" and not killed and running.progress().get("epoch"):
                stamps.update(
                    {p: p.stat().st_mtime_ns for p in plan.output.glob("jobs/*/result.json")}
                )
                killed.append(running.process.pid)
                running.process.kill()

    shown = Quiet(kill)
    assert drive.drive(plan.jobs, backend, shown) == ({}, False)
    assert [how for how, _ in shown.events] == [
        "started",
        "done",
        "started",
        "failed",
        "started",
        "done",
    ]
    assert len(drive.finished(plan.jobs[1], plan.output)["history"]) == 40
    assert len(stamps) == 1 and all(p.stat().st_mtime_ns == stamp for p, stamp in stamps.items())


def test_what_fails_every_time_is_given_up_with_the_end_of_its_log(jobs):
    plan = sweep.load(jobs([LONG], captures="a"))
    backend = local.Local(plan.output, 1)

    def kill(progress):
        for running in backend._running.values():
            running.process.kill()

    shown = Quiet(kill)
    failed, _ = drive.drive(plan.jobs, backend, shown)
    assert [how for how, _ in shown.events] == ["started", "failed"] * (1 + drive.RETRIES)
    assert failed[plan.jobs[0]].startswith("killed by signal 9")
    (row,) = table.rows(plan, failed)
    assert row["state"] == "failed" and row["why"] == failed[plan.jobs[0]]


def test_what_is_refused_is_told_and_fails_the_command(jobs, tmp_path):
    path = jobs(captures="b")
    x, _ = audio.read(tmp_path / "b_dry.wav")
    (tmp_path / "b_wet.wav").unlink()
    audio.write(tmp_path / "b_wet.wav", x, RATE)  # the same file twice
    done = run_cli(path)
    assert done.returncode == 1, done.stderr
    assert "b.small.0: failed: " in done.stdout and "same" in done.stdout.split("its log ends:")[1]
    (row,) = json.loads((tmp_path / "jobs.sweep" / "results.json").read_text())
    assert row["state"] == "failed" and "same" in row["why"]


class Scripted:
    """A backend on which each try of a job ends as told: {job name: [Outcome, ...]}, one job at once."""

    def __init__(self, told):
        self.told, self.now, self.fresh = told, [], []

    def running(self):
        return len(self.now)

    def room(self):
        return 1 - len(self.now)

    def start(self, job, fresh):
        self.now.append(job)
        self.fresh += [job.name] * fresh

    def finished(self):
        ended = [(job, self.told[job.name].pop(0)) for job in self.now]
        self.now.clear()
        return ended

    def progress(self):
        return {}

    def stop(self):
        pass

    close = stop


def test_failures_are_retried_refusals_are_not_and_the_rest_goes_on(jobs, monkeypatch):
    monkeypatch.setattr(drive, "_STEP_S", 0.0)
    failed, refused, done = (attempt.Outcome(how, how) for how in ("failed", "refused", "done"))
    plan = sweep.load(jobs(captures="ab", more="seeds: [0, 1]"))
    names = ["a.small.0", "a.small.1", "b.small.0", "b.small.1"]
    assert [job.name for job in plan.jobs] == names
    torn = attempt.Outcome("failed", "torn", fresh=True)
    told = dict(
        zip(names, ([failed, failed, failed], [refused], [torn, done], [failed, failed, done]))
    )
    backend, shown = Scripted({name: list(outcomes) for name, outcomes in told.items()}), Quiet()
    lost, _ = drive.drive(plan.jobs, backend, shown)
    assert {job.name: why for job, why in lost.items()} == {
        "a.small.0": "failed",
        "a.small.1": "refused",
    }
    for name, outcomes in told.items():
        ends = [how for how, whose in shown.events if whose == name and how != "started"]
        assert ends == [outcome.how for outcome in outcomes]
    # The last try trusts no checkpoint, nor does one behind a torn checkpoint.
    assert sorted(backend.fresh) == ["a.small.0", "b.small.0", "b.small.1"]


def test_a_torn_result_counts_as_none(jobs):
    (job,) = sweep.load(jobs(captures="a")).jobs
    folder = job.base / "jobs.sweep" / "jobs" / job.folder
    folder.mkdir(parents=True)
    for content in ('{"hash": "', "[1]", '{"hash": "other"}', ""):
        (folder / worker.RESULT).write_text(content)
        assert drive.finished(job, job.base / "jobs.sweep") is None


def test_what_is_refused_with_a_checkpoint_gets_a_try_without_it(jobs, tmp_path):
    """A machine that goes down may tear it."""
    (job,) = sweep.load(jobs(captures="a")).jobs
    (tmp_path / "a_wet.wav").unlink()  # a link, which the other tests read
    (tmp_path / "a_wet.wav").write_bytes(b"torn")
    folder = tmp_path / "try"
    folder.mkdir()
    for checkpoint, how, fresh in ((True, "failed", True), (False, "refused", False)):
        if checkpoint:
            (folder / "checkpoint.pt").write_bytes(b"torn")
        else:
            attempt.forget(folder)
        running = attempt.Attempt(folder, attempt.order(job), job.base, 1)
        outcome = wait_for(running.poll)
        assert (outcome.how, outcome.fresh) == (how, fresh) and "a_wet.wav" in outcome.note


# ---- the command ----


def history(checkpoint):
    return torch.load(checkpoint, weights_only=True)["history"]


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc to find the worker")
def test_killed_or_stopped_a_sweep_leaves_checkpoints_and_goes_on(jobs, tmp_path):
    path = jobs([LONG], captures="a")
    started = start_cli(path)
    wait_for(lambda: list(tmp_path.glob("jobs.sweep/jobs/*/progress.json")))
    with open(f"/proc/{started.pid}/task/{started.pid}/children") as file:
        workers = file.read().split()
    started.kill()
    started.communicate()
    assert workers
    wait_for(lambda: not any(os.path.isdir(f"/proc/{pid}") for pid in workers))
    (checkpoint,) = tmp_path.glob("jobs.sweep/jobs/*/checkpoint.pt")
    before = history(checkpoint)
    (checkpoint.parent / "progress.json").unlink()

    again = start_cli(path)
    wait_for(lambda: list(tmp_path.glob("jobs.sweep/jobs/*/progress.json")))
    again.send_signal(signal.SIGINT)
    out, err = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 130, err
    assert "stopped, its checkpoint kept" in out and "the same command goes on" in out
    after = history(checkpoint)
    assert before and after[: len(before)] == before and len(after) > len(before)
    assert not (checkpoint.parent / worker.RESULT).exists()


def test_dry_run_lists_jobs_with_their_time_and_trains_nothing(jobs, tmp_path, capsys):
    path = jobs([QUICK, "{recipe: gru-40, minutes: 90}"])
    assert main(["sweep", str(path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.count("to do") == 4 and out.count("│ 1 h 30 min │") == 2
    assert "4 to train: about" in out
    assert not (tmp_path / "jobs.sweep").exists()


def test_two_sweeps_do_not_share_a_folder(jobs):
    plan = sweep.load(jobs())
    plan.output.mkdir()
    with sweep._alone(plan.output), pytest.raises(UpedalError, match="another sweep works in it"):
        sweep.run(plan)
