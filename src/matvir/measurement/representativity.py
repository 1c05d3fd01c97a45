"""How much an image tells of its material: independent observations, and intervals of fractions."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.fraction_interval import FractionInterval, integral_range, interval_of
from matvir.storage.image_types import Values
from matvir.storage.images import MaterialImage, Specimen

Voxels = NDArray[np.uint8]
# Largest edge in voxels from which the integral range of an image, and of a volume, is estimated.
PART = {2: 1024, 3: 256}
# Images of a stack from which it is estimated.
MOST_IMAGES = 64
# Below this effective sample size a test says more about the few samples than about the generator.
FEW_SAMPLES = 20


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
        Smallest :func:`observations_in` over the phases; NaN if the image is too small to tell or
        only part of it is material.
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
    numbers = [observations_in(mask) for mask in masks]
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
    """Return the ends (low, high) of the interval of each phase; see `fractions_told`."""
    told = fractions_told(image, confidence)
    return {phase: (one.low, one.high) for phase, one in told.items()}


def fractions_told(image: MaterialImage, confidence: float) -> dict[str, FractionInterval]:
    """Return a confidence interval of each phase's volume fraction from one image.

    Parameters
    ----------
    image : MaterialImage
        A segmented micrograph or volume; the integral range of a large one is that of its middle
        part. The images of a stack tell by how much their fractions differ.
    confidence : float
        Probability that an interval holds the material's fraction.

    Returns
    -------
    dict of str to FractionInterval
        By phase, see :func:`matvir.metrics.fraction_interval.interval_of`; nothing if only part of
        the image is material, or if it has no phases.
    """
    if image.valid is not None or not image.kind.labelled:
        return {}
    if image.stack:
        return _intervals_of_stack(image, confidence)
    part, found = _part(image), {}
    for phase, name in enumerate(image.phases):
        fraction = float((image.voxels == phase).mean())
        judged_by = observations_in(part == phase)
        observations = judged_by * image.voxels.size / part.size
        found[name] = interval_of(
            fraction, observations, confidence=confidence, judged_by=judged_by
        )
    return found


def _intervals_of_stack(stack: MaterialImage, confidence: float) -> dict[str, FractionInterval]:
    n = len(stack.voxels)
    if n == 1:
        return fractions_told(replace(stack, voxels=stack.voxels[0], stack=False), confidence)
    from scipy.stats import t as student_t

    quantile = float(student_t.ppf((1 + confidence) / 2, n - 1))
    found = {}
    for phase, name in enumerate(stack.phases):
        fractions = (stack.voxels == phase).mean(axis=(1, 2))
        fraction, error = float(fractions.mean()), float(fractions.std(ddof=1) / np.sqrt(n))
        low, high = np.clip([fraction - quantile * error, fraction + quantile * error], 0.0, 1.0)
        found[name] = FractionInterval(
            fraction=fraction,
            low=float(low),
            high=float(high),
            observations=fraction * (1 - fraction) / error**2 if error > 0 else float("nan"),
        )
    return found


def _part(image: MaterialImage) -> Voxels:
    """Return the middle of a large image: the correlation of all of it needs too much memory."""
    longest = PART[len(image.shape)]
    starts = [max(edge - longest, 0) // 2 for edge in image.shape]
    return image.voxels[tuple(slice(start, start + longest) for start in starts)]


def observations_in(mask: NDArray[Any], *, periodic: bool = False) -> float:
    """Return how many independent observations of a phase an image holds.

    Its volume over the :func:`~matvir.metrics.fraction_interval.integral_range`. Samples cut
    from one image are not worth more than this together, however many they are.

    Parameters
    ----------
    mask : ndarray of shape (H, W) or (D, H, W), bool
        True in the phase.
    periodic : bool
        Whether opposite faces of the image touch each other.

    Returns
    -------
    float
        The number; NaN where the integral range is NaN.
    """
    return mask.size / integral_range(mask, periodic=periodic)


def effective_sample_size(
    n_samples: int, observations: Mapping[str, float], dimension: str
) -> float:
    """Return the effective sample size of crops of one image that do not overlap.

    Parameters
    ----------
    n_samples : int
        Number of crops.
    observations : mapping of str to float
        By dimension, how many independent observations the whole image holds: its volume over
        the integral range (:func:`observations_in`).
    dimension : str
        One of those of :data:`matvir.measurement.tables.DIMENSIONS`.

    Returns
    -------
    float
        The smaller of the two numbers; ``n_samples`` if the image is not known, NaN if the image
        is too small to tell.
    """
    known = observations.get(dimension, float("inf"))
    return float("nan") if math.isnan(known) else min(float(n_samples), known)
