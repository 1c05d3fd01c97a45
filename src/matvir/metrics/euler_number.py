"""Euler number of a phase: parts minus tunnels plus cavities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask, voxel_edges


def euler_number_density(mask: NDArray[Any], *, voxel_size: Sequence[float] | None = None) -> float:
    """Return the Euler number of a phase per volume.

    Parts minus tunnels plus cavities in 3D, parts minus holes in 2D; voxels are connected through
    their faces (sides in 2D). Strongly negative for a phase with many loops.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it lengths are in voxels.

    Returns
    -------
    float
        In 1/length^3 (1/length^2 in 2D); 0 for an absent phase.

    Raises
    ------
    InputError
        If ``mask`` is no such array or ``voxel_size`` has not one number per axis.
    """
    from skimage.measure import euler_number

    check_mask(mask)
    volume = mask.size * float(np.prod(voxel_edges(voxel_size, mask.ndim)))
    return float(euler_number(mask, connectivity=1)) / volume
