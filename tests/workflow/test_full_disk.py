"""Full disks: every stage says so, loses nothing, and goes on once there is room."""

import hashlib
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
RUN = "results/tiny/tiny-swd/seed-0"
# What each stage makes, in the order of the stages.
STAGES = {
    "synthesise": "results/tiny/raw/truth.h5",
    "segment": "results/tiny/segmented/labels.h5",
    "encode": "results/tiny/encoded/training.h5",
    "measure_real": "results/tiny/real/measure/metrics.csv",
    "train": f"{RUN}/train/generator.pt",
    "generate": f"{RUN}/generate/samples.h5",
    "measure": f"{RUN}/measure/metrics.csv",
    "compare": "results/tiny/compare/comparison.csv",
    "report": "results/report/index.html",
    "record": "results/report/record.json",
}
# Room that is left: files begin and cannot end.
LEFT = 4096


@pytest.fixture
def disk(workflow):
    """Mount a small disk at results/ of the toy workflow."""
    folder = workflow.folder / "results"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def filled(disk):
    """Fill a disk but for a few bytes."""
    filler = disk / "filler"
    status = os.statvfs(disk)
    with open(filler, "wb") as file:
        file.truncate(0)
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - LEFT)
    try:
        yield
    finally:
        filler.unlink()


def content(disk):
    """Return a hash of each finished file."""
    return {
        str(path.relative_to(disk)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in disk.rglob("*")
        if path.is_file() and path.name != "filler"
    }


def test_every_stage_survives_a_full_disk(workflow, disk):
    settings = yaml.safe_load((HERE / "tiny.yaml").read_text())
    settings["run"]["models"] = ["tiny-swd"]
    settings["models"]["tiny-swd"]["training"] |= {
        "steps": 2,
        "match_fractions": False,
        "selection": None,
    }
    settings["generation"]["n_volumes"] = 1
    settings["measure"]["metrics"] = ["volume-fraction", "two-point-correlation"]
    (workflow.folder / "tiny.yaml").write_text(yaml.safe_dump(settings))

    def run(target):
        return workflow(target, "--cores", "1", "--configfile", "tiny.yaml")

    for stage, target in STAGES.items():
        before = content(disk)
        with filled(disk):
            stopped = run(target)
            said = stopped.stdout + stopped.stderr
            assert stopped.returncode == 1, f"{stage}: {said}"
            assert "no space left on the disk" in said, f"{stage}: {said}"
            assert "Traceback" not in said, f"{stage}: {said}"
            assert content(disk).items() >= before.items(), stage
            parts = [path for path in disk.rglob(".*.part*")]
            assert parts == [], stage
        finished = run(target)
        assert finished.returncode == 0, f"{stage}: {finished.stdout + finished.stderr}"
        assert content(disk).items() >= before.items(), stage
