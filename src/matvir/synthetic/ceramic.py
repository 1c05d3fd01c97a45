"""Porous ceramic of a coarse and a fine scale: two phases, isotropic.

A stand-in for micrographs of sintered perovskites, which may not be passed on.
"""

import numpy as np
from numpy.typing import NDArray

from matvir.synthetic.fields import smooth_noise, threshold_of_largest

SOLID_FRACTION = 0.68


def grow_ceramic(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut the sum of a coarse and a fine Gaussian random field at a level.

    Source: S. Torquato, *Random Heterogeneous Materials* (2002), section 8.2.

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray of shape ``shape``, uint8
        0 pore, 1 solid; the fraction of the solid is exact.
    """
    field = smooth_noise(shape, 4.5, rng) + 0.3 * smooth_noise(shape, 1.8, rng)
    return (field > threshold_of_largest(field, SOLID_FRACTION)).astype(np.uint8)
