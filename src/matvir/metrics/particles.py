"""Particles of a phase after touching ones are split: how many, how large, how round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matvir.metrics.checks import check_mask, voxel_edges

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]
# Two bulges are two particles if the radius of the neck between them is smaller than that of the
# smaller one by this many shortest edges of a voxel, or by half: distances are known no better.
NECK_DEPTH = 1.0
# Standard deviation in voxels of the blur that takes the steps away before surfaces are drawn.
SURFACE_BLUR = 0.7


@dataclass(frozen=True, kw_only=True)
class ParticleStatistics:
    """Particles of a phase; lengths are in the unit of the voxel's edges.

    All but the number density are those of the particles that do not touch the border of the
    sample; they are NaN if there is none.

    Attributes
    ----------
    number_density : float
        Particles per volume (per area in 2D). One that touches a face of the sample counts half, at
        an edge a quarter and at a corner an eighth, as neighbouring samples have the rest; one that
        reaches from a face to the opposite one does not count, as none of its ends is seen.
    mean_diameter : float
        Mean diameter of the sphere of the same volume (circle of the same area), by number.
    median_diameter : float
        D50 by volume: particles up to this diameter have half of the volume of all.
    sphericity : float
        Mean of the surface area of the sphere of the same volume over that of the particle, by
        number; 1 for a sphere. In 2D the perimeter of the circle over that of the particle.
    coordination_number : float
        Mean number of particles of the phase that a particle touches, by number.
    """

    number_density: float
    mean_diameter: float = np.nan
    median_diameter: float = np.nan
    sphericity: float = np.nan
    coordination_number: float = np.nan


def split_particles(
    mask: NDArray[Any], *, voxel_size: Sequence[float] | None = None
) -> NDArray[np.int32]:
    """Split a phase into particles at its necks.

    Watershed of the distance to the interface (Beucher and Lantuéjoul 1979), from those of its
    maxima that rise by ``NECK_DEPTH``, or twofold, above the neck to a higher one (h-maxima;
    Soille, Morphological Image Analysis, 2004). Round and convex particles that touch or overlap
    are found; a phase of irregular shape is split into bulges, whose number depends on the
    resolution.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it they are equal.

    Returns
    -------
    ndarray with the shape of ``mask``, int32
        0 outside the phase, 1, 2, ... in its particles; one particle if the phase fills the sample.

    Raises
    ------
    InputError
        If ``mask`` is no such array or ``voxel_size`` has not one number per axis.
    """
    import edt
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    check_mask(mask)
    voxel = voxel_edges(voxel_size, mask.ndim)
    if mask.all() or not mask.any():
        return mask.astype(np.int32)
    depth = edt.edt(mask, anisotropy=voxel)
    lowered = np.maximum(depth - NECK_DEPTH * min(voxel), depth / 2)
    # Through faces alone, as in all other metrics: particles that meet at a corner are two.
    faces = ndimage.generate_binary_structure(mask.ndim, 1)
    flattened = reconstruction(lowered, depth, footprint=faces)
    markers, _ = ndimage.label(local_maxima(flattened, connectivity=1) & mask)
    return watershed(-depth, markers, mask=mask).astype(np.int32)


def without_fragments(particles: Integers) -> Integers:
    """Leave out particles that are too small to be told from noise, below 2 voxels cubed.

    Parameters
    ----------
    particles : ndarray of shape (H, W) or (D, H, W), int
        What :func:`split_particles` returned.

    Returns
    -------
    ndarray with the shape of ``particles``, int
        0 where there is none, 1, 2, ... in particles of at least 8 voxels (4 pixels in 2D).
    """
    kept = np.bincount(particles.ravel()) >= 2**particles.ndim
    kept[0] = False
    numbers: Integers = np.where(kept, np.cumsum(kept), 0)[particles]
    return numbers


def particle_statistics(
    particles: Integers, *, voxel_size: Sequence[float] | None = None
) -> ParticleStatistics:
    """Return how many particles there are, how large, how round and how many they touch.

    The border cuts large particles more often than small ones. In means and D50 a whole particle
    therefore counts as the inverse of the number of places in the sample where it would be whole
    (Miles-Lantuéjoul correction; Serra, Image Analysis and Mathematical Morphology, 1982).

    Parameters
    ----------
    particles : ndarray of shape (H, W) or (D, H, W), int
        What :func:`split_particles` or :func:`without_fragments` returned.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it lengths are in voxels.

    Returns
    -------
    ParticleStatistics
        The number density of an absent phase is 0; what else cannot be known is NaN.
    """
    shape = np.array(particles.shape)
    voxel = voxel_edges(voxel_size, particles.ndim)
    found = ndimage.find_objects(particles)
    boxes = np.array([[(s.start, s.stop) for s in box] for box in found], dtype=int)
    first, end = np.moveaxis(boxes.reshape(-1, particles.ndim, 2), -1, 0)
    n_touched = (first == 0).astype(int) + (end == shape)
    # Over all places where a particle is seen, these counts add up to n - 1 along an axis.
    counts = (1 - n_touched / 2).prod(axis=1)
    density = counts.sum() / np.prod((shape - 1) * voxel)
    whole = np.flatnonzero(n_touched.sum(axis=1) == 0)
    if not whole.size:
        return ParticleStatistics(number_density=float(density))
    weights = 1 / (shape - 1 - (end - first)[whole]).prod(axis=1)
    volumes = np.bincount(particles.ravel())[1:][whole] * np.prod(voxel)
    diameters = _diameters(volumes, particles.ndim)
    roundness = [_sphericity(particles[found[i]] == i + 1, voxel) for i in whole]
    return ParticleStatistics(
        number_density=float(density),
        mean_diameter=_mean(diameters, weights),
        median_diameter=_weighted_median(diameters, weights * volumes),
        sphericity=_mean(np.array(roundness), weights),
        coordination_number=_mean(_numbers_of_neighbours(particles)[whole], weights),
    )


def _diameters(volumes: Floats, n_axes: int) -> Floats:
    """Return the diameter of the sphere of each volume, or of the circle of each area."""
    return np.cbrt(6 * volumes / np.pi) if n_axes == 3 else np.sqrt(4 * volumes / np.pi)


def _mean(values: NDArray[Any], weights: Floats) -> float:
    """Return the weighted mean of what is known; NaN if nothing is."""
    known = ~np.isnan(values)
    return float(np.average(values[known], weights=weights[known])) if known.any() else np.nan


def _weighted_median(values: Floats, weights: Floats) -> float:
    """Return the smallest value up to which there is half of the weight."""
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5 - 1e-9)])


def _numbers_of_neighbours(particles: Integers) -> NDArray[np.intp]:
    """Return how many other particles each one shares faces of voxels with."""
    pairs = []
    for axis in range(particles.ndim):
        along = np.moveaxis(particles, axis, 0)
        first, second = along[:-1], along[1:]
        touch = (first != second) & (first > 0) & (second > 0)
        pairs.append(np.sort(np.stack([first[touch], second[touch]], axis=1), axis=1))
    touching = np.unique(np.concatenate(pairs), axis=0)
    return np.bincount(touching.ravel(), minlength=int(particles.max()) + 1)[1:]


def _sphericity(mask: NDArray[np.bool_], voxel: Sequence[float]) -> float:
    """Return the surface area of the sphere of the volume of a particle over its own.

    Both are taken from the surface where the blurred mask is one half, without the steps of the
    voxels; NaN if the particle is so small that nothing is left of it.
    """
    field = ndimage.gaussian_filter(np.pad(mask, 3).astype(np.float32), SURFACE_BLUR)
    if field.max() <= 0.5:
        return np.nan
    if mask.ndim == 2:
        area, perimeter = _outline(field, voxel)
        return float(2 * np.sqrt(np.pi * area) / perimeter)
    volume, surface = _surface(field, voxel)
    return float(np.cbrt(np.pi) * (6 * volume) ** (2 / 3) / surface)


def _surface(field: NDArray[np.float32], voxel: Sequence[float]) -> tuple[float, float]:
    """Return the volume within the surface where a field is one half, and its area."""
    from skimage.measure import marching_cubes, mesh_surface_area

    points, triangles, _, _ = marching_cubes(field, 0.5, spacing=tuple(voxel))
    first, second, third = (points[triangles[:, i]].astype(np.float64) for i in range(3))
    # Tetrahedra between the triangles and the origin (divergence theorem).
    volume = abs((first * np.cross(second, third)).sum()) / 6
    return float(volume), float(mesh_surface_area(points, triangles))


def _outline(field: NDArray[np.float32], voxel: Sequence[float]) -> tuple[float, float]:
    """Return the area within the lines where a field is one half, and their length."""
    from skimage.measure import find_contours

    area, length = 0.0, 0.0
    for points in find_contours(field, 0.5):
        row, column = (points * voxel).T
        # Lines around holes turn the other way, and their area is negative.
        area += (row[:-1] * column[1:] - row[1:] * column[:-1]).sum() / 2
        length += np.hypot(np.diff(row), np.diff(column)).sum()
    return abs(area), length
