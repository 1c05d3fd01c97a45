"""Area of the interface between each pair of phases, per volume."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_labels, voxel_edges

# Steps of a voxel grid are longer than the smooth isotropic interface that they follow: the area
# of faces is 3/2 of the true area in 3D, the length of pixel sides 4/pi of the true length in 2D.
ISOTROPIC_SHARE = {2: np.pi / 4, 3: 2 / 3}


def face_area_density(
    labels: NDArray[Any],
    n_phases: int,
    *,
    voxel_size: Sequence[float] | None = None,
    periodic: bool = False,
) -> NDArray[np.float64]:
    """Return the area of the voxel faces between each pair of phases per volume of the sample.

    Parameters
    ----------
    labels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1.
    n_phases : int
        Number of phases.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it lengths are in voxels.
    periodic : bool
        Whether opposite faces of the sample touch each other.

    Returns
    -------
    ndarray of shape (n_phases, n_phases)
        Area per volume in 1/length, symmetric, 0 on the diagonal; in 2D the length of pixel sides
        per area. Exact for interfaces normal to an axis; 3/2 (2D: 4/pi) of the true value for
        smooth interfaces without a preferred orientation.

    Raises
    ------
    InputError
        If ``labels`` is no such image or ``voxel_size`` has not one number per axis.
    """
    check_labels(labels, n_phases)
    edges = voxel_edges(voxel_size, labels.ndim)
    density = np.zeros((n_phases, n_phases))
    for axis, edge in enumerate(edges):
        here = np.moveaxis(labels, axis, 0)
        there = np.roll(here, -1, axis=0)
        if not periodic:
            here, there = here[:-1], there[:-1]
        pairs = here.astype(np.intp) * n_phases + there
        counts = np.bincount(pairs.ravel(), minlength=n_phases**2).reshape(n_phases, n_phases)
        # A face's area over a voxel's volume is one over the edge along the face's normal.
        density += (counts + counts.T) / (edge * labels.size)
    np.fill_diagonal(density, 0.0)
    return density


def interfacial_area_density(
    labels: NDArray[Any],
    n_phases: int,
    *,
    voxel_size: Sequence[float] | None = None,
    periodic: bool = False,
) -> NDArray[np.float64]:
    """Estimate the area of the smooth interface between each pair of phases per volume.

    It is 2/3 of :func:`face_area_density` in 3D and pi/4 of it in 2D (there it is the length of
    the interface per area): by the Cauchy-Crofton formula, each axis sees the projection of the
    interface, which is on average 1/2 of its area and 2/pi of its length for an interface without
    a preferred orientation (Torquato, Random Heterogeneous Materials, 2002, section 2.2.5). It
    underestimates flat interfaces normal to an axis by that factor. Spheres: within 3 %.

    Parameters, return value and errors are those of :func:`face_area_density`.
    """
    density = face_area_density(labels, n_phases, voxel_size=voxel_size, periodic=periodic)
    return ISOTROPIC_SHARE[labels.ndim] * density
