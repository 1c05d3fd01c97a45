import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
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

    def run(*arguments, timeout=600, environment=None):
        command = [str(Path(sys.executable).with_name("snakemake")), *arguments]
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    run.folder = folder
    return run


@pytest.fixture
def workflow(copy_workflow, tmp_path):
    """Return a function that runs snakemake in a fresh copy of the workflow."""
    return copy_workflow(tmp_path)


def as_tiny(workflow):
    """Return a function that runs the toy pipeline in the folder of ``workflow``."""

    def run(*arguments, **options):
        return workflow(*arguments, "--cores", "1", "--configfile", "tiny.yaml", **options)

    run.folder = workflow.folder
    return run


@pytest.fixture(scope="module")
def finished(copy_workflow, tmp_path_factory):
    """A folder in which the toy pipeline has made its report, to be looked at and copied."""
    tiny = as_tiny(copy_workflow(tmp_path_factory.mktemp("finished")))
    shutil.copy(HERE / "tiny.yaml", tiny.folder)
    run = tiny()
    assert run.returncode == 0, run.stdout + run.stderr
    return tiny.folder


@pytest.fixture
def tiny(finished, workflow):
    """Return a function that runs the toy pipeline where it is finished."""
    shutil.copytree(finished, workflow.folder, dirs_exist_ok=True)
    return as_tiny(workflow)


@pytest.fixture
def own(workflow):
    """Return a function that runs the toy pipeline on materials to be given."""
    return as_tiny(workflow)
