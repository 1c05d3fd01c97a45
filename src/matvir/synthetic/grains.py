"""Grains of a polycrystal and the boundaries between them: two phases, isotropic."""

import numpy as np
from numpy.typing import NDArray

from matvir.synthetic.fields import threshold_of_largest

BOUNDARY_FRACTION = 0.2
# Mean edge of a grain in voxels, and room around the volume for grains that its faces cut.
GRAIN = 18
MARGIN = 2 * GRAIN


def grow_grains(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grow a Poisson-Voronoi polycrystal with boundaries of a finite width.

    A voxel is of a boundary where the two nearest of the points that grains grow from are about
    equally far (S. Torquato, *Random Heterogeneous Materials*, 2002, section 8.1.2).

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray of shape ``shape``, uint8
        0 boundary, 1 grain; the fraction of boundaries is exact.
    """
    distances, _, _ = nearest_points(shape, 2, rng)
    gap = (distances[..., 1] - distances[..., 0]).astype(np.float32)
    return (gap > threshold_of_largest(gap, 1 - BOUNDARY_FRACTION)).astype(np.uint8)


def nearest_points(
    shape: tuple[int, int, int], k: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    """Find the nearest of random points, which grains grow from, to each voxel.

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    k : int
        How many of the nearest.
    rng : numpy.random.Generator
        Source of the points.

    Returns
    -------
    distances, numbers : ndarray of shape ``shape``, and with a last axis of ``k`` if it is not 1
        Of the nearest points, ascending by distance.
    n_points : int
        How many points there are.
    """
    from scipy.spatial import cKDTree

    box = np.array(shape) + 2 * MARGIN
    points = rng.uniform(-MARGIN, np.array(shape) + MARGIN, (rng.poisson(box.prod() / GRAIN**3), 3))
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distances, numbers = cKDTree(points).query(voxels, k=k)
    return distances, numbers, len(points)
