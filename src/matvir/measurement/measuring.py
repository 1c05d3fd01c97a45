"""Samples of the real and of the generated material, and the one way both are measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student_t

from matvir.files import atomic_path
from matvir.measurement.curves import Curve, read_curves, stack_curves, write_curves
from matvir.measurement.measure import (
    COLUMNS,
    Measurements,
    measure_samples,
    measure_value_samples,
    workers,
)
from matvir.measurement.samples import effective_number, middle_slices, subvolumes
from matvir.measurement.tidy import axis_across, dimensions
from matvir.metrics.fraction_interval import fraction_interval
from matvir.metrics.relative_diffusivity import BYTES_PER_VOXEL
from matvir.progress import Progress
from matvir.storage.image_types import PHASES, ImageType, Values
from matvir.storage.images import MaterialImage, Specimen, in_plane_axes

if TYPE_CHECKING:  # what is measured needs no torch
    from matvir.storage.samples import Samples

Labels = NDArray[np.uint8]
# Largest edge in voxels from which the number of independent observations is estimated.
PART = 256
# Images of a stack from which it is estimated.
MOST_IMAGES = 64
# What a worker needs whatever it measures.
WORKER_BYTES = 300_000_000


@dataclass(frozen=True)
class SampleSet:
    """Samples of one dimension, 2D or 3D, with a name for each."""

    names: tuple[str, ...]
    labels: tuple[Labels, ...]


def volume_samples(
    volumes: Sequence[Labels], voxel_size_um: Sequence[float] | None, *, isotropic: bool = True
) -> dict[str, SampleSet]:
    """Return volumes and their middle slices as samples.

    Parameters
    ----------
    volumes : sequence of ndarray of shape (D, H, W), uint8
        Generated volumes, or sub-volumes of a real one.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis.
    isotropic : bool
        Whether slices across all axes are samples of one kind.

    Returns
    -------
    dict of str to SampleSet
        "3d": the volumes; "2d": the middle slice of each along each axis, cut to a common square
        so that slices of non-cubic volumes can be compared with each other. Where voxels are not
        cubic only the slices across axis 0, as those of the others have pixels of another shape.
        Of an anisotropic material there are "2d-0", "2d-1" and "2d-2" instead: the middle slices
        across each axis, whole.
    """
    volume_names = tuple(f"volume-{index:03d}" for index in range(len(volumes)))
    samples = {"3d": SampleSet(volume_names, tuple(volumes))}
    if not isotropic:
        for axis, planes in enumerate(zip(*map(middle_slices, volumes), strict=True)):
            samples[f"2d-{axis}"] = SampleSet(_plane_names(axis, len(planes)), planes)
        return samples
    edge = min(volumes[0].shape[:3])
    cubic = voxel_size_um is None or np.ptp(voxel_size_um) == 0
    slices, names = [], []
    for index, volume in enumerate(volumes):
        for axis, plane in enumerate(middle_slices(volume)[: 3 if cubic else 1]):
            slices.append(plane[:edge, :edge])
            names.append(f"slice-{index:03d}-{axis}")
    return samples | {"2d": SampleSet(tuple(names), tuple(slices))}


def image_samples(images: Sequence[Labels], axis: int | None) -> dict[str, SampleSet]:
    """Return 2D images as samples, of the same kind as slices of volumes.

    Parameters
    ----------
    images : sequence of ndarray of shape (H, W), uint8
        The images.
    axis : int or None
        Axis that they are perpendicular to; None if slices across all axes are of one kind.
    """
    if axis is not None:
        return {f"2d-{axis}": SampleSet(_plane_names(axis, len(images)), tuple(images))}
    names = tuple(f"slice-{index:03d}" for index in range(len(images)))
    return {"2d": SampleSet(names, tuple(images))}


def generated_samples(generated: "Samples", *, isotropic: bool) -> dict[str, SampleSet]:
    """Return what a generator made as samples, see `volume_samples` and `image_samples`."""
    if generated.are_images:
        return image_samples(list(generated.labels), generated.image_axis)
    volumes = list(generated.labels)
    return volume_samples(volumes, generated.voxel_size_um, isotropic=isotropic)


def _plane_names(axis: int, n_planes: int) -> tuple[str, ...]:
    return tuple(f"plane-{axis}-{index:03d}" for index in range(n_planes))


def real_samples(
    specimen: Specimen,
    reference: MaterialImage | None,
    size: Sequence[int],
    max_samples: int,
    rng: np.random.Generator,
    *,
    isotropic: bool = True,
) -> dict[str, SampleSet]:
    """Cut the real material into samples as large as the generated ones.

    Parameters
    ----------
    specimen : Specimen
        The segmented micrograph, planes or volume.
    reference : MaterialImage or None
        A volume of the same material; without it, ``specimen`` is one itself or there is none.
    size : sequence of three int
        Shape of a generated volume.
    max_samples : int
        Largest number of sub-volumes, and of 2D crops of a micrograph.
    rng : numpy.random.Generator
        Chooses among more.
    isotropic : bool
        Whether slices across all axes are samples of one kind, see `volume_samples`.

    Returns
    -------
    dict of str to SampleSet
        2D samples always; "3d" only where the material is known in 3D. A micrograph gives the 2D
        samples itself: non-overlapping square crops with the smallest edge of ``size``, and each
        plane of an anisotropic material crops as large as the slices across its axis.

    Raises
    ------
    InputError
        If a sample does not fit into the image.
    """
    volume = specimen.volume if reference is None else reference
    samples: dict[str, SampleSet] = {}
    if volume is not None:
        parts = _parts(volume, size, max_samples, rng)
        samples = volume_samples(parts, volume.voxel_size_um, isotropic=isotropic)
    if isotropic and specimen.volume is None:
        crops = _parts(specimen.images[0], (min(size),) * 2, max_samples, rng)
        samples |= image_samples(crops, None)
    if not isotropic:
        for axis, plane in specimen.planes.items():
            edges = [size[other] for other in in_plane_axes(axis)]
            crops = _parts(plane, edges, max_samples, rng)
            samples |= image_samples(crops, axis)
    return samples


def _parts(
    image: MaterialImage, size: Sequence[int], max_samples: int, rng: np.random.Generator
) -> list[Labels]:
    """Return parts of this size that do not overlap and are all material; of a stack 2D ones."""
    shape = (1, *size) if image.stack else size
    windows = subvolumes(image.shape, shape, max_samples, rng, valid=image.valid)
    return [image.voxels[window][0] if image.stack else image.voxels[window] for window in windows]


def images_by_dimension(
    specimen: Specimen, reference: MaterialImage | None, *, isotropic: bool
) -> dict[str, MaterialImage]:
    """Return the image that the real samples of each dimension come from.

    Parameters
    ----------
    specimen, reference, isotropic
        As in `real_samples`.

    Returns
    -------
    dict of str to MaterialImage
        By the same names; without a volume there is no "3d".
    """
    volume = specimen.volume if reference is None else reference
    images = {} if volume is None else {"3d": volume}
    if isotropic:
        return images | {"2d": specimen.images[0]}
    across = dict.fromkeys(range(3), volume) | specimen.planes
    return images | {f"2d-{axis}": image for axis, image in across.items() if image is not None}


def limits(
    images: Mapping[str, MaterialImage], confidence: float
) -> tuple[dict[str, float], dict[str, dict[str, tuple[float, float]]]]:
    """Return how much real images can tell, by dimension.

    Parameters
    ----------
    images : mapping of str to MaterialImage
        What `images_by_dimension` returned.
    confidence : float
        Probability that an interval holds the material's fraction.

    Returns
    -------
    tuple of dict
        `independent_observations` and `fraction_intervals` of each image.
    """
    return (
        {name: independent_observations(image) for name, image in images.items()},
        {name: fraction_intervals(image, confidence) for name, image in images.items()},
    )


def independent_observations(image: MaterialImage) -> float:
    """Return how many independent observations of its coarsest phase an image holds.

    Parameters
    ----------
    image : MaterialImage
        A segmented micrograph, volume, or stack, whose images are added up.

    Returns
    -------
    float
        Smallest :func:`matvir.measurement.samples.effective_number` over the phases; NaN if the
        image is too small to tell or only part of it is material.
    """
    if image.valid is not None:
        return float("nan")
    if image.stack:
        return _sum_over_images(image)
    part = _part(image)
    if not isinstance(image.kind, Values):
        masks = [part == phase for phase in range(image.n_phases)]
    else:  # of values what is brighter than half of them
        channels = image.kind.channels_first(part)
        masks = [one > np.median(one) for one in channels]
        masks = [m if m.any() else one == one.max() for m, one in zip(masks, channels, strict=True)]
    numbers = [effective_number(mask) for mask in masks]
    return float(np.min(numbers)) * np.prod(image.shape) / masks[0].size


def _sum_over_images(stack: MaterialImage) -> float:
    """Return the independent observations in all images of a stack, judged by some of them."""
    images = _some_images(stack)
    numbers = [independent_observations(image) for image in images]
    told = [number for number in numbers if not np.isnan(number)]
    # What an image cannot tell, the others tell for it.
    return float(np.mean(told)) * len(stack.voxels) if told else float("nan")


def _some_images(stack: MaterialImage) -> list[MaterialImage]:
    """Return images of a stack, at most `MOST_IMAGES` of them, evenly spread."""
    n = len(stack.voxels)
    chosen = np.unique(np.linspace(0, n - 1, min(n, MOST_IMAGES)).astype(int))
    return [replace(stack, voxels=stack.voxels[index], stack=False, raw=None) for index in chosen]


def fraction_intervals(image: MaterialImage, confidence: float) -> dict[str, tuple[float, float]]:
    """Return a confidence interval of each phase's volume fraction from one image.

    Parameters
    ----------
    image : MaterialImage
        A segmented micrograph or volume; of a large one the middle part is used, which makes the
        intervals wider than they need be. The images of a stack tell by how much their fractions
        differ.
    confidence : float
        Probability that an interval holds the material's fraction.

    Returns
    -------
    dict of str to tuple of float
        (low, high) by phase, see :func:`matvir.metrics.fraction_interval.fraction_interval`;
        nothing if only part of the image is material, or if it has no phases.
    """
    if image.valid is not None or not image.kind.labelled:
        return {}
    if image.stack:
        return _intervals_of_stack(image, confidence)
    part = _part(image)
    found = [fraction_interval(part == p, confidence=confidence) for p in range(image.n_phases)]
    return {name: (one.low, one.high) for name, one in zip(image.phases, found, strict=True)}


def _intervals_of_stack(stack: MaterialImage, confidence: float) -> dict[str, tuple[float, float]]:
    n = len(stack.voxels)
    if n == 1:
        return fraction_intervals(replace(stack, voxels=stack.voxels[0], stack=False), confidence)
    quantile = float(student_t.ppf((1 + confidence) / 2, n - 1))
    found = {}
    for phase, name in enumerate(stack.phases):
        fractions = (stack.voxels == phase).mean(axis=(1, 2))
        half = quantile * fractions.std(ddof=1) / np.sqrt(n)
        low, high = np.clip([fractions.mean() - half, fractions.mean() + half], 0.0, 1.0)
        found[name] = (float(low), float(high))
    return found


def _part(image: MaterialImage) -> Labels:
    """Return the middle of a large image: the correlation of all of it needs too much memory."""
    starts = [max(edge - PART, 0) // 2 for edge in image.shape]
    return image.voxels[tuple(slice(start, start + PART) for start in starts)]


def part_of(samples: Mapping[str, SampleSet], part: int, n_parts: int) -> dict[str, SampleSet]:
    """Return every dimension's share of one of several jobs, in order; none if it has too few."""
    shares = {}
    for dimension, every in samples.items():
        n = len(every.names)
        mine = slice(part * n // n_parts, (part + 1) * n // n_parts)
        if every.names[mine]:
            shares[dimension] = SampleSet(every.names[mine], every.labels[mine])
    return shares


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
) -> tuple[pd.DataFrame, dict[str, dict[str, Curve]]]:
    """Measure all samples of all dimensions.

    Parameters
    ----------
    samples : dict of str to SampleSet
        By dimension, as `volume_samples` and `real_samples` return them.
    phases, metrics
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
                    measured = measure_samples(labels, phases=phases, metrics=metrics, **common)
                else:
                    values = [kind.channels_first(one) for one in labels]
                    measured = measure_value_samples(values, channels=phases, **common)
            if axis_across(dimension):
                measured = _renamed(measured, axes)
            tables.append(measured.table)
            curves[dimension] = measured.curves
    return pd.concat(tables[1:], ignore_index=True), curves


def _axes(dimension: str) -> tuple[int, ...]:
    """Return the axes of a volume along which samples of a dimension extend."""
    if dimension == "3d":
        return (0, 1, 2)
    return in_plane_axes(int(axis_across(dimension) or 0))


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


def merge_measurements(
    tables: Sequence[Path], curves: Sequence[Path], *, metrics_path: Path, curves_path: Path
) -> None:
    """Write what several jobs measured as one would have written it.

    Parameters
    ----------
    tables, curves : sequence of Path
        What :func:`write_measurements` wrote of each part, in order.
    metrics_path, curves_path : Path
        The two files to write.
    """
    read = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in tables]
    every = pd.concat(read, ignore_index=True)
    order = sorted(set(dimensions(every["sample"])), reverse=True)
    parts = [every[dimensions(every["sample"]) == dimension] for dimension in order]
    measured = [read_curves(path) for path in curves]
    write_curves(
        curves_path,
        {name: stack_curves([one[name] for one in measured if name in one]) for name in order},
    )
    with atomic_path(metrics_path) as temporary:
        pd.concat(parts).to_csv(temporary, index=False)
