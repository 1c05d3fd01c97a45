"""NPY and NPZ: arrays of NumPy, without any Python objects."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.files import atomic_path, require_decodable, write_json
from matvir.formats.export import Export
from matvir.formats.stored import StoredImage, some_planes


def read_npy(path: Path, most_bytes: float = math.inf) -> StoredImage:
    """Read an array; what its axes are is not stated.

    Parameters
    ----------
    path : Path
        The file.
    most_bytes : float
        Of a larger volume only some planes are read.

    Raises
    ------
    InputError
        If it would not fit into memory.
    """
    # Mapped first: that fails where the file holds less than it says, whatever it says.
    mapped = np.load(path, allow_pickle=False, mmap_mode="r")
    if not isinstance(mapped, np.ndarray):
        mapped.close()
        raise ValueError("several arrays in one file")
    if mapped.ndim > 2 and mapped.nbytes > most_bytes:
        planes = some_planes(len(mapped), mapped[0].nbytes, most_bytes)
        return StoredImage(array=np.array(mapped[planes]), channels=None, n_planes=len(mapped))
    require_decodable(path, mapped.shape, mapped.itemsize)
    return StoredImage(array=np.array(mapped), channels=None)


def read_npz(path: Path, name: str | None) -> StoredImage:
    """Read one of the arrays of an archive, the only one if none is named.

    Raises
    ------
    InputError
        If there is no such array, or it would not fit into memory.
    """
    with zipfile.ZipFile(path) as archive:
        names = [one.removesuffix(".npy") for one in archive.namelist() if one.endswith(".npy")]
        wanted = (name or "").strip("/") or (names[0] if len(names) == 1 else "")
        if wanted not in names:
            raise InputError(
                f"{path}: expected '{path.name}:name', got "
                f"{repr(wanted) if name else 'no name'}; the file holds {sorted(names)}."
            )
        return StoredImage(array=_member(archive, f"{wanted}.npy", path), channels=None)


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    """Read an array of an archive after its header has said how large it is."""
    from numpy.lib import format as npy

    with archive.open(name) as member:
        version = npy.read_magic(member)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = reader(member)
        require_decodable(path, shape, dtype.itemsize)
    with archive.open(name) as member:
        return np.asarray(npy.read_array(member, allow_pickle=False))


def write_npy(path: Path, export: Export) -> None:
    """Write a volume as an array, and a JSON file with its voxel size and phases beside it."""
    described = {
        "axes": ["plane", "row", "column"],
        "phases": list(export.phases),
        "voxel_size": list(export.edges),
        "unit": export.unit,
        "provenance": export.provenance,
    }
    with atomic_path(path) as temporary:
        np.save(temporary, export.voxels)
    write_json(path.with_name(f"{path.name}.json"), described)
