import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COPIED = ("Snakefile", "rules", "workflow", "config", "profiles")


@pytest.fixture
def workflow(root, tmp_path):
    """Return a function that runs snakemake in a fresh copy of the workflow."""
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("config.yaml"))
        else:
            shutil.copy(source, tmp_path / name)
    shutil.copytree(root / "profiles", tmp_path / "profiles", dirs_exist_ok=True)

    def run(*arguments, timeout=600):
        command = [str(Path(sys.executable).with_name("snakemake")), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False
        )

    run.folder = tmp_path
    return run
