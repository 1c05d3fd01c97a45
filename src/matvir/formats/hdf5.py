"""HDF5, and DREAM.3D, which is HDF5: one dataset, named after the file."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from matvir.errors import InputError
from matvir.formats.stored import StoredImage, VoxelSize, known_edges, missing_blocks, without_unit
from matvir.storage.hdf5 import read_array

MOST_NAMED, LONGEST_CHAIN = 20, 8
SPACING = "_SIMPL_GEOMETRY/SPACING"


def read_hdf5(path: Path, dataset: str | None) -> StoredImage:
    """Read a dataset with the size of a voxel, where an attribute states it in micrometres.

    Raises
    ------
    InputError
        If there is no such dataset, or it would not fit into memory.
    """
    with h5py.File(path, "r") as file:
        found: list[str] = []
        file.visititems(
            lambda name, item: found.append(f"/{name}") if isinstance(item, h5py.Dataset) else None
        )
        name = "/" + (dataset or "").strip("/")
        if not _is_dataset(file, name):
            listed = sorted(found)
            more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            raise InputError(
                f"{path}: expected '{path.name}:/path/to/dataset', "
                f"got {f'the dataset {name!r}' if dataset else 'no dataset'}; "
                f"the file holds {listed[:MOST_NAMED]}{more}."
            )
        size, notes = _voxel_size(file, name)
        notes = (*notes, *_missing(file[name]))
        array = read_array(file, name)
    return StoredImage(array=np.asarray(array), channels=None, voxel_size=size, notes=notes)


def _voxel_size(file: h5py.File, name: str) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Read the attribute of ilastik and of ImageJ's HDF5 plugin, in the order of the axes."""
    edges = _numbers(file[name].attrs, "element_size_um")
    if edges is not None:
        return known_edges(edges, "the attribute element_size_um"), ()
    # DREAM.3D writes (x, y, z) beside the cells, in a unit that older versions do not name.
    beside = file[name].parent.parent
    if SPACING in beside:
        spacing = [float(edge) for edge in read_array(beside, SPACING).ravel()[::-1]]
        return None, without_unit("DREAM.3D", spacing)
    return None, ()


def _is_dataset(file: h5py.File, name: str, depth: int = 0) -> bool:
    """Return whether a name leads to a dataset within the file, through links of it."""
    parts = name.strip("/").split("/")
    for end in range(1, len(parts) + 1):
        place = "/".join(parts[:end])
        link = file.get(place, getlink=True)
        if isinstance(link, h5py.SoftLink) and depth < LONGEST_CHAIN:
            start = "" if link.path.startswith("/") else "/".join(parts[: end - 1])
            rest = "/".join(parts[end:])
            return _is_dataset(file, f"{start}/{link.path}/{rest}", depth + 1)
        if not isinstance(link, h5py.HardLink):
            return False
    return isinstance(file.get(name), h5py.Dataset)


def _missing(dataset: h5py.Dataset) -> tuple[str, ...]:
    """Return the note that blocks were never written, as by a program that was killed."""
    if dataset.chunks is None:
        return ()
    n_blocks = math.prod(
        -(-n // edge) for n, edge in zip(dataset.shape, dataset.chunks, strict=True)
    )
    return missing_blocks(dataset.id.get_num_chunks(), n_blocks)


def _numbers(attributes: h5py.AttributeManager, name: str) -> list[Any] | None:
    """Return an attribute of numbers; HDF5 may never return from texts whose length varies."""
    if name not in attributes or attributes.get_id(name).dtype.kind not in "iuf":
        return None
    return [float(value) for value in np.ravel(attributes[name])]
