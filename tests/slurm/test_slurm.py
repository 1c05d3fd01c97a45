"""The workflow through a real Slurm: what jobs ask for, and what becomes of killed ones."""

import itertools
import time

import torch

TRAINED = "results/tiny/tiny-swd/seed-0/train/generator.pt"


def by_rule(cluster, since=0):
    """Return the jobs of each rule in the order in which they were submitted."""
    found = {}
    for job in sorted(cluster.jobs(), key=lambda job: int(job["JobId"])):
        if int(job["JobId"]) > since:
            rule = job["Comment"].removeprefix("rule_").partition("_wildcards")[0]
            found.setdefault(rule, []).append(job)
    return found


def last_job(cluster):
    return max((int(job["JobId"]) for job in cluster.jobs() if "JobId" in job), default=0)


def finish(process, seconds):
    output, _ = process.communicate(timeout=seconds)
    return process.returncode, output


def test_the_pipeline_runs_to_its_report(cluster, workflow):
    before = last_job(cluster)
    code, output = finish(workflow(), 300)
    assert code == 0, output
    assert (workflow.folder / "results/report/index.html").stat().st_size > 10_000
    jobs = by_rule(cluster, before)
    on_gpu = jobs["train"] + jobs["generate"]
    assert len(on_gpu) == 4
    for job in on_gpu:
        assert job["TresPerJob"] == "gres:gpu:1"
        assert job["Partition"] == "gpu"
        assert job["MinMemoryNode"] == "16000M"
    assert {job["TimeLimit"] for job in jobs["train"]} == {"1-00:00:00"}
    assert {job["CPUs/Task"] for job in jobs["train"]} == {"8"}
    spans = sorted((job["StartTime"], job["EndTime"]) for job in on_gpu)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert start >= end
    others = [
        job for rule, group in jobs.items() if rule not in ("train", "generate") for job in group
    ]
    assert len(others) >= 8
    assert {job.get("TresPerJob") for job in others} == {None}
    assert {job["Partition"] for job in others} == {"cpu"}


def wait_for_state(cluster, before, n_trainings, state, seconds=90):
    """Return the number of the n-th training's job when it runs and has saved its state."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        jobs = by_rule(cluster, before).get("train", [])
        running = len(jobs) == n_trainings and jobs[-1]["JobState"] == "RUNNING"
        if running and state.exists() and state.stat().st_mtime > started(jobs[-1]):
            return jobs[-1]["JobId"]
        time.sleep(0.2)
    raise AssertionError(f"no training number {n_trainings} saved {state}: {jobs}")


def started(job):
    return time.mktime(time.strptime(job["StartTime"], "%Y-%m-%dT%H:%M:%S"))


def test_killed_trainings_go_on_with_more_memory_to_the_same_result(cluster, workflow, tmp_path):
    settings = (workflow.folder / "tiny.yaml").read_text()
    (workflow.folder / "tiny.yaml").write_text(settings.replace("steps: 20", "steps: 300"))
    before = last_job(cluster)
    process = workflow(TRAINED)
    state = workflow.folder / TRAINED.replace("generator", "state")
    for attempt, signal in ((1, "TERM"), (2, "KILL")):
        cluster.ask(
            "scancel", f"--signal={signal}", wait_for_state(cluster, before, attempt, state)
        )
    code, output = finish(process, 180)
    assert code == 0, output
    trainings = by_rule(cluster, before)["train"]
    assert [job["MinMemoryNode"] for job in trainings] == ["16000M", "32000M", "48000M"]
    log = (workflow.folder / "logs/tiny/tiny-swd/seed-0/train.log").read_text()
    assert "continuing after step" in log
    disturbed = torch.load(workflow.folder / TRAINED, weights_only=True)["state"]
    (workflow.folder / TRAINED).unlink()
    code, output = finish(workflow(TRAINED, on_slurm=False), 180)
    assert code == 0, output
    undisturbed = torch.load(workflow.folder / TRAINED, weights_only=True)["state"]
    for name, value in undisturbed.items():
        assert torch.equal(value, disturbed[name]), name
