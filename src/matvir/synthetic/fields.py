"""Random fields that synthetic materials are made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def smooth_noise(
    shape: tuple[int, ...], sigma: float | Sequence[float], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a periodic Gaussian random field with unit variance.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    sigma : float or sequence of float
        Standard deviation of the Gaussian kernel in voxels, which sets the correlation length; one
        number or one per axis.
    rng : numpy.random.Generator
        Source of the noise.
    """
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return noise / noise.std()


def threshold_of_largest(values: NDArray[Any], share: float) -> Any:
    """Return the value that is exceeded by this share of ``values``."""
    rank = values.size - round(share * values.size) - 1
    return np.partition(values, rank, axis=None)[rank]
