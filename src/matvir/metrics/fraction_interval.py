"""How well one image tells the volume fraction of the material it was taken from."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.checks import check_mask
from matvir.metrics.two_point_correlation import (
    correlation_map,
    lag_lengths,
    phase_spectra,
    radial_average,
)

VANISHED = 0.1  # the autocovariance, 1 at the zero lag, that counts as near 0


@dataclass(frozen=True, kw_only=True)
class FractionInterval:
    """A volume fraction with its confidence interval.

    Attributes
    ----------
    fraction : float
        Volume fraction in the image.
    low, high : float
        Confidence interval for the material's fraction, within 0 .. 1; NaN if it is unknown.
    standard_error : float
        Standard deviation of the fraction over images of this size; NaN if it is unknown.
    """

    fraction: float
    low: float
    high: float
    standard_error: float


def fraction_interval(
    mask: NDArray[Any], *, confidence: float = 0.95, periodic: bool = False
) -> FractionInterval:
    """Return the volume fraction of a phase with a confidence interval from one image.

    The variance of the fraction over images of V voxels is phi (1 - phi) A / V with the
    :func:`integral_range` A; the interval is that of a normal distribution.

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
        With a NaN interval where :func:`integral_range` is NaN.

    Raises
    ------
    InputError
        If ``mask`` is no such array.
    """
    fraction = float(mask.mean())
    variance = fraction * (1 - fraction) * integral_range(mask, periodic=periodic) / mask.size
    error = float(np.sqrt(variance))
    half_width = NormalDist().inv_cdf((1 + confidence) / 2) * error
    low, high = np.clip([fraction - half_width, fraction + half_width], 0.0, 1.0)
    return FractionInterval(
        fraction=fraction, low=float(low), high=float(high), standard_error=error
    )


def integral_range(mask: NDArray[Any], *, periodic: bool = False) -> float:
    """Return the volume that holds one independent observation of a phase, in voxels.

    The integral range is the sum of the autocovariance over all lags,
    A = sum (S2(r) - phi^2) / (phi - phi^2) (Lu and Torquato, J. Chem. Phys. 93 (1990) 3452;
    Kanit et al., Int. J. Solids Struct. 40 (2003) 3647). The sum ends at the distance r0 where
    the radial average of the autocovariance first reaches 0, or where it is smallest if it only
    comes near 0; beyond r0 there is only noise, or the negative part of a hard-core material,
    without which A is on the safe side. As phi is estimated from the same image, the covariance
    of each lag comes out too low by the variance of phi itself: dividing by 1 - V_r0 / V makes up
    for it, V_r0 being the number of lags in the sum and V that of voxels.

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
    _, values = radial_average(lag_map)
    radial = (values - fraction**2) / (fraction - fraction**2)
    vanished = np.flatnonzero(radial <= 0)
    end = int(vanished[0]) if vanished.size else int(radial.argmin())
    if radial[end] > VANISHED:
        return np.nan
    lengths, weights = lag_lengths(lag_map, (1.0,) * mask.ndim)
    # Shell k of the radial average holds the lengths k - 1/2 .. k + 1/2.
    weights[lengths >= end - 0.5] = 0.0
    covariance = (weights * (lag_map - fraction**2)).sum() / (fraction - fraction**2)
    return float(covariance / (1 - weights.sum() / mask.size))
