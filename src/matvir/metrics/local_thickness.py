"""Local thickness: the diameter of the largest sphere that fits into the phase at each voxel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask, has_equal_edges, voxel_edges

QUANTILES = (10, 50, 90)


@dataclass(frozen=True, kw_only=True)
class LocalThickness:
    """The local thickness of a phase, in the unit of the voxel's edges.

    Attributes
    ----------
    mean : float
        Mean over the volume of the phase.
    quantiles : tuple of float
        D10, D50 and D90 by volume: the thickness that 10, 50 and 90 % of the phase's volume do not
        exceed.
    """

    mean: float
    quantiles: tuple[float, ...]


def local_thickness(
    mask: NDArray[Any], *, voxel_size: Sequence[float] | None = None
) -> LocalThickness:
    """Return the mean and the distribution of the local thickness of a phase.

    Hildebrand and Rüegsegger, J. Microsc. 185 (1997) 67: the diameter of the largest sphere
    (circle in 2D) that lies in the phase and holds the voxel. Its distribution over the volume is
    the size distribution by sphere fitting. PoreSpy fits spheres of whole radii, so a thickness is
    a multiple of 2 voxels, and the voxels at the rim of a curved phase get smaller ones (a ball of
    diameter 28 voxels measures 25.3). Spheres may leave the sample through its border. Where voxels
    are no cubes, radii are multiples of the shortest edge.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it the thickness is in voxels.

    Returns
    -------
    LocalThickness
        In the unit of ``voxel_size``; NaN if the phase is absent or fills the sample.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    check_mask(mask)
    edges = voxel_edges(voxel_size, mask.ndim)
    if mask.all() or not mask.any():
        return LocalThickness(mean=np.nan, quantiles=(np.nan,) * len(QUANTILES))
    if has_equal_edges(edges):
        diameter, radii = 2 * edges[0], _local_radii(mask)[mask]
    else:
        diameter, radii = 2.0, _radii_in_long_voxels(mask, edges)[mask]
    found = np.percentile(radii, QUANTILES, method="inverted_cdf")
    return LocalThickness(
        mean=diameter * float(radii.mean()),
        quantiles=tuple(diameter * float(radius) for radius in found),
    )


def _radii_in_long_voxels(mask: NDArray[np.bool_], edges: Sequence[float]) -> NDArray[np.float64]:
    """Return the radius of the largest sphere at each voxel, where voxels are no cubes.

    As PoreSpy does it with cubes: the centres of spheres of a radius are at least as far from the
    interface, and the spheres hold what is nearer to a centre. Radii are multiples of the shortest
    edge.
    """
    import edt

    shortest = min(edges)
    depth = edt.edt(mask, anisotropy=tuple(edges))
    radii = np.zeros(mask.shape)
    for count in range(1, int(depth.max() / shortest) + 1):
        radius = count * shortest
        reached = edt.edt(depth < radius, anisotropy=tuple(edges)) < radius
        radii[reached] = radius
    return radii


def _local_radii(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the radius of the largest sphere at each voxel, on one thread."""
    import porespy

    n_cores = porespy.settings.ncores
    porespy.settings.ncores = 1
    try:
        return porespy.filters.local_thickness(mask, method="dt")
    finally:
        porespy.settings.ncores = n_cores
