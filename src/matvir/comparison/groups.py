"""Samples that belong together: slices through one volume are not independent of each other."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.measurement.tables import dimensions

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]


def sample_groups(samples: pd.Series) -> Groups:
    """Return a number for each sample, the same for the slices of one volume.

    Parameters
    ----------
    samples : Series of str
        Names of samples (:data:`matvir.measurement.tables.DIMENSIONS`). ``slice-007-0`` and
        ``slice-007-2`` are slices of one volume; any other is on its own.
    """
    volumes = samples.str.extract(r"^(slice-\d+)-\d+$", expand=False).fillna(samples)
    return pd.factorize(volumes)[0].astype(np.intp)


def groups_by_dimension(measurements: pd.DataFrame) -> dict[str, Groups]:
    """Return the groups of all samples, in the order of their curves, by dimension.

    Parameters
    ----------
    measurements : DataFrame
        Tidy measurements (columns of :data:`matvir.measurement.tables.COLUMNS`).
    """
    samples = measurements["sample"].drop_duplicates()
    names = dimensions(samples)
    return {str(name): sample_groups(samples[names == name]) for name in names.unique()}


def design_effect(values: Floats, groups: Groups) -> float:
    """Return how many times the variance of the mean is that of independent samples.

    It is ``1 + (k - 1) r`` for groups of k samples and their intraclass correlation r, from the
    mean squares between and within groups (L. Kish, Survey Sampling, 1965, section 5.4; Snedecor
    and Cochran, Statistical Methods, 8th ed. 1989, section 13.5); of unequal groups k is the mean
    size that a sample sees. A correlation below zero is taken as zero.

    Parameters
    ----------
    values : ndarray of shape (n,)
        One value a sample.
    groups : ndarray of shape (n,)
        Number of the group of each sample.

    Returns
    -------
    float
        At least 1; just 1 if each sample is on its own.
    """
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    n, n_groups = len(values), len(sizes)
    if n_groups in (1, n):
        return 1.0
    means = np.bincount(inverse, weights=values) / sizes
    between = (sizes * (means - values.mean()) ** 2).sum() / (n_groups - 1)
    within = ((values - means[inverse]) ** 2).sum() / (n - n_groups)
    seen = (sizes**2).sum() / n
    typical = (n - seen) / (n_groups - 1)
    total = between + (typical - 1) * within
    correlation = (between - within) / total if total > 0 else 0.0
    return float(1 + (seen - 1) * max(correlation, 0.0))


def resampled(groups: Groups, resamples: int, rng: np.random.Generator) -> Floats:
    """Return weights, adding up to 1, of samples whose groups are drawn with replacement.

    Parameters
    ----------
    groups : ndarray of shape (n,)
        Number of the group of each sample.
    resamples : int
        Number of resamples.
    rng : numpy.random.Generator
        Source of the resamples.

    Returns
    -------
    ndarray of shape (resamples, n)
        Weights of the samples.
    """
    names, inverse = np.unique(groups, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    weights = drawn[:, inverse].astype(float)
    return weights / weights.sum(axis=1, keepdims=True)


def halved(groups: Groups, repeats: int, rng: np.random.Generator) -> Floats:
    """Return weights of two random halves of the groups: of a half they add up to 1, or to -1.

    Parameters
    ----------
    groups : ndarray of shape (n,)
        Number of the group of each sample, at least two groups.
    repeats : int
        Number of halvings.
    rng : numpy.random.Generator
        Source of the halvings.

    Returns
    -------
    ndarray of shape (repeats, n)
        Weights of the samples.
    """
    names, inverse = np.unique(groups, return_inverse=True)
    first = np.zeros((repeats, len(names)), dtype=bool)
    first[:, : len(names) // 2] = True
    chosen = rng.permuted(first, axis=1)[:, inverse]
    ours, theirs = chosen.sum(axis=1, keepdims=True), (~chosen).sum(axis=1, keepdims=True)
    return np.where(chosen, 1 / ours, -1 / theirs)
