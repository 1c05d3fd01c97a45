"""Zarr and OME-Zarr (NGFF 0.4): folders of compressed blocks."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from matvir.errors import InputError
from matvir.files import atomic_folder, require_decodable
from matvir.formats.export import Export
from matvir.formats.stored import Channels, StoredImage, VoxelSize, known_edges, missing_blocks
from matvir.formats.units import um_per_unit

BLOCK = 64
# The smallest level of a pyramid is about as large.
SMALLEST = 64
MOST_NAMED = 20
# Axes by name, planes first.
ORDER = "tzyx"


def read_zarr(path: Path, name: str | None) -> StoredImage:
    """Read an array, or the finest level of an image of OME-Zarr.

    Raises
    ------
    InputError
        If there is no such array, or it would not fit into memory.
    """
    import zarr

    root = zarr.open(path, mode="r")
    if isinstance(root, zarr.Array):
        if name and name.strip("/"):
            raise InputError(f"{path}: is one array and has no {name!r} in it. Give {path}.")
        array, axes, size = root, "", None
    else:
        found = _arrays(root)
        wanted = _finest(root, (name or "").strip("/"))
        if wanted not in found:
            raise InputError(
                f"{path}: expected '{path.name}:name' of one of the arrays "
                f"{sorted(found)[:MOST_NAMED]}, got {repr(wanted) if wanted else 'no name'}."
            )
        array = found[wanted]
        parent, _, last = wanted.rpartition("/")
        axes, size = _ome_axes(_multiscale((root[parent] if parent else root).attrs), last)
    require_decodable(path, array.shape, array.dtype.itemsize)
    notes = missing_blocks(array.nchunks_initialized, array.nchunks)
    numbers = np.asarray(array[...])
    if axes and len(axes) == numbers.ndim:
        image = _with_axes(numbers, axes, size)
        return replace(image, notes=(*image.notes, *notes))
    return StoredImage(array=numbers, channels=None, notes=notes)


def _finest(root: Any, wanted: str) -> str:
    """Return the path of the finest level where a group is named that is an OME-Zarr image.

    The first image of several, as bioformats2raw writes them, is in the group ``0``.
    """
    import zarr

    for place in (wanted, f"{wanted}/0".strip("/")):
        group = root if not place else root.get(place)
        if isinstance(group, zarr.Group):
            multiscale = _multiscale(group.attrs)
            if multiscale is not None:
                return f"{place}/{multiscale['datasets'][0]['path']}".strip("/")
    return wanted


def _arrays(group: Any) -> dict[str, Any]:
    """Return all arrays in a group by their paths."""
    import zarr

    return {
        name: item for name, item in group.members(max_depth=None) if isinstance(item, zarr.Array)
    }


def _multiscale(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the description of an OME-Zarr image; version 0.5 has it under ``ome``."""
    described = attributes.get("ome", attributes)
    images = described.get("multiscales") if isinstance(described, Mapping) else None
    if not isinstance(images, list) or not images or not images[0].get("datasets"):
        return None
    first: Mapping[str, Any] = images[0]
    return first


def _ome_axes(
    multiscale: Mapping[str, Any] | None, wanted: str
) -> tuple[str, dict[str, float | None] | None]:
    """Return the names of the axes and the edge of a voxel along each in micrometres."""
    if multiscale is None:
        return "", None
    level = [one for one in multiscale["datasets"] if one["path"] == wanted]
    axes = [one for one in multiscale.get("axes", ()) if isinstance(one, Mapping)]
    if not level or not axes:
        return "", None
    # Of the level, and of all levels of the image.
    stated = (*level[0].get("coordinateTransformations", ()),)
    stated += (*multiscale.get("coordinateTransformations", ()),)
    scales = [one["scale"] for one in stated if one.get("type") == "scale"]
    names = "".join(str(axis["name"])[0] for axis in axes)
    if not scales:
        return names, None
    units = [um_per_unit(str(axis.get("unit", ""))) for axis in axes]
    edges = {
        name: None if unit is None else math.prod(map(float, scale)) * unit
        for name, scale, unit in zip(names, zip(*scales, strict=True), units, strict=True)
    }
    return names, edges


def _with_axes(numbers: Any, axes: str, edges: Any) -> StoredImage:
    """Return an image whose axes have names: channels last, times as planes."""
    channels: Channels = "none"
    if "c" in axes:
        numbers = np.moveaxis(numbers, axes.index("c"), -1)
        channels, axes = "detectors", axes.replace("c", "")
    order = sorted(range(len(axes)), key=lambda axis: ORDER.find(axes[axis]))
    moved = [*order, numbers.ndim - 1] if channels != "none" else order
    numbers, axes = numbers.transpose(moved), "".join(axes[axis] for axis in order)
    size: VoxelSize | None = None
    notes: tuple[str, ...] = ()
    if edges is not None:
        lengths = [edges[name] for name in axes]
        known = [
            1.0 if n == 1 and e is None else e for n, e in zip(numbers.shape, lengths, strict=False)
        ]
        size = known_edges(known, "OME-Zarr")
        if size is None:
            notes = ("OME-Zarr states a scale without units of length; set 'voxel_size_um'",)
    return StoredImage(array=numbers, channels=channels, voxel_size=size, notes=notes)


def write_zarr(path: Path, export: Export) -> None:
    """Write a volume and a pyramid of every second voxel of it as OME-Zarr 0.4."""
    import zarr

    levels = [export.voxels]
    while min(levels[-1].shape) >= 2 * SMALLEST:
        levels.append(levels[-1][::2, ::2, ::2])
    datasets = []
    with atomic_folder(path) as temporary:
        group = zarr.open_group(temporary, mode="w", zarr_format=2)
        for number, voxels in enumerate(levels):
            array = group.create_array(
                str(number),
                shape=voxels.shape,
                dtype=voxels.dtype,
                chunks=tuple(min(edge, BLOCK) for edge in voxels.shape),
                chunk_key_encoding={"name": "v2", "separator": "/"},
            )
            array[...] = voxels
            scale = [edge * 2**number for edge in export.edges]
            transformation = {"type": "scale", "scale": scale}
            datasets.append({"path": str(number), "coordinateTransformations": [transformation]})
        unit = {} if export.voxel_size_um is None else {"unit": "micrometer"}
        axes = [{"name": name, "type": "space", **unit} for name in "zyx"]
        image: dict[str, Any] = {
            "version": "0.4",
            "name": path.name,
            "axes": axes,
            "datasets": datasets,
        }
        group.attrs["multiscales"] = [image]
        group.attrs["phases"] = list(export.phases)
        group.attrs["provenance"] = export.provenance
