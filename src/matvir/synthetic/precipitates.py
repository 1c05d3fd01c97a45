"""Grain boundaries with precipitates: three phases, anisotropic."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.synthetic.fields import smooth_noise

PARTICLE, GRAIN, BOUNDARY = 0, 1, 2
# Voxels from one boundary to the next along axis 2, half their width, and how far they wander.
SPACING = 32
HALF_WIDTH = 1.5
BOUND = 6.0
# Radii of the particles in voxels, and the area of boundary that bears one.
RADII = (2.0, 5.0)
AREA_PER_PARTICLE = 150.0


def grow_precipitates(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grow boundaries perpendicular to axis 2 that wander within bounds, with particles on them.

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray of shape ``shape``, uint8
        0 particle, 1 grain, 2 boundary.
    """
    labels = np.full(shape, GRAIN, np.uint8)
    columns = np.arange(shape[2])
    first = rng.uniform(-SPACING, 0)
    for middle in np.arange(first, shape[2] + SPACING, SPACING):
        place = middle + _wandering(shape[:2], rng)
        labels[np.abs(columns - place[:, :, None]) < HALF_WIDTH] = BOUNDARY
        _put_particles(labels, place, rng)
    return labels


def _wandering(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a displacement with a coarse and a fine scale, within ``BOUND`` voxels."""
    free = 3.5 * smooth_noise(shape, 12.0, rng) + 0.8 * smooth_noise(shape, 2.5, rng)
    return np.clip(free, -BOUND, BOUND)


def _put_particles(
    labels: NDArray[np.uint8], place: NDArray[np.floating[Any]], rng: np.random.Generator
) -> None:
    """Put spheres of random radii on random points of one boundary, cut by the faces."""
    room = np.ceil(max(RADII))
    high = np.array(place.shape) + room
    n_particles = rng.poisson(np.prod(high + room) / AREA_PER_PARTICLE)
    for _ in range(n_particles):
        plane, row = rng.uniform(-room, high)
        radius = rng.uniform(*RADII)
        on = [int(np.clip(c, 0, n - 1)) for c, n in zip((plane, row), place.shape, strict=True)]
        centre = (plane, row, float(place[tuple(on)]))
        box = tuple(
            slice(max(0, int(c - radius)), min(n, max(0, int(c + radius) + 2)))
            for c, n in zip(centre, labels.shape, strict=True)
        )
        squares = [(axis - c) ** 2 for axis, c in zip(np.ogrid[box], centre, strict=True)]
        labels[box][sum(squares) < radius**2] = PARTICLE
