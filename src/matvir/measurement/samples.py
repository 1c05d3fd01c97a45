"""Where to take samples of a volume from, and how many independent ones they amount to."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.metrics.fraction_interval import integral_range

Window = tuple[slice, ...]


def subvolumes(
    shape: Sequence[int],
    size: Sequence[int],
    max_samples: int,
    rng: np.random.Generator | None = None,
    *,
    valid: NDArray[np.bool_] | None = None,
) -> list[Window]:
    """Return windows of ``size`` that do not overlap, spread over the whole of ``shape``.

    They lie on a regular grid with as many windows along each axis as fit, with even gaps.

    Parameters
    ----------
    shape : sequence of int
        Shape of the image, 2D or 3D.
    size : sequence of int
        Shape of a window.
    max_samples : int
        The largest number of windows; from more, a random subset is drawn.
    rng : numpy.random.Generator, optional
        Draws the subset; only needed if more windows fit.
    valid : ndarray of bool of shape ``shape``, optional
        Only windows that are entirely True are kept.

    Returns
    -------
    list of tuple of slice
        The windows in the order (plane, row, column).

    Raises
    ------
    InputError
        If no window fits, or a subset must be drawn without ``rng``.
    """
    if len(size) != len(shape) or max_samples < 1:
        raise InputError(
            f"expected one window edge per axis of {tuple(shape)} and max_samples of at least 1, "
            f"got size {tuple(size)} and max_samples {max_samples}"
        )
    starts = [_spread(edge, width) for edge, width in zip(shape, size, strict=True)]
    windows = [
        tuple(slice(start, start + width) for start, width in zip(corner, size, strict=True))
        for corner in product(*starts)
    ]
    if valid is not None:
        windows = [window for window in windows if valid[window].all()]
    if not windows:
        where = "" if valid is None else " inside the valid part"
        raise InputError(
            f"no window of shape {tuple(size)} fits{where} into an image of shape {tuple(shape)}; "
            "measure smaller samples or give a larger image"
        )
    if len(windows) <= max_samples:
        return windows
    if rng is None:
        raise InputError(
            f"{len(windows)} windows fit but max_samples is {max_samples}: "
            "give a random generator to draw from them"
        )
    chosen = np.sort(rng.choice(len(windows), max_samples, replace=False))
    return [windows[index] for index in chosen]


def _spread(edge: int, width: int) -> list[int]:
    """Return the starts of as many intervals of ``width`` as fit, evenly spread over ``edge``."""
    count = edge // width
    if count <= 1:
        return [(edge - width) // 2] * count
    return [round(start) for start in np.linspace(0, edge - width, count)]


def middle_slices(volume: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the middle plane of a volume normal to each axis.

    Parameters
    ----------
    volume : ndarray of shape (D, H, W) or (D, H, W, 3)
        Any 3D array, or one of colours.

    Returns
    -------
    list of 3 ndarray
        Shapes (H, W), (D, W) and (D, H), with colours (H, W, 3) and so on.

    Raises
    ------
    InputError
        If ``volume`` is not 3D.
    """
    if volume.ndim not in (3, 4):
        raise InputError(f"expected a 3D volume to take slices of, got shape {volume.shape}")
    return [np.take(volume, n // 2, axis=axis) for axis, n in enumerate(volume.shape[:3])]


def effective_number(mask: NDArray[Any], *, periodic: bool = False) -> float:
    """Return how many independent observations of a phase an image holds.

    Its volume over the :func:`~matvir.metrics.fraction_interval.integral_range`. Samples cut
    from one image are not worth more than this together, however many they are.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    periodic : bool
        Whether opposite faces of the image touch each other.

    Returns
    -------
    float
        The number; NaN where the integral range is NaN.
    """
    return mask.size / integral_range(mask, periodic=periodic)
