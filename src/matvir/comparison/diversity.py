"""Whether generated images differ from each other as real ones do, and are as sharp."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from matvir.comparison.curves import SampledCurve
from matvir.errors import InputError
from matvir.measurement.samples import subvolumes
from matvir.metrics.gradient_energy import gradient_energy

Labels = NDArray[np.uint8]

DIVERSITY_COLUMNS = ("statistic", "n_real", "real", "n_generated", "generated", "ratio", "note")
FEWEST = 2
# Real crops that are compared with each other.
MOST_CROPS = 100


def diversity(
    images: tuple[Sequence[Labels], Sequence[Labels]],
    curves: tuple[Mapping[str, SampledCurve], Mapping[str, SampledCurve]],
    energies: tuple[Sequence[float], Sequence[float]],
) -> pd.DataFrame:
    """Compare how much images of both sides differ among themselves, and how sharp they are.

    Parameters
    ----------
    images : tuple of two sequences of ndarray of shape (rows, columns), uint8
        Real crops and generated images, all of one shape.
    curves : tuple of two mappings
        Two-point correlations of 2D samples of both sides (`matvir.measurement.curves`).
    energies : tuple of two sequences of float
        Gradient energies of images of both sides (`matvir.metrics.gradient_energy`).

    Returns
    -------
    DataFrame
        With the columns ``DIVERSITY_COLUMNS``. ``pixel_distance``: share of pixels that differ
        between two images, mean over all pairs; ``s2_distance``: root mean square difference of
        the correlations of two samples, likewise; ``gradient_energy``: mean over images. ``ratio``
        is generated over real: far below 1 in the first two is mode collapse, in the last blur.
    """
    correlations = [_correlations(side, set.intersection(*map(set, curves))) for side in curves]
    found = {
        "pixel_distance": [_pair_mean(pixel_distances(side), len(side)) for side in images],
        "s2_distance": [_pair_mean(_distances(side), len(side)) for side in correlations],
        "gradient_energy": [
            (float(np.mean(side)), len(side)) if side else (np.nan, 0) for side in energies
        ],
    }
    rows = [_row(name, *real, *generated) for name, (real, generated) in found.items()]
    return pd.DataFrame(rows, columns=list(DIVERSITY_COLUMNS))


def _row(
    statistic: str, real: float, n_real: int, generated: float, n_generated: int
) -> dict[str, object]:
    few = [f"{name}: {n} images" for name, n in (("real", n_real), ("generated", n_generated))]
    few.append("real ones do not differ")
    short = [np.isnan(real), np.isnan(generated), real == 0]
    return {
        "statistic": statistic,
        "n_real": n_real,
        "real": real,
        "n_generated": n_generated,
        "generated": generated,
        "ratio": generated / real if real > 0 else np.nan,
        "note": "; ".join(text for text, missing in zip(few, short, strict=True) if missing),
    }


def pixel_distances(images: Sequence[Labels]) -> NDArray[np.float64]:
    """Return the share of pixels that differ, for every two of images of one shape."""
    if len(images) < FEWEST:
        return np.zeros(0)
    return pdist(np.stack([image.ravel() for image in images]), "hamming")


def _correlations(curves: Mapping[str, SampledCurve], names: set[str]) -> NDArray[np.float64]:
    """Return the correlations of each sample in a row, those that are known alone."""
    chosen = [curves[name].values for name in sorted(names) if name.startswith(("s2/", "auto"))]
    if not chosen:
        return np.zeros((0, 0))
    n_lags = min(values.shape[1] for values in chosen)
    joined = np.concatenate([values[:, :n_lags] for values in chosen], axis=1)
    return joined[~np.isnan(joined).any(axis=1)]


def _distances(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(samples) < FEWEST:
        return np.zeros(0)
    return pdist(samples) / np.sqrt(samples.shape[1])


def _pair_mean(distances: NDArray[np.float64], n: int) -> tuple[float, int]:
    return (float(distances.mean()) if distances.size else np.nan), n


def crops_of(
    images: Sequence[Labels], edge: int, outside: int, rng: np.random.Generator
) -> list[Labels]:
    """Return square crops of images that do not overlap and show material alone.

    Parameters
    ----------
    images : sequence of ndarray of shape (rows, columns), uint8
        Label images.
    edge : int
        Of a crop, in pixels.
    outside : int
        Label of pixels that show no material.
    rng : numpy.random.Generator
        Chooses among more than `MOST_CROPS`.
    """
    crops: list[Labels] = []
    for image in images:
        try:
            windows = subvolumes(image.shape, (edge, edge), MOST_CROPS, rng, valid=image != outside)
        except InputError:  # none fits
            continue
        crops += [image[window] for window in windows]
    chosen = rng.permutation(len(crops))[:MOST_CROPS]
    return [crops[index] for index in sorted(chosen)]


def energies_of(images: Sequence[Labels]) -> list[float]:
    """Return the gradient energy of each label image, as one-hot."""
    phases = np.arange(max((int(image.max()) for image in images), default=0) + 1)
    one_hot = phases[:, None, None]
    return [gradient_energy((image == one_hot).astype(np.float32)) for image in images]
