"""Connected parts of a phase, and whether they reach from face to face."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics import Faces
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


def percolating_part(
    components: NDArray[np.unsignedinteger], axis: int, faces: Faces = "both"
) -> NDArray[np.bool_]:
    """Return the mask of the components that touch faces of the sample along ``axis``.

    Parameters
    ----------
    components : ndarray of shape (H, W) or (D, H, W)
        What :func:`connected_components` returned.
    axis : int
        The direction to cross.
    faces : {"both", "first", "last", "none"}
        Which of the two faces normal to the axis a component has to touch: both of them, the one at
        index 0, or the other; "none" returns nothing.

    Returns
    -------
    ndarray of bool with the shape of ``components``
        All False if no component does.
    """
    reached = np.zeros((2, int(components.max()) + 1), dtype=bool)
    reached[0, np.take(components, 0, axis=axis)] = True
    reached[1, np.take(components, -1, axis=axis)] = True
    chosen = {
        "both": reached.all(axis=0),
        "first": reached[0],
        "last": reached[1],
        "none": np.zeros_like(reached[0]),
    }[faces]
    chosen[0] = False
    return chosen[components]


def connected_fraction(components: NDArray[np.unsignedinteger]) -> float:
    """Return the share of the phase's voxels in its largest component; NaN if it is absent."""
    sizes = np.bincount(components.ravel())[1:]
    return float(sizes.max() / sizes.sum()) if sizes.size else np.nan
