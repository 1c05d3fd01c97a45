"""Specific surface area of a phase: its interface with all other phases, per volume."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matvir.metrics.checks import check_mask, voxel_edges


def specific_surface_area(interfacial: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the surface area of each phase per volume of the sample, by counting faces.

    Parameters
    ----------
    interfacial : ndarray of shape (n_phases, n_phases)
        What :func:`matvir.metrics.interfacial_area.interfacial_area_density` returned, or
        :func:`~matvir.metrics.interfacial_area.face_area_density` for the plain area of faces,
        as TauFactor's ``method="face_counting"`` gives it.

    Returns
    -------
    ndarray of shape (n_phases,)
        Surface area per volume in 1/length; in 2D the perimeter per area. Faces of the sample's
        border are no surface. 0 for an absent phase.
    """
    return interfacial.sum(axis=1)


def specific_surface_area_smooth(
    mask: NDArray[Any], *, voxel_size: Sequence[float] | None = None, periodic: bool = False
) -> float:
    """Return the surface area per volume as the mean gradient of the slightly blurred mask.

    The diffuse interface of a blurred indicator function I has the area S = integral |grad I| dV.
    The blur (Gaussian with a standard deviation of 1 voxel, cut at 1 voxel) and the central
    differences are those of TauFactor's ``method="gradient"``; this one works in 2D and 3D.
    It loses up to half the area of features that are 1 to 3 voxels wide.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it lengths are in voxels.
    periodic : bool
        Whether opposite faces of the sample touch each other.

    Returns
    -------
    float
        Area per volume in 1/length (2D: length per area).

    Raises
    ------
    InputError
        If ``mask`` is no such array or ``voxel_size`` has not one number per axis.
    """
    check_mask(mask)
    edges = voxel_edges(voxel_size, mask.ndim)
    margin = 2 if periodic else 0
    padded = np.pad(mask.astype(np.float32), margin, mode="wrap")
    blurred = ndimage.gaussian_filter(padded, sigma=1.0, radius=1, mode="mirror")
    inside = tuple(slice(margin, margin + n) for n in mask.shape)
    squares = [part[inside] ** 2 for part in np.gradient(blurred, *edges)]
    return float(np.sqrt(sum(squares)).mean(dtype=np.float64))
