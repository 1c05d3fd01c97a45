"""Cutting volumes into the slices that are compared with micrographs."""

import torch
from torch import Tensor


def all_slices(volumes: Tensor, axis: int) -> Tensor:
    """Return every slice of ``volumes`` perpendicular to ``axis``.

    Parameters
    ----------
    volumes : Tensor of shape (B, C, D, H, W)
        Volumes.
    axis : int
        0, 1 or 2 for planes perpendicular to D, H or W.

    Returns
    -------
    Tensor of shape (B * size of the axis, C, rows, columns)
        The slices; rows and columns keep the order of the two axes that are left.
    """
    return volumes.movedim(2 + axis, 1).flatten(0, 1)


def random_slices(volumes: Tensor, axis: int, n: int, random: torch.Generator) -> Tensor:
    """Return ``n`` slices perpendicular to ``axis`` at distinct random positions of each volume.

    Returns
    -------
    Tensor of shape (B * n, C, rows, columns)
        The slices; all of them if ``n`` is not below the size of the axis.
    """
    size = volumes.shape[2 + axis]
    chosen = torch.randperm(size, generator=random, device=random.device)[:n]
    return volumes.index_select(2 + axis, chosen).movedim(2 + axis, 1).flatten(0, 1)


def diagonal_slices(
    volumes: Tensor, axis: int, length: int, n: int, random: torch.Generator
) -> Tensor:
    """Return slices that contain ``axis`` and run at 45 degrees to the two other axes.

    Parameters
    ----------
    volumes : Tensor of shape (B, C, D, H, W)
        Volumes.
    axis : int
        0, 1 or 2.
    length : int
        Voxels along the diagonal, at most the smaller edge of the two other axes.
    n : int
        How many, at distinct random places of each volume and in both diagonal directions.
    random : torch.Generator
        Source of the places.

    Returns
    -------
    Tensor of shape (B * n, C, size of the axis, length)
        The slices, rows along ``axis``; all of them if there are fewer than ``n``.
    """
    moved = volumes.movedim(2 + axis, 2)
    rows, columns = (edge - length + 1 for edge in moved.shape[3:])
    chosen = torch.randperm(2 * rows * columns, generator=random, device=random.device)[:n]
    steps = torch.arange(length, device=chosen.device)
    row = (chosen // 2 // columns)[:, None] + steps
    backwards = (chosen % 2 == 1)[:, None]
    column = (chosen // 2 % columns)[:, None] + torch.where(backwards, length - 1 - steps, steps)
    # (B, C, size of the axis, n, length)
    return moved[:, :, :, row, column].movedim(3, 1).flatten(0, 1)
