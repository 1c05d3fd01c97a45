"""A Slurm that the tests start and stop, and the workflow run through it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from .cluster import Cluster, missing

# No accounts of jobs are kept, and the node is never busy for long.
HERE = (
    *("--workflow-profile", "profiles/slurm"),
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "1"),
    *("--latency-wait", "5"),
)
# Trainings run side by side: threads that wait for others would else take the processors of those.
PATIENT = {"OMP_WAIT_POLICY": "passive"}
COPIED = ("Snakefile", "rules", "workflow", "config", "profiles")


@pytest.fixture(scope="session")
def cluster():
    """Start a Slurm; skip where there is none."""
    absent = missing()
    if absent:
        pytest.skip(f"Slurm is not installed: {', '.join(absent)} are missing")
    # Sockets have short names only.
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        running = Cluster(Path(folder))
        try:
            running.start()
            yield running
        finally:
            running.stop()


@pytest.fixture
def workflow(cluster, root, tmp_path):
    """Return a function that starts snakemake in a fresh copy of the workflow, through Slurm."""
    program = (sys.executable, str(Path(__file__).with_name("impatient.py")))
    return starter(root, tmp_path, cluster.environment, program, HERE)


@pytest.fixture
def undisturbed(root, tmp_path_factory):
    """Return what starts it without Slurm, in a copy of its own."""
    # As many threads as jobs get, of which those of this Slurm see all there are.
    folder = tmp_path_factory.mktemp("undisturbed")
    program = (str(Path(sys.executable).with_name("snakemake")),)
    return starter(root, folder, dict(os.environ), program, ("--cores", "all"))


def starter(root, folder, environment, program, options):
    """Copy the workflow and return a function that starts it with these options."""
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)
    (folder / "config/config.yaml").unlink(missing_ok=True)
    settings = yaml.safe_load((root / "tests/workflow/tiny.yaml").read_text())
    for model in settings["models"].values():
        model["training"] |= {"steps": 4, "match_fractions": False, "selection": None}
    settings["measure"]["metrics"] = ["volume-fraction", "two-point-correlation"]
    (folder / "tiny.yaml").write_text(yaml.safe_dump(settings))

    def start(*targets, **variables):
        with open(folder / "snakemake.log", "w") as log:
            return subprocess.Popen(
                [*program, *targets, "--configfile", "tiny.yaml", *options],
                cwd=folder,
                env=environment | PATIENT | variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    start.folder = folder
    return start
