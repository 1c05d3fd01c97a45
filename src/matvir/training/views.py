"""Directions in which volumes are cut, each with the real crops that such slices look like."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from matvir.micrograph.crops import CropSampler, samplers_per_axis
from matvir.micrograph.encoding import TrainingData
from matvir.storage.images import in_plane_axes
from matvir.training.slices import all_slices, diagonal_slices, random_slices

# Least length of diagonal slices over the edge of the volume. Longer ones have fewer places.
DIAGONAL_SHARE = 0.75


class View(Protocol):
    """One direction in which volumes are cut."""

    def slices(self, volumes: Tensor, n: int | None, random: torch.Generator) -> Tensor:
        """Return ``n`` random slices of each volume, or all of them."""

    def real(self, n: int, random: torch.Generator) -> Tensor:
        """Return ``n`` real crops of the slices' size, shape (n, n_phases, rows, columns)."""


@dataclass(frozen=True)
class AxisView:
    """Slices perpendicular to an axis; the sampler may draw crops of another size."""

    axis: int
    sampler: CropSampler

    def slices(self, volumes: Tensor, n: int | None, random: torch.Generator) -> Tensor:
        """Return ``n`` random slices of each volume, or all of them."""
        if n is None:
            return all_slices(volumes, self.axis)
        return random_slices(volumes, self.axis, n, random)

    def real(self, n: int, random: torch.Generator) -> Tensor:
        """Return ``n`` real crops."""
        return self.sampler.sample(n, random)


@dataclass(frozen=True)
class DiagonalView:
    """Slices that contain an axis, at 45 degrees to the two others.

    A material that looks alike at every angle around the axis shows in them what it shows in planes
    that contain the axis and one of the others. Neighbours in a diagonal row of voxels are sqrt(2)
    voxels apart; real crops are stretched as much, by taking the nearest pixels. Without such
    slices, volumes can have ridges at 45 degrees, which slices along the axes do not show (SliceGAN
    paper, section 3.2 and Fig. 3 F; critics on them are its proposed remedy).

    Attributes
    ----------
    axis : int
        The axis that the slices contain.
    size, length : int
        Rows, along the axis, and columns, along a diagonal, of a slice.
    sampler : CropSampler
        Draws square crops of at least ``real_size`` pixels.
    along_rows : bool
        Whether the axis runs along the rows of the sampler's crops, from top to bottom.
    """

    axis: int
    size: int
    length: int
    sampler: CropSampler
    along_rows: bool

    def slices(self, volumes: Tensor, n: int | None, random: torch.Generator) -> Tensor:
        """Return ``n`` random slices of each volume, or as many as an axis has places."""
        return diagonal_slices(volumes, self.axis, self.length, n or self.size, random)

    def real(self, n: int, random: torch.Generator) -> Tensor:
        """Return ``n`` real crops with ``length`` columns of the nearest pixels."""
        crops = self.sampler.sample(n, random)
        if not self.along_rows:
            crops = crops.transpose(2, 3)
        columns = (torch.arange(self.length, device=crops.device) * math.sqrt(2)).round().long()
        return crops[:, :, : self.size].index_select(3, columns)


def real_size(length: int) -> int:
    """Return how many pixels a diagonal slice of ``length`` voxels is long."""
    return round((length - 1) * math.sqrt(2)) + 1


def build_views(
    data: TrainingData,
    size: int,
    device: torch.device,
    *,
    crop_size: int | None = None,
    fits: Callable[[int], bool] = lambda _: True,
) -> list[list[View]]:
    """Return the views of a material, those of one list looking alike.

    Parameters
    ----------
    data : TrainingData
        One-hot sections.
    size : int
        Edge of the training volumes in voxels.
    device : torch.device
        Where crops are kept.
    crop_size : int, optional
        Edge of the real crops perpendicular to an axis; ``size`` by default.
    fits : callable
        Whether slices of so many columns can be used.

    Raises
    ------
    InputError
        If sections are too small.
    """
    samplers = samplers_per_axis(data, crop_size or size, device)
    groups: list[list[View]] = [
        [AxisView(axis, samplers[axis]) for axis in axes] for axes in data.axis_groups
    ]
    if data.rotation_axis is None:
        return groups
    length = next(m for m in range(round(DIAGONAL_SHARE * size), size + 1) if fits(m) or m == size)
    across = next(axis for axis in data.axes if axis != data.rotation_axis)
    sampler = CropSampler(data, max(size, real_size(length)), across, device=device)
    along_rows = in_plane_axes(across)[0] == data.rotation_axis
    return [*groups, [DiagonalView(data.rotation_axis, size, length, sampler, along_rows)]]
