"""Local thickness: the diameter of the largest sphere that fits into the phase at each voxel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask, cubic_voxel_edge


def mean_local_thickness(mask: NDArray[Any], *, voxel_size: Sequence[float] | None = None) -> float:
    """Return the mean local thickness of a phase.

    Hildebrand and Rüegsegger, J. Microsc. 185 (1997) 67: the diameter of the largest sphere
    (circle in 2D) that lies in the phase and holds the voxel, averaged over the phase. PoreSpy
    fits spheres of whole radii, so a thickness is a multiple of 2 voxels, and the voxels at the rim
    of a curved phase get smaller ones (a ball of diameter 28 voxels measures 25.3). Spheres may
    leave the sample through its border.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it the thickness is in voxels.

    Returns
    -------
    float
        Thickness in the unit of ``voxel_size``; NaN if the phase is absent or fills the sample.

    Raises
    ------
    InputError
        If ``mask`` is no such array or the voxels are not cubic.
    """
    check_mask(mask)
    edge = cubic_voxel_edge(voxel_size, mask.ndim, "local thickness")
    if mask.all() or not mask.any():
        return np.nan
    return 2 * edge * float(_local_radii(mask)[mask].mean())


def _local_radii(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the radius of the largest sphere at each voxel, on one thread."""
    import porespy

    n_cores = porespy.settings.ncores
    porespy.settings.ncores = 1
    try:
        return porespy.filters.local_thickness(mask, method="dt")
    finally:
        porespy.settings.ncores = n_cores
