"""Two-point correlation S2: the probability that two points a lag apart lie in given phases.

One Fourier transform per phase gives the correlation at all lags up to half the sample; cuts
along axes and diagonals and the radial average are taken from that map of lags.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from matvir.metrics.checks import check_labels, voxel_edges

# matvir.training.correlations has an S2 of its own: in float32, of probabilities and with a
# gradient. Here pairs are counted exactly, and one in place of both would change results.


@dataclass(frozen=True, kw_only=True)
class PhaseSpectra:
    """Fourier transforms of the phases' indicator functions.

    Attributes
    ----------
    shape : tuple of int
        Shape of the sample.
    padded : tuple of int
        Shape of the transformed arrays: that of the sample if it is periodic, else with enough
        zeros that no lag up to half the sample wraps around.
    periodic : bool
        Whether opposite faces of the sample touch each other.
    spectra : tuple of ndarray
        One real-input transform per phase.
    """

    shape: tuple[int, ...]
    padded: tuple[int, ...]
    periodic: bool
    spectra: tuple[NDArray[np.complex128], ...]


def phase_spectra(labels: NDArray[Any], n_phases: int, *, periodic: bool = False) -> PhaseSpectra:
    """Transform the indicator function of each phase.

    Parameters
    ----------
    labels : ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1.
    n_phases : int
        Number of phases.
    periodic : bool
        Whether opposite faces of the sample touch each other.

    Raises
    ------
    InputError
        If ``labels`` is no such image.
    """
    check_labels(labels, n_phases)
    padded = labels.shape if periodic else _padded(labels.shape)
    spectra = tuple(
        fft.rfftn((labels == phase).astype(np.float64), padded) for phase in range(n_phases)
    )
    return PhaseSpectra(shape=labels.shape, padded=padded, periodic=periodic, spectra=spectra)


def correlation_map(spectra: PhaseSpectra, first: int, second: int) -> NDArray[np.float64]:
    """Return S2 of two phases (or of one with itself) at all lags up to half the sample.

    S2(lag) is the share of voxel pairs a lag apart, both in the sample, of which one is in phase
    ``first`` and the other in ``second`` (Torquato, Random Heterogeneous Materials, 2002,
    section 2.2). For two phases it is the mean of both orders, so that S2(lag) = S2(-lag).

    Parameters
    ----------
    spectra : PhaseSpectra
        What :func:`phase_spectra` returned.
    first, second : int
        The phases.

    Returns
    -------
    ndarray of shape (2 h0 + 1, h1 + 1) or (2 h0 + 1, 2 h1 + 1, h2 + 1)
        Probability at the lags -h .. h along each axis but the last, and 0 .. h along the last,
        with h half of the sample's edge (rounded down). The other lags follow by symmetry.
    """
    # The real part is the transform of the mean of both orders.
    power = (spectra.spectra[first].conj() * spectra.spectra[second]).real
    # Transformed back, it is a number of voxel pairs: whole, and never negative.
    pairs = np.abs(np.rint(fft.irfftn(power, spectra.padded) * 2)) / 2
    return _per_pair(pairs, spectra.shape, periodic=spectra.periodic)


def covariance_map(field: NDArray[Any]) -> NDArray[np.float64]:
    """Return the autocovariance of a field at all lags up to half the sample.

    Parameters
    ----------
    field : ndarray of shape (H, W) or (D, H, W)
        Any numbers, such as grey values.

    Returns
    -------
    ndarray
        Mean product of the deviations from the sample's mean of two voxels a lag apart, at the
        lags of :func:`correlation_map`; at lag zero the variance.
    """
    deviations = field - field.mean(dtype=np.float64)
    padded = _padded(field.shape)
    power = np.abs(fft.rfftn(deviations, padded)) ** 2
    return _per_pair(fft.irfftn(power, padded), field.shape, periodic=False)


def _padded(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape with enough zeros that no lag up to half the sample wraps around."""
    return tuple(fft.next_fast_len(n + n // 2, real=True) for n in shape)


def _per_pair(
    sums: NDArray[np.float64], shape: tuple[int, ...], *, periodic: bool
) -> NDArray[np.float64]:
    """Return sums over pairs of voxels at each lag, divided by how many pairs there are."""
    lags = _lags(shape)
    sums = sums[np.ix_(*lags)]
    for axis, lag in enumerate(lags):
        n_pairs = np.full(lag.size, shape[axis]) if periodic else shape[axis] - np.abs(lag)
        sums /= np.expand_dims(n_pairs, [other for other in range(sums.ndim) if other != axis])
    return sums


def axis_cut(lag_map: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return S2 at the lags 0, 1, ... h voxels along ``axis``."""
    centre = [n // 2 for n in lag_map.shape[:-1]] + [0]
    index: list[int | slice] = list(centre)
    index[axis] = slice(centre[axis], None)
    return lag_map[tuple(index)]


def diagonal_cut(lag_map: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return S2 at the lags of 0, 1, ... h voxels along all axes at once.

    Averaged over the diagonals (4 in 3D, 2 in 2D); h belongs to the shortest edge.
    """
    centre = [n // 2 for n in lag_map.shape[:-1]]
    steps = np.arange(min([*centre, lag_map.shape[-1] - 1]) + 1)
    cuts = [
        lag_map[(*(c + s * steps for c, s in zip(centre, signs, strict=True)), steps)]
        for signs in product((-1, 1), repeat=len(centre))
    ]
    return np.mean(cuts, axis=0)


def radial_average(
    lag_map: NDArray[np.float64], voxel_size: Sequence[float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average S2 over shells of lags.

    Parameters
    ----------
    lag_map : ndarray
        What :func:`correlation_map` returned.
    voxel_size : sequence of float, optional
        Edge of a voxel along each axis; without it lengths are in voxels.

    Returns
    -------
    distance : ndarray of shape (n_shells,)
        Mean length of the lags of each shell; the shells are one (longest) voxel edge wide and
        reach to half of the sample's shortest edge. The first is the zero lag alone.
    values : ndarray of shape (n_shells,)
        Mean of S2 over the lags of each shell.
    """
    edges = voxel_edges(voxel_size, lag_map.ndim)
    lengths, weights = lag_lengths(lag_map, edges)
    reach = min(length[-1] for length in _axis_lengths(lag_map, edges))
    width = max(edges)
    shells = np.rint(lengths / width).astype(np.intp)
    shells[lengths > 0] = np.maximum(shells[lengths > 0], 1)
    n_shells = max(int(np.floor(reach / width + 0.5)), 1)
    inside = shells < n_shells  # complete shells only
    shells, weights, lengths = shells[inside], weights[inside], lengths[inside]
    total = np.bincount(shells, weights)
    distance = np.bincount(shells, weights * lengths) / total
    return distance, np.bincount(shells, weights * lag_map[inside]) / total


def lag_lengths(
    lag_map: NDArray[np.float64], voxel_size: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the length of each lag of a map and how many lags it stands for (1 or 2).

    A lag with a positive last component stands for its negative too, which the map leaves out.
    """
    squares = [length**2 for length in _axis_lengths(lag_map, voxel_size)]
    lengths = np.sqrt(sum(np.meshgrid(*squares, indexing="ij", sparse=True)))
    weights = np.full(lag_map.shape, 2.0)
    weights[..., 0] = 1.0
    return lengths, weights


def correlation_length(distance: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return the distance where the autocovariance of a phase has fallen to 1/e.

    The autocovariance is (S2(r) - phi^2) / (phi - phi^2), with the volume fraction phi = S2(0);
    between the given distances it is taken as linear.

    Parameters
    ----------
    distance, values : ndarray of shape (n,)
        S2 of a phase with itself, starting with the zero lag.

    Returns
    -------
    float
        In the unit of ``distance``; NaN if the phase is absent or fills the sample, or if the
        autocovariance stays above 1/e.
    """
    fraction = values[0]
    if not 0 < fraction < 1:
        return np.nan
    return decay_length(distance, (values - fraction**2) / (fraction - fraction**2))


def decay_length(distance: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """Return where a covariance that is 1 at the zero lag has fallen to 1/e; NaN if nowhere."""
    below = np.flatnonzero(covariance < 1 / np.e)
    if below.size == 0:
        return np.nan
    pair = slice(below[0] - 1, below[0] + 1)
    return float(np.interp(-1 / np.e, -covariance[pair], distance[pair]))


def _lags(shape: tuple[int, ...]) -> list[NDArray[np.intp]]:
    """Return the lags of a map along each axis; negative ones count from the array's end."""
    return [np.arange(-(n // 2), n // 2 + 1) for n in shape[:-1]] + [np.arange(shape[-1] // 2 + 1)]


def _axis_lengths(
    lag_map: NDArray[np.float64], voxel_size: Sequence[float]
) -> list[NDArray[np.float64]]:
    """Return the lengths of a map's lags along each axis."""
    lags = [np.abs(np.arange(n) - n // 2) for n in lag_map.shape[:-1]]
    lags.append(np.arange(lag_map.shape[-1]))
    return [lag * edge for lag, edge in zip(lags, voxel_size, strict=True)]
