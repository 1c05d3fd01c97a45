"""Measure many samples, side by side on several processors, and collect one table."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.errors import ConfigError, InputError
from matvir.measurement.curves import Curve, stack_curves
from matvir.measurement.sample_metrics import Measured, Row, Sample, measure_sample
from matvir.measurement.values import ValueSample, measure_values
from matvir.metrics import METRICS, Faces
from matvir.metrics.checks import check_labels, voxel_edges

Run = Callable[[Callable[[Any], Measured], Iterable[Any]], Iterable[Measured]]

COLUMNS = ("sample", *Row._fields)


@dataclass(frozen=True, kw_only=True, eq=False)
class Measurements:
    """What was measured on many samples.

    Attributes
    ----------
    table : DataFrame
        One value a row, with the columns ``COLUMNS``: sample, phase, axis, metric, value, unit,
        note. ``phase`` is a phase's name, a pair "a+b", or "all"; ``axis`` is "0", "1", "2" or
        "all". What could not be computed is NaN with the reason in ``note``.
    curves : dict of str to Curve
        By name: "s2/{phase}/{axis}" with the axes 0, 1, 2, diagonal and radial,
        "s2/{a}+{b}/radial" and "lineal_path/{phase}/{axis}"; of values those of
        `matvir.measurement.values.measure_values`.
    """

    table: pd.DataFrame
    curves: dict[str, Curve]


def measure_samples(
    samples: Sequence[NDArray[np.uint8]],
    *,
    names: Sequence[str],
    phases: Sequence[str],
    voxel_size_um: Sequence[float] | None,
    metrics: Sequence[str],
    run: Run = map,
    periodic: bool = False,
    connected_to: Mapping[str, Faces] | None = None,
    conductivities: Mapping[str, float] | None = None,
    youngs_moduli: Mapping[str, float] | None = None,
    poissons_ratios: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Measurements:
    """Measure the same properties on many samples.

    Parameters
    ----------
    samples : sequence of ndarray of shape (H, W) or (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1; all 2D or all 3D. Where their sizes differ,
        the curves end at half of the smallest.
    names : sequence of str
        Name of each sample.
    phases : sequence of str
        Name of each phase; its position is its label.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis in micrometres; without it lengths are in voxels.
    metrics : sequence of str
        What to measure: keys of :data:`matvir.metrics.METRICS`.
    run : callable
        Applies a function to each sample, in order: ``map``, or what :func:`workers` yields.
    periodic : bool
        Whether opposite faces of each sample touch each other. Percolation and diffusivity go
        from face to face and do not use it, nor do local thickness, blocks and Euler number.
    connected_to, conductivities, youngs_moduli, poissons_ratios : mapping, optional
        As in :class:`matvir.measurement.sample_metrics.Sample`; names that no phase has are not
        used.
    progress : callable, optional
        Called with the number of samples done and their total after each sample.

    Returns
    -------
    Measurements
        In the order of ``samples``; the same for any number of workers.

    Raises
    ------
    ConfigError
        If a metric does not exist.
    InputError
        If the samples, their names or the voxel size cannot be used.
    """
    _check(samples, names, phases, metrics)
    edges = None if voxel_size_um is None else voxel_edges(voxel_size_um, samples[0].ndim)
    jobs = [
        Sample(
            labels=labels,
            phases=tuple(phases),
            voxel_size_um=edges,
            periodic=periodic,
            connected_to=dict(connected_to or {}),
            conductivities=dict(conductivities or {}),
            youngs_moduli=dict(youngs_moduli or {}),
            poissons_ratios=dict(poissons_ratios or {}),
        )
        for labels in samples
    ]
    return _measured(partial(measure_sample, metrics=tuple(metrics)), jobs, names, run, progress)


def measure_value_samples(
    samples: Sequence[NDArray[np.uint8]],
    *,
    names: Sequence[str],
    channels: Sequence[str],
    voxel_size_um: Sequence[float] | None,
    run: Run = map,
    progress: Callable[[int, int], None] | None = None,
) -> Measurements:
    """Measure samples that keep their grey values or colours, see `measure_values`.

    Parameters
    ----------
    samples : sequence of ndarray of shape (n_channels, H, W) or (n_channels, D, H, W), uint8
        Values in 0 .. 255; all 2D or all 3D.
    names : sequence of str
        Name of each sample.
    channels : sequence of str
        Name of each channel.
    voxel_size_um, run, progress
        As in `measure_samples`.
    """
    n_axes = samples[0].ndim - 1
    edges = None if voxel_size_um is None else voxel_edges(voxel_size_um, n_axes)
    jobs = [
        ValueSample(values=values, channels=tuple(channels), voxel_size_um=edges)
        for values in samples
    ]
    return _measured(measure_values, jobs, names, run, progress)


def _measured(
    measure: Callable[[Any], Measured],
    jobs: Sequence[Any],
    names: Sequence[str],
    run: Run,
    progress: Callable[[int, int], None] | None,
) -> Measurements:
    rows: list[tuple[str, *tuple[object, ...]]] = []
    curves = []
    for done, measured in enumerate(run(measure, jobs), start=1):
        rows += [(names[done - 1], *row) for row in measured.rows]
        curves.append(measured.curves)
        if progress is not None:
            progress(done, len(jobs))
    return Measurements(table=pd.DataFrame(rows, columns=COLUMNS), curves=stack_curves(curves))


def _check(
    samples: Sequence[NDArray[np.uint8]],
    names: Sequence[str],
    phases: Sequence[str],
    metrics: Sequence[str],
) -> None:
    _check_metrics(metrics)
    if not samples or len(names) != len(samples):
        raise InputError(
            "expected one name for each of at least one sample, "
            f"got {len(samples)} samples and {len(names)} names"
        )
    for name, labels in zip(names, samples, strict=True):
        try:
            check_labels(labels, len(phases))
        except InputError as error:
            raise InputError(f"sample {name}: {error}") from error
    if len({labels.ndim for labels in samples}) > 1:
        raise InputError("expected samples that are all 2D or all 3D, got both: measure them apart")


def _check_metrics(metrics: Iterable[str]) -> None:
    for name in metrics:
        if name not in METRICS:
            close = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(METRICS)}"
            raise ConfigError(f"measure.metrics: there is no metric {name!r}; {hint}")
