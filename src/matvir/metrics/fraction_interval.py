"""How well one image tells the volume fraction of the material it was taken from."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask
from matvir.metrics.two_point_correlation import (
    correlation_map,
    decay_length,
    lag_lengths,
    phase_spectra,
    radial_average,
)

# Where the sum over the autocovariance, 1 at the zero lag, ends: beyond it there is more noise than
# covariance.
NEAR_ZERO = 0.1
# The variance of a fraction, estimated from an image with n independent observations, has the
# relative variance 0.75 / (n phi (1 - phi)): benchmarks/fraction_interval.py.
VARIANCE_OF_VARIANCE = 0.75


@dataclass(frozen=True, kw_only=True)
class FractionInterval:
    """A volume fraction with its confidence interval.

    Attributes
    ----------
    fraction : float
        Volume fraction in the image.
    low, high : float
        Confidence interval for the material's fraction, within 0 .. 1; NaN if it is unknown.
    observations : float
        Independent observations that the image holds, its volume over the `integral_range`; NaN if
        it is unknown.
    """

    fraction: float
    low: float
    high: float
    observations: float

    @property
    def standard_error(self) -> float:
        """Standard deviation of the fraction over images of this size; NaN if it is unknown."""
        return math.sqrt(self.fraction * (1 - self.fraction) / self.observations)

    def edges_for(
        self, half_width: float, shape: tuple[int, ...], *, confidence: float = 0.95
    ) -> tuple[int, ...] | None:
        """Return the size of an image of the same shape that would tell the fraction better.

        Parameters
        ----------
        half_width : float
            Half of the interval that it shall have.
        shape : tuple of int
            Edges of the image in voxels.
        confidence : float
            Level of that interval.

        Returns
        -------
        tuple of int or None
            Its edges in voxels; None if the interval is unknown.
        """
        if math.isnan(self.observations):
            return None
        quantile = NormalDist().inv_cdf((1 + confidence) / 2)
        times = (quantile * self.standard_error / half_width) ** (2 / len(shape))
        return tuple(math.ceil(edge * times) for edge in shape)


def fraction_interval(
    mask: NDArray[Any], *, confidence: float = 0.95, periodic: bool = False
) -> FractionInterval:
    """Return the volume fraction of a phase with a confidence interval from one image.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    confidence : float
        Probability that the interval holds the material's fraction, in 0 .. 1.
    periodic : bool
        Whether opposite faces of the image touch each other.

    Returns
    -------
    FractionInterval
        That of `interval_of`, NaN where :func:`integral_range` is NaN.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    observations = mask.size / integral_range(mask, periodic=periodic)
    return interval_of(float(mask.mean()), observations, confidence=confidence)


def interval_of(
    fraction: float, observations: float, *, confidence: float, judged_by: float | None = None
) -> FractionInterval:
    """Return the confidence interval of a volume fraction seen in so many observations.

    With n independent observations the fraction has the variance phi (1 - phi) / n. The interval
    holds every phi from which the one seen is at most a quantile of standard deviations away
    (Wilson, J. Am. Stat. Assoc. 22 (1927) 209): it stays within 0 .. 1, and is longer towards 1/2.
    The quantile is Student's, as n is itself an estimate. Student's t with k degrees of freedom is
    what an estimated variance of the relative variance 2 / k leads to; images of known materials
    gave k = 2.7 n phi (1 - phi), and with it intervals that hold the fraction as often as they
    say (benchmarks/results/fraction-interval.md).

    Parameters
    ----------
    fraction : float
        In 0 .. 1.
    observations : float
        How many independent ones there are; NaN if it is unknown.
    confidence : float
        Probability that the interval holds the material's fraction.
    judged_by : float, optional
        Observations in the part of the image by which their number was estimated; all of them
        unless given.
    """
    if math.isnan(observations):
        nan = float("nan")
        return FractionInterval(fraction=fraction, low=nan, high=nan, observations=nan)
    from scipy.special import stdtrit

    n_judging = observations if judged_by is None else judged_by
    freedom = max(2 / VARIANCE_OF_VARIANCE * n_judging * fraction * (1 - fraction), 1.0)
    quantile = float(stdtrit(freedom, (1 + confidence) / 2))
    square = quantile**2 / observations
    middle = (fraction + square / 2) / (1 + square)
    half = math.sqrt(square * (fraction * (1 - fraction) + square / 4)) / (1 + square)
    return FractionInterval(
        fraction=fraction,
        low=max(middle - half, 0.0),
        high=min(middle + half, 1.0),
        observations=observations,
    )


def integral_range(mask: NDArray[Any], *, periodic: bool = False) -> float:
    """Return the volume that holds one independent observation of a phase, in voxels.

    The integral range is the sum of the autocovariance over all lags,
    A = sum (S2(r) - phi^2) / (phi - phi^2) (Lu and Torquato, J. Chem. Phys. 93 (1990) 3452;
    Kanit et al., Int. J. Solids Struct. 40 (2003) 3647). It is taken from the image up to the
    distance where the radial average of the autocovariance first is at most 0.1. Beyond that,
    noise adds up to more than the covariance; there an exponential goes on, which has the average's
    values at that distance and where it is 1/e. The negative part of a hard-core material is left
    out: without it A is on the safe side.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    periodic : bool
        Whether opposite faces of the image touch each other.

    Returns
    -------
    float
        Voxels (pixels in 2D); NaN if the phase is absent or fills the image, or if the
        autocovariance stays above 0.1 within half the image: the image is too small to tell.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    check_mask(mask)
    fraction = float(mask.mean())
    if not 0 < fraction < 1:
        return np.nan
    lag_map = correlation_map(phase_spectra(mask.astype(np.uint8), 2, periodic=periodic), 1, 1)
    distance, values = radial_average(lag_map)
    radial = (values - fraction**2) / (fraction - fraction**2)
    low = np.flatnonzero(radial <= NEAR_ZERO)
    if not low.size:
        return np.nan
    end = int(low[0])
    lengths, weights = lag_lengths(lag_map, (1.0,) * mask.ndim)
    # Shell k of the radial average holds the lengths k - 1/2 .. k + 1/2.
    weights[lengths >= end - 0.5] = 0.0
    covariance = (weights * (lag_map - fraction**2)).sum() / (fraction - fraction**2)
    tail = _tail(float(radial[end]), end - decay_length(distance, radial), end - 0.5, mask.ndim)
    return float(covariance + tail)


def _tail(value: float, since: float, start: float, n_axes: int) -> float:
    """Return the integral over all lags beyond ``start`` of an exponential of their length.

    It is ``value`` there, and was 1/e at a length that is smaller by ``since``.
    """
    if value <= 0:
        return 0.0
    length = since / math.log(1 / (math.e * value))
    if n_axes == 2:
        return 2 * math.pi * value * length * (start + length)
    return 4 * math.pi * value * length * (start**2 + 2 * start * length + 2 * length**2)
