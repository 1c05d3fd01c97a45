"""Gatan's DM3 and DM4, as RosettaSciIO reads them, which is an optional dependency."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from matvir.errors import InputError
from matvir.files import require_decodable
from matvir.formats.stored import StoredImage, VoxelSize, known_edges, without_unit
from matvir.formats.units import um_per_unit


def read_gatan(path: Path) -> StoredImage:
    """Read the one image of a DM3 or DM4 file, its thumbnail left out.

    Raises
    ------
    InputError
        If RosettaSciIO is not installed, the file has several images or none, what it has is no
        image, or it would not fit into memory.
    """
    if find_spec("rsciio") is None:
        raise InputError(
            f"{path}: files of DigitalMicrograph are read by RosettaSciIO, which is not installed. "
            "Run `pip install rosettasciio`, or save the image as TIFF in DigitalMicrograph or "
            "Fiji."
        )
    from rsciio.digitalmicrograph import file_reader

    images = file_reader(str(path), lazy=True)
    shapes = [image["data"].shape for image in images]
    if len(images) != 1 or len(shapes[0]) not in (2, 3):
        raise InputError(
            f"{path}: expected one image or stack, got {len(images)} of the shapes {shapes}. Save "
            "the one that you mean as a TIFF in DigitalMicrograph or Fiji."
        )
    data, axes = images[0]["data"], images[0]["axes"]
    require_decodable(path, shapes[0], data.dtype.itemsize)
    array = np.asarray(data)
    size, notes = _size(axes)
    if array.dtype.names:  # a colour is a record of its parts
        array = np.stack([array[name] for name in "RGB"], axis=-1)
        return StoredImage(array=array, channels="colours", voxel_size=size, notes=notes)
    return StoredImage(array=array, channels="none", voxel_size=size, notes=notes)


def _size(axes: list[dict[str, Any]]) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return the edges of a voxel, and what the log is to say of them."""
    edges = [float(axis["scale"]) for axis in axes]
    scales = [um_per_unit(str(axis["units"])) for axis in axes]
    known = [scale for scale in scales if scale is not None]
    if len(known) == len(edges):
        lengths = [abs(edge) * scale for edge, scale in zip(edges, known, strict=True)]
        return known_edges(lengths, "DigitalMicrograph's calibration"), ()
    return None, () if all(edge == 1 for edge in edges) else without_unit("its header", edges)
