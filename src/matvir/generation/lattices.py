"""Coarse lattices of a volume: its layout on every fourth voxel, on every second one, on all.

Every second row and column of a slice of a material is a slice of every second voxel of that
material. So a denoiser learns from a section what volumes look like on coarser lattices, exactly:
nothing is averaged. On them a voxel's three planes hold a larger share of all that is near it, and
a volume is made on an eighth, or a sixty-fourth, of the voxels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from matvir.models.denoiser import N_AXES


@dataclass(frozen=True)
class Lattice:
    """Some voxels of a volume, evenly spread.

    Attributes
    ----------
    index : int
        0 if they are all voxels, 1 if they are every second one, 2 every fourth one, and so on.
    size : tuple of three int
        How many along each axis.
    first, spacing : tuple of three float
        Where the first one is, and how far apart they are along each axis, in voxels of the volume.
        Along a periodic axis they fit its edge, so they may be a little further apart, or less.
    """

    index: int
    size: tuple[int, ...]
    first: tuple[float, ...]
    spacing: tuple[float, ...]

    def places(self, axis: int) -> NDArray[np.float64]:
        """Return where the voxels are along an axis of the volume, in its voxels."""
        steps = np.arange(self.size[axis], dtype=np.float64)
        return self.first[axis] + self.spacing[axis] * steps

    def nearest(self, axis: int, edge: int) -> NDArray[np.int64]:
        """Return which voxels of a volume with that edge they are, or are nearest to."""
        return np.rint(self.places(axis)).astype(np.int64) % edge


def lattices_of(
    size: Sequence[int],
    periodic: Sequence[int],
    n_lattices: int,
    known: tuple[int, int] | None = None,
) -> list[Lattice]:
    """Return the lattices that a volume is made on one after the other, the coarsest first.

    Parameters
    ----------
    size : sequence of three int
        Of the volume in voxels.
    periodic : sequence of int
        Axes along which its last plane is followed by its first.
    n_lattices : int
        How many; the last one has all voxels.
    known : (int, int), optional
        Axis and position of a plane that is on all of them.
    """
    found = []
    for index in reversed(range(n_lattices)):
        counts, first, spacing = [], [], []
        for axis, edge in enumerate(size):
            apart = float(2**index)
            if axis in periodic:
                apart = edge / max(1, round(edge / apart))
            start = known[1] % apart if known is not None and known[0] == axis else 0.0
            first.append(start)
            spacing.append(apart)
            counts.append(
                round(edge / apart) if axis in periodic else math.ceil((edge - start) / apart)
            )
        found.append(Lattice(index, tuple(counts), tuple(first), tuple(spacing)))
    return found


def interpolated(
    values: Tensor, coarse: Lattice, fine: Lattice, periodic: Sequence[int], part: slice
) -> Tensor:
    """Return what is on a lattice at the voxels of a finer one, linear between them.

    Beyond the last voxels of the coarse lattice it is as there, or as at the first ones along
    periodic axes.

    Parameters
    ----------
    values : Tensor of shape (C, *coarse.size)
        What is interpolated.
    coarse, fine : Lattice
        Where it is known, and where it is asked for.
    periodic : sequence of int
        Axes along which the volume is periodic.
    part : slice
        Which planes of the fine lattice perpendicular to axis 0.

    Returns
    -------
    Tensor of shape (C, planes of the part, *fine.size[1:])
    """
    for axis in range(N_AXES):
        places = fine.places(axis)[part] if axis == 0 else fine.places(axis)
        places = (places - coarse.first[axis]) / coarse.spacing[axis]
        n = coarse.size[axis]
        if axis not in periodic:
            places = places.clip(0, n - 1)
        below = np.floor(places).astype(np.int64)
        weight = torch.from_numpy((places - below).astype(np.float32))
        weight = weight.reshape(-1, *(1 for _ in range(N_AXES - 1 - axis)))
        low, high = (torch.from_numpy(place % n) for place in (below, below + 1))
        dim = 1 + axis
        values = torch.lerp(values.index_select(dim, low), values.index_select(dim, high), weight)
    return values
