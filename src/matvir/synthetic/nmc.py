"""A three-phase battery electrode: pore, binder and particles of active material (NMC).

Particles are packed by random sequential addition, made uneven, and joined by a web of binder; the
rest is pore. The fractions of the phases are exact by construction.
"""

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError
from matvir.synthetic.fields import smooth_noise, threshold_of_largest

PORE, BINDER, NMC = 0, 1, 2
NMC_FRACTION = 0.415
BINDER_FRACTION = 0.135

# Radius in voxels, and the volume fraction of the spheres of this radius, from large to small.
PACKING = ((12, 0.11), (10, 0.10), (8, 0.10), (7, 0.07), (6, 0.06), (5, 0.06))
# The packing is denser at the walls of its box; twice the largest radius is out of their reach.
MARGIN = 24
# Slabs thinner than the largest particle cannot hold the stated mix of sizes.
MIN_EDGE = 2 * PACKING[0][0]


def grow_nmc(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grow an isotropic NMC-like electrode.

    Spheres of radii 5 to 12 voxels are placed by random sequential addition (S. Torquato, *Random
    Heterogeneous Materials*, 2002, section 3.4) in a larger box, from which the volume is cut. A
    smooth random field added to their signed distance makes them uneven. Binder fills the
    voxels that are closest to several surfaces at once (contacts and gaps), with a fine texture.

    Parameters
    ----------
    shape : tuple of three int
        Edges (plane, row, column) in voxels.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray of shape ``shape``, uint8
        0 pore, 1 binder, 2 nmc.

    Raises
    ------
    ConfigError
        If an edge is smaller than the largest particle.
    """
    if min(shape) < MIN_EDGE:
        raise ConfigError(
            f"synthetic.shape: expected edges of at least {MIN_EDGE} voxels, the diameter of the "
            f"largest particle, got {shape}. Give a larger shape."
        )
    inner = tuple(slice(MARGIN, MARGIN + edge) for edge in shape)
    spheres = _pack_spheres(tuple(edge + 2 * MARGIN for edge in shape), rng)
    nmc = _uneven(spheres, inner, rng)
    labels = np.where(nmc[inner], np.uint8(NMC), np.uint8(PORE))
    labels[_binder(nmc, inner, rng)] = BINDER
    return labels


def _pack_spheres(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Place touching spheres of all radii of ``PACKING`` in a box of this shape."""
    from porespy.generators import random_spheres

    spheres = np.zeros(shape, dtype=bool)
    for radius, share in PACKING:
        spheres = random_spheres(
            im=spheres,
            r=radius,
            phi=share,
            clearance=-1,
            protrusion=1,
            edges="extended",
            seed=int(rng.integers(2**31)),
        )
    return spheres


def _uneven(
    spheres: NDArray[np.bool_], inner: tuple[slice, ...], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Deform the spheres by about a voxel and give them their exact fraction of ``inner``."""
    import edt
    from scipy.ndimage import gaussian_filter

    depth = gaussian_filter(edt.sdf(spheres, parallel=1), 1.0)
    depth += 1.2 * smooth_noise(spheres.shape, 6.0, rng)
    depth += 0.3 * smooth_noise(spheres.shape, 2.0, rng)
    return depth > threshold_of_largest(depth[inner], NMC_FRACTION)


def _binder(
    nmc: NDArray[np.bool_], inner: tuple[slice, ...], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return the binder within ``inner``: beside particles, first of all between several."""
    import edt
    from scipy.ndimage import gaussian_filter

    # A blurred particle phase is highest in gaps and at contacts; the distance favours coatings.
    affinity = 6.0 * gaussian_filter(nmc.astype(np.float32), 3.5)
    affinity -= 0.35 * edt.edt(~nmc, parallel=1)
    affinity += 0.5 * smooth_noise(nmc.shape, 6.0, rng)
    affinity += 0.7 * smooth_noise(nmc.shape, 1.5, rng)
    affinity[nmc] = -np.inf
    affinity = affinity[inner]
    return affinity > threshold_of_largest(affinity, BINDER_FRACTION)
