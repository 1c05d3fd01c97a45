"""How far two samples of numbers, or of curves, are apart, and what chance alone would give."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist, squareform

from matvir.comparison.groups import Groups, design_effect, halved, resampled
from matvir.errors import InputError

Floats = NDArray[np.float64]

# What a difference that can be detected means: a test at this level finds it this often.
LEVEL, POWER = 0.05, 0.8


def mean_difference_interval(
    real: Floats,
    generated: Floats,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    groups: tuple[Groups, Groups] | None = None,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of ``mean(generated) - mean(real)``.

    Parameters
    ----------
    real, generated : ndarray of shape (n,) and (m,)
        Values, at least two each.
    confidence : float
        Nominal coverage, in 0 .. 1.
    resamples : int
        Number of bootstrap resamples; both samples are drawn anew in each (Efron and Tibshirani,
        An Introduction to the Bootstrap, 1993, section 13.3).
    rng : numpy.random.Generator
        Source of the resamples.
    groups : tuple of two ndarray of shape (n,) and (m,), optional
        Groups of real and generated values that are drawn together
        (:func:`matvir.comparison.groups.sample_groups`); without it all are independent.

    Returns
    -------
    tuple of float
        Lower and upper end, in the unit of the values.
    """
    ours, theirs = groups or (np.arange(len(real)), np.arange(len(generated)))
    means = resampled(theirs, resamples, rng) @ generated - resampled(ours, resamples, rng) @ real
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def detectable_difference(
    real: Floats,
    generated: Floats,
    *,
    effective_n_real: float,
    effective_n_generated: float = np.inf,
    level: float = LEVEL,
    power: float = POWER,
) -> float:
    """Return the smallest difference of means that a two-sided test would be expected to find.

    It is the minimum detectable difference ``(t_level + t_power) * e`` of textbooks (J. H. Zar,
    Biostatistical Analysis, 4th ed. 1999, chapter 8; R. R. Sokal and F. J. Rohlf, Biometry, 3rd
    ed. 1995, box 9.14), with the standard error ``e`` of the difference, and the degrees of freedom
    of Student's t, of samples of different spread (B. L. Welch, Biometrika 34, 1947, 28). Means of
    ten samples and more are near enough to normal; of skewed values and few samples it is too
    small.

    Parameters
    ----------
    real, generated : ndarray of shape (n,) and (m,)
        Values, at least two each.
    effective_n_real : float
        Independent real samples; more than n do not count.
    effective_n_generated : float
        Independent generated samples, likewise.
    level : float
        Of the test: how often it is wrong where there is no difference, in 0 .. 1.
    power : float
        How often it finds a difference of this size, in 0 .. 1.

    Returns
    -------
    float
        In the unit of the values; NaN if fewer than two real samples are independent or neither
        side varies.
    """
    from scipy.stats import t

    numbers = np.minimum([len(real), len(generated)], [effective_n_real, effective_n_generated])
    parts = np.array([real.var(ddof=1), generated.var(ddof=1)]) / numbers
    if not numbers.min() >= 2 or not parts.sum() > 0:
        return float("nan")
    freedom = parts.sum() ** 2 / (parts**2 / (numbers - 1)).sum()
    quantiles = t.ppf(1 - level / 2, freedom) + t.ppf(power, freedom)
    return float(quantiles * np.sqrt(parts.sum()))


