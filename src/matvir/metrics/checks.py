"""What all metrics expect of their arguments."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError

# Files round what they state of a size: edges that differ by less than this share are equal.
SAME_SIZE = 0.01


def check_labels(labels: NDArray[Any], n_phases: int) -> None:
    """Check that ``labels`` is a 2D or 3D image of phases 0 .. n_phases - 1.

    Raises
    ------
    InputError
        If it has another number of axes, an edge below 2 voxels, no integers or other labels.
    """
    _check_shape(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"expected labels of an integer type, got {labels.dtype}; segment the image first"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_phases:
        raise InputError(
            f"expected labels in 0 .. {n_phases - 1} for {n_phases} phases, got {low} .. {high}; "
            "name every phase or map the values to labels first"
        )


def check_mask(mask: NDArray[Any]) -> None:
    """Check that ``mask`` is a 2D or 3D array of bool.

    Raises
    ------
    InputError
        If it is not, or has an edge below 2 voxels.
    """
    _check_shape(mask)
    if mask.dtype != np.bool_:
        raise InputError(
            f"expected a mask of bool, got {mask.dtype}; compare the labels with a phase first"
        )


def _check_shape(array: NDArray[Any]) -> None:
    if array.ndim not in (2, 3) or min(array.shape) < 2:
        raise InputError(
            "expected a 2D or 3D array with at least 2 voxels along each axis, "
            f"got shape {array.shape}"
        )


def voxel_edges(voxel_size: Sequence[float] | None, n_axes: int) -> tuple[float, ...]:
    """Return the edge of a voxel along each axis; ones if ``voxel_size`` is None.

    Raises
    ------
    InputError
        If there is not one positive finite number per axis.
    """
    if voxel_size is None:
        return (1.0,) * n_axes
    edges = tuple(float(edge) for edge in voxel_size)
    if len(edges) != n_axes or not all(np.isfinite(edge) and edge > 0 for edge in edges):
        raise InputError(
            f"expected a voxel size of {n_axes} positive numbers, one per axis, got {edges}"
        )
    return edges


def has_equal_edges(edges: Sequence[float]) -> bool:
    """Return whether a voxel is a cube, or a pixel a square."""
    return same_edges(edges, [edges[0]] * len(edges))


def same_edges(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return whether edges of voxels are the same as exactly as files state them.

    Parameters
    ----------
    first, second : sequence of float
        In the same unit, one per axis; what is not known is NaN, which equals itself.
    """
    return bool(np.allclose(first, second, rtol=SAME_SIZE, atol=0, equal_nan=True))
