"""Slices of volumes, and images, that a classifier looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matvir.measurement.samples import SampleSet, subvolumes
from matvir.metrics.checks import has_equal_edges

Labels = NDArray[np.uint8]

# Largest edge of the parts that volumes are cut into: few volumes are many samples.
PART = 64


@dataclass(frozen=True, eq=False)
class Slices:
    """The slices of one volume that look alike, or one image.

    Attributes
    ----------
    stacks : tuple of ndarray of shape (n, rows, columns), uint8, colours with a last axis of three
        Slices perpendicular to one axis each.
    """

    stacks: tuple[Labels, ...]

    @classmethod
    def of_volume(cls, volume: Labels, axes: Sequence[int]) -> "Slices":
        """Return the slices of a volume perpendicular to some axes."""
        return cls(tuple(np.moveaxis(volume, axis, 0) for axis in axes))

    @classmethod
    def of_image(cls, image: Labels) -> "Slices":
        """Return an image as the only slice."""
        return cls((image[None],))

    @property
    def edge(self) -> int:
        """Smallest edge of a slice."""
        return min(edge for stack in self.stacks for edge in stack.shape[1:3])


@dataclass(frozen=True, kw_only=True)
class Look:
    """How slices are looked at.

    Attributes
    ----------
    n_phases : int or None
        Number of phases; None of grey values or colours.
    mirror, quarter_turns : bool
        Symmetries of the material, in which parts of slices are shown.
    """

    n_phases: int | None
    mirror: bool
    quarter_turns: bool


def slices_of_samples(
    samples: Mapping[str, SampleSet], voxel_size_um: Sequence[float] | None, *, isotropic: bool
) -> dict[str, list[Slices]]:
    """Return all slices of volumes, and images, by the dimension that they can be judged in.

    Parameters
    ----------
    samples : mapping of str to SampleSet
        From `matvir.measurement.samples`.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis.
    isotropic : bool
        Whether slices perpendicular to all axes are of one kind. Slices of a volume are judged
        against images of the same kind too.
    """
    found = {
        dimension: [Slices.of_image(image) for image in group.labels]
        for dimension, group in samples.items()
        if dimension != "3d"
    }
    if "3d" not in samples:
        return found
    parts = [part for volume in samples["3d"].labels for part in parts_of(volume)]
    cubic = voxel_size_um is None or has_equal_edges(voxel_size_um)
    axes = (0, 1, 2) if cubic or not isotropic else (0,)
    found["3d"] = [Slices.of_volume(part, axes) for part in parts]
    if isotropic:
        return found | {"2d": found["3d"]}
    return found | {f"2d-{a}": [Slices.of_volume(part, (a,)) for part in parts] for a in axes}


def parts_of(volume: Labels) -> list[Labels]:
    """Cut a volume into parts with edges of at most `PART` voxels."""
    shape = volume.shape[:3]
    size = [min(edge, PART) for edge in shape]
    n = int(np.prod([edge // part for edge, part in zip(shape, size, strict=True)]))
    return [volume[window] for window in subvolumes(shape, size, n)]


def draw_crops(
    samples: Sequence[Slices], n: int, size: int, look: Look, rng: np.random.Generator
) -> Labels:
    """Return ``n`` square parts of slices, drawn with replacement, each in a random symmetry.

    Returns
    -------
    ndarray of shape (n, size, size), uint8, or (n, size, size, 3) of colours
    """
    crops = []
    for index in rng.integers(len(samples), size=n):
        stack = samples[index].stacks[rng.integers(len(samples[index].stacks))]
        plane = rng.integers(len(stack))
        row, column = (int(rng.integers(edge - size + 1)) for edge in stack.shape[1:3])
        crop = stack[plane, row : row + size, column : column + size]
        turns, rows, columns = int(rng.integers(4)), *rng.choice((-1, 1), size=2)
        if look.quarter_turns:
            crop = np.rot90(crop, turns)
        if look.mirror:
            crop = crop[::rows, ::columns]
        crops.append(crop)
    return np.stack(crops)
