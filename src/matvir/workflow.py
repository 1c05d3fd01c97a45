"""The Snakemake workflow, run in any folder: what `matvir run` and its like do.

Nothing here imports Snakemake: it runs as a program of its own.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

import matvir
from matvir.errors import MatvirError


class WorkflowStopped(MatvirError):
    """The workflow ended before it was done; it has said why."""


def snakefile() -> Path:
    """Return the Snakefile: that of the wheel, or of the source tree.

    Raises
    ------
    MatvirError
        If the package is installed without its workflow.
    """
    package = Path(matvir.__file__).resolve().parent
    places = package / "pipeline" / "Snakefile", package.parents[1] / "Snakefile"
    for place in places:
        if place.is_file():
            return place
    raise MatvirError(
        f"expected the workflow at {places[0]}, where the package has it, or at {places[1]}, but "
        "it is at neither: the package is incomplete. Install MatVir again."
    )


def run_workflow(
    folder: Path,
    targets: Sequence[str],
    *,
    configuration: Path,
    cores: int,
    options: Sequence[str] = (),
) -> None:
    """Make some results of the workflow in a folder.

    What is complete there is not made again, and a training that was stopped goes on.

    Parameters
    ----------
    folder : Path
        Where ``results`` and ``logs`` are.
    targets : sequence of str
        Rules, or files in the folder; without any, everything.
    configuration : Path
        Its configuration, in YAML.
    cores : int
        Number of processor cores that jobs may take.
    options : sequence of str
        What else Snakemake is told.

    Raises
    ------
    WorkflowStopped
        If not all of it was made.
    """
    command = [
        *(sys.executable, "-m", "snakemake", *targets),
        *("--snakefile", str(snakefile()), "--directory", str(folder)),
        *("--configfile", str(configuration.resolve()), "--cores", str(cores)),
        *("--logger", "matvir", *options),
    ]
    process = subprocess.Popen(command)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # Snakemake was interrupted too: its jobs write down how far they are.
        code = process.wait() or 1
    if code:
        raise WorkflowStopped(
            f"the workflow stopped before it was done; why is said above and in {folder / 'logs'}. "
            "What is complete is kept: the same command goes on from there."
        )


def default_settings() -> dict[str, Any]:
    """Return the settings of ``config/default.yaml``, not yet completed."""
    path = snakefile().parent / "config" / "default.yaml"
    settings: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return settings
