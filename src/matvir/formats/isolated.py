"""Reading in a process of its own what a library may crash on."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from matvir.errors import InputError
from matvir.formats.stored import StoredImage, VoxelSize

LONGEST_S = 600
REFUSED = 3
PROGRAM = """
import sys
from matvir.formats.isolated import answer
answer(*sys.argv[1:])
"""


def read_isolated(place: str, path: Path, name: str | None) -> StoredImage:
    """Read a file by a function of this package that runs in another process.

    A library of compiled code that dies of a damaged file then takes nothing with it.

    Parameters
    ----------
    place : str
        Module of this package and function in it: ``vtk_image:read_vti_here``.
    path : Path
        The file.
    name : str or None
        Which array of it.

    Raises
    ------
    InputError
        If the function refuses the file.
    ValueError
        If the function raises an error, or the process dies.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, place, str(path), name or "", folder],
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_S,
        )
        if done.returncode == REFUSED:
            raise InputError(done.stderr.strip())
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["the library that reads it crashed"]
            raise ValueError(said[-1])
        described = json.loads((Path(folder) / "image.json").read_text())
        array = np.load(Path(folder) / "image.npy", allow_pickle=False)
    size = described.pop("voxel_size")
    notes = tuple(described.pop("notes"))
    voxel_size = None if size is None else VoxelSize(edges_um=tuple(size[0]), stated_by=size[1])
    return StoredImage(array=array, voxel_size=voxel_size, notes=notes, **described)


def answer(place: str, path: str, name: str, folder: str) -> None:
    """Read a file in this process and write what it holds to a folder."""
    from matvir.errors import MatvirError
    from matvir.formats import function_at

    try:
        image: StoredImage = function_at(place)(Path(path), name or None)
    except MatvirError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(REFUSED)
    except ValueError as error:
        sys.exit(str(error))
    size = image.voxel_size
    described = {
        "channels": image.channels,
        "notes": image.notes,
        "voxel_size": None if size is None else (size.edges_um, size.stated_by),
    }
    np.save(Path(folder) / "image.npy", image.array)
    (Path(folder) / "image.json").write_text(json.dumps(described))
