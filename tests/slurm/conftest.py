"""A Slurm that the tests start and stop, and the workflow run through it."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .cluster import Cluster, missing

# No accounts of jobs are kept, and the node is never busy for long.
HERE = (
    *("--workflow-profile", "profiles/slurm"),
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "9"),
    *("--latency-wait", "5"),
)
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
    """Return a function that starts snakemake in a fresh copy of the workflow."""
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    (tmp_path / "config/config.yaml").unlink(missing_ok=True)
    shutil.copy(root / "tests/workflow/tiny.yaml", tmp_path / "tiny.yaml")

    def start():
        program = str(Path(sys.executable).with_name("snakemake"))
        return subprocess.Popen(
            [program, "--configfile", "tiny.yaml", *HERE],
            cwd=tmp_path,
            env=cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    start.folder = tmp_path
    return start
