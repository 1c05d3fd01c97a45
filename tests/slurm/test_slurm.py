"""The workflow through a real Slurm: what jobs ask for, and what becomes of killed ones."""

import itertools
import time

import torch

GENERATOR = "results/tiny/{}/seed-0/train/generator.pt"
SECONDS = 900


def rule_of(job):
    """Return the rule of a job, which the plugin writes into its comment."""
    return job["Comment"].removeprefix("rule_").partition("_wildcards")[0]


def trainings(cluster, model):
    """Return the jobs that trained a model, in the order in which they were submitted."""
    found = [job for job in cluster.jobs() if rule_of(job) == "train" and model in job["Comment"]]
    return sorted(found, key=lambda job: int(job["JobId"]))


def run_killing_trainings(process, cluster, folder, signals):
    """Wait for the end; signal the training of each model once it has saved its first state."""
    waiting = dict(signals)
    deadline = time.monotonic() + SECONDS
    while process.poll() is None:
        assert time.monotonic() < deadline, (folder / "snakemake.log").read_text()
        for model in list(waiting):
            if (folder / GENERATOR.format(model)).with_name("state.pt").exists():
                (job,) = trainings(cluster, model)
                cluster.ask("scancel", f"--signal={waiting.pop(model)}", job["JobId"])
        time.sleep(0.05)
    assert not waiting
    assert process.returncode == 0, (folder / "snakemake.log").read_text()


def weights(folder, model):
    return torch.load(folder / GENERATOR.format(model), weights_only=True)["state"]


def test_killed_trainings_go_on_and_the_pipeline_runs_to_its_report(cluster, workflow, undisturbed):
    signals = {"tiny-swd": "TERM", "tiny-gan": "KILL"}
    # Side by side: each of the two leaves the processors idle between its jobs.
    other = undisturbed(*map(GENERATOR.format, signals))
    run_killing_trainings(workflow(), cluster, workflow.folder, signals)
    assert (workflow.folder / "results/report/index.html").stat().st_size > 10_000
    for model in signals:
        killed, resumed = trainings(cluster, model)
        assert killed["JobState"] != "COMPLETED"
        assert resumed["JobState"] == "COMPLETED"
        log = workflow.folder / "logs/tiny" / model / "seed-0/train.log"
        assert "continuing after step" in log.read_text()
        assert (killed["MinMemoryNode"], resumed["MinMemoryNode"]) == ("16000M", "32000M")
    assert other.wait(timeout=SECONDS) == 0, (undisturbed.folder / "snakemake.log").read_text()
    for model in signals:
        whole, resumed = (weights(one.folder, model) for one in (undisturbed, workflow))
        assert all(torch.equal(value, resumed[name]) for name, value in whole.items())

    jobs = {}
    for job in cluster.jobs():
        jobs.setdefault(rule_of(job), []).append(job)
    on_gpu = jobs.pop("train") + jobs.pop("generate")
    assert len(on_gpu) == 6
    for job in on_gpu:
        assert job["TresPerJob"] == "gres:gpu:1"
        assert job["Partition"] == "gpu"
    for job in trainings(cluster, ""):
        assert job["TimeLimit"] == "1-00:00:00"
        assert job["CPUs/Task"] == "8"
    spans = sorted((job["StartTime"], job["EndTime"]) for job in on_gpu)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert start >= end
    others = list(itertools.chain(*jobs.values()))
    assert len(others) >= 8
    assert {job.get("TresPerJob") for job in others} == {None}
    assert {job["Partition"] for job in others} == {"cpu"}
