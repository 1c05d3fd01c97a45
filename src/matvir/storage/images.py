"""Label images: the phase of each pixel or voxel, with the voxel size and the phases' names.

Images that are not segmented, grey or of three colours, take the same way: what holds labels holds
their values then.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.storage.hdf5 import (
    create_hdf5,
    open_hdf5,
    read_array,
    read_edges,
    read_flag,
    read_mapping,
    read_names,
    read_text,
    read_voxels,
    write_attributes,
)
from matvir.storage.image_types import PHASES, ImageType, image_type

T = TypeVar("T")
# Of an array of 2D images without colours: their number, rows and columns.
N_AXES_OF_IMAGES = 3


@dataclass(frozen=True, kw_only=True)
class MaterialImage:
    """A segmented image or volume, or one that keeps its values.

    Attributes
    ----------
    voxels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1, or its value in 0 .. 255, with a last axis of
        three for colours; axes are (plane, row, column).
    phases : tuple of str
        Name of each phase; its position is its label. Of values the channels.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each axis of ``voxels`` in micrometres; None if it is not known.
    valid : ndarray of bool with the shape of ``voxels`` or None
        False where the image shows something else than the material (outside a circular mask);
        None if all of it is material.
    raw : ndarray with the shape of ``voxels`` or None
        The grey values the labels were made from; None if the input was labels.
    provenance : dict
        Where the image came from and how it was made; plain JSON values.
    kind : ImageType
        What ``voxels`` are.
    stack : bool
        Whether the planes perpendicular to axis 0 are images of their own and not neighbours in a
        volume.
    """

    voxels: NDArray[np.uint8]
    phases: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None = None
    valid: NDArray[np.bool_] | None = None
    raw: NDArray[Any] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    kind: ImageType = PHASES
    stack: bool = False

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.phases)

    @property
    def shape(self) -> tuple[int, ...]:
        """Edges of the image or volume in voxels."""
        return self.kind.spatial_shape(self.voxels)

    @property
    def material(self) -> NDArray[np.bool_]:
        """Mask of the voxels that show the material, with the shape of ``voxels``."""
        if self.valid is None:
            return np.ones(self.shape, dtype=bool)
        return self.valid

    def volume_fractions(self) -> NDArray[np.float64]:
        """Share of each phase among the material's voxels, shape (n_phases,), in 0 .. 1.

        Of an image that keeps its values the mean of each channel over 255.
        """
        return self.kind.means(self.voxels, self.n_phases, self.valid)


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """What is known of a material: planes of it, or a volume.

    Attributes
    ----------
    planes : dict of int to MaterialImage
        2D images by the axis (0, 1 or 2) of the material that they are perpendicular to; their rows
        and columns run along the other two axes, in this order. A single micrograph, and a stack of
        them, is the plane perpendicular to axis 0; axes whose planes look alike may share one.
        Empty if there is a volume.
    volume : MaterialImage or None
        The material in 3D.
    """

    planes: dict[int, MaterialImage] = field(default_factory=dict)
    volume: MaterialImage | None = None

    @classmethod
    def of(cls, image: MaterialImage) -> "Specimen":
        """Return a micrograph, a stack of them or a volume as a specimen."""
        flat = image.stack or len(image.shape) == 2
        return cls(planes={0: image}) if flat else cls(volume=image)

    @property
    def images(self) -> list[MaterialImage]:
        """The planes in the order of their axes, or the volume alone."""
        if self.volume is not None:
            return [self.volume]
        return [self.planes[axis] for axis in sorted(self.planes)]

    @property
    def kind(self) -> ImageType:
        """What the images show."""
        return self.images[0].kind

    @property
    def phases(self) -> tuple[str, ...]:
        """Name of each phase; its position is its label."""
        return self.images[0].phases

    @property
    def n_phases(self) -> int:
        """Number of phases."""
        return len(self.phases)

    def volume_fractions(self) -> NDArray[np.float64]:
        """Share of each phase among the material's voxels of all images, shape (n_phases,)."""
        distinct = [image for _, image in distinct_planes(dict(enumerate(self.images)))]
        weights = [np.count_nonzero(image.material) for image in distinct]
        shares = [image.volume_fractions() for image in distinct]
        return np.average(shares, axis=0, weights=weights)

    @property
    def voxel_size_um(self) -> tuple[float, ...] | None:
        """Edge of a voxel along each of the three axes in micrometres; None if it is not known.

        A single plane does not show the axis that it is perpendicular to: along this one the edge
        is taken to be that of a column.
        """
        if self.volume is not None:
            return self.volume.voxel_size_um
        edges = {axis: plane.voxel_size_um for axis, plane in self.planes.items()}
        return edges_of_planes({axis: one and one[-2:] for axis, one in edges.items()})


def distinct_planes(by_axis: Mapping[int, T]) -> list[tuple[tuple[int, ...], T]]:
    """Return what is different along different axes, each with the axes that it stands for.

    Parameters
    ----------
    by_axis : mapping of int to object
        Planes, sections or anything else by axis; axes that look alike have the same object.

    Returns
    -------
    list of (tuple of int, object)
        In the order of the first axis of each.
    """
    found: dict[int, tuple[tuple[int, ...], T]] = {}
    for axis, plane in sorted(by_axis.items(), key=lambda item: item[0]):
        axes, _ = found.get(id(plane), ((), plane))
        found[id(plane)] = ((*axes, axis), plane)
    return list(found.values())


