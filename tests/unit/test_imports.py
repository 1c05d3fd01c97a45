"""What may be imported where, so that a GPU machine needs few packages and plots need no torch."""

import subprocess
import sys

import pytest

BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name + " is not available here")
sys.meta_path.insert(0, Blocker())
import {module}
"""
NOT_ON_A_GPU_MACHINE = (
    "snakemake",
    "pyamg",
    "porespy",
    "cc3d",
    "sklearn",
    "imageio",
    "jsonschema",
    "jinja2",
    "matplotlib",
    "edt",
    "tqdm",
)


def imports(module, blocked):
    program = BLOCK.format(blocked=set(blocked), module=module)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "module",
    [
        "matvir.models",
        "matvir.training.loop",
        "matvir.training.checkpoint",
        "matvir.generation.sampling",
        "matvir.storage.samples",
        "matvir.generation.size",
        "matvir.micrograph.crops",
        "matvir.storage.provenance",
    ],
)
def test_training_and_generation_need_few_packages(module):
    finished = imports(module, NOT_ON_A_GPU_MACHINE)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    "module",
    [
        "matvir.report.page",
        "matvir.comparison.run",
        "matvir.measurement.measure",
        "matvir.micrograph.segmentation",
        "matvir.settings.check",
        "matvir.generation.size",
    ],
)
def test_what_needs_no_torch_does_not_load_it(module):
    finished = imports(module, ["torch"])
    assert finished.returncode == 0, finished.stderr


def test_the_blocker_blocks():
    assert imports("matvir.models", ["torch"]).returncode == 1


def test_nothing_in_the_package_knows_snakemake(root):
    for path in (root / "src").rglob("*.py"):
        assert "import snakemake" not in path.read_text(), path
        assert "from snakemake" not in path.read_text(), path
