"""A pixel classifier trained on a few scribbles that a person drew on the image."""

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.micrograph.boundaries import flood_unsure

# Scales in pixels of the features; from the grain of the image to the size of its particles.
SCALES = (0.5, 16.0)
TREES = 200
# Scribbled pixels of one stroke resemble each other: small leaves would learn the stroke.
MIN_LEAF = 5
# Share of each phase, the surest pixels of it, that keeps its label before boundaries are placed.
SURE_SHARE = 0.5
# The forest's own randomness: fixed, so that the same scribbles always give the same labels.
FOREST_SEED = 0
PREDICTION_BLOCK = 1_000_000


def stroke_phases(
    scribbles: NDArray[np.integer], n_phases: int, shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """Turn a scribble image into phases.

    Parameters
    ----------
    scribbles : ndarray of shape (H, W) or (D, H, W)
        0 where nothing was drawn; the other values, ascending, stand for the phases in order.
    n_phases : int
        Number of phases.
    shape : tuple of int
        Shape of the image that was scribbled on.

    Returns
    -------
    ndarray of shape (H, W) or (D, H, W), int
        Phase of each scribbled pixel, -1 elsewhere.

    Raises
    ------
    InputError
        If shape or number of values do not fit the image and its phases.
    """
    if scribbles.shape != shape:
        raise InputError(
            f"segmentation.scribbles: expected the shape of the image {shape}, got "
            f"{scribbles.shape}. Draw the scribbles on the whole image, before any crop."
        )
    values = [int(value) for value in np.unique(scribbles) if value != 0]
    if len(values) < 2:
        raise InputError(
            f"segmentation.scribbles: expected scribbles of at least two phases, got the values "
            f"{values} beside 0 (unlabelled). Draw some pixels of every phase."
        )
    if len(values) != n_phases:
        raise InputError(
            f"segmentation.scribbles: expected {n_phases} values beside 0 (unlabelled), one per "
            f"phase, got {values}. Scribble every phase, or correct the list 'phases'."
        )
    return np.where(scribbles == 0, -1, np.searchsorted(values, scribbles))


def halves(strokes: NDArray[np.intp], n_phases: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Divide the scribbles into two parts that each know every phase.

    Connected strokes of a phase go to the parts in turn; the only stroke of a phase goes to both.

    Parameters
    ----------
    strokes : ndarray of shape (H, W) or (D, H, W), int
        Phase of each scribbled pixel, -1 elsewhere.
    n_phases : int
        Number of phases.

    Returns
    -------
    tuple of two ndarrays with the shape of ``strokes``, int
        Phase of each scribbled pixel of the part, -1 elsewhere.
    """
    from skimage.measure import label

    parts = (np.full_like(strokes, -1), np.full_like(strokes, -1))
    for phase in range(n_phases):
        stroke = label(strokes == phase)
        for index, part in enumerate(parts):
            chosen = (stroke > 0) & ((stroke % 2 == index) | (stroke.max() == 1))
            part[chosen] = phase
    return parts


def pixel_features(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return intensity, edges and texture (Hessian eigenvalues) on several scales.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values, denoised.

    Returns
    -------
    ndarray of shape (H, W, n_features) or (D, H, W, n_features), float32
        Features of each pixel.
    """
    from skimage.feature import multiscale_basic_features

    return multiscale_basic_features(
        np.asarray(image, np.float32), sigma_min=SCALES[0], sigma_max=SCALES[1]
    )


def phase_probabilities(
    features: NDArray[np.float32], strokes: NDArray[np.intp], n_phases: int
) -> NDArray[np.float32]:
    """Train a random forest on the scribbled pixels and apply it to all of them.

    Parameters
    ----------
    features : ndarray of shape (H, W, n_features) or (D, H, W, n_features), float32
        Features of each pixel.
    strokes : ndarray of shape (H, W) or (D, H, W), int
        Phase of each scribbled pixel, -1 elsewhere.
    n_phases : int
        Number of phases.

    Returns
    -------
    ndarray of shape (H, W, n_phases) or (D, H, W, n_phases), float32
        Probability of each phase.

    Raises
    ------
    InputError
        If a phase has no scribble (all of its strokes may lie outside the crop or circle).

    References
    ----------
    I. Arganda-Carreras et al., Bioinformatics 33 (2017) 2424-2426 (trainable Weka segmentation);
    L. Breiman, Machine Learning 45 (2001) 5-32.
    """
    from sklearn.ensemble import RandomForestClassifier

    missing = [phase for phase in range(n_phases) if not np.any(strokes == phase)]
    if missing:
        raise InputError(
            f"segmentation.scribbles: no scribble of phase number {missing} lies in the part of "
            "the image that is used (crop, circle). Draw some there."
        )
    drawn = strokes >= 0
    forest = RandomForestClassifier(
        TREES,
        min_samples_leaf=MIN_LEAF,
        class_weight="balanced_subsample",
        random_state=FOREST_SEED,
    ).fit(features[drawn], strokes[drawn])
    pixels = features.reshape(-1, features.shape[-1])
    probabilities = np.empty((len(pixels), n_phases), np.float32)
    for start in range(0, len(pixels), PREDICTION_BLOCK):
        block = slice(start, start + PREDICTION_BLOCK)
        probabilities[block] = forest.predict_proba(pixels[block])
    return probabilities.reshape(*strokes.shape, n_phases)


def place_boundaries(
    image: NDArray[np.floating],
    probabilities: NDArray[np.float32],
    strokes: NDArray[np.intp],
    *,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Choose the phase of each pixel, with boundaries where the grey value changes fastest.

    People scribble inside of things and leave the boundaries out, so a forest puts those anywhere
    between. Only the surer half of each phase, and the scribbles, are believed; the rest is
    decided by a watershed of the gradient (:func:`matvir.micrograph.boundaries.flood_unsure`).

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values, denoised.
    probabilities : ndarray of shape (H, W, n_phases) or (D, H, W, n_phases)
        Probability of each phase.
    strokes : ndarray with the shape of ``image``, int
        Phase of each scribbled pixel, -1 elsewhere.
    valid : ndarray of bool with the shape of ``image``, optional
        Where the image shows the material.

    Returns
    -------
    ndarray with the shape of ``image``, uint8
        Phase of each pixel.
    """
    labels = probabilities.argmax(axis=-1).astype(np.uint8)
    certainty = probabilities.max(axis=-1)
    unsure = np.ones(labels.shape, bool)
    for phase in range(probabilities.shape[-1]):
        members = labels == phase if valid is None else (labels == phase) & valid
        if members.any():
            limit = np.quantile(certainty[members], 1 - SURE_SHARE)
            unsure &= ~(members & (certainty >= limit))
    drawn = strokes >= 0
    labels[drawn] = strokes[drawn]
    return flood_unsure(image, labels, unsure & ~drawn, valid=valid)
