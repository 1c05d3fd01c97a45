"""Phase boundaries that blur has widened, and specks that noise has left."""

import cc3d
import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError

# Width in pixels of the Gaussian derivative that measures how fast the grey value changes:
# the smallest that still spans neighbouring pixels.
GRADIENT_WIDTH = 0.7
# Pixels of a rim have both of its sides within this distance in pixels.
RIM_REACH = 2
# The steepest of those pixels lie on edges of the whole step; not the maximum, for noise.
STEEP_QUANTILE = 0.95


def gradient_magnitude(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the magnitude of the grey value's gradient, per pixel, with the shape of ``image``."""
    from scipy.ndimage import gaussian_gradient_magnitude

    return gaussian_gradient_magnitude(image, GRADIENT_WIDTH, mode="nearest")


def flood_unsure(
    image: NDArray[np.floating],
    labels: NDArray[np.uint8],
    unsure: NDArray[np.bool_],
    *,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Give the unsure pixels to the phases around them, with boundaries at the steepest gradient.

    A watershed of the gradient magnitude floods from the sure pixels of every phase.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values.
    labels : ndarray with the shape of ``image``, uint8
        Phase of each pixel.
    unsure : ndarray of bool with the shape of ``image``
        Pixels whose label does not count.
    valid : ndarray of bool with the shape of ``image``, optional
        Where the image shows the material; labels elsewhere stay as they are.

    Returns
    -------
    ndarray with the shape of ``image``, uint8
        Phase of each pixel.

    References
    ----------
    S. Beucher and F. Meyer, in E. R. Dougherty (ed.), Mathematical Morphology in Image
    Processing, Marcel Dekker 1993, 433-481.
    """
    from skimage.segmentation import watershed

    material = np.ones(labels.shape, bool) if valid is None else valid
    if not np.any(unsure & material) or not np.any(~unsure & material):
        return labels.copy()
    markers = np.where(unsure, 0, labels.astype(np.int32) + 1)
    flooded = watershed(gradient_magnitude(image), markers, mask=material)
    return np.where(flooded > 0, flooded - 1, labels).astype(np.uint8)


def correct_edges(
    image: NDArray[np.floating],
    labels: NDArray[np.uint8],
    *,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Remove the false rim of a phase of medium grey between a darker and a brighter phase.

    A blurred edge passes through every grey value between its sides, so thresholds put a rim of
    the phases between them there. The gradient tells the rim from a layer that exists: where the
    dark phase meets the bright one directly, the grey value changes by the whole step at once and
    faster than at any edge of the phase between. Pixels whose gradient is above the middle of the
    two are decided by :func:`flood_unsure`. A layer thinner than the blur cannot be told from a
    rim.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values, denoised.
    labels : ndarray with the shape of ``image``, uint8
        Phase of each pixel, numbered from dark to bright.
    valid : ndarray of bool with the shape of ``image``, optional
        Where the image shows the material.

    Returns
    -------
    ndarray with the shape of ``image``, uint8
        Phase of each pixel; equal to ``labels`` if there are two phases.
    """
    material = np.ones(labels.shape, bool) if valid is None else valid
    gradient = gradient_magnitude(image)
    unsure = np.zeros(labels.shape, bool)
    for phase in range(1, int(labels.max())):
        unsure |= (labels == phase) & (
            gradient > _rim_limit(image, labels, gradient, phase, material)
        )
    return flood_unsure(image, labels, unsure, valid=valid)


def _rim_limit(
    image: NDArray[np.floating],
    labels: NDArray[np.uint8],
    gradient: NDArray[np.floating],
    phase: int,
    material: NDArray[np.bool_],
) -> float:
    """Return the gradient above which a pixel of ``phase`` belongs to a rim; infinite if none.

    The gradient at a blurred edge is proportional to its step. That of the whole step is measured
    on the pixels between a darker and a brighter phase; that of the larger partial step follows
    from the grey values of the phases.
    """
    from scipy.ndimage import binary_dilation

    sides = (labels < phase) & material, (labels > phase) & material
    between = (labels == phase) & material
    for side in sides:
        between &= binary_dilation(side, iterations=RIM_REACH)
    neighbours = [material & (labels == p) for p in (phase - 1, phase, phase + 1)]
    if not between.any() or not all(mask.any() for mask in neighbours):
        return np.inf
    dark, middle, bright = (float(np.median(image[mask])) for mask in neighbours)
    partial_step = max(middle - dark, bright - middle) / (bright - dark)
    whole = float(np.quantile(gradient[between], STEEP_QUANTILE))
    return (partial_step + 1) / 2 * whole


def remove_specks(
    labels: NDArray[np.uint8], min_size: int, *, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """Give connected regions of fewer than ``min_size`` pixels to the nearest larger region.

    Parameters
    ----------
    labels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each pixel.
    min_size : int
        Smallest number of pixels or voxels that a region keeps; regions connect through edges in
        2D and through faces in 3D.
    valid : ndarray of bool with the shape of ``labels``, optional
        Where the image shows the material; labels elsewhere stay as they are.

    Returns
    -------
    ndarray with the shape of ``labels``, uint8
        Phase of each pixel.

    Raises
    ------
    InputError
        If every region is smaller than ``min_size``.
    """
    from scipy.ndimage import distance_transform_edt

    material = np.ones(labels.shape, bool) if valid is None else valid
    marked = np.where(material, labels.astype(np.uint16) + 1, 0).astype(np.uint16)
    regions = cc3d.connected_components(marked, connectivity=4 if labels.ndim == 2 else 6)
    small = (np.bincount(regions.ravel()) < min_size)[regions] & material
    if not small.any():
        return labels.copy()
    kept = material & ~small
    if not kept.any():
        raise InputError(
            f"segmentation.min_speck: every region has fewer than {min_size} pixels. "
            "Lower it, or denoise more strongly."
        )
    nearest = distance_transform_edt(~kept, return_distances=False, return_indices=True)
    return np.where(small, labels[tuple(nearest)], labels)