def notes_of(image: MaterialImage) -> list[str]:
    """Return what was said of an image and of its file when it was read and segmented."""
    provenance = image.provenance
    return [*provenance.get("source", {}).get("notes", ()), *provenance.get("notes", ())]


def perpendicular_to(axes: Sequence[int]) -> str:
    """Return what a plane that stands for some axes is called: ``Perpendicular to axis 1``."""
    return f"Perpendicular to axis {' and '.join(map(str, axes))}"


def in_plane_axes(axis: int) -> tuple[int, int]:
    """Return the axes along the rows and the columns of a plane perpendicular to ``axis``."""
    first, second = (other for other in range(3) if other != axis)
    return first, second


def edges_of_planes(
    pixel_sizes: Mapping[int, tuple[float, ...] | None],
) -> tuple[float, ...] | None:
    """Return the edge of a voxel along each of the three axes, from the pixels of planes.

    Parameters
    ----------
    pixel_sizes : mapping of int to tuple of float or None
        Height and width of a pixel, by the axis that the plane is perpendicular to.

    Returns
    -------
    tuple of three float or None
        None if a pixel size is not known. An axis that no plane shows takes the width of a pixel.
    """
    edges: dict[int, float] = {}
    for axis, pixel_size in pixel_sizes.items():
        if pixel_size is None:
            return None
        edges |= dict(zip(in_plane_axes(axis), pixel_size, strict=True))
    return tuple(edges.get(axis, edges[max(edges)]) for axis in range(3))


def write_image(path: Path, image: MaterialImage) -> None:
    """Write a label image to an HDF5 file, atomically."""
    with create_hdf5(path) as file:
        _write(file, image)


def write_specimen(path: Path, specimen: Specimen) -> None:
    """Write a specimen to an HDF5 file, atomically.

    A volume, and a plane perpendicular to axis 0 alone, are written as :func:`write_image` does; of
    several planes each is such a file in a group ``axis-0``, ``axis-1`` or ``axis-2``. A plane that
    stands for two axes is one group under two names.
    """
    if specimen.volume is not None or list(specimen.planes) == [0]:
        write_image(path, specimen.images[0])
        return
    with create_hdf5(path) as file:
        for (first, *others), plane in distinct_planes(specimen.planes):
            group = file.create_group(f"axis-{first}")
            _write(group, plane)
            for axis in others:
                file[f"axis-{axis}"] = group


def read_image(path: Path) -> MaterialImage:
    """Read a label image that :func:`write_image` wrote.

    Raises
    ------
    InputError
        If the file is not such a label image.
    """
    specimen = read_specimen(path)
    if len(specimen.images) > 1 or specimen.planes.keys() - {0}:
        raise InputError(
            f"{path}: expected one label image, got the planes perpendicular to the axes "
            f"{sorted(specimen.planes)}. Read it with read_specimen."
        )
    return specimen.images[0]


def read_specimen(path: Path) -> Specimen:
    """Read what :func:`write_specimen` or :func:`write_image` wrote.

    Raises
    ------
    InputError
        If the file is not of this kind.
    """
    expected = "a label file of MatVir (HDF5 with 'labels', 'phases' and 'voxel_size_um')"
    with open_hdf5(path, expected, "Remove the file and run the command again.") as file:
        if "labels" in file:
            return Specimen.of(_read(file))
        groups = {axis: file[f"axis-{axis}"] for axis in range(3) if f"axis-{axis}" in file}
        if not groups:
            raise KeyError("neither 'labels' nor 'axis-0', 'axis-1' or 'axis-2'")
        images = {group: _read(group) for group in groups.values()}
        return Specimen(planes={axis: images[group] for axis, group in groups.items()})


def _write(group: h5py.Group, image: MaterialImage) -> None:
    chunks = tuple(min(edge, 128) for edge in image.voxels.shape)
    arrays = {"labels": image.voxels, "valid": image.valid, "raw": image.raw}
    for name, array in arrays.items():
        if array is not None:
            group.create_dataset(name, data=array, chunks=chunks, compression="gzip")
    described = {
        "phases": image.phases,
        "voxel_size_um": image.voxel_size_um,
        "provenance": image.provenance,
    }
    texts = {name: json.dumps(value) for name, value in described.items()}
    write_attributes(group, {"kind": image.kind.text, "stack": image.stack, **texts})


def _read(group: h5py.Group) -> MaterialImage:
    kind = read_kind(group)
    labels = read_voxels(group, "labels")
    shape = kind.spatial_shape(labels)
    if len(shape) not in (2, 3) or labels.shape[len(shape) :] != kind.colour_shape:
        raise ValueError(f"labels of shape {labels.shape} in place of two or three axes")
    valid, raw = (read_array(group, n) if n in group else None for n in ("valid", "raw"))
    for name, array in (("valid", valid), ("raw", raw)):
        if array is not None and array.shape[: len(shape)] != shape:
            raise ValueError(f"{name!r} of shape {array.shape} beside labels of {shape}")
    image = MaterialImage(
        voxels=labels,
        phases=read_names(group),
        voxel_size_um=read_edges(group),
        valid=None if valid is None else valid.astype(bool),
        raw=raw,
        provenance=read_mapping(group),
        kind=kind,
        stack=read_flag(group, "stack"),
    )
    if kind.labelled and labels.max() >= image.n_phases:
        raise ValueError(f"the label {labels.max()} of {image.n_phases} phases")
    return image


def read_kind(group: h5py.Group) -> ImageType:
    """Return what the values of a file are: phases, grey values or colours.

    Raises
    ------
    ValueError
        If it says anything else.
    """
    return image_type(read_text(group, "kind"))
