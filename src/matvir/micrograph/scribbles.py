"""A pixel classifier trained on a few scribbles that a person drew on the image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.micrograph.boundaries import settle

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


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What the forest thinks of each pixel.

    Attributes
    ----------
    probabilities : ndarray of shape (H, W, n) or (D, H, W, n), float32
        Probability of each phase.
    strokes : ndarray of shape (H, W) or (D, H, W), int
        Phase that was scribbled, or -1.
    """

    probabilities: NDArray[np.float32]
    strokes: NDArray[np.intp]


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


def classify(
    image: NDArray[np.floating], strokes: NDArray[np.intp], n_phases: int
) -> Classification:
    """Train a random forest on the scribbled pixels and apply it to all of them.

    Features are intensity, edges and texture (Hessian eigenvalues) on several scales.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values, denoised.
    strokes : ndarray with the shape of ``image``, int
        Phase of each scribbled pixel, -1 elsewhere.
    n_phases : int
        Number of phases.

    Returns
    -------
    Classification
        Probability of each phase for each pixel.

    Raises
    ------
    InputError
        If a phase has no scribble (all of its strokes may lie outside the crop or circle).

    References
    ----------
    I. Arganda-Carreras et al., Bioinformatics 33 (2017) 2424-2426 (trainable Weka segmentation);
    L. Breiman, Machine Learning 45 (2001) 5-32.
    """
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    drawn = strokes >= 0
    missing = [phase for phase in range(n_phases) if not np.any(strokes == phase)]
    if missing:
        raise InputError(
            f"segmentation.scribbles: no scribble of phase number {missing} lies in the part of "
            "the image that is used (crop, circle). Draw some there."
        )
    features = multiscale_basic_features(
        np.asarray(image, np.float32), sigma_min=SCALES[0], sigma_max=SCALES[1]
    )
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
    return Classification(
        probabilities=probabilities.reshape(*image.shape, n_phases), strokes=strokes
    )


def decide(
    classification: Classification,
    image: NDArray[np.floating],
    *,
    place_boundaries: bool,
    bias: NDArray[np.floating] | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Choose the phase of each pixel.

    People scribble inside of things and leave the boundaries out, so a forest puts those anywhere
    between. With ``place_boundaries`` only the surer half of each phase, and the scribbles, are
    believed, and the rest is settled by a watershed of the gradient
    (:func:`matvir.micrograph.boundaries.settle`).

    Parameters
    ----------
    classification : Classification
        Probabilities and scribbles.
    image : ndarray of shape (H, W) or (D, H, W)
        Grey values, denoised.
    place_boundaries : bool
        Whether boundaries go to the steepest gradient; else the most probable phase is taken.
    bias : ndarray of shape (n_phases,), optional
        Added to the probabilities before the phase is chosen.
    valid : ndarray of bool with the shape of ``image``, optional
        Where the image shows the material.

    Returns
    -------
    ndarray with the shape of ``image``, uint8
        Phase of each pixel.
    """
    probabilities = classification.probabilities
    if bias is not None:
        probabilities = probabilities + np.asarray(bias, np.float32)
    labels = probabilities.argmax(axis=-1).astype(np.uint8)
    if not place_boundaries:
        return labels
    material = np.ones(labels.shape, bool) if valid is None else valid
    certainty = probabilities.max(axis=-1)
    unsure = np.ones(labels.shape, bool)
    for phase in range(probabilities.shape[-1]):
        members = (labels == phase) & material
        if members.any():
            limit = np.quantile(certainty[members], 1 - SURE_SHARE)
            unsure &= ~(members & (certainty >= limit))
    drawn = classification.strokes >= 0
    labels[drawn] = classification.strokes[drawn]
    return settle(image, labels, unsure & ~drawn, valid=valid)
