"""The wheel, in an environment that has nothing of the source tree: command, workflow and data."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

PARTS = ("Snakefile", "rules", "workflow", "profiles", "config")


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Build the wheel from a copy of the tracked files."""
    if shutil.which("git") is None or not (root / ".git").exists():
        pytest.skip("the wheel is made of tracked files, and this is no clone")
    folder = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(out), str(folder)]
    subprocess.run(command, check=True)
    return folder, next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Return the folder of programs of an environment with the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install"]
    subprocess.run([*command, "--quiet", "--no-deps", "--no-index", str(wheel[1])], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    # The dependencies of this environment without its link to the source tree.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    return folder / "bin"


def test_everything_that_the_workflow_needs_is_in_it(wheel):
    tree, built = wheel
    with zipfile.ZipFile(built) as archive:
        names = {name for name in archive.namelist() if name.startswith("matvir/pipeline/")}
    files = [path for part in PARTS for path in (tree / part, *tree.glob(f"{part}/**/*"))]
    wanted = {path.relative_to(tree) for path in files if path.is_file()}
    assert names == {f"matvir/pipeline/{path}" for path in wanted if path.suffix != ".md"}


def test_an_image_is_segmented_in_any_folder(environment, tmp_path):
    squares = np.kron(np.random.default_rng(0).integers(0, 2, (24, 24)), np.ones((4, 4)))
    tifffile.imwrite(tmp_path / "scan.tif", squares.astype(np.uint8))
    run = subprocess.run(
        [environment / "matvir", "segment", "scan.tif", "--phases", "solid", "pore"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "[1/1] Segmenting scan." in run.stderr
    assert (tmp_path / "scan/results/scan/segmented/labels.h5").exists()
    place = [str(environment / "python"), "-c", "import matvir; print(matvir.__file__)"]
    found = subprocess.run(place, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(environment.parent)
