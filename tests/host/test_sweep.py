"""`upedal sweep`: what jobs.yaml may say, the jobs it makes, and the parts that need no training."""

import os

import pytest

torch = pytest.importorskip("torch")

from upedal import audio, paths, sweep
from upedal.errors import UpedalError
from upedal.sweep import attempt, estimate, local, node

from tests.host import sweep_jobs
from tests.host.sweep_jobs import QUICK, RATE, SMALL

recordings, jobs = sweep_jobs.recordings, sweep_jobs.jobs


# ---- the file ----


def test_jobs_are_captures_by_recipes_by_seeds(jobs):
    plan = sweep.load(
        jobs(
            [QUICK, "gru-16", "{recipe: lstm-16, set: [hidden=12]}"],
            more="seeds: [3, 1]\nminutes: 2",
        )
    )
    assert len(plan.jobs) == 2 * 3 * 2
    assert {j.recipe for j in plan.jobs} == {"small", "gru-16", "lstm-16-hidden_12"}
    assert len({j.hash for j in plan.jobs}) == len({j.folder for j in plan.jobs}) == 12
    assert {j.spec["minutes"] for j in plan.jobs} == {2.0}
    assert [j.spec["recipe"]["hidden"] for j in plan.jobs[:6:2]] == [4, 16, 12]


def test_a_job_is_another_one_as_soon_as_its_data_or_recipe_changes(jobs, tmp_path):
    def hashes(**options):
        return [job.hash for job in sweep.load(jobs(**options)).jobs]

    before = hashes()
    assert hashes() == before
    assert hashes(more="processes: 7\noutput: elsewhere\naddress: a:1") == before
    assert hashes(more="minutes: 1")[0] not in before
    assert hashes(more="board: pico2")[0] not in before
    again, _ = audio.read(tmp_path / "a_wet.wav")
    (tmp_path / "a_wet.wav").unlink()
    audio.write(tmp_path / "a_wet.wav", 0.5 * again, RATE)
    assert [h in before for h in hashes()] == [False, True]


def test_minutes_of_a_recipe_go_before_those_of_a_capture_and_of_all(jobs, tmp_path):
    path = jobs(["gru-16", "{recipe: gru-40, minutes: 9}"], more="minutes: 1")
    path.write_text(path.read_text().replace("a_wet.wav}", "a_wet.wav, minutes: 5}"))
    found = {(j.capture, j.recipe): j.spec["minutes"] for j in sweep.load(path).jobs}
    assert found == {
        ("a", "gru-16"): 5,
        ("a", "gru-40"): 9,
        ("b", "gru-16"): 1,
        ("b", "gru-40"): 9,
    }


