"""The workflow through a real Slurm: what jobs ask for, and what becomes of killed ones."""

import itertools
import shutil

import pytest
import torch

GENERATOR = "results/tiny/{}/seed-0/train/generator.pt"
SECONDS = 900


def rule_of(job):
    """Return the rule of a job, which the plugin writes into its comment."""
    return job["Comment"].removeprefix("rule_").partition("_wildcards")[0]


def jobs_of(cluster, folder):
    """Return the jobs of a workflow by rule, in the order in which they were submitted."""
    found = {}
    for job in sorted(cluster.jobs(), key=lambda job: int(job["JobId"])):
        if job["WorkDir"] == str(folder):
            found.setdefault(rule_of(job), []).append(job)
    return found


def run(start, *targets, **variables):
    """Run a workflow to its end."""
    process = start(*targets, **variables)
    code = process.wait(timeout=SECONDS)
    assert code == 0, (start.folder / "snakemake.log").read_text()


def cancelling(killing, cluster, signals):
    """Return variables with which trainings cancel themselves at their second save."""
    cancel = f"SLURM_CONF={cluster.environment['SLURM_CONF']} scancel $SLURM_JOB_ID --signal="
    of_model = {"save": 2, "early": False}
    hows = {model: of_model | {"command": cancel + signal} for model, signal in signals.items()}
    return {name: killing(hows)[name] for name in ("PYTHONPATH", "KILL_TRAININGS")}


def check_trainings(folder, trainings, model):
    """Check what two jobs asked for and did, of which the first was killed."""
    killed, resumed = (job for job in trainings if model in job["Comment"])
    assert killed["JobState"] != "COMPLETED"
    assert resumed["JobState"] == "COMPLETED"
    log = folder / "logs/tiny" / model / "seed-0/train.log"
    assert "continuing after step" in log.read_text()
    assert (killed["MinMemoryNode"], resumed["MinMemoryNode"]) == ("16000M", "32000M")
    for job in (killed, resumed):
        assert job["TresPerJob"] == "gres:gpu:1"
        assert job["Partition"] == "gpu"
        assert job["TimeLimit"] == "1-00:00:00"
        assert job["CPUs/Task"] == "8"


def check_weights(model, one, other):
    """Check that two trainings ended with the same bits."""
    one, other = (
        torch.load(folder / GENERATOR.format(model), weights_only=True)["state"]
        for folder in (one, other)
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_killed_training_goes_on_in_another_job(cluster, workflow, undisturbed, killing):
    target = GENERATOR.format("tiny-gan")
    run(undisturbed, target)
    shutil.copytree(undisturbed.folder, workflow.folder, dirs_exist_ok=True)
    (workflow.folder / target).unlink()
    (workflow.folder / "logs/tiny/tiny-gan/seed-0/train.log").unlink()
    run(workflow, target, **cancelling(killing, cluster, {"tiny-gan": "KILL"}))
    jobs = jobs_of(cluster, workflow.folder)
    assert jobs.keys() == {"train"}
    check_trainings(workflow.folder, jobs["train"], "tiny-gan")
    check_weights("tiny-gan", undisturbed.folder, workflow.folder)


@pytest.mark.slurm_full
def test_killed_trainings_go_on_and_the_pipeline_runs_to_its_report(
    cluster, workflow, undisturbed, killing
):
    signals = {"tiny-swd": "TERM", "tiny-gan": "KILL"}
    # Side by side: each of the two leaves the processors idle between its jobs.
    other = undisturbed(*map(GENERATOR.format, signals))
    run(workflow, **cancelling(killing, cluster, signals))
    assert (workflow.folder / "results/report/index.html").stat().st_size > 10_000
    assert other.wait(timeout=SECONDS) == 0, (undisturbed.folder / "snakemake.log").read_text()

    jobs = jobs_of(cluster, workflow.folder)
    for model in signals:
        check_trainings(workflow.folder, jobs["train"], model)
        check_weights(model, undisturbed.folder, workflow.folder)
    on_gpu = jobs.pop("train") + jobs.pop("generate")
    assert len(on_gpu) == 6
    for job in on_gpu:
        assert job["TresPerJob"] == "gres:gpu:1"
        assert job["Partition"] == "gpu"
    spans = sorted((job["StartTime"], job["EndTime"]) for job in on_gpu)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert start >= end
    others = list(itertools.chain(*jobs.values()))
    assert len(others) >= 8
    assert {job.get("TresPerJob") for job in others} == {None}
    assert {job["Partition"] for job in others} == {"cpu"}
