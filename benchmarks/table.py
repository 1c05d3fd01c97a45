"""One way to show the result of a benchmark: on the terminal, as Markdown and as CSV."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from matvir.files import atomic_path, write_text

RESULTS = Path(__file__).resolve().parent / "results"
LIBRARIES = ("numpy", "scipy", "scikit-image", "scikit-learn", "torch", "pyamg", "porespy")


def write_table(
    name: str,
    frame: pd.DataFrame,
    note: str,
    *,
    folder: Path = RESULTS,
    libraries: tuple[str, ...] = LIBRARIES,
) -> None:
    """Print a table and write it to ``{folder}/{name}.md`` and ``{folder}/{name}.csv``.

    Parameters
    ----------
    name : str
        Name of the files and title of the table.
    frame : DataFrame
        The table, shown without its index; format numbers before if they need it.
    note : str
        What was run, on what and how to read it; stands below the title.
    folder : Path
        Where the files go.
    libraries : tuple of str
        Names of the distributions whose versions are recorded beside MatVir's.
    """
    text = (
        f"# {name}\n\n{note}\n\n{markdown(frame)}\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {versions(libraries)}.\n"
    )
    print(text)
    write_text(folder / f"{name}.md", text)
    with atomic_path(folder / f"{name}.csv") as temporary:
        frame.to_csv(temporary, index=False)


def of_device(name: str, device: str) -> str:
    """Append the name of a GPU to that of a table; nothing where ``device`` is "cpu"."""
    return name if device == "cpu" else "-".join([name, *device.lower().split()])


def markdown(frame: pd.DataFrame) -> str:
    """Return ``frame`` as a Markdown table with columns of equal width; empty where NaN."""
    cells = [[str(column) for column in frame.columns]]
    cells += [
        ["" if pd.isna(value) else str(value) for value in row]
        for row in frame.itertuples(index=False, name=None)
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(frame.columns))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def machine() -> str:
    """Return the processor's name and the number of cores this process may use."""
    return (
        f"{_processor()}, {_cores()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def versions(libraries: tuple[str, ...] = LIBRARIES) -> str:
    """Return the installed versions of MatVir and ``libraries`` in one line."""
    found = []
    for library in ("matvir", *libraries):
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            found.append(f"{library} (not installed)")
    return ", ".join(found)


def _processor() -> str:
    """Read the processor's model name, which the platform module does not give on Linux."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
