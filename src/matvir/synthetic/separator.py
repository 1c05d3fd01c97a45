"""Porous polymer film filled with ceramic particles: three phases, anisotropic.

A stand-in for micrographs of battery separators, which may not be passed on.
"""

import numpy as np
from numpy.typing import NDArray

from matvir.synthetic.fields import smooth_noise, threshold_of_largest

PORE, POLYMER, CERAMIC = 0, 1, 2
POLYMER_FRACTION, CERAMIC_FRACTION = 0.38, 0.14
# Correlation lengths of the polymer across the film (axis 0) and in its plane, in voxels.
POLYMER_LENGTHS = (2.2, 6.0, 6.0)
CERAMIC_LENGTH = 2.5


def grow_separator(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grow a film whose normal is axis 0.

    Polymer is where a Gaussian random field, stretched in the plane of the film, is largest
    (S. Torquato, *Random Heterogeneous Materials*, 2002, section 8.2); ceramic where an isotropic
    one is, outside the polymer but close to it.

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray of shape ``shape``, uint8
        0 pore, 1 polymer, 2 ceramic; the fractions are exact.
    """
    import edt

    polymer = smooth_noise(shape, POLYMER_LENGTHS, rng)
    labels = (polymer > threshold_of_largest(polymer, POLYMER_FRACTION)).astype(np.uint8)
    affinity = smooth_noise(shape, CERAMIC_LENGTH, rng) - 0.15 * edt.edt(labels == PORE, parallel=1)
    affinity[labels == POLYMER] = -np.inf
    labels[affinity > threshold_of_largest(affinity, CERAMIC_FRACTION)] = CERAMIC
    return labels
