"""Several micrographs of one anisotropic material, one perpendicular to each axis."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from matvir.errors import ConfigError, InputError
from matvir.metrics.checks import same_edges
from matvir.micrograph.reading import Micrograph, read_micrograph
from matvir.settings.records import MaterialConfig, PlaneConfig
from matvir.storage.images import MaterialImage, Specimen, edges_of_planes, in_plane_axes


def read_plane(plane: PlaneConfig, axis: int, material: MaterialConfig) -> Micrograph:
    """Read the micrograph perpendicular to one axis and turn it.

    Parameters
    ----------
    plane : PlaneConfig
        Its path, and by how many quarter turns to turn it counterclockwise.
    axis : int
        The axis that it is perpendicular to.
    material : MaterialConfig
        ``type`` and ``voxel_size_um``: of three edges those of the two other axes count.

    Raises
    ------
    InputError
        If it cannot be read or is a volume.
    ConfigError
        If ``voxel_size_um`` has two edges, as it is not clear of which axes.
    """
    edges = material.voxel_size_um
    if isinstance(edges, Sequence):
        if len(edges) != 3:
            raise ConfigError(
                f"voxel_size_um: expected one number or one per axis, which are three, for a "
                f"material with planes, got {list(edges)}."
            )
        edges = tuple(edges[other] for other in in_plane_axes(axis))
        if plane.quarter_turns % 2:
            edges = edges[::-1]
    read = read_micrograph(
        plane.image,
        type=material.type,
        voxel_size_um=edges,
        channel=material.channel,
        colour_labels=has_colours(material),
        raw=material.raw,
    )
    if len(read.spatial_shape) != 2:
        raise InputError(
            f"{plane.image}: expected a 2D image perpendicular to axis {axis}, got shape "
            f"{read.spatial_shape}. Give a volume as 'image' instead of 'planes'."
        )
    voxel_size = read.voxel_size_um
    if voxel_size is not None and plane.quarter_turns % 2:
        voxel_size = voxel_size[::-1]
    # What the header says of the file does not fit a turned image.
    kept = (
        read.image
        if read.region is None or material.crop
        else read.image[tuple(slice(*one) for one in read.region)]
    )
    image = np.ascontiguousarray(np.rot90(kept, plane.quarter_turns))
    return replace(read, image=image, voxel_size_um=voxel_size, region=None)


def voxel_size_of(material: MaterialConfig) -> tuple[float, ...] | None:
    """Return the voxel size in micrometres that a material states, or else its own image files.

    Returns
    -------
    tuple of float or None
        Edge along each axis, of an image along its rows and columns; None if it is not known.
    """
    given = material.voxel_size_um
    if given is not None:
        return (given, given) if isinstance(given, int | float) else given
    if material.planes is not None:
        planes = {axis: plane for axis, plane in enumerate(material.planes) if plane}
        return edges_of_planes(
            {
                axis: read_plane(plane, axis, material).voxel_size_um
                for axis, plane in planes.items()
            }
        )
    if material.image is None or material.dataset is not None:
        return None  # the file of a dataset may not be there yet
    return read_whole(material.image, material).voxel_size_um


def read_whole(source: str, material: MaterialConfig) -> Micrograph:
    """Read the one image, stack or volume of a material as its settings say.

    Raises
    ------
    InputError, ConfigError
        As `matvir.micrograph.reading.read_micrograph`.
    """
    return read_micrograph(
        source,
        type=material.type,
        voxel_size_um=material.voxel_size_um,
        stack=material.stack,
        channel=material.channel,
        colour_labels=has_colours(material),
        raw=material.raw,
    )


def has_colours(material: MaterialConfig) -> bool:
    """Return whether the labels of a material are colours."""
    return any(isinstance(value, str) for value in material.phase_values or ())


def join_planes(planes: Mapping[int, MaterialImage], tolerance: float) -> Specimen:
    """Return planes as one specimen after checking that they can be of one material.

    Parameters
    ----------
    planes : mapping of int to MaterialImage
        By the axis that each is perpendicular to.
    tolerance : float
        Largest difference of a phase's volume fraction between two planes: in a homogeneous
        material every plane shows those of the volume (A. Delesse, 1847).

    Raises
    ------
    InputError
        If two planes differ in their phases, in the edge of a voxel along their common axis, or in
        a volume fraction by more than ``tolerance``.
    """
    for (a, first), (b, second) in combinations(sorted(planes.items()), 2):
        pair = f"axis {a} ({_name(first)}) and axis {b} ({_name(second)})"
        names = f"planes: those perpendicular to {pair}"
        if first.phases != second.phases:
            raise InputError(
                f"{names} have the phases {first.phases} and {second.phases}, expected the same. "
                "Name all of them under 'phases'."
            )
        common = 3 - a - b
        edges = _edge(first, a, common), _edge(second, b, common)
        if not same_edges(edges[:1], edges[1:]):
            raise InputError(
                f"{names} have voxels of {edges[0]} um and {edges[1]} um along axis {common}, "
                "expected the same. Resample one, or set 'voxel_size_um'."
            )
        shares = [image.volume_fractions() for image in (first, second)]
        worst = int(np.abs(shares[0] - shares[1]).argmax())
        if abs(shares[0][worst] - shares[1][worst]) > tolerance:
            raise InputError(
                f"{names} show {shares[0][worst]:.3f} and {shares[1][worst]:.3f} of "
                f"{first.phases[worst]!r}, expected a difference of at most {tolerance:g}: every "
                "plane of one material shows the same volume fractions, or mean values. Correct "
                "the segmentation or the brightness, give larger images, or raise "
                "'fraction_tolerance'."
            )
    return Specimen(planes=dict(planes))


def _name(image: MaterialImage) -> str:
    return str(image.provenance.get("source", {}).get("path", "an image"))


def _edge(image: MaterialImage, axis: int, along: int) -> float:
    """Return the edge of a voxel along one axis of a plane; NaN if it is not known."""
    if image.voxel_size_um is None:
        return float("nan")
    return image.voxel_size_um[in_plane_axes(axis).index(along)]
