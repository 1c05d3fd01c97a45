"""A polycrystal as a map of orientations: three colours, isotropic.

A stand-in for orientation maps of steel from electron backscatter diffraction (EBSD).
"""

import numpy as np
from numpy.typing import NDArray

from matvir.synthetic.grains import nearest_points


def grow_ebsd(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grow a Poisson-Voronoi polycrystal whose grains have random colours.

    The colours are those of an inverse pole figure: mixtures of red, green and blue, as bright as
    they can be.

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray of shape (*shape, 3), uint8
        Red, green and blue of each voxel.
    """
    _, grains, n_grains = nearest_points(shape, 1, rng)
    mixtures = rng.dirichlet((1, 1, 1), n_grains)
    colours = np.sqrt(mixtures / mixtures.max(axis=1, keepdims=True))
    return np.round(255 * colours).astype(np.uint8)[grains]
