"""What the pipeline costs besides its work: planning, finding nothing to do, starting jobs.

Run it as ``python benchmarks/pipeline.py``; the table goes to ``benchmarks/results/``. The toy
configuration of the tests runs in a fresh copy of the workflow, one job after the other. What the
jobs take by themselves is known from their ``benchmark`` files; the rest is Snakemake's.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from table import write_table

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("Snakefile", "rules", "workflow", "config", "profiles")
SETTINGS = ROOT / "tests/workflow/tiny.yaml"
REPEATS = 3


def copy_workflow(folder: Path) -> None:
    """Copy the workflow and the toy configuration into a folder, which is made if need be."""
    folder.mkdir(exist_ok=True)
    for part in COPIED:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / "config/config.yaml").unlink(missing_ok=True)  # a user's own settings
    shutil.copy(SETTINGS, folder)


def seconds(folder: Path, *arguments: str) -> float:
    """Return how long Snakemake runs in ``folder``."""
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    command = [snakemake, "--cores", "1", "--configfile", SETTINGS.name, *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def median_seconds(folder: Path, *arguments: str) -> float:
    """Return the median over repeats."""
    return statistics.median(seconds(folder, *arguments) for _ in range(REPEATS))


def job_seconds(folder: Path) -> dict[str, float]:
    """Return how long each job took, by its rule and what it was for."""
    found = {}
    for path in sorted((folder / "job-benchmarks").rglob("*.tsv")):
        name = str(path.relative_to(folder / "job-benchmarks").with_suffix(""))
        found[name] = float(pd.read_csv(path, sep="\t")["s"].iloc[0])
    return found


def main() -> None:
    """Plan, run, and run again with nothing to do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_workflow(folder)
        planning = median_seconds(folder, "-n")
        whole = seconds(folder)
        idle = median_seconds(folder)
        jobs = job_seconds(folder)
    cheapest = min(jobs, key=lambda job: jobs[job])
    rows = [
        ("plan, everything to do (-n)", planning),
        ("run, nothing to do", idle),
        (f"run, {len(jobs)} jobs of a toy one after the other", whole),
        ("of it in the jobs", sum(jobs.values())),
        ("per job besides it", (whole - sum(jobs.values()) - idle) / len(jobs)),
        (f"the cheapest job ({cheapest}): loading libraries above all", jobs[cheapest]),
    ]
    write_table(
        "pipeline",
        pd.DataFrame([{"what": what, "seconds": f"{value:.2f}"} for what, value in rows]),
        f"Medians of {REPEATS} where nothing runs. A run that does something also spends what one "
        "with nothing to do does; that is taken off before it is shared among the jobs.",
        libraries=("snakemake", "torch", "porespy"),
    )


if __name__ == "__main__":
    main()
