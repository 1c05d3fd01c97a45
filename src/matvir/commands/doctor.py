"""The command ``matvir doctor``: what MatVir finds on this machine, and what that means for it."""

import argparse
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import matvir
from matvir.files import memory_bytes
from matvir.workflow import snakefile

PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "porespy", "pyamg", "snakemake")
OPTIONAL = {"rosettasciio": ("rsciio", "DM3 and DM4 files")}
# Below these MatVir warns.
LEAST_MEMORY_GB, LEAST_DISK_GB = 8, 10
GB = 1e9


def run(options: argparse.Namespace) -> None:
    """Print what there is, then what to mind; see `matvir.cli`."""
    for name, value in facts():
        print(f"{name:>16}  {value}")  # noqa: T201
    for line in warnings() or ["nothing stands in the way"]:
        print(f"{'mind':>16}  {line}")  # noqa: T201


def facts() -> list[tuple[str, str]]:
    """Return what was found, each with its name."""
    found = [
        ("matvir", f"{matvir.__version__}, workflow {snakefile().parent}"),
        ("python", f"{sys.version.split()[0]}, {sys.executable}"),
        ("packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES)),
    ]
    for name, (module, what) in OPTIONAL.items():
        there = _version(name) if find_spec(module) else f"not installed: no {what}"
        found.append((name, there))
    return [
        *found,
        ("cores", f"{cores()}"),
        ("processor", _processor()),
        ("GPU", ", ".join(gpus()) or "none that torch sees"),
        ("memory", f"{memory_bytes() / GB:.1f} GB"),
        ("disk", f"{_free() / GB:.1f} GB free in {Path.cwd()}"),
    ]


def warnings() -> list[str]:
    """Return what will be slow or will not do."""
    lines = []
    if not gpus():
        lines.append(
            "without a GPU: diffusion, slicegan-fast, slicegan-swd and gaussian-field are made for "
            "that; slicegan-paper and gan3d take very long"
        )
    if cores() < 2:
        lines.append("one core: generating and measuring take twice as long as the pages say")
    if memory_bytes() < LEAST_MEMORY_GB * GB:
        lines.append(
            f"less than {LEAST_MEMORY_GB} GB of memory: set generation.size_voxels to [64, 64, 64] "
            "or less, and --cores 1"
        )
    if _free() < LEAST_DISK_GB * GB:
        lines.append(f"less than {LEAST_DISK_GB} GB of disk here: work in another folder")
    if not os.access(Path.cwd(), os.W_OK):
        lines.append(f"{Path.cwd()} cannot be written: work in another folder")
    lines += [
        f"{name}={os.environ[name]} is set: it limits the threads of all jobs"
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        if name in os.environ
    ]
    return lines


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """Return the names of the GPUs that torch sees."""
    import torch

    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _processor() -> str:
    import torch

    from matvir.device import pick_precision

    precision = pick_precision("auto", torch.device("cpu"))
    fast = "computes" if precision == torch.bfloat16 else "does not compute"
    return f"{torch.backends.cpu.get_cpu_capability()}, {fast} with bfloat16"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is missing"


def _free() -> int:
    return shutil.disk_usage(Path.cwd()).free
