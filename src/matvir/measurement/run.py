"""Measuring samples of all dimensions, side by side, within the memory of a job."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.measurement.curves import Curve
from matvir.measurement.measure import (
    COLUMNS,
    Measurements,
    measure_samples,
    measure_value_samples,
)
from matvir.measurement.samples import SampleSet
from matvir.measurement.tables import normal_axis
from matvir.metrics import Faces
from matvir.metrics.relative_diffusivity import BYTES_PER_VOXEL
from matvir.processes import workers
from matvir.progress import Progress
from matvir.storage.image_types import PHASES, ImageType, Values
from matvir.storage.images import in_plane_axes

Voxels = NDArray[np.uint8]
# What a worker needs whatever it measures.
WORKER_BYTES = 300_000_000


def workers_that_fit(n_workers: int, n_voxels: int, memory_mb: float) -> int:
    """Return how many of ``n_workers`` can measure samples of ``n_voxels`` in ``memory_mb``.

    At least one: a single sample that does not fit is not refused, as few phases fill all of it.
    """
    each = WORKER_BYTES + BYTES_PER_VOXEL * n_voxels
    return max(1, min(n_workers, int(memory_mb * 1e6 / each)))


def measure(
    samples: dict[str, SampleSet],
    *,
    phases: Sequence[str],
    voxel_size_um: Sequence[float] | None,
    metrics: Sequence[str],
    n_workers: int,
    memory_mb: float,
    kind: ImageType = PHASES,
    connected_to: Mapping[str, Faces] | None = None,
    conductivities: Mapping[str, float] | None = None,
    youngs_moduli: Mapping[str, float] | None = None,
    poissons_ratios: Mapping[str, float] | None = None,
) -> tuple[pd.DataFrame, dict[str, dict[str, Curve]]]:
    """Measure all samples of all dimensions.

    Parameters
    ----------
    samples : dict of str to SampleSet
        By dimension, as `volume_samples` and `real_samples` return them.
    phases, metrics, connected_to, conductivities, youngs_moduli, poissons_ratios
        As in `matvir.measurement.measure.measure_samples`.
    n_workers : int
        Number of processes, each with one thread; 1 measures in this process.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis; "2d" samples take the last two, "2d-0" and so on those of
        the axes in their plane, by whose numbers they then name their axes.
    memory_mb : float
        Memory for all workers; fewer than ``n_workers`` are started if it would not do.
    kind : ImageType
        What the samples show; of grey values and colours everything is measured whatever
        ``metrics`` says, see `matvir.measurement.values.measure_values`.

    Returns
    -------
    table : DataFrame
        One value a row.
    curves : dict of str to dict of str to Curve
        By dimension and name.
    """
    tables = [pd.DataFrame(columns=list(COLUMNS))]
    curves: dict[str, dict[str, Curve]] = {}
    if not samples:
        return tables[0], curves
    largest = max(labels.size for sample_set in samples.values() for labels in sample_set.labels)
    with workers(workers_that_fit(n_workers, largest, memory_mb)) as run:
        for dimension in sorted(samples, reverse=True):  # the long 3D part first
            names, labels = samples[dimension].names, samples[dimension].labels
            axes = _axes(dimension)
            edges = None if voxel_size_um is None else [voxel_size_um[axis] for axis in axes]
            with Progress(f"measuring {dimension}", len(labels), "samples") as progress:
                common: dict[str, Any] = {
                    "names": names,
                    "voxel_size_um": edges,
                    "run": run,
                    "progress": progress.show,
                }
                if not isinstance(kind, Values):
                    measured = measure_samples(
                        labels,
                        phases=phases,
                        metrics=metrics,
                        connected_to=connected_to,
                        conductivities=conductivities,
                        youngs_moduli=youngs_moduli,
                        poissons_ratios=poissons_ratios,
                        **common,
                    )
                else:
                    values = [kind.channels_first(one) for one in labels]
                    measured = measure_value_samples(values, channels=phases, **common)
            if normal_axis(dimension):
                measured = _renamed(measured, axes)
            tables.append(measured.table)
            curves[dimension] = measured.curves
    return pd.concat(tables[1:], ignore_index=True), curves


def _axes(dimension: str) -> tuple[int, ...]:
    """Return the axes of a volume along which samples of a dimension extend."""
    if dimension == "3d":
        return (0, 1, 2)
    return in_plane_axes(int(normal_axis(dimension) or 0))


def _renamed(measured: Measurements, axes: tuple[int, ...]) -> Measurements:
    """Name the axes of 2D samples, 0 and 1, by those of the volume."""
    names = {str(index): str(axis) for index, axis in enumerate(axes)}

    def renamed(key: str) -> str:
        head, _, axis = key.rpartition("/")
        return f"{head}/{names.get(axis, axis)}"

    return Measurements(
        table=measured.table.replace({"axis": names}),
        curves={renamed(key): curve for key, curve in measured.curves.items()},
    )
