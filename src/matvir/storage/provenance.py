"""What made a result: configuration, versions, machine."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import matvir

# The packages whose version can change a number.
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "porespy",
    "pyamg",
    "h5py",
    "pandas",
    "snakemake",
)


def config_hash(settings: Mapping[str, Any]) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of ``settings`` as sorted JSON."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def git_revision() -> str | None:
    """Return the revision of the source tree, with ``+changes`` if it is not clean.

    None if the package does not run from a git checkout of its own.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> dict[str, str]:
    """Return the version of Python and of each installed package of ``PACKAGES``."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # a machine that only trains needs few of them
    return found


def processor() -> str:
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def hardware(device: str, threads: int) -> dict[str, Any]:
    """Describe the machine a step runs on.

    Parameters
    ----------
    device : str
        Name of the GPU, or "cpu".
    threads : int
        Number of threads the step uses.
    """
    return {
        "device": device,
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.platform(),
    }


def package() -> dict[str, Any]:
    """Return the version and the revision of this package, for generated files."""
    return {"matvir": matvir.__version__, "git_revision": git_revision()}
