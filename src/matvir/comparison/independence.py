"""How many independent samples a set of crops of one micrograph amounts to."""

import numpy as np
from numpy.typing import NDArray

# Below this a test says more about the few samples than about the generator.
FEW_SAMPLES = 20


def effective_number(fractions: NDArray[np.float64]) -> float:
    """Return the effective number of independent samples among crops that do not overlap.

    The variance of a phase's fraction over crops of volume v is phi (1 - phi) A / v with the
    integral range A (Lantuejoul, J. Microsc. 161, 1991, 387). All crops together hold V / A =
    n phi (1 - phi) / variance independent grains, but n crops never count as more than n samples.

    Parameters
    ----------
    fractions : ndarray of shape (n_crops, n_phases)
        Fraction of each phase in each crop, in 0 .. 1.

    Returns
    -------
    float
        The smallest number over the phases, in 0 .. n_crops; NaN without crops.
    """
    n_crops = len(fractions)
    if n_crops == 0:
        return float("nan")
    if n_crops == 1:
        return 1.0
    variance = fractions.var(axis=0, ddof=1)
    mean = fractions.mean(axis=0)
    varies = variance > 0
    grains = n_crops * mean[varies] * (1 - mean[varies]) / variance[varies]
    return float(min([n_crops, *grains]))
