"""Removing noise from grey images before their values decide about phases."""

import warnings

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError
from matvir.settings.records import DenoiseConfig

# Edge of the compared patches and reach of the search, in pixels. A volume has many more
# neighbours within the same reach, so a shorter one finds as many similar patches.
PATCHES = {2: (5, 9), 3: (3, 3)}


def estimate_noise(image: NDArray[np.floating]) -> float:
    """Return the standard deviation of the noise, estimated from the finest wavelets.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values.

    Returns
    -------
    float
        In the units of ``image``; 0 for an image without noise.

    References
    ----------
    D. L. Donoho and I. M. Johnstone, Biometrika 81 (1994) 425-455.
    """
    from skimage.restoration import estimate_sigma

    with warnings.catch_warnings():
        # An image three pixels wide is no colour image.
        warnings.filterwarnings("ignore", message="image is size .* on the last axis")
        return float(estimate_sigma(image))


def denoise(
    image: NDArray[np.floating], config: DenoiseConfig, *, noise: float | None = None
) -> NDArray[np.floating]:
    """Remove noise from a grey image or volume.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W), float
        Grey values.
    config : DenoiseConfig
        The method and its strength. Strength 1 filters with a similarity width of one standard
        deviation of the noise (``nonlocal-means``), with a weight of two (``total-variation``), or
        within a radius of one pixel (``median``, whose radius is the strength, rounded).
    noise : float, optional
        Standard deviation of the noise; estimated from ``image`` by default.

    Returns
    -------
    ndarray with the shape of ``image``
        A new array in the units of ``image``; equal to it where there is no noise to remove.

    Raises
    ------
    ConfigError
        If the method is unknown or the strength is negative.

    References
    ----------
    Non-local means: A. Buades, B. Coll, J.-M. Morel, CVPR 2005, 60-65.
    Total variation: A. Chambolle, J. Math. Imaging Vis. 20 (2004) 89-97.
    """
    from skimage import restoration

    if config.strength < 0:
        raise ConfigError(f"denoise.strength: expected a number >= 0, got {config.strength}.")
    if config.method == "median":
        return _median(image, round(config.strength))
    if config.method not in ("none", "nonlocal-means", "total-variation"):
        raise ConfigError(f"denoise.method: there is no method {config.method!r}.")
    sigma = estimate_noise(image) if noise is None else noise
    width = config.strength * sigma
    if config.method == "none" or width == 0:
        return image.copy()
    if config.method == "total-variation":
        return restoration.denoise_tv_chambolle(image, weight=2 * width)
    patch_size, patch_distance = PATCHES[image.ndim]
    return restoration.denoise_nl_means(
        image, patch_size=patch_size, patch_distance=patch_distance, h=width, sigma=sigma
    )


def _median(image: NDArray[np.floating], radius: int) -> NDArray[np.floating]:
    from scipy import ndimage
    from skimage.morphology import ball, disk

    footprint = disk(radius) if image.ndim == 2 else ball(radius)
    return ndimage.median_filter(image, footprint=footprint, mode="nearest")
