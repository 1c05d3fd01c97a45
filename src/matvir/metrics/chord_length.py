"""Chords of a phase along an axis: their mean length, the lineal path and isotropy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask


def mean_chord_length(mask: NDArray[Any], axis: int, *, periodic: bool = False) -> float:
    """Return the mean length of the phase's chords along ``axis``.

    A chord is a piece of a line inside the phase. The mean is the phase's fraction over the
    number of chords per length of line, counted by their ends inside the sample (mean intercept;
    Underwood, Quantitative Stereology, 1970). Unlike the mean of the observed pieces it is not
    biased by the chords that the sample's border cuts.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    axis : int
        Direction of the lines.
    periodic : bool
        Whether opposite faces of the sample touch each other.

    Returns
    -------
    float
        Length in voxels along ``axis``; NaN if no chord ends inside the sample.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    check_mask(mask)
    along = np.moveaxis(mask, axis, 0)
    changes = along != np.roll(along, -1, axis=0)
    if not periodic:
        changes = changes[:-1]
    n_ends = int(np.count_nonzero(changes))
    if n_ends == 0:
        return np.nan
    return float(2 * mask.mean() * changes.size / n_ends)


def isotropy_index(mean_chord_lengths: Sequence[float]) -> float:
    """Return the smallest over the largest mean chord length of the axes.

    1 for a material that looks the same along all axes, towards 0 for elongated or layered ones;
    NaN if a length is. All lengths in one unit.
    """
    lengths = np.asarray(mean_chord_lengths, dtype=float)
    return float(lengths.min() / lengths.max())


def lineal_path(mask: NDArray[Any], axis: int, *, periodic: bool = False) -> NDArray[np.float64]:
    """Return the probability that a segment along ``axis`` lies entirely in the phase.

    Lu and Torquato, Phys. Rev. A 45 (1992) 922. A segment of length r joins the centres of
    r + 1 voxels in a row.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    axis : int
        Direction of the segments.
    periodic : bool
        Whether opposite faces of the sample touch each other.

    Returns
    -------
    ndarray of shape (n // 2 + 1,)
        Probability for r = 0, 1, ... n // 2 voxels, n being the edge along ``axis``; falls from
        the volume fraction.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    check_mask(mask)
    lines = np.moveaxis(mask, axis, -1).reshape(-1, mask.shape[axis])
    n_lines, n = lines.shape
    counts = np.bincount(
        _run_lengths(_start_outside(lines) if periodic else lines), minlength=n + 1
    )
    lags = np.arange(n // 2 + 1)
    n_segments = counts @ np.maximum(np.arange(n + 1)[:, None] - lags, 0)
    if not periodic:
        return n_segments / (n_lines * (n - lags))
    # A periodic line that is all phase has no end: a segment may start at each of its voxels.
    n_segments = n_segments + counts[n] * lags
    return n_segments / (n_lines * n)


def _run_lengths(lines: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the lengths of all runs of True in the rows of ``lines``."""
    steps = np.diff(np.pad(lines, ((0, 0), (1, 1))).astype(np.int8).ravel())
    return np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1)


def _start_outside(lines: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rotate each row to start at a voxel outside the phase, so that no run is cut."""
    n = lines.shape[1]
    columns = (lines.argmin(axis=1)[:, None] + np.arange(n)) % n
    return np.take_along_axis(lines, columns, axis=1)