def wasserstein_interval(
    real: Floats,
    generated: Floats,
    *,
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
    groups: tuple[Groups, Groups] | None = None,
) -> tuple[float, float]:
    """Return the basic bootstrap interval of the Wasserstein-1 distance, cut off at zero.

    Resampling raises the distance by about as much as sampling has already raised the estimate.
    The basic interval ``2 w - quantiles`` (Davison and Hinkley, Bootstrap Methods and their
    Application, 1997, section 2.4) takes this bias out; the percentile interval would count it
    twice.

    Parameters
    ----------
    real, generated : ndarray of shape (n,) and (m,)
        Values, at least two each.
    confidence : float
        Nominal coverage, in 0 .. 1.
    resamples : int
        Number of bootstrap resamples.
    rng : numpy.random.Generator
        Source of the resamples.
    groups : tuple of two ndarray, optional
        As in :func:`mean_difference_interval`.

    Returns
    -------
    tuple of float
        Lower and upper end, in the unit of the values.
    """
    from scipy.stats import wasserstein_distance

    ours, theirs = groups or (np.arange(len(real)), np.arange(len(generated)))
    weights = np.concatenate(
        [resampled(ours, resamples, rng), -resampled(theirs, resamples, rng)], axis=1
    )
    distances = _weighted_wasserstein(np.concatenate([real, generated]), weights)
    tail = (1 - confidence) / 2
    low, high = np.quantile(distances, [tail, 1 - tail])
    estimate = wasserstein_distance(real, generated)
    return max(0.0, 2 * estimate - float(high)), max(0.0, 2 * estimate - float(low))


def wasserstein_floor(
    real: Floats,
    n_generated: float,
    *,
    repeats: int,
    rng: np.random.Generator,
    groups: Groups | None = None,
) -> Floats:
    """Return Wasserstein-1 distances that real data would have to more real data.

    The real values are halved at random, again and again. Under equal distributions the distance
    of samples of n and m values grows as ``sqrt(1/n + 1/m)`` (del Barrio, Gine and Matran, Ann.
    Probab. 27, 1999, 1009), so the distance of two halves is scaled from their sizes to n real
    against ``n_generated`` values: the result is what a perfect generator would show on average.

    Parameters
    ----------
    real : ndarray of shape (n,)
        Values, at least four.
    n_generated : float
        Number of generated values the floor is for, of which each says as much as a real one.
    repeats : int
        Number of random halvings.
    rng : numpy.random.Generator
        Source of the halvings.
    groups : ndarray of shape (n,), optional
        Groups of values that stay together, at least four; without it all are independent.

    Returns
    -------
    ndarray of shape (repeats,)
        Scaled distances in the unit of the values.
    """
    weights = halved(np.arange(len(real)) if groups is None else groups, repeats, rng)
    return _weighted_wasserstein(real, weights) * floor_scale(len(real), n_generated)


def floor_scale(n_real: int, n_generated: float) -> float:
    """Return what scales a distance of two halves of the real sample to the two full samples.

    Parameters
    ----------
    n_real, n_generated : int, float
        Sizes of the two samples; the halves have ``n_real // 2`` and the rest.
    """
    half = n_real // 2
    return float(np.sqrt((1 / n_real + 1 / n_generated) / (1 / half + 1 / (n_real - half))))


def _weighted_wasserstein(values: Floats, weights: Floats) -> Floats:
    """Integrate |F - G| for each row of ``weights``, which are those of F minus those of G."""
    order = np.argsort(values, kind="stable")
    cdf_difference = np.cumsum(weights[:, order], axis=1)[:, :-1]
    return np.abs(cdf_difference) @ np.diff(values[order])


def kolmogorov_smirnov(
    real: Floats, generated: Floats, groups: tuple[Groups, Groups]
) -> tuple[float, float]:
    """Return the two-sided Kolmogorov-Smirnov statistic and its p value.

    The p value is exact for independent values without ties. Values of groups count as fewer, by
    the design effect of their ranks (J. N. K. Rao and A. J. Scott, J. Am. Stat. Assoc. 76, 1981,
    221), in the distribution of the statistic of one sample of ``n m / (n + m)`` values.

    Parameters
    ----------
    real, generated : ndarray of shape (n,) and (m,)
        Values.
    groups : tuple of two ndarray of shape (n,) and (m,)
        Groups that are not independent within themselves.
    """
    from scipy.stats import ks_2samp, kstwo, rankdata

    result = ks_2samp(real, generated)
    ranks = np.split(rankdata(np.concatenate([real, generated])), [len(real)])
    effects = [design_effect(*side) for side in zip(ranks, groups, strict=True)]
    if max(effects) == 1:
        return float(result.statistic), float(result.pvalue)
    n, m = (len(rank) / effect for rank, effect in zip(ranks, effects, strict=True))
    p = kstwo.sf(result.statistic, max(round(n * m / (n + m)), 1))
    return float(result.statistic), float(p)


