"""Parallel wavy fibres in a matrix: two phases, anisotropic."""

import numpy as np
from numpy.typing import NDArray

from matvir.synthetic.fields import smooth_noise, threshold_of_largest

FIBRE_FRACTION = 0.35
# What is asked for: discs on a pixel grid stay below the share that they are packed to.
PACKED_FRACTION = 0.4
RADIUS = 6
# Room around the volume for fibres that are cut by its faces, and for their waves.
MARGIN = 24
# Correlation lengths of the waves along the fibres and across them, and their amplitude, in voxels.
WAVELENGTHS = (12.0, 15.0, 15.0)
AMPLITUDE = 1.5


def grow_fibres(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grow fibres along axis 0.

    Discs that do not touch are placed in the plane of axes 1 and 2 by random sequential addition
    (S. Torquato, *Random Heterogeneous Materials*, 2002, section 3.4) and drawn out along axis 0;
    a smooth displacement within that plane makes them wavy.

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray of shape ``shape``, uint8
        0 matrix, 1 fibre; the fraction of fibres is exact.
    """
    import edt
    from porespy.generators import random_spheres
    from scipy.ndimage import map_coordinates

    discs = random_spheres(
        im=np.zeros((shape[1] + 2 * MARGIN, shape[2] + 2 * MARGIN), bool),
        r=RADIUS,
        phi=PACKED_FRACTION,
        clearance=1,
        protrusion=0,
        edges="extended",
        seed=int(rng.integers(2**31)),
    )
    _, rows, columns = np.meshgrid(*map(np.arange, shape), indexing="ij")
    places = [
        MARGIN + along + AMPLITUDE * smooth_noise(shape, WAVELENGTHS, rng)
        for along in (rows, columns)
    ]
    depth = map_coordinates(edt.sdf(discs, parallel=1), places, order=1, mode="nearest")
    return (depth > threshold_of_largest(depth, FIBRE_FRACTION)).astype(np.uint8)
