"""Share of each phase in the volume."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_labels


def volume_fractions(labels: NDArray[Any], n_phases: int) -> NDArray[np.float64]:
    """Return the volume fraction of each phase; the area fraction in 2D.

    Parameters
    ----------
    labels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1.
    n_phases : int
        Number of phases.

    Returns
    -------
    ndarray of shape (n_phases,)
        Fractions in 0 .. 1 that add up to 1; 0 for an absent phase.

    Raises
    ------
    InputError
        If ``labels`` is no such image.
    """
    check_labels(labels, n_phases)
    return np.bincount(labels.ravel(), minlength=n_phases) / labels.size