@pytest.mark.parametrize(
    "old,new,said",
    [
        ("captures:", "capture:", "2: capture: found an unknown key; expected one of captures"),
        ("name: a,", "nam: a,", "3: captures[0].nam: found an unknown key"),
        ("name: a,", "", "3: captures[0]: found no name; expected all of"),
        ("name: a,", "name: 7,", "3: captures[0].name: found 7; expected a name of letters"),
        ("name: a,", "name: ../../x,", "captures[0].name: found '../../x'; expected a name"),
        ("name: a,", "name: b,", "captures: found 'b' twice; expected each name once"),
        ("name: a,", "name: B,", "captures: found 'B' twice"),
        ("a_dry.wav", "a_dr.wav", "captures[0].dry: found 'a_dr.wav'; expected a recording that exists"),
        ("a_dry.wav", "a\\0b", "captures[0].dry: found"),
        ("a_dry.wav", "[1]", "captures[0].dry: found 'a list'"),
        ("gru-10", "gru-11", "6: recipes[0].recipe: found 'gru-11'; expected one of"),
        ("gru-10", "x.yaml", "recipes[0].recipe: found 'x.yaml'; expected a recipe's file that exists"),
        ("hidden=4", "hiden=4", "recipes[0]: override: unknown key 'hiden'"),
        ("hidden=4", "hidden=0", "recipes[0]: override: hidden is 0; expected 1 to 128"),
        ("hidden=4", "hidden", "recipes[0]: override 'hidden': expected key=value"),
        ("name: small", "name: a/b", "recipes[0].name: found 'a/b'; expected a name"),
        ("END", "seeds: [-1]", "seeds[0]: found -1; expected a whole number"),
        ("END", "seeds: 1", "seeds: found 1; expected a list"),
        ("END", "seeds: []", "are 0 jobs; expected 1 to"),
        ("END", "minutes: 0", "minutes: found 0; expected a number"),
        ("END", "minutes: .nan", "minutes: found nan; expected a number"),
        ("END", "board: pico3", "board: found 'pico3'; expected one of"),
        ("END", "device: gpu", "device: found 'gpu'; expected one of auto, cpu, cuda"),
        ("END", "processes: 0", "processes: found 0; expected a whole number 1"),
        ("END", "minutes: 1\nminutes: 2", "minutes: found it again (first in line"),
        ("END", "more: [", "expected YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_key_value_and_what_was_expected(jobs, old, new, said):
    path = jobs(more="END: 1")
    text = path.read_text().replace("END: 1", new if old == "END" else "")
    path.write_text(text if old == "END" else text.replace(old, new))
    with pytest.raises(UpedalError) as error:
        sweep.load(path)
    assert str(path) in str(error.value) and said in str(error.value)


def test_more_jobs_than_anyone_waits_for_are_refused(jobs):
    with pytest.raises(
        UpedalError, match=r"2 captures x 1 recipes x 9000 seeds are 18,000 jobs; expected"
    ):
        sweep.load(jobs(more=f"seeds: {list(range(9000))}"))


def test_yaml_that_holds_itself_is_refused(tmp_path):
    path = tmp_path / "jobs.yaml"
    path.write_text("captures: &a [*a]\nrecipes: [gru-16]\n")
    with pytest.raises(UpedalError, match=r"captures\[0\]"):
        sweep.load(path)


def test_every_key_is_in_the_guide():
    schema = sweep.plan._schema(paths.ROOT)
    inner = [schema["captures"].inner, schema["recipes"].inner.inner]
    words = (paths.ROOT / "docs" / "sweeps.md").read_text().split("## Keys")[1]
    for key in [*schema, *(key for keys in inner for key in keys)]:
        assert f"`{key}`" in words, key


# ---- captures with knobs ----


def test_a_csv_of_captures_brings_its_recordings_along(jobs, tmp_path):
    path = sweep_jobs.knobs(jobs())
    pair, several = sweep.load(path).jobs
    assert several.inputs == {"captures": "drive.csv"} and several.wets == (
        "a_wet.wav",
        "b_wet.wav",
    )
    assert sorted(several.files) == [
        "a_dry.wav",
        "a_wet.wav",
        "b_dry.wav",
        "b_wet.wav",
        "drive.csv",
    ]
    csv = tmp_path / "drive.csv"
    csv.write_text(csv.read_text().replace(",7", ",8"))
    again = sweep.load(path).jobs
    assert [job.hash for job in again] == [pair.hash, again[1].hash] and again[
        1
    ].hash != several.hash


def test_a_folder_of_captures_is_told_by_its_names(jobs, tmp_path):
    folder = tmp_path / "amp"
    folder.mkdir()
    for name, old in (("dry", "a_dry"), ("wet_drive2", "a_wet"), ("wet_drive7", "b_wet")):
        os.link(tmp_path / f"{old}.wav", folder / f"{name}.wav")
    path = jobs(captures="a")
    path.write_text(path.read_text().replace("dry: a_dry.wav, wet: a_wet.wav", "captures: amp"))
    (job,) = sweep.load(path).jobs
    assert sorted(job.files) == ["amp/dry.wav", "amp/wet_drive2.wav", "amp/wet_drive7.wav"]
    assert estimate.seconds(job) > 0


@pytest.mark.parametrize(
    "new,said",
    [
        ("captures: none.csv", "captures[1].captures: found 'none.csv'; expected a CSV or folder"),
        ("captures: drive.csv, knobs: [tone]", "captures[1]: "),
        ("captures: drive.csv, dry: a_dry.wav", "captures[1]: expected dry and wet, or captures"),
        ("dry: a_dry.wav", "captures[1]: expected dry and wet, or captures"),
        (
            "dry: a_dry.wav, wet: a_wet.wav, held_out: [x]",
            "captures[1]: held_out with one dry and wet",
        ),
        ("captures: drive.csv, force: 1", "captures[1].force: found 1; expected true or false"),
        ("captures: a_dry.wav", "captures[1]: "),
    ],
)
def test_a_mistake_in_captures_is_told(jobs, new, said):
    path = sweep_jobs.knobs(jobs())
    path.write_text(path.read_text().replace("captures: drive.csv", new))
    with pytest.raises(UpedalError) as error:
        sweep.load(path)
    assert str(path) in str(error.value) and said in str(error.value)


@pytest.mark.parametrize(
    "names", [["a.wav"], ["../../x/a.wav", "b.wav"], ["../a.wav", "sub/../../b.wav"]]
)
def test_a_node_keeps_every_recording_in_its_own_folder(tmp_path, names):
    base = node._base(tmp_path / "files", names)
    for name in names:
        assert os.path.normpath(base / name).startswith(str(tmp_path / "files") + os.sep)


# ---- parts ----


def test_every_epoch_counts_in_the_estimate(jobs):
    one, ten = sweep.load(
        jobs([QUICK, SMALL.replace("small", "more") % ", epochs=20"], captures="a")
    ).jobs
    assert 0 < estimate.seconds(one) and estimate.seconds(ten) == pytest.approx(
        10 * estimate.seconds(one)
    )


@pytest.mark.parametrize("cores,jobs,asked,found", [
    (8, 99, (None, None), (8, 1)), (8, 3, (None, None), (3, 2)), (8, 99, (2, None), (2, 4)),
    (8, 99, (None, 4), (2, 4)), (1, 5, (4, None), (4, 1)),
])  # fmt: skip
def test_threads_and_processes_share_the_cores(monkeypatch, tmp_path, cores, jobs, asked, found):
    monkeypatch.setattr(local, "cores", lambda: cores)
    backend = local.Local(tmp_path, jobs, *asked)
    assert (backend.processes, backend.threads) == found


def test_the_end_of_a_log_is_kept_whatever_its_bytes(tmp_path):
    (tmp_path / attempt.LOG).write_bytes(b"x" * 10_000 + b"\xff the end")
    assert attempt.tail(tmp_path).endswith("\ufffd the end") and len(attempt.tail(tmp_path)) < 2100
    assert attempt.tail(tmp_path / "none") == ""
