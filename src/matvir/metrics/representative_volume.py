"""How much the volume fraction of a phase varies between sub-volumes of a given size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask, voxel_edges

# Standard deviation of the volume fraction of a representative volume, over the fraction.
TOLERANCE = 0.05


def spread_between_blocks(
    mask: NDArray[Any], *, voxel_size: Sequence[float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the standard deviation of the volume fraction over blocks, against their edge.

    The sample is divided into cubic blocks (squares in 2D) that do not overlap, from its first
    voxel on; what is left at the far faces is not used. Over blocks of n independent voxels the
    standard deviation is sqrt(p (1 - p) / n) for a fraction p; correlation between voxels makes it
    larger (Kanit et al., Int. J. Solids Struct. 40 (2003) 3647). It is taken about the mean of the
    blocks, so large blocks show how the sample varies within itself, not how samples differ.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it lengths are in voxels. Blocks have whole numbers
        of the longest edge of a voxel, and of the others the number that comes closest.

    Returns
    -------
    edges : ndarray of shape (n,)
        Edge of the blocks: 1, 2, 3, 4, 6, 8, 12, 16, ... of the longest edge of a voxel, as long as
        at least two blocks fit along each axis.
    spread : ndarray of shape (n,)
        Standard deviation (n - 1) over the blocks, in 0 .. 1.

    Raises
    ------
    InputError
        If ``mask`` is no such array or ``voxel_size`` has not one number per axis.
    """
    from skimage.measure import block_reduce

    check_mask(mask)
    voxel = np.array(voxel_edges(voxel_size, mask.ndim))
    found = []
    for count in _counts(max(mask.shape)):
        block = np.maximum(np.rint(count * voxel.max() / voxel).astype(int), 1)
        n_blocks = np.array(mask.shape) // block
        if n_blocks.min() < 2:
            break
        whole = mask[tuple(slice(n) for n in n_blocks * block)]
        fractions = block_reduce(whole, tuple(block), np.mean)
        found.append((count * voxel.max(), fractions.std(ddof=1)))
    edges, spread = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return edges, spread


def _counts(largest: int) -> list[int]:
    """Return 1, 2, 3, 4, 6, 8, 12, ...: the powers of two and what lies halfway between them."""
    powers = 2 ** np.arange(int(largest).bit_length())
    return sorted({*powers.tolist(), *(3 * powers // 2)[1:].tolist()})


def representative_edge(
    edges: NDArray[np.float64], spread: NDArray[np.float64], fraction: float, n_axes: int
) -> float:
    """Return the edge of a cube that is large enough to tell a phase's volume fraction.

    That is where the standard deviation is 5 % of the fraction, so that 95 % of such cubes are
    within 10 % of it. Between two blocks it is interpolated on logarithmic scales. Beyond the
    largest ones the variance is taken to fall as the inverse of the volume, as it does for volumes
    that are large beside the features (Kanit et al. 2003).

    Parameters
    ----------
    edges, spread : ndarray of shape (n,)
        What :func:`spread_between_blocks` returned.
    fraction : float
        Volume fraction of the phase.
    n_axes : int
        Number of axes of the sample, 2 or 3.

    Returns
    -------
    float
        Edge of the cube (square in 2D); the smallest block's where that is already large enough.
        NaN without blocks, and for a phase that is absent or fills the sample.
    """
    if not edges.size or not 0 < fraction < 1:
        return np.nan
    excess = spread / (TOLERANCE * fraction)
    below = np.flatnonzero(excess <= 1)
    if not below.size:
        return float(edges[-1] * excess[-1] ** (2 / n_axes))
    end = int(below[0])
    if end == 0 or excess[end] == 0:
        return float(edges[end])
    x, y = np.log(edges[end - 1 : end + 1]), np.log(excess[end - 1 : end + 1])
    return float(np.exp(x[0] + (x[1] - x[0]) * y[0] / (y[0] - y[1])))