def holm(p_values: ArrayLike) -> Floats:
    """Return p values corrected for the number of tests (Holm, Scand. J. Stat. 6, 1979, 65).

    Parameters
    ----------
    p_values : array of shape (n,)
        Uncorrected p values in 0 .. 1; NaN where no test was made, which does not count as one.

    Returns
    -------
    ndarray of shape (n,)
        Corrected p values in 0 .. 1, NaN where the input is.
    """
    p = np.asarray(p_values, dtype=float)
    corrected = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected


def maximum_mean_discrepancy(
    real: Floats,
    generated: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
    groups: tuple[Groups, Groups] | None = None,
) -> tuple[float, float]:
    """Return the squared maximum mean discrepancy of two samples of vectors, and its p value.

    Unbiased estimate with a Gaussian kernel whose width is the median distance of the pooled
    vectors (Gretton et al., J. Mach. Learn. Res. 13, 2012, 723, eq. 3); the p value counts the
    random relabellings with at least that discrepancy, the observed one included.

    Parameters
    ----------
    real, generated : ndarray of shape (n, k) and (m, k)
        One vector a row, at least two rows each.
    permutations : int
        Number of random relabellings.
    rng : numpy.random.Generator
        Source of the relabellings.
    groups : tuple of two ndarray of shape (n,) and (m,), optional
        Groups of rows that keep together when they are relabelled
        (:func:`matvir.comparison.groups.sample_groups`); without it all are independent.

    Returns
    -------
    tuple of float
        Squared discrepancy (about zero for equal distributions, may be below) and p in 0 .. 1.

    Raises
    ------
    InputError
        If the vectors have different lengths or a sample has fewer than two.
    """
    if real.ndim != 2 or real.shape[1:] != generated.shape[1:]:
        raise InputError(
            f"expected two tables of vectors of one length, got the shapes {real.shape} and "
            f"{generated.shape}. Measure both with the same sizes."
        )
    if min(len(real), len(generated)) < 2:
        raise InputError(
            f"expected at least two vectors on each side, got {len(real)} and {len(generated)}. "
            "Measure more samples."
        )
    distances = pdist(np.concatenate([real, generated]))
    width = np.median(distances)
    if width == 0:  # most vectors are equal; any positive width tells the others apart
        width = distances.max() or 1.0
    kernel = squareform(np.exp(-(distances**2) / (2 * width**2)))  # its diagonal is not used
    ours, theirs = groups or (np.arange(len(real)), np.arange(len(generated)))
    is_real = _relabelled(ours, theirs, permutations, rng)
    values = _discrepancies(kernel, is_real)
    # Rounding may put the very same relabelling just below the observed value.
    at_least = np.count_nonzero(values[1:] >= values[0] - 1e-12)
    return float(values[0]), (1 + at_least) / (1 + permutations)


def _relabelled(
    ours: Groups, theirs: Groups, permutations: int, rng: np.random.Generator
) -> Floats:
    """Return 1 for real and 0 for generated values: first as they are, then as if by chance."""
    names, ours = np.unique(ours, return_inverse=True)
    others, theirs = np.unique(theirs, return_inverse=True)
    is_real = np.zeros((permutations + 1, len(names) + len(others)))
    is_real[:, : len(names)] = 1
    is_real[1:] = rng.permuted(is_real[1:], axis=1)
    return is_real[:, np.concatenate([ours, len(names) + theirs])]


def _discrepancies(kernel: Floats, is_real: Floats) -> Floats:
    """Return the unbiased squared discrepancy for each row of 0/1 memberships ``is_real``."""
    n = is_real.sum(axis=1)  # groups may differ in size
    m = len(kernel) - n
    towards_real = is_real @ kernel
    within_real = (towards_real * is_real).sum(axis=1)
    across = (towards_real * (1 - is_real)).sum(axis=1)
    within_generated = kernel.sum() - within_real - 2 * across
    return within_real / (n * (n - 1)) + within_generated / (m * (m - 1)) - 2 * across / (n * m)
