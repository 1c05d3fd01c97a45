"""Samples of the real and of the generated material, and the one way both are measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matvir.files import atomic_path
from matvir.labels import LabelImage
from matvir.metrics.curves import Curve, write_curves
from matvir.metrics.fraction_interval import fraction_interval
from matvir.metrics.measure import measure_samples, workers
from matvir.metrics.relative_diffusivity import BYTES_PER_VOXEL
from matvir.metrics.samples import effective_number, middle_slices, subvolumes
from matvir.progress import Progress

Labels = NDArray[np.uint8]
# Largest edge in voxels from which the number of independent observations is estimated.
PART = 256
# What a worker needs whatever it measures.
WORKER_BYTES = 300_000_000


@dataclass(frozen=True)
class SampleSet:
    """Samples of one dimension, 2D or 3D, with a name for each."""

    names: tuple[str, ...]
    labels: tuple[Labels, ...]


def volume_samples(
    volumes: Sequence[Labels], voxel_size_um: Sequence[float] | None
) -> dict[str, SampleSet]:
    """Return volumes and their middle slices as samples.

    Parameters
    ----------
    volumes : sequence of ndarray of shape (D, H, W), uint8
        Generated volumes, or sub-volumes of a real one.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis.

    Returns
    -------
    dict of str to SampleSet
        "3d": the volumes; "2d": the middle slice of each along each axis, cut to a common square
        so that slices of non-cubic volumes can be compared with each other. Where voxels are not
        cubic only the slices across axis 0, as those of the others have pixels of another shape.
    """
    edge = min(volumes[0].shape)
    cubic = voxel_size_um is None or np.ptp(voxel_size_um) == 0
    slices, names = [], []
    for index, volume in enumerate(volumes):
        for axis, plane in enumerate(middle_slices(volume)[: 3 if cubic else 1]):
            slices.append(plane[:edge, :edge])
            names.append(f"slice-{index:03d}-{axis}")
    volume_names = tuple(f"volume-{index:03d}" for index in range(len(volumes)))
    return {
        "3d": SampleSet(volume_names, tuple(volumes)),
        "2d": SampleSet(tuple(names), tuple(slices)),
    }


def real_samples(
    image: LabelImage,
    reference: LabelImage | None,
    size: Sequence[int],
    max_samples: int,
    rng: np.random.Generator,
) -> dict[str, SampleSet]:
    """Cut the real material into samples as large as the generated ones.

    Parameters
    ----------
    image : LabelImage
        The segmented micrograph or volume.
    reference : LabelImage or None
        A volume of the same material; without it, ``image`` is one itself or there is none.
    size : sequence of three int
        Shape of a generated volume.
    max_samples : int
        Largest number of sub-volumes, and of 2D crops of a micrograph.
    rng : numpy.random.Generator
        Chooses among more.

    Returns
    -------
    dict of str to SampleSet
        "2d" always; "3d" only where the material is known in 3D. A micrograph gives the 2D
        samples itself: non-overlapping square crops with the smallest edge of ``size``.

    Raises
    ------
    InputError
        If a sample does not fit into the image.
    """
    volume = image if reference is None and image.labels.ndim == 3 else reference
    samples: dict[str, SampleSet] = {}
    if volume is not None:
        windows = subvolumes(volume.labels.shape, size, max_samples, rng, valid=volume.valid)
        parts = [volume.labels[window] for window in windows]
        samples = volume_samples(parts, volume.voxel_size_um)
    if image.labels.ndim == 2:
        edge = (min(size),) * 2
        windows = subvolumes(image.labels.shape, edge, max_samples, rng, valid=image.valid)
        names = tuple(f"slice-{index:03d}" for index in range(len(windows)))
        samples["2d"] = SampleSet(names, tuple(image.labels[window] for window in windows))
    return samples


def independent_observations(image: LabelImage) -> float:
    """Return how many independent observations of its coarsest phase an image holds.

    Parameters
    ----------
    image : LabelImage
        A segmented micrograph or volume.

    Returns
    -------
    float
        Smallest :func:`matvir.metrics.samples.effective_number` over the phases; NaN if the
        image is too small to tell or only part of it is material.
    """
    if image.valid is not None:
        return float("nan")
    part = _part(image.labels)
    numbers = [effective_number(part == phase) for phase in range(image.n_phases)]
    return float(np.min(numbers)) * image.labels.size / part.size


def fraction_intervals(image: LabelImage, confidence: float) -> dict[str, tuple[float, float]]:
    """Return a confidence interval of each phase's volume fraction from one image.

    Parameters
    ----------
    image : LabelImage
        A segmented micrograph or volume; of a large one the middle part is used, which makes the
        intervals wider than they need be.
    confidence : float
        Probability that an interval holds the material's fraction.

    Returns
    -------
    dict of str to tuple of float
        (low, high) by phase, see :func:`matvir.metrics.fraction_interval.fraction_interval`;
        nothing if only part of the image is material.
    """
    if image.valid is not None:
        return {}
    part = _part(image.labels)
    found = [fraction_interval(part == p, confidence=confidence) for p in range(image.n_phases)]
    return {name: (one.low, one.high) for name, one in zip(image.phases, found, strict=True)}


def _part(labels: Labels) -> Labels:
    """Return the middle of a large image: the correlation of all of it needs too much memory."""
    starts = [max(edge - PART, 0) // 2 for edge in labels.shape]
    return labels[tuple(slice(start, start + PART) for start in starts)]


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
) -> tuple[pd.DataFrame, dict[str, dict[str, Curve]]]:
    """Measure all samples of both dimensions.

    Parameters
    ----------
    samples : dict of str to SampleSet
        "2d" and "3d".
    phases, metrics
        As in `matvir.metrics.measure.measure_samples`.
    n_workers : int
        Number of processes, each with one thread; 1 measures in this process.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis; 2D samples take the last two.
    memory_mb : float
        Memory for all workers; fewer than ``n_workers`` are started if it would not do.

    Returns
    -------
    table : DataFrame
        One value a row.
    curves : dict of str to dict of str to Curve
        By dimension and name.
    """
    tables, curves = [], {}
    largest = max(labels.size for sample_set in samples.values() for labels in sample_set.labels)
    with workers(workers_that_fit(n_workers, largest, memory_mb)) as run:
        for dimension in sorted(samples, reverse=True):  # the long 3D part first
            names, labels = samples[dimension].names, samples[dimension].labels
            edges = None if voxel_size_um is None else voxel_size_um[-labels[0].ndim :]
            with Progress(f"measuring {dimension}", len(labels), "samples") as progress:
                measured = measure_samples(
                    labels,
                    names=names,
                    phases=phases,
                    voxel_size_um=edges,
                    metrics=metrics,
                    run=run,
                    progress=progress.show,
                )
            tables.append(measured.table)
            curves[dimension] = measured.curves
    return pd.concat(tables, ignore_index=True), curves


def write_measurements(
    table: pd.DataFrame,
    curves: dict[str, dict[str, Curve]],
    *,
    material: str,
    model: str,
    seed: int | None,
    metrics_path: Path,
    curves_path: Path,
) -> None:
    """Write the tidy table, with where its samples come from, and the curves."""
    tidy = table.copy()
    tidy.insert(0, "material", material)
    tidy.insert(1, "model", model)
    tidy.insert(2, "seed", pd.Series([seed] * len(tidy), dtype="Int64"))
    write_curves(curves_path, curves)
    with atomic_path(metrics_path) as temporary:
        tidy.to_csv(temporary, index=False)
