"""What may be imported where, so that a GPU machine needs few packages and plots need no torch."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

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

# From the ground floor up: a room imports from itself and from rooms below it alone.
ROOMS = (
    "errors",
    "log",
    "progress",
    "processes",
    "files",
    "families",
    "metrics",
    "settings",
    "datasets",
    "device",
    "storage",
    "formats",
    "synthetic",
    "micrograph",
    "models",
    "training",
    "generation",
    "measurement",
    "comparison",
    "report",
    "workflow",
    "api",
    "commands",
    "arguments",
    "cli",
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
        "matvir.settings.sizes",
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
        "matvir.micrograph.planes",
        "matvir.settings.sizes",
    ],
)
def test_what_needs_no_torch_does_not_load_it(module):
    finished = imports(module, ["torch"])
    assert finished.returncode == 0, finished.stderr


def test_the_blocker_blocks():
    assert imports("matvir.models", ["torch"]).returncode == 1


def test_nothing_in_the_package_knows_snakemake(root):
    for path in (root / "src/matvir").rglob("*.py"):
        assert "import snakemake" not in path.read_text(), path
        assert "from snakemake" not in path.read_text(), path


def imported(path):
    """Return the modules of the package that a module imports, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "matvir":
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.startswith("matvir."))
    return found


def test_imports_go_downstairs_only(root):
    package, upward = root / "src/matvir", []
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for name in imported(path):
            other = name.split(".")[1]
            if other == "__version__":
                continue
            if ROOMS.index(other) > ROOMS.index(room):
                upward.append(f"{path.relative_to(package)} imports {name}")
    assert not upward


def test_no_modules_import_each_other_in_a_circle(root):
    package = root / "src/matvir"
    modules = {
        ".".join(("matvir", *path.relative_to(package).with_suffix("").parts)): path
        for path in package.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {
        name: {
            target
            for one in imported(path)
            for target in (one, one.rpartition(".")[0])
            if target in modules and target != name
        }
        for name, path in modules.items()
    }
    # Raises CycleError, which names the circle.
    assert len(list(TopologicalSorter(graph).static_order())) == len(modules)
