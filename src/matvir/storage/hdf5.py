"""HDF5 files: written with checksums, and read as what may be truncated, foreign or harmful.

In the format of HDF5 1.10 all that describes data has a checksum, and so have deflated data. Texts
of a length that varies lie where there is none, and the library may never return from reading a
damaged one, so texts are written with fixed lengths and others are refused.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError, MatvirError
from matvir.files import atomic_path, require_decodable

FORMAT = ("v110", "v110")
NOT_COMPRESSING = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)


@contextmanager
def create_hdf5(path: Path, *, streamed: bool = False) -> Iterator[h5py.File]:
    """Open a new file for writing that takes its place when the block ends without an error.

    Parameters
    ----------
    path : Path
        The file.
    streamed : bool
        Whether it is written as it is filled, for what is larger than the memory. Otherwise it is
        made in memory: where a disk is full, the library may end the process when it closes what
        it failed to write.
    """
    with atomic_path(path) as temporary:
        if streamed:
            with h5py.File(temporary, "w", libver=FORMAT) as file:
                yield file
            return
        with h5py.File(temporary, "w", driver="core", backing_store=False, libver=FORMAT) as file:
            yield file
            file.flush()
            image = file.id.get_file_image()
        temporary.write_bytes(image)


def write_attributes(group: h5py.Group, values: Mapping[str, Any]) -> None:
    """Write attributes, texts with a fixed length."""
    for name, value in values.items():
        group.attrs[name] = np.bytes_(value.encode()) if isinstance(value, str) else value


@contextmanager
def open_hdf5(path: Path, expected: str, advice: str) -> Iterator[h5py.File]:
    """Open a file for reading; whatever goes wrong within is said to be wrong with it.

    Parameters
    ----------
    path : Path
        The file.
    expected : str
        What it should be, for the message.
    advice : str
        What to do, for the message.

    Yields
    ------
    h5py.File
        The file.

    Raises
    ------
    InputError
        If the file is not what was expected.
    """
    try:
        with h5py.File(path, "r") as file:
            links: dict[str, Any] = {}
            file.visititems_links(links.__setitem__)
            for name, link in links.items():
                _require_inside(name, link)
            yield file
    except MatvirError:
        raise
    except Exception as error:  # of many types, as they come of a file that someone else wrote
        raise InputError(f"{path}: expected {expected}, got {error}. {advice}") from error


def _require_inside(name: str, link: Any) -> None:
    """Check that a link stays in its file: anyone's must not show what others hold."""
    if isinstance(link, h5py.ExternalLink):
        raise ValueError(f"{name!r}, which lies in another file")


def numbers_in(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset that can be read, of numbers.

    Parameters
    ----------
    group : h5py.Group
        Where it is.
    name : str
        Its name.

    Raises
    ------
    InputError
        If it would not fit into memory.
    KeyError, ValueError
        If there is no such dataset, it holds no numbers, or they are in another file.
    """
    _require_inside(name, group.get(name, getlink=True))
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ValueError(f"{name!r}, which is no dataset")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name!r}, which lies in another file")
    if dataset.dtype.kind not in "biuf":
        raise ValueError(f"{name!r} of {dataset.dtype} in place of numbers")
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]
    # Each multiplies what the one before made: a few bytes could fill the memory.
    if len([one for one in filters if one not in NOT_COMPRESSING]) > 1:
        raise ValueError(f"{name!r}, which is compressed more than once")
    require_decodable(Path(group.file.filename), dataset.shape, dataset.dtype.itemsize)
    return dataset


def read_array(group: h5py.Group, name: str) -> NDArray[Any]:
    """Read a dataset; see :func:`numbers_in`."""
    return np.asarray(numbers_in(group, name)[()])


def read_voxels(group: h5py.Group, name: str) -> NDArray[np.uint8]:
    """Read a dataset of phases, grey values or colours, uint8; see :func:`read_array`."""
    array = read_array(group, name)
    if array.dtype != np.uint8 or array.size == 0:
        raise ValueError(f"{name!r} of shape {array.shape} and {array.dtype} in place of uint8")
    return array


def read_flag(group: h5py.Group, name: str) -> bool:
    """Return an attribute that is a truth value."""
    attribute = group.attrs.get_id(name)
    if attribute.dtype.kind not in "biu" or attribute.shape != ():
        raise ValueError(f"the attribute {name!r} of {attribute.dtype} in place of a truth value")
    return bool(group.attrs[name])


def read_text(group: h5py.Group, name: str) -> str:
    """Return an attribute that is a text of fixed length."""
    attribute = group.attrs.get_id(name)
    if attribute.dtype.kind != "S" or attribute.shape != ():
        raise ValueError(f"the attribute {name!r} of {attribute.dtype} in place of a text")
    return bytes(group.attrs[name]).decode()


def read_attribute(group: h5py.Group, name: str) -> Any:
    """Return the value of an attribute that is written as JSON."""
    return json.loads(read_text(group, name))


def read_names(group: h5py.Group, name: str = "phases") -> tuple[str, ...]:
    """Return an attribute that is a list of names."""
    names = read_attribute(group, name)
    if not (isinstance(names, list) and names and all(isinstance(one, str) for one in names)):
        raise ValueError(f"{name} {names!r} in place of names")
    return tuple(names)


def read_edges(group: h5py.Group, name: str = "voxel_size_um") -> tuple[float, ...] | None:
    """Return an attribute that is null or a list of positive numbers."""
    edges = read_attribute(group, name)
    if edges is None:
        return None
    numbers = isinstance(edges, list) and all(isinstance(edge, int | float) for edge in edges)
    if not numbers or not all(0 < edge < np.inf for edge in edges):
        raise ValueError(f"{name} {edges!r} in place of lengths")
    return tuple(edges)


def read_mapping(group: h5py.Group, name: str = "provenance") -> dict[str, Any]:
    """Return an attribute that is an object."""
    mapping = read_attribute(group, name)
    if not isinstance(mapping, Mapping):
        raise ValueError(f"{name} {mapping!r} in place of an object")
    return dict(mapping)
