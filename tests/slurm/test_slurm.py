"""The workflow through a real Slurm: what jobs ask for."""

import itertools


def by_rule(cluster, since=0):
    """Return the jobs of each rule in the order in which they were submitted."""
    found = {}
    for job in sorted(cluster.jobs(), key=lambda job: int(job["JobId"])):
        if int(job["JobId"]) > since:
            rule = job["Comment"].removeprefix("rule_").partition("_wildcards")[0]
            found.setdefault(rule, []).append(job)
    return found


def last_job(cluster):
    return max((int(job["JobId"]) for job in cluster.jobs()), default=0)


def finish(process, seconds):
    output, _ = process.communicate(timeout=seconds)
    return process.returncode, output


def test_the_pipeline_runs_to_its_report(cluster, workflow):
    before = last_job(cluster)
    code, output = finish(workflow(), 900)
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
