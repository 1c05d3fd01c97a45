"""How sharp an image is: what changes from pixel to pixel."""

import numpy as np
from numpy.typing import NDArray


def gradient_energy(image: NDArray[np.floating]) -> float:
    """Return the mean squared step from a pixel to the next one, summed over the channels.

    Parameters
    ----------
    image : ndarray of shape (n_channels, H, W)
        Probabilities of phases, or values, in 0 .. 1. Of one-hot phases it is twice the share of
        neighbouring pixels that are of different phases; a blurry image has less.

    Returns
    -------
    float
        Mean over all pairs of neighbours along rows and columns; NaN of a single pixel.
    """
    steps = [np.square(np.diff(image, axis=axis)).sum(axis=0).ravel() for axis in (1, 2)]
    pairs = np.concatenate(steps)
    return float(pairs.mean()) if pairs.size else float("nan")
