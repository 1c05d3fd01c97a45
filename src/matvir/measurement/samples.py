"""Which parts of the real material, and of generated volumes and images, are measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.metrics.checks import has_equal_edges
from matvir.storage.images import MaterialImage, Specimen, in_plane_axes
from matvir.storage.samples import Samples

Voxels = NDArray[np.uint8]
Window = tuple[slice, ...]


@dataclass(frozen=True)
class SampleSet:
    """Samples of one dimension, 2D or 3D, with a name for each."""

    names: tuple[str, ...]
    labels: tuple[Voxels, ...]


def volume_samples(
    volumes: Sequence[Voxels], voxel_size_um: Sequence[float] | None, *, isotropic: bool = True
) -> dict[str, SampleSet]:
    """Return volumes and their middle slices as samples.

    Parameters
    ----------
    volumes : sequence of ndarray of shape (D, H, W), uint8
        Generated volumes, or sub-volumes of a real one.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis.
    isotropic : bool
        Whether slices perpendicular to all axes are samples of one kind.

    Returns
    -------
    dict of str to SampleSet
        "3d": the volumes; "2d": the middle slice of each along each axis, cut to a common square
        so that slices of non-cubic volumes can be compared with each other. Where voxels are not
        cubic only the slices perpendicular to axis 0, as those of the others have pixels of another
        shape. Of an anisotropic material there are "2d-0", "2d-1" and "2d-2" instead: the middle
        slices perpendicular to each axis, whole.
    """
    volume_names = tuple(f"volume-{index:03d}" for index in range(len(volumes)))
    samples = {"3d": SampleSet(volume_names, tuple(volumes))}
    if not isotropic:
        for axis, planes in enumerate(zip(*map(middle_slices, volumes), strict=True)):
            samples[f"2d-{axis}"] = SampleSet(_plane_names(axis, len(planes)), planes)
        return samples
    edge = min(volumes[0].shape[:3])
    cubic = voxel_size_um is None or has_equal_edges(voxel_size_um)
    slices, names = [], []
    for index, volume in enumerate(volumes):
        for axis, plane in enumerate(middle_slices(volume)[: 3 if cubic else 1]):
            slices.append(plane[:edge, :edge])
            names.append(f"slice-{index:03d}-{axis}")
    return samples | {"2d": SampleSet(tuple(names), tuple(slices))}


def image_samples(images: Sequence[Voxels], axis: int | None) -> dict[str, SampleSet]:
    """Return 2D images as samples, of the same kind as slices of volumes.

    Parameters
    ----------
    images : sequence of ndarray of shape (H, W), uint8
        The images.
    axis : int or None
        Axis that they are perpendicular to; None if slices perpendicular to all axes are of one
        kind.
    """
    if axis is not None:
        return {f"2d-{axis}": SampleSet(_plane_names(axis, len(images)), tuple(images))}
    names = tuple(f"slice-{index:03d}" for index in range(len(images)))
    return {"2d": SampleSet(names, tuple(images))}


def generated_samples(generated: Samples, *, isotropic: bool) -> dict[str, SampleSet]:
    """Return what a generator made as samples, see `volume_samples` and `image_samples`."""
    if generated.are_images:
        return image_samples(list(generated.labels), generated.image_axis)
    volumes = list(generated.labels)
    return volume_samples(volumes, generated.voxel_size_um, isotropic=isotropic)


def _plane_names(axis: int, n_planes: int) -> tuple[str, ...]:
    return tuple(f"plane-{axis}-{index:03d}" for index in range(n_planes))


def real_samples(
    specimen: Specimen,
    reference: MaterialImage | None,
    size: Sequence[int],
    max_samples: int,
    rng: np.random.Generator,
    *,
    isotropic: bool = True,
) -> dict[str, SampleSet]:
    """Cut the real material into samples as large as the generated ones.

    Parameters
    ----------
    specimen : Specimen
        The segmented micrograph, planes or volume.
    reference : MaterialImage or None
        A volume of the same material; without it, ``specimen`` is one itself or there is none.
    size : sequence of three int
        Shape of a generated volume.
    max_samples : int
        Largest number of sub-volumes, and of 2D crops of a micrograph.
    rng : numpy.random.Generator
        Chooses among more.
    isotropic : bool
        Whether slices perpendicular to all axes are samples of one kind, see `volume_samples`.

    Returns
    -------
    dict of str to SampleSet
        2D samples always; "3d" only where the material is known in 3D. A micrograph gives the 2D
        samples itself: non-overlapping square crops with the smallest edge of ``size``, and each
        plane of an anisotropic material crops as large as the slices perpendicular to its axis.

    Raises
    ------
    InputError
        If a sample does not fit into the image.
    """
    volume = specimen.volume if reference is None else reference
    samples: dict[str, SampleSet] = {}
    if volume is not None:
        parts = _parts(volume, size, max_samples, rng)
        samples = volume_samples(parts, volume.voxel_size_um, isotropic=isotropic)
    if isotropic and specimen.volume is None:
        crops = _parts(specimen.images[0], (min(size),) * 2, max_samples, rng)
        samples |= image_samples(crops, None)
    if not isotropic:
        for axis, plane in specimen.planes.items():
            edges = [size[other] for other in in_plane_axes(axis)]
            crops = _parts(plane, edges, max_samples, rng)
            samples |= image_samples(crops, axis)
    return samples


def _parts(
    image: MaterialImage, size: Sequence[int], max_samples: int, rng: np.random.Generator
) -> list[Voxels]:
    """Return parts of this size that do not overlap and are all material; of a stack 2D ones."""
    shape = (1, *size) if image.stack else size
    windows = subvolumes(image.shape, shape, max_samples, rng, valid=image.valid)
    return [image.voxels[window][0] if image.stack else image.voxels[window] for window in windows]


def part_of(samples: Mapping[str, SampleSet], part: int, n_parts: int) -> dict[str, SampleSet]:
    """Return every dimension's share of one of several jobs, in order; none if it has too few."""
    shares = {}
    for dimension, every in samples.items():
        n = len(every.names)
        mine = slice(part * n // n_parts, (part + 1) * n // n_parts)
        if every.names[mine]:
            shares[dimension] = SampleSet(every.names[mine], every.labels[mine])
    return shares


def subvolumes(
    shape: Sequence[int],
    size: Sequence[int],
    max_samples: int,
    rng: np.random.Generator | None = None,
    *,
    valid: NDArray[np.bool_] | None = None,
) -> list[Window]:
    """Return windows of ``size`` that do not overlap, spread over the whole of ``shape``.

    They lie on a regular grid with as many windows along each axis as fit, with even gaps.

    Parameters
    ----------
    shape : sequence of int
        Shape of the image, 2D or 3D.
    size : sequence of int
        Shape of a window.
    max_samples : int
        The largest number of windows; from more, a random subset is drawn.
    rng : numpy.random.Generator, optional
        Draws the subset; only needed if more windows fit.
    valid : ndarray of bool of shape ``shape``, optional
        Only windows that are entirely True are kept.

    Returns
    -------
    list of tuple of slice
        The windows in the order (plane, row, column).

    Raises
    ------
    InputError
        If no window fits, or a subset must be drawn without ``rng``.
    """
    if len(size) != len(shape) or max_samples < 1:
        raise InputError(
            f"expected one window edge per axis of {tuple(shape)} and max_samples of at least 1, "
            f"got size {tuple(size)} and max_samples {max_samples}"
        )
    starts = [_spread(edge, width) for edge, width in zip(shape, size, strict=True)]
    windows = [
        tuple(slice(start, start + width) for start, width in zip(corner, size, strict=True))
        for corner in product(*starts)
    ]
    if valid is not None:
        windows = [window for window in windows if valid[window].all()]
    if not windows:
        where = "" if valid is None else " inside the valid part"
        raise InputError(
            f"no window of shape {tuple(size)} fits{where} into an image of shape {tuple(shape)}; "
            "measure smaller samples or give a larger image"
        )
    if len(windows) <= max_samples:
        return windows
    if rng is None:
        raise InputError(
            f"{len(windows)} windows fit but max_samples is {max_samples}: "
            "give a random generator to draw from them"
        )
    chosen = np.sort(rng.choice(len(windows), max_samples, replace=False))
    return [windows[index] for index in chosen]


def _spread(edge: int, width: int) -> list[int]:
    """Return the starts of as many intervals of ``width`` as fit, evenly spread over ``edge``."""
    count = edge // width
    if count <= 1:
        return [(edge - width) // 2] * count
    return [round(start) for start in np.linspace(0, edge - width, count)]


def middle_slices(volume: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the middle plane of a volume normal to each axis.

    Parameters
    ----------
    volume : ndarray of shape (D, H, W) or (D, H, W, 3)
        Any 3D array, or one of colours.

    Returns
    -------
    list of 3 ndarray
        Shapes (H, W), (D, W) and (D, H), with colours (H, W, 3) and so on.

    Raises
    ------
    InputError
        If ``volume`` is not 3D.
    """
    if volume.ndim not in (3, 4):
        raise InputError(f"expected a 3D volume to take slices of, got shape {volume.shape}")
    return [np.take(volume, n // 2, axis=axis) for axis, n in enumerate(volume.shape[:3])]
