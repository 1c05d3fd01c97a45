import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COPIED = ("Snakefile", "rules", "workflow", "config", "profiles")


@pytest.fixture(scope="session")
def copy_workflow(root):
    """Return a function that copies the workflow into a folder and returns what runs it there."""

    def copy(folder):
        for name in COPIED:
            source = root / name
            if source.is_dir():
                # A user's own settings stay out; the profile's file has the same name.
                own = shutil.ignore_patterns("config.yaml") if name == "config" else None
                shutil.copytree(source, folder / name, ignore=own, dirs_exist_ok=True)
            else:
                shutil.copy(source, folder / name)
        return runner(folder)

    return copy


def runner(folder):
    """Return a function that runs snakemake in ``folder``."""

    def run(*arguments, timeout=600):
        command = [str(Path(sys.executable).with_name("snakemake")), *arguments]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False
        )

    run.folder = folder
    return run


@pytest.fixture
def workflow(copy_workflow, tmp_path):
    """Return a function that runs snakemake in a fresh copy of the workflow."""
    return copy_workflow(tmp_path)
