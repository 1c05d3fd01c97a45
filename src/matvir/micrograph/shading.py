"""Thresholds by Otsu's method, together with the uneven illumination they must not follow."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError

HISTOGRAM_BINS = 256
# A few hot or dead pixels must not stretch the histogram.
HISTOGRAM_QUANTILES = (0.0005, 0.9995)
MAX_ITERATIONS = 30
MAX_FIT_PIXELS = 200_000


@dataclass(frozen=True, kw_only=True)
class OtsuResult:
    """Thresholds and the image they apply to.

    Attributes
    ----------
    thresholds : tuple of float
        Ascending grey values between the classes.
    flat : ndarray
        The image without its shading; its mean over the material is unchanged.
    shading_range : float
        Largest minus smallest shading within the material, in grey values.
    """

    thresholds: tuple[float, ...]
    flat: NDArray[np.floating]
    shading_range: float


def otsu_thresholds(values: NDArray[np.floating], n_classes: int) -> tuple[float, ...]:
    """Return the thresholds that minimise the variance within the classes.

    Parameters
    ----------
    values : ndarray
        Grey values, of any shape.
    n_classes : int
        Number of classes, at least 2.

    Returns
    -------
    tuple of float
        ``n_classes - 1`` ascending grey values.

    Raises
    ------
    InputError
        If there are fewer distinct grey values than classes.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62-66; for several classes P.-S. Liao,
    T.-S. Chen, P.-C. Chung, J. Inf. Sci. Eng. 17 (2001) 713-727.
    """
    from skimage.filters import threshold_multiotsu

    low, high = np.quantile(values, HISTOGRAM_QUANTILES)
    if low == high:
        low, high = values.min(), values.max()
    counts, edges = np.histogram(np.clip(values, low, high), HISTOGRAM_BINS, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    try:
        thresholds = threshold_multiotsu(classes=n_classes, hist=(counts, centres))
    except ValueError as error:
        raise InputError(
            f"expected at least {n_classes} distinct grey values for {n_classes} phases, got "
            f"{np.count_nonzero(counts)}. Name fewer phases, or set 'type: labels' if the image "
            "is segmented already."
        ) from error
    return tuple(float(threshold) for threshold in thresholds)


def otsu_with_shading(
    image: NDArray[np.floating],
    n_classes: int,
    degree: int,
    *,
    valid: NDArray[np.bool_] | None = None,
) -> OtsuResult:
    """Find Otsu's thresholds and a polynomial shading that together explain the image best.

    The model is grey value = mean of the class + polynomial of position. Otsu's thresholds and
    the least-squares fit of means and polynomial both minimise the variance within the classes,
    so alternating between them converges. Because the class means are part of the fit, a gradient
    in the amounts of the phases is not mistaken for shading.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values.
    n_classes : int
        Number of classes, at least 2.
    degree : int
        Degree of the polynomial; 0 for even illumination.
    valid : ndarray of bool with the shape of ``image``, optional
        Where the image shows the material; everywhere by default.

    Returns
    -------
    OtsuResult
        Thresholds and the image without shading.

    Raises
    ------
    InputError
        If there are fewer distinct grey values than classes.
    """
    material = np.ones(image.shape, bool) if valid is None else valid
    values = image[material]
    flat, labels = values, None
    shading = np.zeros(image.shape, image.dtype)
    positions = _positions(material)
    for _ in range(MAX_ITERATIONS):
        thresholds = otsu_thresholds(flat, n_classes)
        previous, labels = labels, np.digitize(flat, thresholds)
        if degree == 0 or (previous is not None and np.mean(previous != labels) < 1e-4):
            break
        coefficients = _fit(values, labels, positions, n_classes, degree)
        shading = _polynomial(image.shape, coefficients, degree).astype(image.dtype)
        shading -= shading[material].mean()
        flat = values - shading[material]
    return OtsuResult(
        thresholds=thresholds,
        flat=image - shading,
        shading_range=float(np.ptp(shading[material])),
    )


def _positions(material: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
    """Return evenly spread indices into the material's pixels and their positions in -1 .. 1."""
    flat_indices = np.flatnonzero(material)
    chosen = np.unique(
        np.linspace(0, len(flat_indices) - 1, min(len(flat_indices), MAX_FIT_PIXELS)).astype(int)
    )
    indices = np.unravel_index(flat_indices[chosen], material.shape)
    scaled = [2 * i / max(n - 1, 1) - 1 for i, n in zip(indices, material.shape, strict=True)]
    return chosen, np.stack(scaled)


def _fit(
    values: NDArray[np.floating],
    labels: NDArray[np.integer],
    positions: tuple[NDArray[np.intp], NDArray[np.floating]],
    n_classes: int,
    degree: int,
) -> NDArray[np.floating]:
    """Return the coefficients of the polynomial, fitted together with the class means."""
    chosen, coordinates = positions
    design = np.column_stack([np.eye(n_classes)[labels[chosen]], *_terms(coordinates, degree)])
    return np.linalg.lstsq(design, values[chosen], rcond=None)[0][n_classes:]


def _polynomial(
    shape: tuple[int, ...], coefficients: NDArray[np.floating], degree: int
) -> NDArray[np.floating]:
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    total = np.zeros(shape)
    for coefficient, term in zip(coefficients, _terms(grid, degree), strict=True):
        total += coefficient * term
    return total


def _terms(coordinates: Iterable[NDArray[np.floating]], degree: int) -> list[NDArray[np.floating]]:
    """Return every product of the coordinates from degree 1 to ``degree``."""
    return [
        np.prod(np.broadcast_arrays(*factors), axis=0)
        for order in range(1, degree + 1)
        for factors in combinations_with_replacement(list(coordinates), order)
    ]
