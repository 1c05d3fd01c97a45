"""Properties of images that keep their grey values or colours.

Histogram, autocovariance and power spectrum, and numbers that sum them up. Values in 0 .. 255 are
taken as 0 .. 1; each channel is measured by itself.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from matvir.measurement.curves import Curve
from matvir.measurement.sample_metrics import ALL, NO_DECAY, Measured, Row
from matvir.metrics import two_point_correlation as s2

N_BINS = 64
QUANTILES = (0.05, 0.5, 0.95)
CONSTANT = "the channel is constant"


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueSample:
    """One sample of an image that keeps its values.

    Attributes
    ----------
    values : ndarray of shape (n_channels, H, W) or (n_channels, D, H, W), uint8
        In 0 .. 255.
    channels : tuple of str
        Their names.
    voxel_size_um : tuple of float or None
        Edge of a voxel along each axis in micrometres.
    """

    values: NDArray[np.uint8]
    channels: tuple[str, ...]
    voxel_size_um: tuple[float, ...] | None

    @property
    def edges(self) -> tuple[float, ...]:
        """Edge of a voxel along each axis, in the unit of length."""
        return self.voxel_size_um or (1.0,) * (self.values.ndim - 1)

    @property
    def length(self) -> str:
        """Unit of length."""
        return "voxel" if self.voxel_size_um is None else "um"


def measure_values(sample: ValueSample) -> Measured:
    """Measure one sample.

    Returns
    -------
    Measured
        Rows of each channel: ``mean_value``, ``value_sd``, ``value_skewness`` and quantiles such as
        ``value_quantile_05``; ``squared_gradient`` and, where the autocovariance has fallen to 1/e,
        ``correlation_length`` along each axis. Curves ``histogram/{channel}/all`` (share of the
        voxels per bin), ``autocovariance/{channel}/{axis}`` with the axes 0, 1, 2 and radial, and
        ``power_spectrum/{channel}/radial``.
    """
    measured = Measured()
    for channel, values in zip(sample.channels, sample.values / 255, strict=True):
        _distribution(channel, values, measured)
        _gradients(channel, values, sample, measured)
        _autocovariance(channel, values, sample, measured)
        _power_spectrum(channel, values, sample, measured)
    return measured


def _distribution(channel: str, values: NDArray[np.float64], measured: Measured) -> None:
    from scipy.stats import skew

    varies = values.min() < values.max()
    skewness = float(skew(values, axis=None)) if varies else np.nan
    note = "" if varies else CONSTANT
    measured.rows += [
        Row(channel, ALL, "mean_value", float(values.mean()), "1"),
        Row(channel, ALL, "value_sd", float(values.std()), "1"),
        Row(channel, ALL, "value_skewness", skewness, "1", note),
    ]
    found = np.quantile(values, QUANTILES)
    measured.rows += [
        Row(channel, ALL, f"value_quantile_{100 * share:02.0f}", float(value), "1")
        for share, value in zip(QUANTILES, found, strict=True)
    ]
    counts, edges = np.histogram(values, N_BINS, (0, 1))
    centres = (edges[:-1] + edges[1:]) / 2
    _add(measured, f"histogram/{channel}/all", centres, counts / values.size, "1")


def _gradients(
    channel: str, values: NDArray[np.float64], sample: ValueSample, measured: Measured
) -> None:
    """Mean squared difference of neighbours over their distance, along each axis."""
    measured.rows += [
        Row(
            channel,
            str(axis),
            "squared_gradient",
            float((np.diff(values, axis=axis) ** 2).mean() / edge**2),
            f"1/{sample.length}^2",
        )
        for axis, edge in enumerate(sample.edges)
    ]


def _autocovariance(
    channel: str, values: NDArray[np.float64], sample: ValueSample, measured: Measured
) -> None:
    lag_map = s2.covariance_map(values)
    for axis, edge in enumerate(sample.edges):
        cut = s2.axis_cut(lag_map, axis)
        distance = np.arange(cut.size, dtype=np.float64) * edge
        _add(measured, f"autocovariance/{channel}/{axis}", distance, cut, sample.length)
        varies = values.min() < values.max()
        length = s2.decay_length(distance, cut / cut[0]) if varies else np.nan
        note = ""
        if np.isnan(length):
            note = NO_DECAY if varies else CONSTANT
        row = Row(channel, str(axis), "correlation_length", length, sample.length, note)
        measured.rows.append(row)
    radial = s2.radial_average(lag_map, sample.edges)
    _add(measured, f"autocovariance/{channel}/radial", *radial, sample.length)


def _power_spectrum(
    channel: str, values: NDArray[np.float64], sample: ValueSample, measured: Measured
) -> None:
    """Mean power over shells of spatial frequency, up to that of two voxels.

    A Hann window along each axis keeps the jump from one side of a sample to the other out of it.
    """
    windowed = values - values.mean()
    for axis, n in enumerate(values.shape):
        window = np.hanning(n + 2)[1:-1]
        shape = [n if other == axis else 1 for other in range(values.ndim)]
        windowed = windowed * (window / np.sqrt((window**2).mean())).reshape(shape)
    power = np.abs(fft.fftn(windowed)) ** 2 / values.size
    grids = np.meshgrid(
        *(fft.fftfreq(n, edge) for n, edge in zip(values.shape, sample.edges, strict=True)),
        indexing="ij",
        sparse=True,
    )
    frequency = np.sqrt(sum(grid**2 for grid in grids))
    # Shells as wide as the frequencies of the shortest edge are apart.
    step = max(1 / (n * edge) for n, edge in zip(values.shape, sample.edges, strict=True))
    highest = min(1 / (2 * edge) for edge in sample.edges)
    shell = np.round(frequency / step).astype(int).ravel()
    n_shells = int(highest / step) + 1
    inside = shell < n_shells
    counts = np.bincount(shell[inside], minlength=n_shells)
    totals = np.bincount(shell[inside], power.ravel()[inside], minlength=n_shells)
    frequencies = np.arange(1, n_shells) * step  # the mean is taken away
    mean = totals[1:] / counts[1:]
    _add(measured, f"power_spectrum/{channel}/radial", frequencies, mean, f"1/{sample.length}")


def _add(
    measured: Measured,
    name: str,
    lags: NDArray[np.floating[Any]],
    values: NDArray[np.float64],
    unit: str,
) -> None:
    measured.curves[name] = Curve(lags=lags.astype(np.float64), values=values[None], unit=unit)
