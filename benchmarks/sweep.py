"""A sweep of 36 runs: how long it takes to plan, and whether it ends on a Slurm of one node.

Run it as ``python benchmarks/sweep.py``; the table goes to ``benchmarks/results/``. The plan is
that of ``config/sweep.yaml``. What runs is the same at toy size, ``sweep.yaml`` beside this file,
through the Slurm of the tests, which needs Debian's slurmctld, slurmd, slurm-client and munge, and
root.
"""

import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import pandas as pd
from pipeline import ROOT, copy_workflow
from table import write_table

REPEATS = 3
N_RUNS = 36
TOY = ROOT / "benchmarks/sweep.yaml"
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
# No accounts of jobs are kept, and the node is never busy for long.
THROUGH_SLURM = (
    *("--workflow-profile", "profiles/slurm"),
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "9"),
    *("--latency-wait", "5"),
)
POLL_SECONDS = 10  # Slurm forgets finished jobs after a while


def cluster_module() -> ModuleType:
    """Return the module of the tests that starts a Slurm."""
    spec = importlib.util.spec_from_file_location("cluster", ROOT / "tests/slurm/cluster.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planning_seconds(folder: Path) -> float:
    """Return the median time of planning the sweep."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        command = [SNAKEMAKE, "-n", "--cores", "2", "--configfile", "config/sweep.yaml"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def run(folder: Path) -> tuple[float, Counter[str]]:
    """Run the toy sweep through Slurm; return seconds, and how many jobs ended in which state."""
    slurm = cluster_module()
    if slurm.missing():
        raise SystemExit(f"Slurm is not installed: {', '.join(slurm.missing())} are missing")
    states: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as name:
        cluster = slurm.Cluster(Path(name))
        try:
            cluster.start()
            start = time.perf_counter()
            with open(folder / "snakemake.log", "w", encoding="utf-8") as log:
                process = subprocess.Popen(
                    [SNAKEMAKE, "--configfile", "config/sweep.yaml", TOY.name, *THROUGH_SLURM],
                    cwd=folder,
                    env=cluster.environment,
                    stdout=log,
                    stderr=log,
                )
                while process.poll() is None:
                    states |= {job["JobId"]: job["JobState"] for job in cluster.jobs()}
                    time.sleep(POLL_SECONDS)
            seconds = time.perf_counter() - start
            states |= {job["JobId"]: job["JobState"] for job in cluster.jobs()}
        finally:
            cluster.stop()
    if process.returncode:
        print((folder / "snakemake.log").read_text(encoding="utf-8")[-5000:])
        raise SystemExit("the sweep failed")
    return seconds, Counter(states.values())


def main() -> None:
    """Plan and run the sweep."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_workflow(folder)
        shutil.copy(TOY, folder)
        planning = planning_seconds(folder)
        seconds, states = run(folder)
        made = len(list((folder / "results").glob("*/*/seed-*/train/generator.pt")))
        table = pd.read_csv(folder / "results/report/metrics.csv", dtype=str)
        in_report = table[table["model"] != "real"].groupby(["material", "model", "seed"]).ngroups
    rows = [
        ("seconds to plan (snakemake -n)", f"{planning:.1f}"),
        ("seconds to run at toy size", f"{seconds:.0f}"),
        ("jobs of Slurm", ", ".join(f"{n} {state}" for state, n in states.items())),
        ("generators", made),
        ("runs in the report", in_report),
    ]
    note = f"3 materials x 4 models x 3 seeds = {N_RUNS} runs; a Slurm of one node with one GPU."
    table = pd.DataFrame(rows, columns=["what", "found"])
    write_table("sweep", table, note, libraries=("snakemake",))
    if made != N_RUNS or in_report != N_RUNS:
        raise SystemExit("runs are missing")


if __name__ == "__main__":
    main()
