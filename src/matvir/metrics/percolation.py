"""Connected parts of a phase, and whether they reach from face to face."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask


def connected_components(mask: NDArray[Any]) -> NDArray[np.unsignedinteger]:
    """Label the parts of a phase that are connected through faces of voxels (sides in 2D).

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.

    Returns
    -------
    ndarray with the shape of ``mask``
        0 outside the phase, 1, 2, ... in its parts.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    import cc3d

    check_mask(mask)
    return cc3d.connected_components(mask, connectivity=6 if mask.ndim == 3 else 4)


def percolating_part(components: NDArray[np.unsignedinteger], axis: int) -> NDArray[np.bool_]:
    """Return the mask of the components that touch both faces of the sample along ``axis``.

    Parameters
    ----------
    components : ndarray of shape (H, W) or (D, H, W)
        What :func:`connected_components` returned.
    axis : int
        The direction to cross.

    Returns
    -------
    ndarray of bool with the shape of ``components``
        All False if the phase does not percolate.
    """
    through = np.zeros(int(components.max()) + 1, dtype=bool)
    first, last = np.take(components, 0, axis=axis), np.take(components, -1, axis=axis)
    through[np.intersect1d(first, last)] = True
    through[0] = False
    return through[components]


def connected_fraction(components: NDArray[np.unsignedinteger]) -> float:
    """Return the share of the phase's voxels in its largest component; NaN if it is absent."""
    sizes = np.bincount(components.ravel())[1:]
    return float(sizes.max() / sizes.sum()) if sizes.size else np.nan
