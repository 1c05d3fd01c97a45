"""How much the volume fraction of a phase varies between sub-volumes of a given size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask, voxel_edges

# Standard deviation of the volume fraction over blocks, relative to the fraction, that a
# representative block must not exceed.
TOLERANCE = 0.1


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
    edges: NDArray[np.float64], spread: NDArray[np.float64], fraction: float
) -> float:
    """Return the edge of a block that is large enough to tell a phase's volume fraction.

    Parameters
    ----------
    edges, spread : ndarray of shape (n,)
        What :func:`spread_between_blocks` returned.
    fraction : float
        Volume fraction of the phase.

    Returns
    -------
    float
        The edge at which the standard deviation over blocks has fallen to 10 % of the fraction,
        interpolated on logarithmic scales; the first edge if that is already below, NaN if none is.
    """
    limit = TOLERANCE * fraction
    below = np.flatnonzero(spread <= limit)
    if not below.size:
        return np.nan
    end = int(below[0])
    if end == 0 or spread[end] == 0:
        return float(edges[end])
    x, y = np.log(edges[end - 1 : end + 1]), np.log(spread[end - 1 : end + 1])
    return float(np.exp(np.interp(-np.log(limit), -y, x)))
