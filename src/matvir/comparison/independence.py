"""How many independent samples a set of crops of one image amounts to."""

import math
from collections.abc import Mapping

# Below this a test says more about the few samples than about the generator.
FEW_SAMPLES = 20


def effective_number(n_samples: int, n_grains: Mapping[str, float], dimension: str) -> float:
    """Return the effective number of independent samples among crops that do not overlap.

    Parameters
    ----------
    n_samples : int
        Number of crops.
    n_grains : mapping of str to float
        By dimension, how many independent observations the whole image holds: its volume over
        the integral range (:func:`matvir.measurement.samples.effective_number`).
    dimension : str
        One of those of :data:`matvir.measurement.tidy.DIMENSIONS`.

    Returns
    -------
    float
        The smaller of the two numbers; ``n_samples`` if the image is not known, NaN if the image
        is too small to tell.
    """
    grains = n_grains.get(dimension, float("inf"))
    return float("nan") if math.isnan(grains) else min(float(n_samples), grains)
