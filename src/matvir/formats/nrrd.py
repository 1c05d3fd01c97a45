"""NRRD (Nearly Raw Raster Data): header of text and raw or compressed numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from matvir.errors import InputError
from matvir.files import atomic_path, require_decodable
from matvir.formats.export import Export
from matvir.formats.stored import Channels, StoredImage, VoxelSize, known_edges, without_unit
from matvir.formats.units import um_per_unit

# Kinds of axes that are no lengths; three colours may have an opacity.
COLOURS = ("RGB-color", "RGBA-color", "3-color", "4-color")
DOMAINS = ("domain", "space", "time", None)


def read_nrrd(path: Path) -> StoredImage:
    """Read an image or a volume, with its spacing where the header names the unit.

    Raises
    ------
    InputError
        If the numbers are in another file, or would not fit into memory.
    """
    import nrrd

    header = nrrd.read_header(str(path))
    if "data file" in header or "datafile" in header:
        raise InputError(
            f"{path}: its numbers are in another file. Save header and numbers as one .nrrd file."
        )
    shape = tuple(int(n) for n in header["sizes"])
    require_decodable(path, shape, _item_bytes(header))
    array, header = nrrd.read(str(path), index_order="C")
    # Axes of a header begin with the fastest one.
    kinds = list(header.get("kinds", [None] * array.ndim))[::-1]
    channels, array = _channels_last(array, kinds)
    size, notes = _voxel_size(header, kinds)
    return StoredImage(array=array, channels=channels, voxel_size=size, notes=notes)


def _item_bytes(header: Any) -> int:
    import nrrd.reader

    return int(nrrd.reader._determine_datatype(header).itemsize)


def _channels_last(array: Any, kinds: list[str | None]) -> tuple[Channels, Any]:
    """Return what the channels are, and the array with them as its last axis."""
    other = [axis for axis, kind in enumerate(kinds) if kind not in DOMAINS]
    if not other:
        return "none", array
    if len(other) > 1:
        raise ValueError(f"several axes that are no lengths: {kinds}")
    coloured = kinds[other[0]] in COLOURS
    return "colours" if coloured else "detectors", np.moveaxis(array, other[0], -1)


def _voxel_size(header: Any, kinds: list[str | None]) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return the edges of a voxel; without a unit they are said, not used."""
    directions, spacings = header.get("space directions"), header.get("spacings")
    if directions is not None:
        # Axes that are no lengths have no direction.
        edges = [None if d is None else float(np.linalg.norm(d)) for d in directions]
        units = header.get("space units")
    elif spacings is not None:
        edges, units = [float(edge) for edge in spacings], header.get("units")
    else:
        return None, ()
    edges = [edge for edge, kind in zip(edges[::-1], kinds, strict=True) if kind in DOMAINS]
    scales = [um_per_unit(str(unit)) for unit in units or ()][::-1]
    if not scales or None in scales or len(scales) != len(edges):
        return None, without_unit("NRRD", edges)
    lengths = [
        None if edge is None or scale is None else edge * scale
        for edge, scale in zip(edges, scales, strict=True)
    ]
    return known_edges(lengths, "the NRRD header"), ()


def write_nrrd(path: Path, export: Export) -> None:
    """Write a volume, compressed, with its unit and the names of its phases."""
    import nrrd

    edges = export.edges[::-1]
    header: dict[str, Any] = {
        "kinds": ["domain"] * 3,
        "space dimension": 3,
        "space directions": np.diag(edges),
        "space origin": np.zeros(3),
        "space units": [export.unit] * 3,
        "phases": json.dumps(list(export.phases)),
        "provenance": json.dumps(export.provenance),
    }
    with atomic_path(path) as temporary:
        nrrd.write(str(temporary), export.voxels, header, index_order="C", compression_level=1)
