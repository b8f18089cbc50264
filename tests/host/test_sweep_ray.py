"""`upedal sweep --address`: a real Ray cluster of two nodes on this machine, whose workers and nodes are killed."""

import importlib.util
import os
import signal

import pytest

torch = pytest.importorskip("torch")

from upedal import sweep, upm
from upedal.errors import UpedalError
from upedal.sweep import drive, worker

from tests.host import sweep_jobs
from tests.host.sweep_jobs import SMALL, Quiet

recordings, jobs = sweep_jobs.recordings, sweep_jobs.jobs
HAVE = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(
    not HAVE and os.environ.get("UPEDAL_REQUIRE_TOOLCHAIN") != "1",
    reason="Ray is missing; run: make setup",
)
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def two_nodes():
    """A ray.cluster_utils.Cluster of two nodes with one core each; the last test kills the second one."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    head = NODE | {"include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.second = cluster.add_node(**NODE)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.toolchain("package torch")
@needs_ray
def test_stopping_brings_checkpoints_home_and_the_next_run_goes_on(two_nodes, jobs):
    from upedal.sweep.cluster import Cluster

    plan = sweep.load(jobs([SMALL % ", epochs=100000"], captures="a", more="minutes: 0.2"))

    def stop(progress):
        if (
            any(told.get("epoch") for told in progress.values())
            and ("stopping", "") not in shown.events
        ):
            signal.raise_signal(signal.SIGINT)

    shown = Quiet(stop)
    assert drive.drive(plan.jobs, Cluster(plan.output, two_nodes.address), shown) == ({}, True)
    assert [how for how, _ in shown.events] == ["started", "stopping", "stopped"]
    folder = plan.output / "jobs" / plan.jobs[0].folder
    before = torch.load(folder / "checkpoint.pt", weights_only=True)["history"]
    assert before and not (folder / worker.RESULT).exists()
    result = sweep.run(plan, address=two_nodes.address)
    assert [row["state"] for row in result["rows"]] == ["done"]
    history = drive.finished(plan.jobs[0], plan.output)["history"]
    assert history[: len(before)] == before and len(history) > len(before)


@pytest.mark.toolchain("package torch")
@needs_ray
def test_a_job_that_no_node_can_hold_is_told_at_once(two_nodes, jobs):
    for more, said in (
        ("threads: 4", "2 cores and 0 GPUs in all; a job takes 4 cores"),
        ("gpus: 0.5", "takes 1 cores and 0.5 GPUs"),
    ):
        with pytest.raises(UpedalError, match=said):
            sweep.run(sweep.load(jobs(more=more)), address=two_nodes.address)


@pytest.mark.parametrize(
    "address", ["nowhere", "localhost", ":6379", "localhost:x", "localhost:99999"]
)
@needs_ray
def test_an_address_that_is_none_is_refused(jobs, address):
    with pytest.raises(UpedalError, match=r"address .*; expected HOST:PORT"):
        sweep.run(sweep.load(jobs()), address=address)


@needs_ray
def test_nobody_at_the_address_is_told_with_what_to_do(jobs):
    with pytest.raises(
        UpedalError, match=r"127.0.0.1:9: no Ray cluster answers .*ray start --head --port=9"
    ):
        sweep.run(sweep.load(jobs()), address="127.0.0.1:9")


def test_without_ray_the_command_that_brings_it_is_told(jobs, monkeypatch):
    import builtins

    usual = builtins.__import__

    def without(name, *rest, **options):
        if name == "ray" or name.startswith("ray."):
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return usual(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UpedalError, match="needs Ray; run: pip install ray"):
        sweep.run(sweep.load(jobs()), address="127.0.0.1:6379")


@pytest.mark.toolchain("package torch")
@needs_ray
def test_a_killed_worker_and_a_killed_node_cost_no_job(two_nodes, jobs):
    from upedal.sweep.cluster import Cluster

    recipes = [SMALL % ", epochs=60", SMALL.replace("small", "more") % ", epochs=60"]
    plan = sweep.load(sweep_jobs.knobs(jobs(recipes)))
    backend = Cluster(plan.output, two_nodes.address)
    assert backend.room() == 2
    killed, seen = {}, set()

    def kill(progress):
        for job, told in progress.items():
            if "pid" not in told:
                continue
            seen.add(told["node_id"])
            done = sum(how == "done" for how, _ in shown.events)
            if not killed:
                killed["worker"] = job.name
                os.kill(told["pid"], signal.SIGKILL)
            elif "node" not in killed and done and told["node_id"] == two_nodes.second.node_id:
                killed["node"] = job.name
                stamps.update(
                    {p: p.stat().st_mtime_ns for p in plan.output.glob("jobs/*/result.json")}
                )
                two_nodes.remove_node(two_nodes.second, allow_graceful=False)

    stamps = {}
    shown = Quiet(kill)
    failed, interrupted = drive.drive(plan.jobs, backend, shown)
    assert not failed and not interrupted
    assert set(killed) == {"worker", "node"} and len(seen) == 2, (killed, seen, shown.events)
    assert {("failed", name) for name in killed.values()} <= set(shown.events)
    assert sum(how == "done" for how, _ in shown.events) == 4
    assert stamps and all(p.stat().st_mtime_ns == stamp for p, stamp in stamps.items())
    for job in plan.jobs:
        folder = plan.output / "jobs" / job.folder
        result = drive.finished(job, plan.output)
        assert upm.load(folder / result["output"]).meta["name"] == job.capture
        takes = "ab" if job.capture == "b" else "a"
        told = [f"{take}_{side}.wav" for take in takes for side in ("dry", "wet")]
        assert [data["file"] for data in result["data"]] == told
